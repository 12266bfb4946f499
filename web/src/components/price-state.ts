/** The state of a price in words a person would use, beside the glyph of the same name. */
import type { DataState, Price } from '../api';
import { age, percent, shortDay, time } from '../format';

export interface StateWords {
  state: DataState;
  words: string;
  /** Somebody may want to look: stale, from a fallback, held back. */
  attention: boolean;
}

const attention = new Set<DataState>(['fallback', 'stale', 'quarantined']);

export function needsAttention(state: DataState): boolean {
  return attention.has(state);
}

/** `now` decides how old a price is said to be. */
export function priceStateWords(price: Price, now: Date): StateWords {
  const state = price.held_back ? 'quarantined' : price.state;
  return { state, words: words(price, state, now), attention: needsAttention(state) };
}

function words(price: Price, state: DataState, now: Date): string {
  const instant = price.market_time ?? price.observed_at;
  switch (state) {
    case 'live':
      return 'Live';
    case 'delayed':
      return instant ? `Delayed, ${time(instant)}` : 'Delayed';
    case 'closed':
      return instant ? `Closed ${closeTime(instant, now)}` : 'Closed';
    case 'nav':
      return instant ? `NAV of ${shortDay(instant.slice(0, 10))}` : 'NAV';
    case 'manual':
      return instant ? `By hand, ${shortDay(instant.slice(0, 10))}` : 'By hand';
    case 'fallback':
      return price.source ? `From ${sourceName(price.source)}` : 'From a fallback';
    case 'stale':
      return instant ? `Stale, ${age(instant, now)} old` : 'Stale';
    case 'quarantined':
      return heldBack(price);
    case 'none':
      return 'No price';
    default:
      return state;
  }
}

function closeTime(instant: string, now: Date): string {
  const sameDay = now.getTime() - new Date(instant).getTime() < 20 * 3600_000;
  return sameDay ? time(instant) : shortDay(instant.slice(0, 10));
}

function heldBack(price: Price): string {
  const reason = price.held_back?.reason ?? '';
  const jump = /-?\d+(\.\d+)?(?=\s*%)/.exec(reason)?.[0];
  if (jump) return `Held back, jump of ${percent(jump.replace('-', ''), { digitsMax: 0 })}`;
  return reason ? `Held back: ${reason}` : 'Held back';
}

const sourceNames: Record<string, string> = {
  alphavantage: 'Alpha Vantage',
  eodhd: 'EODHD',
  fred: 'FRED',
  http: 'its page',
  manual: 'your own entry',
  openfigi: 'OpenFIGI',
  twelvedata: 'Twelve Data',
  yahoo: 'Yahoo',
  stooq: 'Stooq',
  tiingo: 'Tiingo',
  coingecko: 'CoinGecko',
  kraken: 'Kraken',
  coinbase: 'Coinbase',
  frankfurter: 'Frankfurter',
  ecb: 'the ECB',
  amfi: 'AMFI',
  mfapi: 'MFapi',
  simulated: 'the simulated market',
  sim: 'the simulated market',
};

/** A source by its own spelling. */
export function sourceName(source: string): string {
  return sourceNames[source.toLowerCase()] ?? source.charAt(0).toUpperCase() + source.slice(1);
}
