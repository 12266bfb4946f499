// Finding instruments: what sources know comes in below what is here, is added by choosing it, and a source that is dead is named.
import test from 'node:test';
import assert from 'node:assert/strict';
import { apiClient, assertAccessible, assertNoConsoleErrors, assertNoCspViolations, newPage, reference, screenshots, signIn, startBrowser } from './harness.mjs';
import { adminEmail, adminPassword, startNode } from './node.mjs';
import { startStandin } from './standin.mjs';

/** A share that the stand-ins' search knows, with its symbol there. */
const known = reference ? { text: 'AAPL', name: 'Apple Inc', symbol: 'AAPL' } : { text: 'vodafone', name: 'Vodafone Group', symbol: 'VOD' };

test('an instrument is found at a source, added by choosing it, and mended by an administrator', async (t) => {
  const standin = await startStandin(t);
  const node = await startNode(t, standin);
  const api = await apiClient(node.url, adminEmail, adminPassword);
  const portfolio = await api('POST', '/api/v1/portfolios', { name: 'Shares', base_currency: 'EUR' });
  await api('POST', `/api/v1/portfolios/${portfolio.id}/accounts`, { name: 'Depot', currency: 'EUR' });
  const browser = await startBrowser(t);
  const page = await newPage(browser);
  await signIn(page, node.url, adminEmail, adminPassword);
  await page.goto(`${node.url}/activities?add=deliver_in`);
  const form = page.getByRole('dialog').locator('form');
  const holding = form.getByRole('combobox', { name: 'Holding' });
  const options = form.getByRole('listbox').getByRole('option');
  const quotedIn = form.getByLabel('Quoted in');

  await holding.fill(known.text);
  await options.filter({ hasText: known.name }).first().waitFor();
  await screenshots(page, 'instrument-found', {
    check: async () => {
      await assertAccessible(page);
      await assertNoCspViolations(page);
    },
  });
  assert.match(await options.filter({ hasText: known.name }).first().innerText(), /Yahoo/);

  await t.test('by keyboard', async () => {
    await holding.press('ArrowDown');
    await holding.press('ArrowUp');
    await holding.press('Enter');
    const added = async () => (await api('GET', `/api/v1/instruments?q=${known.symbol}`)).items;
    const ends = Date.now() + 15_000;
    while ((await added()).length === 0) {
      assert.ok(Date.now() < ends, 'it was not added');
      if (await quotedIn.isVisible()) await form.getByRole('button', { name: 'Add it' }).click();
      await page.waitForTimeout(200);
    }
    assert.match(await holding.inputValue(), new RegExp(known.name));
    assert.equal((await added())[0].symbol, known.symbol);
  });

  await t.test('what is here is found at once, and only once', async () => {
    await holding.fill(known.symbol);
    const here = options.filter({ hasText: known.name }).first();
    await here.waitFor();
    await form.getByRole('listbox').getByText('Looking further').waitFor({ state: 'detached' });
    assert.doesNotMatch(await here.innerText(), /Yahoo/);
    assert.equal(await options.filter({ hasText: `${known.symbol} ·` }).count(), 1, 'listed once more as found by a source');
    await here.click();
  });

  await t.test('a dead source is named', async () => {
    await standin.setMode('yahoo', '500');
    await holding.fill('something else');
    await form.getByRole('listbox').getByText(/Yahoo.* did not answer/).waitFor();
    await options.filter({ hasText: 'yourself' }).waitFor();
    await standin.setMode('yahoo', 'ok');
    await holding.fill('');
  });

  await t.test('an administrator mends it', async () => {
    const [instrument] = (await api('GET', `/api/v1/instruments?q=${known.symbol}`)).items;
    await api('POST', `/api/v1/portfolios/${portfolio.id}/activities`, {
      activities: [{ date: '2026-01-05', type: 'deliver_in', symbol: instrument.id, quantity: '3', price: '10', currency: instrument.currency }],
    });
    await page.goto(`${node.url}/holdings/${instrument.id}`);
    await page.getByRole('button', { name: 'Mend this' }).click();
    const sheet = page.getByRole('dialog');
    await sheet.getByLabel('WKN').fill('A1B2C3');
    await assertAccessible(page);
    await sheet.getByLabel('Symbol').fill('NEWSYM');
    await sheet.getByLabel('It is not traded any more').check();
    await sheet.getByLabel('Last day of trading').fill('2026-02-27');
    await sheet.getByRole('button', { name: 'Save' }).click();
    await sheet.waitFor({ state: 'detached' });
    const [mended] = (await api('GET', '/api/v1/instruments?q=a1b2c3')).items;
    assert.equal(mended.id, instrument.id);
    assert.deepEqual([mended.symbol, mended.delisted_on, mended.former[0].value], ['NEWSYM', '2026-02-27', known.symbol]);
  });
  assertNoConsoleErrors(page);
});
