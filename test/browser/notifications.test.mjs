// How people are told: channels are added, tested and removed, the inbox opens from the bell, and what they set stays.
import test from 'node:test';
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { assertAccessible, assertNoConsoleErrors, assertNoCspViolations, newPage, screenshots, signIn, startBrowser } from './harness.mjs';
import { adminEmail, adminPassword, startNode } from './node.mjs';
import { startStandin } from './standin.mjs';

async function sound(page) {
  await assertAccessible(page);
  await assertNoCspViolations(page);
}

/** A service of the operator's own that messages go to. */
async function startReceiver(t) {
  const came = [];
  const server = createServer((request, response) => {
    request.resume();
    came.push({ url: request.url, signature: request.headers['webhook-signature'] });
    response.writeHead(request.url.startsWith('/broken') ? 401 : 204).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { came, host: `127.0.0.1:${server.address().port}` };
}

const told = (number, more = {}) => ({
  id: `n${number}`, kind: 'alert', at: new Date(Date.UTC(2026, 10, 23, 16, number)).toISOString(), read_at: null,
  title: `Price of Nvidia above ${number}00 USD`, text: `Nvidia\nNow ${number}01.5 USD`, rule_id: 'r1', portfolio_id: null, instrument_id: 'nvda', deliveries: [], ...more,
});

test('how people are told', async (t) => {
  const receiver = await startReceiver(t);
  const node = await startNode(t, await startStandin(t), { settings: () => ({ FOLIOSCOPE_OUTBOUND_MESSAGES: receiver.host }) });
  const page = await newPage(await startBrowser(t));
  await signIn(page, node.url, adminEmail, adminPassword);

  await t.test('an empty inbox leads to the channels', async () => {
    await page.getByRole('button', { name: 'Inbox' }).click();
    await page.getByText('Nothing yet').waitFor();
    await page.getByRole('link', { name: 'How you are told' }).click();
    await page.getByText('No channels yet').waitFor();
    await screenshots(page, 'channels-empty', { check: sound });
  });

  const add = async (kind, address, name) => {
    await page.getByRole('button', { name: 'Add a channel' }).first().click();
    await page.getByLabel('What kind').selectOption(kind);
    await page.getByLabel('Its address').fill(address);
    await page.getByLabel('What you call it').fill(name);
    await page.getByRole('button', { name: 'Add', exact: true }).click();
  };

  await t.test('a webhook is added, its secret shown once, and tested', async () => {
    await add('webhook', `http://${receiver.host}/secret-path`, 'My hook');
    assert.match(await page.getByLabel('The webhook’s secret').inputValue(), /^whsec_/);
    await page.getByRole('button', { name: 'Send a test to My hook' }).click();
    await page.getByText('The test was sent.').waitFor();
    assert.equal(receiver.came.length, 1);
    assert.match(receiver.came[0].signature, /^v1,/);
    await page.reload();
    await page.getByText(`Webhook, ${receiver.host}/…`).waitFor();
    assert.ok(!(await page.content()).includes('secret-path'), 'the address is shown');
  });

  await t.test('what does not work says so', async () => {
    await add('ntfy', 'https://ntfy.sh/topic', 'Wrong');
    await page.getByText('This is not the address of such a channel').waitFor();
    await screenshots(page, 'channels-add', { check: sound });
    await page.getByRole('button', { name: 'Cancel' }).click();
    await add('webhook', `http://${receiver.host}/broken`, 'Broken');
    await page.getByRole('button', { name: 'Send a test to Broken' }).click();
    await page.getByText('The other side refuses the message').waitFor();
    await add('webhook', 'https://127.0.0.1/inside', 'Inside');
    await page.getByRole('button', { name: 'Send a test to Inside' }).click();
    await page.getByText('The address leads where no message may go.').waitFor();
    await page.getByRole('button', { name: 'Remove Inside' }).click();
    await page.getByText('Inside').first().waitFor({ state: 'detached' });
    await screenshots(page, 'channels', { check: sound, fullPage: true });
  });

  await t.test('a rule sends a test by the channels that it tells by', async () => {
    await page.goto(`${node.url}/alerts/new`);
    await page.getByLabel('What to watch').selectOption('sign_in');
    await page.getByLabel('By', { exact: true }).selectOption('some');
    await page.getByRole('checkbox', { name: 'My hook' }).check();
    const sent = receiver.came.length;
    await page.getByRole('button', { name: 'Send a test' }).click();
    await page.getByText('My hook: the test was sent.').waitFor();
    assert.deepEqual(receiver.came.slice(sent).map(({ url }) => url), ['/secret-path']);
    await page.getByRole('checkbox', { name: 'Broken' }).check();
    await page.getByRole('button', { name: 'Send a test' }).click();
    await page.getByText('My hook: the test was sent. Broken: The other side refuses the message').waitFor();
    await page.goto(`${node.url}/alerts/channels`);
  });

  await t.test('what is set stays', async () => {
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.getByLabel('Quiet hours').check();
    await page.getByLabel('From').fill('21:30');
    await page.getByLabel('Numbers and dates as in').selectOption('de');
    await page.getByLabel('Leave amounts of mine out').check();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved.').waitFor();
    await page.reload();
    await page.getByLabel('From').waitFor();
    assert.equal(await page.getByLabel('From').inputValue(), '21:30');
    assert.ok(await page.getByLabel('Leave amounts of mine out').isChecked());
  });

  await t.test('the bell counts what is new until it was seen', async () => {
    const items = [told(3), told(2, { deliveries: [{ channel_id: 'c', kind: 'webhook', state: 'failed', says: 'Nobody answers there.', tries: 60, due_at: told(2).at, tried_at: told(2).at }] }), told(1, { read_at: told(1).at })];
    let read = '';
    await page.route('**/api/v1/notifications', (route) => route.fulfill({ json: { items, unread: read ? 0 : 2, next_cursor: null } }));
    await page.route('**/api/v1/notifications/read', async (route) => {
      read = route.request().postDataJSON().until;
      await route.fulfill({ status: 204 });
    });
    await page.reload();
    await page.getByRole('button', { name: 'Inbox, 2 new' }).click();
    await page.getByText('Webhook: Nobody answers there.').waitFor();
    await screenshots(page, 'inbox', { check: sound });
    assert.equal(read, items[0].at);
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('button', { name: 'Inbox', exact: true }).waitFor();
  });
  assertNoConsoleErrors({ consoleErrors: page.consoleErrors.filter((text) => !/status of 422\b/.test(text)) });
});
