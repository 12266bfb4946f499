import { describe, expect, it } from 'vitest';
import type { Contribution } from '../../api';
import { decimal } from '../../format';
import { holding, portfolio } from '../../test/samples';
import { allocationParts, partsMax, shareLabel } from './allocation';
import { namedContributions } from './contributions';
import { dataItems, healthChips, namedProblems, problemSubject } from './health';
import { historyRows, returnLine } from './history-rows';
import { dayLedger, rowsMax } from './ledger';
import { lineStart, rangeStart } from '../../period/ranges';
import { whyItMoved } from './why';

function moved(label: string, amount: string): Contribution {
  return { kind: 'price', instrument_id: label.toLowerCase(), label, amount, percent: '1' };
}
const dollar = (amount: string): Contribution => ({
  kind: 'currency',
  currency: 'USD',
  label: 'USD',
  amount,
  percent: '0.37',
});

describe('dayLedger', () => {
  it('adds up to the shown change, the smaller moves in one row', () => {
    const contributions = Array.from({ length: 14 }, (_, index) =>
      moved(`Holding ${index}`, decimal.shift(String((index % 2 ? -1 : 1) * (100_003 - index * 7001)), -3)),
    );
    const change = decimal.sum(contributions.map((entry) => entry.amount));
    const { rows, total } = dayLedger(contributions, change, 'EUR');
    expect(rows).toHaveLength(rowsMax + 1);
    expect(rows.at(-1)).toMatchObject({ kind: 'smaller', label: '5 smaller moves' });
    expect(total).toBe(decimal.round(change, 2));
    expect(decimal.compare(decimal.sum(rows.map((row) => row.amount)), total)).toBe(0);
  });

  it('lists gains first, losses last, currency as a row of its own', () => {
    const { rows } = dayLedger(
      [moved('ASML', '-294.8'), dollar('290.18'), moved('Nvidia', '400.03')],
      '395.41',
      'EUR',
    );
    expect(rows.map((row) => [row.label, row.amount])).toEqual([
      ['Nvidia', '400.03'],
      ['Dollar against euro', '290.18'],
      ['ASML', '-294.80'],
    ]);
  });

  it('says so when the rows do not explain the whole change', () => {
    const { rows, total } = dayLedger([moved('Nvidia', '10')], '12.5', 'EUR');
    expect(rows.at(-1)).toMatchObject({ kind: 'unexplained', label: 'Not explained', amount: '2.50' });
    expect(total).toBe('12.50');
  });

  it('uses the precision of the currency', () => {
    const { rows, total } = dayLedger([moved('Sony', '10.4'), moved('Toyota', '10.4')], '20.8', 'JPY');
    expect(total).toBe('21');
    expect(decimal.sum(rows.map((row) => row.amount))).toBe('21');
  });
});

describe('whyItMoved', () => {
  const day = { percent: '0.26', currency: 'EUR', hidden: false };

  it('names who carried the day and who took back how much', () => {
    const contributions = [
      moved('Nvidia', '400.03'),
      dollar('290.18'),
      moved('ASML', '-294.8'),
      moved('Novo Nordisk', '-108.84'),
    ];
    expect(whyItMoved({ ...day, change: '286.57', contributions })).toBe(
      'Nvidia and a firmer dollar carried the day. ASML and Novo Nordisk took back some €400 of it.',
    );
    expect(whyItMoved({ ...day, change: '286.57', contributions, hidden: true })).toBe(
      'Nvidia and a firmer dollar carried the day. ASML and Novo Nordisk took back part of it.',
    );
  });

  it('turns round on a day of losses', () => {
    const contributions = [moved('ASML', '-900'), dollar('-100'), moved('Nvidia', '124')];
    expect(whyItMoved({ ...day, change: '-876', contributions })).toBe(
      'ASML weighed on the day. Nvidia made up for some €100 of it.',
    );
  });

  it('leaves out what hardly counts', () => {
    const contributions = [moved('Nvidia', '400'), moved('ASML', '-3')];
    expect(whyItMoved({ ...day, change: '397', contributions })).toBe('Nvidia carried the day.');
  });

  it('calls a quiet day quiet', () => {
    const contributions = [moved('Nvidia', '20'), moved('ASML', '-19')];
    expect(whyItMoved({ ...day, change: '1', percent: '0.01', contributions })).toBe(
      'A quiet day. What Nvidia gained, ASML took away.',
    );
  });

  it('does not explain what it does not know', () => {
    expect(whyItMoved({ ...day, change: null, contributions: [] })).toMatch(/no price has come in/);
    expect(whyItMoved({ ...day, change: '0', contributions: [] })).toBe(
      'Nothing has moved since the last close.',
    );
  });
});

