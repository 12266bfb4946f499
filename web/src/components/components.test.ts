import { fireEvent, render, screen } from '@testing-library/svelte';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Fault } from '../api';
import type { Price } from '../api';
import { privacy } from '../settings/privacy.svelte';
import { holding } from '../test/samples';
import Amount from './Amount.svelte';
import Delta from './Delta.svelte';
import ErrorCard from './ErrorCard.svelte';
import { entries } from './navigation';
import { priceStateWords } from './price-state';
import Quantity from './Quantity.svelte';
import { connectionLine, marketLines } from './ribbon';
import Segmented from './Segmented.svelte';

afterEach(() => {
  privacy.on = false;
});

describe('Amount', () => {
  it('shows exact digits', () => {
    const { container } = render(Amount, { value: '-1234.5', currency: 'EUR' });
    expect(container.textContent).toBe('\u2212€1,234.50');
  });

  it('leaves no digit in the document when amounts are hidden, but keeps the sign', () => {
    privacy.on = true;
    const { container } = render(Amount, { value: '681.60', currency: 'EUR', signed: true });
    expect(container.innerHTML).not.toMatch(/\d{2}/);
    expect(container.textContent).toContain('+');
    expect(screen.getByRole('img', { name: 'hidden' })).toBeTruthy();
  });

  it('shows prices always: they are public', () => {
    privacy.on = true;
    const { container } = render(Amount, { value: '4.987', currency: 'EUR', price: true });
    expect(container.textContent).toBe('€4.987');
  });

  it('shows the unknown as a dash, hidden or not', () => {
    privacy.on = true;
    const { container } = render(Amount, { value: null, currency: 'EUR' });
    expect(container.textContent).toBe('\u2014');
  });

  it('follows the switch while it is on screen', async () => {
    const { container } = render(Quantity, { value: '412' });
    expect(container.textContent).toBe('412');
    privacy.on = true;
    await Promise.resolve();
    expect(container.textContent).not.toContain('412');
  });
});

describe('Delta', () => {
  it.each([
    ['2.62', 'gain', 'up'],
    ['-1.43', 'loss', 'down'],
    ['-0.004', 'flat', ''],
  ])('of %s is %s', (value, tone, word) => {
    const { container } = render(Delta, { value });
    expect(container.querySelector('.delta')?.classList.contains(tone)).toBe(true);
    expect(container.querySelector('.visually-hidden')?.textContent).toBe(word);
  });
});

describe('ErrorCard', () => {
  it('says what, why and which request, and retries', async () => {
    const retry = vi.fn();
    render(ErrorCard, {
      title: 'Allocation did not load',
      fault: new Fault(503, { detail: 'It took longer than 5 s.', request_id: '7f3a-19c2' }),
      onretry: retry,
    });
    expect(screen.getByRole('alert').textContent).toContain('It took longer than 5 s.');
    expect(screen.getByText('Request 7f3a-19c2')).toBeTruthy();
    await fireEvent.click(screen.getByRole('button', { name: 'Retry' }));
    expect(retry).toHaveBeenCalledOnce();
  });
});

describe('Segmented', () => {
  it('is chosen from with the arrow keys', async () => {
    const chosen = vi.fn();
    render(Segmented, {
      label: 'Period',
      options: [
        { value: '1m', label: '1M' },
        { value: '1y', label: '1Y' },
      ],
      value: '1m',
      onchange: chosen,
    });
    expect(screen.getByRole('radio', { name: '1M' }).getAttribute('aria-checked')).toBe('true');
    await fireEvent.keyDown(screen.getByRole('radiogroup'), { key: 'ArrowLeft' });
    expect(chosen).toHaveBeenCalledWith('1y');
    expect(document.activeElement?.textContent).toBe('1Y');
  });
});

describe('price states', () => {
  const now = new Date('2026-11-19T18:00:00Z');
  const base = holding('a').price;
  it.each<[Partial<Price>, string, boolean]>([
    [{ state: 'live' }, 'Live', false],
    [{ state: 'nav', market_time: '2026-11-18T22:00:00Z' }, 'NAV of 18 Nov', false],
    [{ state: 'stale', market_time: '2026-11-18T16:00:00Z' }, 'Stale, 26\u00a0h old', true],
    [{ state: 'fallback', source: 'yahoo' }, 'From Yahoo', true],
    [{ held_back: { amount: '1', reason: 'moved 96 % in a minute' } }, 'Held back, jump of 96\u00a0%', true],
    [{ state: 'none', amount: null }, 'No price', false],
  ])('%j is said as %s', (changes, words, attention) => {
    expect(priceStateWords({ ...base, ...changes }, now)).toMatchObject({ words, attention });
  });
});

describe('ribbon', () => {
  it('puts markets of one state together', () => {
    const closed = ['Xetra', 'Amsterdam', 'Helsinki', 'Paris'].map((name) => ({
      mic: name,
      name,
      state: 'closed' as const,
      until: null,
    }));
    const open = { mic: 'XNYS', name: 'New York', state: 'open' as const, until: null };
    expect(marketLines([open, ...closed]).map((line) => line.words)).toEqual([
      'New York open',
      'Xetra, Amsterdam and 2 more closed',
    ]);
  });

  it('counts down to the next attempt', () => {
    expect(connectionLine({ kind: 'waiting', until: 4200 }, null, 1000, false)?.words).toBe(
      'Back in 4\u00a0s',
    );
    expect(connectionLine({ kind: 'idle' }, null, 0, true)).toBeNull();
    expect(connectionLine({ kind: 'connected' }, null, 0, false)?.kind).toBe('live');
    expect(connectionLine({ kind: 'connected' }, null, 0, true)?.words).toBe('Live updates slower');
  });
});

it('shows people only to admins', () => {
  expect(entries(false).map((entry) => entry.label)).not.toContain('People');
  expect(entries(true).at(-1)?.label).toBe('People');
});
