/** Trades, dividends and splits placed on the days of a price line. */
import { decimal } from '../format';

export type Bar = [date: string, close: string];

export interface Split {
  date: string;
  /** "10:1": ten new shares for one old. */
  ratio: string;
}

export interface Trade {
  date: string;
  side: 'buy' | 'sell';
  quantity: string | null;
}

export interface TradeMark {
  time: string;
  side: 'buy' | 'sell';
  /** Sum of the day's trades of this side; null when one of them has none. */
  quantity: string | null;
}

/** New shares for one old; null when the ratio can't be read. */
export function splitFactor(ratio: string): number | null {
  const hit = /^\s*(\d+(?:\.\d+)?)\s*[:/]\s*(\d+(?:\.\d+)?)\s*$/.exec(ratio);
  const after = Number(hit?.[1]);
  const before = Number(hit?.[2]);
  return after > 0 && before > 0 ? after / before : null;
}

/**
 * Closes in today's shares: what was quoted before a split is divided by its ratio, or the line would
 * fall by nine tenths on a day on which nothing was lost.
 */
export function inTodaysShares(
  bars: readonly Bar[],
  splits: readonly Split[],
): { time: string; value: number }[] {
  const factors = splits
    .map(({ date, ratio }) => ({ date, factor: splitFactor(ratio) ?? 1 }))
    .sort((a, b) => (a.date < b.date ? 1 : -1));
  let divisor = 1;
  let next = 0;
  const adjusted: { time: string; value: number }[] = [];
  for (let index = bars.length - 1; index >= 0; index--) {
    const [time, close] = bars[index] as Bar;
    for (let split = factors[next]; split && time < split.date; split = factors[next]) {
      divisor *= split.factor;
      next += 1;
    }
    adjusted.push({ time, value: decimal.toNumber(close) / divisor });
  }
  return adjusted.reverse();
}

/** The bar a day belongs to: its own, else the last before it; null outside the bars. */
export function barOf(times: readonly string[], date: string): string | null {
  const first = times[0];
  const last = times.at(-1);
  if (first === undefined || last === undefined || date < first) return null;
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((times[middle] ?? '') <= date) low = middle;
    else high = middle - 1;
  }
  return times[low] ?? null;
}

/** One mark per bar and side. */
export function tradeMarks(times: readonly string[], trades: readonly Trade[]): TradeMark[] {
  const marks = new Map<string, TradeMark>();
  for (const trade of trades) {
    const time = barOf(times, trade.date);
    if (time === null) continue;
    const key = `${time} ${trade.side}`;
    const known = marks.get(key);
    if (!known) marks.set(key, { time, side: trade.side, quantity: trade.quantity });
    else {
      known.quantity =
        known.quantity === null || trade.quantity === null
          ? null
          : decimal.add(known.quantity, trade.quantity);
    }
  }
  return [...marks.values()].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}

/** Which of the labels, given their places from left to right, can be written without touching. */
export function roomForLabels(places: readonly { x: number; width: number }[]): boolean[] {
  let end = -Infinity;
  return places.map(({ x, width }) => {
    const free = x - width / 2 >= end + 4;
    if (free) end = x + width / 2;
    return free;
  });
}
