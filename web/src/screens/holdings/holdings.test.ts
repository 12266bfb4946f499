import { fireEvent, render, screen } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';
import type { Holding, HoldingDetail, Lot, PortfolioDocument } from '../../api';
import { decimal } from '../../format';
import { privacy } from '../../settings/privacy.svelte';
import { holding, portfolio } from '../../test/samples';
import { holdingsCsv } from './export';
import HoldingsTable from './HoldingsTable.svelte';
import { draftFrom, instrumentInput } from './instrument-draft';
import { byAccount, lotTable } from './lots';
import { priceRangeStart, tableRows as priceRows } from './price-ranges';
import { returnParts } from './return-parts';
import { dayChange, matches, needsLook, noNewPrice, orderOf, tableRows } from './rows';
import type { Row, View } from './rows';
import { allRowsMax, visibleRows } from './windowing';

const view: View = {
  query: '',
  by: 'none',
  sort: { key: 'value', descending: true },
  look: false,
  held: null,
  today: '2026-11-19',
};

function order(document: PortfolioDocument, changes: Partial<View> = {}): string[] {
  return orderOf(tableRows(document, { ...view, ...changes }));
}

const thirds = portfolio({
  cash_tracked: true,
  cash: '10.005',
  holdings: [
    holding('a', { value_base: '33.333', weight: '0.30301', cost_base: '20.115', asset_class: 'stock' }),
    holding('b', { value_base: '33.333', weight: '0.30301', cost_base: '20.115', asset_class: 'etf' }),
    holding('c', { value_base: '33.334', weight: '0.30303', cost_base: '20.115', asset_class: 'stock' }),
  ],
});

function figuresOf(rows: Row[], kind: Row['kind']): Row[] {
  return rows.filter((row) => row.kind === kind);
}

describe('tableRows', () => {
  it('adds up in the digits shown: rows to subtotals, subtotals and cash to everything', () => {
    const rows = tableRows(thirds, { ...view, by: 'class' });
    const total = rows.at(-1);
    expect(total?.kind).toBe('total');
    for (const key of ['value', 'weight', 'cost', 'unrealised'] as const) {
      const part = (kind: Row['kind']): string =>
        decimal.sum(figuresOf(rows, kind).flatMap(({ figures }) => figures[key] ?? []));
      expect(decimal.compare(part('holding'), part('group'))).toBe(0);
      expect(decimal.compare(decimal.add(part('group'), part('cash')), total?.figures[key] ?? '0')).toBe(0);
    }
    // And to the number the overview shows: 110.005 rounded half to even.
    expect(total?.figures.value).toBe('110.00');
    expect(total?.figures.weight).toBe('100.0');
  });

  it('keeps the digits of a row when a filter hides others', () => {
    const all = tableRows(thirds, view).find(({ key }) => key === 'a');
    const filtered = tableRows(thirds, { ...view, query: 'name of a' });
    expect(filtered.find(({ key }) => key === 'a')?.figures).toEqual(all?.figures);
    expect(filtered.map(({ kind }) => kind)).toEqual(['holding', 'total']);
    expect(filtered.at(-1)).toMatchObject({ label: 'Shown here', figures: { value: all?.figures.value } });
  });

  it('sorts by every column, unknown last whichever way round', () => {
    const document = portfolio({
      holdings: [
        holding('x', {
          name: 'Xylem',
          value_base: '10',
          cost_base: '9',
          profit_base: '1',
          day_change_percent: '2',
        }),
        holding('m', {
          name: 'Mango',
          value_base: null,
          cost_base: null,
          profit_base: null,
          day_change_percent: null,
        }),
        holding('a', {
          name: 'Alpha',
          value_base: '9',
          cost_base: '1',
          profit_base: '8',
          day_change_percent: '-3',
        }),
      ],
    });
    expect(order(document)).toEqual(['x', 'a', 'm']);
    expect(order(document, { sort: { key: 'value', descending: false } })).toEqual(['a', 'x', 'm']);
    expect(order(document, { sort: { key: 'name', descending: false } })).toEqual(['a', 'm', 'x']);
    expect(order(document, { sort: { key: 'name', descending: true } })).toEqual(['x', 'm', 'a']);
    expect(order(document, { sort: { key: 'today', descending: true } })).toEqual(['x', 'a', 'm']);
    expect(order(document, { sort: { key: 'return', descending: true } })).toEqual(['a', 'x', 'm']);
    expect(order(document, { sort: { key: 'cost', descending: true } })).toEqual(['x', 'a', 'm']);
    expect(tableRows(document, view).at(-1)?.figures.value).toBe('19.00');
  });

  it('moves no row while its order is held, and puts new ones at the end', () => {
    const before = portfolio({
      holdings: [holding('a', { value_base: '2' }), holding('b', { value_base: '1' })],
    });
    const held = order(before);
    const after = portfolio({
      holdings: [
        holding('a', { value_base: '2' }),
        holding('b', { value_base: '5' }),
        holding('n', { value_base: '9' }),
      ],
    });
    expect(order(after, { held })).toEqual(['a', 'b', 'n']);
    expect(order(after)).toEqual(['n', 'b', 'a']);
  });

  it.each([
    ['class', ['Funds on exchange', 'Shares']],
    ['sector', ['Health', 'Technology', 'Unclassified']],
    ['currency', ['Euro', 'US Dollar']],
    ['country', ['Germany', 'Unclassified']],
  ] as const)('groups by %s in an order no price changes', (by, labels) => {
    const document = portfolio({
      holdings: [
        holding('a', { asset_class: 'stock', sector: 'Technology', currency: 'USD', country: 'DE' }),
        holding('b', { asset_class: 'etf', sector: null, currency: 'EUR', country: null }),
        holding('c', { asset_class: 'stock', sector: 'Health', currency: 'EUR', country: 'DE' }),
      ],
    });
    const rows = tableRows(document, { ...view, by });
    expect(rows.flatMap((row) => (row.kind === 'group' ? row.label : []))).toEqual(labels);
  });

  it("works out a group's day from all of it, and claims none without a new price", () => {
    const still = holding('b', { value_base: '500', day_change_base: null, day_change_percent: null });
    const moved = holding('a', { value_base: '110', day_change_base: '10' });
    const [group] = tableRows(portfolio({ holdings: [moved, still] }), { ...view, by: 'class' });
    expect(group?.figures.dayPercent).toBe('1.6667');
    const [quiet] = tableRows(portfolio({ holdings: [still] }), { ...view, by: 'class' });
    expect(quiet?.figures.dayPercent).toBeNull();
  });

  it('shows nothing when nothing fits', () => {
    expect(tableRows(thirds, { ...view, query: 'zebra' })).toEqual([]);
    expect(tableRows(thirds, { ...view, look: true })).toEqual([]);
  });
});

