/** What the data page says of one holding, in words a person would use. */
import type { DataItem, HistoryProgress, Price, PriceSource } from '../../api';
import { sourceName } from '../../components/price-state';
import { age, day, dayAndTime, share } from '../../format';

/** The item's price in the shape that the state's words are made from. */
export function priceOf(item: DataItem): Price {
  return {
    state: item.state,
    source: item.source,
    observed_at: item.observed_at,
    market_time: item.market_time,
    amount: item.price,
    currency: item.currency,
    previous_close: null,
    previous_date: null,
    held_back: item.held_back ? { amount: item.held_back.price, reason: item.held_back.reason } : undefined,
  } as Price;
}

export function title(item: DataItem): string {
  return item.kind === 'rate' ? `Euro in ${item.currency}` : item.name || item.symbol;
}

/** "From Tiingo, in the place of Finnhub". */
export function origin(item: DataItem): string {
  if (!item.source)
    return item.first_source ? `Should come from ${sourceName(item.first_source)}` : 'From nobody';
  const from = `From ${sourceName(item.source)}`;
  return item.state === 'fallback' && item.first_source && item.first_source !== item.source
    ? `${from}, in the place of ${sourceName(item.first_source)}`
    : from;
}

/** When the price was made and when it was got; open time counts, so that a weekend ages nothing. */
export function made(item: DataItem, now: Date): string {
  if (!item.market_time) return '';
  if (item.state === 'nav' || item.asset_class === 'fx')
    return `Value of ${day(item.market_time.slice(0, 10))}`;
  const seconds = item.open_seconds;
  if (item.state === 'manual' || seconds === null) return `Entered for ${day(item.market_time.slice(0, 10))}`;
  if (item.market_open === false && seconds < 60) return `Made ${dayAndTime(item.market_time)}, closed since`;
  if (item.market_open === null) return `Made ${age(item.market_time, now)} ago`;
  if (seconds < 60) return `Made ${dayAndTime(item.market_time)}`;
  return `Made ${dayAndTime(item.market_time)}, ${openTime(seconds)} of trading since we got it`;
}

export function openTime(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return 'less than a minute';
  if (minutes < 120) return minutes === 1 ? '1 minute' : `${minutes} minutes`;
  return `${Math.floor(minutes / 60)} hours`;
}

/** "Past prices: 42 % of the days since 4 Mar 2021". */
export function historyWords(history: HistoryProgress | null | undefined): string {
  if (!history) return '';
  const since = day(history.wanted_from);
  if (history.state === 'done' || history.share === '1')
    return `Past prices are there since ${day(history.from ?? history.wanted_from)}`;
  switch (history.state) {
    case 'none':
      return `No past prices since ${since}`;
    case 'failed':
      return `Past prices for ${share(history.share, { digitsMax: 0 })} of the days since ${since}`;
    default:
      return `Past prices are coming: ${share(history.share, { digitsMax: 0 })} of the days since ${since}`;
  }
}

/** What a source of the chain has to do with it: "Tiingo: has no name for it". */
export function sourceWords(source: PriceSource): string {
  const until = source.until ? ` until ${dayAndTime(source.until)}` : '';
  const words: Record<PriceSource['state'], string> = {
    asked: 'asked as usual',
    no_name: 'has no name for it',
    unknown: `doesn't know its name; not asked${until}`,
    not_covered: `not with the keys of this server; not asked${until}`,
    quota_spent: `was asked as often as it allows; rests${until}`,
    left_alone: `doesn't answer; left alone${until}`,
  };
  return words[source.state];
}

/** Seconds until it may be asked for again, 0 where that is now. */
export function wait(until: string | null | undefined, now: number): number {
  return until ? Math.max(0, Math.ceil((Date.parse(until) - now) / 1000)) : 0;
}
