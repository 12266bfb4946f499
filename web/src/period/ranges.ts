/** Periods one can look at. */
import { daysBefore, monthsBefore } from '../format';

export type Range = '1w' | '1m' | '3m' | '6m' | 'ytd' | '1y' | '3y' | '5y' | 'max';

export const ranges: { value: Range; label: string; title: string }[] = [
  { value: '1w', label: '1W', title: 'One week' },
  { value: '1m', label: '1M', title: 'One month' },
  { value: '3m', label: '3M', title: 'Three months' },
  { value: '6m', label: '6M', title: 'Six months' },
  { value: 'ytd', label: 'YTD', title: 'This year' },
  { value: '1y', label: '1Y', title: 'One year' },
  { value: '3y', label: '3Y', title: 'Three years' },
  { value: 'max', label: 'Max', title: 'From the start' },
];

export const standardRange: Range = '1y';

export function isRange(text: string | null): text is Range {
  return ranges.some((range) => range.value === text);
}

/** The first day of the period that ends today; undefined: from the first activity on. A year has 365 days. */
export function rangeStart(range: Range, today: string): string | undefined {
  switch (range) {
    case '1w':
      return daysBefore(today, 6);
    case '1m':
      return dayAfter(monthsBefore(today, 1));
    case '3m':
      return dayAfter(monthsBefore(today, 3));
    case '6m':
      return dayAfter(monthsBefore(today, 6));
    case 'ytd':
      return `${today.slice(0, 4)}-01-01`;
    case '1y':
      return dayAfter(monthsBefore(today, 12));
    case '3y':
      return dayAfter(monthsBefore(today, 36));
    case '5y':
      return dayAfter(monthsBefore(today, 60));
    case 'max':
      return undefined;
  }
}

/** Where the line of the period begins: the evening before its first day, which is what it is measured against. */
export function lineStart(range: Range, today: string): string | undefined {
  const first = rangeStart(range, today);
  return first === undefined ? undefined : daysBefore(first, 1);
}

function dayAfter(date: string): string {
  return daysBefore(date, -1);
}

/** What a screen about long times offers; "custom" takes both days from the address. */
export const longRanges: { value: Range | 'custom'; label: string }[] = [
  { value: 'ytd', label: 'YTD' },
  { value: '1y', label: '1Y' },
  { value: '3y', label: '3Y' },
  { value: '5y', label: '5Y' },
  { value: 'max', label: 'Since start' },
  { value: 'custom', label: 'Custom' },
];

export interface Span {
  /** Undefined: from the first activity on. */
  from?: string;
  to: string;
}

export interface Chosen extends Span {
  range: Range | 'custom';
}

const dayPattern = /^\d{4}-\d{2}-\d{2}$/;

/** The period an address asks for. Days that are none, or the wrong way round, are as if not given. */
export function chosenPeriod(query: URLSearchParams, today: string): Chosen {
  const wanted = query.get('range');
  if (wanted === 'custom') {
    const from = query.get('from') ?? '';
    const to = query.get('to') ?? '';
    const last = dayPattern.test(to) && to <= today ? to : today;
    return { range: 'custom', from: dayPattern.test(from) && from <= last ? from : undefined, to: last };
  }
  const range = longRanges.find(({ value }) => value === wanted)?.value;
  const known: Range = range && range !== 'custom' ? range : 'max';
  return { range: known, from: rangeStart(known, today), to: today };
}
