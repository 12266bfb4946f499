/** A line of a few dozen points in a small box. */

export interface SparkPath {
  path: string;
  /** Where the last point is. */
  x: number;
  y: number;
}

/** Unknown values break the line. Null with fewer than two known ones: a line needs two. */
export function sparkPath(
  values: readonly (number | null)[],
  width: number,
  height: number,
): SparkPath | null {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return null;
  const low = Math.min(...known);
  const span = Math.max(...known) - low;
  const inset = 2.5;
  const x = (index: number): number => inset + (index / (values.length - 1)) * (width - 2 * inset);
  const y = (value: number): number =>
    span === 0 ? height / 2 : height - inset - ((value - low) / span) * (height - 2 * inset);
  let path = '';
  let end = { x: 0, y: 0 };
  let broken = true;
  for (const [index, value] of values.entries()) {
    if (value === null) {
      broken = true;
      continue;
    }
    end = { x: round(x(index)), y: round(y(value)) };
    path += `${broken ? 'M' : 'L'}${end.x} ${end.y}`;
    broken = false;
  }
  return { path, ...end };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