describe('health', () => {
  const now = new Date('2026-11-19T18:00:00Z');
  const stale = holding('bitti', { name: 'Bittium' });
  stale.price = { ...stale.price, state: 'stale', market_time: '2026-11-18T16:00:00Z' };
  const held = holding('odd', { name: 'Odd' });
  held.price = { ...held.price, held_back: { amount: '1', reason: 'jump of 96 %' } };
  const fallback = holding('brk', { name: 'Berkshire' });
  fallback.price = { ...fallback.price, state: 'fallback', source: 'yahoo' };

  it('counts prices by state, a held back one as such', () => {
    const chips = healthChips([holding('a'), holding('b'), stale, held, fallback]);
    expect(chips.map((chip) => chip.words)).toEqual([
      '2 live',
      '1 from fallback',
      '1 stale, last known used',
      '1 held back',
    ]);
    expect(chips.map((chip) => chip.attention)).toEqual([false, true, true, true]);
  });

  it('names what wants a look, the worst first', () => {
    const items = dataItems([holding('a'), fallback, stale, held], now);
    expect(items.map((item) => item.title)).toEqual([
      'A price of Odd is held back',
      'Bittium has had no price for 26\u00a0h',
      'Berkshire comes from Yahoo',
    ]);
  });
});

describe('allocationParts', () => {
  const item = (key: string, share: string) => ({ key, label: key, value: share, share, items: [] });

  it('puts what is beyond the seventh colour together', () => {
    const items = Array.from({ length: 10 }, (_, index) => item(`s${index}`, '0.1'));
    const parts = allocationParts(items, 'sector');
    expect(parts).toHaveLength(partsMax);
    expect(parts.at(-1)).toMatchObject({ key: 'other', share: '0.4', colour: 7 });
    expect(decimal.sum(parts.map((part) => part.share))).toBe('1.0');
  });

  it('keeps seven as they are', () => {
    expect(
      allocationParts(
        Array.from({ length: 7 }, (_, index) => item(`s${index}`, '0.1')),
        'sector',
      ).at(-1)?.key,
    ).toBe('s6');
  });
});

describe('names', () => {
  it('of countries and currencies are words, not codes', () => {
    expect(shareLabel('country', { key: 'NL', label: 'NL' })).toBe('Netherlands');
    expect(shareLabel('currency', { key: 'USD', label: 'USD' })).toBe('US Dollar');
    expect(shareLabel('sector', { key: 'IT', label: 'IT' })).toBe('IT');
    expect(shareLabel('country', { key: '', label: 'Not classified' })).toBe('Not classified');
    expect(shareLabel('account', { key: 'cash', label: 'cash' })).toBe('Cash');
  });

  it('of contributions are those of the holdings', () => {
    const document = portfolio({
      contributions: [
        { kind: 'price', instrument_id: 'a', label: 'A', amount: '1', percent: '1' },
        { kind: 'price', instrument_id: 'sold', label: 'SOLD', amount: '1', percent: '1' },
      ],
    });
    expect(namedContributions(document).map((entry) => entry.label)).toEqual(['Name of a', 'SOLD']);
  });
});

describe('periods', () => {
  it('begin where their name says', () => {
    expect(rangeStart('1y', '2026-11-19')).toBe('2025-11-20');
    expect(rangeStart('ytd', '2026-11-19')).toBe('2026-01-01');
    expect(rangeStart('1w', '2026-03-03')).toBe('2026-02-25');
    expect(rangeStart('max', '2026-11-19')).toBeUndefined();
    expect(lineStart('1y', '2026-11-19')).toBe('2025-11-19');
    expect(lineStart('ytd', '2026-11-19')).toBe('2025-12-31');
    expect(lineStart('max', '2026-11-19')).toBeUndefined();
  });

  it('are tables of month ends when long', () => {
    const point = (date: string) => ({
      date,
      value: '1',
      paid_in: '0',
      taken_out: '0',
      net_paid_in: '0',
      twr: null,
      drawdown: null,
    });
    const days = Array.from({ length: 70 }, (_, index) =>
      point(new Date(Date.UTC(2026, 0, 1 + index)).toISOString().slice(0, 10)),
    );
    expect(historyRows(days).map((row) => row.date)).toEqual(['2026-03-11', '2026-02-28', '2026-01-31']);
    expect(historyRows(days.slice(0, 10))).toHaveLength(10);
    const known = [
      { ...point('2026-01-01'), twr: '0.01' },
      { ...point('2026-01-02'), twr: '0.02' },
    ];
    expect(returnLine(known, 'max')[0]).toEqual({ date: '2025-12-31', value: '0' });
    expect(returnLine(known, '1y').map((entry) => entry.value)).toEqual(['0.01', '0.02']);
  });
});

describe('problemSubject', () => {
  it('calls currencies and holdings by their names, and leaves the rest as it is', () => {
    const held = holding('a');
    expect(problemSubject('fx.USD', [held]).words).toBe('Exchange rate: US Dollar');
    expect(problemSubject(`prices.${held.instrument_id}`, [held])).toEqual({
      words: held.name,
      instrumentId: held.instrument_id,
    });
    expect(problemSubject('prices.gone', [held])).toEqual({ words: 'prices.gone' });
    expect(problemSubject('cash', [held])).toEqual({ words: 'cash' });
  });

  it('says the same once', () => {
    const gap = { where: 'fx.USD', what: 'no rate before 2025-12-01' };
    expect(namedProblems([gap, gap, { ...gap, what: 'no rate after' }], [])).toHaveLength(2);
  });
});
