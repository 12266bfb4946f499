import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { activities, asFault, Fault, imports, onSignedOut, portfolios, session } from './index';
import { Intent } from './intent';

const calls: Request[] = [];
let answer: () => Response;

function problem(status: number, body: object, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'Content-Type': 'application/problem+json', ...headers },
  });
}

beforeEach(() => {
  calls.length = 0;
  answer = () => Response.json({ items: [] });
  vi.stubGlobal('fetch', (request: Request) => {
    calls.push(request);
    return Promise.resolve(answer());
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  onSignedOut(() => undefined);
});

describe('client', () => {
  it('sends method, path, key and body', async () => {
    answer = () => Response.json({ sequence: 8, ids: ['x'] }, { status: 201 });
    const saved = await activities.append(
      'p 1',
      [{ date: '2026-11-19', type: 'deposit', amount: '5' }],
      'key-1',
    );
    expect(saved.sequence).toBe(8);
    const [request] = calls;
    expect(request?.method).toBe('POST');
    expect(new URL(request!.url).pathname).toBe('/api/v1/portfolios/p%201/activities');
    expect(request?.headers.get('Idempotency-Key')).toBe('key-1');
    expect(await request?.json()).toEqual({
      activities: [{ date: '2026-11-19', type: 'deposit', amount: '5' }],
    });
  });

  it('guards corrections with the sequence shown', async () => {
    answer = () => problem(412, { code: 'stale' });
    const failed = await activities.void('p1', 'act1', 41).catch(asFault);
    expect(calls[0]?.headers.get('If-Match')).toBe('"41"');
    expect(failed).toMatchObject({ code: 'stale', status: 412 });
  });

  it('sends a file as it is', async () => {
    answer = () => Response.json({ rows: 1, new: 1, duplicates: 0, errors: [], preview: [] });
    await imports.preview('p1', 'date,type\n2026-01-01,buy\n');
    const [request] = calls;
    expect(new URL(request!.url).search).toBe('?format=folioscope-csv&dry_run=true');
    expect(request?.headers.get('Content-Type')).toMatch(/^text\/csv/);
    expect(await request?.text()).toBe('date,type\n2026-01-01,buy\n');
  });

  it('leaves out parameters that are not set', async () => {
    await portfolios.document('p1');
    expect(new URL(calls[0]!.url).search).toBe('');
  });

  it('tells the session that it has ended, but not while signing in', async () => {
    const ended = vi.fn();
    onSignedOut(ended);
    answer = () => problem(401, { code: 'unauthenticated', detail: 'Wrong password.' });
    await expect(session.create('a@b.test', 'x', {})).rejects.toMatchObject({ message: 'Wrong password.' });
    expect(ended).not.toHaveBeenCalled();
    await expect(portfolios.list()).rejects.toBeInstanceOf(Fault);
    expect(ended).toHaveBeenCalledOnce();
  });

  it('reads problems, their fields, request id and when to come back', async () => {
    answer = () =>
      problem(
        422,
        {
          code: 'invalid',
          detail: 'One activity can’t be entered.',
          request_id: '7f3a',
          errors: [
            { location: 'activities[0].quantity', message: '15 more than you hold.' },
            { location: 'activities[0]', message: 'Odd day.' },
          ],
        },
        { 'Retry-After': '3' },
      );
    const failed = asFault(await portfolios.list().catch((cause: unknown) => cause));
    expect(failed.code).toBe('invalid');
    expect(failed.requestId).toBe('7f3a');
    expect(failed.retryAfterSeconds).toBe(3);
    expect(failed.field('quantity')).toBe('15 more than you hold.');
    expect(failed.field('price')).toBeNull();
    expect(failed.except(['quantity'])).toEqual(['Odd day.']);
  });

  it('speaks plainly of a server that cannot be reached or answers rubbish', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')));
    expect(asFault(await portfolios.list().catch((cause: unknown) => cause))).toMatchObject({
      code: 'offline',
    });
    vi.stubGlobal('fetch', () => Promise.resolve(new Response('<html>', { status: 502 })));
    expect(asFault(await portfolios.list().catch((cause: unknown) => cause))).toMatchObject({
      code: 'internal',
      message: 'The server made a mistake.',
    });
  });
});

describe('Intent', () => {
  it('keeps its key for the same body and only for that', () => {
    const intent = new Intent();
    const first = intent.keyFor({ a: 1 });
    expect(intent.keyFor({ a: 1 })).toBe(first);
    const second = intent.keyFor({ a: 2 });
    expect(second).not.toBe(first);
    intent.done();
    expect(intent.keyFor({ a: 2 })).not.toBe(second);
  });
});