describe('prices that want a look', () => {
  const priced = (changes: Partial<Holding['price']>, more: Partial<Holding> = {}): Holding =>
    holding('a', { price: { ...holding('a').price, ...changes }, ...more });

  const day = '2026-11-19';

  it('claims no day change for a price that did not come today', () => {
    expect(noNewPrice(priced({ state: 'stale' }), day)).toBe(true);
    expect(noNewPrice(priced({ state: 'nav' }, { day_change_percent: null }), day)).toBe(true);
    expect(noNewPrice(priced({ state: 'closed' }), day)).toBe(false);
    expect(noNewPrice(priced({ state: 'none', amount: null }, { day_change_percent: null }), day)).toBe(
      false,
    );
  });

  it('shows a change that counts into the day, and no zero of an older price', () => {
    const yesterday = { market_time: '2026-11-18T16:35:00Z', state: 'nav' } as const;
    expect(noNewPrice(priced(yesterday, { day_change_percent: '0' }), day)).toBe(true);
    expect(noNewPrice(priced(yesterday, { day_change_percent: '0.4' }), day)).toBe(false);
    expect(noNewPrice(priced({}, { day_change_percent: '0' }), day)).toBe(false);
  });

  it('names an amount only beside the percent it belongs to', () => {
    const moved = { amount: '102', previous_close: '100' };
    expect(dayChange(priced(moved, { day_change_percent: '2' }))).toBe('2');
    expect(dayChange(priced(moved, { day_change_percent: '0' }))).toBeNull();
    expect(dayChange(priced({ ...moved, previous_close: null }, { day_change_percent: '2' }))).toBeNull();
  });

  it.each([
    ['live', false],
    ['closed', false],
    ['nav', false],
    ['stale', true],
    ['fallback', true],
    ['none', true],
  ] as const)('%s needs a look: %s', (state, expected) => {
    expect(needsLook(priced({ state }))).toBe(expected);
  });

  it('counts a price that is held back', () => {
    expect(needsLook(priced({ state: 'live', held_back: { amount: '1', reason: 'jump' } }))).toBe(true);
  });

  it('finds by name, symbol and sector, whatever the case', () => {
    const one = holding('nvda', { name: 'Nvidia', sector: 'Technology' });
    expect(['nvid', 'NVDA', ' tech ', ''].map((text) => matches(one, text))).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(matches(one, 'sap')).toBe(false);
  });
});

