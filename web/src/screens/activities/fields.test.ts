import { describe, expect, it } from 'vitest';
import { setLocale } from '../../format';
import { activity } from '../../test/samples';
import {
  activityTypes,
  cashEffect,
  draftOf,
  emptyDraft,
  readDraft,
  shownFields,
  touchesEveryAccount,
} from './fields';
import { openLots } from './open-lots';
import type { Draft } from './fields';

function draft(changes: Partial<Draft> = {}): Draft {
  return { ...emptyDraft('buy', 'a1', 'EUR'), date: '2026-11-19', ...changes };
}

describe('readDraft', () => {
  it('sends only what the type needs', () => {
    const read = readDraft(
      draft({
        type: 'deposit',
        amount: '1,000',
        instrument: 'nvda',
        quantity: '3',
        ratio: '2:1',
        reinvest: true,
        note: '  savings ',
      }),
    );
    expect(read).toEqual({
      input: {
        date: '2026-11-19',
        type: 'deposit',
        account: 'a1',
        amount: '1000',
        currency: 'EUR',
        note: 'savings',
      },
    });
  });

  it('reads a trade in the user’s own separators', () => {
    setLocale('de-DE');
    const read = readDraft(draft({ instrument: 'nvda', quantity: '1.000,5', price: '214,38', fee: '4,90' }));
    expect(read).toEqual({
      input: {
        date: '2026-11-19',
        type: 'buy',
        account: 'a1',
        symbol: 'nvda',
        quantity: '1000.5',
        price: '214.38',
        fee: '4.90',
        currency: 'EUR',
      },
    });
  });

  it('names every field that is missing or wrong', () => {
    expect(readDraft(draft({ date: '', quantity: '1O', price: '-3' }))).toEqual({
      errors: {
        date: 'On which day?',
        symbol: 'Which holding?',
        quantity: 'Not a number.',
        price: 'Not below zero.',
      },
    });
    expect(readDraft(draft({ instrument: 'x', quantity: '0', price: '0' }))).toEqual({
      errors: { quantity: 'Not zero.' },
    });
  });

  it('lets interest be paid but no fee be negative', () => {
    expect(readDraft(draft({ type: 'interest', amount: '-2.50' }))).toHaveProperty('input.amount', '-2.50');
    expect(readDraft(draft({ type: 'fee', amount: '-2.50' }))).toHaveProperty('errors.amount');
  });

  it('wants two accounts for a transfer', () => {
    const transfer = { type: 'transfer' as const, instrument: 'nvda', quantity: '5' };
    expect(readDraft(draft({ ...transfer, to_account: 'a1' }))).toHaveProperty('errors.to_account');
    expect(readDraft(draft({ ...transfer, to_account: 'a2' }))).toHaveProperty('input.to_account', 'a2');
  });

  it.each([
    ['2:1', true],
    ['3 : 2', true],
    ['1.5:1', true],
    ['2', false],
    ['2:', false],
  ])('takes the ratio %j: %s', (ratio, good) => {
    const read = readDraft(draft({ type: 'split', instrument: 'nvda', ratio }));
    expect('input' in read).toBe(good);
  });

  it('asks how many units a reinvested dividend bought', () => {
    const dividend = draft({ type: 'dividend', instrument: 'x', amount: '50', reinvest: true });
    expect(shownFields(dividend)).toContain('quantity');
    expect(readDraft(dividend)).toHaveProperty('errors.quantity');
    expect(shownFields({ ...dividend, reinvest: false })).not.toContain('quantity');
  });

  it('gives back what it was made of', () => {
    const booked = activity({ fee: '4.90', note: 'plan' });
    expect(readDraft(draftOf(booked))).toEqual({
      input: {
        date: '2026-11-02',
        type: 'buy',
        account: 'a1',
        symbol: 'nvda',
        quantity: '10',
        price: '214.38',
        fee: '4.90',
        currency: 'USD',
        note: 'plan',
      },
    });
  });

  it('covers every type, the usual five first', () => {
    expect(activityTypes.map((entry) => entry.value).sort()).toEqual(
      (
        'buy sell deliver_in deliver_out transfer deposit withdrawal dividend interest fee tax split ' +
        'cash_transfer spin_off merger return_of_capital rename write_off'
      )
        .split(' ')
        .sort(),
    );
    expect(activityTypes.slice(0, 5).map(({ group }) => group)).toEqual(Array(5).fill('usual'));
  });

  it('takes the share of the cost in percent and sends a fraction', () => {
    const spinOff = draft({
      type: 'spin_off',
      instrument: 'jnj',
      to_instrument: 'kvue',
      ratio: '1:4',
      cost_share: '12.5',
    });
    expect(readDraft(spinOff)).toMatchObject({
      input: { symbol: 'jnj', to_symbol: 'kvue', ratio: '1:4', cost_share: '0.125' },
    });
    expect(readDraft({ ...spinOff, cost_share: '101' })).toHaveProperty('errors.cost_share');
    expect(readDraft({ ...spinOff, to_instrument: 'jnj' })).toHaveProperty('errors.to_symbol');
    const saved = activity({ type: 'spin_off', to_instrument_id: 'kvue', cost_share: '0.125' });
    expect(draftOf(saved).cost_share).toBe('12.5');
  });

  it('wants cash to go somewhere else, and what arrives where the currency changes', () => {
    const cash = draft({ type: 'cash_transfer', account: 'a1', amount: '100', currency: 'EUR' });
    expect(readDraft(cash)).toHaveProperty('errors.to_account');
    expect(readDraft({ ...cash, to_account: 'a2' })).toMatchObject({ input: { to_account: 'a2' } });
    expect(readDraft({ ...cash, to_currency: 'USD' })).toHaveProperty('errors.to_amount');
    expect(readDraft({ ...cash, to_currency: 'USD', to_amount: '115.8' })).toMatchObject({
      input: { to_currency: 'USD', to_amount: '115.8' },
    });
    expect(readDraft({ ...cash, to_account: 'a2', to_amount: '5' })).not.toHaveProperty('input.to_amount');
  });

  it('sends the lots that were chosen, when they add up', () => {
    const sale = draft({ type: 'sell', instrument: 'nvda', quantity: '7', price: '10' });
    expect(readDraft(sale)).not.toHaveProperty('input.lots');
    expect(readDraft({ ...sale, lots: { b1: '5', b2: ' ' } })).toHaveProperty('errors.lots');
    expect(readDraft({ ...sale, lots: { b1: 'x' } })).toHaveProperty('errors.lots');
    expect(readDraft({ ...sale, lots: { b1: '5', b2: '2', b3: '0' } })).toMatchObject({
      input: {
        lots: [
          { id: 'b1', quantity: '5' },
          { id: 'b2', quantity: '2' },
        ],
      },
    });
  });

  it('lets a company touch every account', () => {
    const split = draft({ type: 'split', account: '', instrument: 'nvda', ratio: '10:1' });
    expect(readDraft(split)).not.toHaveProperty('input.account');
    expect(touchesEveryAccount('split')).toBe(true);
    expect(touchesEveryAccount('return_of_capital')).toBe(false);
  });
});

