/** "Why it moved": the day's contributions as rows whose shown digits add up to the shown change. */
import type { Contribution } from '../../api';
import { currencyDigits, decimal } from '../../format';

export type RowKind = 'price' | 'currency' | 'cash' | 'smaller' | 'unexplained';

export interface LedgerRow {
  key: string;
  label: string;
  /** Already rounded to the digits shown. */
  amount: string;
  percent: string | null;
  kind: RowKind;
  instrumentId: string | null;
}

export interface Ledger {
  rows: LedgerRow[];
  /** The rounded day change; exactly the sum of the rows. */
  total: string;
}

/** More rows than this don't fit beside the number; the rest is one row. */
export const rowsMax = 9;

export function dayLedger(contributions: Contribution[], dayChange: string, currency: string): Ledger {
  const digits = currencyDigits(currency);
  const total = decimal.round(dayChange, digits);
  const bySize = [...contributions].sort((a, b) =>
    decimal.compare(decimal.absolute(b.amount), decimal.absolute(a.amount)),
  );
  const sums = decimal.sum(bySize.map((entry) => entry.amount));
  const unexplained = decimal.subtract(dayChange, sums);
  // One row more is better than a summary of one.
  const named = bySize.length <= rowsMax + 1 ? bySize : bySize.slice(0, rowsMax);
  const smaller = bySize.slice(named.length);

  const exact = [
    ...named.map((entry) => entry.amount),
    ...(smaller.length > 0 ? [decimal.sum(smaller.map((entry) => entry.amount))] : []),
    ...(decimal.sign(unexplained) !== 0 ? [unexplained] : []),
  ];
  const shown = decimal.roundToSum(exact, digits);
  const rows: LedgerRow[] = named.map((entry, index) => ({
    key: keyOf(entry, index),
    label: labelOf(entry, currency),
    amount: shown[index] ?? '0',
    percent: entry.percent ?? null,
    kind: entry.kind,
    instrumentId: entry.instrument_id ?? null,
  }));
  rows.sort((a, b) => decimal.compare(b.amount, a.amount));
  if (smaller.length > 0) {
    rows.push(summary('smaller', `${smaller.length} smaller moves`, shown[named.length] ?? '0'));
  }
  if (decimal.sign(unexplained) !== 0) {
    rows.push(summary('unexplained', 'Not explained', shown.at(-1) ?? '0'));
  }
  return { rows, total };
}

function summary(kind: RowKind, label: string, amount: string): LedgerRow {
  return { key: kind, label, amount, percent: null, kind, instrumentId: null };
}

function keyOf(entry: Contribution, index: number): string {
  return `${entry.kind} ${entry.instrument_id ?? entry.currency ?? index}`;
}

/** "Nvidia", "Dollar against euro", "Cash in dollar". */
export function labelOf(entry: Contribution, base: string): string {
  const code = entry.currency ?? '';
  if (entry.kind === 'currency') return `${capital(currencyWord(code))} against ${currencyWord(base)}`;
  if (entry.kind === 'cash') return code ? `Cash in ${currencyWord(code)}` : 'Cash';
  return entry.label || entry.instrument_id || 'Unnamed';
}

const words: Record<string, string> = {
  EUR: 'euro',
  USD: 'dollar',
  GBP: 'pound',
  JPY: 'yen',
  CHF: 'franc',
  INR: 'rupee',
  SEK: 'Swedish krona',
  NOK: 'Norwegian krone',
  DKK: 'Danish krone',
  AUD: 'Australian dollar',
  CAD: 'Canadian dollar',
  HKD: 'Hong Kong dollar',
  SGD: 'Singapore dollar',
  PLN: 'zloty',
  CZK: 'koruna',
  ZAR: 'rand',
  BTC: 'bitcoin',
};

/** A currency as people say it: "dollar"; its code where there is no short word. */
export function currencyWord(code: string): string {
  return words[code] ?? code;
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
