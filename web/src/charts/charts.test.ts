import { render } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';
import { withAlpha } from './colours';
import { ledgerBars } from './day-ledger';
import Donut from './Donut.svelte';
import { donutArcs, gapDegrees } from './donut';
import { barOf, roomForLabels, tradeMarks } from './marks';
import { labelsBesideTags } from './plot';
import { axisMoney, changePercent, emptyDays, extent, linePoints, returnPoints } from './series';
import { sparkPath } from './sparkline';
import Treemap from './Treemap.svelte';
import { colourBound, colourClass, leaves, placeTiles, tileGap, tilesMax } from './treemap';
import type { TreemapItem } from './treemap';

describe('time series', () => {
  it('keeps every day that has a value and breaks the line where one has none', () => {
    const series = [
      { date: '2026-01-01', value: '1.5' },
      { date: '2026-01-02', value: null },
      { date: '2026-01-03', value: '2' },
      { date: '2026-01-04', value: '3' },
    ];
    expect(linePoints(series)).toEqual([
      { time: '2026-01-01', value: 1.5, gapAfter: true },
      { time: '2026-01-03', value: 2, gapAfter: false },
      { time: '2026-01-04', value: 3, gapAfter: false },
    ]);
    expect(emptyDays(series)).toEqual(['2026-01-02']);
  });

  it('thins out nothing', () => {
    const series = Array.from({ length: 5000 }, (_, index) => ({
      date: `day ${index}`,
      value: String(index),
    }));
    expect(linePoints(series)).toHaveLength(5000);
  });

  it('starts the return of a period at zero', () => {
    const points = returnPoints([
      { date: '2026-01-01', value: '0.25' },
      { date: '2026-01-02', value: '0.5' },
      { date: '2026-01-03', value: '0' },
    ]);
    expect(points.map(({ value }) => Math.round(value))).toEqual([0, 20, -20]);
    expect(returnPoints([{ date: '2026-01-01', value: '-1' }])).toEqual([]);
  });

  it('knows extent and change, and when there is none', () => {
    const points = linePoints([
      { date: 'a', value: '200' },
      { date: 'b', value: '150' },
    ]);
    expect(extent(points)).toEqual([150, 200]);
    expect(extent([])).toBeNull();
    expect(changePercent(points)).toBe(-25);
    expect(changePercent([])).toBeNull();
  });

  it('writes amounts as short as the steps of the axis allow', () => {
    expect(axisMoney('EUR', 200_000, 270_000)(260_000)).toBe('€260k');
    expect(axisMoney('EUR', 200_000, 270_000)(265_563)).toBe('€265.6k');
    expect(axisMoney('EUR', 265_000, 265_200)(265_040)).toBe('€265.04k');
    expect(axisMoney('EUR', 900, 950)(930)).toBe('€930');
    expect(axisMoney('EUR', 1.1, 1.2)(1.15)).toBe('€1.15');
    expect(axisMoney('EUR', 1.1, 1.2)(-1.15)).toBe('\u2212€1.15');
  });
});

