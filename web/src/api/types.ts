/**
 * The shapes of the HTTP API as the dashboard uses them. Amounts, quantities, prices and rates are decimal
 * strings; `*_percent` are percent points, `weight` and `share` fractions; unknown is null.
 */

export type Decimal = string;
export type Day = string;
export type Instant = string;

export type Role = 'user' | 'adviser' | 'auditor' | 'admin';

export interface User {
  id: string;
  name: string;
  email: string;
  role: Role;
}

export interface PortfolioItem {
  id: string;
  name: string;
  base_currency: string;
  sequence: number;
  role: string;
  lot_method: 'fifo' | 'average';
  allow_short: boolean;
  closed: boolean;
}

export interface Account {
  id: string;
  name: string;
  currency: string;
  closed: boolean;
}

export type DataState =
  'live' | 'delayed' | 'closed' | 'nav' | 'manual' | 'fallback' | 'stale' | 'quarantined' | 'none';

export interface Price {
  amount: Decimal | null;
  currency: string | null;
  source: string | null;
  observed_at: Instant | null;
  market_time: Instant | null;
  state: DataState;
  previous_close?: Decimal | null;
  previous_date?: Day | null;
  held_back?: { amount: Decimal; reason: string } | null;
}

export interface Holding {
  instrument_id: string;
  symbol: string;
  mic: string | null;
  name: string;
  asset_class: string;
  currency: string;
  sector: string | null;
  country: string | null;
  quantity: Decimal;
  price: Price;
  value: Decimal | null;
  value_base: Decimal | null;
  weight: Decimal | null;
  day_change_base: Decimal | null;
  day_change_percent: Decimal | null;
  cost_base: Decimal | null;
  unrealised_base: Decimal | null;
  realised_base: Decimal | null;
  income_base: Decimal | null;
  profit_base: Decimal | null;
  accounts: string[];
}

export interface Contribution {
  kind: 'price' | 'currency' | 'cash';
  instrument_id?: string | null;
  currency?: string | null;
  label?: string | null;
  amount: Decimal;
  percent?: Decimal | null;
}

export interface Market {
  mic: string;
  name: string;
  state: 'open' | 'closed';
  until: Instant | null;
}

export interface Rate {
  currency: string;
  rate: Decimal;
  as_of: Instant;
  source: string;
}

export interface Problem {
  where: string;
  what: string;
}

/** What one portfolio is worth now and why; also the payload of the stream's `snapshot`. */
export interface PortfolioDocument {
  id: string;
  name: string;
  sequence: number;
  base_currency: string;
  value: Decimal | null;
  cash: Decimal;
  cash_tracked: boolean;
  day_change: Decimal | null;
  day_change_percent: Decimal | null;
  state: DataState;
  stale_share: Decimal;
  as_of: Instant;
  simulated: boolean;
  holdings: Holding[];
  contributions: Contribution[];
  markets: Market[];
  rates: Rate[];
  problems: Problem[];
}

export interface PortfolioDelta {
  id: string;
  sequence: number;
  value: Decimal | null;
  cash: Decimal;
  day_change: Decimal | null;
  day_change_percent: Decimal | null;
  state: DataState;
  stale_share: Decimal;
  as_of: Instant;
  holdings: Holding[];
  contributions: Contribution[];
  markets?: Market[];
  rates?: Rate[];
}

/** How well the server itself is connected to the market. */
export interface StreamStatus {
  id: string;
  connection: 'live' | 'delayed' | 'stale' | 'closed' | 'simulated';
  state: DataState;
  stale_share: Decimal;
  as_of: Instant;
  detail?: string | null;
}

export type ActivityType =
  | 'buy'
  | 'sell'
  | 'deliver_in'
  | 'deliver_out'
  | 'transfer'
  | 'deposit'
  | 'withdrawal'
  | 'dividend'
  | 'interest'
  | 'fee'
  | 'tax'
  | 'split';

export interface Activity {
  id: string;
  date: Day;
  type: ActivityType;
  account: string | null;
  account_name: string | null;
  instrument_id: string | null;
  symbol: string | null;
  name: string | null;
  quantity: Decimal | null;
  price: Decimal | null;
  amount: Decimal | null;
  currency: string;
  fee: Decimal | null;
  tax: Decimal | null;
  fx_rate: Decimal | null;
  to_account: string | null;
  ratio: string | null;
  reinvest: boolean;
  refund: boolean;
  note: string | null;
  voided: boolean;
  version: number;
}

