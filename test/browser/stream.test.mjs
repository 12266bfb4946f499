// The event stream of a page: it comes back by itself when the server was away, is shared by the tabs of a browser, and ends with
// the session. And with amounts hidden, none is in the document.
import test from 'node:test';
import assert from 'node:assert/strict';
import { apiClient, assertNoCspViolations, newPage, signIn, startBrowser } from './harness.mjs';
import { adminEmail, adminPassword, startNode, valueBecomes } from './node.mjs';
import { startStandin } from './standin.mjs';

const connection = (page) => page.getByRole('region', { name: 'Portfolio, markets and connection' });

/** A node whose admin holds some bitcoins bought in three lots, at 90,000 dollars each. */
async function startHolder(t) {
  const standin = await startStandin(t);
  await standin.setPrice('coingecko', 'bitcoin', '90000');
  const node = await startNode(t, standin);
  const api = await apiClient(node.url, adminEmail, adminPassword);
  const coin = await api('POST', '/api/v1/instruments', { symbol: 'BTC', name: 'Bitcoin', currency: 'USD', asset_class: 'crypto' });
  const portfolio = await api('POST', '/api/v1/portfolios', { name: 'Coins', base_currency: 'USD' });
  await api('POST', `/api/v1/portfolios/${portfolio.id}/accounts`, { name: 'Wallet', currency: 'USD' });
  const buy = (date, quantity, price) => ({ date, type: 'buy', symbol: coin.id, quantity, price, currency: 'USD', fee: '17.35' });
  await api('POST', `/api/v1/portfolios/${portfolio.id}/activities`, {
    activities: [buy('2026-01-05', '1.2345', '41234.5'), buy('2026-02-05', '2.3456', '52345.6'), buy('2026-03-05', '3.4199', '63456.7')],
  });
  return { standin, node, api, coin, portfolio };
}

test('a page comes back by itself after the server was away, and its value is current', async (t) => {
  const { standin, node } = await startHolder(t);
  const browser = await startBrowser(t);
  const page = await newPage(browser);
  await signIn(page, node.url, adminEmail, adminPassword);
  await valueBecomes(page, 630_000); // 7 · 90,000
  await page.evaluate(() => (window.__sameDocument = true));
  await connection(page).getByText('Connected').waitFor();

  let service = node;
  for (const [signal, price] of [['SIGTERM', 91_000], ['SIGKILL', 92_000]]) {
    const how = await service.stop(signal);
    if (signal === 'SIGTERM') assert.equal(how, 'exit 0', 'a node that is asked to end ends well');
    await connection(page).getByText(/Back in/).waitFor();
    await standin.setPrice('coingecko', 'bitcoin', price);
    service = await node.start();
    await valueBecomes(page, 7 * price);
    await connection(page).getByText('Connected').waitFor();
  }
  assert.equal(await page.evaluate(() => window.__sameDocument), true, 'the page was not loaded anew');
  const other = page.consoleErrors.filter((text) => !/net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE)/.test(text));
  assert.deepEqual(other, [], 'the browser notes that the server was away, and nothing else');
  await assertNoCspViolations(page);
});

test('tabs share one stream, the second goes on when the first is closed, and both leave with the session', async (t) => {
  const { standin, node } = await startHolder(t);
  const browser = await startBrowser(t);
  const first = await newPage(browser);
  const streams = [];
  first.context().on('request', (request) => {
    if (new URL(request.url()).pathname === '/api/v1/stream') streams.push(request);
  });
  await signIn(first, node.url, adminEmail, adminPassword);
  await valueBecomes(first, 630_000);
  const tabs = [await first.context().newPage(), await first.context().newPage()];
  for (const tab of tabs) {
    await tab.goto(node.url + '/');
    await valueBecomes(tab, 630_000);
  }
  await standin.setPrice('coingecko', 'bitcoin', '91000');
  for (const tab of [first, ...tabs]) await valueBecomes(tab, 637_000);
  assert.equal(streams.length, 1, 'one stream for all tabs');

  await first.close();
  await standin.setPrice('coingecko', 'bitcoin', '92000');
  for (const tab of tabs) await valueBecomes(tab, 644_000);
  assert.equal(streams.length, 2, 'one of the others took over');

  const [second, third] = tabs;
  await second.getByRole('button', { name: /^Account of/ }).click();
  await second.getByRole('menuitem', { name: 'Sign out' }).click();
  await second.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
  await third.getByRole('link', { name: 'Activities' }).click();
  await third.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
  for (const tab of tabs) assert.doesNotMatch(await tab.content(), /Bitcoin|644,000/, 'nothing of the person stays in the page');
});

