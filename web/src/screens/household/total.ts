/** What the portfolios of a household come to together. */
import { sum } from '../../format/decimal';

/** A portfolio's value in its own currency; null where it isn't known or isn't the viewer's to see. */
export interface Valued {
  value: string | null;
  currency: string | null;
}

/** A sum only of what is all known and of one currency; otherwise why there is none. */
export type Total = { value: string; currency: string } | { why: string };

export function totalOf(all: Valued[]): Total {
  const first = all[0]?.currency;
  const values = all.flatMap(({ value }) => (value === null ? [] : [value]));
  if (!first || values.length < all.length)
    return { why: 'There is no sum: not every value is known to you.' };
  if (all.some(({ currency }) => currency !== first))
    return { why: 'There is no sum: they are in several currencies.' };
  return { value: sum(values), currency: first };
}
