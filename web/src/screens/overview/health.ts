/** What the total is made of: how many prices are live, at the close, stale; and which want a look. */
import type { DataState, Holding } from '../../api';
import { needsAttention, priceStateWords } from '../../components/price-state';
import { currencyName, shortDay, withDays } from '../../format';

export interface Chip {
  state: DataState;
  words: string;
  attention: boolean;
}

const order: DataState[] = [
  'live',
  'delayed',
  'closed',
  'nav',
  'manual',
  'fallback',
  'stale',
  'quarantined',
  'none',
];

export function healthChips(holdings: Holding[]): Chip[] {
  const byState = new Map<DataState, Holding[]>();
  for (const holding of holdings) {
    const state = stateOf(holding);
    byState.set(state, [...(byState.get(state) ?? []), holding]);
  }
  return order.flatMap((state) => {
    const group = byState.get(state);
    return group
      ? [{ state, words: words(state, group), attention: needsAttention(state) || state === 'none' }]
      : [];
  });
}

function stateOf(holding: Holding): DataState {
  return holding.price.held_back ? 'quarantined' : holding.price.state;
}

function words(state: DataState, group: Holding[]): string {
  const count = group.length;
  switch (state) {
    case 'live':
      return `${count} live`;
    case 'delayed':
      return `${count} delayed`;
    case 'closed':
      return `${count} at the close`;
    case 'nav': {
      const days = new Set(group.map((holding) => holding.price.market_time?.slice(0, 10) ?? ''));
      const [day] = days;
      const noun = count === 1 ? 'fund NAV' : 'fund NAVs';
      return days.size === 1 && day ? `${count} ${noun} of ${shortDay(day)}` : `${count} ${noun}`;
    }
    case 'manual':
      return `${count} by hand`;
    case 'fallback':
      return `${count} from fallback`;
    case 'stale':
      return `${count} stale, last known used`;
    case 'quarantined':
      return `${count} held back`;
    default:
      return `${count} without a price`;
  }
}

export interface DataItem {
  key: string;
  state: DataState;
  /** "Stale", "Fallback". */
  tag: string;
  title: string;
  detail: string;
  instrumentId: string;
}

const tags: Partial<Record<DataState, string>> = {
  stale: 'Stale',
  fallback: 'Fallback',
  quarantined: 'Held back',
  none: 'No price',
};

/** Holdings whose price somebody may want to look at, the worst first. */
export function dataItems(holdings: Holding[], now: Date): DataItem[] {
  const rank: DataState[] = ['none', 'quarantined', 'stale', 'fallback'];
  return holdings
    .map((holding) => ({ holding, state: stateOf(holding) }))
    .filter(({ state }) => rank.includes(state))
    .sort((a, b) => rank.indexOf(a.state) - rank.indexOf(b.state))
    .map(({ holding, state }) => ({
      key: holding.instrument_id,
      state,
      tag: tags[state] ?? state,
      title: titleOf(holding, state, now),
      detail: detailOf(state),
      instrumentId: holding.instrument_id,
    }));
}

function titleOf(holding: Holding, state: DataState, now: Date): string {
  const said = priceStateWords(holding.price, now).words;
  switch (state) {
    case 'stale':
      return `${holding.name} has had no price for ${said.replace(/^Stale,? ?| old$/g, '') || 'a while'}`;
    case 'fallback':
      return `${holding.name} comes ${said.charAt(0).toLowerCase()}${said.slice(1)}`;
    case 'quarantined':
      return `A price of ${holding.name} is held back`;
    default:
      return `${holding.name} has no price`;
  }
}

function detailOf(state: DataState): string {
  switch (state) {
    case 'stale':
      return 'The last known price is in every total';
    case 'fallback':
      return 'Its first source does not answer';
    case 'quarantined':
      return 'The price before it is in every total';
    default:
      return 'It is left out of every total';
  }
}

/** Problems under the names of what they concern, each said once. */
export function namedProblems(
  problems: { where: string; what: string }[],
  holdings: Holding[],
): { words: string; what: string; instrumentId?: string }[] {
  const byText = new Map<string, { words: string; what: string; instrumentId?: string }>();
  for (const { where, what } of problems) {
    const subject = problemSubject(where, holdings);
    byText.set(`${subject.words}: ${what}`, { what: withDays(what), ...subject });
  }
  return [...byText.values()];
}

/** What a problem is about, as people call it, from where the server says it is: "fx.USD", "prices.ID", "day_change.ID". */
export function problemSubject(where: string, holdings: Holding[]): { words: string; instrumentId?: string } {
  const dot = where.indexOf('.');
  const kind = where.slice(0, Math.max(dot, 0));
  const id = where.slice(dot + 1);
  if (kind === 'fx') return { words: `Exchange rate: ${currencyName(id)}` };
  const holding = holdings.find((one) => one.instrument_id === id || one.symbol === id);
  return holding ? { words: holding.name, instrumentId: holding.instrument_id } : { words: where };
}
