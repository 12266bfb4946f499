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
    await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
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
  const addressed = (path) =>
    path.replace('PORTFOLIO', portfolio.id).replace('INSTRUMENT', holding.instrument_id).replace('BENCHMARK', holding.instrument_id);
  const screens = {
    overview: ['/', (page) => page.locator('p.big').filter({ hasText: /\d/ })],
    holdings: ['/holdings', (page) => page.getByRole('link', { name: holding.name }).first()],
    holding: [`/holdings/${holding.instrument_id}`, (page) => page.getByRole('heading', { name: holding.name })],
    'holdings-closed': ['/holdings?closed=1', (page) => page.getByRole('heading', { name: 'Closed positions' })],
    performance: ['/performance', (page) => page.getByRole('heading', { name: 'Where the result came from' })],
    'performance-year': ['/performance?range=1y&benchmark=BENCHMARK', (page) => page.getByRole('heading', { name: /^The same money in/ })],
    income: ['/income', (page) => page.getByRole('heading', { name: 'By month and year' })],
    'lot-methods': ['/portfolios/PORTFOLIO/lots', (page) => page.getByText('In use').first()],
    activities: ['/activities', (page) => page.getByRole('button', { name: /^Correct/ }).first()],
    'add-activity': ['/activities?add=buy', (page) => page.getByRole('dialog')],
    'add-spin-off': ['/activities?add=spin_off', (page) => page.getByRole('dialog').getByLabel('Share of the cost')],
    'add-sale': [`/activities?add=sell&instrument=INSTRUMENT`, (page) => page.getByRole('dialog').getByText('Choose the lots it takes')],
    import: ['/import', (page) => page.getByText('Choose a file')],
    portfolios: ['/portfolios', (page) => page.getByRole('button', { name: 'Rename' }).first()],
    missing: ['/nowhere', (page) => page.getByText('There is no such page')],
  };
  for (const [name, [path, sign]] of Object.entries(screens)) {
    await t.test(name, async () => {
      await page.setViewportSize({ width: 1440, height: 900 });
      await loaded(addressed(path), sign);
      await screenshots(page, name, { check: sound, fullPage: !name.startsWith('add-') });
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

  await t.test('a figure opens how it came about', async () => {
    await page.setViewportSize({ width: 1440, height: 900 });
    await loaded('/performance', (page) => page.getByText('Time-weighted a year'));
    const { totals, returns } = await api('GET', `/api/v1/portfolios/${portfolio.id}/performance`);
    assert.ok(returns.twr && totals.profit);
    const figure = page.locator('dl').first().getByRole('button').first();
    await figure.focus();
    await page.keyboard.press('Enter');
    const panel = page.getByRole('dialog', { name: /^Time-weighted/ });
    await panel.locator('ol li').first().waitFor();
    assert.equal(await figure.getAttribute('aria-expanded'), 'true');
    await screenshots(page, 'trail', { check: sound });
    await page.setViewportSize({ width: 1440, height: 900 });
    await panel.getByRole('button', { expanded: false }).first().click();
    await panel.locator('ol ol li').nth(2).waitFor(); // unfolds step by step
    await page.keyboard.press('Escape');
    await panel.waitFor({ state: 'detached' });
    await tabTo(page, figure, { tabsMax: 0 }); // the focus is back on the figure
    assertNoConsoleErrors(page);
  });

  await t.test('every risk figure, yield and total explains itself', async () => {
    for (const path of ['/performance', '/income']) {
      await loaded(path, (page) => page.locator('button[aria-haspopup=dialog][aria-expanded]').first());
      const figures = page.locator('main button[aria-haspopup=dialog][aria-expanded]');
      const count = await figures.count();
      assert.ok(count >= (path === '/income' ? 3 : 12), `${count} figures of ${path} can be questioned`);
      for (let at = 0; at < count; at++) {
        await figures.nth(at).click();
        const panel = page.getByRole('dialog');
        await panel.locator('dl.facts').waitFor();
        assert.doesNotMatch(await panel.innerText(), /did not load|undefined|NaN/);
        await page.keyboard.press('Escape');
      }
    }
    assertNoConsoleErrors(page);
  });

  await t.test('hidden amounts are in no document', async () => {
    const hidden = await newPage(browser);
    await signIn(hidden, demo.url, user, password);
    await hidden.getByRole('button', { name: 'Hide amounts' }).click();
    const screens = ['/performance', '/performance?range=1y&benchmark=BENCHMARK', '/income', '/portfolios/PORTFOLIO/lots', '/holdings?closed=1'];
    for (const path of screens) {
      await hidden.goto(demo.url + addressed(path));
      await hidden.locator('main h1').waitFor();
      await hidden.locator('main .skeleton').first().waitFor({ state: 'detached' });
      // Prices are public; holdings show them.
      const found = path.startsWith('/holdings') ? [] : (await hidden.locator('main').innerHTML()).match(/[€$£¥]\s?\d[\d.,]*/g);
      assert.deepEqual(found ?? [], [], path);
    }
    await hidden.goto(demo.url + '/performance');
    await hidden.locator('dl').first().getByRole('button').nth(1).click();
    await hidden.getByRole('dialog').locator('ol li').first().waitFor();
    assert.deepEqual((await hidden.getByRole('dialog').innerHTML()).match(/[€$£¥]\s?\d[\d.,]*/g) ?? [], []);
    await screenshots(hidden, 'hidden', { check: sound });
    assertNoConsoleErrors(hidden);
  });

  await t.test('chosen lots are refused until every sale names them', async () => {
    await page.setViewportSize({ width: 1440, height: 900 });
    await loaded('/portfolios', (page) => page.getByRole('button', { name: 'Settings' }).first());
    await page.getByRole('button', { name: 'Settings' }).first().click();
    const sheet = page.getByRole('dialog');
    await sheet.getByLabel('When part of a holding is sold').selectOption('lifo');
    await sheet.getByRole('button', { name: 'Save' }).click();
    await sheet.waitFor({ state: 'detached' });
    await page.getByText('last in, first out').first().waitFor();
    await page.getByRole('button', { name: 'Settings' }).first().click();
    await sheet.getByLabel('When part of a holding is sold').selectOption('specific');
    await sheet.getByRole('button', { name: 'Save' }).click();
    await sheet.getByRole('alert').getByText(/names no lots/).waitFor();
    await screenshots(page, 'lots-refused', { check: sound });
    await page.setViewportSize({ width: 1440, height: 900 });
    page.consoleErrors = page.consoleErrors.filter((text) => !/\b422\b/.test(text)); // the refusal, as the browser logs it
    const methodsBefore = (await api('GET', `/api/v1/portfolios/${portfolio.id}/lot-methods`)).items;
    const inTheWay = methodsBefore.find(({ reason }) => reason)?.activity_id;
    const link = sheet.getByRole('link', { name: 'Choose its lots' });
    assert.ok((await link.getAttribute('href')).endsWith(`?edit=${inTheWay}`), 'the link names the very activity');
    await link.click();
    const form = page.getByRole('dialog', { name: 'Correct activity' });
    await form.getByRole('button', { name: 'Choose the lots it takes' }).click();
    await form.getByRole('button', { name: 'Oldest first' }).click();
    await screenshots(page, 'choose-lots', { check: sound });
    await page.setViewportSize({ width: 1440, height: 900 });
    await form.getByRole('button', { name: 'Save the correction' }).click();
    await form.waitFor({ state: 'detached' });
    const named = [];
    for (let cursor = ''; cursor !== null; ) {
      const answer = await api('GET', `/api/v1/portfolios/${portfolio.id}/activities?limit=500${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      named.push(...answer.items.filter(({ lots }) => lots.length > 0));
      cursor = answer.next_cursor;
    }
    assert.equal(named.length, 1, 'the sale names its lots now, and no other does');
    const methods = (await api('GET', `/api/v1/portfolios/${portfolio.id}/lot-methods`)).items;
    assert.equal(methods.find(({ current }) => current).lot_method, 'lifo');
    assert.equal(new Set(methods.flatMap(({ profit }) => profit ?? [])).size, 1, 'the result is the same in every method');
    assertNoConsoleErrors(page);
  });

  await t.test('what is drawn is adjusted for splits, the table says what was traded', async () => {
    await page.setViewportSize({ width: 1440, height: 900 });
    const path = `/api/v1/portfolios/${portfolio.id}/holdings/${holding.instrument_id}/prices`;
    const before = (await api('GET', path)).prices;
    const day = before.at(-40).date;
    await api('POST', `/api/v1/portfolios/${portfolio.id}/activities`, { activities: [{ date: day, type: 'split', symbol: holding.instrument_id, ratio: '2:1' }] });
    const drawn = await api('GET', path);
    assert.deepEqual(drawn.splits.at(-1), { date: day, ratio: '2:1' });
    for (const [at, { date, close, adjusted }] of drawn.prices.slice(0, before.length - 1).entries()) {
      assert.equal(close, before[at].close, 'closes stay as traded');
      const ratio = Number(before[at].adjusted) / Number(adjusted);
      assert.ok(Math.abs(ratio - (date < day ? 2 : 1)) < 1e-9, `${date}: ${close} is drawn as ${adjusted}`);
    }
    const sign = (page) => page.getByRole('heading', { name: holding.name });
    await loaded(`/holdings/${holding.instrument_id}`, sign);
    await page.getByText(/Adjusted for splits, drawn only/).waitFor();
    await screenshots(page, 'holding-split', { check: sound, fullPage: true });
    await page.setViewportSize({ width: 1440, height: 900 });
    await loaded(`/holdings/${holding.instrument_id}?range=3m`, sign);
    await page.getByRole('button', { name: 'As table' }).click();
    await page.getByRole('columnheader', { name: 'Close as traded' }).waitFor();
    assertNoConsoleErrors(page);
  });

  await t.test('a closed holding says what it brought', async () => {
    const closed = (await api('GET', `/api/v1/portfolios/${portfolio.id}`)).holdings.at(-1);
    const { lots } = await api('GET', `/api/v1/portfolios/${portfolio.id}/holdings/${closed.instrument_id}`);
    const day = new Date().toISOString().slice(0, 10);
    const sales = lots.map(({ account_id, quantity }) => ({ date: day, type: 'sell', account: account_id, symbol: closed.instrument_id, quantity, price: '10' }));
    await api('POST', `/api/v1/portfolios/${portfolio.id}/activities`, { activities: sales });
    const detail = await api('GET', `/api/v1/portfolios/${portfolio.id}/holdings/${closed.instrument_id}`);
    assert.equal(detail.holding.quantity, '0');
    assert.deepEqual(detail.lots, []);
    await loaded(`/holdings/${closed.instrument_id}`, (page) => page.getByText(/^Closed. Held between/));
    await page.getByRole('heading', { name: 'Where the result came from' }).waitFor();
    await screenshots(page, 'holding-closed', { check: sound, fullPage: true });
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.locator('aside').getByRole('button').last().click();
    await page.getByRole('dialog').locator('ol li').first().waitFor();
    await page.keyboard.press('Escape');
    await loaded('/holdings/no-such-instrument', (page) => page.getByText('This is not in the portfolio'));
    page.consoleErrors = page.consoleErrors.filter((text) => !/\b404\b/.test(text)); // the answer, as the browser logs it
    assertNoConsoleErrors(page);
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