/** What a person enters; fields a type does not need are left out. */
export interface ActivityInput {
  date: Day;
  type: ActivityType;
  account?: string;
  symbol?: string;
  mic?: string;
  quantity?: Decimal;
  price?: Decimal;
  amount?: Decimal;
  currency?: string;
  fee?: Decimal;
  tax?: Decimal;
  fx_rate?: Decimal;
  to_account?: string;
  ratio?: string;
  reinvest?: boolean;
  refund?: boolean;
  note?: string;
}

export interface ActivityPage {
  items: Activity[];
  next_cursor: string | null;
  sequence: number;
}

export interface Instrument {
  id: string;
  symbol: string;
  mic: string | null;
  isin: string | null;
  name: string;
  currency: string;
  asset_class: string;
  sector: string | null;
  country: string | null;
  names?: Record<string, string>;
}

export interface InstrumentInput {
  symbol: string;
  mic?: string;
  isin?: string;
  name: string;
  currency: string;
  asset_class: string;
}

export interface Lot {
  id: string;
  opened: Day;
  account_id: string;
  account_name: string;
  quantity: Decimal;
  unit_cost: Decimal;
  cost: Decimal;
  cost_base: Decimal;
  value_base: Decimal | null;
  unrealised_base: Decimal | null;
}

export interface HoldingDetail {
  holding: Holding;
  average_cost: Decimal | null;
  cost: Decimal | null;
  fx_effect_base: Decimal | null;
  fees_base: Decimal;
  taxes_base: Decimal;
  lots: Lot[];
  activities: Activity[];
  instrument: Instrument;
}

export interface Bars {
  instrument_id: string;
  currency: string;
  bars: [Day, Decimal][];
  splits: { date: Day; ratio: string }[];
}

export interface ImportError {
  row: number;
  column: string;
  message: string;
}

export interface ImportRow {
  row: number;
  status: 'new' | 'duplicate' | 'error';
  date?: Day | null;
  type?: string | null;
  symbol?: string | null;
  quantity?: Decimal | null;
  price?: Decimal | null;
  amount?: Decimal | null;
  currency?: string | null;
  account?: string | null;
}

export interface ImportPreview {
  rows: number;
  new: number;
  duplicates: number;
  errors: ImportError[];
  preview: ImportRow[];
}

export interface ImportResult {
  sequence: number;
  added: number;
  duplicates: number;
}

export interface HistoryPoint {
  date: Day;
  value: Decimal | null;
  paid_in: Decimal;
  taken_out: Decimal;
  net_paid_in: Decimal;
  twr: Decimal | null;
  drawdown: Decimal | null;
}

export interface History {
  base_currency: string;
  from: Day;
  to: Day;
  series: HistoryPoint[];
  problems: Problem[];
}

export type Dimension = 'asset_class' | 'sector' | 'country' | 'currency' | 'account';

export interface AllocationLeaf {
  instrument_id: string | null;
  symbol: string;
  name: string;
  value: Decimal;
  share: Decimal;
  day_change_percent: Decimal | null;
  return_percent: Decimal | null;
}

export interface AllocationItem {
  key: string;
  label: string;
  value: Decimal;
  share: Decimal;
  items: AllocationLeaf[];
}

export interface Allocation {
  by: Dimension;
  base_currency: string;
  value: Decimal | null;
  items: AllocationItem[];
  unvalued: { instrument_id: string; symbol: string; name: string }[];
}

/** The figures of a period; totals are amounts in the base currency, rates are fractions. */
export interface Performance {
  period: { from: Day; to: Day; days: string };
  totals: {
    value: Decimal | null;
    cash: Decimal | null;
    cost: Decimal | null;
    unrealised: Decimal | null;
    realised: Decimal | null;
    income: Decimal | null;
    fees: Decimal | null;
    taxes: Decimal | null;
    fx_effect: Decimal | null;
    paid_in: Decimal | null;
    taken_out: Decimal | null;
    value_start: Decimal | null;
    profit: Decimal | null;
  };
  returns: {
    twr: Decimal | null;
    twr_annualised: Decimal | null;
    modified_dietz: Decimal | null;
    simple: Decimal | null;
    xirr: {
      status: 'ok' | 'several' | 'none' | 'not_meaningful';
      rate: Decimal | null;
      roots: Decimal[];
    } | null;
    benchmark_twr: Decimal | null;
    excess: Decimal | null;
  };
  risk: Record<string, Decimal | null>;
  problems: Problem[];
}

export interface AdminUser {
  id: string;
  email: string;
  name: string;
  role: Role;
  status: 'active' | 'invited' | 'suspended';
  created_at: Instant;
}

export interface Invitation {
  url: string;
  expires_at: Instant;
}

export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

/** RFC 9457 problem document as the server sends it. */
export interface ProblemDocument {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  code?: string;
  request_id?: string;
  errors?: { location?: string; message: string }[] | null;
  candidates?: Instrument[] | null;
}