describe('visibleRows', () => {
  const heights = (count: number): number[] => Array.from({ length: count }, () => 10);

  it('keeps all of a short table', () => {
    expect(visibleRows(heights(allRowsMax), 5000, 100)).toEqual({
      from: 0,
      to: allRowsMax,
      before: 0,
      after: 0,
    });
  });

  it('keeps what is near the screen and the height of the rest', () => {
    for (const top of [-500, 0, 3, 2345, 4990, 99_999]) {
      const slice = visibleRows(heights(500), top, 100);
      expect(slice.before + (slice.to - slice.from) * 10 + slice.after).toBe(5000);
      expect(slice.to - slice.from).toBeLessThan(60);
      expect(slice.to).toBeGreaterThan(slice.from);
      const first = Math.floor(Math.min(Math.max(0, top), 4990) / 10);
      expect(slice.from).toBeLessThanOrEqual(first);
      expect(slice.to).toBeGreaterThan(first);
    }
  });
});

describe('holdingsCsv', () => {
  const rows = (changes: Partial<Holding>): Row[] =>
    tableRows(portfolio({ holdings: [holding('a', changes)] }), view);

  it('writes exact figures, quotes text and defuses formulas', () => {
    const text = holdingsCsv(rows({ name: '=1+1, "x"', value_base: '125.123456', profit_base: '-3' }), false);
    const [head, line, end] = text.split('\r\n');
    expect(head?.split(',')).toContain('value_base');
    expect(line).toContain(`"'=1+1, ""x"""`);
    expect(line).toContain('125.123456');
    expect(line).toMatch(/,-3$/);
    expect(end).toBe('');
  });

  it('leaves amounts out while they are hidden', () => {
    const text = holdingsCsv(rows({ value_base: '125.123456', quantity: '77' }), true);
    expect(text).not.toContain('125.12');
    expect(text).not.toContain('quantity');
    expect(text).toContain('weight');
  });
});

describe('returnParts', () => {
  const detail = (changes: Partial<Holding>, fx: string | null): HoldingDetail => ({
    holding: holding('a', changes),
    average_cost: '1',
    cost: '1',
    fx_effect_base: fx,
    fees_base: '0',
    taxes_base: '0',
    lots: [],
    activities: [],
    instrument: {
      id: 'a',
      symbol: 'A',
      mic: null,
      isin: null,
      name: 'A',
      currency: 'USD',
      asset_class: 'stock',
      sector: null,
      country: null,
    },
  });

  it('adds up to the profit, with the currency taken out of the gains', () => {
    const parts = returnParts(
      detail(
        {
          currency: 'USD',
          cost_base: '1000',
          unrealised_base: '100.004',
          realised_base: '50.004',
          income_base: '10.004',
          profit_base: '155.012',
        },
        '-20',
      ),
      'EUR',
    );
    expect(parts?.rows.map(({ key, amount }) => [key, amount])).toEqual([
      ['price', '170.01'],
      ['currency', '-20.00'],
      ['income', '10.00'],
      ['costs', '-5.00'],
    ]);
    expect(parts?.total).toBe('155.01');
    expect(parts?.totalPercent).toBe('15.5012');
  });

  it('names no currency at home and no part that is not there', () => {
    const parts = returnParts(
      detail({ currency: 'EUR', unrealised_base: '25', profit_base: '25' }, '0'),
      'EUR',
    );
    expect(parts?.rows.map(({ label }) => label)).toEqual(['Price']);
    expect(returnParts(detail({ unrealised_base: null }, null), 'EUR')).toBeNull();
  });
});

describe('lotTable', () => {
  const lot = (id: string, changes: Partial<Lot> = {}): Lot => ({
    id,
    opened: '2026-01-01',
    account_id: 'a1',
    account_name: 'comdirect',
    quantity: '1',
    unit_cost: '1',
    cost: '1',
    cost_base: '0.333',
    value_base: '0.666',
    unrealised_base: '0.333',
    ...changes,
  });

  it('sums what is shown, oldest first', () => {
    const table = lotTable(
      [lot('b', { opened: '2026-02-01' }), lot('a'), lot('c', { opened: '2026-03-01' })],
      'EUR',
    );
    expect(table.rows.map((row) => row.lot.id)).toEqual(['a', 'b', 'c']);
    expect(decimal.sum(table.rows.map(({ cost }) => cost ?? '0'))).toBe(table.cost);
    expect(table.cost).toBe('1.00');
    expect(table.quantity).toBe('3');
  });

  it('has no sum where a part is unknown', () => {
    const table = lotTable([lot('a'), lot('b', { value_base: null, unrealised_base: null })], 'EUR');
    expect(table.value).toBeNull();
    expect(table.rows[1]?.value).toBeNull();
    expect(table.cost).toBe('0.67');
  });

  it('adds up by account, exactly, and leaves unknown what is unknown', () => {
    const elsewhere = lot('a', { account_id: 'a2', account_name: 'DKB', value_base: null });
    expect(byAccount([lot('a'), lot('b'), elsewhere])).toEqual([
      { id: 'a1', name: 'comdirect', quantity: '2', value: '1.332', unrealised: '0.666' },
      { id: 'a2', name: 'DKB', quantity: '1', value: null, unrealised: '0.333' },
    ]);
  });
});

