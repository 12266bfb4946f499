/** Lines on one scale: the portfolio's own over grey ones to compare with, or a fall hanging from zero. */
import type { IChartApi, IPriceLine, ISeriesApi, SeriesType, Time } from 'lightweight-charts';
import { withAlpha } from './colours';
import { fixedOptions, labelsBesideTags, lineWidth, onLevel, paintFrame, spotOf } from './plot';
import type { Colours, Library, Spot } from './plot';
import type { Point } from './series';

/** own: filled to the ground; bench: thin and grey; flows: dotted steps; fall: filled up to zero. */
export type LineKind = 'own' | 'bench' | 'flows' | 'fall';

export interface Line {
  kind: LineKind;
  points: Point[];
}

export interface LinesData {
  lines: Line[];
  /** Days without a value: they keep their width on the time axis. */
  empty: string[];
  format: (value: number) => string;
  /** Somebody clicked at the height of a figure. */
  onlevel: (value: number) => void;
}

const transparent = 'rgba(0, 0, 0, 0)';
const washAlpha: Record<string, number> = { own: 0.09, fall: 0.13 };

interface Drawn {
  kind: LineKind;
  series: ISeriesApi<SeriesType>;
  tag: IPriceLine | null;
}

export class LinesPlot {
  readonly #library: Library;
  readonly #chart: IChartApi;
  #colours: Colours;
  #drawn: Drawn[] = [];
  #data: LinesData = { lines: [], empty: [], format: String, onlevel: () => undefined };

  constructor(library: Library, host: HTMLElement, colours: Colours, onspot: (spot: Spot | null) => void) {
    this.#library = library;
    this.#colours = colours;
    this.#chart = library.createChart(host, fixedOptions(library));
    this.#chart.subscribeCrosshairMove((event) => onspot(spotOf(event)));
    onLevel(
      this.#chart,
      () => this.#drawn[0]?.series,
      (value) => this.#data.onlevel(value),
    );
    this.paint(colours);
  }

  paint(colours: Colours): void {
    this.#colours = colours;
    paintFrame(this.#chart, colours);
    for (const { kind, series } of this.#drawn) series.applyOptions(this.#colourOf(kind));
    this.#tags();
  }

  show(data: LinesData): void {
    this.#data = data;
    const kinds = data.lines.map(({ kind }) => kind).join();
    if (kinds !== this.#drawn.map(({ kind }) => kind).join()) this.#rebuild(data.lines);
    const [first] = this.#drawn;
    const tags = data.lines.flatMap(({ points }) => points.at(-1)?.value ?? []);
    this.#chart.applyOptions({
      localization: {
        tickmarksPriceFormatter: (values: number[]) =>
          labelsBesideTags(
            values,
            tags,
            (value) => first?.series.priceToCoordinate(value) ?? null,
            data.format,
          ),
      },
    });
    for (const [index, { kind, series }] of this.#drawn.entries()) {
      series.applyOptions({ priceFormat: { type: 'custom', formatter: data.format, minMove: 0.01 } });
      const points = (data.lines[index]?.points ?? []).map((point) => drawnPoint(point, kind));
      series.setData(withEmptyDays(points, data.empty));
    }
    this.#tags();
    this.#chart.timeScale().fitContent();
  }

  remove(): void {
    this.#chart.remove();
  }

  #rebuild(lines: Line[]): void {
    for (const { series } of this.#drawn) this.#chart.removeSeries(series);
    // Later ones lie on top: the own line over what it is compared with.
    const order = [...lines.keys()].sort((a, b) => rank(lines[a]) - rank(lines[b]));
    const made = new Map(order.map((index) => [index, this.#make(lines[index]?.kind ?? 'own')]));
    this.#drawn = lines.map(({ kind }, index) => ({
      kind,
      series: made.get(index) as ISeriesApi<SeriesType>,
      tag: null,
    }));
  }

  #make(kind: LineKind): ISeriesApi<SeriesType> {
    const { AreaSeries, LineSeries, LineStyle, LineType } = this.#library;
    const shared = { priceLineVisible: false, crosshairMarkerRadius: 3, ...this.#colourOf(kind) };
    if (kind === 'own') return this.#chart.addSeries(AreaSeries, { ...shared, lineWidth: lineWidth(1.75) });
    if (kind === 'fall') {
      return this.#chart.addSeries(AreaSeries, {
        ...shared,
        lineWidth: lineWidth(1.25),
        invertFilledArea: true,
        lastValueVisible: false,
      });
    }
    return this.#chart.addSeries(LineSeries, {
      ...shared,
      lineWidth: lineWidth(1.25),
      lastValueVisible: false,
      ...(kind === 'flows'
        ? { lineType: LineType.WithSteps, lineStyle: LineStyle.Dotted, crosshairMarkerVisible: false }
        : {}),
    });
  }

  #colourOf(kind: LineKind): object {
    const colours = this.#colours;
    switch (kind) {
      case 'own':
      case 'fall': {
        const line = colours[kind === 'own' ? '--chart-own' : '--loss'];
        const wash = withAlpha(line, washAlpha[kind] ?? 0);
        return { lineColor: line, topColor: wash, bottomColor: wash };
      }
      case 'bench':
        return { color: colours['--chart-bench'] };
      case 'flows':
        return { color: colours['--chart-flows'] };
    }
  }

  /** The last value of what is compared with, outlined; the own series has the filled tag. */
  #tags(): void {
    for (const [index, drawn] of this.#drawn.entries()) {
      if (drawn.tag) drawn.series.removePriceLine(drawn.tag);
      drawn.tag = null;
      const last = this.#data.lines[index]?.points.at(-1);
      if (!last || drawn.kind === 'own') continue;
      drawn.tag = drawn.series.createPriceLine({
        price: last.value,
        lineVisible: false,
        axisLabelVisible: true,
        axisLabelColor: this.#colours['--paper'],
        axisLabelTextColor: this.#colours['--ink-2'],
      });
    }
  }
}

function rank(line: Line | undefined): number {
  return line?.kind === 'own' ? 1 : 0;
}

/** What would be drawn across a gap is transparent: the library joins whatever it is given. */
function drawnPoint({ time, value, gapAfter }: Point, kind: LineKind): { time: Time; value: number } {
  if (!gapAfter) return { time, value };
  const hidden =
    kind === 'own' || kind === 'fall'
      ? { lineColor: transparent, topColor: transparent, bottomColor: transparent }
      : { color: transparent };
  return { time, value, ...hidden };
}

function withEmptyDays<P extends { time: Time }>(points: P[], empty: string[]): (P | { time: Time })[] {
  if (empty.length === 0) return points;
  const taken = new Set(points.map(({ time }) => String(time)));
  return [...points, ...empty.filter((time) => !taken.has(time)).map((time) => ({ time }))].sort((a, b) =>
    String(a.time) < String(b.time) ? -1 : 1,
  );
}
