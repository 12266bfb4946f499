/** Draws on a line where a rule fires: the band between firing and arming again, and the days on which it would have fired. */
import type { AutoscaleInfo, IPrimitivePaneView } from 'lightweight-charts';
import { roomForLabels } from './marks';
import { fontFamily } from './plot';
import { SeriesMarks } from './series-marks';
import type { Target } from './series-marks';

export interface RuleLevels {
  /** Where it fires. */
  threshold: number;
  /** Where it is armed again; null where that is the same. */
  rearm: number | null;
}

export interface Firing {
  time: string;
  value: number;
  label: string;
}

export interface RuleMarksData {
  levels: RuleLevels | null;
  firings: Firing[];
}

const dotRadius = 4;
const labelTop = 12;

export class RuleMarks extends SeriesMarks<RuleMarksData> {
  constructor() {
    super({ levels: null, firings: [] });
  }

  /** The levels belong to the picture even where the line never was. */
  autoscaleInfo(): AutoscaleInfo | null {
    const { levels } = this.data;
    if (!levels) return null;
    const both = [levels.threshold, levels.rearm ?? levels.threshold];
    return { priceRange: { minValue: Math.min(...both), maxValue: Math.max(...both) } };
  }

  paneViews(): IPrimitivePaneView[] {
    return [
      { zOrder: () => 'bottom', renderer: () => ({ draw: (target) => this.#drawLevels(target) }) },
      { zOrder: () => 'top', renderer: () => ({ draw: (target) => this.#drawFirings(target) }) },
    ];
  }

  #drawLevels(target: Target): void {
    const { levels } = this.data;
    const colours = this.colours;
    if (!colours || !levels) return;
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      const fires = this.y(levels.threshold);
      const arms = levels.rearm === null ? null : this.y(levels.rearm);
      if (fires === null) return;
      if (arms !== null) {
        context.fillStyle = colours['--warn-wash'];
        context.fillRect(0, Math.min(fires, arms), mediaSize.width, Math.abs(arms - fires));
      }
      context.strokeStyle = colours['--warn'];
      context.setLineDash([2, 3]);
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(0, Math.round(fires) + 0.5);
      context.lineTo(mediaSize.width, Math.round(fires) + 0.5);
      context.stroke();
      context.setLineDash([]);
    });
  }

  #drawFirings(target: Target): void {
    const colours = this.colours;
    if (!colours) return;
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      context.font = `600 11px ${fontFamily}`;
      const placed = this.data.firings.flatMap(({ time, value, label }) => {
        const x = this.x(time);
        const y = this.y(value);
        if (x === null || y === null) return [];
        const size = context.measureText(label).width;
        const left = x + 6 + size > mediaSize.width;
        return [{ x, y, label, size, centre: left ? x - 6 - size / 2 : x + 6 + size / 2 }];
      });
      const shown = roomForLabels(placed.map(({ centre, size }) => ({ x: centre, width: size })));
      for (const [index, { x, y, label, centre }] of placed.entries()) {
        context.strokeStyle = colours['--warn'];
        context.setLineDash([2, 3]);
        context.lineWidth = 1;
        context.beginPath();
        context.moveTo(Math.round(x) + 0.5, labelTop + 6);
        context.lineTo(Math.round(x) + 0.5, mediaSize.height);
        context.stroke();
        context.setLineDash([]);
        context.fillStyle = colours['--warn'];
        context.beginPath();
        context.arc(x, y, dotRadius, 0, 2 * Math.PI);
        context.fill();
        context.textAlign = 'center';
        if (shown[index]) context.fillText(label, centre, labelTop);
      }
    });
  }
}
