// Administrators look after people: another role, suspended, let in again, deleted, each asked once more; and somebody who leaves.
import test from 'node:test';
import assert from 'node:assert/strict';
import {
  assertAccessible, assertNoConsoleErrors, assertNoCspViolations, newPage, screenshots, signIn, startBrowser, startDemo,
} from './harness.mjs';

const password = 'demo-folioscope';
const [one, other] = ['user004@demo.test', 'user005@demo.test'];

async function sound(page) {
  await assertAccessible(page);
  await assertNoCspViolations(page);
}

/** The browser itself logs every answer that refuses; these are meant. */
function forgetRefusals(page) {
  page.consoleErrors = page.consoleErrors.filter((text) => !/status of (401|403|409)\b/.test(text));
}

test('people are looked after, and leave', async (t) => {
  const demo = await startDemo(t, { args: ['--users', '20', '--seed', '1', '--tick', '2s'] });
  const browser = await startBrowser(t);
  const admin = await newPage(browser);
  await signIn(admin, demo.url, 'admin@demo.test', password);
  await admin.goto(demo.url + '/admin');
  const row = (email) => admin.getByRole('row').filter({ hasText: email });
  const act = async (email, name) => {
    await row(email).getByRole('button', { name: /^Change/ }).click();
    await admin.getByRole('menuitem', { name }).click();
    return admin.getByRole('dialog');
  };

  await t.test('the menu and the questions', async () => {
    await row(one).waitFor();
    assert.equal(await row('admin@demo.test').getByRole('button').count(), 0, 'nobody changes themselves here');
    await row(one).getByRole('button', { name: /^Change/ }).click();
    await admin.getByRole('menuitem', { name: 'Suspend' }).waitFor();
    await screenshots(admin, 'people-menu', { check: sound });
    await admin.keyboard.press('Escape');
    const question = await act(one, 'Delete');
    await question.getByText('gone for good').waitFor();
    await screenshots(admin, 'people-delete', { check: sound });
    await question.getByRole('button', { name: 'Cancel' }).click();
    await admin.setViewportSize({ width: 1440, height: 900 });
  });

  await t.test('another role', async () => {
    const question = await act(one, 'Change role');
    await question.getByLabel('Role').selectOption('adviser');
    await question.getByRole('button', { name: 'Save' }).click();
    await row(one).getByText('Adviser').waitFor();
  });

  await t.test('signed out everywhere, and in again', async () => {
    const page = await newPage(browser);
    await signIn(page, demo.url, one, password);
    const question = await act(one, 'Sign out everywhere');
    await question.getByText('signed out at once').waitFor();
    await screenshots(admin, 'people-sign-out', { check: sound });
    await admin.setViewportSize({ width: 1440, height: 900 });
    await question.getByRole('button', { name: 'Sign out' }).click();
    await question.waitFor({ state: 'detached' });
    await page.getByRole('heading', { name: 'Sign in' }).waitFor(); // the open page, by itself
    await signIn(page, demo.url, one, password);
    await page.goto(demo.url + '/my-log');
    await page.getByText('Signed out everywhere').waitFor();
    await page.close();
  });

  await t.test('suspended is out at once, and let in again', async () => {
    const page = await newPage(browser);
    await signIn(page, demo.url, one, password);
    await (await act(one, 'Suspend')).getByRole('button', { name: 'Suspend' }).click();
    await row(one).getByText('Suspended').waitFor();
    await page.goto(demo.url + '/account');
    await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
    await (await act(one, 'Let in again')).getByRole('button', { name: 'Let in again' }).click();
    await row(one).getByText('Active').waitFor();
    await signIn(page, demo.url, one, password);
  });

  await t.test('deleted', async () => {
    await (await act(one, 'Delete')).getByRole('button', { name: 'Delete for good' }).click();
    await row(one).waitFor({ state: 'detached' });
    forgetRefusals(admin);
    assertNoConsoleErrors(admin);
  });

  await t.test('somebody leaves', async () => {
    const page = await newPage(browser);
    await signIn(page, demo.url, other, password);
    await page.goto(demo.url + '/account');
    await page.getByRole('button', { name: 'Delete my account' }).click();
    await screenshots(page, 'account-delete', { check: sound });
    await page.getByRole('dialog').getByRole('button', { name: 'Delete for good' }).click();
    await page.getByRole('button', { name: 'Sign in', exact: true }).waitFor();
    await page.getByLabel('E-mail').fill(other);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByText('is wrong').waitFor();
    forgetRefusals(page);
    assertNoConsoleErrors(page);
  });
});