describe('openLots', () => {
  const lot = (id: string, opened: string, quantity: string) => ({
    id,
    opened,
    quantity,
    unit_cost: '1',
    account: 'a1',
    currency: 'EUR',
  });
  it('has every lot once, the oldest first, and no short ones', () => {
    const lots = [
      lot('b', '2026-02-01', '3'),
      lot('a', '2026-01-01', '1'),
      lot('b', '2026-02-01', '2.5'),
      lot('s', '2026-01-01', '-4'),
    ];
    expect(openLots(lots).map(({ id, quantity }) => [id, quantity])).toEqual([
      ['a', '1'],
      ['b', '5.5'],
    ]);
  });
});

describe('cashEffect', () => {
  it.each([
    [{}, '-2143.80'],
    [{ type: 'sell' as const }, '2143.80'],
    [{ type: 'dividend' as const, amount: '35.2' }, '35.2'],
    [{ type: 'dividend' as const, amount: '35.2', reinvest: true }, null],
    [{ type: 'fee' as const, amount: '4.9' }, '-4.9'],
    [{ type: 'fee' as const, amount: '4.9', refund: true }, '4.9'],
    [{ type: 'deliver_in' as const }, null],
    [{ type: 'split' as const, quantity: null, price: null, ratio: '2:1' }, null],
  ])('of %j is %s', (changes, effect) => {
    expect(cashEffect(activity(changes))).toBe(effect);
  });
});
