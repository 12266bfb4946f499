// Rules of alerts: offered, written with the keyboard alone, tried on the past, made from a holding in two clicks, changed, snoozed and
// deleted, at the width of a desk and of a phone.
import test from 'node:test';
import assert from 'node:assert/strict';
import {
  apiClient, assertAccessible, assertNoConsoleErrors, assertNoCspViolations, newPage, screenshots, signIn, startBrowser, startDemo, tabTo,
} from './harness.mjs';

const password = 'demo-folioscope';
const user = 'user001@demo.test';

async function sound(page) {
  await assertAccessible(page);
  await assertNoCspViolations(page);
}

test('rules of alerts', async (t) => {
  const demo = await startDemo(t, { args: ['--users', '20', '--seed', '1', '--tick', '2s'] });
  const browser = await startBrowser(t);
  const api = await apiClient(demo.url, user, password);
  const [portfolio] = (await api('GET', '/api/v1/portfolios')).items;
  const holding = (await api('GET', `/api/v1/portfolios/${portfolio.id}`)).holdings.find(({ price }) => price.amount !== null);
  for (const { id } of (await api('GET', '/api/v1/alerts')).items) await api('DELETE', `/api/v1/alerts/${id}`);
  const rules = async () => (await api('GET', '/api/v1/alerts')).items;

  const page = await newPage(browser);
  await signIn(page, demo.url, user, password);
  const desk = () => page.setViewportSize({ width: 1440, height: 900 });

  await t.test('who has none is offered three', async () => {
    await page.goto(demo.url + '/alerts');
    await page.getByText('You are told of nothing yet').waitFor();
    assert.equal(await page.getByRole('button', { name: /^Look at it/ }).count(), 3);
    await screenshots(page, 'alerts-none', { check: sound });
    assertNoConsoleErrors(page);
  });

  await t.test('one is written with the keyboard alone', async () => {
    await desk();
    const begin = page.getByRole('button', { name: 'Look at it: A fall of the whole portfolio' });
    await tabTo(page, begin);
    await page.keyboard.press('Enter');
    const kind = page.getByLabel('What to watch');
    await kind.waitFor();
    await tabTo(page, kind);
    await page.keyboard.type('Value');
    assert.equal(await kind.inputValue(), 'value');
    await tabTo(page, page.getByLabel('Side'));
    await page.keyboard.type('Below');
    const level = page.getByLabel(/^Value \(/);
    await tabTo(page, level);
    await page.keyboard.type('1000000');
    await page.getByText(/^It would have fired|^It would not have fired/).waitFor();
    await tabTo(page, page.getByLabel('Name', { exact: false }).last());
    await page.keyboard.type('Poor at last');
    await tabTo(page, page.getByRole('button', { name: 'Save rule' }));
    await page.keyboard.press('Enter');
    await page.getByRole('status').getByText('Saved.').or(page.getByRole('heading', { name: 'Poor at last' })).first().waitFor();
    const [made] = await rules();
    assert.deepEqual(made.condition, { kind: 'value', portfolio_id: portfolio.id, direction: 'below', threshold: '1000000' });
    assert.equal(made.name, 'Poor at last');
    assertNoConsoleErrors(page);
  });

  await t.test('from a holding in two clicks', async () => {
    await page.goto(`${demo.url}/holdings/${holding.instrument_id}`);
    await page.getByRole('heading', { name: holding.name }).waitFor();
    await page.getByRole('button', { name: /^Tell me when the price of/ }).click();
    const sheet = page.getByRole('dialog', { name: 'Tell me when' });
    await sheet.getByLabel(/^Level/).waitFor();
    await screenshots(page, 'alerts-tell', { check: sound });
    await desk();
    await sheet.getByRole('button', { name: 'Save' }).click();
    await sheet.getByText(/^Saved/).waitFor();
    const made = (await rules()).find(({ condition }) => condition.kind === 'price');
    assert.equal(made.condition.instrument_id, holding.instrument_id);
    assert.equal(made.condition.direction, 'above');
    assert.ok(Number(made.condition.threshold) > Number(holding.price.amount) * 0.9);
    await sheet.getByRole('button', { name: 'Done' }).click();

    // The same from the table, and at a height of the chart.
    await page.goto(`${demo.url}/holdings`);
    await page.getByRole('link', { name: holding.name }).first().waitFor();
    const row = page.getByRole('row').filter({ hasText: holding.name });
    await row.hover();
    await row.getByRole('button', { name: /^Tell me when/ }).click();
    await sheet.getByLabel(/^Level/).waitFor();
    await page.keyboard.press('Escape');
    await page.goto(`${demo.url}/holdings/${holding.instrument_id}`);
    const chart = page.getByRole('img', { name: /^Price of/ });
    await chart.locator('canvas').first().waitFor();
    const { width, height } = await chart.boundingBox();
    await chart.click({ position: { x: width / 2, y: height * 0.8 } });
    await sheet.getByLabel(/^Level/).waitFor();
    assert.equal(await sheet.getByRole('radio', { name: 'is below' }).getAttribute('aria-checked'), 'true', 'low in the chart is below the price of now');
    await page.keyboard.press('Escape');
    assertNoConsoleErrors(page);
  });

  await t.test('tried on the past, before and behind', async () => {
    await page.goto(`${demo.url}/alerts/new`);
    await page.getByLabel('What to watch').selectOption('off_high');
    await page.getByRole('combobox', { name: 'Of' }).fill(holding.symbol);
    await page.getByRole('listbox').getByRole('option', { name: new RegExp(holding.name) }).first().click();
    await page.getByLabel(/^Fall of/).fill('3');
    await page.getByLabel(/^Armed again/).fill('2');
    await page.getByRole('radio', { name: '3 y' }).click();
    await page.getByText(/^It would have fired \d+ times in 3 years/).waitFor();
    const chart = page.getByRole('img', { name: /^What the rule looks at/ });
    await chart.locator('canvas').first().waitFor();
    await screenshots(page, 'alerts-preview', { check: sound, fullPage: true });
    await desk();
    const before = (await rules()).length;
    await page.getByLabel(/^Fall of/).fill('abc');
    await page.getByRole('button', { name: 'Save rule' }).click();
    await page.getByText('Enter a number.').waitFor();
    assert.equal((await rules()).length, before, 'nothing was kept');
    await page.getByLabel('What to watch').selectOption('sign_in');
    await page.getByText('Only the latest of what happened to you are kept.').waitFor();
    await page.getByText('How a message of it looks').waitFor();
    assertNoConsoleErrors(page);
  });

  await t.test('changed, snoozed, woken and deleted', async () => {
    const made = (await rules()).find(({ condition }) => condition.kind === 'price');
    await page.goto(`${demo.url}/alerts/${made.id}`);
    const level = page.getByLabel(/^Price \(/);
    await level.fill('1.5');
    await page.getByRole('button', { name: 'Save rule' }).click();
    await page.getByText('Saved.').waitFor();
    assert.equal((await rules()).find(({ id }) => id === made.id).condition.threshold, '1.5');
    await page.getByRole('button', { name: 'Snooze' }).click();
    await page.getByRole('dialog').getByRole('button', { name: '1 day' }).click();
    await page.getByText(/^Snoozed until/).first().waitFor();
    await screenshots(page, 'alerts', { check: sound, fullPage: true });
    await desk();
    await page.getByRole('button', { name: 'Wake' }).click();
    await page.getByRole('button', { name: 'Snooze' }).waitFor();
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete the rule' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal((await rules()).some(({ id }) => id === made.id), false);
    assertNoConsoleErrors(page);
  });

  await t.test('on a phone the list leads to the rule', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(`${demo.url}/alerts`);
    await page.getByRole('link', { name: /Poor at last/ }).click();
    await page.getByRole('heading', { name: 'Poor at last' }).waitFor();
    await page.getByRole('link', { name: 'All rules' }).click();
    await page.getByRole('link', { name: /Poor at last/ }).waitFor();
    await screenshots(page, 'alerts-list', { check: sound });
    assertNoConsoleErrors(page);
  });

  await t.test('with amounts hidden no amount is in the document', async () => {
    await desk();
    await page.goto(`${demo.url}/alerts`);
    await page.getByRole('heading', { name: 'Poor at last' }).waitFor();
    await page.getByRole('button', { name: 'Hide amounts' }).click();
    await page.getByText(/^Amounts are hidden/).first().waitFor();
    assert.doesNotMatch(await page.locator('main').innerHTML(), /1.?000.?000|€\s?\d/);
    assertNoConsoleErrors(page);
  });
});
