// Sources that fail: the next one of the chain takes over, its price says so, and with none left the last price is shown with its age.
import test from 'node:test';
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  apiClient, artifacts, assertAccessible, assertNoConsoleErrors, assertNoCspViolations, newPage, portfolioValue, signIn, startBrowser,
} from './harness.mjs';
import { adminEmail, adminPassword, startNode, valueBecomes } from './node.mjs';
import { keyCanary, scheme, share, startStandin } from './standin.mjs';

const minute = 60_000; // milliseconds

/** A node whose admin holds 2 bitcoins and, where wanted, 1,000 units of a fund, in a portfolio in currency; seen on a page. */
async function startHolder(t, { currency, fund = false, prepare = async () => {} }) {
  const standin = await startStandin(t);
  await standin.setPrice('coingecko', 'bitcoin', '90000');
  await standin.setPrice('yahoo', 'BTC-USD', '90500');
  await prepare(standin);
  const node = await startNode(t, standin);
  const api = await apiClient(node.url, adminEmail, adminPassword);
  const coin = await api('POST', '/api/v1/instruments', {
    symbol: 'BTC', name: 'Bitcoin', currency: 'USD', asset_class: 'crypto', names: { coingecko: 'bitcoin', yahoo: 'BTC-USD' },
  });
  const portfolio = await api('POST', '/api/v1/portfolios', { name: 'Coins', base_currency: currency });
  await api('POST', `/api/v1/portfolios/${portfolio.id}/accounts`, { name: 'Wallet', currency });
  const activities = [{ date: '2026-01-05', type: 'deliver_in', symbol: coin.id, quantity: '2', price: '50000', currency: 'USD' }];
  if (fund) {
    const units = await api('POST', '/api/v1/instruments', {
      symbol: scheme, name: 'Flexi Cap Fund', currency: 'INR', asset_class: 'fund', names: { amfi: scheme, mfapi: scheme },
    });
    activities.push({ date: '2026-01-05', type: 'deliver_in', symbol: units.id, quantity: '1000', price: '150', currency: 'INR' });
  }
  await api('POST', `/api/v1/portfolios/${portfolio.id}/activities`, { activities });
  const browser = await startBrowser(t);
  const page = await newPage(browser);
  await signIn(page, node.url, adminEmail, adminPassword);
  await portfolioValue(page).filter({ hasText: /\d/ }).waitFor();
  await page.evaluate(() => (window.__sameDocument = true));
  const holding = async (symbol) => (await api('GET', `/api/v1/portfolios/${portfolio.id}`)).holdings.find((one) => one.symbol === symbol);
  return { standin, node, page, holding };
}

/** What the overview says beside its number about the prices it is made of. */
const chips = (page) => page.getByRole('list', { name: 'What the prices are' });
const dataHealth = (page) => page.locator('#data-health');

/** States that change with time alone are looked at by the minute where a document is read, and more often on a stream. */
async function readsStale(holding) {
  const ends = Date.now() + minute + 5_000;
  let state = '';
  while (Date.now() < ends) {
    ({ state } = (await holding('BTC')).price);
    if (state === 'stale') return;
    await new Promise((done) => setTimeout(done, 500));
  }
  assert.fail(`a read says ${state}, want stale`);
}

async function assertSound(page) {
  assert.equal(await page.evaluate(() => window.__sameDocument), true, 'the page was not loaded anew');
  await assertAccessible(page);
  await assertNoCspViolations(page);
  assertNoConsoleErrors(page);
}

