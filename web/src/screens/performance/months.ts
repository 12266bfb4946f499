/** Returns by month as a table of years, and the colour each one has. */
import type { PeriodReturns } from '../../api';
import type { ColourClass } from '../../charts/treemap';
import { decimal } from '../../format';

export interface MonthCell {
  /** "2026-11"; null: outside the period. */
  month: string | null;
  /** A fraction; null is unknown. */
  value: string | null;
  colour: ColourClass;
  /** The period holds only part of it. */
  part: boolean;
}

export interface YearRow {
  year: string;
  cells: MonthCell[];
  value: string | null;
  complete: boolean;
}

/** From these sizes on a month is coloured stronger, in percent points. Fixed, so that years can be compared. */
export const colourSteps = ['0.15', '1.5', '4'] as const;

export function monthColour(fraction: string | null): ColourClass {
  if (fraction === null) return 'd0';
  const size = decimal.absolute(decimal.shift(fraction, 2));
  const step = colourSteps.filter((bound) => decimal.compare(size, bound) >= 0).length;
  if (step === 0) return 'd0';
  return `${decimal.sign(fraction) > 0 ? 'g' : 'l'}${step}` as ColourClass;
}

/** The newest year first, twelve cells each. */
export function yearRows({ months, years, period }: PeriodReturns): YearRow[] {
  const byMonth = new Map(months.map(({ month, return: value }) => [month, value]));
  const first = period.from.slice(0, 7);
  const last = period.to.slice(0, 7);
  const cell = (month: string): MonthCell => {
    if (!byMonth.has(month)) return { month: null, value: null, colour: 'd0', part: false };
    const value = byMonth.get(month) ?? null;
    const part =
      (month === first && !period.from.endsWith('-01')) || (month === last && period.to !== monthEnd(month));
    return { month, value, colour: monthColour(value), part };
  };
  return years.toReversed().map(({ year, return: value, complete }) => ({
    year: String(year),
    value,
    complete,
    cells: Array.from({ length: 12 }, (_, index) => cell(`${year}-${String(index + 1).padStart(2, '0')}`)),
  }));
}

function monthEnd(month: string): string {
  const [year = 0, number = 0] = month.split('-').map(Number);
  return new Date(Date.UTC(year, number, 0)).toISOString().slice(0, 10);
}
