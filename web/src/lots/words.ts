/** The ways of matching what is sold with what was bought, as people call them. */
import type { LotMethod, LotScope } from '../api';

export const lotMethods: { value: LotMethod; label: string; says: string }[] = [
  { value: 'fifo', label: 'First in, first out', says: 'The oldest purchase is sold first' },
  { value: 'lifo', label: 'Last in, first out', says: 'The newest purchase is sold first' },
  { value: 'hifo', label: 'Highest cost first', says: 'The dearest purchase is sold first' },
  { value: 'average', label: 'Average cost', says: 'Every share sold costs the average of all' },
  { value: 'specific', label: 'Chosen lots', says: 'Every sale names the purchases it takes' },
];

export const lotScopes: { value: LotScope; label: string; says: string }[] = [
  { value: 'account', label: 'Within each account', says: 'A sale takes lots of its own account' },
  { value: 'portfolio', label: 'Across all accounts', says: 'A sale takes lots wherever they are' },
];

export function methodLabel(method: string): string {
  return lotMethods.find(({ value }) => value === method)?.label ?? method;
}

/** "First in, first out, within each account". */
export function lotWords(method: string, scope: string): string {
  const where = lotScopes.find(({ value }) => value === scope)?.label ?? scope;
  return `${methodLabel(method)}, ${where.toLowerCase()}`;
}
