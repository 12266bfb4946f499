// What mail is for: a forgotten password, from the question to signing in with a new one.
import test from 'node:test';
import assert from 'node:assert/strict';
import {
  apiClient, assertAccessible, assertNoConsoleErrors, assertNoCspViolations, frameReady, newPage, screenshots, signIn, startBrowser,
} from './harness.mjs';
import { startMailbox } from './mailbox.mjs';
import { adminEmail, adminPassword, startNode } from './node.mjs';
import { startStandin } from './standin.mjs';

async function sound(page) {
  await assertAccessible(page);
  await assertNoCspViolations(page);
}

/** The browser itself logs every answer that refuses; these are meant. */
function forgetRefusals(page) {
  page.consoleErrors = page.consoleErrors.filter((text) => !/status of (401|403|404|422)\b/.test(text));
}

test('a forgotten password', async (t) => {
  const standin = await startStandin(t);
  const mailbox = await startMailbox(t);
  const node = await startNode(t, standin, { mailbox });
  const browser = await startBrowser(t);
  const page = await newPage(browser);
  const other = await newPage(browser);
  await signIn(other, node.url, adminEmail, adminPassword);

  await t.test('the question', async () => {
    await page.goto(node.url + '/sign-in');
    await page.getByRole('link', { name: 'Forgot your password?' }).click();
    await page.getByRole('button', { name: 'Send me a link' }).waitFor();
    await screenshots(page, 'recover', { check: sound });
    await page.getByLabel('E-mail').fill('nobody@example.org');
    await page.getByRole('button', { name: 'Send me a link' }).click();
    await page.getByRole('heading', { name: 'Look at your mail' }).waitFor();
    await screenshots(page, 'recover-asked', { check: sound });
    const said = await page.locator('main').innerText();
    await page.goto(node.url + '/recover');
    await page.getByLabel('E-mail').fill(adminEmail);
    await page.getByRole('button', { name: 'Send me a link' }).click();
    await page.getByRole('heading', { name: 'Look at your mail' }).waitFor();
    assert.equal(await page.locator('main').innerText(), said, 'the page says the same to everybody');
  });

  await t.test('the link, once', async () => {
    const mail = await mailbox.next(adminEmail);
    assert.equal(mail.subject, 'A new password for Folioscope');
    assert.ok(mail.link.startsWith(node.url + '/recover/'), mail.text);
    await page.goto(mail.link);
    await page.getByRole('button', { name: 'Change my password' }).waitFor();
    await screenshots(page, 'recover-link', { check: sound });
    await page.getByLabel('New password').fill('short');
    await page.getByRole('button', { name: 'Change my password' }).click();
    await page.getByText('at least 12 characters').waitFor();
    await page.getByLabel('New password').fill('four words will do');
    await page.getByRole('button', { name: 'Change my password' }).click();
    await page.getByRole('heading', { name: 'Your password is changed' }).waitFor();
    await screenshots(page, 'recover-done', { check: sound });
    assert.equal((await mailbox.next(adminEmail)).subject, 'Your password was set anew');
    await page.goto(mail.link);
    await page.getByLabel('New password').fill('four other words here');
    await page.getByRole('button', { name: 'Change my password' }).click();
    await page.getByRole('heading', { name: 'This link is used or over' }).waitFor();
    await screenshots(page, 'recover-over', { check: sound });
  });

  await t.test('everybody was signed out, and the new password holds', async () => {
    await other.goto(node.url + '/account');
    await other.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
    await assert.rejects(apiClient(node.url, adminEmail, adminPassword), /401/);
    await page.goto(node.url + '/sign-in');
    await page.getByLabel('E-mail').fill(adminEmail);
    await page.getByLabel('Password').fill('four words will do');
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await frameReady(page);
    forgetRefusals(page);
    assertNoConsoleErrors(page);
  });
});
