/** Small documents for tests; every test changes what it is about. */
import type { Activity, Holding, PortfolioDelta, PortfolioDocument } from '../api';

export function holding(id: string, changes: Partial<Holding> = {}): Holding {
  return {
    instrument_id: id,
    symbol: id.toUpperCase(),
    mic: 'XETR',
    name: `Name of ${id}`,
    asset_class: 'stock',
    currency: 'EUR',
    sector: null,
    country: null,
    quantity: '10',
    price: {
      amount: '12.5',
      currency: 'EUR',
      source: 'yahoo',
      observed_at: '2026-11-19T17:00:00Z',
      market_time: '2026-11-19T16:35:00Z',
      state: 'live',
      previous_close: '12',
      previous_date: '2026-11-18',
    },
    value: '125',
    value_base: '125',
    weight: '0.5',
    day_change_base: '5',
    day_change_percent: '4.16666667',
    cost_base: '100',
    unrealised_base: '25',
    realised_base: '0',
    income_base: '0',
    profit_base: '25',
    accounts: ['a1'],
    ...changes,
  };
}

export function portfolio(changes: Partial<PortfolioDocument> = {}): PortfolioDocument {
  return {
    id: 'p1',
    name: 'Family',
    sequence: 7,
    base_currency: 'EUR',
    value: '250',
    cash: '0',
    cash_tracked: false,
    day_change: '10',
    day_change_percent: '4.16666667',
    state: 'live',
    stale_share: '0',
    as_of: '2026-11-19T17:00:00Z',
    simulated: false,
    holdings: [holding('a'), holding('b')],
    contributions: [],
    markets: [],
    rates: [],
    problems: [],
    ...changes,
  };
}

export function delta(changes: Partial<PortfolioDelta> = {}): PortfolioDelta {
  return {
    id: 'p1',
    sequence: 7,
    value: '251',
    cash: '0',
    day_change: '11',
    day_change_percent: '4.58333333',
    state: 'live',
    stale_share: '0',
    as_of: '2026-11-19T17:00:02Z',
    holdings: [],
    contributions: [],
    ...changes,
  };
}

export function activity(changes: Partial<Activity> = {}): Activity {
  return {
    id: 'act1',
    date: '2026-11-02',
    type: 'buy',
    account: 'a1',
    account_name: 'comdirect',
    instrument_id: 'nvda',
    symbol: 'NVDA',
    name: 'Nvidia',
    quantity: '10',
    price: '214.38',
    amount: null,
    currency: 'USD',
    fee: null,
    tax: null,
    fx_rate: null,
    to_account: null,
    ratio: null,
    reinvest: false,
    refund: false,
    note: null,
    voided: false,
    version: 1,
    ...changes,
  };
}
