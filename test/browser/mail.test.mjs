// What mail is for: a forgotten password, from the question to signing in with a new one; another address; and what people are told.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  apiClient, assertAccessible, assertNoConsoleErrors, assertNoCspViolations, frameReady, newPage, screenshots, signIn, startBrowser,
  startService, temporaryDir,
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
    const told = await mailbox.next(adminEmail);
    assert.equal(told.subject, 'A sign-in from a new device');
    assert.match(told.text, /Chrome on Linux, from the server itself/);
    forgetRefusals(page);
    assertNoConsoleErrors(page);
  });
});

test('another address, and a password that others know', async (t) => {
  const standin = await startStandin(t);
  const mailbox = await startMailbox(t);
  const list = join(await temporaryDir(t), 'breached.txt');
  const known = createHash('sha1').update(adminPassword).digest('hex').toUpperCase();
  await writeFile(list, `${'0'.repeat(40)}:1\n${known}:42\n`);
  const node = await startNode(t, standin, { mailbox });
  await node.stop();
  await startService(t, ['serve'], { environment: { ...node.environment, FOLIOSCOPE_IDENTITY_BREACHED_PASSWORDS: list } });
  const browser = await startBrowser(t);
  const page = await newPage(browser);
  await signIn(page, node.url, adminEmail, adminPassword);

  await t.test('the password', async () => {
    assert.equal((await mailbox.next(adminEmail)).subject, 'Change your password');
    await page.goto(node.url + '/account');
    await page.getByText('came to light in a breach').waitFor();
    await page.locator('.skeleton').first().waitFor({ state: 'detached' });
    await screenshots(page, 'account-mail', { check: sound, fullPage: true });
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.getByRole('button', { name: 'Change the password' }).click();
    await page.getByLabel('Present password').fill(adminPassword);
    await page.getByLabel('New password').fill('four words will do');
    await page.getByRole('button', { name: 'Change it' }).click();
    await page.getByText('Every other device was signed out').waitFor();
    assert.equal(await page.getByText('came to light in a breach').count(), 0);
    assert.equal((await mailbox.next(adminEmail)).subject, 'Your password was changed');
  });

  await t.test('the address', async () => {
    const next = 'owner@elsewhere.example';
    await page.getByText('Confirmed', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Use another address' }).click();
    await page.getByLabel('New address').fill(next);
    await screenshots(page, 'account-address', { check: sound });
    await page.getByRole('button', { name: 'Send a link' }).click();
    await page.getByText(`A link is on its way to ${next}`).waitFor();
    const mail = await mailbox.next(next);
    const other = await newPage(browser);
    await other.goto(mail.link);
    await other.getByRole('button', { name: 'Confirm' }).waitFor();
    await screenshots(other, 'confirm-email', { check: sound });
    await other.getByRole('button', { name: 'Confirm' }).click();
    await other.getByRole('heading', { name: 'This address is yours' }).waitFor();
    await screenshots(other, 'confirm-email-done', { check: sound });
    assert.equal((await mailbox.next(adminEmail)).subject, 'Your address was changed');
    await other.goto(mail.link);
    await other.getByRole('button', { name: 'Confirm' }).click();
    await other.getByRole('heading', { name: 'This link is used or over' }).waitFor();
    await page.reload();
    await page.getByText(next).first().waitFor();
    await signIn(other, node.url, next, 'four words will do');
    forgetRefusals(page);
    assertNoConsoleErrors(page);
  });
});
