// The page of the installation's state: what is wrong comes first with what mends it, and a trouble is silenced and told again.
import test from 'node:test';
import assert from 'node:assert/strict';
import {
  apiClient, assertAccessible, assertNoConsoleErrors, assertNoCspViolations, newPage, screenshots, signIn, startBrowser, startDemo,
} from './harness.mjs';
import { adminEmail, adminPassword, startNode } from './node.mjs';
import { startStandin } from './standin.mjs';

async function sound(page) {
  await assertAccessible(page);
  await assertNoCspViolations(page);
}

const kek = 'ab'.repeat(32);

test('an administrator sees what is wrong, and what mends it', async (t) => {
  const standin = await startStandin(t);
  // A key in the environment is a warning from the first look on.
  const node = await startNode(t, standin, { settings: () => ({ FOLIOSCOPE_KEYS_KEK: 'env:STATUS_TEST_KEK', STATUS_TEST_KEK: kek }) });
  const browser = await startBrowser(t);
  const page = await newPage(browser);
  await signIn(page, node.url, adminEmail, adminPassword);
  await page.goto(node.url + '/admin/status');
  const wrong = page.getByRole('listitem').filter({ hasText: 'The key-encryption key comes from the environment' });
  await wrong.waitFor();
  await page.getByRole('heading', { name: 'Portfolios in memory' }).waitFor();
  assert.match(await wrong.innerText(), /^Keys on node-[\s\S]*Look at it soon[\s\S]*Put it into a file/);
  await screenshots(page, 'status', { check: sound, fullPage: true });
  await wrong.getByRole('button', { name: /^Quiet for a day/ }).click();
  await wrong.getByText(/quiet until/).waitFor();
  await wrong.getByRole('button', { name: /^Tell again/ }).click();
  await wrong.getByRole('button', { name: /^Quiet for a day/ }).waitFor();
  const api = await apiClient(node.url, adminEmail, adminPassword);
  const status = await api('GET', '/api/v1/admin/status');
  assert.equal(status.nodes.length, 1);
  assert.deepEqual([status.nodes[0].there, status.nodes[0].partitions, status.nodes[0].clock_ahead_seconds], [true, 64, 0]);
  await page.getByText('64 of 64 parts of the alert rules').waitFor();
  assert.ok(!JSON.stringify(status).includes(kek), 'a key stands in the answer');
  assertNoConsoleErrors(page);
});

test('it is for administrators', async (t) => {
  const demo = await startDemo(t, { args: ['--users', '2', '--seed', '1', '--tick', '2s'] });
  const browser = await startBrowser(t);
  const page = await newPage(browser);
  await signIn(page, demo.url, 'user001@demo.test', 'demo-folioscope');
  await page.goto(demo.url + '/admin/status');
  await page.getByText('This is for admins').waitFor();
});
