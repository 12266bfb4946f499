// The audit log in a browser: an auditor searches, exports and prints; people see what was done with what is theirs.
import test from 'node:test';
import assert from 'node:assert/strict';
import {
  assertAccessible, assertNoConsoleErrors, assertNoCspViolations, newPage, screenshots, signIn, startBrowser, startDemo,
} from './harness.mjs';

const password = 'demo-folioscope';

async function sound(page) {
  await assertAccessible(page);
  await assertNoCspViolations(page);
}

test('what was done is shown to whom it concerns', async (t) => {
  const demo = await startDemo(t, { args: ['--users', '20', '--seed', '1', '--tick', '2s'] });
  const browser = await startBrowser(t);

  await t.test('people see their own', async () => {
    const page = await newPage(browser);
    await signIn(page, demo.url, 'user001@demo.test', password);
    await page.getByRole('button', { name: /^Account of/ }).click();
    await page.getByRole('menuitem', { name: 'Who looked at my data' }).click();
    await page.getByRole('heading', { name: 'Who looked at my data' }).waitFor();
    await page.getByText('Signed in').first().waitFor();
    assert.equal(await page.getByRole('menuitem', { name: 'Audit log' }).count(), 0, 'users have no audit log');
    await screenshots(page, 'own-log', { check: sound });
    await page.goto(demo.url + '/admin/audit');
    await page.getByText('This is for auditors').waitFor();
    assertNoConsoleErrors(page);
  });

  await t.test('an auditor searches, exports and has a checkpoint', async () => {
    const page = await newPage(browser);
    await signIn(page, demo.url, 'admin@demo.test', password);
    await page.goto(demo.url + '/admin/audit');
    await page.getByRole('heading', { name: 'Audit log' }).waitFor();
    await page.getByText(/^folioscope\//).first().waitFor();
    await page.getByRole('row').nth(3).waitFor();
    await screenshots(page, 'audit-log', { check: sound });
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.getByLabel('What was done').selectOption('session.create');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('cell', { name: 'User added' }).first().waitFor({ state: 'detached' });
    assert.ok((await page.getByRole('cell', { name: 'Signed in' }).count()) >= 2);
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Export' }).click()]);
    const text = await (await file.createReadStream()).toArray();
    const lines = Buffer.concat(text).toString().trim().split('\n').map((line) => JSON.parse(line));
    assert.ok(lines.length >= 2 && lines.every(({ action, hash }) => action === 'session.create' && hash));
    await page.getByLabel('By (id)').fill('nobody');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByText('Nothing was found').waitFor();
    assertNoConsoleErrors(page);
  });
});
