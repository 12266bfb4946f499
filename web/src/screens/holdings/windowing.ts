/** Which rows of a long table are near the screen. Rows have fixed heights, so no row has to be measured. */

/** Up to this many rows all are kept: find-in-page and printing then see everything. */
export const allRowsMax = 80;
/** Rows kept beyond either edge of the screen, so that a quick scroll does not show blanks. */
const overscanRows = 12;

export interface Slice {
  from: number;
  /** One past the last row. */
  to: number;
  /** Height of what is left out above and below, in px. */
  before: number;
  after: number;
}

/** `top` is how far the screen's upper edge is below the first row, in px; negative above it. */
export function visibleRows(heights: readonly number[], top: number, screen: number): Slice {
  if (heights.length <= allRowsMax) return { from: 0, to: heights.length, before: 0, after: 0 };
  let first = 0;
  let y = 0;
  while (first < heights.length - 1 && y + (heights[first] ?? 0) <= top) y += heights[first++] ?? 0;
  let last = first;
  while (last < heights.length && y < top + screen) y += heights[last++] ?? 0;
  const from = Math.max(0, first - overscanRows);
  const to = Math.min(heights.length, Math.max(last, first + 1) + overscanRows);
  return { from, to, before: total(heights.slice(0, from)), after: total(heights.slice(to)) };
}

function total(heights: readonly number[]): number {
  return heights.reduce((sum, height) => sum + height, 0);
}
