import { describe, expect, test } from 'vitest';
import type { Alert } from '../api';
import { bodyOf, draftOf, lacking, newDraft } from './draft';
import { withLocalLevel } from './sentence';
import { counted, standingWords } from './standing';

const now = new Date('2026-03-02T14:30:00Z');

function rule(change: Omit<Partial<Alert>, 'state'> & { state?: Partial<Alert['state']> } = {}): Alert {
  const { state, ...rest } = change;
  return {
    id: 'r1',
    version: 1,
    name: '',
    sentence: 'Price of Acme above 120 EUR',
    unit: 'EUR',
    condition: { kind: 'price', instrument_id: 'acme', direction: 'above', threshold: '120.5', rearm: '118' },
    repeat: 'each',
    cooldown_minutes: 0,
    for_minutes: 0,
    no_data: false,
    expires_at: null,
    snoozed_until: null,
    channels: null,
    ...rest,
    state: {
      state: 'inactive',
      since: null,
      value: null,
      value_at: null,
      fired_at: null,
      told_at: null,
      firings: 0,
      ended: false,
      why: null,
      ...state,
    },
  };
}

describe('a draft', () => {
  test('of a rule is sent as the rule was', () => {
    const body = bodyOf(draftOf(rule({ cooldown_minutes: 90, for_minutes: 5, no_data: true })));
    expect(body).toEqual({
      condition: rule().condition,
      name: '',
      repeat: 'each',
      cooldown_minutes: 90,
      for_minutes: 5,
      no_data: true,
      all_channels: true,
      never_expires: true,
    });
  });

  test('keeps by which channels it tells', () => {
    expect(bodyOf(draftOf(rule({ channels: ['c1', 'c2'] })))).toMatchObject({ channels: ['c1', 'c2'] });
    expect(bodyOf(draftOf(rule({ channels: [] })))).toMatchObject({ channels: [] });
    expect(bodyOf(draftOf(rule({ channels: ['c1'] })))).not.toHaveProperty('all_channels');
    expect(bodyOf(newDraft({ ways: 'inbox', channels: ['c1'] }))).toMatchObject({ channels: [] });
  });

  test('sends only what its kind has', () => {
    const draft = newDraft({
      kind: 'dividend',
      portfolio: 'p',
      threshold: '5',
      forMinutes: '9',
      noData: true,
      expires: '2027-01-31',
    });
    expect(bodyOf(draft)).toMatchObject({
      condition: { kind: 'dividend', portfolio_id: 'p' },
      for_minutes: 0,
      no_data: false,
      expires_at: '2027-01-31T23:59:59Z',
    });
    const group = newDraft({
      kind: 'drift',
      portfolio: 'p',
      by: 'sector',
      group: 'Technology',
      target: '20',
      threshold: '2',
    });
    expect(bodyOf(group).condition).toEqual({
      kind: 'drift',
      portfolio_id: 'p',
      group: { by: 'sector', name: 'Technology' },
      target: '20',
      threshold: '2',
      direction: 'above',
    });
    const crossing = newDraft({ instrument: 'acme', threshold: '1', rearm: '2', direction: 'crossing' });
    expect(bodyOf(crossing).condition).not.toHaveProperty('rearm');
  });

  test('says what it lacks', () => {
    expect(Object.keys(lacking(newDraft({ threshold: 'NaN' })))).toEqual(['threshold', 'instrument']);
    expect(
      Object.keys(lacking(newDraft({ kind: 'off_high', instrument: 'a', threshold: '8', days: '0' }))),
    ).toEqual(['days']);
    expect(Object.keys(lacking(newDraft({ kind: 'weight', by: 'sector', threshold: '8' })))).toEqual([
      'group',
    ]);
    expect(lacking(newDraft({ kind: 'sign_in' }))).toEqual({});
    expect(Object.keys(lacking(newDraft({ kind: 'expression' })))).toEqual(['expression']);
    expect(lacking(newDraft({ kind: 'sign_in', ways: 'some' }))).toEqual({
      channels: 'Choose at least one.',
    });
  });
});

describe('a sentence', () => {
  const space = '\u00a0';
  test.each([
    [`Price of Acme above 1250.00${space}USD`, '1250.00', `Price of Acme above 1,250.00${space}USD`],
    [
      `Change of Fund 5000 today below \u22125000${space}%`,
      '-5000',
      `Change of Fund 5000 today below \u22125,000${space}%`,
    ],
    ['Price of Fund 2000 above 1000', '1000', 'Price of Fund 2000 above 1,000'],
    [`Value of 4000 above 12${space}EUR`, '4000', `Value of 4000 above 12${space}EUR`],
    ['An import failed', undefined, 'An import failed'],
  ])('%s', (sentence, threshold, wanted) => {
    expect(withLocalLevel(sentence, threshold)).toBe(wanted);
  });
});

describe('a standing', () => {
  test.each([
    [rule(), 'Armed'],
    [rule({ state: { state: 'firing' } }), 'Firing'],
    [rule({ state: { state: 'firing', ended: true }, repeat: 'once' }), 'Told, ended'],
    [rule({ state: { state: 'no_data' } }), 'No data'],
    [rule({ state: { state: 'error' } }), 'Error'],
    [rule({ state: { state: 'pending' } }), 'Holds, waiting'],
    [
      rule({ cooldown_minutes: 360, state: { state: 'resolved', told_at: '2026-03-02T11:30:00Z' } }),
      'Resting, 3 h left',
    ],
    [rule({ cooldown_minutes: 60, state: { state: 'resolved', told_at: '2026-03-02T11:30:00Z' } }), 'Armed'],
    [rule({ snoozed_until: '2026-03-02T14:00:00Z' }), 'Armed'],
  ])('%#: %s', (alert, words) => {
    expect(standingWords(alert, now).words).toBe(words);
  });

  test('of all is counted', () => {
    expect(counted([rule()])).toBe('1 rule.');
    expect(
      counted([rule(), rule({ state: { state: 'firing' } }), rule({ state: { state: 'no_data' } })]),
    ).toBe('3 rules. 1 firing, 1 without data.');
  });
});
