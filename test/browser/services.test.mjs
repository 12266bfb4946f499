// Signing in with an account elsewhere, at a service that speaks OpenID Connect: linking it, signing in with it, what is refused, the
// second factor besides, signing out there too, unlinking, and a service that is down.
import test from 'node:test';
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  assertAccessible, assertNoConsoleErrors, assertNoCspViolations, command, frameReady, freePort, newPage, screenshots, signIn, startBrowser,
  temporaryDir,
} from './harness.mjs';
import { code, turnOnSecondFactor } from './factor.mjs';
import { startNode } from './node.mjs';
import { clientId, clientSecret, startProvider } from './provider.mjs';
import { startStandin } from './standin.mjs';

const password = 'four words will do';
const [user, second] = ['ann@example.org', 'ben@example.org'];
const people = [
  { sub: 'a-1', name: 'Ann Acme', email: 'ann@acme.example', email_verified: true },
  { sub: 'b-2', name: 'Ben Acme', email: user, email_verified: true }, // has the address of somebody here, which makes him nobody here
];

async function sound(page) {
  await assertAccessible(page);
  await assertNoCspViolations(page);
}

/** The browser itself logs every answer that refuses; these are meant. */
function forgetRefusals(page) {
  page.consoleErrors = page.consoleErrors.filter((text) => !/status of (401|403|409|503)\b/.test(text));
}

/** Signs in at Acme as somebody, from the sign-in page. */
async function signInAtAcme(page, base, name, from = '/sign-in') {
  await page.goto(base + from);
  await page.getByRole('button', { name: 'Sign in with Acme' }).click();
  await page.getByRole('link', { name }).click();
}

