/**
 * What a stream event does to the portfolio document: pure functions, so that they can be tested
 * without a connection. Order of events is not trusted: what is older than what is shown is dropped.
 */
import type { Contribution, Holding, PortfolioDelta, PortfolioDocument } from '../api';
import * as decimal from '../format/decimal';

/** Instants carry as many decimals of a second as they need, so their texts can't be compared. */
function isBefore(instant: string, other: string): boolean {
  return Date.parse(instant) < Date.parse(other);
}

/** The newer of two documents of one portfolio; the second on a tie, since it arrived later. */
export function newer(shown: PortfolioDocument | null, next: PortfolioDocument): PortfolioDocument {
  if (!shown || shown.id !== next.id) return next;
  if (next.sequence !== shown.sequence) return next.sequence > shown.sequence ? next : shown;
  return isBefore(next.as_of, shown.as_of) ? shown : next;
}

/**
 * The document with the delta in it. A delta of another portfolio, of an older journal sequence or
 * older than the document changes nothing. Holdings keep their place: rows must not jump under a
 * pointer; an unknown one is added at the end.
 */
export function applyDelta(shown: PortfolioDocument, delta: PortfolioDelta): PortfolioDocument {
  if (delta.id !== shown.id || delta.sequence < shown.sequence || isBefore(delta.as_of, shown.as_of))
    return shown;
  return {
    ...shown,
    sequence: delta.sequence,
    value: delta.value,
    cash: delta.cash,
    day_change: delta.day_change,
    day_change_percent: delta.day_change_percent,
    state: delta.state,
    stale_share: delta.stale_share,
    as_of: delta.as_of,
    holdings: weigh(mergeHoldings(shown.holdings, delta.holdings ?? []), delta.value),
    contributions:
      delta.day_change === null ? [] : mergeContributions(shown.contributions, delta.contributions ?? []),
    markets: delta.markets ?? shown.markets,
    rates: delta.rates ?? shown.rates,
  };
}

function mergeHoldings(shown: Holding[], changed: Holding[]): Holding[] {
  if (changed.length === 0) return shown;
  const byId = new Map(changed.map((holding) => [holding.instrument_id, holding]));
  const merged = shown.map((holding) => {
    const next = byId.get(holding.instrument_id);
    byId.delete(holding.instrument_id);
    return next ?? holding;
  });
  return byId.size > 0 ? [...merged, ...byId.values()] : merged;
}

/**
 * Each holding with its share of the value, as the server rounds it. Any price changes all shares, so
 * that deltas carry only those of what changed otherwise. Holdings whose share stays are the same objects.
 */
function weigh(holdings: Holding[], value: string | null): Holding[] {
  const whole = value !== null && decimal.sign(value) > 0 ? value : null;
  return holdings.map((holding) => {
    const part = holding.value_base;
    const weight = whole !== null && part !== null ? decimal.quotient(part, whole, 8) : null;
    return weight === holding.weight ? holding : { ...holding, weight };
  });
}

function reason(entry: Contribution): string {
  return [entry.kind, entry.instrument_id ?? '', entry.currency ?? ''].join(' ');
}

/** What changed takes the place of what came from the same; an amount of 0 is no reason any more. Biggest first. */
function mergeContributions(shown: Contribution[], changed: Contribution[]): Contribution[] {
  if (changed.length === 0) return shown;
  const merged = new Map(shown.map((entry) => [reason(entry), entry]));
  for (const entry of changed) merged.set(reason(entry), entry);
  return [...merged]
    .filter(([, entry]) => decimal.sign(entry.amount) !== 0)
    .map(([key, entry]) => ({ key, entry, size: decimal.absolute(entry.amount) }))
    .sort((a, b) => decimal.compare(b.size, a.size) || (a.key < b.key ? -1 : 1))
    .map(({ entry }) => entry);
}

/** Milliseconds to wait before attempt n (from 0): doubling, at most 30 s, spread so that clients don't come back as one. */
export function retryDelay(attempt: number, random: () => number): number {
  const delayMax = 30_000;
  const base = Math.min(1000 * 2 ** Math.min(attempt, 10), delayMax);
  return Math.round(base * (0.5 + random() / 2));
}
