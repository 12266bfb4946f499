// The demo as a new user meets it: sign in, see a value, watch it move.
import test from 'node:test';
import assert from 'node:assert/strict';
import {
  assertAccessible, assertNoConsoleErrors, assertNoCspViolations, newPage, portfolioValue, screenshots, signIn, startBrowser, startDemo, waitForChange,
} from './harness.mjs';

test('a demo user signs in and the value moves without a reload', async (t) => {
  const demo = await startDemo(t, { args: ['--users', '20', '--seed', '1', '--tick', '1s'] });
  const browser = await startBrowser(t);
  const page = await newPage(browser);

  await signIn(page, demo.url, 'user001@demo.test', 'demo-folioscope');
  const value = portfolioValue(page);
  await value.filter({ hasText: /\d/ }).waitFor();
  const first = (await value.innerText()).trim();
  assert.match(first, /\d/, 'the overview shows a value');
  assert.match(await page.locator('body').innerText(), /simulated/i, 'every page of the demo says that its prices are simulated');

  await page.evaluate(() => (window.__sameDocument = true));
  const second = await waitForChange(value, first);
  assert.match(second, /\d/);
  assert.equal(await page.evaluate(() => window.__sameDocument), true, 'the page was not loaded anew');

  await assertAccessible(page);
  await assertNoCspViolations(page);
  await screenshots(page, 'overview');
  assertNoConsoleErrors(page);
});

test('a wrong password is refused with a sentence', async (t) => {
  const demo = await startDemo(t, { args: ['--users', '2'] });
  const browser = await startBrowser(t);
  const page = await newPage(browser);
  await page.goto(demo.url + '/');
  await page.getByLabel(/e-?mail/i).fill('user001@demo.test');
  await page.getByLabel(/^password/i).fill('not the password');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('alert').waitFor();
  await assertAccessible(page);
  await assertNoCspViolations(page);
});
