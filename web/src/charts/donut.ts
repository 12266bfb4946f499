/** A ring in arcs: each as long as its share, with a small gap between neighbours. */
import { arc } from 'd3-shape';
import { decimal } from '../format';

/** The gap between two arcs, in degrees. */
export const gapDegrees = 0.8;
/** Width of the ring as a part of its radius. */
const thickness = 0.3;
/** The seventh colour is for what is put together as "other". */
export const coloursMax = 7;

export interface Slice {
  key: string;
  label: string;
  /** Fraction of the whole, as a decimal string. */
  share: string;
  colour?: number;
}

export interface Arc {
  key: string;
  label: string;
  share: string;
  colour: number;
  path: string;
  /** In radians, from twelve o'clock clockwise, gaps taken off. */
  start: number;
  end: number;
}

/** Arcs around a centre at 0,0. Shares at or below zero have none: a debt is not a part of the ring. */
export function donutArcs(slices: readonly Slice[], radius: number): Arc[] {
  const drawn = slices
    .map((slice, index) => ({
      slice,
      colour: slice.colour ?? Math.min(index + 1, coloursMax),
      size: decimal.toNumber(slice.share),
    }))
    .filter(({ size }) => size > 0);
  const total = drawn.reduce((sum, { size }) => sum + size, 0);
  const gap = drawn.length > 1 ? (gapDegrees * Math.PI) / 180 : 0;
  const draw = arc<{ startAngle: number; endAngle: number }>()
    .innerRadius(radius * (1 - thickness))
    .outerRadius(radius);
  let from = 0;
  return drawn.map(({ slice, colour, size }) => {
    const length = (size / total) * 2 * Math.PI;
    // A sliver keeps a third of its length, or the gap would swallow it.
    const half = Math.min(gap / 2, length / 3);
    const start = from + half;
    const end = from + length - half;
    from += length;
    return {
      key: slice.key,
      label: slice.label,
      share: slice.share,
      colour,
      path: draw({ startAngle: start, endAngle: end }) ?? '',
      start,
      end,
    };
  });
}
