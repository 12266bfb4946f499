// Passkeys, with the authenticator that Chromium makes of software: adding one, signing in with it alone and besides the password,
// showing again who one is, renaming and removing it.
import test from 'node:test';
import assert from 'node:assert/strict';
import {
  assertAccessible, assertNoConsoleErrors, assertNoCspViolations, frameReady, newPage, screenshots, signIn, startBrowser, startDemo,
} from './harness.mjs';
import { adminEmail, adminPassword, startNode } from './node.mjs';
import { startStandin } from './standin.mjs';

const password = 'demo-folioscope';
const user = 'user004@demo.test';

async function sound(page) {
  await assertAccessible(page);
  await assertNoCspViolations(page);
}

/** The browser itself logs every answer that refuses; these are meant. */
function forgetRefusals(page) {
  page.consoleErrors = page.consoleErrors.filter((text) => !/status of (401|403)\b/.test(text));
}

/** Gives the page a device with passkeys. It answers what is asked while somebody is present. */
async function deviceOf(page) {
  const client = await page.context().newCDPSession(page);
  await client.send('WebAuthn.enable', { enableUI: false });
  const { authenticatorId } = await client.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return {
    verified: (isUserVerified) => client.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified }),
    present: (enabled) => client.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled }),
    credentials: async () => (await client.send('WebAuthn.getCredentials', { authenticatorId })).credentials,
  };
}

