/** What a rule looks at, in ink, with where it would have fired on it. */
import type { IChartApi, ISeriesApi, Time } from 'lightweight-charts';
import { fixedOptions, labelsBesideTags, lineWidth, paintFrame, spotOf } from './plot';
import type { Colours, Library, Spot } from './plot';
import { RuleMarks } from './rule-marks';
import type { RuleMarksData } from './rule-marks';

export interface RulePlotData extends RuleMarksData {
  /** Days without a value keep their width and are a gap. */
  points: { time: string; value: number | null }[];
  format: (value: number) => string;
}

export class RulePlot {
  readonly #chart: IChartApi;
  readonly #series: ISeriesApi<'Line'>;
  readonly #marks = new RuleMarks();

  constructor(library: Library, host: HTMLElement, colours: Colours, onspot: (spot: Spot | null) => void) {
    this.#chart = library.createChart(host, fixedOptions(library));
    // Room above for the days on which it would have fired.
    this.#chart.applyOptions({ rightPriceScale: { scaleMargins: { top: 0.16, bottom: 0.06 } } });
    this.#series = this.#chart.addSeries(library.LineSeries, {
      lineWidth: lineWidth(1.5),
      priceLineVisible: false,
      crosshairMarkerRadius: 3,
    });
    this.#series.attachPrimitive(this.#marks);
    this.#chart.subscribeCrosshairMove((event) => onspot(spotOf(event)));
    this.paint(colours);
  }

  paint(colours: Colours): void {
    paintFrame(this.#chart, colours);
    this.#series.applyOptions({ color: colours['--ink'] });
    this.#marks.paint(colours);
  }

  show({ points, levels, firings, format }: RulePlotData): void {
    const last = points.findLast(({ value }) => value !== null)?.value;
    this.#chart.applyOptions({
      localization: {
        tickmarksPriceFormatter: (values: number[]) =>
          labelsBesideTags(
            values,
            last === undefined || last === null ? [] : [last],
            (value) => this.#series.priceToCoordinate(value),
            format,
          ),
      },
    });
    this.#series.applyOptions({ priceFormat: { type: 'custom', formatter: format, minMove: 0.0001 } });
    this.#series.setData(
      points.map(({ time, value }) =>
        value === null ? { time: time as Time } : { time: time as Time, value },
      ),
    );
    this.#marks.set({ levels, firings });
    this.#chart.timeScale().fitContent();
  }

  remove(): void {
    this.#chart.remove();
  }
}
