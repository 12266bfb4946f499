// Rules of alerts beyond the plain ones: by which channels they tell, expressions, what they did, the bell as it comes, and the ways to a
// rule on a phone and from charts.
import test from 'node:test';
import assert from 'node:assert/strict';
import {
  apiClient, assertAccessible, assertNoConsoleErrors, assertNoCspViolations, newPage, screenshots, signIn, startBrowser, startDemo, tabTo,
} from './harness.mjs';

const password = 'demo-folioscope';
const user = 'user001@demo.test';
const fingerMin = 44; // pixels of whatever a finger has to hit

async function sound(page) {
  await assertAccessible(page);
  await assertNoCspViolations(page);
}

test('the ways of alerts', async (t) => {
  const demo = await startDemo(t, { args: ['--users', '20', '--seed', '1', '--tick', '2s'] });
  const browser = await startBrowser(t);
  const api = await apiClient(demo.url, user, password);
  const [portfolio] = (await api('GET', '/api/v1/portfolios')).items;
  const holding = (await api('GET', `/api/v1/portfolios/${portfolio.id}`)).holdings.find(({ price }) => price.amount !== null);
  for (const { id } of (await api('GET', '/api/v1/alerts')).items) await api('DELETE', `/api/v1/alerts/${id}`);
  const rules = async () => (await api('GET', '/api/v1/alerts')).items;
  const fires = { kind: 'price', instrument_id: holding.instrument_id, direction: 'above', threshold: '0.0001' };
  const never = { ...fires, threshold: '100000000' };
  // No message may go to this machine, so that whatever is sent fails at once, and for good.
  const add = (name) => api('POST', '/api/v1/channels', { kind: 'webhook', name, url: `https://127.0.0.1/${name}` });
  const [hook, broken] = [await add('hook'), await add('broken')];

  const page = await newPage(browser);
  await signIn(page, demo.url, user, password);
  const desk = () => page.setViewportSize({ width: 1440, height: 900 });

  await t.test('the bell counts what comes, in every window', async () => {
    const other = await page.context().newPage();
    await other.goto(`${demo.url}/holdings`);
    await other.getByRole('link', { name: holding.name }).first().waitFor();
    for (const one of [page, other]) await one.getByText('Connected').first().waitFor();
    const before = (await api('GET', '/api/v1/notifications')).unread;
    await api('POST', '/api/v1/alerts', { condition: fires, name: 'Fires at once', channels: [hook.id, broken.id] });
    const bell = (one, unread) => one.getByRole('button', { name: unread ? `Inbox, ${unread} new` : 'Inbox', exact: true });
    for (const one of [page, other]) await bell(one, before + 1).waitFor();
    await bell(page, before + 1).click();
    await page.getByRole('dialog', { name: 'Inbox' }).getByText('Fires at once').waitFor();
    await bell(other, 0).waitFor();
    await screenshots(page, 'inbox-told', { check: sound });
    await desk();
    await page.keyboard.press('Escape');
    await other.close();
    assertNoConsoleErrors(page);
  });

  await t.test('a rule tells by the channels that are chosen', async () => {
    await api('POST', '/api/v1/alerts', { condition: never, name: 'Told by some' });
    await page.goto(`${demo.url}/alerts`);
    await page.getByRole('link', { name: /Told by some/ }).click();
    await page.getByText('Now: ').waitFor();
    const by = page.getByLabel('By', { exact: true });
    await by.selectOption('some');
    await page.getByRole('button', { name: 'Save rule' }).click();
    await page.getByText('Choose at least one.').waitFor();
    const box = page.getByRole('checkbox', { name: 'hook' });
    await tabTo(page, box, { key: 'Shift+Tab' });
    await page.keyboard.press('Space');
    await page.getByText('It goes to hook, marked as a test.').waitFor();
    await screenshots(page, 'alerts-channels', { check: sound, fullPage: true });
    await desk();
    await page.getByRole('button', { name: 'Send a test' }).click();
    await page.getByText('hook: The address leads where no message may go.', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Save rule' }).click();
    await page.getByText('Saved.').waitFor();
    const kept = async () => (await rules()).find(({ name }) => name === 'Told by some').channels;
    assert.deepEqual(await kept(), [hook.id]);
    await by.selectOption('inbox');
    await page.getByText('Nothing is sent; it waits at the bell.').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Send a test' }).count(), 0);
    await page.getByRole('button', { name: 'Save rule' }).click();
    await page.getByText('Saved.').waitFor();
    assert.deepEqual(await kept(), []);
    await page.reload();
    assert.equal(await by.inputValue(), 'inbox');
    await page.getByRole('link', { name: 'Add a channel' }).click();
    await page.getByRole('heading', { name: 'How you are told' }).waitFor();
    assertNoConsoleErrors(page);
  });

  await t.test('an expression that is wrong says where', async () => {
    await page.goto(`${demo.url}/alerts/new`);
    await page.getByLabel('What to watch').selectOption('expression');
    const text = page.getByLabel('What has to be true');
    await text.fill(`holding("${holding.symbol}").weight >`);
    await page.getByRole('button', { name: 'Save rule' }).click();
    await page.getByText(/^Line 1, column \d+: /).first().waitFor();
    await screenshots(page, 'alerts-expression', { check: sound, fullPage: true });
    await desk();
    await text.fill(`holding("${holding.symbol}").weight > 0.999`);
    await page.getByRole('button', { name: 'Save rule' }).click();
    await page.getByRole('link', { name: /weight > 0\.999/ }).waitFor();
    assert.equal((await rules()).filter(({ condition }) => condition.kind === 'expression').length, 1);
    assertNoConsoleErrors({ consoleErrors: page.consoleErrors.filter((text) => !/status of 422\b/.test(text)) });
    page.consoleErrors.length = 0;
  });

  await t.test('what happened is found by rule and by what became of it', async () => {
    await page.goto(`${demo.url}/alerts`);
    const log = page.getByRole('heading', { name: 'What happened' }).locator('xpath=ancestor::section');
    const rows = log.getByRole('listitem');
    await rows.filter({ hasText: 'Fires at once' }).first().waitFor();
    await log.getByRole('radio', { name: 'No data' }).click();
    await log.getByText('Nothing of this kind.').waitFor();
    await log.getByRole('radio', { name: 'Fired' }).click();
    await rows.filter({ hasText: 'Fires at once' }).waitFor();
    await log.getByLabel('Which rule').selectOption({ label: 'Told by some' });
    await log.getByText('Nothing of this kind.').waitFor();
    await log.getByLabel('Which rule').selectOption({ label: 'Fires at once' });
    await rows.filter({ hasText: 'Fires at once' }).waitFor();
    await log.getByRole('radio', { name: 'Not delivered' }).click();
    await rows.filter({ hasText: 'Webhook: ' }).waitFor();
    await screenshots(page, 'alerts-log', { check: sound, fullPage: true });
    await desk();
    assertNoConsoleErrors(page);
  });

  await t.test('two clicks from a card, a chart of value and one of falls', async () => {
    const sheet = page.getByRole('dialog', { name: 'Tell me when' });
    const level = sheet.getByLabel(/^Level/);
    const made = async (kind) => (await rules()).filter(({ condition }) => condition.kind === kind).at(-1).condition;
    const save = async () => {
      await sheet.getByRole('button', { name: 'Save' }).click();
      await sheet.getByText(/^Saved/).waitFor();
      await sheet.getByRole('button', { name: 'Done' }).click();
    };
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(`${demo.url}/holdings`);
    const card = page.getByRole('listitem').filter({ hasText: holding.name }).first();
    const bell = card.getByRole('button', { name: /^Tell me when the price of/ });
    await bell.waitFor();
    const { width, height } = await bell.boundingBox();
    assert.ok(width >= fingerMin && height >= fingerMin, `the bell is ${width} by ${height}`);
    await screenshots(page, 'holdings-bells', { check: sound });
    await page.setViewportSize({ width: 390, height: 844 });
    await bell.click();
    await level.waitFor();
    await save();
    assert.equal((await made('price')).instrument_id, holding.instrument_id);
    await card.click({ position: { x: 20, y: 20 } });
    await page.getByRole('heading', { name: holding.name }).waitFor();

    await page.goto(demo.url);
    const value = page.getByRole('img', { name: /^Value from/ });
    await value.locator('canvas').first().waitFor();
    await value.scrollIntoViewIfNeeded();
    const area = await value.boundingBox();
    await value.click({ position: { x: area.width / 2, y: area.height * 0.7 } });
    await level.waitFor();
    assert.equal(await sheet.getByRole('radio', { name: 'is below' }).getAttribute('aria-checked'), 'true');
    await save();
    assert.equal((await made('value')).direction, 'below');

    await desk();
    await page.goto(`${demo.url}/performance`);
    const fall = page.getByRole('button', { name: /^Tell me when the fall of/ });
    await fall.waitFor();
    await tabTo(page, fall);
    await page.keyboard.press('Enter');
    await level.waitFor();
    assert.equal(await level.inputValue(), '10');
    await screenshots(page, 'performance-tell', { check: sound });
    await desk();
    await save();
    assert.deepEqual(await made('drawdown'), { kind: 'drawdown', portfolio_id: portfolio.id, direction: 'above', threshold: '10', days: 365 });
    await page.getByRole('button', { name: /^Tell me when the change of/ }).click();
    await level.waitFor();
    await save();
    assert.deepEqual(await made('portfolio_change'), { kind: 'portfolio_change', portfolio_id: portfolio.id, direction: 'below', threshold: '-5', days: 30 });
    assertNoConsoleErrors(page);
  });
});
