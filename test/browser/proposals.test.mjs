// Splits and dividends that wait: accepted, edited, ignored and taken back, at the width of a desk and of a phone.
import test from 'node:test';
import assert from 'node:assert/strict';
import {
  apiClient, assertAccessible, assertNoConsoleErrors, assertNoCspViolations, newPage, screenshots, signIn, startBrowser, startDemo,
} from './harness.mjs';

const password = 'demo-folioscope';

async function sound(page) {
  await assertAccessible(page);
  await assertNoCspViolations(page);
}

test('splits and dividends are booked when somebody says so, and never before', async (t) => {
  const demo = await startDemo(t, { args: ['--users', '8', '--seed', '1', '--tick', '2s'] });
  const browser = await startBrowser(t);
  const desk = { width: 1440, height: 900 };

  await t.test('dividends', async () => {
    const user = 'user001@demo.test';
    const api = await apiClient(demo.url, user, password);
    const [portfolio] = (await api('GET', '/api/v1/portfolios')).items;
    const path = `/api/v1/portfolios/${portfolio.id}`;
    const waiting = await api('GET', `${path}/proposals`);
    assert.equal(waiting.open, 2);
    const [first, second] = waiting.items;
    const before = (await api('GET', `${path}/activities?limit=1`)).sequence;

    const page = await newPage(browser);
    await page.setViewportSize(desk);
    await signIn(page, demo.url, user, password);
    await page.getByText('2 splits or dividends are waiting for you').waitFor();
    await screenshots(page, 'overview-proposals', { check: sound });
    await page.setViewportSize(desk);
    await page.getByRole('link', { name: 'Look at them' }).click();
    const row = (proposal) => page.getByRole('listitem', { name: `Dividend of ${proposal.name}` });
    await row(first).waitFor();
    await row(first).getByText('From the simulated market').waitFor();
    await screenshots(page, 'proposals', { check: sound, fullPage: true });
    await page.setViewportSize(desk);

    await page.getByRole('button', { name: 'Hide amounts' }).click();
    const shown = await page.locator('main').innerText();
    for (const { quantity } of waiting.items) assert.ok(!shown.includes(quantity), 'a hidden quantity is on the page');
    assert.equal(await page.getByRole('img', { name: 'hidden' }).count(), 4);
    await page.getByRole('button', { name: 'Hide amounts' }).click();

    await row(first).getByRole('button', { name: 'Ignore' }).click();
    await page.getByRole('status').getByText('Ignored: Dividend').waitFor();
    await row(first).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Undo' }).click();
    await row(first).waitFor();
    await row(first).getByRole('button', { name: 'Ignore' }).click();
    await row(first).waitFor({ state: 'detached' });
    await page.getByRole('radio', { name: 'Ignored 1' }).click();
    await row(first).getByRole('button', { name: 'Propose again' }).waitFor();
    await screenshots(page, 'proposals-ignored', { check: sound });
    await page.setViewportSize(desk);
    await row(first).getByRole('button', { name: 'Propose again' }).click();
    await page.getByText('Nothing is ignored').waitFor();
    assert.equal((await api('GET', `${path}/activities?limit=1`)).sequence, before, 'nothing is booked so far');

    await page.getByRole('radio', { name: 'Waiting 2' }).click();
    await row(second).getByRole('button', { name: 'Edit' }).click();
    const sheet = page.getByRole('dialog', { name: 'Edit before booking' });
    await sheet.getByLabel('Tax withheld').fill('1.25');
    await screenshots(page, 'proposals-edit', { check: sound });
    await page.setViewportSize(desk);
    await sheet.getByRole('button', { name: 'Accept as edited' }).click();
    await page.getByRole('status').getByText('Booked: Dividend').waitFor();
    await row(second).waitFor({ state: 'detached' });
    await row(first).getByRole('button', { name: 'Accept' }).click();
    await page.getByText('Nothing is waiting').waitFor();
    await screenshots(page, 'proposals-empty', { check: sound });

    const booked = (await api('GET', `${path}/activities?limit=500`)).items.filter(({ note }) => note?.includes('simulated'));
    assert.equal(booked.length, 2);
    const taxed = booked.find(({ tax }) => tax !== null);
    assert.equal(taxed.tax, '1.25');
    assert.equal(taxed.amount, second.activity.amount);
    assert.equal((await api('GET', `${path}/proposals`)).open, 0);
    assertNoConsoleErrors(page);
  });

  await t.test('all at once, on a phone', async () => {
    const user = 'user005@demo.test';
    const api = await apiClient(demo.url, user, password);
    const [portfolio] = (await api('GET', '/api/v1/portfolios')).items;
    const { items, open } = await api('GET', `/api/v1/portfolios/${portfolio.id}/proposals`);
    const split = items.find(({ kind }) => kind === 'split');
    assert.ok(split, 'a split was forgotten');

    const page = await newPage(browser);
    await signIn(page, demo.url, user, password);
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(demo.url + '/proposals');
    const row = page.getByRole('listitem', { name: `Split of ${split.name}` }).first();
    await row.getByText(`Split ${split.ratio}`).waitFor();
    if (open > 1) {
      await page.getByRole('button', { name: `Accept all ${open}` }).click();
      await screenshots(page, 'proposals-all', { check: sound });
      await page.setViewportSize({ width: 390, height: 844 });
      await page.getByRole('button', { name: `Book all ${open}` }).click();
    } else {
      await row.getByRole('button', { name: 'Accept' }).click();
    }
    await page.getByText('Nothing is waiting').waitFor();
    assert.equal((await api('GET', `/api/v1/portfolios/${portfolio.id}/proposals`)).open, 0);
    assertNoConsoleErrors(page);
  });
});
