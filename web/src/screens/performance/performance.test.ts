import { render, screen } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';
import type { Exposure, PeriodReturns } from '../../api';
import { decimal } from '../../format';
import { chosenPeriod } from '../../period/ranges';
import { performance } from '../../test/samples';
import { contributionTable, partKeys, rowsMax } from './contribution';
import { bandsMax, bandsOf, columnsOf, otherKey } from './exposure';
import KeyFigures from './KeyFigures.svelte';
import { monthColour, yearRows } from './months';

const returns: PeriodReturns = {
  period: { from: '2025-12-15', to: '2026-02-28' },
  months: [
    { month: '2025-12', return: '0.012' },
    { month: '2026-01', return: '-0.041' },
    { month: '2026-02', return: null },
  ],
  years: [
    { year: '2025', return: '0.012', complete: false },
    { year: '2026', return: null, complete: false },
  ],
  rolling: [],
  best_day: null,
  worst_day: null,
  best_month: null,
  worst_month: null,
  drawdowns: [],
  problems: [],
};

describe('months', () => {
  it('are rows of years, the newest first, with what is outside the period left empty', () => {
    const [newest, oldest] = yearRows(returns);
    expect(newest?.year).toBe('2026');
    expect(newest?.cells.map(({ month }) => month).filter(Boolean)).toEqual(['2026-01', '2026-02']);
    expect(oldest?.cells[11]).toMatchObject({ value: '0.012', part: true });
    expect(newest?.cells[1]).toMatchObject({ value: null, part: false });
  });

  it.each([
    ['0.001', 'd0'],
    ['-0.0014', 'd0'],
    ['0.0015', 'g1'],
    ['0.02', 'g2'],
    ['-0.041', 'l3'],
    [null, 'd0'],
  ])('%s is coloured %s', (value, colour) => expect(monthColour(value)).toBe(colour));
});

describe('contributions', () => {
  const item = (id: string, price: string, profit: string) => ({
    instrument_id: id,
    symbol: id,
    name: id,
    price,
    currency: '0.333',
    income: '0.111',
    costs: '0.004',
    profit,
    contribution: '0.001',
    share_of_profit: null,
  });
  const contribution = {
    period: { from: '2025-12-15', to: '2026-02-28' },
    profit: '0',
    items: Array.from({ length: 22 }, (_, index) => {
      const price = decimal.shift(String((index % 2 ? -1 : 1) * (7001 * index + 13)), -3);
      return item(`h${index}`, price, decimal.add(price, '0.44'));
    }),
    cash: null,
  };

  it.each([true, false])('add up across and down in the digits shown (all: %s)', (all) => {
    const table = contributionTable(contribution, 'EUR', all);
    expect(table.rows).toHaveLength(all ? 22 : rowsMax + 1);
    for (const { parts, profit } of table.rows) {
      expect(decimal.compare(decimal.sum(partKeys.map((key) => parts[key] ?? '')), profit ?? '')).toBe(0);
    }
    const exact = decimal.sum(contribution.items.map(({ profit }) => profit ?? ''));
    expect(table.total.profit).toBe(decimal.round(exact, 2));
    const across = decimal.sum(partKeys.map((key) => table.total[key] ?? ''));
    expect(decimal.compare(across, table.total.profit ?? '')).toBe(0);
  });

  it('leaves unknown what is unknown', () => {
    const odd = { ...item('odd', '1', '1'), price: null, profit: null };
    const { rows, total } = contributionTable({ ...contribution, items: [odd] }, 'EUR', true);
    expect(rows[0]).toMatchObject({ profit: null, parts: { price: null, currency: '0.33' } });
    expect(total.profit).toBeNull();
  });
});

describe('exposure', () => {
  const share = (key: string, value: string) => ({ key, label: key, value, share: value });
  const exposure: Exposure = {
    by: 'currency',
    base_currency: 'EUR',
    period: { from: '2026-01-01', to: '2026-03-31' },
    problems: [],
    points: [
      { date: '2026-01-31', value: '1', shares: [share('EUR', '0.9'), share('USD', '0.1')] },
      {
        date: '2026-02-28',
        value: '1',
        shares: ['EUR', 'USD', 'A', 'B', 'C', 'D', 'E', 'F'].map((key, index) =>
          share(key, index === 1 ? '0.65' : '0.05'),
        ),
      },
      { date: '2026-03-31', value: null, shares: [] },
    ],
  };

  it('has seven bands at most, which sum to the whole', () => {
    const bands = bandsOf({ ...exposure, points: exposure.points.slice(0, 2) });
    expect(bands).toHaveLength(bandsMax);
    expect(bands[0]?.key).toBe('USD');
    expect(bands.at(-1)?.key).toBe(otherKey);
    for (const at of [0, 1]) {
      expect(decimal.compare(decimal.sum(bands.map(({ shares }) => shares[at] ?? '0')), '1')).toBe(0);
    }
  });

  it('draws nothing where the whole is unknown', () => {
    const columns = columnsOf(bandsOf(exposure), 3);
    expect(columns[2]?.parts).toEqual([]);
    const [first] = columns;
    expect(first?.parts.reduce((sum, { height }) => sum + height, 0)).toBeCloseTo(100);
  });
});

describe('chosenPeriod', () => {
  const of = (query: string) => chosenPeriod(new URLSearchParams(query), '2026-11-19');
  it('reads the address', () => {
    expect(of('')).toEqual({ range: 'max', from: undefined, to: '2026-11-19' });
    expect(of('range=ytd')).toMatchObject({ from: '2026-01-01' });
    expect(of('range=custom&from=2025-01-01&to=2025-06-30')).toEqual({
      range: 'custom',
      from: '2025-01-01',
      to: '2025-06-30',
    });
  });
  it('takes days that are none, to come or the wrong way round as not given', () => {
    expect(of('range=custom&from=x&to=2027-01-01')).toMatchObject({ from: undefined, to: '2026-11-19' });
    expect(of('range=custom&from=2026-05-01&to=2026-04-01')).toMatchObject({ from: undefined });
    expect(of('range=nonsense')).toMatchObject({ range: 'max' });
  });
});

describe('KeyFigures', () => {
  const base = { returns: null, comparison: null, benchmarkName: null };
  const young = performance({ period: { from: '2026-09-01', to: '2026-11-19', days: '80' } });

  it('names every root when there are several', () => {
    const rates = performance().returns;
    const several = performance({
      returns: { ...rates, xirr: { status: 'several', rate: '0.1628', roots: ['-0.5', '0.1628'] } },
    });
    render(KeyFigures, { ...base, performance: several, yearly: true });
    expect(screen.getByText(/More than one rate fits/).textContent).toMatch(/\u221250\.0.%, \+16\.3.%/);
  });

  it('makes no yearly rate of less than a year', () => {
    const rates = { ...young.returns, twr_annualised: null };
    render(KeyFigures, { ...base, performance: { ...young, returns: rates }, yearly: true });
    expect(screen.getByText(/nobody knows what a whole one would bring/)).toBeTruthy();
  });

  it('names the convention of the whole period', () => {
    render(KeyFigures, { ...base, performance: young, yearly: false });
    expect(screen.getByText(/Modified Dietz, of the whole period/)).toBeTruthy();
  });
});
