import { describe, expect, it } from 'vitest';
import type { Income } from '../../api';
import { barsMax, incomeBars, monthsOf } from './bars';

const sums = (gross: string, tax: string, net: string) => ({ gross, tax, fee: '0', net });
const income: Income = {
  base_currency: 'EUR',
  period: { from: '2020-01-01', to: '2026-02-28' },
  ...sums('100', '20', '80'),
  months: Array.from({ length: 74 }, (_, index) => ({
    month: `${2020 + Math.floor(index / 12)}-${String((index % 12) + 1).padStart(2, '0')}`,
    ...sums(index === 73 ? '40' : '10', index === 73 ? '10' : '0', index === 73 ? '30' : '10'),
    items: index % 3 === 1 ? [] : [{ instrument_id: 'a', symbol: 'A', name: 'A', ...sums('10', '0', '10') }],
  })),
  years: [],
  trailing: { from: '2025-03-01', to: '2026-02-28', gross: '120', yield: '0.02', yield_on_cost: '0.03' },
  positions: [],
  problems: [],
};

describe('income', () => {
  it('is drawn on one scale with what taxes took', () => {
    const bars = incomeBars(income);
    expect(bars).toHaveLength(barsMax);
    expect(bars.at(-1)).toMatchObject({ month: '2026-02', height: 100, taxed: 25 });
    expect(bars[0]?.height).toBe(25);
  });

  it('lists the months in which something came, the newest first', () => {
    expect(monthsOf(income, '2026').map(({ month }) => month)).toEqual(['2026-01']);
  });
});
