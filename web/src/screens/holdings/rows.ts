/**
 * The holdings table as rows: filtered, sorted, grouped, with subtotals. Amounts are rounded once for the
 * whole portfolio so that rows add up to subtotals and these to the total in the digits shown.
 */
import type { Holding, PortfolioDocument } from '../../api';
import { needsAttention } from '../../components/price-state';
import { currencyDigits, currencyName, decimal, locale, today } from '../../format';

export type GroupBy = 'class' | 'sector' | 'currency' | 'country' | 'none';
export const groupings: { value: GroupBy; label: string }[] = [
  { value: 'class', label: 'Class' },
  { value: 'sector', label: 'Sector' },
  { value: 'currency', label: 'Currency' },
  { value: 'country', label: 'Country' },
  { value: 'none', label: 'None' },
];

export type SortKey = 'name' | 'price' | 'today' | 'value' | 'weight' | 'cost' | 'unrealised' | 'return';
export interface Sort {
  key: SortKey;
  descending: boolean;
}
export const columns: { key: SortKey; label: string }[] = [
  { key: 'name', label: 'Holding' },
  { key: 'price', label: 'Price' },
  { key: 'today', label: 'Today' },
  { key: 'value', label: 'Value' },
  { key: 'weight', label: 'Weight' },
  { key: 'cost', label: 'Cost' },
  { key: 'unrealised', label: 'Unrealised' },
  { key: 'return', label: 'Total return' },
];

/** Figures in the digits shown, in the base currency; null is unknown. */
export interface Figures {
  value: string | null;
  /** Percent points with one decimal. */
  weight: string | null;
  cost: string | null;
  unrealised: string | null;
  dayPercent: string | null;
  unrealisedPercent: string | null;
  /** Profit with income, fees and currency, in percent of the cost. */
  returnPercent: string | null;
}

export type Row =
  | { kind: 'holding'; key: string; holding: Holding; figures: Figures }
  | { kind: 'group'; key: string; label: string; count: number; figures: Figures }
  | { kind: 'cash'; key: string; label: string; figures: Figures }
  | { kind: 'total'; key: string; label: string; figures: Figures };

export interface View {
  query: string;
  by: GroupBy;
  sort: Sort;
  /** Only what needs a look. */
  look: boolean;
  /** Keys in the order they are held in while somebody points at them; null sorts anew. */
  held: string[] | null;
  /** The day on the viewer's wall, "YYYY-MM-DD". */
  today: string;
}

const nothing: Figures = {
  value: null,
  weight: null,
  cost: null,
  unrealised: null,
  dayPercent: null,
  unrealisedPercent: null,
  returnPercent: null,
};

/** From this cost on whole units are shown: cents of a cost say nothing. */
const wholeUnitsMin = '10000';

/** Decimals of cost and gain in this portfolio. */
export function costDigits(portfolio: PortfolioDocument): number {
  const cost = decimal.sum(portfolio.holdings.map(({ cost_base }) => cost_base ?? '0'));
  return decimal.compare(cost, wholeUnitsMin) >= 0 ? 0 : currencyDigits(portfolio.base_currency);
}

/** Whether somebody may want to look at its price. */
export function needsLook({ price }: Holding): boolean {
  return price.held_back ? true : needsAttention(price.state) || price.state === 'none';
}

/**
 * Whether its price did not come today: then there is no day change, and a zero would claim one. A change
 * the server does count into the day is shown, however old its price.
 */
export function noNewPrice({ price, day_change_percent }: Holding, day: string): boolean {
  if (price.state === 'none') return false;
  if (day_change_percent === null || price.state === 'stale') return true;
  const instant = price.market_time ?? price.observed_at;
  return decimal.sign(day_change_percent) === 0 && instant !== null && today(new Date(instant)) < day;
}

/**
 * Change of the price since the last close, in its own currency. Null unless it is the change that the
 * server means by today's percent: a close older than the day's start would say something else beside it.
 */
export function dayChange({ price, day_change_percent }: Holding): string | null {
  const { amount, previous_close } = price;
  if (amount === null || !previous_close || day_change_percent === null) return null;
  const change = decimal.subtract(amount, previous_close);
  const points = percentOf(change, previous_close);
  if (points === null) return null;
  const apart = decimal.absolute(decimal.subtract(points, day_change_percent));
  return decimal.compare(apart, '0.01') <= 0 ? change : null;
}

export function matches({ name, symbol, sector, price }: Holding, query: string): boolean {
  const wanted = query.trim().toLocaleLowerCase(locale());
  if (wanted === '') return true;
  return [name, symbol, sector, price.source].some((text) =>
    text?.toLocaleLowerCase(locale()).includes(wanted),
  );
}

