/** Areas for holdings: size by share, colour by change. */
import { hierarchy, treemap, treemapSquarify } from 'd3-hierarchy';
import { decimal } from '../format';

export interface TreemapItem {
  key: string;
  label: string;
  /** Fraction of the whole, as a decimal string. */
  share: string;
  /** Percent points; null where there is no change to speak of (cash, no price). */
  change_percent: string | null;
  items?: TreemapItem[];
}

/** More tiles than this can't be read, and slow a phone down. */
export const tilesMax = 60;
/** Between tiles, in px. */
export const tileGap = 2;

export interface Leaf {
  key: string;
  label: string;
  group: string;
  share: number;
  change: number | null;
  /** How many holdings the tile stands for; 1 but for "other". */
  count: number;
}

export interface Tile extends Leaf {
  x: number;
  y: number;
  width: number;
  height: number;
}

export const otherKey = 'other tiles';

/** All leaves, the largest first; what comes after the sixtieth is one leaf. Debts have no area. */
export function leaves(groups: readonly TreemapItem[]): Leaf[] {
  const all = groups
    .flatMap((group) => (group.items ?? [group]).map((item) => leaf(item, group.key)))
    .filter(({ share }) => share > 0)
    .sort((a, b) => b.share - a.share || (a.key < b.key ? -1 : 1));
  if (all.length <= tilesMax) return all;
  const rest = all.slice(tilesMax - 1);
  return [
    ...all.slice(0, tilesMax - 1),
    {
      key: otherKey,
      label: `${rest.length} others`,
      group: '',
      share: rest.reduce((sum, { share }) => sum + share, 0),
      change: null,
      count: rest.length,
    },
  ];
}

function leaf(item: TreemapItem, group: string): Leaf {
  return {
    key: item.key,
    label: item.label,
    group,
    share: decimal.toNumber(item.share),
    change: item.change_percent === null ? null : decimal.toNumber(item.change_percent),
    count: 1,
  };
}

/** Places the leaves in a field of this size; the largest is at the left, "other" comes last. */
export function placeTiles(all: readonly Leaf[], width: number, height: number): Tile[] {
  if (width <= 0 || height <= 0 || all.length === 0) return [];
  interface Node {
    leaf: Leaf | null;
    children?: Node[];
  }
  const root = hierarchy<Node>({ leaf: null, children: all.map((leaf) => ({ leaf })) }).sum(
    (node) => node.leaf?.share ?? 0,
  );
  const placed = treemap<Node>()
    .tile(treemapSquarify)
    .size([width, height])
    .paddingInner(tileGap)
    .round(true)(root);
  return placed
    .leaves()
    .flatMap(({ data, x0, y0, x1, y1 }) =>
      data.leaf
        ? [{ ...data.leaf, x: x0, y: y0, width: Math.max(0, x1 - x0), height: Math.max(0, y1 - y0) }]
        : [],
    );
}

const bounds = [0.5, 1, 2, 3, 5, 10, 20, 30, 60, 90, 150];

/** The change from which the strongest colour holds, in percent points: about twice the usual one here. */
export function colourBound(all: readonly Leaf[]): number {
  const sizes = all
    .flatMap(({ change }) => (change === null ? [] : [Math.abs(change)]))
    .sort((a, b) => a - b);
  const usual = sizes[Math.floor(sizes.length / 2)] ?? 0;
  return bounds.find((bound) => bound >= usual * 2) ?? 150;
}

export type ColourClass = 'g1' | 'g2' | 'g3' | 'd0' | 'l1' | 'l2' | 'l3';
export const colourClasses: ColourClass[] = ['l3', 'l2', 'l1', 'd0', 'g1', 'g2', 'g3'];

/** One of seven colours; unknown and what rounds to zero have none. */
export function colourClass(change: number | null, bound: number): ColourClass {
  if (change === null || Math.abs(change) < 0.05) return 'd0';
  const size = Math.abs(change);
  const step = size >= bound ? 3 : size >= bound / 2 ? 2 : 1;
  return `${change > 0 ? 'g' : 'l'}${step}` as ColourClass;
}

/** Rough width of bold 12 px text, to know what fits into a tile. */
const letterWidth = 7.6;
const textInset = 18;

export function fitsLabel(tile: Tile): boolean {
  return tile.width >= tile.label.length * letterWidth + textInset && tile.height >= 24;
}

export function fitsFigure(tile: Tile, text: string): boolean {
  return fitsLabel(tile) && tile.width >= text.length * 6.8 + textInset && tile.height >= 42;
}
