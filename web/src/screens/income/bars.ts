/** Income by month as columns on one scale, and the years as rows whose digits add up. */
import type { Income } from '../../api';
import { decimal } from '../../format';

export interface IncomeBar {
  month: string;
  /** Percent of the highest column; below zero where more was paid than received. */
  height: number;
  /** The part that taxes took, in percent of the same. */
  taxed: number;
  net: string | null;
}

/** More columns than this can't be told apart: the newest are shown. */
export const barsMax = 60;

export function incomeBars({ months }: Income): IncomeBar[] {
  const shown = months.slice(-barsMax);
  const sizes = shown.map(({ gross }) => Math.abs(decimal.toNumber(gross ?? '0')));
  const highest = Math.max(...sizes, 0);
  const scaled = (amount: string | null): number =>
    highest > 0 ? (decimal.toNumber(amount ?? '0') / highest) * 100 : 0;
  return shown.map(({ month, gross, net }) => ({
    month,
    height: scaled(gross),
    taxed: Math.max(0, scaled(gross) - scaled(net)),
    net,
  }));
}

/** The months of a year, the newest first, without those in which nothing came. */
export function monthsOf(income: Income, year: string): Income['months'] {
  return income.months
    .filter(({ month, items }) => month.startsWith(`${year}-`) && items.length > 0)
    .toReversed();
}
