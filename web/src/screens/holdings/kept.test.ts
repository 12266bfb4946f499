import { expect, test } from 'vitest';
import type { InstrumentRecord } from '../../api';
import { changes, keptFrom } from './kept';

const record: InstrumentRecord = {
  id: 'fb',
  symbol: 'FB',
  mic: 'XNAS',
  isin: 'US30303M1027',
  name: 'Facebook, Inc.',
  currency: 'USD',
  asset_class: 'stock',
  sector: null,
  country: 'US',
  names: { yahoo: 'FB' },
  identifiers: { cusip: '30303M102' },
  version: 3,
};

test('only what differs is sent', () => {
  const kept = keptFrom(record);
  expect(changes(record, kept)).toBeNull();
  kept.wrongBefore = true;
  expect(changes(record, kept)).toBeNull();
  kept.texts.symbol = ' META ';
  kept.texts.isin = '';
  kept.names = 'yahoo: META\n\nFinnhub : META';
  expect(changes(record, kept)).toEqual({
    symbol: 'META',
    isin: '',
    names: { yahoo: 'META', finnhub: 'META' },
    wrong_before: true,
  });
});

test('identifiers go together, and a day only of what is delisted', () => {
  const kept = keptFrom(record);
  kept.texts.wkn = 'a1jwvx';
  kept.delistedOn = '2023-05-01';
  expect(changes(record, kept)).toEqual({ identifiers: { cusip: '30303M102', wkn: 'A1JWVX' } });
  kept.delisted = true;
  expect(changes(record, kept)).toMatchObject({ delisted: true, delisted_on: '2023-05-01' });
});
