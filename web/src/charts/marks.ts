/** Trades, dividends and splits placed on the days of a price line. */
import { decimal } from '../format';

/** One day of the line, in today's shares. */
export interface Close {
  time: string;
  value: number;
}

export interface Split {
  date: string;
  /** "10:1": ten new shares for one old. */
  ratio: string;
}

export interface Trade {
  date: string;
  side: 'buy' | 'sell';
  /** In today's shares, as the line is drawn. */
  quantity: string | null;
  /** As it was booked, in the shares of its day. */
  booked: string | null;
}

export interface TradeMark {
  time: string;
  side: 'buy' | 'sell';
  /** Sum of the day's trades of this side; null when one of them has none. */
  quantity: string | null;
  booked: string | null;
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
    if (!known) marks.set(key, { time, side: trade.side, quantity: trade.quantity, booked: trade.booked });
    else {
      known.quantity = both(known.quantity, trade.quantity);
      known.booked = both(known.booked, trade.booked);
    }
  }
  return [...marks.values()].sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}

function both(a: string | null, b: string | null): string | null {
  return a === null || b === null ? null : decimal.add(a, b);
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
