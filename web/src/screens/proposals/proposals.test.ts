import { describe, expect, it } from 'vitest';
import type { Proposal } from '../../api';
import { readDraft } from '../activities/fields';
import { acceptanceBatches, acceptedAtOnceMax, draftOfProposal, waitingWords } from './words';

function proposal(changes: Partial<Proposal> = {}): Proposal {
  return {
    id: 'p1',
    state: 'open',
    kind: 'dividend',
    instrument_id: 'msft',
    symbol: 'MSFT',
    name: 'Microsoft',
    date: '2026-02-10',
    pay_date: '2026-02-20',
    per_share: '0.83',
    currency: 'USD',
    ratio: null,
    quantity: '40',
    quantity_after: null,
    account_id: 'main',
    account_name: 'Main account',
    activity: {
      date: '2026-02-20',
      type: 'dividend',
      account: 'main',
      symbol: 'msft',
      amount: '33.20',
      currency: 'USD',
      note: '0.83 USD a share',
    },
    source: 'simulated',
    observed_at: '2026-02-21T00:00:00Z',
    note: null,
    assumes: [],
    ...changes,
  };
}

describe('proposals', () => {
  it('says how many wait', () => {
    expect(waitingWords(1)).toBe('1 split or dividend is waiting for you');
    expect(waitingWords(3)).toBe('3 splits or dividends are waiting for you');
  });

  it('fills the form with what would be booked, and nothing else comes out of it', () => {
    const dividend = proposal();
    expect(readDraft(draftOfProposal(dividend, 'EUR'))).toEqual({ input: dividend.activity });
    const split = proposal({
      kind: 'split',
      activity: { date: '2024-06-10', type: 'split', symbol: 'nvda', ratio: '10:1', note: 'Split 10:1' },
    });
    expect(readDraft(draftOfProposal(split, 'EUR'))).toEqual({ input: split.activity });
  });

  it('accepts splits before what may rest on them, no more at once than the server takes', () => {
    const many = Array.from({ length: acceptedAtOnceMax + 1 }, (_, at) => proposal({ id: `d${at}` }));
    const batches = acceptanceBatches([...many, proposal({ id: 's', kind: 'split' })]);
    expect(batches.map((batch) => batch.length)).toEqual([acceptedAtOnceMax, 2]);
    expect(batches[0]?.slice(0, 2)).toEqual(['s', 'd0']);
  });
});
