/** How the value was spread over time, as bands to draw: seven at most, the last for all that is small. */
import type { Exposure } from '../../api';
import { decimal } from '../../format';

export const bandsMax = 7;
export const otherKey = 'other bands';

export interface Band {
  key: string;
  /** 1 to 7; the rest has the grey one. */
  colour: number;
  /** A fraction for every point, null where the whole is unknown. */
  shares: (string | null)[];
}

/** Bands by their share at the end, the largest first; what comes after the sixth is one band. */
export function bandsOf({ points }: Exposure): Band[] {
  const keys = [...new Set(points.flatMap(({ shares }) => shares.map(({ key }) => key)))];
  const shareOf = (key: string, index: number): string | null => {
    const point = points[index];
    if (!point || point.value === null) return null;
    const share = point.shares.find((one) => one.key === key);
    return share ? share.share : '0';
  };
  const weight = (key: string): string => {
    const sum = decimal.sum(points.map((_, index) => shareOf(key, index) ?? '0'));
    const now = shareOf(key, points.length - 1) ?? '0';
    // What is large now goes first; what was large and is gone still gets a colour of its own.
    return decimal.add(decimal.shift(now, 6), sum);
  };
  const ranked = keys
    .map((key) => ({ key, weight: weight(key) }))
    .sort((a, b) => decimal.compare(b.weight, a.weight) || (a.key < b.key ? -1 : 1));
  const named = ranked.length <= bandsMax ? ranked : ranked.slice(0, bandsMax - 1);
  const bands = named.map<Band>(({ key }, index) => ({
    key,
    colour: index + 1,
    shares: points.map((_, at) => shareOf(key, at)),
  }));
  const rest = ranked.slice(named.length);
  if (rest.length > 0) {
    bands.push({
      key: otherKey,
      colour: bandsMax,
      shares: points.map((point, at) =>
        point.value === null ? null : decimal.sum(rest.map(({ key }) => shareOf(key, at) ?? '0')),
      ),
    });
  }
  return bands;
}

export interface Column {
  x: number;
  width: number;
  parts: { colour: number; y: number; height: number }[];
}

/** A column for every point, 100 high; short positions and debts have no height. */
export function columnsOf(bands: readonly Band[], count: number): Column[] {
  const step = 100 / Math.max(count, 1);
  return Array.from({ length: count }, (_, index) => {
    const sizes = bands.map(({ shares }) => Math.max(0, decimal.toNumber(shares[index] ?? '0')));
    const whole = sizes.reduce((sum, size) => sum + size, 0);
    let y = 100;
    const parts = sizes.flatMap((size, at) => {
      const height = whole > 0 ? (size / whole) * 100 : 0;
      y -= height;
      return height > 0 ? [{ colour: bands[at]?.colour ?? bandsMax, y, height }] : [];
    });
    return { x: index * step, width: step, parts };
  });
}
