// Something that no source prices, from the first word typed to its place in the portfolio's value: added, bought, valued by hand
// and by a file, and seen by nobody else.
import test from 'node:test';
import assert from 'node:assert/strict';
import {
  apiClient, assertAccessible, assertNoConsoleErrors, assertNoCspViolations, newPage, portfolioValue, screenshots, signIn, startBrowser, startDemo,
} from './harness.mjs';

const password = 'demo-folioscope';
const user = 'user001@demo.test';

const amountOf = (text) => Number(text.replace(/[−-]/, 'M').replace(/[^\d.M]/g, '').replace('M', '-'));

/** Waits until the one number of an overview is at least this much; the page is not loaded anew. */
async function reaches(page, least) {
  const ends = Date.now() + 15_000;
  for (;;) {
    const shown = amountOf(await portfolioValue(page).innerText());
    if (shown >= least) return shown;
    if (Date.now() > ends) throw new Error(`still ${shown}, not ${least}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

async function sound(page) {
  await assertAccessible(page);
  await assertNoCspViolations(page);
}

test('what is one’s own is added, bought and valued by hand', async (t) => {
  const demo = await startDemo(t, { args: ['--users', '2', '--seed', '1', '--tick', '2s'] });
  const browser = await startBrowser(t);
  const api = await apiClient(demo.url, user, password);
  const [portfolio] = (await api('GET', '/api/v1/portfolios')).items;
  const page = await newPage(browser);
  await signIn(page, demo.url, user, password);

  await t.test('add and buy', async () => {
    await page.goto(demo.url + '/activities?add=buy');
    const form = page.getByRole('dialog').locator('form');
    await form.getByRole('combobox', { name: 'Holding' }).fill('Flat in Bonn');
    await form.getByRole('option', { name: /something of your own/ }).click();
    await form.getByLabel('Short name').waitFor();
    assert.equal(await form.getByLabel('Short name').inputValue(), 'FLAT-IN-BONN');
    await form.getByLabel('Valued in').selectOption('EUR');
    await screenshots(page, 'own-new', { check: sound });
    await page.setViewportSize({ width: 1440, height: 900 });
    await form.getByRole('button', { name: 'Add it' }).click();
    await form.getByRole('button', { name: 'Add it' }).waitFor({ state: 'detached' });
    assert.equal(await form.getByRole('combobox', { name: 'Holding' }).inputValue(), 'Flat in Bonn');
    await form.getByLabel('Quantity').fill('1');
    await form.getByLabel('Price of one').fill('300000');
    await form.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  });
  const { items } = await api('GET', `/api/v1/portfolios/${portfolio.id}/instruments`);
  assert.deepEqual([items.length, items[0].name, items[0].asset_class, items[0].used], [1, 'Flat in Bonn', 'property', true]);
  const flat = items[0].id;
  const holding = `/holdings/${flat}`;

  await t.test('found again while one types', async () => {
    await page.goto(demo.url + '/activities?add=buy');
    const form = page.getByRole('dialog').locator('form');
    await form.getByRole('combobox', { name: 'Holding' }).fill('flat');
    await form.getByRole('option', { name: /^Flat in Bonn/ }).waitFor();
  });

  await t.test('a price that is entered moves the overview without a reload', async () => {
    await page.goto(demo.url + holding);
    await page.getByText('No price yet').first().waitFor();
    await screenshots(page, 'own-unpriced', { check: sound, fullPage: true });
    await page.setViewportSize({ width: 1440, height: 900 });
    const overview = await newPage(browser);
    await signIn(overview, demo.url, user, password);
    await portfolioValue(overview).filter({ hasText: /\d/ }).waitFor();
    const rate = portfolio.base_currency === 'EUR' ? 1 : 0.5; // at least, of what else a demo counts in
    const before = amountOf(await portfolioValue(overview).innerText());
    await overview.evaluate(() => (window.__sameDocument = true));
    const form = page.getByRole('form', { name: 'Enter a price' });
    await form.getByLabel('Price of one').fill('320000');
    await form.getByRole('button', { name: 'Enter a price' }).click();
    await page.getByText('Saved.').waitFor();
    await reaches(overview, before + 300_000 * rate);
    assert.equal(await overview.evaluate(() => window.__sameDocument), true);
    await page.getByText(/By hand, .*last valued|last valued .* ago/).first().waitFor();
    assertNoConsoleErrors(overview);
    await overview.context().close();
  });

  await t.test('prices by a file', async () => {
    const choose = (text) => page.getByLabel('From a file').setInputFiles({ name: 'values.csv', mimeType: 'text/csv', buffer: Buffer.from(text) });
    await choose('date,price\n2024-01-31,290000\n2024-02-30,291000\n');
    await page.getByRole('alert').filter({ hasText: /Row 3, date: .*2024-02-30/ }).waitFor();
    page.consoleErrors = page.consoleErrors.filter((text) => !/status of 422/.test(text)); // the browser's own word on what was refused
    await screenshots(page, 'own-file-refused', { check: sound });
    await page.setViewportSize({ width: 1440, height: 900 });
    await choose('date,price\n2024-01-31,290000\n2024-02-29,291000\n2024-03-31,292500.50\n');
    await page.getByText('3 added.').waitFor();
    await choose('date,price\n2024-01-31,290000\n2024-02-29,291000\n2024-03-31,292500.50\n');
    await page.getByText('3 were there already.').waitFor();
    const rows = page.getByRole('table', { name: /^Prices entered for/ }).locator('tbody tr');
    assert.equal(await rows.count(), 4);
    await screenshots(page, 'own-holding', { check: sound, fullPage: true });
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.getByRole('button', { name: /^Delete the price of 31 Mar(ch)? 2024/ }).click();
    await rows.nth(3).waitFor({ state: 'detached' });
    const { items: left } = await api('GET', `/api/v1/portfolios/${portfolio.id}/prices/${flat}`);
    assert.deepEqual(left.map(({ date }) => date).slice(1), ['2024-02-29', '2024-01-31']);
  });

  await t.test('changed, and hidden with all amounts', async () => {
    await page.getByRole('button', { name: 'Edit' }).click();
    const sheet = page.getByRole('dialog');
    await sheet.getByLabel('Group').fill('Let');
    await sheet.getByRole('button', { name: 'Save' }).click();
    await sheet.waitFor({ state: 'detached' });
    await page.getByText('Let', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Hide amounts' }).click();
    await page.getByRole('heading', { name: 'Flat in Bonn' }).waitFor();
    assert.doesNotMatch(await page.locator('main').innerText(), /320[,.\s]?000|290[,.\s]?000/);
    assertNoConsoleErrors(page);
  });

  await t.test('one that was never bought is deleted', async () => {
    await page.getByRole('button', { name: /(Hide|Show) amounts/ }).click();
    await page.goto(demo.url + '/portfolios');
    const row = (name) => page.getByRole('listitem').filter({ hasText: name });
    await page.getByRole('button', { name: 'Add something of your own' }).click();
    const sheet = page.getByRole('dialog');
    await sheet.getByLabel('Name', { exact: true }).fill('Barn');
    await sheet.getByRole('button', { name: 'Add it' }).click();
    await sheet.waitFor({ state: 'detached' });
    await row('Barn').waitFor();
    await screenshots(page, 'own-list', { check: sound, fullPage: true });
    await page.setViewportSize({ width: 1440, height: 900 });
    assert.equal(await row('Flat in Bonn').getByRole('button', { name: 'Delete' }).count(), 0); // it is in use
    await row('Barn').getByRole('button', { name: 'Delete' }).click();
    await row('Barn').waitFor({ state: 'detached' });
    await row('Flat in Bonn').getByRole('link', { name: 'Flat in Bonn' }).click();
    await page.getByRole('link', { name: 'Add activity' }).click();
    await page.getByRole('dialog').getByLabel('Quantity').waitFor();
    assert.equal(await page.getByRole('combobox', { name: 'Holding' }).inputValue(), 'Flat in Bonn');
    assertNoConsoleErrors(page);
  });

  await t.test('nobody else finds it', async () => {
    const other = await apiClient(demo.url, 'user002@demo.test', password);
    const [theirs] = (await other('GET', '/api/v1/portfolios')).items;
    assert.deepEqual((await other('GET', `/api/v1/portfolios/${theirs.id}/instruments`)).items, []);
    assert.deepEqual((await other('GET', '/api/v1/instruments?q=flat in bonn')).items, []);
    await assert.rejects(other('GET', `/api/v1/portfolios/${theirs.id}/prices/${flat}`), /404/);
    await assert.rejects(other('GET', `/api/v1/portfolios/${portfolio.id}/prices/${flat}`), /404/);
  });
});
