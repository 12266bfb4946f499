import { fireEvent, render, screen, waitFor } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PortfolioItem } from '../../api';
import { scope } from '../../session/scope.svelte';
import { activity } from '../../test/samples';
import ActivityForm from './ActivityForm.svelte';

const portfolio: PortfolioItem = {
  id: 'p1',
  name: 'Family',
  base_currency: 'EUR',
  sequence: 41,
  role: 'owner',
  lot_method: 'fifo',
  lot_scope: 'account',
  allow_short: false,
  closed: false,
  owner_name: null,
  expires_at: null,
};

const sent: { method: string; path: string; headers: Headers; body: unknown }[] = [];
let answers: Record<string, () => Response>;

beforeEach(async () => {
  sent.length = 0;
  answers = {
    'GET /api/v1/portfolios': () => Response.json({ items: [portfolio] }),
    'GET /api/v1/portfolios/p1/accounts': () =>
      Response.json({ items: [{ id: 'a1', name: 'comdirect', currency: 'EUR', closed: false }] }),
    'GET /api/v1/instruments': () =>
      Response.json({
        items: [
          {
            id: 'nvda',
            symbol: 'NVDA',
            mic: 'XNAS',
            isin: null,
            name: 'Nvidia',
            currency: 'USD',
            asset_class: 'stock',
            sector: null,
            country: null,
          },
        ],
      }),
  };
  vi.stubGlobal('fetch', async (request: Request) => {
    const { pathname } = new URL(request.url);
    const text = request.method === 'GET' ? '' : await request.text();
    sent.push({
      method: request.method,
      path: pathname,
      headers: request.headers,
      body: text ? JSON.parse(text) : null,
    });
    return answers[`${request.method} ${pathname}`]?.() ?? new Response('{}', { status: 404 });
  });
  await scope.load();
  sent.length = 0;
});
afterEach(() => {
  scope.clear();
  vi.unstubAllGlobals();
});

function field(label: RegExp): HTMLInputElement {
  return screen.getByLabelText(label);
}

describe('ActivityForm', () => {
  it('shows the fields its type needs and no others', async () => {
    render(ActivityForm, { portfolio, sequence: 41, onsaved: vi.fn() });
    expect(field(/^Quantity/)).toBeTruthy();
    expect(screen.queryByLabelText(/^Amount/)).toBeNull();
    await fireEvent.change(field(/^Type/), { target: { value: 'deposit' } });
    expect(field(/^Amount/)).toBeTruthy();
    expect(screen.queryByLabelText(/^Quantity/)).toBeNull();
    expect(screen.queryByLabelText(/^Holding/)).toBeNull();
  });

  it('finds a holding, sends the trade and shows an oversell at its field', async () => {
    const saved = vi.fn();
    answers['POST /api/v1/portfolios/p1/activities'] = () =>
      new Response(
        JSON.stringify({
          code: 'invalid',
          detail: 'One activity can’t be entered.',
          errors: [
            { location: 'activities[0].quantity', message: 'On 19 Nov you hold 85; this sells 15 more.' },
          ],
        }),
        { status: 422 },
      );
    render(ActivityForm, { portfolio, type: 'sell', sequence: 41, onsaved: saved });
    await fireEvent.input(field(/^Holding/), { target: { value: 'nvi' } });
    const option = await screen.findByRole('option', { name: /Nvidia/ });
    await fireEvent.pointerDown(option);
    await fireEvent.input(field(/^Quantity/), { target: { value: '100' } });
    await fireEvent.input(field(/^Price/), { target: { value: '214.38' } });
    expect(screen.getByText('$21,438.00')).toBeTruthy();
    await fireEvent.click(screen.getByRole('button', { name: 'Add' }));
    await screen.findByText('On 19 Nov you hold 85; this sells 15 more.');
    expect(field(/^Quantity/).getAttribute('aria-invalid')).toBe('true');
    expect(saved).not.toHaveBeenCalled();
    const post = sent.find((call) => call.method === 'POST');
    expect(post?.body).toMatchObject({
      activities: [
        { type: 'sell', account: 'a1', symbol: 'nvda', quantity: '100', price: '214.38', currency: 'USD' },
      ],
    });

    // The same again after a lost answer keeps its key; another body gets another one.
    await fireEvent.click(screen.getByRole('button', { name: 'Add' }));
    await waitFor(() => expect(sent.filter((call) => call.method === 'POST')).toHaveLength(2));
    answers['POST /api/v1/portfolios/p1/activities'] = () =>
      Response.json({ sequence: 42, ids: ['x'] }, { status: 201 });
    await fireEvent.input(field(/^Quantity/), { target: { value: '85' } });
    await fireEvent.click(screen.getByRole('button', { name: 'Add' }));
    await waitFor(() => expect(saved).toHaveBeenCalledWith(42));
    const keys = sent
      .filter((call) => call.method === 'POST')
      .map((call) => call.headers.get('Idempotency-Key'));
    expect(keys[0]).toBe(keys[1]);
    expect(keys[2]).not.toBe(keys[0]);
  });

  it('complains before it sends and moves to the first complaint', async () => {
    render(ActivityForm, { portfolio, sequence: 41, onsaved: vi.fn() });
    await fireEvent.click(screen.getByRole('button', { name: 'Add' }));
    await screen.findByText('Which holding?');
    expect(sent.filter((call) => call.method === 'POST')).toHaveLength(0);
    await waitFor(() => expect(document.activeElement).toBe(field(/^Holding/)));
  });

  it('corrects under the sequence that was shown', async () => {
    const saved = vi.fn();
    answers['PUT /api/v1/portfolios/p1/activities/act1'] = () => Response.json({ sequence: 42, id: 'act2' });
    render(ActivityForm, { portfolio, activity: activity(), sequence: 41, onsaved: saved });
    expect(field(/^Holding/).value).toBe('Nvidia');
    await fireEvent.input(field(/^Quantity/), { target: { value: '11' } });
    await fireEvent.click(screen.getByRole('button', { name: 'Save the correction' }));
    await waitFor(() => expect(saved).toHaveBeenCalledWith(42));
    const put = sent.find((call) => call.method === 'PUT');
    expect(put?.headers.get('If-Match')).toBe('"41"');
    expect(put?.body).toMatchObject({ quantity: '11', symbol: 'nvda' });
  });
});
