/** Draws on the price line what happened: trades, dividends, splits and the average cost. */
import type { AutoscaleInfo, IPrimitivePaneView } from 'lightweight-charts';
import { roomForLabels } from './marks';
import { fontFamily } from './plot';
import type { Colours } from './plot';
import { SeriesMarks } from './series-marks';
import type { Target } from './series-marks';

export interface Marks {
  trades: { time: string; value: number; side: 'buy' | 'sell'; label: string }[];
  dividends: string[];
  splits: { time: string; label: string }[];
  cost: { value: number; label: string } | null;
}

const triangleHeight = 9;
const triangleDistance = 8;
const textHeight = 13;
const dividendRadius = 7;
const dividendBottom = 11;

export class PriceMarks extends SeriesMarks<Marks> {
  /** Where the words of the average cost begin, and their base line: trades keep clear of them. */
  #costWords: { left: number; y: number } | null = null;

  constructor() {
    super({ trades: [], dividends: [], splits: [], cost: null });
  }

  /** The average cost belongs to the picture even when the price never was there. */
  autoscaleInfo(): AutoscaleInfo | null {
    const { cost } = this.data;
    return cost ? { priceRange: { minValue: cost.value, maxValue: cost.value } } : null;
  }

  paneViews(): IPrimitivePaneView[] {
    return [
      {
        zOrder: () => 'top',
        renderer: () => ({ draw: (target) => this.#draw(target) }),
      },
    ];
  }

  #draw(target: Target): void {
    const colours = this.colours;
    if (!colours) return;
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      context.font = `11px ${fontFamily}`;
      context.lineJoin = 'round';
      this.#drawSplits(context, mediaSize.width, mediaSize.height, colours);
      this.#drawCost(context, mediaSize.width, colours);
      this.#drawDividends(context, mediaSize.height, colours);
      this.#drawTrades(context, colours, mediaSize.width);
    });
  }

  #drawSplits(context: CanvasRenderingContext2D, width: number, height: number, colours: Colours): void {
    context.strokeStyle = colours['--chart-flows'];
    context.fillStyle = colours['--ink-2'];
    const placed = this.data.splits.flatMap(({ time, label }) => {
      const x = this.x(time);
      const size = context.measureText(label).width;
      // Words stand right of their rule, or left of it where the chart ends.
      const left = x !== null && x + 6 + size > width;
      return x === null ? [] : [{ x, label, size, centre: left ? x - 6 - size / 2 : x + 6 + size / 2 }];
    });
    const shown = roomForLabels(placed.map(({ centre, size }) => ({ x: centre, width: size })));
    context.textAlign = 'center';
    for (const [index, { x, label, centre }] of placed.entries()) {
      context.setLineDash([2, 3]);
      stroke(context, [Math.round(x) + 0.5, 0, Math.round(x) + 0.5, height]);
      context.setLineDash([]);
      if (shown[index]) context.fillText(label, centre, 12);
    }
  }

  #drawCost(context: CanvasRenderingContext2D, width: number, colours: Colours): void {
    const { cost } = this.data;
    this.#costWords = null;
    const y = cost ? this.y(cost.value) : null;
    if (!cost || y === null) return;
    context.strokeStyle = colours['--ink-3'];
    context.setLineDash([5, 4]);
    stroke(context, [0, Math.round(y) + 0.5, width, Math.round(y) + 0.5]);
    context.setLineDash([]);
    context.fillStyle = colours['--ink-2'];
    context.textAlign = 'right';
    halo(context, cost.label, width - 4, y - 6, colours);
    this.#costWords = { left: width - 4 - context.measureText(cost.label).width, y: y - 6 };
  }

  #drawDividends(context: CanvasRenderingContext2D, height: number, colours: Colours): void {
    const y = height - dividendBottom;
    context.textAlign = 'center';
    context.font = `600 9px ${fontFamily}`;
    const places = this.data.dividends
      .map((time) => ({ x: this.x(time) ?? -1, width: 2 * dividendRadius }))
      .filter(({ x }) => x >= 0)
      .sort((a, b) => a.x - b.x);
    const shown = roomForLabels(places);
    for (const [index, { x }] of places.entries()) {
      if (!shown[index]) continue;
      context.beginPath();
      context.arc(x, y, dividendRadius, 0, 2 * Math.PI);
      context.fillStyle = colours['--paper'];
      context.fill();
      context.strokeStyle = colours['--line-2'];
      context.stroke();
      context.fillStyle = colours['--ink-2'];
      context.fillText('D', x, y + 3.2);
    }
    context.font = `11px ${fontFamily}`;
  }

  #drawTrades(context: CanvasRenderingContext2D, colours: Colours, width: number): void {
    context.font = `600 11px ${fontFamily}`;
    for (const side of ['buy', 'sell'] as const) {
      const down = side === 'sell' ? -1 : 1;
      const placed = this.data.trades
        .filter((trade) => trade.side === side)
        .flatMap((trade) => {
          const x = this.x(trade.time);
          const y = this.y(trade.value);
          if (x === null || y === null) return [];
          const size = context.measureText(trade.label).width;
          const centre = Math.min(width - size / 2 - 2, Math.max(size / 2 + 2, x));
          return [{ x, y, label: trade.label, centre, size }];
        });
      const shown = roomForLabels(placed.map(({ centre, size }) => ({ x: centre, width: size })));
      for (const [index, { x, y, label, centre, size }] of placed.entries()) {
        const tip = y + down * triangleDistance;
        triangle(context, x, tip, down, side === 'buy', colours);
        context.textAlign = 'center';
        context.fillStyle = colours['--ink-2'];
        const text = tip + down * (triangleHeight + 5) + (down > 0 ? 9 : 0);
        if (!shown[index] || this.#coversCost(centre + size / 2, text)) continue;
        halo(context, label, centre, text, colours);
      }
    }
  }

  #coversCost(right: number, y: number): boolean {
    const words = this.#costWords;
    return words !== null && right > words.left && Math.abs(y - words.y) < textHeight;
  }
}

/** Buys point up from below, filled; sells down from above, hollow: never told apart by colour alone. */
function triangle(
  context: CanvasRenderingContext2D,
  x: number,
  tip: number,
  down: number,
  filled: boolean,
  colours: Colours,
): void {
  context.beginPath();
  context.moveTo(x, tip);
  context.lineTo(x - 5, tip + down * triangleHeight);
  context.lineTo(x + 5, tip + down * triangleHeight);
  context.closePath();
  context.lineWidth = 1.5;
  context.fillStyle = filled ? colours['--accent'] : colours['--paper'];
  context.fill();
  context.strokeStyle = colours['--accent'];
  context.stroke();
  context.lineWidth = 1;
}

function stroke(context: CanvasRenderingContext2D, [x0, y0, x1, y1]: [number, number, number, number]): void {
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

/** Text that stays legible where it crosses a line. */
function halo(context: CanvasRenderingContext2D, text: string, x: number, y: number, colours: Colours): void {
  context.strokeStyle = colours['--paper'];
  context.lineWidth = 3;
  context.strokeText(text, x, y);
  context.lineWidth = 1;
  context.fillText(text, x, y);
}