describe('donut', () => {
  const slices = ['0.5', '0.3', '0.2'].map((share, index) => ({
    key: `k${index}`,
    label: `L${index}`,
    share,
  }));

  it('goes once around, with the same gap between all arcs', () => {
    const arcs = donutArcs(slices, 100);
    const gap = (gapDegrees * Math.PI) / 180;
    const covered = arcs.reduce((sum, { start, end }) => sum + end - start, 0);
    expect(covered).toBeCloseTo(2 * Math.PI - 3 * gap, 10);
    expect((arcs[1]?.start ?? 0) - (arcs[0]?.end ?? 0)).toBeCloseTo(gap, 10);
    expect(arcs.map(({ colour }) => colour)).toEqual([1, 2, 3]);
  });

  it('draws a whole ring without a gap, a sliver still, and no debt', () => {
    const [whole] = donutArcs([{ key: 'a', label: 'A', share: '1' }], 100);
    expect((whole?.end ?? 0) - (whole?.start ?? 0)).toBeCloseTo(2 * Math.PI, 10);
    const arcs = donutArcs(
      [
        { key: 'a', label: 'A', share: '0.9999' },
        { key: 'b', label: 'B', share: '0.0001' },
        { key: 'c', label: 'C', share: '-0.2' },
      ],
      100,
    );
    expect(arcs.map(({ key }) => key)).toEqual(['a', 'b']);
    expect(arcs.every(({ start, end }) => end > start)).toBe(true);
  });

  it('says its parts in one sentence', () => {
    const { getByRole } = render(Donut, { items: slices, centre: { figure: '50.0', caption: '% l0' } });
    expect(getByRole('img').getAttribute('aria-label')).toBe(
      'Shares: L0 50.0\u00a0%, L1 30.0\u00a0%, L2 20.0\u00a0%.',
    );
  });
});

describe('treemap', () => {
  const item = (key: string, share: string, change: string | null = '1'): TreemapItem => ({
    key,
    label: key.toUpperCase(),
    share,
    change_percent: change,
  });

  it('fills the field: areas in proportion, inside, without touching', () => {
    const tiles = placeTiles(leaves([item('a', '0.5'), item('b', '0.3'), item('c', '0.2')]), 400, 300);
    const area = tiles.reduce((sum, { width, height }) => sum + width * height, 0);
    expect(area / (400 * 300)).toBeGreaterThan(0.98);
    for (const [index, { width, height, share }] of tiles.entries()) {
      expect((width * height) / (400 * 300)).toBeCloseTo(share, 1);
      for (const other of tiles.slice(index + 1)) {
        const tile = tiles[index]!;
        const apart =
          other.x >= tile.x + tile.width + tileGap ||
          tile.x >= other.x + other.width + tileGap ||
          other.y >= tile.y + tile.height + tileGap ||
          tile.y >= other.y + other.height + tileGap;
        expect(apart).toBe(true);
      }
    }
  });

  it('puts what comes after the fifty-ninth into one tile', () => {
    const many = Array.from({ length: 500 }, (_, index) =>
      item(`k${index}`, String((500 - index) / 125_250)),
    );
    const all = leaves([{ ...item('group', '1', null), items: many }]);
    expect(all).toHaveLength(tilesMax);
    expect(all.at(-1)).toMatchObject({ label: '441 others', change: null, count: 441 });
    expect(all.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6);
    expect(leaves(many.slice(0, tilesMax))).toHaveLength(tilesMax);
  });

  it('leaves out what has no size', () => {
    expect(leaves([item('a', '0'), item('b', '-0.1'), item('c', '0.4')]).map(({ key }) => key)).toEqual([
      'c',
    ]);
    expect(placeTiles([], 100, 100)).toEqual([]);
    expect(placeTiles(leaves([item('a', '1')]), 0, 100)).toEqual([]);
  });

  it.each([
    [null, 'd0'],
    [0.04, 'd0'],
    [10, 'g1'],
    [45, 'g2'],
    [90, 'g3'],
    [-0.06, 'l1'],
    [-44.9, 'l1'],
    [-45, 'l2'],
    [-300, 'l3'],
  ])('colours %s of 90 as %s', (change, expected) => {
    expect(colourClass(change, 90)).toBe(expected);
  });

  it('takes its colours from what is usual here', () => {
    expect(colourBound(leaves([item('a', '1', '0.3'), item('b', '1', '-0.6'), item('c', '1', '1.1')]))).toBe(
      2,
    );
    expect(colourBound(leaves([item('a', '1', '40'), item('b', '1', '-44'), item('c', '1', '160')]))).toBe(
      90,
    );
    expect(colourBound([])).toBe(0.5);
  });

  it('has a table twin', async () => {
    const chosen: string[] = [];
    const { getByText, getByRole } = render(Treemap, {
      items: [{ ...item('g', '1', null), items: [item('a', '0.6', '12.34'), item('b', '0.4', null)] }],
      onselect: (key: string) => chosen.push(key),
    });
    expect(getByRole('img').getAttribute('aria-label')).toContain('A is the largest with 60.0');
    getByText('As table').click();
    await Promise.resolve();
    getByRole('button', { name: 'A' }).click();
    expect(chosen).toEqual(['a']);
  });
});

