// A production node from nothing, with prices from stand-ins: what a source says reaches the signed-in page without a reload,
// and the next source takes over when the first one fails.
import test from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import {
  apiClient, assertAccessible, assertNoConsoleErrors, assertNoCspViolations, command, freePort, newPage, portfolioValue, signIn,
  startBrowser, startService, temporaryDir,
} from './harness.mjs';
import { startStandin } from './standin.mjs';

const email = 'owner@example.org';
const password = 'a long enough password';

/** keys init, user add, serve: the way of the guide, with a poll each second. */
async function startNode(t, standin) {
  const dir = await temporaryDir(t);
  const environment = {
    ...standin.environment,
    FOLIOSCOPE_DATA_DIR: join(dir, 'data'),
    FOLIOSCOPE_KEYS_KEK: join(dir, 'kek'),
    FOLIOSCOPE_LISTEN: `localhost:${await freePort()}`,
    FOLIOSCOPE_POLL_INTERVAL: '1s',
  };
  await command(['keys', 'init'], { environment });
  await command(['user', 'add', '--role', 'admin', email], { environment, input: `${password}\n` });
  return startService(t, ['serve'], { environment });
}

/** Waits until the overview's number, without its signs and separators, reads as wanted. */
async function valueBecomes(page, wanted, timeout = 30_000) {
  const ends = Date.now() + timeout;
  let seen = '';
  while (Date.now() < ends) {
    seen = (await portfolioValue(page).innerText()).replace(/[^\d.]/g, '');
    if (Number(seen) === wanted) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail(`the page shows ${seen}, want ${wanted}`);
}

test('a price travels from its source to the page, and the next source takes over', async (t) => {
  const standin = await startStandin(t);
  await standin.setPrice('coingecko', 'bitcoin', '90000');
  await standin.setPrice('yahoo', 'BTC-USD', '90500');
  const node = await startNode(t, standin);

  const api = await apiClient(node.url, email, password);
  const instrument = await api('POST', '/api/v1/instruments', {
    symbol: 'BTC', name: 'Bitcoin', currency: 'USD', asset_class: 'crypto', names: { coingecko: 'bitcoin', yahoo: 'BTC-USD' },
  });
  const portfolio = await api('POST', '/api/v1/portfolios', { name: 'Coins', base_currency: 'USD' });
  await api('POST', `/api/v1/portfolios/${portfolio.id}/accounts`, { name: 'Wallet', currency: 'USD' });
  await api('POST', `/api/v1/portfolios/${portfolio.id}/activities`, {
    activities: [{ date: '2026-01-05', type: 'deliver_in', symbol: instrument.id, quantity: '2', price: '50000', currency: 'USD' }],
  });

  const browser = await startBrowser(t);
  const page = await newPage(browser);
  await signIn(page, node.url, email, password);
  await page.evaluate(() => (window.__sameDocument = true));
  await valueBecomes(page, 180000);

  await standin.setPrice('coingecko', 'bitcoin', '91000');
  await valueBecomes(page, 182000);

  await standin.setMode('coingecko', '500');
  await valueBecomes(page, 181000);
  const holding = (await api('GET', `/api/v1/portfolios/${portfolio.id}`)).holdings[0];
  assert.equal(holding.price.source, 'yahoo');
  assert.equal(holding.price.state, 'fallback');

  assert.equal(await page.evaluate(() => window.__sameDocument), true, 'the page was not loaded anew');
  await assertAccessible(page);
  await assertNoCspViolations(page);
  assertNoConsoleErrors(page);
});
