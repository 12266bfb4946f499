/**
 * The shapes of the API under the names the dashboard uses. They come from openapi.json (`npm run generate`);
 * only what JSON schema can't say is narrowed here. Amounts, quantities, prices and rates are decimal
 * strings; `*_percent` are percent points, `weight` and `share` fractions; unknown is null.
 */
import type { components } from './schema';

type Schemas = components['schemas'];

export type Decimal = string;
export type Day = string;
export type Instant = string;

export type User = Schemas['User'];
export type Role = User['role'];
export type PortfolioItem = Omit<Schemas['Portfolio'], 'lot_method'> & {
  lot_method: LotMethod;
  lot_scope?: LotScope;
};
/** How a disposal finds the lots it takes; a later server may know more. */
export type LotMethod = 'fifo' | 'lifo' | 'hifo' | 'average' | 'specific';
/** Where a disposal looks for lots: in its own account, or in the whole portfolio. */
export type LotScope = 'account' | 'portfolio';
export type Account = Schemas['Account'];

export type Price = Schemas['Price'];
export type DataState = Price['state'];
export type Holding = Schemas['Holding'];
export type Contribution = Schemas['Contribution'];
export type Market = Schemas['Market'];
export type Rate = Schemas['Rate'];
export type Problem = Schemas['Trouble'];
/** What one portfolio is worth now and why; also the payload of the stream's `snapshot`. */
export type PortfolioDocument = Schemas['PortfolioDocument'];
export type PortfolioDelta = Omit<Schemas['PortfolioDelta'], 'state'> & { state: DataState };
export type StreamStatus = Omit<Schemas['StreamStatus'], 'state'> & { state: DataState };

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
  | 'cash_transfer'
  | 'split'
  | 'spin_off'
  | 'merger'
  | 'return_of_capital'
  | 'rename'
  | 'write_off';
/** `type` may be one that a later server knows and this dashboard doesn't. */
export type Activity = Schemas['Activity'] & ActivityExtras;
/** A lot that a disposal takes, by the id of the activity that opened it. */
export interface LotChoice {
  id: string;
  quantity: Decimal;
}
interface ActivityExtras {
  to_instrument_id?: string | null;
  to_symbol?: string | null;
  to_name?: string | null;
  cost_share?: Decimal | null;
  to_currency?: string | null;
  to_amount?: Decimal | null;
  lots?: LotChoice[] | null;
}
/** What a person enters; fields a type does not need are left out. */
export type ActivityInput = Omit<Schemas['ActivityFields'], 'type'> & {
  type: ActivityType;
  to_symbol?: string;
  to_mic?: string;
  cost_share?: Decimal;
  to_currency?: string;
  to_amount?: Decimal;
  lots?: LotChoice[];
};
export type ActivityPage = Omit<Schemas['ActivityPage'], 'items'> & { items: Activity[] };

export type Instrument = Schemas['Instrument'];
export type InstrumentInput = Schemas['CreateInstrumentInputBody'];
export type Lot = Schemas['Lot'];
export type HoldingDetail = Omit<Schemas['HoldingDetail'], 'activities'> & { activities: Activity[] };
/** Pairs of day and close as traded; JSON schema only knows them as lists of text. */
export type Bars = Omit<Schemas['Bars'], 'bars'> & { bars: [Day, Decimal][] };

export type ImportError = Schemas['ImportError'];
export type ImportRow = Schemas['ImportRow'];
export type ImportPreview = Schemas['ImportPreview'];
export type ImportResult = Schemas['ImportResult'];

export type HistoryPoint = Schemas['HistoryPoint'];
export type History = Schemas['History'];
export type Allocation = Schemas['Allocation'];
export type AllocationItem = Schemas['AllocationItem'];
export type AllocationLeaf = Schemas['AllocationLeaf'];
export type Dimension = Allocation['by'];
/** The figures of a period; totals are amounts in the base currency, rates are fractions. */
export type Performance = Schemas['Performance'];

/** Where a value of a trail was read. */
export interface TrailSource {
  kind: 'activity' | 'price' | 'rate' | 'setting';
  id?: string;
  date?: Day;
  field?: string;
  symbol?: string;
  currency?: string;
  source?: string;
  state?: string;
  name?: string;
}
/** One step of how a figure came about: its operation applied to the values of its inputs gives its value. */
export interface TrailNode {
  label: string;
  operation: string;
  value: Decimal | null;
  /** A currency, or what kind of number it is. */
  unit: string;
  note?: string;
  source?: TrailSource;
  inputs?: TrailNode[];
  /** How many inputs are left out of this answer; asking for the node's path brings them. */
  omitted?: number;
}
export interface Explanation {
  figure: string;
  label: string;
  value: Decimal | null;
  unit: string;
  period: { from: Day; to: Day };
  trail: TrailNode;
  problems: Problem[];
}

