// A production node from nothing: the first administrator invites somebody, who makes a portfolio, enters, imports, corrects and
// voids activities, and sees prices arrive, all in the browser.
import test from 'node:test';
import assert from 'node:assert/strict';
import {
  apiClient, assertAccessible, assertNoConsoleErrors, assertNoCspViolations, newPage, portfolioValue, signIn, startBrowser,
} from './harness.mjs';
import {
  accept, adminEmail, adminPassword, createPortfolio, fillActivity, invite, saveActivity, startNode, valueBecomes,
} from './node.mjs';
import { scheme, startStandin } from './standin.mjs';

/** A part of a test on which the next ones build: what fails in it ends the test. */
async function step(name, run) {
  try {
    await run();
  } catch (cause) {
    throw new Error(`${name}: ${cause.message}`, { cause });
  }
}

const password = 'four words will do';

test('the whole way, from keys to a live portfolio', async (t) => {
  const standin = await startStandin(t);
  await standin.setPrice('coingecko', 'bitcoin', '90000');
  await standin.setPrice('amfi', scheme, '200');
  await standin.setPrice('ecb', 'USD', '1.25'); // 1 dollar is 0.80 euros
  await standin.setPrice('ecb', 'INR', '100');
  const node = await startNode(t, standin);
  const browser = await startBrowser(t);

  const admin = await newPage(browser);
  await signIn(admin, node.url, adminEmail, adminPassword);
  const link = await invite(admin, { email: 'mara@example.org', name: 'Mara' });
  assert.ok(link.startsWith(`${node.url}/invite/`), `the invitation's link leads to the node: ${link}`);
  await admin.getByText('mara@example.org').waitFor();

  const page = await accept(browser, link, password);
  const again = await newPage(browser);
  await again.goto(link);
  await again.getByLabel('Password').fill(password);
  await again.getByRole('button', { name: 'Set password and enter' }).click();
  await again.getByText('This invitation is used or over').waitFor();

  await createPortfolio(page, { name: 'Family', currency: 'EUR', account: 'Broker' });
  await page.getByRole('link', { name: 'Add an activity' }).click();
  await fillActivity(page, {
    type: 'buy', instrument: 'BTC', create: { name: 'Bitcoin', symbol: 'BTC', class: 'crypto', currency: 'USD' },
    Day: '2026-01-05', Quantity: '0.5', 'Price of one': '60000',
  });
  await saveActivity(page);
  await page.getByRole('link', { name: 'Bitcoin' }).waitFor();
  await page.evaluate(() => (window.__sameDocument = true));
  await page.getByRole('link', { name: 'Overview' }).click();
  await valueBecomes(page, 36_000); // 0.5 · 90,000 · 0.8

  await page.getByRole('link', { name: 'Activities' }).click();
  await page.getByRole('button', { name: 'Add activity' }).click();
  await fillActivity(page, {
    type: 'buy', instrument: scheme, create: { name: 'Flexi Cap Fund', symbol: scheme, class: 'fund', currency: 'INR' },
    Day: '2026-02-02', Quantity: '1000', 'Price of one': '180',
  });
  await saveActivity(page);
  await page.getByRole('link', { name: 'Overview' }).click();
  await valueBecomes(page, 38_000); // and 1,000 · 200 / 100

  await step('a file is looked at, put right and imported once', async () => {
    await page.getByRole('link', { name: 'Import' }).click();
    const heading = 'date,type,symbol,quantity,price,currency\n';
    await page.locator('input[type=file]').setInputFiles({
      name: 'broker.csv', mimeType: 'text/csv', buffer: Buffer.from(`${heading}2026-03-02,buy,BTC,0.25,70000,USD\n2026-03-03,buy,BTC,many,70000,USD\n`),
    });
    await page.getByText(/quantity:/).waitFor();
    assert.equal(await page.locator('.bar .primary').isDisabled(), true, 'nothing is written while a row is wrong');
    await assertAccessible(page);
    await page.getByRole('button', { name: 'Another file' }).click();
    const right = Buffer.from(`${heading}2026-03-02,buy,BTC,0.25,70000,USD\n2026-03-03,buy,BTC,0.15,70000,USD\n`);
    await page.locator('input[type=file]').setInputFiles({ name: 'broker.csv', mimeType: 'text/csv', buffer: right });
    await page.locator('.bar .primary').click();
    await page.getByRole('heading', { name: '2 rows added' }).waitFor();
    await page.getByRole('button', { name: 'Import another file' }).click();
    await page.locator('input[type=file]').setInputFiles({ name: 'broker.csv', mimeType: 'text/csv', buffer: right });
    await page.getByText('Duplicate 2').waitFor();
    assert.equal(await page.locator('.bar .primary').isDisabled(), true, 'the same file twice adds nothing');
    await page.getByRole('link', { name: 'Overview' }).click();
    await valueBecomes(page, 66_800); // 0.9 · 90,000 · 0.8 + 2,000
  });

  await step('an activity is corrected, another voided, one refused', async () => {
    await page.getByRole('link', { name: 'Activities' }).click();
    await page.getByRole('button', { name: 'Correct Bitcoin of 3 Mar 2026' }).click();
    await fillActivity(page, { Quantity: '0.25' });
    await saveActivity(page, 'Save the correction');
    await page.getByRole('button', { name: 'Correct Bitcoin of 2 Mar 2026' }).click();
    await page.getByRole('button', { name: 'Void this activity' }).click();
    await page.getByRole('button', { name: 'Void it' }).click();
    await page.getByRole('dialog').first().waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Correct Bitcoin of 2 Mar 2026' }).waitFor({ state: 'detached' });

    await page.getByRole('button', { name: 'Add activity' }).click();
    await fillActivity(page, { type: 'sell', instrument: 'BTC', Day: '2026-04-01', Quantity: '5', 'Price of one': '80000' });
    await page.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click();
    const refusal = await page.getByRole('dialog').locator('[role=alert], .note.error').first().innerText();
    assert.match(refusal, /2026-04-01|1 Apr/, 'overselling names the day');
    assert.match(refusal, /4\.25/, 'and the shortfall');
    await assertAccessible(page);
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: 'Overview' }).click();
    await valueBecomes(page, 56_000); // 0.75 · 90,000 · 0.8 + 2,000
  });

  await step('prices that change at their source reach the page without a reload', async () => {
    await standin.setPrice('coingecko', 'bitcoin', '91000');
    await valueBecomes(page, 56_600);
    await standin.setPrice('amfi', scheme, '210');
    await valueBecomes(page, 56_700);
    assert.equal(await page.evaluate(() => window.__sameDocument), true, 'the page was not loaded anew');
  });

  await step('nobody reaches what is not theirs', async () => {
    const mara = await apiClient(node.url, 'mara@example.org', password);
    const [{ id }] = (await mara('GET', '/api/v1/portfolios')).items;
    const owner = await apiClient(node.url, adminEmail, adminPassword);
    assert.deepEqual((await owner('GET', '/api/v1/portfolios')).items, []);
    await assert.rejects(owner('GET', `/api/v1/portfolios/${id}`), /: 404 /);
    await assert.rejects(mara('GET', '/api/v1/admin/users'), /: 403 /);
  });

  for (const one of [admin, page]) {
    await assertAccessible(one);
    await assertNoCspViolations(one);
  }
  page.consoleErrors = page.consoleErrors.filter((text) => !/status of 422/.test(text)); // the sale that was refused
  assertNoConsoleErrors(page);
  assertNoConsoleErrors(admin);
  assert.match(await portfolioValue(page).innerText(), /€|EUR/);
});
