/** What is drawn on a chart's line besides the line: its data, its colours, and where the chart has a moment and a value. */
import type {
  IChartApi,
  IPrimitivePaneRenderer,
  IPrimitivePaneView,
  ISeriesApi,
  ISeriesPrimitive,
  SeriesAttachedParameter,
  SeriesType,
  Time,
} from 'lightweight-charts';
import type { Colours } from './plot';

export type Target = Parameters<IPrimitivePaneRenderer['draw']>[0];

export abstract class SeriesMarks<Data> implements ISeriesPrimitive<Time> {
  protected data: Data;
  protected colours: Colours | null = null;
  #chart: IChartApi | null = null;
  #series: ISeriesApi<SeriesType> | null = null;
  #update: (() => void) | null = null;

  constructor(none: Data) {
    this.data = none;
  }

  attached({ chart, series, requestUpdate }: SeriesAttachedParameter<Time>): void {
    this.#chart = chart as IChartApi;
    this.#series = series;
    this.#update = requestUpdate;
  }

  detached(): void {
    this.#chart = null;
    this.#series = null;
    this.#update = null;
  }

  set(data: Data): void {
    this.data = data;
    this.#update?.();
  }

  paint(colours: Colours): void {
    this.colours = colours;
    this.#update?.();
  }

  abstract paneViews(): IPrimitivePaneView[];

  protected x(time: string): number | null {
    return this.#chart?.timeScale().timeToCoordinate(time as Time) ?? null;
  }

  protected y(value: number): number | null {
    return this.#series?.priceToCoordinate(value) ?? null;
  }
}
