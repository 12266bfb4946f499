// Forty texts that would run as code on a careless page, brought in through every door that takes text and looked at on every screen:
// none runs, none becomes an element, nothing goes out to another server, and the content security policy has nothing to refuse.
import test from 'node:test';
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { apiClient, assertNoCspViolations, command, frameReady, freePort, newPage, root, startBrowser, startService, temporaryDir } from './harness.mjs';

const payloads = [
  '<script>alert(1)</script>',
  '"><script>alert(1)</script>',
  `'><script>alert(1)</script>`,
  '</title><script>alert(1)</script>',
  '</textarea><script>alert(1)</script>',
  '</style><script>alert(1)</script>',
  '--><script>alert(1)</script>',
  ']]><script>alert(1)</script>',
  '<scr<script>ipt>alert(1)</scr</script>ipt>',
  '<img src=x onerror=alert(1)>',
  '"><img src=x onerror=alert(1)>',
  '<img/src=x/onerror=alert(1)>',
  '<img src="javascript:alert(1)">',
  '<svg onload=alert(1)>',
  '<svg/onload=alert(1)//',
  '<svg><script>alert(1)</script></svg>',
  '<svg><animate onbegin=alert(1) attributeName=x dur=1s>',
  '<body onload=alert(1)>',
  '<iframe src=javascript:alert(1)></iframe>',
  '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
  '<object data=javascript:alert(1)></object>',
  '<embed src=javascript:alert(1)>',
  '<a href=javascript:alert(1) autofocus>x</a>',
  'javascript:alert(1)',
  'jaVasCript:/*-/*`/*\\`/*\'/*"/**/(/* */oNcliCk=alert(1) )//',
  'data:text/html,<script>alert(1)</script>',
  '<details open ontoggle=alert(1)>x</details>',
  '<video><source onerror=alert(1)></video>',
  '<audio src=x onerror=alert(1)></audio>',
  '<input autofocus onfocus=alert(1)>',
  '<select autofocus onfocus=alert(1)></select>',
  '<math><mi xlink:href="javascript:alert(1)">x</mi></math>',
  '<form><button formaction=javascript:alert(1)>x</button></form>',
  '<link rel=stylesheet href=//evil.example/x.css>',
  '<meta http-equiv=refresh content=0;url=//evil.example>',
  '<base href=//evil.example/>',
  `<style>@import'//evil.example/x.css'</style>`,
  `{{constructor.constructor('alert(1)')()}}\${alert(1)}`,
  '" onmouseover="alert(1)" autofocus onfocus="alert(1)" x="',
  '&lt;img src=x onerror=alert(1)&gt;&#60;script&#62;alert(1)&#60;/script&#62;',
];

const adminEmail = 'owner@example.org';
const adminPassword = 'a long enough password';

const foundAtOnce = 20; // as many as a search shows

/** A source of prices whose every name is one of the payloads: it finds those from the number on that is searched for, and answers nothing else. */
async function startHostileSource(t) {
  const quotes = (from) =>
    payloads.slice(from, from + foundAtOnce).map((text, i) => ({ symbol: `HX${from + i}`, longname: text, sector: text, exchange: 'NMS', quoteType: 'EQUITY', isYahooFinance: true }));
  const server = createServer((request, response) => {
    const address = new URL(request.url, 'http://source');
    if (address.pathname !== '/v1/finance/search') {
      response.writeHead(500, { 'Content-Type': 'text/html' }).end(payloads.join('\n'));
      return;
    }
    const from = Number(/\d+/.exec(address.searchParams.get('q') ?? '')?.[0] ?? 0);
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ quotes: quotes(from) }));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

/** A node whose one source is hostile, with an administrator. */
async function startHostileNode(t) {
  const dir = await temporaryDir(t);
  const source = await startHostileSource(t);
  const off = ['ECB', 'AMFI', 'MFAPI', 'COINGECKO', 'FRANKFURTER', 'FRED', 'FINNHUB', 'TIINGO'];
  const environment = {
    ...Object.fromEntries(off.map((name) => [`FOLIOSCOPE_PROVIDERS_${name}_ENABLED`, 'false'])),
    FOLIOSCOPE_PROVIDERS_YAHOO_ENABLED: 'true',
    FOLIOSCOPE_PROVIDERS_YAHOO_BASE_URL: source,
    FOLIOSCOPE_DATA_DIR: join(dir, 'data'),
    FOLIOSCOPE_KEYS_KEK: join(dir, 'kek'),
    FOLIOSCOPE_LISTEN: `localhost:${await freePort()}`,
    FOLIOSCOPE_POLL_INTERVAL: '1s',
    FOLIOSCOPE_IDENTITY_REQUIRE_SECOND_FACTOR: '',
  };
  await command(['keys', 'init'], { environment });
  await command(['user', 'add', '--role', 'admin', '--name', payloads[0], adminEmail], { environment, input: `${adminPassword}\n` });
  return startService(t, ['serve'], { environment });
}

