// Stand-ins for the providers of prices: one HTTP server that replays recorded payloads from their manifests, as of now.
//
// Each provider lies below its name: the base URL of Yahoo is `${standin.url}/yahoo`. A test moves prices with setPrice,
// breaks providers with setMode, and reads what was asked for from requests.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const day = 86400;

/**
 * Starts the stand-ins for some providers from a directory with one folder for each, which holds a manifest.json.
 * Modes of a provider: ok, 500, 429, html (a page with status 200), hang (never answers).
 */
export async function startStandin({ fixtures, providers = ['yahoo', 'ecb', 'amfi', 'mfapi', 'coingecko'] }) {
  const entries = {};
  for (const name of providers) {
    const manifest = JSON.parse(await readFile(join(fixtures, name, 'manifest.json'), 'utf8'));
    entries[name] = manifest.entries.map((entry) => ({ ...entry, provider: name, full: join(fixtures, name, entry.file) }));
  }
  const modes = Object.fromEntries(providers.map((name) => [name, 'ok']));
  const prices = new Map();
  const requests = [];

  const server = createServer(async (request, response) => {
    try {
      await answer(request, response);
    } catch (error) {
      response.writeHead(500, { 'Content-Type': 'text/plain' }).end(`stand-in: ${error.stack}`);
    }
  });

  async function answer(request, response) {
    const url = new URL(request.url, 'http://standin');
    const [, provider, ...rest] = url.pathname.split('/');
    const path = '/' + rest.join('/');
    requests.push({ provider, method: request.method, path, query: Object.fromEntries(url.searchParams), at: new Date() });
    switch (modes[provider]) {
      case undefined:
        return response.writeHead(404).end('no such provider');
      case '500':
        return response.writeHead(500, { 'Content-Type': 'text/html' }).end('<html>Internal error</html>');
      case '429':
        return response.writeHead(429, { 'Content-Type': 'text/plain' }).end('Too Many Requests');
      case 'html':
        return response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>Maintenance</title>');
      case 'hang':
        return; // the connection ends with the server or with the caller's patience
    }
    const entry = choose(entries[provider], request.method, decodeURIComponent(path), url.searchParams);
    if (!entry) return response.writeHead(404, { 'Content-Type': 'application/json' }).end('{"error":"not recorded"}');
    const recorded = await readFile(entry.full);
    const text = /\.(json|txt|xml|csv|html)$/.test(entry.file) ? rewrite(entry, recorded.toString('utf8'), url.searchParams, prices) : recorded;
    const headers = { ...entry.headers };
    for (const name of Object.keys(headers)) {
      if (/^(content-length|content-encoding|transfer-encoding|connection|date|etag|last-modified)$/i.test(name)) delete headers[name];
    }
    response.writeHead(entry.status, headers).end(text);
  }

  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  return {
    url,
    requests,
    /** Sets what an instrument costs from now on, by its name at the providers ("AAPL", "bitcoin", "118955", "USD" at the ECB). */
    setPrice: (name, amount) => void prices.set(name, Number(amount)),
    /** Switches one provider. */
    setMode(provider, mode) {
      if (!(provider in modes)) throw new Error(`no stand-in for ${provider}`);
      modes[provider] = mode;
    },
    /** Environment with which the binary asks here and nowhere else. */
    environment: () =>
      Object.fromEntries(
        providers.flatMap((name) => {
          const key = `FOLIOSCOPE_PROVIDERS_${name.toUpperCase()}`;
          const base = `${url}/${name}${name === 'coingecko' ? '/api/v3' : ''}`;
          return [[`${key}_BASE_URL`, base], [`${key}_ENABLED`, 'true'], [`${key}_REQUESTS_PER_MINUTE`, '6000'], [`${key}_REQUESTS_PER_DAY`, '1000000']];
        }),
      ),
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The recorded answer for a request: same path, best match of the query; errors are played by modes, not by their recordings. */
export function choose(entries, method, path, query) {
  let best;
  for (const entry of entries) {
    if (entry.method !== method || entry.status !== 200 || !samePath(entry.path, path)) continue;
    if (/error|maintenance|fake|no_timestamps|null_bars|empty/.test(entry.file)) continue;
    const recorded = Object.entries(entry.query ?? {});
    let points = 0;
    for (const [name, value] of recorded) {
      const asked = query.get(name);
      if (asked === null) continue;
      if (asked === value) points += 4;
      else if (/^(symbols|ids)$/.test(name)) {
        const wanted = new Set(asked.split(','));
        points += value.split(',').filter((one) => wanted.has(one)).length;
      }
    }
    if (/8col/.test(entry.file)) points += 1; // the newer of two layouts
    if (!best || points > best.points) best = { entry, points };
  }
  return best?.entry;
}

const samePath = (recorded, asked) => recorded === asked || recorded.endsWith(asked) || asked.endsWith(recorded);

/** Moves a recorded payload to now, with the prices that a test has set. */
export function rewrite(entry, text, query, prices, now = new Date()) {
  switch (entry.provider) {
    case 'yahoo':
      return rewriteYahoo(entry, text, query, prices, now);
    case 'coingecko':
      return rewriteCoinGecko(entry, text, query, prices, now);
    case 'amfi':
      return rewriteAmfi(text, prices, now);
    case 'mfapi':
      return rewriteMfapi(text, prices, now);
    case 'ecb':
      return rewriteEcb(text, prices, now);
    default:
      return text;
  }
}

function rewriteYahoo(entry, text, query, prices, now) {
  if (!entry.file.endsWith('.json')) return text;
  const document = JSON.parse(text);
  const seconds = Math.floor(now / 1000);
  for (const result of document.chart?.result ?? []) moveChart(result, prices.get(result.meta.symbol), seconds);
  for (const quote of document.quoteResponse?.result ?? []) {
    quote.regularMarketTime = seconds;
    if (prices.has(quote.symbol)) quote.regularMarketPrice = prices.get(quote.symbol);
  }
  if (entry.path.includes('/spark')) {
    const asked = (query.get('symbols') ?? '').split(',').filter(Boolean);
    const [model] = Object.values(document).filter((one) => one?.timestamp);
    for (const symbol of asked) {
      if (!model || (!document[symbol] && !prices.has(symbol))) continue;
      const spark = (document[symbol] ??= structuredClone({ ...model, symbol }));
      const shift = seconds - spark.timestamp.at(-1);
      spark.timestamp = spark.timestamp.map((at) => at + shift);
      spark.start += shift;
      spark.end = seconds;
      if (prices.has(symbol)) spark.close[spark.close.length - 1] = prices.get(symbol);
    }
    for (const symbol of Object.keys(document)) if (asked.length && !asked.includes(symbol)) delete document[symbol];
  }
  return JSON.stringify(document);
}

/** Shifts all times by whole days so that the last bar is today's, and opens the market around now. */
function moveChart(result, price, seconds) {
  const { meta } = result;
  const bars = result.timestamp ?? [];
  const shift = bars.length ? Math.floor((seconds - bars.at(-1)) / day) * day : 0;
  result.timestamp = bars.map((at) => at + shift);
  for (const kind of Object.keys(result.events ?? {})) {
    result.events[kind] = Object.fromEntries(
      Object.values(result.events[kind]).map((event) => [String(event.date + shift), { ...event, date: event.date + shift }]),
    );
  }
  meta.regularMarketTime = seconds;
  if (meta.currentTradingPeriod) {
    Object.assign(meta.currentTradingPeriod.regular, { start: seconds - 4 * 3600, end: seconds + 4 * 3600 });
  }
  if (price === undefined) return;
  meta.regularMarketPrice = price;
  for (const quote of result.indicators?.quote ?? []) {
    const last = (quote.close?.length ?? 0) - 1;
    if (last < 0) continue;
    quote.close[last] = price;
    quote.high[last] = Math.max(quote.high[last], price);
    quote.low[last] = Math.min(quote.low[last], price);
  }
}

function rewriteCoinGecko(entry, text, query, prices, now) {
  const document = JSON.parse(text);
  if (!entry.path.endsWith('/simple/price')) return text;
  const currencies = (query.get('vs_currencies') ?? 'usd').split(',');
  const answer = {};
  for (const id of (query.get('ids') ?? '').split(',')) {
    const recorded = document[id];
    if (!recorded && !prices.has(id)) continue; // an unknown coin is silently absent, as at the real one
    answer[id] = { last_updated_at: Math.floor(now / 1000) };
    for (const currency of currencies) answer[id][currency] = prices.get(id) ?? recorded[currency];
  }
  return JSON.stringify(answer);
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (n) => String(n).padStart(2, '0');

function rewriteAmfi(text, prices, now) {
  const date = `${two(now.getUTCDate())}-${months[now.getUTCMonth()]}-${now.getUTCFullYear()}`;
  return text
    .split('\n')
    .map((line) => {
      const cells = line.replace(/\r$/, '').split(';');
      if (cells.length < 6 || !/^\d+$/.test(cells[0])) return line;
      cells[cells.length - 1] = date;
      if (prices.has(cells[0])) cells[cells.length - 2] = prices.get(cells[0]).toFixed(4);
      return cells.join(';') + (line.endsWith('\r') ? '\r' : '');
    })
    .join('\n');
}

function rewriteMfapi(text, prices, now) {
  if (!text.startsWith('{')) return text;
  const document = JSON.parse(text);
  const code = String(document.meta?.scheme_code ?? '');
  if (!Array.isArray(document.data) || !document.data.length) return text;
  document.data[0].date = `${two(now.getUTCDate())}-${two(now.getUTCMonth() + 1)}-${now.getUTCFullYear()}`;
  if (prices.has(code)) document.data[0].nav = prices.get(code).toFixed(5);
  return JSON.stringify(document);
}

/** The newest day of the reference rates becomes today, or the Friday before. */
function rewriteEcb(text, prices, now) {
  const date = new Date(now);
  while ([0, 6].includes(date.getUTCDay())) date.setUTCDate(date.getUTCDate() - 1);
  let moved = text.replace(/time=(['"])\d{4}-\d\d-\d\d\1/, (_, quote) => `time=${quote}${date.toISOString().slice(0, 10)}${quote}`);
  for (const [currency, rate] of prices) {
    const pattern = new RegExp(`(currency=['"]${currency}['"] rate=['"])[0-9.]+`);
    if (/^[A-Z]{3}$/.test(currency)) moved = moved.replace(pattern, `$1${rate}`);
  }
  return moved;
}
