/** The period's result by holding, in digits that add up both ways: parts to a row, rows to the result. */
import type { ContributionItem, ContributionParts, ContributionsOfPeriod } from '../../api';
import { currencyDigits, decimal } from '../../format';

export type PartKey = 'price' | 'currency' | 'income' | 'costs';
export const partKeys: PartKey[] = ['price', 'currency', 'income', 'costs'];

export interface ContributionRow {
  key: string;
  label: string;
  symbol: string;
  /** Null: cash, or several smaller ones. */
  instrumentId: string | null;
  /** Costs are below zero here: what they take. Null is unknown. */
  parts: Record<PartKey, string | null>;
  profit: string | null;
  /** Of the period's return, as a fraction. */
  contribution: string | null;
}

interface Entry extends Omit<ContributionParts, 'share_of_profit'> {
  key: string;
  label: string;
  symbol: string;
  instrumentId: string | null;
}

export interface ContributionTable {
  rows: ContributionRow[];
  total: Record<PartKey | 'profit', string | null>;
}

/** More rows than this are read by nobody; the smallest are one row. */
export const rowsMax = 14;

export function contributionTable(
  { items, cash }: Pick<ContributionsOfPeriod, 'items'> & { cash: ContributionParts | null },
  base: string,
  all: boolean,
): ContributionTable {
  const digits = currencyDigits(base);
  const entries = folded(items.map(entryOf), all);
  if (cash && partKeys.some((key) => cash[key] !== null && decimal.sign(cash[key]) !== 0)) {
    entries.push({ ...cash, key: 'cash', label: 'Cash', symbol: '', instrumentId: null });
  }
  const profits = column(
    entries.map(({ profit }) => profit),
    digits,
  );
  const rows = entries.map((entry, index) => {
    const profit = profits[index] ?? null;
    return {
      key: entry.key,
      label: entry.label,
      symbol: entry.symbol,
      instrumentId: entry.instrumentId,
      parts: partsOf(entry, profit, digits),
      profit,
      contribution: entry.contribution ?? null,
    };
  });
  const summed = (of: (row: ContributionRow) => string | null): string | null => {
    const values = rows.map(of);
    return values.every((value) => value !== null) ? decimal.sum(values) : null;
  };
  return {
    rows,
    total: {
      price: summed(({ parts }) => parts.price),
      currency: summed(({ parts }) => parts.currency),
      income: summed(({ parts }) => parts.income),
      costs: summed(({ parts }) => parts.costs),
      profit: summed(({ profit }) => profit),
    },
  };
}

function entryOf(item: ContributionItem): Entry {
  return { ...item, key: item.instrument_id, label: item.name, instrumentId: item.instrument_id };
}

/** The largest in size stay; the rest is added up. Unknown ones stay too: they are what one wants to see. */
function folded(entries: Entry[], all: boolean): Entry[] {
  // One row more is better than a summary of one.
  if (all || entries.length <= rowsMax + 1) return entries;
  const size = ({ profit }: Entry): string => (profit === null ? '' : decimal.absolute(profit));
  const bySize = [...entries].sort((a, b) => {
    if (a.profit === null || b.profit === null) return a.profit === b.profit ? 0 : a.profit === null ? -1 : 1;
    return decimal.compare(size(b), size(a));
  });
  const kept = new Set(bySize.slice(0, rowsMax));
  const rest = bySize.slice(rowsMax);
  const added = (of: (entry: Entry) => string | null | undefined): string | null => {
    const values = rest.map(of);
    return values.every((value) => typeof value === 'string') ? decimal.sum(values) : null;
  };
  return [
    ...entries.filter((entry) => kept.has(entry)),
    {
      key: 'smaller',
      label: `${rest.length} smaller ones`,
      symbol: '',
      instrumentId: null,
      price: added(({ price }) => price),
      currency: added(({ currency }) => currency),
      income: added(({ income }) => income),
      costs: added(({ costs }) => costs),
      profit: added(({ profit }) => profit),
      contribution: added(({ contribution }) => contribution),
    },
  ];
}

/** Parts in digits that add up to the row's profit as it is shown. */
function partsOf(
  entry: Pick<Entry, PartKey>,
  profit: string | null,
  digits: number,
): Record<PartKey, string | null> {
  const exact = partKeys.map((key) => {
    const value = entry[key];
    return value !== null && key === 'costs' ? decimal.negate(value) : value;
  });
  const rounded = exact.map((value) => (value === null ? null : decimal.round(value, digits)));
  if (profit === null || rounded.some((value) => value === null)) {
    return Object.fromEntries(partKeys.map((key, index) => [key, rounded[index] ?? null])) as Record<
      PartKey,
      string | null
    >;
  }
  const known = rounded.filter((value) => value !== null);
  // What rounding leaves goes to the largest part, where it is the smallest lie.
  const left = decimal.subtract(profit, decimal.sum(known));
  const largest = known.reduce(
    (best, value, index) =>
      decimal.compare(decimal.absolute(value), decimal.absolute(known[best] ?? '0')) > 0 ? index : best,
    0,
  );
  known[largest] = decimal.add(known[largest] ?? '0', left);
  return Object.fromEntries(partKeys.map((key, index) => [key, known[index] ?? null])) as Record<
    PartKey,
    string | null
  >;
}

function column(amounts: (string | null)[], digits: number): (string | null)[] {
  const known = amounts.filter((amount) => amount !== null);
  if (known.length === amounts.length) return decimal.roundToSum(known, digits);
  return amounts.map((amount) => (amount === null ? null : decimal.round(amount, digits)));
}
