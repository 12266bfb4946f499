// What people let others see: a public link from its making to its end, by amounts and by percent alone.
import test from 'node:test';
import assert from 'node:assert/strict';
import {
  apiClient, assertAccessible, assertNoConsoleErrors, assertNoCspViolations, newPage, screenshots, signIn, startBrowser, startDemo,
} from './harness.mjs';

const password = 'demo-folioscope';
const user = 'user001@demo.test';

async function sound(page) {
  await assertAccessible(page);
  await assertNoCspViolations(page);
}

test('a public link shows what it says until it ends', async (t) => {
  const demo = await startDemo(t, { args: ['--users', '20', '--seed', '1', '--tick', '2s'] });
  const browser = await startBrowser(t);
  const api = await apiClient(demo.url, user, password);
  const [portfolio] = (await api('GET', '/api/v1/portfolios')).items;
  const { holdings } = await api('GET', `/api/v1/portfolios/${portfolio.id}`);
  const page = await newPage(browser, { permissions: ['clipboard-read', 'clipboard-write'] });
  await signIn(page, demo.url, user, password);
  const visitor = await newPage(browser);
  const made = {};

  await t.test('the way there, and the page', async () => {
    await page.goto(demo.url + '/portfolios');
    await page.getByRole('link', { name: 'Share' }).first().click();
    await page.getByText('None. A link shows this portfolio').waitFor();
    await screenshots(page, 'sharing', { check: sound, fullPage: true });
    await page.setViewportSize({ width: 1440, height: 900 });
    assertNoConsoleErrors(page);
  });

  for (const [level, label] of [['percentages', 'Percentages only'], ['view', 'Can look']]) {
    await t.test(`making one: ${level}`, async () => {
      await page.getByRole('button', { name: 'New link' }).click();
      await page.getByLabel('What it shows').selectOption({ label });
      if (level === 'view') await screenshots(page, 'sharing-new-link', { check: sound, fullPage: true });
      await page.setViewportSize({ width: 1440, height: 900 });
      await page.getByRole('button', { name: 'Make it' }).click();
      made[level] = await page.getByLabel('The new public link').inputValue();
      assert.match(made[level], /\/public\/\S+$/);
      await page.getByRole('button', { name: 'Copy' }).click();
      await page.getByRole('button', { name: 'Copied' }).waitFor();
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), made[level]);
    });
  }

  await t.test('a visitor sees the amounts', async () => {
    await visitor.goto(made.view);
    await visitor.getByRole('heading', { name: portfolio.name }).waitFor();
    await visitor.getByText(holdings[0].name).first().waitFor();
    assert.match(await visitor.locator('p.big').innerText(), /\d/);
    await screenshots(visitor, 'public-view', { check: sound, fullPage: true });
    assertNoConsoleErrors(visitor);
  });

  await t.test('or percents and no amount', async () => {
    await visitor.goto(made.percentages);
    await visitor.getByText('without amounts').waitFor();
    assert.match(await visitor.locator('p.big').innerText(), /%/);
    assert.doesNotMatch(await visitor.locator('body').innerText(), /[€$£¥]|EUR|USD|GBP|CHF/);
    await screenshots(visitor, 'public-percentages', { check: sound, fullPage: true });
    assertNoConsoleErrors(visitor);
  });

  await t.test('the owner sees that it was opened, and who did is in the log', async () => {
    await page.reload();
    await page.getByText('opened once').first().waitFor();
    await screenshots(page, 'sharing-links', { check: sound, fullPage: true });
    await page.goto(demo.url + '/my-log');
    await page.getByText('Public link opened').first().waitFor();
    await page.getByText('Somebody who was not signed in').first().waitFor();
    assertNoConsoleErrors(page);
  });

  await t.test('ended, it shows nothing', async () => {
    await page.goto(demo.url + `/portfolios/${portfolio.id}/sharing`);
    const ends = page.getByRole('button', { name: /^End the link made/ });
    await ends.nth(1).waitFor();
    await ends.first().click();
    await ends.nth(1).waitFor({ state: 'detached' });
    await ends.first().click();
    await page.getByText('None. A link shows').waitFor();
    await visitor.reload();
    await visitor.getByRole('heading', { name: 'This link has ended' }).waitFor();
    visitor.consoleErrors = visitor.consoleErrors.filter((text) => !/status of 404\b/.test(text)); // the browser itself logs it
    await screenshots(visitor, 'public-ended', { check: sound });
    assertNoConsoleErrors(visitor);
    assertNoConsoleErrors(page);
  });
});

