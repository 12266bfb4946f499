// Every screen of the demo at the width of a desk and of a phone, light and dark: nothing that axe, the browser's console or the
// content security policy has to say against it, and nothing wider than the window. Then by keyboard alone, and with amounts hidden.
import test from 'node:test';
import assert from 'node:assert/strict';
import {
  apiClient, assertAccessible, assertNoConsoleErrors, assertNoCspViolations, frameReady, newPage, screenshots, signIn, startBrowser, startDemo, tabTo,
} from './harness.mjs';

const password = 'demo-folioscope';
const user = 'user001@demo.test';

async function sound(page) {
  await assertAccessible(page);
  await assertNoCspViolations(page);
}

test('every screen is sound at every size and in every theme', async (t) => {
  const demo = await startDemo(t, { args: ['--users', '20', '--seed', '1', '--tick', '2s'] });
  const browser = await startBrowser(t);
  const api = await apiClient(demo.url, user, password);
  const [portfolio] = (await api('GET', '/api/v1/portfolios')).items;
  const [holding] = (await api('GET', `/api/v1/portfolios/${portfolio.id}`)).holdings;

  await t.test('sign-in', async () => {
    const page = await newPage(browser);
    await page.goto(demo.url + '/');
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    await screenshots(page, 'sign-in', { check: sound });
    assertNoConsoleErrors(page);
  });

  const page = await newPage(browser);
  await signIn(page, demo.url, user, password);
  const loaded = async (path, sign) => {
    await page.goto(demo.url + path);
    await sign(page).waitFor();
    await page.locator('.skeleton').first().waitFor({ state: 'detached' });
  };
  const screens = {
    overview: ['/', (page) => page.locator('p.big').filter({ hasText: /\d/ })],
    holdings: ['/holdings', (page) => page.getByRole('link', { name: holding.name }).first()],
    holding: [`/holdings/${holding.instrument_id}`, (page) => page.getByRole('heading', { name: holding.name })],
    activities: ['/activities', (page) => page.getByRole('button', { name: /^Correct/ }).first()],
    'add-activity': ['/activities?add=buy', (page) => page.getByRole('dialog')],
    import: ['/import', (page) => page.getByText('Choose a file')],
    portfolios: ['/portfolios', (page) => page.getByRole('button', { name: 'Rename' }).first()],
    missing: ['/nowhere', (page) => page.getByText('There is no such page')],
  };
  for (const [name, [path, sign]] of Object.entries(screens)) {
    await t.test(name, async () => {
      await page.setViewportSize({ width: 1440, height: 900 });
      await loaded(path, sign);
      await screenshots(page, name, { check: sound, fullPage: name !== 'add-activity' });
      assert.match(await page.locator('body').innerText(), /simulated/i, 'every page of the demo says that its prices are simulated');
      assertNoConsoleErrors(page);
    });
  }

  await t.test('people', async () => {
    const admin = await newPage(browser);
    await signIn(admin, demo.url, 'admin@demo.test', password);
    await admin.goto(demo.url + '/admin');
    await admin.getByText(user).waitFor();
    await screenshots(admin, 'people', { check: sound });
    assertNoConsoleErrors(admin);
  });

  await t.test('filters keep the page and the place in it', async () => {
    const page = await newPage(browser);
    await signIn(page, demo.url, user, password);
    await page.getByRole('link', { name: 'Holdings', exact: true }).click();
    const search = page.getByPlaceholder('Name, symbol or sector');
    await search.click();
    await page.keyboard.type(holding.symbol, { delay: 60 });
    assert.equal(await search.inputValue(), holding.symbol, 'typing is not interrupted');
    await page.waitForFunction((symbol) => new URLSearchParams(location.search).get('q') === symbol, holding.symbol);
    await tabTo(page, search, { tabsMax: 0 });
    await page.getByRole('link', { name: holding.name }).first().waitFor();
    assertNoConsoleErrors(page);
  });

  await t.test('by keyboard alone', async () => {
    const page = await newPage(browser);
    await page.goto(demo.url + '/activities');
    const type = (text) => page.keyboard.type(text);
    await tabTo(page, page.getByLabel('E-mail'));
    await type(user);
    await tabTo(page, page.getByLabel('Password'));
    await type(password);
    await page.keyboard.press('Enter');
    await frameReady(page);

    await page.getByRole('button', { name: /^Correct/ }).first().waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
    await page.keyboard.press('Enter');
    const add = page.getByRole('button', { name: 'Add activity' });
    await tabTo(page, add);
    await page.keyboard.press('Enter');
    const form = page.getByRole('dialog').locator('form');
    await form.waitFor();
    await tabTo(page, form.getByLabel('Day'), { tabsMax: 4 });
    const day = evenDay(new Date());
    await type(day.slice(5, 7) + day.slice(8) + day.slice(0, 4));
    await tabTo(page, form.getByRole('combobox', { name: 'Holding' }));
    await type(holding.symbol);
    await form.getByRole('listbox').getByRole('option').nth(1).waitFor();
    await page.keyboard.press('Enter');
    await tabTo(page, form.getByLabel('Quantity'));
    await type('3');
    await tabTo(page, form.getByLabel('Price of one'));
    await type('12.5');
    await tabTo(page, form.getByLabel('Note'));
    await type('entered without a mouse');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByText('entered without a mouse').first().waitFor();
    await tabTo(page, add, { tabsMax: 0 }); // the focus is back where it was before the sheet opened
    const { items } = await api('GET', `/api/v1/portfolios/${portfolio.id}/activities?limit=500`);
    const entered = items.find((item) => item.note === 'entered without a mouse');
    assert.deepEqual([entered.date, entered.type, entered.quantity, entered.price], [day, 'buy', '3', '12.5']);
    assertNoConsoleErrors(page);
  });
});

/** The last day whose number is its month's, such as 2026-11-11: typed the same in either order of day and month. */
function evenDay(now) {
  const month = now.getUTCDate() > now.getUTCMonth() + 1 ? now.getUTCMonth() : now.getUTCMonth() - 1;
  const at = new Date(Date.UTC(now.getUTCFullYear(), month, 1));
  at.setUTCDate(at.getUTCMonth() + 1);
  return at.toISOString().slice(0, 10);
}
