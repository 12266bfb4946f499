// The stand-ins as browser tests use them: they answer as of now, with the prices and faults that a test sets.
import test from 'node:test';
import assert from 'node:assert/strict';
import { startStandin } from './standin.mjs';

test('stand-ins answer with the prices and faults that a test sets', async (t) => {
  const standin = await startStandin(t);
  const ask = (path) => fetch(standin.url + path, { signal: AbortSignal.timeout(1000) });
  const chart = '/yahoo/v8/finance/chart/BTC-USD?interval=1d';

  await standin.setPrice('yahoo', 'BTC-USD', '100001');
  const { meta } = (await (await ask(chart)).json()).chart.result[0];
  assert.equal(Number(meta.regularMarketPrice), 100001);
  assert.ok(Math.abs(Date.now() / 1000 - meta.regularMarketTime) < 3600, 'the price is of now');
  assert.match(await (await ask('/amfi/spages/NAVAll.txt')).text(), /^Scheme Code;/);

  await standin.setMode('yahoo', '500');
  assert.equal((await ask(chart)).status, 500);
  await standin.setMode('yahoo', 'hang');
  await assert.rejects(ask(chart), /timeout|aborted/i);
  await assert.rejects(standin.setMode('nobody', 'ok'), /404/);
});