test('with amounts hidden no amount is in the document', async (t) => {
  const { node, api, coin, portfolio } = await startHolder(t);
  const amounts = privateTexts(await api('GET', `/api/v1/portfolios/${portfolio.id}/holdings/${coin.id}`), await api('GET', `/api/v1/portfolios/${portfolio.id}`));
  const browser = await startBrowser(t);
  const page = await newPage(browser);
  await signIn(page, node.url, adminEmail, adminPassword);
  await valueBecomes(page, 630_000);
  const documentText = () => page.evaluate(() => document.documentElement.outerHTML.replace(/<(script|style)[\s\S]*?<\/\1>/g, ''));
  const shown = async () => {
    const text = await documentText();
    return amounts.filter((amount) => new RegExp(`(?<![\\d.,])${amount.replaceAll('.', '\\.')}(?![\\d]|[.,]\\d)`).test(text));
  };
  const places = {
    '/': page.getByText('Why it moved'),
    '/holdings': page.getByRole('link', { name: 'Bitcoin' }),
    [`/holdings/${coin.id}`]: page.getByText('5 Mar 2026').first(),
    '/activities': page.getByText('5 Mar 2026').first(),
  };
  for (const hidden of [false, true]) {
    for (const [path, sign] of Object.entries(places)) {
      await page.goto(node.url + path);
      await sign.waitFor();
      if (hidden && path === '/') await page.keyboard.press('Alt+p');
      await page.waitForLoadState('networkidle', { timeout: 2000 }).catch(() => {}); // the stream stays open
      const asTable = page.getByRole('button', { name: 'As table', pressed: false });
      while ((await asTable.count()) > 0) await asTable.first().click();
      const found = await shown();
      if (hidden) assert.deepEqual(found, [], `${path} shows amounts though they are hidden`);
      else assert.notDeepEqual(found, [], `${path} shows none of ${amounts}`);
    }
  }
  assert.match(await page.locator('body').innerText(), /•/, 'dots stand in their place');
  await assertNoCspViolations(page);
});

/** How the page writes what is nobody else's business: amounts with cents and without, quantities. Prices are public. */
function privateTexts(detail, portfolio) {
  const group = (text) => text.replace(/\B(?=(\d{3})+$)/g, ',');
  const money = [portfolio.value, portfolio.day_change, detail.cost, detail.fees_base];
  const quantities = [];
  for (const one of [detail.holding, ...detail.lots]) money.push(one.value, one.value_base, one.cost_base, one.unrealised_base, one.profit_base);
  for (const one of [detail.holding, ...detail.lots, ...detail.activities]) quantities.push(one.quantity);
  for (const one of detail.activities) money.push(String(Number(one.quantity) * Number(one.price) + Number(one.fee)), one.fee);
  const texts = money.filter((text) => text && Number(text) !== 0).flatMap((text) => {
    const [whole, cents] = Math.abs(Number(text)).toFixed(2).split('.');
    return [`${group(whole)}.${cents}`, ...(whole.length > 2 ? [group(Math.abs(Number(text)).toFixed(0))] : [])];
  });
  return [...new Set([...texts, ...quantities.filter((text) => text && text.length > 1)])];
}
