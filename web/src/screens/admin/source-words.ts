/** How a source is doing, in words a person would use. */
import type { Source, SourceQuota, SourceTest } from '../../api';
import type { DotTone } from '../../components/StateDot.svelte';
import { price, time } from '../../format';

export interface SourceState {
  words: string;
  tone: DotTone;
}

/** The state that matters most, in a word or two. */
export function stateOf(source: Source): SourceState {
  if (!source.enabled) return { words: 'Off', tone: 'quiet' };
  if (source.pushed) return { words: 'Sends by itself', tone: 'good' };
  if (source.needs_key && !source.has_key) return { words: 'Needs a key', tone: 'bad' };
  if (source.spent) return { words: `Quota of the ${source.spent} spent`, tone: 'warn' };
  if (source.circuit === 'open') return { words: 'Left alone', tone: 'bad' };
  if (source.circuit === 'half-open') return { words: 'Being tried out', tone: 'warn' };
  if (source.knows_nothing_yet) return { words: 'Not asked yet', tone: 'quiet' };
  return { words: 'Answers', tone: 'good' };
}

const outcomes: Record<string, string> = {
  OK: 'answered',
  EMPTY: 'no value',
  UNKNOWN_SYMBOL: 'name unknown',
  NOT_ENTITLED: 'not with our key',
  BAD_KEY: 'key refused',
  RATE_BURST: 'too fast',
  RATE_MINUTE: 'minute’s quota',
  RATE_HOUR: 'hour’s quota',
  RATE_DAY: 'day’s quota',
  RATE_MONTH: 'month’s quota',
  BLOCKED: 'refused as a client',
  TRANSIENT: 'no answer',
  SCHEMA_DRIFT: 'unknown shape',
};

export function outcomeWords(outcome: string): string {
  return outcomes[outcome] ?? outcome.toLowerCase().replaceAll('_', ' ');
}

const chains: Record<string, string> = { stock: 'stocks', fund: 'funds', fx: 'rates', crypto: 'crypto' };

/** "1st for rates, 2nd for funds". */
export function chainWords(source: Source): string {
  return source.chains
    .map(({ chain, position }) => `${ordinal(position)} for ${chains[chain] ?? chain}`)
    .join(', ');
}

function ordinal(n: number): string {
  return n === 1 ? '1st' : n === 2 ? '2nd' : n === 3 ? '3rd' : `${n}th`;
}

/** The part of a quota that is used, 0 to 1. */
export function used(quota: SourceQuota): number {
  return quota.max > 0 ? Math.min(1, quota.used / quota.max) : 0;
}

export function quotaWords(quota: SourceQuota): string {
  return `${quota.used} of ${quota.max}${quota.per_name ? ' names' : ''} this ${quota.span}`;
}

export function milliseconds(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** What came of a test, in a line. */
export function testWords(test: SourceTest): string {
  const parts = [test.text];
  if (!test.asked && test.next_try) parts.push(`It is asked again at ${time(test.next_try)}.`);
  if (test.price)
    parts.push(`${test.name} is at ${test.currency ? price(test.price, test.currency) : test.price}.`);
  if (test.took_ms !== null) parts.push(`It took ${milliseconds(test.took_ms)}.`);
  if (test.detail) parts.push(`It said: ${test.detail}.`);
  return parts.join(' ');
}
