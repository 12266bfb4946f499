// How people sign in: a second factor from its setup to a lost device, devices signed out from afar, a password asked for again, tokens
// for programs; and an administrator of a real node, who sets up a second factor before anything else.
import test from 'node:test';
import assert from 'node:assert/strict';
import {
  assertAccessible, assertNoConsoleErrors, assertNoCspViolations, frameReady, newPage, screenshots, signIn, startBrowser, startDemo,
} from './harness.mjs';
import { code, secretOf } from './factor.mjs';
import { adminEmail, adminPassword, startNode } from './node.mjs';
import { startStandin } from './standin.mjs';

const password = 'demo-folioscope';
const user = 'user003@demo.test';

async function sound(page) {
  await assertAccessible(page);
  await assertNoCspViolations(page);
}

/** The browser itself logs every answer that refuses; these are meant. */
function forgetRefusals(page) {
  page.consoleErrors = page.consoleErrors.filter((text) => !/status of (401|403|422|429)\b/.test(text));
}

/** Fills the sign-in form and stops where the code is asked for. */
async function passwordAlone(page, base, email, secret) {
  await page.goto(base + '/sign-in');
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(secret);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { name: 'Enter the code' }).waitFor();
}

test('second factor, devices, password and tokens', async (t) => {
  const demo = await startDemo(t, { args: ['--users', '20', '--seed', '1', '--tick', '2s'] });
  const browser = await startBrowser(t);
  const page = await newPage(browser);
  await signIn(page, demo.url, user, password);
  const other = await newPage(browser);
  await signIn(other, demo.url, user, password);
  let secret = '';
  let recovery = [];

  await t.test('the way there, and the page', async () => {
    await page.getByRole('button', { name: /^Account of/ }).click();
    await page.getByRole('menuitem', { name: 'Account and security' }).click();
    await page.getByText('This one').waitFor();
    await page.locator('.skeleton').first().waitFor({ state: 'detached' });
    await screenshots(page, 'account', { check: sound, fullPage: true });
    assertNoConsoleErrors(page);
  });

  await t.test('setting up an app', async () => {
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.getByRole('button', { name: 'Set it up' }).click();
    await page.getByRole('img', { name: 'QR code of the key' }).waitFor();
    assert.ok(await page.getByRole('img', { name: 'QR code of the key' }).evaluate((image) => image.complete && image.naturalWidth > 100), 'the picture is drawn');
    await screenshots(page, 'account-setup', { check: sound, fullPage: true });
    secret = await secretOf(page);
    await page.getByLabel('Code that the app shows now').fill('000000');
    await page.getByRole('button', { name: 'Turn it on' }).click();
    await page.getByText('This code is not of this key').waitFor();
    await page.getByLabel('Code that the app shows now').fill(code(secret, -1));
    await page.getByRole('button', { name: 'Turn it on' }).click();
    await page.getByRole('button', { name: 'I have kept them' }).waitFor();
    recovery = await page.locator('.codes code').allInnerTexts();
    assert.equal(recovery.length, 10);
    await screenshots(page, 'account-recovery-codes', { check: sound, fullPage: true });
    await page.getByRole('button', { name: 'I have kept them' }).click();
    await page.getByText('10 recovery codes are left').waitFor();
    forgetRefusals(page);
    assertNoConsoleErrors(page);
  });

  await t.test('a session that was opened with less has ended', async () => {
    await other.reload();
    await other.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  await t.test('signing in with a code, which counts once', async () => {
    await passwordAlone(other, demo.url, user, password);
    await screenshots(other, 'sign-in-code', { check: sound });
    const now = code(secret);
    await other.getByLabel('Code').fill(now);
    await other.getByRole('button', { name: 'Sign in', exact: true }).click();
    await frameReady(other);
    const third = await newPage(browser);
    await passwordAlone(third, demo.url, user, password);
    await third.getByLabel('Code').fill(now);
    await third.getByRole('button', { name: 'Sign in', exact: true }).click();
    await third.getByText('used already').waitFor();
    await third.getByLabel('Code').fill(recovery[0].toUpperCase());
    await third.getByRole('button', { name: 'Sign in', exact: true }).click();
    await frameReady(third);
    await third.close();
  });

  await t.test('signing out another device', async () => {
    await page.reload();
    const others = page.getByRole('button', { name: /^Sign out .*, since/ });
    await others.nth(1).waitFor();
    await page.getByRole('button', { name: 'Sign out all others' }).click();
    await others.first().waitFor({ state: 'detached' });
    await other.getByRole('link', { name: 'Holdings' }).first().click();
    await other.getByRole('heading', { name: 'Sign in' }).waitFor();
    assertNoConsoleErrors(page);
  });

  await t.test('a risky act asks for password and code, once', async () => {
    let refused = 0;
    await page.route('**/api/v1/me/tokens', async (route) => {
      if (route.request().method() !== 'POST' || refused++ > 0) return route.continue();
      await route.fulfill({
        status: 403, contentType: 'application/problem+json',
        body: JSON.stringify({ type: 'about:blank', title: 'Forbidden', status: 403, detail: 'Enter your password again to do this.', code: 'denied', request_id: 'x', step_up: 'password_and_code' }),
      });
    });
    await page.getByRole('button', { name: 'Make a token' }).click();
    await page.getByLabel('What it is for').fill('Backup script');
    await screenshots(page, 'account-new-token', { check: sound, fullPage: true });
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.getByRole('button', { name: 'Make it' }).click();
    const dialog = page.getByRole('dialog', { name: 'Is it you?' });
    await dialog.getByLabel('Your password').fill('not the password');
    await dialog.getByLabel('Code').fill(recovery[1]);
    await screenshots(page, 'account-step-up', { check: sound });
    await dialog.getByRole('button', { name: 'Go on' }).click();
    await dialog.getByText('This is not your password').waitFor();
    await dialog.getByLabel('Your password').fill(password);
    await dialog.getByLabel('Code').fill(recovery[1]);
    await dialog.getByRole('button', { name: 'Go on' }).click();
    await dialog.waitFor({ state: 'detached' });
    const token = await page.getByLabel('The new API token').inputValue();
    assert.match(token, /^fsc_\S+$/);
    await screenshots(page, 'account-token', { check: sound, fullPage: true });
    const ask = (path, method = 'GET') => fetch(demo.url + path, { method, headers: { Authorization: `Bearer ${token}` } });
    assert.equal((await ask('/api/v1/portfolios')).status, 200);
    assert.equal((await ask('/api/v1/me/sessions')).status, 403, 'a token changes nothing about how somebody signs in');
    assert.equal((await ask('/api/v1/portfolios', 'POST')).status, 403, 'it only reads');
    await page.getByRole('button', { name: 'Revoke Backup script' }).click();
    await page.getByRole('button', { name: 'Revoke Backup script' }).waitFor({ state: 'detached' });
    assert.equal((await ask('/api/v1/portfolios')).status, 401);
    forgetRefusals(page);
    assertNoConsoleErrors(page);
  });

  await t.test('a new password', async () => {
    await page.getByRole('button', { name: 'Change the password' }).click();
    await page.getByLabel('Present password').fill(password);
    await page.getByLabel('New password').fill('passwordpassword');
    await page.getByLabel('Code').fill(recovery[2]);
    await screenshots(page, 'account-password', { check: sound, fullPage: true });
    await page.getByRole('button', { name: 'Change it' }).click();
    await page.getByText('one of the first that are guessed').waitFor();
    await page.getByLabel('New password').fill('four words will do');
    await page.getByLabel('Code').fill(recovery[2]);
    await page.getByRole('button', { name: 'Change it' }).click();
    await page.getByText('Every other device was signed out').waitFor();
    await passwordAlone(other, demo.url, user, 'four words will do');
    forgetRefusals(page);
    assertNoConsoleErrors(page);
  });

  await t.test('turning it off', async () => {
    await page.getByRole('button', { name: 'Turn it off' }).click();
    await page.getByRole('button', { name: /^Yes/ }).click();
    await page.getByRole('button', { name: 'Set it up' }).waitFor();
    await signIn(other, demo.url, user, 'four words will do');
    assertNoConsoleErrors(page);
  });
});

test('an administrator sets up a second factor first', async (t) => {
  const standin = await startStandin(t);
  const node = await startNode(t, standin, { secondFactor: true });
  const browser = await startBrowser(t);
  const page = await newPage(browser);
  await page.goto(node.url + '/admin');
  await page.getByLabel('E-mail').fill(adminEmail);
  await page.getByLabel('Password').fill(adminPassword);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { name: 'One more step' }).waitFor();
  assert.equal(await page.getByRole('button', { name: /^Account of/ }).count(), 0, 'there is no way around it');
  await screenshots(page, 'enrol-first', { check: sound });
  await page.getByRole('button', { name: 'Set it up' }).click();
  const secret = await secretOf(page);
  await screenshots(page, 'enrol-first-key', { check: sound });
  await page.getByLabel('Code that the app shows now').fill(code(secret));
  await page.getByRole('button', { name: 'Turn it on' }).click();
  await page.getByRole('button', { name: 'I have kept them' }).click();
  await page.getByRole('heading', { name: 'People' }).waitFor();
  await page.getByText(adminEmail).first().waitFor();
  assertNoConsoleErrors(page);
});