describe('day ledger', () => {
  it('puts all bars on one zero line and one scale', () => {
    const { zero, bars } = ledgerBars(['30', '10', '-10']);
    expect(zero).toBe(25);
    expect(bars).toEqual([
      { left: 25, width: 75 },
      { left: 25, width: 25 },
      { left: 0, width: 25 },
    ]);
  });

  it('stays within the column for one-sided, tiny and no moves', () => {
    expect(ledgerBars(['5', '10']).zero).toBe(0);
    expect(ledgerBars(['-5']).bars).toEqual([{ left: 0, width: 100 }]);
    expect(ledgerBars(['1000', '0.01']).bars[1]?.width).toBeGreaterThan(0.5);
    expect(ledgerBars(['0', '0']).bars).toEqual([
      { left: 50, width: 0 },
      { left: 50, width: 0 },
    ]);
  });
});

describe('price marks', () => {
  const times = ['2026-01-02', '2026-01-05', '2026-01-06'];

  it('puts a weekend on the bar before it and drops what is earlier than all bars', () => {
    expect(barOf(times, '2026-01-04')).toBe('2026-01-02');
    expect(barOf(times, '2026-01-05')).toBe('2026-01-05');
    expect(barOf(times, '2026-02-01')).toBe('2026-01-06');
    expect(barOf(times, '2026-01-01')).toBeNull();
    expect(barOf([], '2026-01-01')).toBeNull();
  });

  it('adds the trades of a day and side exactly', () => {
    const marks = tradeMarks(times, [
      { date: '2026-01-05', side: 'buy', quantity: '0.1', booked: '0.05' },
      { date: '2026-01-05', side: 'buy', quantity: '0.2', booked: '0.1' },
      { date: '2026-01-05', side: 'sell', quantity: '1', booked: '1' },
      { date: '2026-01-03', side: 'buy', quantity: null, booked: null },
      { date: '2025-12-31', side: 'buy', quantity: '9', booked: '9' },
    ]);
    expect(marks).toEqual([
      { time: '2026-01-02', side: 'buy', quantity: null, booked: null },
      { time: '2026-01-05', side: 'buy', quantity: '0.3', booked: '0.15' },
      { time: '2026-01-05', side: 'sell', quantity: '1', booked: '1' },
    ]);
  });

  it('writes a label only where the one before it has ended', () => {
    const places = [10, 30, 80].map((x) => ({ x, width: 40 }));
    expect(roomForLabels(places)).toEqual([true, false, true]);
  });
});

it('leaves out the labels of an axis that a tag would cover', () => {
  const labels = labelsBesideTags([1, 2, 3], [2.1], (value) => value * 20, String);
  expect(labels).toEqual(['1', '', '3']);
  expect(labelsBesideTags([1], [1], () => null, String)).toEqual(['1']);
});

describe('sparkline', () => {
  it('stays in its box and breaks at unknown values', () => {
    const line = sparkPath([1, 2, null, 3, 2], 76, 24);
    expect(line?.path.match(/M/g)).toHaveLength(2);
    expect(line?.x).toBe(73.5);
    expect(sparkPath([5, 5], 76, 24)?.y).toBe(12);
    expect(sparkPath([1, null], 76, 24)).toBeNull();
  });
});

it('makes an opaque colour see-through', () => {
  expect(withAlpha('rgb(1, 2, 3)', 0.09)).toBe('rgba(1, 2, 3, 0.09)');
});
