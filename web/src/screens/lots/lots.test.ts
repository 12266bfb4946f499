import { describe, expect, it } from 'vitest';
import type { LotMethodFigures, LotMethods } from '../../api';
import { holdingsOf, lotsOf, sameProfit, scopesMatter } from './table';

const figures = (changes: Partial<LotMethodFigures>): LotMethodFigures => ({
  lot_method: 'fifo',
  lot_scope: 'account',
  current: false,
  reason: null,
  activity_id: null,
  realised: '10',
  unrealised: '20',
  cost: '100',
  fx_effect: '0',
  profit: '30',
  positions: [
    {
      instrument_id: 'nvda',
      symbol: 'NVDA',
      name: 'Nvidia',
      quantity: '5',
      cost_base: '100',
      realised_base: '10',
      unrealised_base: '20',
      lots: 2,
    },
  ],
  ...changes,
});
const methods = (...items: LotMethodFigures[]): LotMethods => ({
  period: { from: '2025-01-01', to: '2026-01-01' },
  base_currency: 'EUR',
  items,
});

describe('lot methods', () => {
  it('compares the profit of those that could be worked out', () => {
    const refused = figures({ lot_method: 'specific', profit: null, positions: [], reason: 'x' });
    expect(sameProfit(methods(figures({}), refused))).toBe(true);
    expect(sameProfit(methods(figures({}), figures({ profit: '30.1' })))).toBe(false);
    expect(sameProfit(methods(refused))).toBeNull();
  });

  it('knows whether the scope matters', () => {
    expect(scopesMatter(methods(figures({}), figures({ lot_scope: 'portfolio' })))).toBe(false);
    expect(scopesMatter(methods(figures({}), figures({ lot_scope: 'portfolio', realised: '11' })))).toBe(
      true,
    );
  });

  it('counts lots and names holdings', () => {
    expect(lotsOf(figures({}))).toBe(2);
    expect(holdingsOf(methods(figures({}), figures({ lot_method: 'lifo' })))).toEqual([
      { id: 'nvda', name: 'Nvidia', symbol: 'NVDA' },
    ]);
  });
});
