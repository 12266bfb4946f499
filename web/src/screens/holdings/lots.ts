/** Lots in the digits shown, with sums that these digits add up to. */
import type { Lot } from '../../api';
import { currencyDigits, decimal } from '../../format';
import { percentOf } from './rows';

export interface LotRow {
  lot: Lot;
  cost: string | null;
  value: string | null;
  gain: string | null;
  returnPercent: string | null;
}

export interface LotTable {
  rows: LotRow[];
  quantity: string;
  cost: string | null;
  value: string | null;
  gain: string | null;
  returnPercent: string | null;
}

/** Oldest first. A sum is null where one of its parts is unknown. */
export function lotTable(lots: readonly Lot[], base: string): LotTable {
  const sorted = [...lots].sort((a, b) => (a.opened < b.opened ? -1 : a.opened > b.opened ? 1 : 0));
  const digits = currencyDigits(base);
  const cost = column(sorted, 'cost_base', digits);
  const value = column(sorted, 'value_base', digits);
  const gain = column(sorted, 'unrealised_base', digits);
  return {
    rows: sorted.map((lot, index) => ({
      lot,
      cost: cost.shown[index] ?? null,
      value: value.shown[index] ?? null,
      gain: gain.shown[index] ?? null,
      returnPercent: percentOf(lot.unrealised_base, lot.cost_base),
    })),
    quantity: decimal.sum(sorted.map((lot) => lot.quantity)),
    cost: cost.sum,
    value: value.sum,
    gain: gain.sum,
    returnPercent: percentOf(gain.sum, cost.sum),
  };
}

function column(
  lots: readonly Lot[],
  key: 'cost_base' | 'value_base' | 'unrealised_base',
  digits: number,
): { shown: (string | null)[]; sum: string | null } {
  const amounts = lots.map((lot) => lot[key]);
  const known = amounts.filter((amount) => amount !== null);
  if (known.length < amounts.length) {
    return {
      shown: amounts.map((amount) => (amount === null ? null : decimal.round(amount, digits))),
      sum: null,
    };
  }
  const shown = decimal.roundToSum(known, digits);
  return { shown, sum: decimal.sum(shown) };
}

export interface AccountPart {
  id: string;
  name: string;
  quantity: string;
  value: string | null;
  unrealised: string | null;
}

/** What is held in each account; a sum is null where one of its parts is unknown. */
export function byAccount(lots: readonly Lot[]): AccountPart[] {
  const ids = [...new Set(lots.map(({ account_id }) => account_id))];
  return ids.map((id) => {
    const own = lots.filter(({ account_id }) => account_id === id);
    const summed = (key: 'value_base' | 'unrealised_base'): string | null => {
      const amounts = own.map((lot) => lot[key]);
      return amounts.every((amount) => amount !== null) ? decimal.sum(amounts) : null;
    };
    return {
      id,
      name: own[0]?.account_name ?? '',
      quantity: decimal.sum(own.map(({ quantity }) => quantity)),
      value: summed('value_base'),
      unrealised: summed('unrealised_base'),
    };
  });
}
