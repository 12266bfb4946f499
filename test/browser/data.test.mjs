// The data page of a person and the data sources of an administrator, while the first source of a chain dies.
import test from 'node:test';
import assert from 'node:assert/strict';
import {
  apiClient, assertAccessible, assertNoConsoleErrors, assertNoCspViolations, newPage, portfolioValue, screenshots, signIn, startBrowser, startDemo,
} from './harness.mjs';
import { adminEmail, adminPassword, startNode } from './node.mjs';
import { startStandin } from './standin.mjs';

async function sound(page) {
  await assertAccessible(page);
  await assertNoCspViolations(page);
}

const item = (page, name) => page.getByRole('listitem').filter({ has: page.getByText(name, { exact: true }) }).first();

test('a dead source shows on the data page and among the data sources', async (t) => {
  const standin = await startStandin(t);
  await standin.setPrice('coingecko', 'bitcoin', '90000');
  await standin.setPrice('yahoo', 'BTC-USD', '90500');
  await standin.setPrice('ecb', 'USD', '1.25');
  const node = await startNode(t, standin);
  const api = await apiClient(node.url, adminEmail, adminPassword);
  const coin = await api('POST', '/api/v1/instruments', {
    symbol: 'BTC', name: 'Bitcoin', currency: 'USD', asset_class: 'crypto', names: { coingecko: 'bitcoin', yahoo: 'BTC-USD' },
  });
  const house = await api('POST', '/api/v1/instruments', { symbol: 'QQQZ', name: 'Unheard of', currency: 'USD', asset_class: 'crypto', names: {} });
  const portfolio = await api('POST', '/api/v1/portfolios', { name: 'Coins', base_currency: 'USD' });
  await api('POST', `/api/v1/portfolios/${portfolio.id}/accounts`, { name: 'Wallet', currency: 'USD' });
  const held = [coin, house].map(({ id }) => ({ date: '2026-01-05', type: 'deliver_in', symbol: id, quantity: '2', price: '50000', currency: 'USD' }));
  await api('POST', `/api/v1/portfolios/${portfolio.id}/activities`, { activities: held });
  const browser = await startBrowser(t);
  const page = await newPage(browser);
  await signIn(page, node.url, adminEmail, adminPassword);
  await portfolioValue(page).filter({ hasText: /\d/ }).waitFor();

  await page.getByRole('link', { name: 'Every price' }).click();
  await page.getByRole('heading', { name: 'Data', level: 1 }).waitFor();
  await item(page, 'Unheard of').getByText(/No source knows it by the name that it has here/).waitFor();
  await item(page, 'Bitcoin').getByText('From CoinGecko').waitFor();

  await standin.setMode('coingecko', '500');
  await item(page, 'Bitcoin').getByText('From Yahoo, in the place of CoinGecko').waitFor({ timeout: 90_000 });
  await item(page, 'Bitcoin').getByText(/CoinGecko (doesn't answer|had no price).*price is used|another source's is used/).first().waitFor();
  await screenshots(page, 'data-source-died', { check: sound, fullPage: true });

  await page.setViewportSize({ width: 1440, height: 900 });
  await page.goto(node.url + '/admin/data');
  await item(page, 'CoinGecko').getByText('1 of its own come from another').waitFor();
  await item(page, 'Yahoo').getByText('1 of them in the place of another').waitFor();
  await page.getByText('1 instrument is held, and no source has a price for it.').waitFor();
  await item(page, 'Yahoo').getByRole('button', { name: 'Test' }).click();
  await item(page, 'Yahoo').getByText(/Yahoo answers as it should\. BTC-USD is at/).waitFor();
  await item(page, 'Yahoo').getByRole('button', { name: 'Test' }).click();
  await item(page, 'Yahoo').getByText(/Wait half a minute/).waitFor();

  await page.getByRole('button', { name: 'Change a day' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Market').selectOption('XNYS');
  await dialog.getByLabel('Day', { exact: true }).fill('2027-03-15');
  await dialog.getByLabel('Note').fill('A day of mourning');
  await dialog.getByRole('button', { name: 'Keep' }).click();
  await page.getByText('A day of mourning').waitFor();
  await screenshots(page, 'admin-data-source-died', { check: sound, fullPage: true });
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.getByRole('button', { name: /^Take back/ }).click();
  await page.getByText('Every market goes by its calendar').waitFor();

  const sources = await api('GET', '/api/v1/admin/providers');
  const dead = sources.items.find(({ name }) => name === 'coingecko');
  assert.ok(dead.failed > 0 && dead.replaced === 1, JSON.stringify(dead));
});

test('the demo says where its prices come from', async (t) => {
  const demo = await startDemo(t, { args: ['--users', '20', '--seed', '1', '--tick', '2s'] });
  const browser = await startBrowser(t);
  const page = await newPage(browser);
  await signIn(page, demo.url, 'user001@demo.test', 'demo-folioscope');
  await page.goto(demo.url + '/data');
  await page.getByText('From the simulated market').first().waitFor();
  await screenshots(page, 'data', { check: sound });
  await page.goto(demo.url + '/admin/data');
  await page.getByText('This is for admins').waitFor();
  assertNoConsoleErrors(page);
  const other = await newPage(browser);
  await signIn(other, demo.url, 'admin@demo.test', 'demo-folioscope');
  await other.goto(demo.url + '/admin/data');
  await other.getByText('Sends by itself').waitFor();
  await screenshots(other, 'admin-data', { check: sound });
});
