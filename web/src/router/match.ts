/** Pure part of the router: patterns such as "/holdings/:instrument" against paths. */

export type RouteParameters = Record<string, string>;

/** The named segments of the path, or null when the pattern does not fit. A trailing slash is ignored. */
export function matchPath(pattern: string, path: string): RouteParameters | null {
  const wanted = split(pattern);
  const given = split(path);
  if (wanted.length !== given.length) return null;
  const parameters: RouteParameters = {};
  for (const [index, segment] of wanted.entries()) {
    const value = given[index] ?? '';
    if (segment.startsWith(':')) {
      const decoded = decode(value);
      if (!decoded) return null;
      parameters[segment.slice(1)] = decoded;
    } else if (segment !== value) return null;
  }
  return parameters;
}

function split(path: string): string[] {
  return path.replace(/\/+$/, '').split('/').slice(1);
}

function decode(segment: string): string | null {
  try {
    return decodeURIComponent(segment);
  } catch {
    return null; // A broken escape: no route has such a name.
  }
}

/** The query of an address, e.g. "?range=1y". */
export function parseQuery(search: string): URLSearchParams {
  return new URLSearchParams(search);
}

/** The query with one parameter set, or taken out when the value is null; '' when nothing is left. */
export function withParameter(search: string, name: string, value: string | null): string {
  const query = new URLSearchParams(search);
  if (value === null) query.delete(name);
  else query.set(name, value);
  const text = query.toString();
  return text ? `?${text}` : '';
}

/** Whether an address is a page of this site: a link must not carry people elsewhere after they signed in. */
export function isLocalPath(address: string): boolean {
  return /^\/(?![/\\])/.test(address);
}
