// A production node from nothing, as the guide says: keys init, user add, serve; and what people do on its pages.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { command, freePort, frameReady, newPage, portfolioValue, startService, temporaryDir } from './harness.mjs';

export const adminEmail = 'owner@example.org';
export const adminPassword = 'a long enough password';

/**
 * A node that asks the stand-ins for prices each second. Its admins need no second factor, unless secondFactor leaves that as it is on a
 * node with no settings about it; no mail is sent unless there is a mailbox; settings gives further environment for the address that
 * browsers see. start runs it again on the same port and data.
 */
export async function startNode(t, standin, { secondFactor = false, mailbox = null, settings = () => ({}) } = {}) {
  const dir = await temporaryDir(t);
  const listen = `localhost:${await freePort()}`;
  const environment = {
    ...standin.environment,
    FOLIOSCOPE_DATA_DIR: join(dir, 'data'),
    FOLIOSCOPE_KEYS_KEK: join(dir, 'kek'),
    FOLIOSCOPE_LISTEN: listen,
    FOLIOSCOPE_POLL_INTERVAL: '1s',
    ...(!secondFactor && { FOLIOSCOPE_IDENTITY_REQUIRE_SECOND_FACTOR: '' }),
    ...(mailbox && { ...mailbox.environment, FOLIOSCOPE_PUBLIC_URL: `http://${listen}` }),
    ...settings(`http://${listen}`),
  };
  await command(['keys', 'init'], { environment });
  await command(['user', 'add', '--role', 'admin', adminEmail], { environment, input: `${adminPassword}\n` });
  const start = () => startService(t, ['serve'], { environment });
  const service = await start();
  return { ...service, environment, start };
}

/** The value of the overview as a number, without its signs and separators; NaN where there is none yet. */
export async function shownValue(page) {
  const text = (await portfolioValue(page).innerText()).replace(/[^\d.]/g, '');
  return text === '' ? NaN : Number(text);
}

/** Waits until the overview's number reads as wanted. */
export async function valueBecomes(page, wanted, timeout = 30_000) {
  const ends = Date.now() + timeout;
  let seen = NaN;
  while (Date.now() < ends) {
    seen = await shownValue(page);
    if (seen === wanted) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail(`the page shows ${seen}, want ${wanted}`);
}

/** Enters one activity on the form that is open. Fields are named by their labels; instrument is what is typed to find one. */
export async function fillActivity(page, { type, instrument, create, ...fields }) {
  const form = page.getByRole('dialog').locator('form');
  if (type) await form.getByLabel('Type').selectOption(type);
  if (instrument) {
    const holding = form.getByRole('combobox', { name: 'Holding' });
    await holding.fill(instrument);
    const options = form.getByRole('listbox').getByRole('option');
    await options.last().waitFor();
    if (create) {
      await options.filter({ hasText: /^Add “.*” yourself$/ }).click();
      await form.getByLabel('Name', { exact: true }).fill(create.name);
      await form.getByLabel('Symbol').fill(create.symbol);
      await form.getByLabel('Class').selectOption(create.class);
      await form.getByLabel('Quoted in').selectOption(create.currency);
      await form.getByRole('button', { name: 'Add the holding' }).click();
      await form.getByRole('combobox', { name: 'Holding' }).waitFor();
    } else {
      await options.first().click();
    }
  }
  for (const [label, value] of Object.entries(fields)) await form.getByLabel(label, { exact: false }).first().fill(value);
}

/** Presses the form's button and waits until the sheet has closed. */
export async function saveActivity(page, button = 'Add') {
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: button, exact: true }).click();
  await dialog.waitFor({ state: 'detached' });
}

/** Invites a person as an admin does, and gives the link. */
export async function invite(page, { email, name, role = 'user' }) {
  await page.getByRole('link', { name: 'People' }).click();
  await page.getByRole('button', { name: 'Invite' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('E-mail').fill(email);
  await dialog.getByLabel('Name').fill(name);
  await dialog.getByLabel('Role').selectOption(role);
  await dialog.getByRole('button', { name: 'Make the invitation' }).click();
  const link = await dialog.getByLabel('Invitation link').inputValue();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  return link;
}

/** Follows an invitation in a browser of its own and sets a password: the page is signed in. */
export async function accept(browser, link, password, options) {
  const page = await newPage(browser, options);
  await page.goto(link);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Set password and enter' }).click();
  await frameReady(page);
  return page;
}

/** Fills the form of a first portfolio. */
export async function createPortfolio(page, { name, currency, account = '' }) {
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('Valued in').selectOption(currency);
  if (account) await page.getByLabel('First account').fill(account);
  await page.getByRole('button', { name: 'Create portfolio' }).click();
}
