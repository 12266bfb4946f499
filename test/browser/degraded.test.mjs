// A service that has to do without its database, or its bus: people read on and see which, and it goes away by itself.
import test from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { assertAccessible, assertNoCspViolations, frameReady, newPage, root, screenshots, signIn, startBrowser } from './harness.mjs';
import { adminEmail, adminPassword, createPortfolio, startNode } from './node.mjs';
import { startStandin } from './standin.mjs';

/** The directory of the socket of a PostgreSQL server for this test, as the Go tests find one; nothing where there is none. */
async function startPostgres(t) {
  const child = spawn('go', ['run', './internal/pgtest/withpg', 'sh', '-c', 'echo "$PGTEST_URL"; exec cat'], { cwd: root, stdio: ['pipe', 'pipe', 'ignore'], env: { ...process.env, PGTEST_URL: '' } });
  child.on('error', () => undefined); // no Go here
  t.after(() => child.stdin.end());
  for await (const line of createInterface({ input: child.stdout })) return line && new URLSearchParams(line.split('?')[1]).get('host');
  return undefined;
}

/** A way to a socket that can be shut and opened. */
async function startWay(t, socket) {
  const open = new Set();
  let shut = false;
  const server = createServer((client) => {
    if (shut) return client.destroy();
    const there = connect(socket);
    for (const [from, to] of [[client, there], [there, client]]) {
      open.add(from);
      from.on('error', () => undefined).on('close', () => { open.delete(from); to.destroy(); });
      from.pipe(to);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const one of open) one.destroy();
  });
  return {
    port: server.address().port,
    shut() {
      shut = true;
      for (const one of open) one.destroy();
    },
    open() {
      shut = false;
    },
  };
}

test('without its database the service is read, says so, and loses nothing that was typed', async (t) => {
  const database = await startPostgres(t);
  if (!database) return t.skip('skipped: no PostgreSQL');
  const way = await startWay(t, `${database}/.s.PGSQL.5432`);
  const node = await startNode(t, await startStandin(t), {
    settings: () => ({ FOLIOSCOPE_DATABASE_URL: `postgres://postgres@127.0.0.1:${way.port}/postgres?sslmode=disable` }),
  });
  const browser = await startBrowser(t);
  const page = await newPage(browser);
  await signIn(page, node.url, adminEmail, adminPassword);
  await createPortfolio(page, { name: 'Savings', currency: 'EUR', account: 'Bank' });
  await page.getByRole('button', { name: /Savings/ }).first().waitFor();
  await page.goto(node.url + '/activities?add=deposit');
  await frameReady(page);
  const form = page.getByRole('dialog').locator('form');
  await form.getByLabel('Amount').first().fill('1234.50');

  way.shut();
  const banner = page.getByRole('complementary', { name: 'Changes are off' });
  await banner.waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('alert').filter({ hasText: 'Changes and signing in are off' }).waitFor();
  assert.equal(await form.getByLabel('Amount').first().inputValue(), '1234.50');
  await screenshots(page, 'degraded-form', { check: async (p) => { await assertAccessible(p); await assertNoCspViolations(p); } });

  const other = await newPage(browser);
  await other.context().addCookies(await page.context().cookies());
  await other.goto(node.url + '/');
  await other.getByRole('complementary', { name: 'Changes are off' }).waitFor();
  await other.getByRole('button', { name: /Savings/ }).first().waitFor();
  await screenshots(other, 'degraded', { check: async (p) => { await assertAccessible(p); await assertNoCspViolations(p); } });

  way.open();
  await banner.waitFor({ state: 'detached' });
  await page.getByRole('dialog').getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.getByText('1,234.50').first().waitFor({ state: 'attached' });
});

test('without its bus the service says that live updates are slower', async (t) => {
  const nowhere = createServer().listen(0, '127.0.0.1');
  await once(nowhere, 'listening');
  const { port } = nowhere.address();
  nowhere.close();
  const node = await startNode(t, await startStandin(t), { settings: () => ({ FOLIOSCOPE_NATS_URLS: `nats://127.0.0.1:${port}` }) });
  const browser = await startBrowser(t);
  const page = await newPage(browser);
  await signIn(page, node.url, adminEmail, adminPassword);
  await createPortfolio(page, { name: 'Savings', currency: 'EUR', account: 'Bank' });
  await page.getByText('Live updates slower').waitFor();
  await screenshots(page, 'slower', { check: async (p) => { await assertAccessible(p); await assertNoCspViolations(p); } });
});