/** A rate, so a float may work it out; null without anything to compare with. */
export function percentOf(part: string | null, whole: string | null): string | null {
  if (part === null || whole === null || decimal.sign(whole) <= 0) return null;
  const points = (decimal.toNumber(part) / decimal.toNumber(whole)) * 100;
  return Number.isFinite(points) ? points.toFixed(4) : null;
}

/** All rows of the view, top to bottom; the last one is the total of what is shown. */
export function tableRows(portfolio: PortfolioDocument, view: View): Row[] {
  const shown = shownFigures(portfolio, view.today);
  const chosen = ordered(
    portfolio.holdings.filter(
      (holding) => matches(holding, view.query) && (!view.look || needsLook(holding)),
    ),
    shown,
    view,
  );
  const rows: Row[] = [];
  for (const { label, members } of grouped(chosen, view.by)) {
    if (label !== null) {
      const figures = added(members, shown.byId, view.today);
      rows.push({ kind: 'group', key: `group ${label}`, label, count: members.length, figures });
    }
    for (const holding of members) {
      const figures = shown.byId.get(holding.instrument_id) ?? nothing;
      rows.push({ kind: 'holding', key: holding.instrument_id, holding, figures });
    }
  }
  const everything = view.query.trim() === '' && !view.look;
  const withCash = everything && portfolio.cash_tracked;
  if (withCash) rows.push({ kind: 'cash', key: 'cash', label: 'Cash', figures: shown.cash });
  const total = added(chosen, shown.byId, view.today, withCash ? shown.cash : null);
  if (everything) total.dayPercent = portfolio.day_change_percent;
  if (chosen.length > 0 || withCash) {
    rows.push({
      kind: 'total',
      key: 'total',
      label: everything ? 'Everything' : 'Shown here',
      figures: total,
    });
  }
  return rows;
}

/** Keys of the holdings in the order of these rows, to hold them in place. */
export function orderOf(rows: readonly Row[]): string[] {
  return rows.filter(({ kind }) => kind === 'holding').map(({ key }) => key);
}

interface ShownFigures {
  byId: Map<string, Figures>;
  cash: Figures;
}

function shownFigures(portfolio: PortfolioDocument, day: string): ShownFigures {
  const { holdings, base_currency, cash, cash_tracked } = portfolio;
  const money = currencyDigits(base_currency);
  const whole = costDigits(portfolio);
  const values = roundedColumn(
    [...holdings.map(({ value_base }) => value_base), cash_tracked ? cash : null],
    money,
  );
  const costs = roundedColumn(
    holdings.map(({ cost_base }) => cost_base),
    whole,
  );
  const gains = roundedColumn(
    holdings.map(({ unrealised_base }) => unrealised_base),
    whole,
  );
  const weights = roundedColumn(
    [
      ...holdings.map(({ weight }) => (weight === null ? null : decimal.shift(weight, 2))),
      cashWeight(portfolio),
    ],
    1,
  );
  const byId = new Map<string, Figures>();
  for (const [index, holding] of holdings.entries()) {
    byId.set(holding.instrument_id, {
      value: values[index] ?? null,
      weight: weights[index] ?? null,
      cost: costs[index] ?? null,
      unrealised: gains[index] ?? null,
      dayPercent: noNewPrice(holding, day) ? null : holding.day_change_percent,
      unrealisedPercent: percentOf(holding.unrealised_base, holding.cost_base),
      returnPercent: percentOf(holding.profit_base, holding.cost_base),
    });
  }
  return { byId, cash: { ...nothing, value: values.at(-1) ?? null, weight: weights.at(-1) ?? null } };
}

/** What the holdings leave of the whole, in percent points. */
function cashWeight({ holdings, cash_tracked }: PortfolioDocument): string | null {
  if (!cash_tracked) return null;
  const known = holdings.flatMap(({ weight }) => (weight === null ? [] : [weight]));
  return known.length === 0 && holdings.length > 0
    ? null
    : decimal.shift(decimal.subtract('1', decimal.sum(known)), 2);
}

/** Rounds what is known so that it adds up to its rounded sum. */
function roundedColumn(amounts: readonly (string | null)[], digits: number): (string | null)[] {
  const known = decimal.roundToSum(
    amounts.filter((amount) => amount !== null),
    digits,
  );
  let next = 0;
  return amounts.map((amount) => (amount === null ? null : (known[next++] ?? null)));
}

