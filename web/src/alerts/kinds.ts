/** What a rule can look at, in plain words, and which fields each kind has. */
import type { AlertCondition, AlertKind } from '../api';

/** What a kind is about: an instrument, what a portfolio holds or one instrument, a pair of currencies, a portfolio, a part of one. */
export type About = 'instrument' | 'either' | 'pair' | 'portfolio' | 'part' | 'nothing';

export interface KindWords {
  label: string;
  about: About;
  /** What the threshold is called; kinds without one have none. */
  threshold?: string;
  /** What the threshold counts; 'own' is the currency of the price or the portfolio. */
  measure?: 'own' | 'quote' | '%' | 'pt' | 'days' | 'hours';
  /** Kinds with a level are above, below or crossing something, and are armed again. */
  level?: boolean;
  /** What the number of days is called. */
  days?: string;
}

export const kindWords: Record<AlertKind, KindWords> = {
  price: { label: 'Price', about: 'instrument', threshold: 'Price', measure: 'own', level: true },
  change: {
    label: 'Change of a price',
    about: 'instrument',
    threshold: 'Change',
    measure: '%',
    level: true,
    days: 'Over',
  },
  off_high: {
    label: 'Price under its high',
    about: 'instrument',
    threshold: 'Fall of',
    measure: '%',
    level: true,
    days: 'From the high of',
  },
  rate: { label: 'Exchange rate', about: 'pair', threshold: 'Rate', measure: 'quote', level: true },
  value: {
    label: 'Value of the portfolio',
    about: 'portfolio',
    threshold: 'Value',
    measure: 'own',
    level: true,
  },
  gain: { label: 'Gain on what is held', about: 'portfolio', threshold: 'Gain', measure: 'own', level: true },
  portfolio_change: {
    label: 'Change of the portfolio',
    about: 'portfolio',
    threshold: 'Change',
    measure: '%',
    level: true,
    days: 'Over',
  },
  drawdown: {
    label: 'Portfolio under its peak',
    about: 'portfolio',
    threshold: 'Fall of',
    measure: '%',
    level: true,
    days: 'From the peak of',
  },
  weight: { label: 'Weight in the portfolio', about: 'part', threshold: 'Weight', measure: '%', level: true },
  drift: { label: 'Drift from a target', about: 'part', threshold: 'Drift', measure: 'pt', level: true },
  dividend: { label: 'Dividend', about: 'either' },
  ex_date: { label: 'Ex-date ahead', about: 'either', threshold: 'Within', measure: 'days' },
  stale: { label: 'No new price', about: 'either', threshold: 'For', measure: 'hours' },
  import_failed: { label: 'Failed import', about: 'nothing' },
  sign_in: { label: 'Unusual sign-in', about: 'nothing' },
  expression: { label: 'Expression', about: 'portfolio' },
};

export const kinds = Object.keys(kindWords) as AlertKind[];

/** Amounts are what people hide; of gains it depends on the unit. */
export function isAmount(condition: Pick<AlertCondition, 'kind' | 'unit'>): boolean {
  return condition.kind === 'value' || (condition.kind === 'gain' && condition.unit !== 'percent');
}
