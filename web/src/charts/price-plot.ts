/** The price of one holding in ink, with one's own trades on it. */
import type { IChartApi, ISeriesApi, Time } from 'lightweight-charts';
import { fixedOptions, labelsBesideTags, lineWidth, onLevel, paintFrame, spotOf } from './plot';
import type { Colours, Library, Spot } from './plot';
import { PriceMarks } from './price-marks';
import type { Marks } from './price-marks';
import { axisPercent } from './series';

export interface PricePlotData {
  points: { time: string; value: number }[];
  marks: Marks;
  formatPrice: (value: number) => string;
  /** Amounts are hidden: the axis says percent since the first day shown. */
  percent: boolean;
  /** Somebody clicked at the height of a price. */
  onlevel: (price: number) => void;
}

export class PricePlot {
  readonly #chart: IChartApi;
  readonly #library: Library;
  readonly #series: ISeriesApi<'Line'>;
  readonly #marks = new PriceMarks();
  #onlevel: (price: number) => void = () => undefined;

  constructor(library: Library, host: HTMLElement, colours: Colours, onspot: (spot: Spot | null) => void) {
    this.#library = library;
    this.#chart = library.createChart(host, fixedOptions(library));
    this.#chart.applyOptions({
      // Room for the dividends below and for the words of a sale above.
      rightPriceScale: { scaleMargins: { top: 0.12, bottom: 0.14 } },
      localization: { percentageFormatter: axisPercent },
    });
    this.#series = this.#chart.addSeries(library.LineSeries, {
      lineWidth: lineWidth(1.5),
      priceLineVisible: false,
      crosshairMarkerRadius: 3,
    });
    this.#series.attachPrimitive(this.#marks);
    this.#chart.subscribeCrosshairMove((event) => onspot(spotOf(event)));
    onLevel(
      this.#chart,
      () => this.#series,
      (price) => {
        if (price > 0) this.#onlevel(price);
      },
    );
    this.paint(colours);
  }

  paint(colours: Colours): void {
    paintFrame(this.#chart, colours);
    this.#series.applyOptions({ color: colours['--ink'] });
    this.#marks.paint(colours);
  }

  show({ points, marks, formatPrice, percent, onlevel }: PricePlotData): void {
    this.#onlevel = onlevel;
    const { PriceScaleMode } = this.#library;
    this.#chart.applyOptions({
      rightPriceScale: { mode: percent ? PriceScaleMode.Percentage : PriceScaleMode.Normal },
    });
    const tags = points.slice(-1).map(({ value }) => value);
    this.#chart.applyOptions({
      localization: {
        tickmarksPriceFormatter: (values: number[]) =>
          labelsBesideTags(values, tags, (value) => this.#series.priceToCoordinate(value), formatPrice),
      },
    });
    const lowest = points.reduce((low, { value }) => Math.min(low, value), Infinity);
    this.#series.applyOptions({
      priceFormat: { type: 'custom', formatter: formatPrice, minMove: lowest < 1 ? 1e-6 : 0.01 },
    });
    this.#series.setData(points.map(({ time, value }) => ({ time: time as Time, value })));
    this.#marks.set(marks);
    this.#chart.timeScale().fitContent();
  }

  remove(): void {
    this.#chart.remove();
  }
}