function added(
  members: readonly Holding[],
  byId: Map<string, Figures>,
  day: string,
  cash: Figures | null = null,
): Figures {
  const figures = members.map(({ instrument_id }) => byId.get(instrument_id) ?? nothing);
  const all = cash ? [...figures, cash] : figures;
  const column = (key: 'value' | 'weight' | 'cost' | 'unrealised'): string | null => {
    const known = all.flatMap((entry) => entry[key] ?? []);
    return known.length === 0 ? null : decimal.sum(known);
  };
  // Of the whole group: who stood still all day belongs to it. Without any new price there is no day.
  const valued = members.filter(({ value_base }) => value_base !== null);
  const moved = valued.some((holding) => !noNewPrice(holding, day));
  const change = decimal.sum(valued.map(({ day_change_base }) => day_change_base ?? '0'));
  const now = decimal.sum(valued.map(({ value_base }) => value_base ?? '0'));
  const priced = members.filter(
    ({ cost_base, unrealised_base }) => cost_base !== null && unrealised_base !== null,
  );
  const cost = decimal.sum(priced.map(({ cost_base }) => cost_base ?? '0'));
  const gain = decimal.sum(priced.map(({ unrealised_base }) => unrealised_base ?? '0'));
  const profit = decimal.sum(
    priced.map(({ profit_base, unrealised_base }) => profit_base ?? unrealised_base ?? '0'),
  );
  return {
    value: column('value'),
    weight: column('weight'),
    cost: column('cost'),
    unrealised: column('unrealised'),
    dayPercent: !moved ? null : percentOf(change, decimal.subtract(now, change)),
    unrealisedPercent: percentOf(gain, cost),
    returnPercent: percentOf(profit, cost),
  };
}

function ordered(holdings: readonly Holding[], { byId }: ShownFigures, { sort, held }: View): Holding[] {
  if (held) {
    const place = new Map(held.map((key, index) => [key, index]));
    const at = ({ instrument_id }: Holding): number => place.get(instrument_id) ?? held.length;
    return [...holdings].sort((a, b) => at(a) - at(b));
  }
  const direction = sort.descending ? -1 : 1;
  return [...holdings].sort((a, b) => {
    const byName = a.name.localeCompare(b.name, locale()) || (a.instrument_id < b.instrument_id ? -1 : 1);
    if (sort.key === 'name') return byName * direction;
    const left = sortValue(a, sort.key, byId);
    const right = sortValue(b, sort.key, byId);
    // Unknown stays at the end, whichever way round.
    if (left === null || right === null) return left === right ? byName : left === null ? 1 : -1;
    return decimal.compare(left, right) * direction || byName;
  });
}

function sortValue(holding: Holding, key: SortKey, byId: Map<string, Figures>): string | null {
  switch (key) {
    case 'price':
      return holding.price.amount;
    case 'today':
      return byId.get(holding.instrument_id)?.dayPercent ?? null;
    case 'value':
    case 'weight':
      return holding.value_base;
    case 'cost':
      return holding.cost_base;
    case 'unrealised':
      return holding.unrealised_base;
    default:
      return byId.get(holding.instrument_id)?.returnPercent ?? null;
  }
}

const classLabels: Record<string, string> = {
  etf: 'Funds on exchange',
  stock: 'Shares',
  fund: 'Mutual funds',
  bond: 'Bonds',
  crypto: 'Crypto',
  other: 'Other',
  property: 'Property',
  private: 'Private holdings',
};

export function classLabel(assetClass: string): string {
  return classLabels[assetClass] ?? assetClass;
}

/** A country by name in the user's language where it comes as a code. */
export function countryLabel(country: string): string {
  if (!/^[A-Z]{2}$/.test(country)) return country;
  try {
    return new Intl.DisplayNames([locale()], { type: 'region' }).of(country) ?? country;
  } catch {
    return country;
  }
}

const unclassified = 'Unclassified';

function groupLabel(holding: Holding, by: GroupBy): string {
  switch (by) {
    case 'class':
      return classLabel(holding.asset_class);
    case 'sector':
      return holding.sector || unclassified;
    case 'currency':
      return currencyName(holding.currency);
    default:
      return holding.country ? countryLabel(holding.country) : unclassified;
  }
}

/** Groups in an order that no price changes: classes as listed above, all else by name. */
function grouped(holdings: readonly Holding[], by: GroupBy): { label: string | null; members: Holding[] }[] {
  if (by === 'none') return [{ label: null, members: [...holdings] }];
  const byLabel = new Map<string, Holding[]>();
  for (const holding of holdings) {
    const label = groupLabel(holding, by);
    byLabel.set(label, [...(byLabel.get(label) ?? []), holding]);
  }
  const fixed = Object.values(classLabels);
  const rank = (label: string): number =>
    label === unclassified ? Infinity : by === 'class' ? fixed.indexOf(label) + 1 || fixed.length + 1 : 0;
  return [...byLabel]
    .map(([label, members]) => ({ label, members }))
    .sort((a, b) => rank(a.label) - rank(b.label) || a.label.localeCompare(b.label, locale()));
}
