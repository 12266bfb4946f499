/** What may be seen by others, in the words of every screen that says so. */
import type { DataState, GrantLevel, LinkLevel } from '../../api';

/** What a person with an account is given with each level. */
export const grantShows: Record<GrantLevel, string> = {
  percentages: 'Names, weights and returns in percent, but no amounts.',
  view: 'Everything in it, with amounts. Changes nothing.',
  edit: 'All that, and adds and corrects activities.',
  manage: 'All that, changes names, accounts and settings, and lets others look or edit.',
};

/** What a public link shows. */
export const linkShows: Record<LinkLevel, string> = {
  percentages: 'Names, weights and changes in percent, but no amounts.',
  view: 'The value and the holdings, with amounts.',
};

export const grantLevels: GrantLevel[] = ['percentages', 'view', 'edit', 'manage'];
export const linkLevels: LinkLevel[] = ['percentages', 'view'];

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