/** Figures of a period by every lot method in both scopes; the profit is the same in all of them. */
export interface LotMethods {
  period: { from: Day; to: Day };
  base_currency: string;
  items: LotMethodFigures[];
}
export interface LotMethodFigures {
  lot_method: LotMethod;
  lot_scope: LotScope;
  current: boolean;
  /** Why there are no figures, as far as one sale stands in their way. */
  reason: string | null;
  realised: Decimal | null;
  unrealised: Decimal | null;
  cost: Decimal | null;
  fx_effect: Decimal | null;
  profit: Decimal | null;
  positions: LotMethodPosition[];
}
export interface LotMethodPosition {
  instrument_id: string;
  symbol: string;
  name: string;
  quantity: Decimal;
  cost_base: Decimal | null;
  realised_base: Decimal | null;
  unrealised_base: Decimal | null;
  lots: number;
}

interface IncomeSums {
  gross: Decimal | null;
  tax: Decimal | null;
  net: Decimal | null;
}
export interface IncomeItem extends IncomeSums {
  instrument_id: string | null;
  symbol: string | null;
  name: string | null;
  /** Of cash: the currency it came in. */
  currency?: string | null;
}
export interface IncomePosition {
  instrument_id: string;
  symbol: string;
  name: string;
  trailing_gross: Decimal | null;
  /** Fractions. */
  yield: Decimal | null;
  yield_on_cost: Decimal | null;
}
export interface Income extends IncomeSums {
  base_currency: string;
  period: { from: Day; to: Day };
  fee: Decimal | null;
  months: (IncomeSums & { month: string; items: IncomeItem[] })[];
  years: (IncomeSums & { year: string })[];
  trailing: {
    from: Day;
    to: Day;
    gross: Decimal | null;
    yield: Decimal | null;
    yield_on_cost: Decimal | null;
  };
  positions: IncomePosition[];
  problems: Problem[];
}

export interface RollingPoint {
  date: Day;
  return: Decimal | null;
  annualised: Decimal | null;
}
export interface Drawdown {
  from: Day;
  low: Day;
  /** Null: not recovered yet. */
  to: Day | null;
  /** A positive fraction. */
  depth: Decimal;
  days: number | string;
}
/** Returns by month and year, rolling, best and worst, and the falls; fractions all. */
export interface PeriodReturns {
  period: { from: Day; to: Day };
  months: { month: string; return: Decimal | null }[];
  years: { year: string; return: Decimal | null; complete: boolean }[];
  rolling: { months: number; points: RollingPoint[] }[];
  best_day: { date: Day; return: Decimal } | null;
  worst_day: { date: Day; return: Decimal } | null;
  best_month: { month: string; return: Decimal } | null;
  worst_month: { month: string; return: Decimal } | null;
  drawdowns: Drawdown[];
  problems: Problem[];
}

/** What a holding, or cash, did for the period's result: price + currency + income − costs = profit. */
export interface ContributionParts {
  price: Decimal | null;
  currency: Decimal | null;
  income: Decimal | null;
  costs: Decimal | null;
  profit: Decimal | null;
  share_of_profit?: Decimal | null;
  contribution?: Decimal | null;
}
export interface ContributionItem extends ContributionParts {
  instrument_id: string;
  symbol: string;
  name: string;
}
export interface ContributionsOfPeriod {
  period: { from: Day; to: Day };
  profit: Decimal | null;
  items: ContributionItem[];
  cash: ContributionParts | null;
  problems: Problem[];
}

export type ExposureDimension = 'currency' | 'sector' | 'asset_class' | 'country';
export interface Exposure {
  by: ExposureDimension;
  points: {
    date: Day;
    value: Decimal | null;
    shares: { key: string; value: Decimal; share: Decimal }[];
  }[];
  problems?: Problem[];
}

/** The portfolio beside one instrument into which the same money went on the same days. */
export interface BenchmarkComparison {
  instrument_id: string;
  currency: string;
  points: {
    date: Day;
    value: Decimal | null;
    benchmark_value: Decimal | null;
    /** Of the benchmark's closes since the start of the period; a fraction. */
    benchmark_twr?: Decimal | null;
  }[];
  value: Decimal | null;
  benchmark_value: Decimal | null;
  difference: Decimal | null;
  twr: Decimal | null;
  benchmark_twr: Decimal | null;
  xirr: Decimal | null;
  benchmark_xirr: Decimal | null;
  problems: Problem[];
}

export type AdminUser = Schemas['AdminUser'];
export type Invitation = Schemas['Invitation'];

/** RFC 9457 problem document, any part of which may be missing when a proxy answered. */
export type ProblemDocument = Partial<Schemas['Problem']>;
