/** Periods of the price chart. */
import { monthsBefore } from '../../format';

export type PriceRange = '3m' | '1y' | '3y' | 'first' | 'max';

export const priceRanges: { value: PriceRange; label: string }[] = [
  { value: '3m', label: '3M' },
  { value: '1y', label: '1Y' },
  { value: '3y', label: '3Y' },
  { value: 'first', label: 'Since first buy' },
  { value: 'max', label: 'Max' },
];

export const standardPriceRange: PriceRange = '1y';

export function isPriceRange(text: string | null): text is PriceRange {
  return priceRanges.some(({ value }) => value === text);
}

/** Before every price there is. */
const everything = '1900-01-01';

/** First day of the period. */
export function priceRangeStart(range: PriceRange, today: string, firstDay: string | undefined): string {
  switch (range) {
    case '3m':
      return monthsBefore(today, 3);
    case '1y':
      return monthsBefore(today, 12);
    case '3y':
      return monthsBefore(today, 36);
    case 'first':
      return firstDay ?? everything;
    case 'max':
      return everything;
  }
}

/** Up to this many days every day is a row of the table; beyond it the last day of each month. */
const dailyRowsMax = 45;

export function tableRows<P extends { date: string }>(prices: readonly P[]): P[] {
  if (prices.length <= dailyRowsMax) return prices.toReversed();
  return prices
    .filter(({ date }, index) => prices[index + 1]?.date.slice(0, 7) !== date.slice(0, 7))
    .toReversed();
}
