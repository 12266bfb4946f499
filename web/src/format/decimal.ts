/**
 * Exact decimals as plain strings ("-1234.5600"), worked on with BigInt.
 *
 * Amounts, quantities, prices and rates arrive as decimal strings and are shown, added and compared
 * without ever becoming a float: a float is for drawing only, and `toNumber` is the one door to it.
 */

/** A decimal taken apart: value = units / 10^scale. */
interface Parts {
  units: bigint;
  scale: number;
}

const pattern = /^-?\d+(\.\d+)?$/;

/** Whether the text is a plain decimal: digits, at most one point, an optional leading minus. */
export function isDecimal(text: string): boolean {
  return pattern.test(text);
}

function parse(text: string): Parts {
  if (!isDecimal(text)) throw new RangeError(`not a decimal: ${JSON.stringify(text)}`);
  const point = text.indexOf('.');
  if (point < 0) return { units: BigInt(text), scale: 0 };
  return { units: BigInt(text.slice(0, point) + text.slice(point + 1)), scale: text.length - point - 1 };
}

function print({ units, scale }: Parts): string {
  const negative = units < 0n;
  const digits = (negative ? -units : units).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const text = scale > 0 ? `${whole}.${digits.slice(digits.length - scale)}` : whole;
  return negative ? `-${text}` : text;
}

function align(a: Parts, b: Parts): [bigint, bigint, number] {
  const scale = Math.max(a.scale, b.scale);
  return [a.units * 10n ** BigInt(scale - a.scale), b.units * 10n ** BigInt(scale - b.scale), scale];
}

/** a + b, exact. */
export function add(a: string, b: string): string {
  const [left, right, scale] = align(parse(a), parse(b));
  return print({ units: left + right, scale });
}

/** a − b, exact. */
export function subtract(a: string, b: string): string {
  const [left, right, scale] = align(parse(a), parse(b));
  return print({ units: left - right, scale });
}

/** a · b, exact. */
export function multiply(a: string, b: string): string {
  const left = parse(a);
  const right = parse(b);
  return print({ units: left.units * right.units, scale: left.scale + right.scale });
}

/** Exact sum; the sum of nothing is "0". */
export function sum(values: Iterable<string>): string {
  let total = '0';
  for (const value of values) total = add(total, value);
  return total;
}

/** −a. */
export function negate(a: string): string {
  const { units, scale } = parse(a);
  return print({ units: -units, scale });
}

/** |a|. */
export function absolute(a: string): string {
  return a.startsWith('-') ? negate(a) : a;
}

/** −1, 0 or 1. */
export function sign(a: string): -1 | 0 | 1 {
  const { units } = parse(a);
  return units > 0n ? 1 : units < 0n ? -1 : 0;
}

/** Negative, zero or positive as a is below, equal to or above b; fit for Array.sort. */
export function compare(a: string, b: string): number {
  const [left, right] = align(parse(a), parse(b));
  return left < right ? -1 : left > right ? 1 : 0;
}

/** a · 10^places, exact: `shift("0.236", 2)` is "23.6". */
export function shift(a: string, places: number): string {
  const { units, scale } = parse(a);
  const next = scale - places;
  return next >= 0 ? print({ units, scale: next }) : print({ units: units * 10n ** BigInt(-next), scale: 0 });
}

/** Rounded half to even to exactly `digits` decimals; never "-0.00". */
export function round(a: string, digits: number): string {
  const { units, scale } = parse(a);
  if (digits >= scale) return print({ units: units * 10n ** BigInt(digits - scale), scale: digits });
  const divisor = 10n ** BigInt(scale - digits);
  const negative = units < 0n;
  const size = negative ? -units : units;
  let quotient = size / divisor;
  const twice = (size % divisor) * 2n;
  if (twice > divisor || (twice === divisor && quotient % 2n === 1n)) quotient += 1n;
  return print({ units: negative ? -quotient : quotient, scale: digits });
}

/** a / b, rounded half to even to at most `digits` decimals, without trailing zeros. Nothing is divided by 0: a RangeError. */
export function quotient(a: string, b: string, digits: number): string {
  const [left, right] = align(parse(a), parse(b));
  if (right === 0n) throw new RangeError('division by 0');
  const negative = left < 0n !== right < 0n;
  const size = (left < 0n ? -left : left) * 10n ** BigInt(digits);
  const divisor = right < 0n ? -right : right;
  let units = size / divisor;
  const twice = (size % divisor) * 2n;
  if (twice > divisor || (twice === divisor && units % 2n === 1n)) units += 1n;
  return trim(print({ units: negative ? -units : units, scale: digits }));
}

/** Without trailing zeros after the point, but never fewer than `digitsMin` decimals. */
export function trim(a: string, digitsMin = 0): string {
  let { units, scale } = parse(a);
  while (scale > digitsMin && units % 10n === 0n) {
    units /= 10n;
    scale -= 1;
  }
  return scale < digitsMin ? round(print({ units, scale }), digitsMin) : print({ units, scale });
}

/** How many decimals the text carries: `digits("1.50")` is 2. */
export function digits(a: string): number {
  return parse(a).scale;
}

/** For drawing and for nothing else: a bar's length, a point of a line. */
export function toNumber(a: string): number {
  return Number(a);
}

/**
 * Rounds amounts so that what is shown adds up to the rounded exact sum: every amount is cut to `digits`
 * decimals, then the units left over go to those that lost most (largest remainder). No amount moves
 * by a whole unit or more, and an amount that needed no rounding keeps its value unless all are exact.
 */
export function roundToSum(amounts: string[], digits: number): string[] {
  const target = parse(round(sum(amounts), digits)).units;
  const factor = 10n ** BigInt(digits);
  const rows = amounts.map((amount, index) => {
    const { units, scale } = parse(amount);
    const divisor = 10n ** BigInt(scale);
    const scaled = units * factor;
    let floor = scaled / divisor;
    if (scaled % divisor < 0n) floor -= 1n;
    // The remainder as a share of 10^18: enough to rank, and equal denominators to compare.
    const rest = ((scaled - floor * divisor) * 10n ** 18n) / divisor;
    return { index, floor, rest };
  });
  let left = target - rows.reduce((total, row) => total + row.floor, 0n);
  const byRest = [...rows].sort((a, b) => (a.rest === b.rest ? a.index - b.index : a.rest > b.rest ? -1 : 1));
  for (const row of byRest) {
    if (left <= 0n) break;
    row.floor += 1n;
    left -= 1n;
  }
  return rows.map((row) => print({ units: row.floor, scale: digits }));
}
