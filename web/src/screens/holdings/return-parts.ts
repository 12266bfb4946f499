/** Where the return of one holding came from: parts that add up to its profit in the digits shown. */
import type { HoldingDetail } from '../../api';
import { currencyDigits, decimal } from '../../format';
import { percentOf } from './rows';

export interface ReturnPart {
  key: 'price' | 'currency' | 'income' | 'costs';
  label: string;
  note: string;
  kind: string;
  amount: string;
  /** Of the cost of what is held, in percent points. */
  percent: string | null;
}

export interface Return {
  rows: ReturnPart[];
  total: string;
  totalPercent: string | null;
}

/** Null while a part is unknown: then nothing would add up. */
export function returnParts({ holding, fx_effect_base }: HoldingDetail, base: string): Return | null {
  const { unrealised_base, realised_base, income_base, profit_base, cost_base } = holding;
  if (unrealised_base === null || realised_base === null || income_base === null || profit_base === null) {
    return null;
  }
  const gains = decimal.add(unrealised_base, realised_base);
  // The currency effect is inside the gains; fees and taxes are what profit lacks of gains and income.
  const foreign = holding.currency !== base && fx_effect_base !== null;
  const currency = foreign ? fx_effect_base : '0';
  const costs = decimal.subtract(profit_base, decimal.add(gains, income_base));
  const sold = decimal.sign(realised_base) !== 0;
  const parts: Omit<ReturnPart, 'percent' | 'kind'>[] = [
    {
      key: 'price',
      label: foreign || holding.currency === base ? 'Price' : 'Price and currency',
      note: sold ? 'of what is held and what was sold' : 'of what is held',
      amount: decimal.subtract(gains, currency),
    },
  ];
  if (foreign) {
    parts.push({
      key: 'currency',
      label: 'Currency',
      note: `${holding.currency} against ${base} since each purchase`,
      amount: currency,
    });
  }
  if (decimal.sign(income_base) !== 0) {
    parts.push({ key: 'income', label: 'Income', note: 'dividends and interest', amount: income_base });
  }
  if (decimal.sign(costs) !== 0) {
    parts.push({
      key: 'costs',
      label: 'Fees and taxes',
      note: 'not already in cost or proceeds',
      amount: costs,
    });
  }
  const shown = decimal.roundToSum(
    parts.map(({ amount }) => amount),
    currencyDigits(base),
  );
  const rows = parts.map((part, index) => ({
    ...part,
    kind: part.key,
    amount: shown[index] ?? '0',
    percent: percentOf(part.amount, cost_base),
  }));
  return { rows, total: decimal.sum(shown), totalPercent: percentOf(profit_base, cost_base) };
}
