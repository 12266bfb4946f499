/**
 * Decimal strings to text for people: exact digits, the locale's grouping and separators, a true minus
 * (U+2212), a no-break space before %. Unknown (null) is an em dash, never a zero.
 */
import { absolute, digits as digitsOf, round, shift, sign, trim } from './decimal';
import { locale } from './locale';

export const minus = '\u2212';
export const noBreakSpace = '\u00a0';
/** What stands for an unknown figure. */
export const unknown = '\u2014';

export type Signs = 'minus' | 'always';

/** One step of precision for a column: exactly `digits`, or between `digitsMin` and `digitsMax`. */
export interface NumberOptions {
  digits?: number;
  digitsMin?: number;
  digitsMax?: number;
  signs?: Signs;
}

interface Symbols {
  decimal: string;
  numerals: string[];
}

const symbolsByLocale = new Map<string, Symbols>();

function symbols(tag: string): Symbols {
  let known = symbolsByLocale.get(tag);
  if (!known) {
    const parts = new Intl.NumberFormat(tag, { minimumFractionDigits: 1 }).formatToParts(1.5);
    const plain = new Intl.NumberFormat(tag, { useGrouping: false });
    known = {
      decimal: parts.find((part) => part.type === 'decimal')?.value ?? '.',
      numerals: Array.from({ length: 10 }, (_, digit) => plain.format(digit)),
    };
    symbolsByLocale.set(tag, known);
  }
  return known;
}

/** Decimals in the locale's own numerals, without the separator. */
export function localDigits(text: string, tag = locale()): string {
  const { numerals } = symbols(tag);
  return Array.from(text, (digit) => numerals[Number(digit)] ?? digit).join('');
}

/** The value rounded as the options ask, still a plain decimal string. */
export function rounded(value: string, options: NumberOptions): string {
  if (options.digits !== undefined) return round(value, options.digits);
  const most = options.digitsMax ?? Math.max(digitsOf(value), options.digitsMin ?? 0);
  const short = digitsOf(value) > most ? round(value, most) : value;
  return trim(short, options.digitsMin ?? 0);
}

/** "+", "−" or nothing. A value that rounds to zero has no sign. */
export function signText(value: string, signs: Signs = 'minus'): string {
  const direction = sign(value);
  if (direction < 0) return minus;
  return direction > 0 && signs === 'always' ? '+' : '';
}

/** Unsigned digits in the locale's grouping. */
export function magnitude(value: string, tag = locale()): string {
  const [whole = '0', fraction] = absolute(value).split('.');
  const head = new Intl.NumberFormat(tag, { maximumFractionDigits: 0 }).format(BigInt(whole));
  return fraction ? head + symbols(tag).decimal + localDigits(fraction, tag) : head;
}

/** A plain number, e.g. a quantity: `number("1234.5", {})` is "1,234.5". */
export function number(value: string | null | undefined, options: NumberOptions = {}): string {
  if (value === null || value === undefined) return unknown;
  const shown = rounded(value, options);
  return signText(shown, options.signs) + magnitude(shown);
}

/** Percent points ("0.26") as "0.26 %", with `signs: 'always'` as "+0.26 %". Two decimals by default. */
export function percent(points: string | null | undefined, options: NumberOptions = {}): string {
  if (points === null || points === undefined) return unknown;
  const given = options.digits ?? options.digitsMax ?? options.digitsMin;
  return number(points, given === undefined ? { digits: 2, ...options } : options) + noBreakSpace + '%';
}

/** A fraction ("0.236") as percent: "23.6 %". One decimal by default. */
export function share(fraction: string | null | undefined, options: NumberOptions = {}): string {
  if (fraction === null || fraction === undefined) return unknown;
  return percent(shift(fraction, 2), { digits: 1, ...options });
}

/** The locale's decimal separator, to explain input and to build the decimals of the big number. */
export function decimalSeparator(tag = locale()): string {
  return symbols(tag).decimal;
}
