import { expect, test } from 'vitest';
import type { FoundInstrument, FoundInstruments, Instrument } from '../../api';
import { besides, marketNames, note, ours, silence } from './listings';

const sap: Instrument = {
  id: 'sap',
  symbol: 'SAP',
  mic: 'XETR',
  isin: 'DE0007164600',
  name: 'SAP SE',
  currency: 'EUR',
  asset_class: 'stock',
  sector: null,
  country: 'DE',
};

function listing(more: Partial<FoundInstrument>): FoundInstrument {
  return {
    candidate: 'x',
    name: 'SAP SE',
    symbol: 'SAP',
    mic: null,
    market: null,
    isin: null,
    currency: null,
    asset_class: 'stock',
    country: null,
    company: 'SAP SE',
    sources: ['yahoo'],
    delisted: false,
    delisted_on: null,
    former: [],
    ...more,
  };
}

const found: FoundInstruments = {
  silent: ['finnhub', 'openfigi'],
  items: [
    listing({ instrument: sap, candidate: null, mic: 'XETR', market: 'Xetra', currency: 'EUR' }),
    listing({ mic: 'XFRA', market: 'Frankfurt', currency: 'EUR' }),
    listing({ mic: 'XNYS', market: 'New York', currency: 'USD', sources: ['yahoo', 'eodhd'] }),
    listing({ name: 'Sapiens', company: 'Sapiens', symbol: 'SPNS', mic: 'XNAS' }),
  ],
};

test('what is here stands first, and only once', () => {
  const mine = ours([sap], marketNames(found));
  expect(mine[0]?.detail).toBe('SAP · Xetra · EUR · Share');
  const groups = besides(found, mine);
  expect(groups.map(({ company, choices }) => [company, choices.map((one) => one.detail)])).toEqual([
    ['SAP SE', ['SAP · Frankfurt · EUR · Share', 'SAP · New York · USD · Share']],
    [null, ['SPNS · XNAS · Share']],
  ]);
  expect(groups[0]?.choices[1]?.from).toBe('Yahoo, EODHD');
});

test('listings without a company of several stand alone', () => {
  expect(besides({ silent: [], items: [listing({}), listing({})] }, [])).toHaveLength(1);
  expect(besides(null, [])).toEqual([]);
});

test('what it was called is said', () => {
  expect(note({ ...sap, former: [{ kind: 'symbol', value: 'FB', until: null }] })).toBe('formerly FB');
  expect(note({ ...sap, former: [{ kind: 'cusip', value: '30303M102', until: null }] })).toBe('');
  expect(note({ ...sap, delisted: true })).toBe('delisted');
  expect(note({ ...sap, delisted: true, delisted_on: '2023-05-01' })).toMatch(/^delisted .*2023/);
});

test('who did not answer is named', () => {
  expect(silence(found)).toBe('Finnhub and OpenFIGI did not answer, so there may be more.');
  expect(silence({ items: [], silent: ['ecb'] })).toBe('The ECB did not answer, so there may be more.');
  expect(silence(null)).toBe('');
});
