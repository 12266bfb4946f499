/** Bars around one zero line on one scale, so that lengths can be compared down the column. */
import { decimal } from '../format';

export interface Bar {
  /** Left edge and width in percent of the column. */
  left: number;
  width: number;
}

export interface LedgerBars {
  /** Where zero is, in percent of the column. */
  zero: number;
  bars: Bar[];
}

/** A bar shorter than this would not be seen. */
const widthMin = 0.6;

export function ledgerBars(amounts: readonly string[]): LedgerBars {
  const values = amounts.map(decimal.toNumber);
  const low = Math.min(0, ...values);
  const high = Math.max(0, ...values);
  const span = high - low;
  if (span === 0) return { zero: 50, bars: values.map(() => ({ left: 50, width: 0 })) };
  const zero = (Math.abs(low) / span) * 100;
  const bars = values.map((value) => {
    if (value === 0) return { left: zero, width: 0 };
    const width = Math.max(widthMin, (Math.abs(value) / span) * 100);
    return { left: value > 0 ? zero : zero - width, width };
  });
  return { zero, bars };
}
