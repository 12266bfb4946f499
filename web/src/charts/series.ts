/** What a time chart draws, from what the server sends. Decimals become floats here, for drawing only. */
import { decimal, locale, noBreakSpace, percent } from '../format';

export interface Point {
  /** "YYYY-MM-DD". */
  time: string;
  value: number;
  /** The next point is not the next day on record: nothing is drawn between the two. */
  gapAfter: boolean;
}

export interface Dated {
  date: string;
  value: string | null;
}

/** One point for every known day, none left out; days without a value make a gap. */
export function linePoints(series: readonly Dated[]): Point[] {
  const points: Point[] = [];
  let previous: Point | null = null;
  for (const { date, value } of series) {
    if (value === null) {
      if (previous) previous.gapAfter = true;
      previous = null;
      continue;
    }
    previous = { time: date, value: decimal.toNumber(value), gapAfter: false };
    points.push(previous);
  }
  return points;
}

/** Time-weighted return as percent points of the first known day: the period starts at 0. */
export function returnPoints(series: readonly Dated[]): Point[] {
  const points = linePoints(series);
  const [first] = points;
  if (!first) return [];
  const start = 1 + first.value;
  if (start <= 0) return [];
  return points.map((point) => ({ ...point, value: ((1 + point.value) / start - 1) * 100 }));
}

/** Every day without a value between two that have one, so that the time axis keeps its length. */
export function emptyDays(series: readonly Dated[]): string[] {
  return series.filter(({ value }) => value === null).map(({ date }) => date);
}

/** Lowest and highest of the points; null without any. */
export function extent(points: readonly Point[]): [number, number] | null {
  let low = Infinity;
  let high = -Infinity;
  for (const { value } of points) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low <= high ? [low, high] : null;
}

/** Lines an axis has, about. */
const axisSteps = 5;

/**
 * Short amounts for an axis: "€260k", with as many decimals as it takes to tell its steps apart.
 */
export function axisMoney(currency: string, low: number, high: number): (value: number) => string {
  const size = Math.max(Math.abs(low), Math.abs(high));
  const unit = size >= 1e9 ? 1e9 : size >= 1e6 ? 1e6 : size >= 1e4 ? 1e3 : 1;
  const step = (high - low) / axisSteps || size / axisSteps || 1;
  const decimals = Math.min(6, Math.max(unit === 1 ? 0 : 1, Math.ceil(-Math.log10(step / unit))));
  const options: Intl.NumberFormatOptions = {
    maximumFractionDigits: decimals,
    minimumFractionDigits: unit === 1 ? decimals : 0,
    ...(unit === 1 ? {} : { notation: 'compact' }),
  };
  const format = moneyFormat(currency, options);
  return (value) => format(value).replace('-', '\u2212').replace('K', 'k');
}

function moneyFormat(currency: string, options: Intl.NumberFormatOptions): (value: number) => string {
  try {
    const format = new Intl.NumberFormat(locale(), {
      style: 'currency',
      currency,
      currencyDisplay: 'narrowSymbol',
      ...options,
    });
    return (value) => format.format(value);
  } catch {
    const format = new Intl.NumberFormat(locale(), options);
    return (value) => `${format.format(value)}${noBreakSpace}${currency}`;
  }
}

/** "+16.4 %" for an axis or a tooltip. */
export function axisPercent(points: number): string {
  if (!Number.isFinite(points)) return '';
  return percent(points.toFixed(2), { digits: 1, signs: 'always' });
}

/** Change from the first to the last point in percent; null when it can't be said. */
export function changePercent(points: readonly Point[]): number | null {
  const first = points[0];
  const last = points.at(-1);
  if (!first || !last || first.value <= 0) return null;
  return (last.value / first.value - 1) * 100;
}