describe('instrument draft', () => {
  it('takes what was typed for what it looks like', () => {
    expect(draftFrom('nvda', 'USD')).toMatchObject({ symbol: 'NVDA', name: '', isin: '' });
    expect(draftFrom('us67066g1040', 'USD')).toMatchObject({ symbol: '', name: '', isin: 'US67066G1040' });
    expect(draftFrom('Nvidia Corporation', 'USD')).toMatchObject({ symbol: '', name: 'Nvidia Corporation' });
  });

  it('sends only what was filled in', () => {
    const draft = draftFrom('ABC', 'EUR');
    expect(instrumentInput({ ...draft, name: ' Abc ' })).toEqual({
      symbol: 'ABC',
      name: 'Abc',
      currency: 'EUR',
      asset_class: 'stock',
    });
    expect(
      instrumentInput({ ...draft, mic: 'xetr', country: 'de', names: { yahoo: ' ABC.DE ', coingecko: ' ' } }),
    ).toMatchObject({ mic: 'XETR', country: 'DE', names: { yahoo: 'ABC.DE' } });
  });
});

describe('prices over time', () => {
  it('knows where a period starts', () => {
    expect(priceRangeStart('3m', '2026-11-23', undefined)).toBe('2026-08-23');
    expect(priceRangeStart('first', '2026-11-23', '2024-01-05')).toBe('2024-01-05');
    expect(priceRangeStart('max', '2026-11-23', '2024-01-05') < '1950-01-01').toBe(true);
  });

  it('lists the last day of each month of a long period', () => {
    const bars = Array.from({ length: 60 }, (_, index) => ({
      date: new Date(Date.UTC(2026, 0, 1 + index)).toISOString().slice(0, 10),
    }));
    expect(priceRows(bars).map(({ date }) => date)).toEqual(['2026-03-01', '2026-02-28', '2026-01-31']);
    expect(priceRows(bars.slice(0, 3))).toHaveLength(3);
  });
});

describe('HoldingsTable', () => {
  const props = (document: PortfolioDocument) => ({
    rows: tableRows(document, view),
    sort: view.sort,
    base: 'EUR',
    digits: 2,
    onsort: vi.fn(),
    onhold: vi.fn(),
  });

  it('marks a price that rose and leaves the other alone', async () => {
    const before = portfolio({ holdings: [holding('a'), holding('b')] });
    const { rerender, container } = render(HoldingsTable, props(before));
    expect(container.querySelectorAll('.flash.up, .flash.down')).toHaveLength(0);
    const after = portfolio({
      holdings: [holding('a', { price: { ...holding('a').price, amount: '13' } }), holding('b')],
    });
    await rerender(props(after));
    const flashed = container.querySelectorAll('.flash.up');
    expect(flashed).toHaveLength(1);
    expect(flashed[0]?.textContent).toContain('13.00');
  });

  it('has no amount in the document while amounts are hidden', () => {
    privacy.on = true;
    const { container } = render(
      HoldingsTable,
      props(portfolio({ holdings: [holding('a', { value_base: '7654.32' })] })),
    );
    expect(container.textContent).not.toContain('7,654');
    expect(container.textContent).toContain('50.0');
    privacy.on = false;
  });

  it('asks for the other way round on a second click', async () => {
    const given = props(portfolio());
    render(HoldingsTable, given);
    await fireEvent.click(screen.getByRole('button', { name: 'Value' }));
    expect(given.onsort).toHaveBeenCalledWith({ key: 'value', descending: false });
    await fireEvent.click(screen.getByRole('button', { name: 'Holding' }));
    expect(given.onsort).toHaveBeenLastCalledWith({ key: 'name', descending: false });
  });

  it('keeps a long table short in the document', () => {
    const many = Array.from({ length: 400 }, (_, index) =>
      holding(`h${index}`, { value_base: String(1000 - index) }),
    );
    const { container } = render(HoldingsTable, props(portfolio({ holdings: many })));
    expect(container.querySelectorAll('tbody tr[aria-rowindex]').length).toBeLessThan(140);
    expect(container.querySelector('table')?.getAttribute('aria-rowcount')).toBe('402');
  });
});