test('what is shared with somebody goes as far as its level', async (t) => {
  const demo = await startDemo(t, { args: ['--users', '20', '--seed', '1', '--tick', '2s'] });
  const browser = await startBrowser(t);
  const api = await apiClient(demo.url, user, password);
  const [portfolio] = (await api('GET', '/api/v1/portfolios')).items;
  const { name: ownerName } = await api('GET', '/api/v1/me');
  const owner = await newPage(browser);
  await signIn(owner, demo.url, user, password);
  const guest = await newPage(browser);
  let link = '';

  await t.test('letting somebody in', async () => {
    await owner.goto(demo.url + `/portfolios/${portfolio.id}/sharing`);
    await owner.getByText('Nobody. Let in').waitFor();
    await owner.getByRole('button', { name: 'Let somebody in' }).click();
    await owner.getByLabel('Their e-mail').fill('user002@demo.test');
    await screenshots(owner, 'sharing-offer', { check: sound, fullPage: true });
    await owner.setViewportSize({ width: 1440, height: 900 });
    await owner.getByRole('button', { name: 'Make the link' }).click();
    link = await owner.getByLabel('The new link to accept').inputValue();
    assert.match(link, /\/share\/\S+$/);
    await owner.getByText('offered, the link holds').waitFor();
    await screenshots(owner, 'sharing-offered', { check: sound, fullPage: true });
    assertNoConsoleErrors(owner);
  });

  await t.test('it is accepted after signing in, by whom it is for', async () => {
    const stranger = await newPage(browser);
    await signIn(stranger, demo.url, 'user003@demo.test', password);
    await stranger.goto(link);
    await stranger.getByRole('button', { name: 'Accept' }).click();
    await stranger.getByText('This link can’t be used').waitFor();
    await stranger.context().close();

    await guest.goto(link);
    await guest.getByLabel(/e-?mail/i).fill('user002@demo.test');
    await guest.getByLabel(/^password/i).fill(password);
    await guest.getByRole('button', { name: 'Sign in', exact: true }).click();
    await guest.getByRole('button', { name: 'Accept' }).waitFor();
    await screenshots(guest, 'sharing-accept', { check: sound });
    await guest.setViewportSize({ width: 1440, height: 900 });
    await guest.getByRole('button', { name: 'Accept' }).click();
    await guest.locator('p.big').filter({ hasText: /\d/ }).waitFor();
    await guest.getByText(`of ${ownerName}`).first().waitFor();
    assertNoConsoleErrors(guest);
  });

  await t.test('who may look is offered no change', async () => {
    for (const path of ['/holdings', '/activities', '/portfolios']) {
      await guest.goto(demo.url + path);
      await guest.locator('h1').first().waitFor();
      await guest.locator('.skeleton').first().waitFor({ state: 'detached' });
      await guest.getByText(`of ${ownerName}`).first().waitFor();
      if (path !== '/portfolios') {
        assert.equal(await guest.getByText(/^Add activity$/).count(), 0, path);
        assert.equal(await guest.getByRole('button', { name: /^Correct/ }).count(), 0, path);
      }
      assert.equal(await guest.getByRole('navigation', { name: 'Main' }).first().getByText('Import').count(), 0, path);
    }
    await guest.getByRole('heading', { name: 'Shared with you' }).waitFor();
    await guest.getByRole('heading', { name: ownerName }).waitFor();
    await screenshots(guest, 'sharing-portfolios', { check: sound, fullPage: true });
    await guest.setViewportSize({ width: 1440, height: 900 });
    assertNoConsoleErrors(guest);
  });

  await t.test('percentages show no amount', async () => {
    await owner.reload();
    await owner.getByLabel(/^What .* may do$/).selectOption({ label: 'Percentages only' });
    await owner.getByText('Percentages only; until it is taken back').waitFor();
    await guest.goto(demo.url + '/');
    await guest.getByText('amounts are not shared with you').waitFor();
    await guest.getByRole('heading', { name: 'Holdings' }).waitFor();
    assert.doesNotMatch(await guest.locator('main').innerText(), /[€$£¥]/);
    await screenshots(guest, 'sharing-percentages', { check: sound, fullPage: true });
    await guest.setViewportSize({ width: 1440, height: 900 });
    await guest.goto(demo.url + '/holdings');
    await guest.getByText('amounts are not shared with you').waitFor();
    assertNoConsoleErrors(guest);
  });

  await t.test('the owner sees who looked', async () => {
    await owner.goto(demo.url + '/my-log');
    await owner.getByText('Portfolio looked at').first().waitFor();
    const guestName = (await (await apiClient(demo.url, 'user002@demo.test', password))('GET', '/api/v1/me')).name;
    await owner.getByText(guestName).first().waitFor();
    assertNoConsoleErrors(owner);
  });

  await t.test('taken back, it is gone', async () => {
    await owner.goto(demo.url + `/portfolios/${portfolio.id}/sharing`);
    await owner.getByRole('button', { name: /^Take back/ }).click();
    await owner.getByText('Nobody. Let in').waitFor();
    await guest.goto(demo.url + '/portfolios');
    await guest.getByRole('heading', { name: 'Portfolios', exact: true }).waitFor();
    await guest.getByRole('heading', { name: 'Shared with you' }).waitFor({ state: 'detached' });
    assertNoConsoleErrors(guest);
  });
});