async function signOut(page) {
  await page.getByRole('button', { name: /^Account of/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
}

test('signing in with an account elsewhere', async (t) => {
  const acme = await startProvider(t, people);
  const secretFile = join(await temporaryDir(t), 'secret');
  await writeFile(secretFile, `${clientSecret}\n`);
  const nobody = `http://127.0.0.1:${await freePort()}`;
  const { url: base, environment } = await startNode(t, await startStandin(t), {
    settings: (url) => ({
      FOLIOSCOPE_PUBLIC_URL: url,
      FOLIOSCOPE_OIDC_ACME_ISSUER: acme.issuer,
      FOLIOSCOPE_OIDC_ACME_CLIENT_ID: clientId,
      FOLIOSCOPE_OIDC_ACME_CLIENT_SECRET_FILE: secretFile,
      FOLIOSCOPE_OIDC_ACME_LABEL: 'Acme',
      FOLIOSCOPE_OIDC_ACME_SIGN_OUT: 'true',
      FOLIOSCOPE_OIDC_AWAY_ISSUER: nobody,
      FOLIOSCOPE_OIDC_AWAY_CLIENT_ID: clientId,
      FOLIOSCOPE_OIDC_AWAY_LABEL: 'Away',
    }),
  });
  for (const email of [user, second]) await command(['user', 'add', email], { environment, input: `${password}\n` });
  const browser = await startBrowser(t);
  const page = await newPage(browser);

  await t.test('the button, and somebody whom nobody here knows', async () => {
    await page.goto(base + '/sign-in');
    await page.getByRole('button', { name: 'Sign in with Acme' }).waitFor();
    await screenshots(page, 'sign-in-services', { check: sound });
    await page.setViewportSize({ width: 1440, height: 900 });
    await signInAtAcme(page, base, 'Ben Acme');
    await page.getByText('No account here is linked with this sign-in at Acme').waitFor();
    assert.equal(await page.getByRole('button', { name: /^Account of/ }).count(), 0, 'an address signs nobody in');
    await screenshots(page, 'sign-in-trouble', { check: sound });
    await page.setViewportSize({ width: 1440, height: 900 });
    await signInAtAcme(page, base, 'Nobody');
    await page.getByText('Acme did not sign you in').waitFor();
  });

  await t.test('words that a link makes up are not shown', async () => {
    await page.goto(base + '/sign-in?trouble=over&with=Call%200900%2012345');
    await page.getByRole('button', { name: 'Sign in with Acme' }).waitFor();
    assert.equal(await page.getByText('0900').count(), 0);
  });

  await t.test('linking', async () => {
    await signIn(page, base, user, password);
    await page.goto(base + '/account');
    await page.getByRole('button', { name: 'Link Acme' }).click();
    await page.getByRole('link', { name: 'Ann Acme' }).click();
    await page.getByText('As ann@acme.example').waitFor();
    await page.locator('.skeleton').first().waitFor({ state: 'detached' });
    await screenshots(page, 'account-linked', { check: sound, fullPage: true });
    await page.setViewportSize({ width: 1440, height: 900 });
    const other = await newPage(browser);
    await signIn(other, base, second, password);
    await other.goto(base + '/account');
    await other.getByRole('button', { name: 'Link Acme' }).click();
    await other.getByRole('link', { name: 'Ann Acme' }).click();
    await other.getByText('is linked to an account already').waitFor();
    await other.getByRole('button', { name: 'Link Acme' }).waitFor();
    await screenshots(other, 'account-linked-trouble', { check: sound });
    forgetRefusals(other);
    assertNoConsoleErrors(other);
    await other.close();
  });

  await t.test('signing in with it, to the page that was wanted, and nowhere else', async () => {
    await page.context().clearCookies();
    await signInAtAcme(page, base, 'Ann Acme', '/account');
    await page.getByRole('heading', { name: 'Account and security' }).waitFor();
    await page.context().clearCookies();
    await signInAtAcme(page, base, 'Ann Acme', '/sign-in?to=//evil.example/');
    await frameReady(page);
    assert.equal(new URL(page.url()).origin, base);
  });

  await t.test('signing out goes on at the service', async () => {
    await signOut(page);
    await page.getByRole('heading', { name: 'Signed out of Acme' }).waitFor();
    await page.getByRole('link', { name: 'Back' }).click();
    await page.getByRole('button', { name: 'Sign in with Acme' }).waitFor();
  });

  await t.test('showing who one is at the service, where that is asked again', async () => {
    await signInAtAcme(page, base, 'Ann Acme');
    await frameReady(page);
    await page.goto(base + '/account');
    await page.route('**/api/v1/me/sessions', async (route) => {
      if (route.request().method() !== 'DELETE') return route.continue();
      await route.fulfill({
        status: 403, contentType: 'application/problem+json',
        body: JSON.stringify({ type: 'about:blank', title: 'Forbidden', status: 403, detail: 'Enter your password again to do this.', code: 'denied', request_id: 'x', step_up: 'password' }),
      });
    });
    const other = await newPage(browser);
    await signIn(other, base, user, password);
    await page.reload();
    await page.getByRole('button', { name: 'Sign out all others' }).click();
    await page.getByRole('button', { name: 'Show it at Acme instead' }).waitFor();
    await screenshots(page, 'account-step-up-service', { check: sound });
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.getByRole('button', { name: 'Show it at Acme instead' }).click();
    await page.getByRole('link', { name: 'Ann Acme' }).click();
    await page.getByText('As ann@acme.example').waitFor();
    await page.unroute('**/api/v1/me/sessions');
    await page.getByRole('button', { name: 'Sign out all others' }).click();
    await page.getByRole('button', { name: 'Sign out all others' }).waitFor({ state: 'detached' });
    await other.close();
    forgetRefusals(page);
    assertNoConsoleErrors(page);
  });

  await t.test('the second factor that is set up here is asked for besides', async () => {
    const secret = await turnOnSecondFactor(page, base);
    await page.context().clearCookies();
    await signInAtAcme(page, base, 'Ann Acme', '/account');
    await page.getByRole('heading', { name: 'Enter the code' }).waitFor();
    await screenshots(page, 'sign-in-service-code', { check: sound });
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.getByLabel('Code').fill('000000');
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByRole('alert').or(page.locator('.note.error')).first().waitFor();
    await page.getByLabel('Code').fill(code(secret));
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByRole('heading', { name: 'Account and security' }).waitFor();
    await page.goto(base + '/sign-in/code');
    await page.getByText('took too long').waitFor();
    forgetRefusals(page);
    assertNoConsoleErrors(page);
  });

  await t.test('unlinking', async () => {
    await page.goto(base + '/account');
    await page.getByRole('button', { name: 'Unlink Acme as ann@acme.example' }).click();
    await page.getByRole('button', { name: 'Link Acme' }).waitFor();
    await page.context().clearCookies();
    await signInAtAcme(page, base, 'Ann Acme');
    await page.getByText('No account here is linked with this sign-in at Acme').waitFor();
    forgetRefusals(page);
    assertNoConsoleErrors(page);
  });

  await t.test('a link of an old page, and what the server has no words for', async () => {
    await page.goto(base + '/api/v1/oidc/acme/callback?code=x&state=y');
    await page.getByText('was begun in another browser').waitFor();
    await page.goto(base + '/sign-in?trouble=later&with=acme');
    await page.getByText('Signing in with Acme came to nothing').waitFor();
  });

  await t.test('a service that is down takes nobody with it', async () => {
    await page.goto(base + '/sign-in');
    await page.getByRole('button', { name: 'Sign in with Away' }).click();
    await page.getByText('Sign-in with Away is not available').waitFor();
    await signIn(page, base, second, password);
    forgetRefusals(page);
    assertNoConsoleErrors(page);
  });
});
