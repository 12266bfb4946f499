/** What proposals are called, and how they fill the form. */
import type { ActivityInput, Proposal } from '../../api';
import { writeDecimal } from '../../format';
import { emptyDraft } from '../activities/fields';
import type { Draft } from '../activities/fields';

/** How many are accepted with one call; the server takes no more. */
export const acceptedAtOnceMax = 100;

export function waitingWords(count: number): string {
  return count === 1
    ? '1 split or dividend is waiting for you'
    : `${count} splits or dividends are waiting for you`;
}

/** The form of what accepting would book, to be edited. */
export function draftOfProposal(proposal: Proposal, base: string): Draft {
  const entry: ActivityInput = proposal.activity;
  return {
    ...emptyDraft(entry.type, entry.account ?? '', entry.currency ?? base),
    date: entry.date,
    instrument: entry.symbol ?? '',
    instrumentName: proposal.name,
    amount: writeDecimal(entry.amount ?? null),
    ratio: entry.ratio ?? '',
    note: entry.note ?? '',
  };
}

/** Calls in which a list is accepted: splits first, so that what rests on them comes after. */
export function acceptanceBatches(items: Proposal[]): string[][] {
  const ids = [...items]
    .sort((a, b) => (a.kind === b.kind ? 0 : a.kind === 'split' ? -1 : 1))
    .map(({ id }) => id);
  const batches: string[][] = [];
  for (let at = 0; at < ids.length; at += acceptedAtOnceMax)
    batches.push(ids.slice(at, at + acceptedAtOnceMax));
  return batches;
}
