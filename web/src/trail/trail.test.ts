import { fireEvent, render, screen } from '@testing-library/svelte';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { figures } from '../api';
import type { TrailNode } from '../api';
import { decimal } from '../format';
import { privacy } from '../settings/privacy.svelte';
import { explanation, leaf } from '../test/samples';
import {
  asText,
  formula,
  isPrivate,
  madeOf,
  nameMap,
  shownLabel,
  sourceLine,
  sourcesOf,
  stepsOf,
  unitKind,
  valueText,
} from './steps';
import TrailContent from './TrailContent.svelte';

afterEach(() => {
  privacy.on = false;
});

const sum = (value: string, inputs: TrailNode[], changes: Partial<TrailNode> = {}): TrailNode => ({
  label: 'total',
  operation: 'sum',
  value,
  unit: 'EUR',
  inputs,
  ...changes,
});

describe('units', () => {
  it.each([
    ['EUR', 'money'],
    ['GBp', 'money'],
    ['EUR/USD', 'exchange'],
    ['units', 'quantity'],
    ['USD/units', 'price'],
    ['rate', 'fraction'],
    ['days', 'days'],
    ['', 'plain'],
  ])('%s is %s', (unit, kind) => expect(unitKind(unit)).toBe(kind));

  it('shows each in its own digits', () => {
    expect(valueText(leaf('', '1234.5', 'EUR'))).toBe('€1,234.50');
    expect(valueText(leaf('', '0.16283', 'rate'), true)).toBe('+16.28\u00a0%');
    expect(valueText(leaf('', '0.8636001', 'EUR/USD'))).toBe('0.8636');
    expect(valueText(leaf('', null, 'EUR'))).toBe('\u2014');
  });

  it('hides own amounts and quantities, not quoted prices and rates', () => {
    expect(isPrivate(leaf('', '5', 'units'))).toBe(true);
    expect(isPrivate(leaf('', '5', 'EUR'))).toBe(true);
    expect(isPrivate(leaf('', '5', 'EUR', { source: { kind: 'price' } }))).toBe(false);
    expect(isPrivate(leaf('', '5', 'EUR/units'))).toBe(true);
    expect(isPrivate(leaf('', '5', 'rate'))).toBe(false);
  });
});

describe('stepsOf', () => {
  it('adds up in the digits shown, with a row for what rounding leaves', () => {
    const steps = stepsOf(
      sum(
        '1',
        ['0.335', '0.335', '0.33'].map((value) => leaf('part', value, 'EUR')),
      ),
      '',
    );
    expect(steps.at(-1)).toMatchObject({ label: 'Rounding', value: '-0.01' });
    const shown = steps.map(({ value }) => decimal.round(value ?? '0', 2));
    expect(decimal.sum(shown)).toBe('1.00');
  });

  it('takes off what a difference takes off', () => {
    const node = sum('7', [leaf('a', '10', 'EUR'), leaf('b', '3', 'EUR')], { operation: 'difference' });
    expect(stepsOf(node, '').map(({ value }) => value)).toEqual(['10', '-3']);
  });

  it('says what the steps that are not here come to', () => {
    const steps = stepsOf(sum('100', [leaf('a', '40', 'EUR')], { omitted: 12 }), '');
    expect(steps.at(-1)).toMatchObject({ label: '12 more', value: '60' });
  });

  it('does not add up what is unknown', () => {
    const steps = stepsOf(sum('100', [leaf('a', null, 'EUR'), leaf('b', '1', 'EUR')]), '');
    expect(steps).toHaveLength(2);
  });

  it('leaves out a name that was given to what has one already', () => {
    const inner = sum('3', [leaf('a', '1', 'EUR'), leaf('b', '2', 'EUR')]);
    const steps = stepsOf(sum('3', [inner]), '2');
    expect(steps.map(({ path }) => path)).toEqual(['2.0.0', '2.0.1']);
  });
});

