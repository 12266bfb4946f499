// What every browser test needs: the built binary on a free port with data of its own, a real Chromium, and the questions
// that are asked of every page.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = fileURLToPath(new URL('.', import.meta.url));
export const root = resolve(here, '../..');
export const artifacts = join(here, 'artifacts');

/** The directory with recorded payloads, or undefined: then tests that replay them skip with "skipped: no reference data". */
export const reference = process.env.FOLIOSCOPE_REFERENCE;

export const binary = process.env.FOLIOSCOPE_BINARY ?? join(root, 'bin', process.platform === 'win32' ? 'folioscope.exe' : 'folioscope');

const readyWaitMax = 120_000; // milliseconds; the demo promises 10 s, and a loaded machine is slower
const actionWaitMax = 120_000; // milliseconds until something on a page has appeared or can be pressed
const layoutWait = 150; // milliseconds for charts to be drawn anew after the window has changed
const stopWaitMax = 15_000; // milliseconds until a binary that does not stop is killed

/** A TCP port that was free a moment ago. */
export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** A directory that goes away with the test. */
export async function temporaryDir(t) {
  const dir = await mkdtemp(join(tmpdir(), 'folioscope-browser-'));
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

/** An environment without settings of the user's own. */
function cleanEnvironment(more) {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('FOLIOSCOPE_'));
  return { ...Object.fromEntries(kept), ...more };
}

/** Runs a command of the binary to its end; throws with what it said unless it exits 0. */
export function command(args, { environment = {}, input = '' } = {}) {
  return new Promise((done, failed) => {
    const child = spawn(binary, args, { env: cleanEnvironment(environment) });
    let out = '';
    let said = '';
    child.stdout.on('data', (text) => (out += text));
    child.stderr.on('data', (text) => (said += text));
    child.on('error', failed);
    child.on('close', (code) => (code === 0 ? done(out) : failed(new Error(`${args.join(' ')}: exit ${code}\n${out}${said}`))));
    child.stdin.end(input);
  });
}

/**
 * Starts the binary (demo, or serve with --addr left to the caller's environment) and waits for its line "ready: URL".
 * The log is shown when the test fails.
 */
export async function startService(t, args, { environment = {} } = {}) {
  if (!existsSync(binary)) throw new Error(`${binary} is not built: run make build`);
  const child = spawn(binary, args, { env: cleanEnvironment(environment), stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  let out = '';
  child.stderr.on('data', (text) => (log = (log + text).slice(-200_000)));
  const exited = new Promise((done) => child.on('exit', (code, signal) => done(`exit ${code ?? signal}`)));
  const url = await new Promise((done, failed) => {
    const timer = setTimeout(() => failed(new Error(`no "ready:" line in ${readyWaitMax} ms\n${out}\n${log}`)), readyWaitMax);
    child.on('error', failed);
    exited.then((how) => failed(new Error(`${args[0]} ended before it was ready: ${how}\n${out}\n${log}`)));
    child.stdout.on('data', (text) => {
      out += text;
      const ready = /^ready: (\S+)/m.exec(out);
      if (ready) {
        clearTimeout(timer);
        done(ready[1].replace(/\/$/, ''));
      }
    });
  });
  const stop = async (signal = 'SIGTERM') => {
    child.kill(signal);
    const killer = setTimeout(() => child.kill('SIGKILL'), stopWaitMax);
    const how = await exited;
    clearTimeout(killer);
    return how;
  };
  t.after(async () => {
    await stop();
    if (!t.passed) t.diagnostic(`log of ${args.join(' ')}:\n${log.slice(-8000)}`);
  });
  return { url, pid: child.pid, stop, log: () => log };
}

/** A demo of its own with a free port and fresh data. */
export async function startDemo(t, { args = [], environment } = {}) {
  const dir = await temporaryDir(t);
  const port = await freePort();
  return startService(t, ['demo', '--addr', `localhost:${port}`, '--data-dir', join(dir, 'demo'), ...args], { environment });
}

/** A signed-in client of the API: (method, path, body) → the answer's JSON. Throws on any answer that is not 2xx. */
export async function apiClient(base, email, password) {
  let cookie = '';
  const call = async (method, path, body) => {
    const headers = { Accept: 'application/json', Cookie: cookie };
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (method === 'POST') headers['Idempotency-Key'] = crypto.randomUUID();
    const answer = await fetch(base + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    const set = answer.headers.getSetCookie().map((one) => one.split(';')[0]);
    if (set.length) cookie = set.join('; ');
    return text ? JSON.parse(text) : undefined;
  };
  await call('POST', '/api/v1/session', { email, password });
  return call;
}

/** Chromium's path: CHROMIUM, else what this machine has. scripts/chromium.sh installs one. */
function chromiumPath() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const name of ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']) {
    for (const dir of (process.env.PATH ?? '').split(delimiter)) {
      if (dir && existsSync(join(dir, name))) return join(dir, name);
    }
  }
  return chromium.executablePath();
}

/** What every page showed when a test failed, as artifacts/failed-TEST-N.png. */
async function picturesOf(browser, name) {
  await mkdir(artifacts, { recursive: true });
  const pages = browser.contexts().flatMap((context) => context.pages());
  for (const [n, page] of pages.entries()) {
    const file = `failed-${name.replace(/\W+/g, '-').slice(0, 60)}-${n}.png`;
    await page.screenshot({ path: join(artifacts, file) }).catch(() => {}); // a page that hangs has no picture
  }
}

/** A browser with no profile, which asks nobody but the page's own server. */
export async function startBrowser(t) {
  const flags = [
    '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ];
  if (process.getuid?.() === 0) flags.push('--no-sandbox'); // Chromium's sandbox refuses root
  const browser = await chromium.launch({ executablePath: chromiumPath(), headless: true, args: flags });
  t.after(async () => {
    if (!t.passed) await picturesOf(browser, t.name);
    await browser.close();
  });
  return browser;
}

/** A page of its own context that remembers every error of its console and every breach of the content security policy. */
export async function newPage(browser, { width = 1440, height = 900, theme = 'light', ...options } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, reducedMotion: 'reduce', locale: 'en-GB', ...options });
  await context.addInitScript(() => {
    window.__violations = [];
    document.addEventListener('securitypolicyviolation', (e) => window.__violations.push(`${e.violatedDirective}: ${e.blockedURI || e.sample}`));
  });
  context.setDefaultTimeout(actionWaitMax);
  const page = await context.newPage();
  page.consoleErrors = [];
  let beenIn = false;
  page.on('response', (answer) => {
    if (answer.ok() && ['/api/v1/session', '/api/v1/session/passkey', '/api/v1/invitations/accept'].includes(pathOf(answer.url()))) beenIn = true;
  });
  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    // Who is signed in is asked before the sign-in page shows; the browser itself logs that answer.
    const asked = /\b401\b/.test(message.text()) && pathOf(message.location().url) === '/api/v1/me';
    if (asked && !beenIn) return;
    page.consoleErrors.push(message.text());
  });
  page.on('pageerror', (error) => page.consoleErrors.push(String(error)));
  return page;
}