test('the second source takes over from a first one that fails, and hands back', async (t) => {
  const { standin, page, holding } = await startHolder(t, {
    currency: 'INR', fund: true,
    prepare: async (standin) => {
      await standin.setPrice('ecb', 'USD', '1.25');
      await standin.setPrice('ecb', 'INR', '100'); // 1 dollar is 80 rupees
      await standin.setPrice('amfi', scheme, '200');
      await standin.setPrice('mfapi', scheme, '202');
    },
  });
  await valueBecomes(page, 14_600_000); // 2 · 90,000 · 80 + 1,000 · 200
  await chips(page).getByText('1 live').waitFor();
  await chips(page).getByText(/^1 fund NAV of/).waitFor();

  await standin.setMode('coingecko', '500');
  await valueBecomes(page, 14_680_000);
  await dataHealth(page).getByText('Bitcoin comes from Yahoo').waitFor();
  await chips(page).getByText('1 from fallback').waitFor();
  const coin = await holding('BTC');
  assert.deepEqual([coin.price.source, coin.price.state], ['yahoo', 'fallback']);

  await standin.setMode('amfi', '500');
  await valueBecomes(page, 14_682_000);
  await dataHealth(page).getByText('Flexi Cap Fund comes from MFapi').waitFor();
  await chips(page).getByText('2 from fallback').waitFor();
  const fund = await holding(scheme);
  assert.deepEqual([fund.price.source, fund.price.state], ['mfapi', 'fallback']);
  await assertSound(page);

  await standin.setModes('ok');
  await valueBecomes(page, 14_600_000, 1.5 * minute); // a source that failed is left alone for half a minute
  await chips(page).getByText('1 live').waitFor();
  await dataHealth(page).getByText(/comes from/).waitFor({ state: 'detached' });
  await assertSound(page);
});

test('with all sources down the last price stays, and says how old it is once it is stale', async (t) => {
  // A coin's price is stale when nothing has moved it for 24 hours. All sources agree that it was made almost that long ago.
  const { standin, page, holding } = await startHolder(t, {
    currency: 'USD',
    prepare: async (standin) => {
      await standin.setAge('coingecko', '23h59m45s');
      await standin.setAge('yahoo', '23h59m45s');
    },
  });
  await valueBecomes(page, 180_000);
  await standin.setModes('500');
  await chips(page).getByText('1 delayed').waitFor();
  await chips(page).getByText('1 stale, last known used').waitFor({ timeout: minute });
  await dataHealth(page).getByText(/Bitcoin has had no price for 2[34]\sh/).waitFor();
  await dataHealth(page).getByText(/^100(\.0)?\s?% of the value is stale/).waitFor();
  await page.getByText('1 of 1 holdings without a current price').waitFor();
  await valueBecomes(page, 180_000);
  await readsStale(holding);
  await assertSound(page);
});

/** Asks until an answer is as wanted. */
async function becomes(ask, wanted, what) {
  const ends = Date.now() + minute;
  let seen;
  while (Date.now() < ends) {
    seen = await ask();
    if (wanted(seen)) return seen;
    await new Promise((done) => setTimeout(done, 250));
  }
  assert.fail(`${what}: ${JSON.stringify(seen)}`);
}

/** A picture of a page as it stands, in artifacts. */
async function picture(page, name) {
  await mkdir(artifacts, { recursive: true });
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await page.screenshot({ path: join(artifacts, `${name}.png`) });
}

