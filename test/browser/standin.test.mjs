// The stand-ins themselves: what they replay is as of now, with the prices that a test sets.
import test from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { reference } from './harness.mjs';
import { choose, rewrite, startStandin } from './standin.mjs';

const now = new Date('2026-11-18T15:00:00Z'); // a Wednesday

test('the best recorded answer is chosen by path and query', () => {
  const entries = [
    { file: 'a.json', method: 'GET', path: '/api/v3/simple/price', query: { ids: 'bitcoin', vs_currencies: 'usd' }, status: 200 },
    { file: 'b.json', method: 'GET', path: '/api/v3/simple/price', query: { ids: 'bitcoin,ethereum', vs_currencies: 'usd' }, status: 200 },
    { file: 'error_b.json', method: 'GET', path: '/api/v3/simple/price', query: { ids: 'ethereum', vs_currencies: 'usd' }, status: 401 },
  ];
  const pick = (query) => choose(entries, 'GET', '/simple/price', new URLSearchParams(query))?.file;
  assert.equal(pick({ ids: 'bitcoin', vs_currencies: 'usd' }), 'a.json');
  assert.equal(pick({ ids: 'ethereum,bitcoin', vs_currencies: 'usd' }), 'b.json');
  assert.equal(choose(entries, 'GET', '/ping', new URLSearchParams()), undefined);
});

test('payloads move to now', () => {
  const prices = new Map([['AAPL', 201.5], ['bitcoin', 99000], ['118955', 2300.25], ['USD', 1.25]]);
  const chart = JSON.parse(
    rewrite(
      { provider: 'yahoo', path: '/v8/finance/chart/AAPL', file: 'chart.json' },
      JSON.stringify({ chart: { result: [{ meta: { symbol: 'AAPL', regularMarketPrice: 1, regularMarketTime: 5 }, timestamp: [86400, 172800], indicators: { quote: [{ close: [1, 2], high: [1, 2], low: [1, 2] }] } }] } }),
      new URLSearchParams(), prices, now,
    ),
  ).chart.result[0];
  assert.equal(chart.meta.regularMarketPrice, 201.5);
  assert.equal(chart.meta.regularMarketTime, now / 1000);
  assert.deepEqual(chart.timestamp.map((at) => new Date(at * 1000).toISOString().slice(0, 10)), ['2026-11-17', '2026-11-18']);
  assert.deepEqual(chart.indicators.quote[0].close, [1, 201.5]);

  const coin = rewrite({ provider: 'coingecko', path: '/api/v3/simple/price', file: 'p.json' }, '{"bitcoin":{"usd":1}}', new URLSearchParams('ids=bitcoin,none&vs_currencies=usd'), prices, now);
  assert.deepEqual(JSON.parse(coin), { bitcoin: { usd: 99000, last_updated_at: now / 1000 } });

  const fund = rewrite({ provider: 'amfi', path: '/spages/NAVAll.txt', file: 'n.txt' }, 'Scheme Code;a;b;c;NAV;Date\r\n118955;X;-;Fund;1.0;18-Aug-2020\r\n', new URLSearchParams(), prices, now);
  assert.equal(fund, 'Scheme Code;a;b;c;NAV;Date\r\n118955;X;-;Fund;2300.2500;18-Nov-2026\r\n');

  const nav = rewrite({ provider: 'mfapi', path: '/mf/118955', file: 'm.json' }, '{"meta":{"scheme_code":118955},"data":[{"date":"01-01-2020","nav":"1"}]}', new URLSearchParams(), prices, now);
  assert.deepEqual(JSON.parse(nav).data[0], { date: '18-11-2026', nav: '2300.25000' });

  const rates = rewrite({ provider: 'ecb', path: '/e.xml', file: 'e.xml' }, "<Cube time='2026-04-13'><Cube currency='USD' rate='1.1'/></Cube>", new URLSearchParams(), prices, new Date('2026-11-22T10:00:00Z'));
  assert.equal(rates, "<Cube time='2026-11-20'><Cube currency='USD' rate='1.25'/></Cube>");
});

test('recorded payloads are replayed, and providers can be switched', { skip: reference ? false : 'skipped: no reference data' }, async (t) => {
  const standin = await startStandin({ fixtures: join(reference, 'fixtures') });
  t.after(() => standin.stop());
  standin.setPrice('BTC-USD', 100001);
  const ask = (path) => fetch(standin.url + path, { signal: AbortSignal.timeout(1000) });

  const chart = await (await ask('/yahoo/v8/finance/chart/BTC-USD?interval=1d')).json();
  assert.equal(chart.chart.result[0].meta.regularMarketPrice, 100001);
  const fund = await (await ask('/amfi/spages/NAVAll.txt')).text();
  assert.match(fund, /^Scheme Code;/);
  const rates = await (await ask('/ecb/stats/eurofxref/eurofxref-daily.xml')).text();
  assert.match(rates, /currency='USD'/);
  assert.equal((await ask('/mfapi/mf/118955')).status, 200);
  assert.equal((await ask('/coingecko/api/v3/simple/price?ids=bitcoin&vs_currencies=usd')).status, 200);

  standin.setMode('yahoo', '500');
  assert.equal((await ask('/yahoo/v8/finance/chart/BTC-USD')).status, 500);
  standin.setMode('yahoo', 'hang');
  await assert.rejects(ask('/yahoo/v8/finance/chart/BTC-USD'), /timeout|aborted/i);
  assert.equal(standin.requests.at(-1).provider, 'yahoo');
});
