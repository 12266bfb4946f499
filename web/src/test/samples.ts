/** Small documents for tests; every test changes what it is about. */
import type {
  Activity,
  Explanation,
  Holding,
  Performance,
  PortfolioDelta,
  PortfolioDocument,
  TrailNode,
} from '../api';

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
    to_instrument_id: null,
    to_symbol: null,
    to_name: null,
    cost_share: null,
    to_currency: null,
    to_amount: null,
    lots: [],
    voided: false,
    version: 1,
    ...changes,
  };
}

export function performance(changes: Partial<Performance> = {}): Performance {
  return {
    period: { from: '2025-11-20', to: '2026-11-19', days: '365' },
    positions: [],
    disposals: [],
    totals: {
      value: '265563.54',
      cash: '0',
      cost: '200000',
      unrealised: '65563.54',
      realised: '0',
      income: '1846.2',
      fees: '12.5',
      taxes: '400.25',
      fx_effect: '0',
      paid_in: '12000',
      taken_out: '500',
      value_start: '217192.06',
      profit: '36871.48',
    },
    returns: {
      twr: '0.164',
      twr_annualised: '0.164',
      modified_dietz: '0.162',
      simple: null,
      xirr: { status: 'ok', rate: '0.1628', roots: ['0.1628'] },
      benchmark_twr: null,
      excess: null,
    },
    risk: {
      volatility: '0.09',
      semi_deviation: '0.06',
      max_drawdown: '0.105',
      max_drawdown_days: '35',
      longest_drawdown_days: '94',
      sharpe: '1.37',
      sortino: '1.9',
      beta: null,
      alpha: null,
      tracking_error: null,
    },
    identity: { holds: true, difference: '0' },
    problems: [],
    ...changes,
  };
}

/** A leaf of a trail. */
export function leaf(
  label: string,
  value: string | null,
  unit: string,
  changes: Partial<TrailNode> = {},
): TrailNode {
  return { label, operation: 'input', value, unit, inputs: [], ...changes };
}

/** A gain of three thirds of a cent that don't add up to what is shown, with a step that unfolds. */
export function explanation(changes: Partial<Explanation> = {}): Explanation {
  return {
    figure: 'totals.profit',
    label: 'Profit of the period',
    value: '160.005',
    unit: 'EUR',
    period: { from: '2025-11-20', to: '2026-11-19', days: '365' },
    trail: {
      label: 'Profit of the period',
      operation: 'difference',
      value: '160.005',
      unit: 'EUR',
      note: 'What it is worth less what was put in.',
      inputs: [
        {
          label: 'Value of NVDA',
          operation: 'product',
          value: '1160.0025',
          unit: 'EUR',
          inputs: [
            leaf('quantity', '5', 'units'),
            leaf('price', '268.64', 'USD/units', {
              source: { kind: 'price', symbol: 'NVDA', date: '2026-11-19', source: 'yahoo' },
            }),
            leaf('rate', '0.8636', 'EUR/USD', {
              source: { kind: 'rate', currency: 'USD', date: '2026-11-19', source: 'ecb' },
            }),
          ],
        },
        {
          label: 'Paid in',
          operation: 'sum',
          value: '999.9975',
          unit: 'EUR',
          inputs: [],
          omitted: 3,
        },
      ],
    },
    problems: [],
    ...changes,
  };
}