const pathOf = (url) => (URL.canParse(url) ? new URL(url).pathname : '');

/** The one number of the overview. */
export const portfolioValue = (page) => page.locator('p.big');

/** Waits until somebody is signed in on the page: their menu is there. */
export const frameReady = (page) => page.getByRole('button', { name: /^Account of/ }).waitFor();

/** Signs in over the form and waits for the page behind it. */
export async function signIn(page, base, email, password) {
  await page.goto(base + '/');
  await page.getByLabel(/e-?mail/i).fill(email);
  await page.getByLabel(/^password/i).fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await frameReady(page);
}

/** Throws when the page broke its own content security policy. */
export async function assertNoCspViolations(page) {
  const violations = await page.evaluate(() => window.__violations);
  const logged = page.consoleErrors.filter((text) => /content security policy|trusted ?types/i.test(text));
  if (violations.length || logged.length) throw new Error(`content security policy: ${[...violations, ...logged].join('\n')}`);
}

/** Throws when the page's console has said anything bad. */
export function assertNoConsoleErrors(page) {
  if (page.consoleErrors.length) throw new Error(`console errors:\n${page.consoleErrors.join('\n')}`);
}

const axeSource = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Throws when axe finds anything wrong with the page as it stands. */
export async function assertAccessible(page) {
  const source = await axeSource;
  // Evaluated by the debugger, which the page's content security policy does not bind, so the page runs as it ships.
  await page.evaluate(source);
  const violations = await page.evaluate(async () => {
    const result = await window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    return result.violations.map((v) => `${v.id} (${v.impact}): ${v.help}\n    ${v.nodes.slice(0, 5).map((n) => n.target.join(' ')).join('\n    ')}`);
  });
  if (violations.length) throw new Error(`axe at ${page.url()}:\n  ${violations.join('\n  ')}`);
}

const phoneWidth = 390; // CSS pixels, as are all sizes here; a bar stays at the bottom of a phone's window

/** Every page must fit every one of these. */
export const screens = [1440, phoneWidth].flatMap((width) => ['light', 'dark'].map((theme) => ({ width, height: width === phoneWidth ? 844 : 900, theme })));

/**
 * Pictures of the page as it stands, one for each size and theme, as artifacts/NAME-WIDTH-THEME.png; check is asked of each.
 * Throws when the page is wider than its window.
 */
export async function screenshots(page, name, { check = async () => {}, fullPage = false } = {}) {
  await mkdir(artifacts, { recursive: true });
  for (const { width, height, theme } of screens) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
    await new Promise((done) => setTimeout(done, layoutWait));
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    await page.screenshot({ path: join(artifacts, `${name}-${width}-${theme}.png`), fullPage: fullPage && width > phoneWidth });
    if (overflow > 0) throw new Error(`${name} at ${width} px is ${overflow} px too wide`);
    try {
      await check(page);
    } catch (cause) {
      throw new Error(`${name} at ${width} px, ${theme}: ${cause.message}`, { cause });
    }
  }
}

/** Presses Tab until the element has the focus, as somebody without a mouse does. */
export async function tabTo(page, locator, { tabsMax = 60, key = 'Tab' } = {}) {
  const target = await locator.elementHandle();
  for (let tabs = 0; tabs <= tabsMax; tabs++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press(key);
  }
  throw new Error(`${locator} is not reached with ${tabsMax} presses of ${key}`);
}

/** Waits until a text differs from what it was, and returns it. The page must not have been loaded anew. */
export async function waitForChange(locator, was, { timeout = actionWaitMax } = {}) {
  const ends = Date.now() + timeout;
  while (Date.now() < ends) {
    const text = (await locator.innerText()).trim();
    if (text !== was) return text;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`still ${JSON.stringify(was)} after ${timeout} ms`);
}