/** Watches a page for whatever would show that a text was taken for more than text. */
async function watched(browser, base) {
  const page = await newPage(browser);
  page.ran = [];
  page.on('dialog', (dialog) => {
    page.ran.push(`${dialog.type()} at ${page.url()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(base) && !url.startsWith('data:image/') && !url.startsWith('blob:')) page.ran.push(`asked for ${url}`);
  });
  page.on('framenavigated', (frame) => {
    if (!frame.url().startsWith(base) && frame.url() !== 'about:blank') page.ran.push(`went to ${frame.url()}`);
  });
  return page;
}

/** What on a page, or in a document of this HTML, only a payload could have made. */
const injected = (page, html) =>
  page.evaluate((text) => {
    const within = text === undefined ? document : new DOMParser().parseFromString(text, 'text/html');
    const found = [...within.querySelectorAll('*')].filter(
      (element) =>
        [...element.attributes].some(({ name, value }) => name.startsWith('on') || (/^\s*javascript:/i.test(value) && ['href', 'src', 'action', 'formaction', 'data', 'xlink:href'].includes(name))) ||
        element instanceof HTMLUnknownElement ||
        element.matches('iframe, object, embed, base, meta[http-equiv=refresh], math, audio, video, script:not([src]), link[href*="evil"], [src^="x"], body style'),
    );
    return found.map((element) => element.outerHTML.slice(0, 120));
  }, html);

/** Throws unless nothing of a payload has worked on the page as it stands. */
async function harmless(page, where) {
  await page.waitForTimeout(30); // an event handler that was planted has fired by then
  assert.deepEqual(await injected(page), [], `${where}: elements that nobody made`);
  assert.deepEqual(page.ran, [], where);
  await assertNoCspViolations(page);
}

/** Hands every payload in through everything that takes text, and gives what leads to the screens. */
async function plant(api, base) {
  const portfolio = await api('POST', '/api/v1/portfolios', { name: payloads[0], base_currency: 'EUR' });
  const path = `/api/v1/portfolios/${portfolio.id}`;
  const each = async (what) => {
    const made = [];
    for (const [i, text] of payloads.entries()) made.push(await what(text, i));
    return made;
  };
  const accounts = await each((name) => api('POST', `${path}/accounts`, { name, currency: 'EUR' }));
  const own = await each(async (name, i) => (await api('POST', `${path}/instruments`, { symbol: `OWN${i}`, name, group: name, currency: 'EUR', asset_class: 'other' })).instrument);
  await each((name) => api('POST', '/api/v1/portfolios', { name, base_currency: 'EUR' }));
  await api('POST', '/api/v1/instruments', { symbol: 'SHARE', name: payloads[7], currency: 'EUR', asset_class: 'stock' });
  const activities = payloads.flatMap((note, i) => [
    { date: '2026-01-05', type: 'buy', account: accounts[i].id, symbol: own[i].id, quantity: '2', price: '10', note },
    { date: '2026-01-06', type: 'sell', account: accounts[i].id, symbol: own[i].id, quantity: '1', price: '11', note },
    { date: '2026-02-05', type: 'dividend', account: accounts[i].id, symbol: own[i].id, amount: '1', note },
  ]);
  await api('POST', `${path}/activities`, { activities });
  await each((name) => api('POST', '/api/v1/me/tokens', { name, scopes: ['read'], expires_at: new Date(Date.now() + 3_600_000).toISOString() }));
  await each((name, i) => api('POST', '/api/v1/admin/invitations', { email: `guest${i}@example.org`, name, role: 'user' }));
  for (const agent of payloads.slice(0, 20)) {
    const answer = await fetch(`${base}/api/v1/session`, {
      method: 'POST', headers: { 'Content-Type': 'application/json', 'User-Agent': agent }, body: JSON.stringify({ email: adminEmail, password: adminPassword }),
    });
    assert.equal(answer.status, 200);
  }
  return { portfolio, own };
}

/** Every address of the dashboard, with what its parameters stand for. */
async function addresses(fill) {
  const source = await readFile(join(root, 'web/src/router/routes.ts'), 'utf8');
  const patterns = [...source.matchAll(/pattern: '([^']+)'/g)].map(([, pattern]) => pattern);
  assert.ok(patterns.length >= 18, `only ${patterns.length} screens were found`);
  return patterns.map((pattern) => pattern.replace(/:(\w+)/g, (_, name) => encodeURIComponent(fill[name] ?? payloads[9])));
}

test('forty stored texts stay texts', async (t) => {
  const node = await startHostileNode(t);
  const api = await apiClient(node.url, adminEmail, adminPassword);
  const { portfolio, own } = await plant(api, node.url);
  const browser = await startBrowser(t);
  const page = await watched(browser, node.url);
  const shown = new Set();
  const see = async () => {
    const text = await page.locator('body').innerText();
    for (const payload of payloads) if (text.includes(payload)) shown.add(payload);
  };
  const quiet = async () => {
    await page.locator('.skeleton').first().waitFor({ state: 'detached' });
    await page.waitForLoadState('networkidle', { timeout: 400 }).catch(() => {}); // the stream never ends
  };

  await t.test('what a careless page would make of them is seen', async () => {
    const bare = await newPage(browser); // with no policy
    const unseen = [];
    for (const payload of payloads) if ((await injected(bare, `<a href="${payload}">${payload}</a>`)).length === 0) unseen.push(payload);
    assert.deepEqual(unseen, payloads.filter((text) => /^(\{\{|&lt;)/.test(text)), 'only a template, and what would be decoded twice');
    await bare.close();
  });

  await t.test('where nobody is signed in', async () => {
    for (const payload of payloads) {
      await page.goto(`${node.url}/sign-in?return_to=${encodeURIComponent(payload)}&error=${encodeURIComponent(payload)}#${encodeURIComponent(payload)}`);
      await harmless(page, `the sign-in page led to with ${payload}`);
    }
    await page.locator('form').first().evaluate((form) => (form.noValidate = true)); // the browser would keep such an address to itself
    await page.getByLabel(/e-?mail/i).fill(`${payloads[9]}@example.org`);
    await page.getByLabel(/^password/i).fill(payloads[9]);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('alert').first().waitFor();
    await harmless(page, 'a refused sign-in');
    page.consoleErrors = [];
  });

  await page.getByLabel(/e-?mail/i).fill(adminEmail);
  await page.getByLabel(/^password/i).fill(adminPassword);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await frameReady(page);
  await page.evaluate((id) => localStorage.setItem('folioscope.portfolio', id), portfolio.id);

  await t.test('every screen', async () => {
    for (const address of await addresses({ portfolio: portfolio.id, instrument: own[0].id })) {
      await page.goto(node.url + address);
      await quiet();
      await see();
      await harmless(page, address);
    }
    for (const one of own) {
      await page.goto(`${node.url}/holdings/${one.id}`);
      await page.locator('h1').waitFor();
      await see();
      await harmless(page, `the page of ${one.name}`);
    }
  });

  await t.test('addresses that carry a text', async () => {
    for (const payload of payloads) {
      const text = encodeURIComponent(payload);
      for (const address of [`/holdings/${text}`, `/activities?add=${text}&instrument=${text}`, `/performance?range=${text}&benchmark=${text}#${text}`]) {
        await page.goto(node.url + address);
        await harmless(page, address);
      }
    }
  });

  await t.test('a file whose header and cells are hostile', async () => {
    const cell = (text) => `"${text.replaceAll('"', '""')}"`;
    const rows = payloads.map((text) => ['2026-03-02', text, text, text, text, text].map(cell).join(','));
    const headers = ['date,type,symbol,account,quantity,note', `date,type,symbol,account,quantity,note,${payloads.slice(0, 10).map(cell).join(',')}`];
    for (const header of headers) {
      await page.goto(`${node.url}/import`);
      await page.locator('input[type=file]').setInputFiles({ name: `${payloads[9].replaceAll('/', '')}.csv`, mimeType: 'text/csv', buffer: Buffer.from([header, ...rows].join('\n')) });
      await page.getByRole('alert').or(page.getByText(/row/i)).first().waitFor();
      await see();
      await harmless(page, 'a file that is refused');
    }
    const good = payloads.map((text, i) => `2026-03-0${1 + (i % 9)},deposit,,${cell(text)},,${i + 1},${cell(text)}`);
    await page.goto(`${node.url}/import`);
    await page.locator('input[type=file]').setInputFiles({ name: 'fine.csv', mimeType: 'text/csv', buffer: Buffer.from(['date,type,symbol,account,quantity,amount,note', ...good].join('\n')) });
    await page.locator('.bar .primary:enabled').waitFor();
    await see();
    await harmless(page, 'a file looked at');
    await page.locator('.bar .primary').click();
    await page.getByRole('heading', { name: '40 rows added' }).waitFor();
    await harmless(page, 'a file brought in');
  });

  await t.test('what a source calls things', async () => {
    await page.goto(`${node.url}/activities?add=buy`);
    for (let from = 0; from < payloads.length; from += foundAtOnce) {
      await page.getByRole('dialog').getByRole('combobox', { name: 'Holding' }).fill(`hx${from}`);
      for (const payload of payloads.slice(from, from + foundAtOnce)) await page.getByRole('listbox').getByRole('option').filter({ hasText: payload }).first().waitFor();
      await harmless(page, `found at the source: ${from} and on`);
    }
  });

  assert.deepEqual(payloads.filter((payload) => !shown.has(payload)), [], 'texts that were on no screen: nothing is shown by their doing no harm');
  t.diagnostic(`${shown.size}/${payloads.length}, 0 reports`);
});
