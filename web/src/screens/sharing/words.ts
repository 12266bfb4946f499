/** What may be seen by others, in the words of every screen that says so. */
import type { DataState, LinkLevel } from '../../api';

interface Level {
  label: string;
  shows: string;
}

export const linkLevels: Record<LinkLevel, Level> = {
  percentages: { label: 'Percentages only', shows: 'Names, weights and changes in percent, but no amounts.' },
  view: { label: 'Can look', shows: 'The value and the holdings, with amounts.' },
};

/** The state of the worst price in words. */
export const stateWords: Record<DataState, string> = {
  live: 'Prices are live',
  delayed: 'Prices are delayed',
  closed: 'Markets are closed',
  nav: 'Fund values of their day',
  manual: 'Some prices are entered by hand',
  fallback: 'Some prices come from another source',
  stale: 'Some prices are stale',
  quarantined: 'A price is held back',
  none: 'Some prices are missing',
};
