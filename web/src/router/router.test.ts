import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { address, currentRoute, navigate, setQuery, startRouter } from './router.svelte';

let stop: () => void;

beforeEach(() => {
  vi.spyOn(window, 'scrollTo').mockImplementation(() => undefined);
  stop = startRouter();
  navigate('/');
});
afterEach(() => {
  stop();
  document.body.replaceChildren();
});

function link(href: string, attributes: Record<string, string> = {}): HTMLAnchorElement {
  const anchor = document.createElement('a');
  anchor.href = href;
  for (const [name, value] of Object.entries(attributes)) anchor.setAttribute(name, value);
  document.body.append(anchor);
  return anchor;
}

function click(anchor: HTMLAnchorElement, init: MouseEventInit = {}): boolean {
  const event = new MouseEvent('click', { bubbles: true, cancelable: true, ...init });
  // What is not ours would leave the page, which jsdom can't do.
  window.addEventListener('click', (late) => late.preventDefault(), { once: true });
  anchor.dispatchEvent(event);
  return address.path === new URL(anchor.href).pathname;
}

describe('router', () => {
  it('follows plain links of ours', () => {
    expect(click(link('/holdings/abc?x=1'))).toBe(true);
    expect(address.query.get('x')).toBe('1');
    expect(currentRoute([{ pattern: '/' }, { pattern: '/holdings/:instrument' }])).toEqual({
      route: { pattern: '/holdings/:instrument' },
      parameters: { instrument: 'abc' },
    });
  });

  it.each([
    ['another site', 'https://example.test/holdings', {}, {}],
    ['the API', '/api/docs', {}, {}],
    ['a new tab', '/holdings', { target: '_blank' }, {}],
    ['a download', '/holdings', { download: '' }, {}],
    ['a click with Ctrl', '/holdings', {}, { ctrlKey: true }],
  ])('leaves %s to the browser', (_, href, attributes, init) => {
    expect(click(link(href, attributes), init)).toBe(false);
  });

  it('keeps the page when only the query changes', () => {
    navigate('/activities');
    const length = window.history.length;
    setQuery('add', 'buy');
    expect(address.query.get('add')).toBe('buy');
    setQuery('add', null);
    expect(window.location.search).toBe('');
    expect(window.history.length).toBe(length);
  });
});
