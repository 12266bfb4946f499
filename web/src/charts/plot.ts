/** What all time charts share: the library, its options in our look, and where the pointer is. */
import type {
  ChartOptions,
  DeepPartial,
  IChartApi,
  ISeriesApi,
  LineWidth,
  MouseEventParams,
  SeriesType,
  Time,
} from 'lightweight-charts';
import { locale } from '../format';
import { resolveTokens } from './colours';
import type * as library from './library';

export type Library = typeof library;

/** Fetched when the first time chart is shown: the library is larger than the rest of the page. */
export function loadLibrary(): Promise<Library> {
  return import('./library');
}

const tokens = [
  '--paper',
  '--ink',
  '--ink-2',
  '--ink-3',
  '--accent',
  '--line-2',
  '--chart-grid',
  '--chart-axis',
  '--chart-own',
  '--chart-bench',
  '--chart-flows',
  '--loss',
  '--warn',
  '--warn-wash',
] as const;
export type Colours = Record<(typeof tokens)[number], string>;

export function chartColours(host: HTMLElement): Colours {
  return resolveTokens(tokens, host);
}

export const fontFamily = '"Inter Variable", Inter, system-ui, sans-serif';

/** The library's type names whole numbers only; it draws any width. */
export function lineWidth(width: number): LineWidth {
  return width as LineWidth;
}

/** The pointer on a day of the chart, in px from its left top corner. */
export interface Spot {
  time: string;
  x: number;
  y: number;
}

export function spotOf(event: MouseEventParams<Time>): Spot | null {
  if (!event.point || typeof event.time !== 'string') return null;
  return { time: event.time, x: event.point.x, y: event.point.y };
}

/** Tells at the height of which figure of a series somebody clicked. */
export function onLevel(
  chart: IChartApi,
  series: () => ISeriesApi<SeriesType> | undefined,
  tell: (value: number) => void,
): void {
  chart.subscribeClick(({ point }) => {
    const value = point ? series()?.coordinateToPrice(point.y) : null;
    if (typeof value === 'number') tell(value);
  });
}

/** Options that no theme changes. */
export function fixedOptions(library: Library): DeepPartial<ChartOptions> {
  return {
    autoSize: true,
    // The period picker is the one way to change what is shown: a wheel or a finger scrolls the page.
    handleScroll: false,
    handleScale: false,
    // The logo brings an inline style the content security policy forbids; Attribution.svelte names them.
    layout: { attributionLogo: false, fontFamily, fontSize: 11 },
    localization: { locale: locale() },
    grid: { vertLines: { visible: false } },
    rightPriceScale: {
      borderVisible: false,
      entireTextOnly: true,
      scaleMargins: { top: 0.07, bottom: 0.03 },
    },
    timeScale: {
      borderVisible: false,
      fixLeftEdge: true,
      fixRightEdge: true,
      lockVisibleTimeRangeOnResize: true,
      minBarSpacing: 0.01,
    },
    crosshair: {
      mode: library.CrosshairMode.Magnet,
      vertLine: { width: 1, style: library.LineStyle.Dotted, labelVisible: false },
      horzLine: { visible: false, labelVisible: false },
    },
  };
}

export function paintFrame(chart: IChartApi, colours: Colours): void {
  chart.applyOptions({
    layout: { background: { color: 'transparent' }, textColor: colours['--chart-axis'] },
    grid: { horzLines: { color: colours['--chart-grid'] } },
    crosshair: { vertLine: { color: colours['--ink-3'] } },
  });
}

/** A tag on the axis is this high, so a plain label nearer than that would be half hidden by it. */
const tagClearance = 14;

/** Labels of the axis with those left out that a tag would cover. */
export function labelsBesideTags(
  values: readonly number[],
  tags: readonly number[],
  coordinate: (value: number) => number | null,
  format: (value: number) => string,
): string[] {
  const taken = tags.map(coordinate).filter((y) => y !== null);
  return values.map((value) => {
    const y = coordinate(value);
    const hidden = y !== null && taken.some((tag) => Math.abs(tag - y) < tagClearance);
    return hidden ? '' : format(value);
  });
}