async function leave(page) {
  await page.getByRole('button', { name: /^Account of/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
}

async function signOut(page) {
  await leave(page);
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
}

/** Signs out, after which the browser fills the passkey in by itself, so fast that the sign-in page hardly shows. */
async function leaveAndComeBack(page) {
  const signedIn = page.waitForResponse((answer) => answer.url().endsWith('/api/v1/session/passkey'));
  await leave(page);
  assert.equal((await signedIn).status(), 200);
  await frameReady(page);
}

test('passkeys', async (t) => {
  const demo = await startDemo(t, { args: ['--users', '20', '--seed', '1', '--tick', '2s'] });
  const browser = await startBrowser(t);
  const page = await newPage(browser);
  await signIn(page, demo.url, user, password);
  const device = await deviceOf(page);

  await t.test('adding one', async () => {
    await page.goto(demo.url + '/account');
    await page.getByText('A passkey signs you in by itself').waitFor();
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await page.getByLabel('Name of the passkey').fill('Phone');
    await screenshots(page, 'passkey-new', { check: sound, fullPage: true });
    await page.getByRole('button', { name: 'Make it' }).click();
    await page.getByRole('button', { name: 'I have kept them' }).waitFor();
    assert.equal(await page.locator('.codes code').count(), 10);
    await page.getByRole('button', { name: 'I have kept them' }).click();
    await page.getByText('never used').waitFor();
    await page.getByText('10 recovery codes are left').waitFor();
    await screenshots(page, 'passkey-added', { check: sound, fullPage: true });
    const [credential] = await device.credentials();
    assert.equal(credential.rpId, 'localhost');
    assert.equal(credential.isResidentCredential, true);
    // The same device once more is told so by the browser.
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await page.getByLabel('Name of the passkey').fill('Phone again');
    await page.getByRole('button', { name: 'Make it' }).click();
    await page.getByText('holds a passkey of yours already').waitFor();
    await page.getByRole('button', { name: 'Leave it' }).click();
    assertNoConsoleErrors(page);
  });

  await t.test('signing in with it', async () => {
    await device.present(false); // or the browser would fill it in by itself
    await signOut(page);
    const button = page.getByRole('button', { name: 'Sign in with a passkey' });
    await button.waitFor();
    await screenshots(page, 'sign-in-passkey', { check: sound });
    await device.present(true);
    await button.click();
    await frameReady(page);
    assertNoConsoleErrors(page);
  });

  await t.test('the browser fills it in', async () => {
    await leaveAndComeBack(page);
    assertNoConsoleErrors(page);
  });

  await t.test('besides the password', async () => {
    await device.present(false);
    await signOut(page);
    await page.getByLabel('E-mail').fill(user);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('heading', { name: 'Is it you?' }).waitFor();
    await screenshots(page, 'sign-in-second-passkey', { check: sound });
    await device.present(true);
    await page.getByRole('button', { name: 'Use your passkey' }).click();
    await frameReady(page);
    forgetRefusals(page);
    assertNoConsoleErrors(page);
  });

  await t.test('showing again who one is', async () => {
    await page.goto(demo.url + '/account');
    let refused = 0;
    await page.route('**/api/v1/me/second-factor/recovery-codes', async (route) => {
      if (refused++ > 0) return route.continue();
      // A quarter of an hour later the server would ask so; what a passkey is asked with comes from it.
      const asking = await page.request.post(demo.url + '/api/v1/session', { data: { email: user, password } });
      await route.fulfill({
        status: 403, contentType: 'application/problem+json',
        body: JSON.stringify({ type: 'about:blank', title: 'Forbidden', status: 403, detail: 'x', code: 'denied', request_id: 'x', step_up: 'password_and_code', passkey: (await asking.json()).passkey }),
      });
    });
    await page.getByRole('button', { name: 'New recovery codes' }).click();
    const dialog = page.getByRole('dialog', { name: 'Is it you?' });
    await dialog.getByRole('button', { name: 'Use your passkey' }).waitFor();
    await screenshots(page, 'account-step-up-passkey', { check: sound });
    await dialog.getByRole('button', { name: 'Use your passkey' }).click();
    await page.getByRole('button', { name: 'I have kept them' }).click();
    forgetRefusals(page);
    assertNoConsoleErrors(page);
  });

  await t.test('renaming and removing it', async () => {
    await page.getByRole('button', { name: 'Rename Phone' }).click();
    await page.getByLabel('Name of the passkey').fill('Old phone');
    await page.getByRole('button', { name: 'Keep the name' }).click();
    await page.getByRole('button', { name: 'Remove Old phone' }).click();
    await screenshots(page, 'passkey-remove', { check: sound, fullPage: true });
    await page.getByRole('button', { name: 'Yes, remove it' }).click();
    await page.getByText('A passkey signs you in by itself').waitFor();
    assert.equal(await page.getByText('recovery codes are left').count(), 0);
    await device.present(false);
    await signOut(page);
    await signIn(page, demo.url, user, password);
    forgetRefusals(page);
    assertNoConsoleErrors(page);
  });
});

test('an administrator begins with a passkey, and signs in with it alone', async (t) => {
  const standin = await startStandin(t);
  const node = await startNode(t, standin, { secondFactor: true });
  const browser = await startBrowser(t);
  const page = await newPage(browser);
  const device = await deviceOf(page);
  await page.goto(node.url + '/admin');
  await page.getByLabel('E-mail').fill(adminEmail);
  await page.getByLabel('Password').fill(adminPassword);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('button', { name: 'Use a passkey' }).click();
  await page.getByLabel('Name of the passkey').fill('Laptop');
  await screenshots(page, 'enrol-first-passkey', { check: sound });
  await page.getByRole('button', { name: 'Make it' }).click();
  await page.getByRole('button', { name: 'I have kept them' }).click();
  await page.getByRole('heading', { name: 'People' }).waitFor();
  await leaveAndComeBack(page);
  // The last second factor of an administrator stays.
  await page.goto(node.url + '/account');
  await page.getByRole('button', { name: 'Remove Laptop' }).click();
  await page.getByRole('button', { name: 'Yes, remove it' }).click();
  await page.getByText('this is the last one').waitFor();
  assert.equal((await device.credentials()).length, 1);
  page.consoleErrors = page.consoleErrors.filter((text) => !/status of 409\b/.test(text));
  assertNoConsoleErrors(page);
});
