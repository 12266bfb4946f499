/** Rules that most people want, offered while there is none. */
import type { Draft } from './draft';

export interface Example {
  title: string;
  text: string;
  draft: Partial<Draft>;
}

export function examples(portfolio: string): Example[] {
  return [
    {
      title: 'A fall of the whole portfolio',
      text: 'More than 10 % under the peak of the last year.',
      draft: { kind: 'drawdown', portfolio, direction: 'above', threshold: '10', rearm: '8', days: '365' },
    },
    {
      title: 'A bad day',
      text: 'The portfolio loses 3 % or more since yesterday.',
      draft: { kind: 'portfolio_change', portfolio, direction: 'below', threshold: '-3', days: '1' },
    },
    {
      title: 'A price that stands still',
      text: 'Anything you hold has no new price for 24 hours of trading.',
      draft: { kind: 'stale', portfolio, threshold: '24' },
    },
  ];
}