test('a household sees what its members share with it', async (t) => {
  const demo = await startDemo(t, { args: ['--users', '20', '--seed', '1', '--tick', '2s'] });
  const browser = await startBrowser(t);
  const api = await apiClient(demo.url, user, password);
  const [portfolio] = (await api('GET', '/api/v1/portfolios')).items;
  const { name: ownerName } = await api('GET', '/api/v1/me');
  const owner = await newPage(browser);
  await signIn(owner, demo.url, user, password);
  const guest = await newPage(browser);
  await signIn(guest, demo.url, 'user002@demo.test', password);
  let link = '';

  await t.test('founding one and inviting', async () => {
    await owner.goto(demo.url + '/portfolios');
    await owner.getByRole('link', { name: 'Household' }).click();
    await owner.getByLabel('Its name').waitFor();
    await screenshots(owner, 'household-none', { check: sound, fullPage: true });
    await owner.setViewportSize({ width: 1440, height: 900 });
    await owner.getByLabel('Its name').fill('Our place');
    await owner.getByRole('button', { name: 'Found it' }).click();
    await owner.getByRole('heading', { name: 'Our place' }).waitFor();
    await owner.getByRole('button', { name: 'Invite somebody' }).click();
    link = await owner.getByLabel('The new link to join').inputValue();
    assert.match(link, /\/household\/\S+$/);
    await screenshots(owner, 'household-invited', { check: sound, fullPage: true });
    await owner.setViewportSize({ width: 1440, height: 900 });
    assertNoConsoleErrors(owner);
  });

  await t.test('joining and sharing', async () => {
    await guest.goto(link);
    await guest.getByRole('button', { name: 'Join' }).waitFor();
    await screenshots(guest, 'household-join', { check: sound });
    await guest.setViewportSize({ width: 1440, height: 900 });
    await guest.getByRole('button', { name: 'Join' }).click();
    await guest.getByText('None yet. Share one of yours').waitFor();
    await owner.goto(demo.url + `/portfolios/${portfolio.id}/sharing`);
    await owner.getByLabel('What the household may do').selectOption({ label: 'Can look' });
    await owner.getByText('Whoever joins later has it too').waitFor();
    await screenshots(owner, 'household-sharing', { check: sound, fullPage: true });
    await owner.setViewportSize({ width: 1440, height: 900 });
    assertNoConsoleErrors(owner);
  });

  await t.test('what each is worth, and all together', async () => {
    await guest.reload();
    await guest.getByText(`${ownerName}; can look`).waitFor();
    await guest.getByText(/^Together/).filter({ hasText: /\d/ }).waitFor();
    await screenshots(guest, 'household', { check: sound, fullPage: true });
    await guest.setViewportSize({ width: 1440, height: 900 });
    await guest.getByRole('link', { name: `Show ${portfolio.name}` }).click();
    await guest.getByText(`of ${ownerName}`).first().waitFor();
    assertNoConsoleErrors(guest);
  });

  await t.test('by percent alone there is no amount and no sum', async () => {
    await owner.getByLabel('What the household may do').selectOption({ label: 'Percentages only' });
    await owner.getByText('but no amounts. Whoever joins').waitFor();
    await guest.goto(demo.url + '/household');
    await guest.getByText('not every value is known').waitFor();
    assert.doesNotMatch(await guest.locator('main').innerText(), /[€$£¥]/);
    guest.consoleErrors = guest.consoleErrors.filter((text) => !/status of 403\b/.test(text)); // the browser itself logs what the open page still asked for
    await guest.reload();
    await guest.getByText('not every value is known').waitFor();
    assertNoConsoleErrors(guest);
  });

  await t.test('who is removed sees nothing any more', async () => {
    await owner.goto(demo.url + '/household');
    await owner.getByRole('button', { name: /^Remove/ }).click();
    await owner.getByRole('button', { name: /^Remove/ }).waitFor({ state: 'detached' });
    await guest.reload();
    await guest.getByText('You are in none').waitFor();
    await owner.getByRole('button', { name: 'Dissolve the household' }).click();
    await owner.getByRole('button', { name: 'Dissolve it' }).click();
    await owner.getByText('You are in none').waitFor();
    assertNoConsoleErrors(owner);
    assertNoConsoleErrors(guest);
  });
});
