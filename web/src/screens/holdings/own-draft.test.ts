import { describe, expect, it } from 'vitest';
import type { OwnInstrument } from '../../api';
import { asInstrument, isOwn, ownChange, ownDraft, ownInput, symbolFrom } from './own-draft';

const flat: OwnInstrument = {
  id: 'own-1',
  symbol: 'FLAT',
  name: 'Flat in Bonn',
  currency: 'EUR',
  asset_class: 'property',
  group: 'Let',
  sector: null,
  country: 'DE',
  note: null,
  used: true,
  prices: 0,
};

describe('a short name', () => {
  it.each([
    ['Flat in Bonn', 'FLAT-IN-BONN'],
    ['  Café & Söhne GmbH  ', 'CAFE-SOHNE-GMBH'],
    ['Fund II (2019)', 'FUND-II-2019'],
    ['家', ''],
    ['x'.repeat(39) + ' y', 'X'.repeat(39)],
  ])('%s', (name, symbol) => {
    expect(symbolFrom(name)).toBe(symbol);
  });
});

describe('what is sent', () => {
  it('is only what was filled in', () => {
    const draft = ownDraft(' Flat in Bonn ', 'CHF', null);
    draft.country = ' de ';
    expect(ownInput(draft)).toEqual({
      symbol: 'FLAT-IN-BONN',
      name: 'Flat in Bonn',
      currency: 'CHF',
      asset_class: 'property',
      country: 'DE',
    });
  });

  it('of a change is all but the currency, so that what was emptied goes', () => {
    const draft = ownDraft('', '', flat);
    draft.group = '';
    expect(ownChange(draft)).toEqual({
      symbol: 'FLAT',
      name: 'Flat in Bonn',
      asset_class: 'property',
      group: '',
      country: 'DE',
      note: '',
    });
  });
});

it('is chosen like any other instrument', () => {
  expect(asInstrument(flat)).toMatchObject({ id: 'own-1', mic: null, isin: null, currency: 'EUR' });
  expect(isOwn('own-1')).toBe(true);
  expect(isOwn('owner-ltd')).toBe(false);
});
