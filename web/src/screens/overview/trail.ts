/** How a figure of the side panel came about: steps that add up, then method and gaps. */
import type { Performance } from '../../api';
import { day, decimal, number, percent, unknown } from '../../format';

export type Figure = 'twr' | 'xirr' | 'gain';

export interface Step {
  label: string;
  note?: string;
  /** An amount in the base currency… */
  amount?: string | null;
  /** …or words. */
  text?: string;
  sum?: boolean;
}

export interface Trail {
  title: string;
  text: string;
  steps: Step[];
  facts: { name: string; words: string }[];
}

export function trailOf(figure: Figure, performance: Performance): Trail {
  const facts = [
    {
      name: 'Period',
      words: `${day(performance.period.from)} to ${day(performance.period.to)}, ${number(performance.period.days)} days`,
    },
    { name: 'Prices', words: 'The last daily close of each day; what trades now counts from its close on' },
    ...gaps(performance),
  ];
  switch (figure) {
    case 'twr':
      return timeWeighted(performance, facts);
    case 'xirr':
      return moneyWeighted(performance, facts);
    case 'gain':
      return gain(performance, facts);
  }
}

function rate(fraction: string | null | undefined): string {
  return fraction === null || fraction === undefined
    ? unknown
    : percent(decimal.shift(fraction, 2), { digits: 2, signs: 'always' });
}

function gaps({ problems }: Performance): { name: string; words: string }[] {
  if (problems.length === 0) return [{ name: 'Gaps', words: 'None' }];
  const shownMax = 5;
  const said = problems.slice(0, shownMax).map((problem) => `${problem.where}: ${problem.what}`);
  const rest = problems.length - said.length;
  return [{ name: 'Gaps', words: said.join('; ') + (rest > 0 ? `; and ${rest} more` : '') }];
}

function timeWeighted({ returns }: Performance, facts: Trail['facts']): Trail {
  return {
    title: 'Return, time-weighted',
    text:
      'Each day has its own return: what it was worth in the evening over what it was worth in the morning, ' +
      'money paid in counted in the morning and money taken out in the evening. The days are multiplied. ' +
      'When you paid in makes no difference, so it can be compared with an index.',
    steps: [
      {
        label: 'Days of the period, multiplied',
        text: rate(returns.twr),
        sum: returns.twr_annualised === null,
      },
      ...(returns.twr_annualised === null
        ? []
        : [
            {
              label: 'The same a year',
              note: 'to the power of 365 over the days',
              text: rate(returns.twr_annualised),
            },
          ]),
    ],
    facts: [{ name: 'Method', words: 'True time-weighted, daily chain' }, ...facts],
  };
}

const xirrWords: Record<string, string> = {
  several: 'More than one rate fits; the one nearest to the Modified Dietz return is shown.',
  none: 'No rate fits these payments.',
  not_meaningful: 'There are too few payments for a rate.',
};

function moneyWeighted({ returns, totals }: Performance, facts: Trail['facts']): Trail {
  const status = returns.xirr?.status ?? 'not_meaningful';
  return {
    title: 'Return, money-weighted',
    text:
      'The yearly interest at which every payment, on the day it was made, would have grown to what the ' +
      `portfolio is worth now. When you paid in counts. ${xirrWords[status] ?? ''}`.trim(),
    steps: [
      { label: 'Worth at the start', amount: totals.value_start },
      { label: 'Paid in, each on its day', amount: totals.paid_in },
      { label: 'Taken out, each on its day', amount: totals.taken_out },
      { label: 'Worth at the end', amount: totals.value },
      { label: 'Rate that fits, a year', text: rate(returns.xirr?.rate), sum: true },
    ],
    facts: [{ name: 'Method', words: 'XIRR, 365 days a year' }, ...facts],
  };
}

function gain({ totals }: Performance, facts: Trail['facts']): Trail {
  const minus = (value: string | null): string | null => (value === null ? null : decimal.negate(value));
  return {
    title: 'Gain',
    text: 'What the portfolio is worth now, less what it was worth at the start and what was paid in since, plus what was taken out.',
    steps: [
      { label: 'Worth at the end', amount: totals.value },
      { label: 'Worth at the start', amount: minus(totals.value_start) },
      { label: 'Paid in', amount: minus(totals.paid_in) },
      { label: 'Taken out', amount: totals.taken_out },
      { label: 'Gain', amount: totals.profit, sum: true },
    ],
    facts: [
      { name: 'Of which', words: 'Price, currency and income together; fees and taxes are taken off' },
      ...facts,
    ],
  };
}