// The chain of shares with two keyed sources and one without: the first of them dies while people look.
test('the first source of the chain dies in the middle of the day', async (t) => {
  const standin = await startStandin(t, { recorded: false }); // Tiingo's recorded prices have no share that Finnhub's have
  await standin.setPrice('finnhub', share, '300');
  await standin.setPrice('tiingo', share, '301');
  standin.environment = { ...standin.environment, ...standin.keys, FOLIOSCOPE_TELEMETRY_LOG_LEVEL: 'debug' };
  const node = await startNode(t, standin);
  const api = await apiClient(node.url, adminEmail, adminPassword);
  const instrument = await api('POST', '/api/v1/instruments', {
    symbol: share, name: 'First Share', currency: 'USD', asset_class: 'stock', names: { finnhub: share, tiingo: share },
  });
  const portfolio = await api('POST', '/api/v1/portfolios', { name: 'Shares', base_currency: 'USD' });
  await api('POST', `/api/v1/portfolios/${portfolio.id}/accounts`, { name: 'Broker', currency: 'USD' });
  await api('POST', `/api/v1/portfolios/${portfolio.id}/activities`, {
    activities: [{ date: '2026-01-05', type: 'deliver_in', symbol: instrument.id, quantity: '10', price: '250', currency: 'USD' }],
  });
  const page = await newPage(await startBrowser(t));
  await signIn(page, node.url, adminEmail, adminPassword);
  await valueBecomes(page, 3_000);
  await page.goto(`${node.url}/holdings/${instrument.id}`);
  const headline = page.getByRole('heading', { name: 'First Share' }).locator('xpath=ancestor::*[self::main or self::section][1]');
  await headline.getByText('from Finnhub').first().waitFor();
  await picture(page, 'failover-before');
  const source = async (name) => (await api('GET', '/api/v1/admin/providers')).items.find((one) => one.name === name);
  await becomes(() => source('finnhub'), (one) => one.circuit === 'closed' && one.serves === 1, 'Finnhub serves');

  await standin.setMode('finnhub', '500');
  await page.getByText(/Tiingo/).first().waitFor({ timeout: minute });
  await picture(page, 'failover-user-holding');
  const down = await becomes(() => source('finnhub'), (one) => one.circuit !== 'closed' && one.replaced === 1, 'Finnhub is left alone');
  assert.equal(down.last_outcome, 'TRANSIENT');
  const stands = await becomes(() => source('tiingo'), (one) => one.stands_in === 1, 'Tiingo stands in');
  assert.equal(stands.circuit, 'closed');
  await page.goto(`${node.url}/admin/data`);
  await page.getByRole('heading', { name: 'Data sources' }).waitFor();
  await page.getByText('Finnhub').first().waitFor();
  await picture(page, 'failover-admin-data');
  await page.goto(`${node.url}/data`);
  await page.getByText('First Share').first().waitFor();
  await page.getByText(/Tiingo/).first().waitFor();
  await picture(page, 'failover-user-data');
  await page.goto(`${node.url}/`);
  await dataHealth(page).getByText('First Share comes from Tiingo').waitFor();
  await chips(page).getByText('1 from fallback').waitFor();
  await valueBecomes(page, 3_010);
  await picture(page, 'failover-user-overview');
  await assertAccessible(page);
  await assertNoCspViolations(page);
  assertNoConsoleErrors(page);

  const before = (await source('finnhub')).node_calls;
  const since = Date.now();
  await standin.setMode('finnhub', 'ok');
  await becomes(() => source('finnhub'), (one) => one.circuit === 'closed' && one.serves === 1, 'Finnhub is back');
  await valueBecomes(page, 3_000, minute);
  t.diagnostic(`Finnhub was tried ${(await source('finnhub')).node_calls - before} times in ${Math.round((Date.now() - since) / 1000)} s until it was back`);

  const log = node.log();
  assert.match(log, /level=DEBUG|"level":"DEBUG"/, 'the log is told at its most talkative');
  assert.match(log, /polled/);
  assert.ok(!log.includes(keyCanary) && !log.includes('CANARYKEY'), 'a key stands in the log');
  assert.ok(!JSON.stringify(await api('GET', '/api/v1/admin/providers')).includes('CANARYKEY'), 'a key stands in an answer');
  await writeFile(join(artifacts, 'failover-log.txt'), log);
});

// Only with FOLIOSCOPE_LONG, as make check-long sets it: it takes 22 minutes.
async function waitUntilStale(t) {
  const { standin, page, holding } = await startHolder(t, { currency: 'USD' });
  await valueBecomes(page, 180_000);
  await chips(page).getByText('1 live').waitFor();
  await standin.setModes('500');
  await chips(page).getByText('1 delayed').waitFor({ timeout: 13 * minute });
  await chips(page).getByText('1 stale, last known used').waitFor({ timeout: 12 * minute });
  await dataHealth(page).getByText(/Bitcoin has had no price for 2[12]\smin/).waitFor({ timeout: minute });
  await readsStale(holding);
  await assertSound(page);
}

if (process.env.FOLIOSCOPE_LONG) test('a price that no source renewed for 21 minutes is stale', { timeout: 25 * minute }, waitUntilStale);
