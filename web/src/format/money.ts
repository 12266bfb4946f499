/**
 * Amounts and prices of a currency: exact digits in the currency's own precision (JPY 0, EUR 2, KWD 3),
 * its symbol where the locale puts it, minor units (GBX, ZAc, ILA) as pence and cents.
 */
import { absolute, digits as digitsOf, sign } from './decimal';
import { locale, wordLocale } from './locale';
import { decimalSeparator, localDigits, magnitude, noBreakSpace, rounded, signText, unknown } from './number';
import type { NumberOptions } from './number';

/** Hundredths of a major unit in which some markets quote. */
const minorUnits: Record<string, string> = { GBX: 'p', GBp: 'p', ZAc: 'c', ZAC: 'c', ILA: 'ag' };

/** Currencies whose short sign nobody mistakes; all others carry their letters ("CA$", "A$"). */
const shortSign = new Set(['EUR', 'USD', 'GBP', 'JPY', 'INR', 'ILS', 'KRW', 'VND', 'NGN', 'UAH', 'PHP']);

const formats = new Map<string, Intl.NumberFormat>();

function format(currency: string, tag: string, fractionDigits: number | undefined): Intl.NumberFormat | null {
  const key = `${tag} ${currency} ${fractionDigits ?? ''}`;
  let known = formats.get(key);
  if (!known) {
    try {
      known = new Intl.NumberFormat(tag, {
        style: 'currency',
        currency,
        currencyDisplay: shortSign.has(currency) ? 'narrowSymbol' : 'symbol',
        minimumFractionDigits: fractionDigits,
        maximumFractionDigits: fractionDigits,
      });
    } catch {
      return null; // Not three letters: shown as a word after the number.
    }
    formats.set(key, known);
  }
  return known;
}

/** Decimals in which amounts of the currency are kept: EUR 2, JPY 0, KWD 3. */
export function currencyDigits(currency: string): number {
  if (currency in minorUnits) return 0;
  return format(currency, 'en', undefined)?.resolvedOptions().maximumFractionDigits ?? 2;
}

/** An amount in pieces, for the big number whose sign and decimals are set smaller. */
export interface MoneyParts {
  sign: string;
  /** Symbol before the number with the locale's space, or ''. */
  before: string;
  whole: string;
  /** Decimals with their separator, or ''. */
  fraction: string;
  after: string;
}

/** Takes an amount apart; digits default to the currency's own. */
export function moneyParts(value: string, currency: string, options: NumberOptions = {}): MoneyParts {
  const tag = locale();
  const free = options.digits ?? options.digitsMin ?? options.digitsMax;
  const shown = rounded(
    value,
    free === undefined ? { ...options, digits: currencyDigits(currency) } : options,
  );
  const [whole = '0', decimals] = absolute(shown).split('.');
  const parts: MoneyParts = {
    sign: signText(shown, options.signs),
    before: '',
    whole: magnitude(whole, tag),
    fraction: decimals ? decimalSeparator(tag) + localDigits(decimals, tag) : '',
    after: '',
  };
  const minor = minorUnits[currency];
  if (minor) return { ...parts, after: minor };
  const pieces = format(currency, tag, 0)?.formatToParts(0n);
  if (!pieces) return { ...parts, after: noBreakSpace + currency };
  const at = pieces.findIndex((piece) => piece.type === 'integer');
  const text = (list: Intl.NumberFormatPart[]): string =>
    list
      .map((piece) => piece.value)
      .join('')
      .replace(/\s/g, noBreakSpace);
  return { ...parts, before: text(pieces.slice(0, at)), after: text(pieces.slice(at + 1)) };
}

/** An amount: "€1,234.50", "−€0.30"; with `signs: 'always'` "+€681.60". */
export function money(
  value: string | null | undefined,
  currency: string,
  options: NumberOptions = {},
): string {
  if (value === null || value === undefined) return unknown;
  const parts = moneyParts(value, currency, options);
  return parts.sign + parts.before + parts.whole + parts.fraction + parts.after;
}

/**
 * A price as quoted: never fewer decimals than the currency has, more where the price carries them,
 * up to 4 (8 below 0.01: small coins). Below 10 one decimal more than the currency's, as funds quote.
 */
export function price(value: string | null | undefined, currency: string): string {
  if (value === null || value === undefined) return unknown;
  const least = currency in minorUnits ? 0 : currencyDigits(currency);
  const small = sign(value) !== 0 && /^0\.00/.test(absolute(value));
  return money(value, currency, {
    digitsMin: least,
    digitsMax: Math.max(least, small ? 8 : priceDigits(value, least)),
  });
}

function priceDigits(value: string, least: number): number {
  const whole = absolute(value).split('.')[0] ?? '0';
  return Math.min(digitsOf(value), whole.length < 2 ? 4 : least);
}

/** Digits are hidden: five dots of one width with the sign kept, as text. */
export const hiddenDots = '\u2022\u2022\u2022\u2022\u2022';

/** The sign of a currency on its own: "€", "US$" where letters are needed. */
export function currencySign(currency: string): string {
  const minor = minorUnits[currency];
  if (minor) return minor;
  const pieces = format(currency, locale(), 0)?.formatToParts(0n);
  return pieces?.find((piece) => piece.type === 'currency')?.value ?? currency;
}

/** The currency by name in the user's language: "US dollar"; the code if the browser knows none. */
export function currencyName(currency: string): string {
  try {
    return new Intl.DisplayNames([wordLocale()], { type: 'currency' }).of(currency) ?? currency;
  } catch {
    return currency;
  }
}
