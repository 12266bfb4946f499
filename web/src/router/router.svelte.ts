/**
 * The router: the address bar as reactive state, plain links intercepted, nothing else.
 * Screens are loaded with `import()`, see routes.ts.
 */
import { matchPath, parseQuery, withParameter } from './match';
import type { RouteParameters } from './match';

interface Place {
  path: string;
  query: string;
}

function here(): Place {
  return { path: window.location.pathname, query: window.location.search };
}

let place = $state.raw<Place>(here());

/** Path and query as they stand; reading them in a component makes it follow navigation. */
export const address = {
  get path(): string {
    return place.path;
  },
  get query(): URLSearchParams {
    return parseQuery(place.query);
  },
};

/** Goes to a path of ours. A new page scrolls to its top; the same page with another query stays put. */
export function navigate(to: string, options: { replace?: boolean } = {}): void {
  const before = window.location.pathname;
  if (options.replace) window.history.replaceState(null, '', to);
  else window.history.pushState(null, '', to);
  place = here();
  if (place.path !== before) window.scrollTo(0, 0);
}

/** Goes to a page of another site. What is no address of one is an error. */
export function leaveFor(address: string): void {
  if (!/^https?:\/\//.test(address)) throw new Error('This is no address of a page.');
  window.location.assign(address);
}

/** Sets one parameter of the query (null removes it) without a new entry in the history. */
export function setQuery(name: string, value: string | null): void {
  navigate(window.location.pathname + withParameter(window.location.search, name, value), { replace: true });
}

function followLink(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  if (!link || link.target || link.hasAttribute('download') || link.origin !== window.location.origin) return;
  if (link.pathname.startsWith('/api/') || link.getAttribute('href')?.startsWith('#')) return;
  event.preventDefault();
  navigate(link.pathname + link.search + link.hash);
}

/** Listens to links and the back button; the returned function stops it. */
export function startRouter(): () => void {
  const back = (): void => {
    place = here();
  };
  document.addEventListener('click', followLink);
  window.addEventListener('popstate', back);
  return () => {
    document.removeEventListener('click', followLink);
    window.removeEventListener('popstate', back);
  };
}

/** The first route whose pattern fits the current path. */
export function currentRoute<R extends { pattern: string }>(
  routes: R[],
): { route: R; parameters: RouteParameters } | null {
  for (const route of routes) {
    const parameters = matchPath(route.pattern, place.path);
    if (parameters) return { route, parameters };
  }
  return null;
}