describe('labels', () => {
  const names = nameMap([
    { symbol: '7974', name: 'Nintendo' },
    { symbol: 'X', name: 'One' },
    { symbol: 'X', name: 'Another' },
  ]);
  it.each([
    ['value of 7974', 'Value of Nintendo'],
    ['quantity of 2026-01-02 purchase of 7974', 'Quantity of 2 Jan 2026 purchase of Nintendo'],
    ['value of X', 'Value of X'],
    ['part of the whole', 'Part of the whole'],
    ['', 'Sum'],
  ])('%j is shown as %j', (label, shown) => {
    expect(shownLabel({ label, operation: 'sum' }, names)).toBe(shown);
  });

  it('says of what a step is made', () => {
    const parts = [leaf('deposit', '1', 'EUR'), leaf('fee', '2', 'EUR')];
    expect(madeOf(sum('3', parts), false)).toBe('Deposit, Fee');
    expect(madeOf(sum('3', [...parts, ...parts]), false)).toBe('Sum, 4 steps');
  });
});

describe('formula', () => {
  const [value] = explanation().trail.inputs ?? [];
  it('is read at a glance', () => {
    expect(formula(value as TrailNode, false)).toBe('5 × $268.64 × 0.8636');
  });
  it('calls hidden numbers by name', () => {
    expect(formula(value as TrailNode, true)).toBe('quantity × $268.64 × 0.8636');
  });
  it('is left to the steps where it would be long', () => {
    const many = Array.from({ length: 9 }, () => leaf('x', '1', 'EUR'));
    expect(formula({ ...sum('1', many), operation: 'product' }, false)).toBe('');
  });
});

describe('sources', () => {
  it('names which prices and rates a figure rests on', () => {
    const sources = sourcesOf(explanation().trail);
    expect(sourceLine(sources, 'price')).toBe('1 price of 19 Nov 2026, Yahoo');
    expect(sourceLine(sources, 'rate')).toMatch(/^1 rate of 19 Nov 2026, /);
    expect(sourceLine([], 'rate')).toBeNull();
  });

  it('can be pasted somewhere', () => {
    const text = asText(explanation().trail);
    expect(text).toContain('  Value of NVDA | 1160.0025 EUR | product');
    expect(text).toContain('3 more');
  });
});

describe('TrailContent', () => {
  const question = {
    portfolioId: 'p1',
    figure: 'totals.profit',
    title: 'Gain',
    by: 'x',
    atRight: false,
  };

  it('shows what the server says, and unfolds a step by asking for it', async () => {
    const explain = vi.spyOn(figures, 'explain').mockImplementation((_id, { path }) =>
      Promise.resolve(
        path === undefined
          ? explanation()
          : explanation({
              trail: sum('999.9975', [leaf('Deposit', '999.9975', 'EUR')], { label: 'Paid in' }),
            }),
      ),
    );
    render(TrailContent, { question });
    expect(await screen.findByText('What it is worth less what was put in.')).toBeTruthy();
    expect(screen.getByText('5 × $268.64 × 0.8636')).toBeTruthy();
    await fireEvent.click(screen.getByRole('button', { name: 'Paid in' }));
    expect(await screen.findByText('Deposit')).toBeTruthy();
    expect(explain.mock.calls.at(-1)?.[1]).toMatchObject({ explain: 'totals.profit', path: '1' });
  });

  it('says why a figure is unknown', async () => {
    vi.spyOn(figures, 'explain').mockResolvedValue(
      explanation({
        value: null,
        trail: { ...sum('0', [leaf('Price of ODD', null, 'EUR')]), value: null },
        problems: [{ where: 'prices.ODD', what: 'no price before 2026-01-01' }],
      }),
    );
    render(TrailContent, { question });
    expect(await screen.findByText(/This figure is not known/)).toBeTruthy();
    expect(screen.getByText('prices.ODD: no price before 1 Jan 2026')).toBeTruthy();
  });

  it('has no amount in the document while amounts are hidden', async () => {
    privacy.on = true;
    vi.spyOn(figures, 'explain').mockResolvedValue(explanation());
    const { container } = render(TrailContent, { question });
    await screen.findByText('quantity × $268.64 × 0.8636');
    expect(container.innerHTML).not.toMatch(/160\.0|1,160|999/);
    expect(screen.queryByRole('button', { name: 'Copy trail' })).toBeNull();
  });
});
