/** The portfolio over time: its value as an area over what was paid in, or its return as a line. */
import type { IChartApi, IPriceLine, ISeriesApi, SeriesType, Time } from 'lightweight-charts';
import { withAlpha } from './colours';
import { fixedOptions, labelsBesideTags, lineWidth, onLevel, paintFrame, spotOf } from './plot';
import type { Colours, Library, Spot } from './plot';
import { axisMoney, axisPercent, extent } from './series';
import type { Point } from './series';

export interface ValuePlotData {
  own: Point[];
  /** Paid in, in steps; empty in percent mode. */
  flows: Point[];
  /** Days without a value: they keep their width on the time axis. */
  empty: string[];
  /** Null: percent. */
  currency: string | null;
  /** Somebody clicked at the height of a value. */
  onlevel: (value: number) => void;
}

const transparent = 'rgba(0, 0, 0, 0)';
const washAlpha = 0.09;

export class ValuePlot {
  readonly #chart: IChartApi;
  readonly #own: ISeriesApi<'Area'>;
  readonly #flows: ISeriesApi<'Line'>;
  #flowsTag: IPriceLine | null = null;
  #colours: Colours;
  #data: ValuePlotData = { own: [], flows: [], empty: [], currency: null, onlevel: () => undefined };

  constructor(library: Library, host: HTMLElement, colours: Colours, onspot: (spot: Spot | null) => void) {
    this.#colours = colours;
    this.#chart = library.createChart(host, fixedOptions(library));
    this.#flows = this.#chart.addSeries(library.LineSeries, {
      lineType: library.LineType.WithSteps,
      lineStyle: library.LineStyle.Dotted,
      lineWidth: lineWidth(1.25),
      priceLineVisible: false,
      lastValueVisible: false,
      crosshairMarkerVisible: false,
    });
    this.#own = this.#chart.addSeries(library.AreaSeries, {
      lineWidth: lineWidth(1.75),
      priceLineVisible: false,
      crosshairMarkerRadius: 3,
    });
    this.#chart.subscribeCrosshairMove((event) => onspot(spotOf(event)));
    onLevel(
      this.#chart,
      () => this.#own,
      (value) => this.#data.onlevel(value),
    );
    this.paint(colours);
  }

  paint(colours: Colours): void {
    this.#colours = colours;
    paintFrame(this.#chart, colours);
    const wash = withAlpha(colours['--chart-own'], washAlpha);
    this.#own.applyOptions({ lineColor: colours['--chart-own'], topColor: wash, bottomColor: wash });
    this.#flows.applyOptions({ color: colours['--chart-flows'] });
    this.#tagFlows();
  }

  show(data: ValuePlotData): void {
    this.#data = data;
    const [low, high] = extent([...data.own, ...data.flows]) ?? [0, 1];
    const formatter = data.currency === null ? axisPercent : axisMoney(data.currency, low, high);
    for (const series of [this.#own, this.#flows] as ISeriesApi<SeriesType>[]) {
      series.applyOptions({ priceFormat: { type: 'custom', formatter, minMove: 0.01 } });
    }
    const tags = [data.own, data.flows].flatMap((points) => points.at(-1)?.value ?? []);
    this.#chart.applyOptions({
      localization: {
        tickmarksPriceFormatter: (values: number[]) =>
          labelsBesideTags(values, tags, (value) => this.#own.priceToCoordinate(value), formatter),
      },
    });
    // What would be drawn across a gap is transparent: the library joins whatever it is given.
    const own = data.own.map(({ time, value, gapAfter }) =>
      gapAfter
        ? { time, value, lineColor: transparent, topColor: transparent, bottomColor: transparent }
        : { time, value },
    );
    this.#own.setData(withEmptyDays(own, data.empty));
    this.#flows.setData(data.flows.map(({ time, value }) => ({ time, value })));
    this.#tagFlows();
    this.#chart.timeScale().fitContent();
  }

  remove(): void {
    this.#chart.remove();
  }

  /** The last amount paid in as words on the axis; the own series has the filled tag. */
  #tagFlows(): void {
    if (this.#flowsTag) this.#flows.removePriceLine(this.#flowsTag);
    this.#flowsTag = null;
    const last = this.#data.flows.at(-1);
    if (!last) return;
    this.#flowsTag = this.#flows.createPriceLine({
      price: last.value,
      lineVisible: false,
      axisLabelVisible: true,
      axisLabelColor: this.#colours['--paper'],
      axisLabelTextColor: this.#colours['--ink-2'],
    });
  }
}

function withEmptyDays<P extends { time: Time }>(points: P[], empty: string[]): (P | { time: Time })[] {
  if (empty.length === 0) return points;
  return [...points, ...empty.map((time) => ({ time }))].sort((a, b) =>
    String(a.time) < String(b.time) ? -1 : 1,
  );
}
