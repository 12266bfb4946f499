/**
 * The API client: one function per thing the dashboard does, each resolving to the answer's body or
 * throwing a Fault. Screens never see fetch, status codes or headers.
 */
import createClient from 'openapi-fetch';
import { asFault, Fault } from './fault';
import type { paths } from './schema';
import type * as t from './types';

export { asFault, Fault } from './fault';
export type * from './types';

/** A call that takes longer is given up: the server's own limit is shorter. */
const callMillisecondsMax = 30_000;

const client = createClient<paths>({
  baseUrl: globalThis.location?.origin ?? 'http://localhost',
  credentials: 'same-origin',
  headers: { Accept: 'application/json, application/problem+json' },
  // Looked up at call time so that tests can put their own in place.
  fetch: (request: Request) => globalThis.fetch(request),
});

let signedOut: () => void = () => undefined;

/** Called whenever the server says that nobody is signed in. The session store listens. */
export function onSignedOut(listener: () => void): void {
  signedOut = listener;
}

let awayNow: (parts: t.Away[]) => void = () => undefined;

/** Called with every answer that says what the service does without; empty when it has all. */
export function onAway(listener: (parts: t.Away[]) => void): void {
  awayNow = listener;
}

interface Outcome<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

async function result<T>(call: Promise<Outcome<T>>, watchSession = true): Promise<T> {
  let outcome: Outcome<T>;
  try {
    outcome = await call;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw asFault(cause instanceof DOMException ? new TypeError(cause.message) : cause);
  }
  const { response } = outcome;
  awayNow((response.headers.get('Folioscope-Degraded') ?? '').split(', ').filter(Boolean) as t.Away[]);
  if (response.ok) return outcome.data as T;
  const retry = Number(response.headers.get('Retry-After'));
  const problem =
    outcome.error && typeof outcome.error === 'object' ? (outcome.error as t.ProblemDocument) : null;
  // Who has to add a code is still signed in.
  if (response.status === 401 && watchSession && !problem?.second_factor) signedOut();
  throw new Fault(response.status, problem, Number.isFinite(retry) && retry > 0 ? retry : null);
}

/** Where one route has several answers and this is none that was asked for. */
function otherShape(): never {
  throw new Fault(500, null);
}

function limits(signal?: AbortSignal): { signal: AbortSignal } {
  const deadline = AbortSignal.timeout(callMillisecondsMax);
  return { signal: signal ? AbortSignal.any([signal, deadline]) : deadline };
}

/** A key that makes repeating a creating call harmless; make one per intent, not per attempt. */
export function idempotencyKey(): string {
  return crypto.randomUUID();
}

const once = (key: string): { 'Idempotency-Key': string } => ({ 'Idempotency-Key': key });

export const session = {
  create: (email: string, password: string, second: t.Second) =>
    result(
      client.POST('/api/v1/session', {
        body: { email, password, ...second },
        ...limits(),
      }),
      false,
    ),
  /** What to ask for a passkey with; nothing where the server takes none. */
  passkeyOptions: async () =>
    (await result(client.POST('/api/v1/session/passkey/options', limits()), false)).options,
  createByPasskey: (credential: t.BrowserJSON) =>
    result(client.POST('/api/v1/session/passkey', { body: { credential }, ...limits() }), false),
  /** A passkey does without the password. */
  stepUp: (shown: { password?: string } & t.Second) =>
    result(client.POST('/api/v1/session/step-up', { body: shown, ...limits() })),
  me: () => result(client.GET('/api/v1/me', limits()), false),
  /** Signs out. Resolves to where one signs out at the service that one came through; '' where that isn't wanted. */
  end: async (): Promise<string> => {
    const call = client.DELETE('/api/v1/session', limits());
    await result(call, false);
    return (await call).response.headers.get('Sign-Out-At') ?? '';
  },
  acceptInvitation: (token: string, password: string, name?: string) =>
    result(
      client.POST('/api/v1/invitations/accept', {
        body: { token, password, name },
        ...limits(),
      }),
      false,
    ),
};

/** A forgotten password. */
export const recovery = {
  ways: (signal?: AbortSignal) => result(client.GET('/api/v1/recovery', limits(signal)), false),
  ask: (email: string): Promise<unknown> =>
    result(client.POST('/api/v1/recovery', { body: { email }, ...limits() }), false),
  use: (token: string, newPassword: string, second: t.Second): Promise<unknown> =>
    result(
      client.POST('/api/v1/recovery/confirm', {
        body: { token, new_password: newPassword, ...second },
        ...limits(),
      }),
      false,
    ),
};

interface PortfolioSettings {
  lot_method?: t.LotMethod;
  lot_scope?: t.LotScope;
  allow_short?: boolean;
}

export const portfolios = {
  list: () => result(client.GET('/api/v1/portfolios', limits())),
  create: (body: { name: string; base_currency: string } & PortfolioSettings, key: string) =>
    result(client.POST('/api/v1/portfolios', { params: { header: once(key) }, body, ...limits() })),
  change: (id: string, body: { name?: string; closed?: boolean } & PortfolioSettings) =>
    result(client.PATCH('/api/v1/portfolios/{id}', { params: { path: { id } }, body, ...limits() })),
  document: (id: string, sequence?: number, signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/portfolios/{id}', {
        params: { path: { id }, query: { sequence } },
        ...limits(signal),
      }),
    ),
  /** Where prices come from, what is missing and what to do. */
  data: (id: string, signal?: AbortSignal) =>
    result(client.GET('/api/v1/portfolios/{id}/data', { params: { path: { id } }, ...limits(signal) })),
  prices: (id: string, instrument: string, query: Period, signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/portfolios/{id}/holdings/{instrument}/prices', {
        params: { path: { id, instrument }, query },
        ...limits(signal),
      }),
    ),
  holding: (id: string, instrument: string, signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/portfolios/{id}/holdings/{instrument}', {
        params: { path: { id, instrument } },
        ...limits(signal),
      }),
    ),
};

export const accounts = {
  list: (id: string, signal?: AbortSignal) =>
    result(client.GET('/api/v1/portfolios/{id}/accounts', { params: { path: { id } }, ...limits(signal) })),
  create: (id: string, body: { name: string; currency: string }, key: string) =>
    result(
      client.POST('/api/v1/portfolios/{id}/accounts', {
        params: { path: { id }, header: once(key) },
        body,
        ...limits(),
      }),
    ),
  change: (id: string, account: string, body: { name?: string; closed?: boolean }) =>
    result(
      client.PATCH('/api/v1/portfolios/{id}/accounts/{account}', {
        params: { path: { id, account } },
        body,
        ...limits(),
      }),
    ),
};

export interface ActivityQuery {
  cursor?: string;
  limit?: number;
  instrument_id?: string;
  account?: string;
  voided?: boolean;
}

export const activities = {
  list: (id: string, query: ActivityQuery, signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/portfolios/{id}/activities', {
        params: { path: { id }, query },
        ...limits(signal),
      }),
    ),
  append: (id: string, entries: t.ActivityInput[], key: string) =>
    result(
      client.POST('/api/v1/portfolios/{id}/activities', {
        params: { path: { id }, header: once(key) },
        body: { activities: entries },
        ...limits(),
      }),
    ),
  correct: (id: string, activity: string, entry: t.ActivityInput, sequence: number) =>
    result(
      client.PUT('/api/v1/portfolios/{id}/activities/{activity}', {
        params: { path: { id, activity }, header: { 'If-Match': `"${sequence}"` } },
        body: entry,
        ...limits(),
      }),
    ),
  void: (id: string, activity: string, sequence: number) =>
    result(
      client.DELETE('/api/v1/portfolios/{id}/activities/{activity}', {
        params: { path: { id, activity }, header: { 'If-Match': `"${sequence}"` } },
        ...limits(),
      }),
    ),
};

const proposalPath = (id: string, proposal: string) => ({ path: { id, proposal } });

export const proposals = {
  list: (id: string, query: { state?: t.Proposal['state']; limit?: number }, signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/portfolios/{id}/proposals', { params: { path: { id }, query }, ...limits(signal) }),
    ),
  /** Books one: as it is proposed, or as the entry that it was edited to. */
  accept: (id: string, proposal: string, entry: t.ActivityInput | null, key: string) =>
    result(
      client.POST('/api/v1/portfolios/{id}/proposals/{proposal}/accept', {
        params: { ...proposalPath(id, proposal), header: once(key) },
        body: entry ? { activity: entry } : {},
        ...limits(),
      }),
    ),
  acceptAll: (id: string, ids: string[], key: string) =>
    result(
      client.POST('/api/v1/portfolios/{id}/proposals/accept', {
        params: { path: { id }, header: once(key) },
        body: { ids },
        ...limits(),
      }),
    ),
  ignore: (id: string, proposal: string) =>
    result(
      client.POST('/api/v1/portfolios/{id}/proposals/{proposal}/ignore', {
        params: proposalPath(id, proposal),
        ...limits(),
      }),
    ),
  restore: (id: string, proposal: string) =>
    result(
      client.POST('/api/v1/portfolios/{id}/proposals/{proposal}/restore', {
        params: proposalPath(id, proposal),
        ...limits(),
      }),
    ),
};

const csv = {
  bodySerializer: (text: string) => text,
  headers: { 'Content-Type': 'text/csv; charset=utf-8' },
};

const imported = (
  id: string,
  text: string,
  query: { dry_run?: boolean },
  header: { 'Idempotency-Key'?: string },
) =>
  result(
    client.POST('/api/v1/portfolios/{id}/imports', {
      params: { path: { id }, query: { format: 'folioscope-csv', ...query }, header },
      body: text,
      ...csv,
      ...limits(),
    }),
  );

export const imports = {
  preview: async (id: string, text: string): Promise<t.ImportPreview> => {
    const answer = await imported(id, text, { dry_run: true }, {});
    return 'preview' in answer ? answer : otherShape();
  },
  confirm: async (id: string, text: string, key: string): Promise<t.ImportResult> => {
    const answer = await imported(id, text, {}, once(key));
    return 'added' in answer ? answer : otherShape();
  },
};

export interface Period {
  from?: t.Day;
  to?: t.Day;
}

export interface LotRules {
  lot_method?: t.LotMethod;
  lot_scope?: t.LotScope;
}

/** One route has two answers: the figures, or how one of them came about. */
const performance = (
  id: string,
  query: Period & LotRules & { explain?: string; path?: string; skip?: number },
  signal?: AbortSignal,
) =>
  result(
    client.GET('/api/v1/portfolios/{id}/performance', { params: { path: { id }, query }, ...limits(signal) }),
  );

export const figures = {
  /** How a figure of the performance came about; `path` ("0.3.1") opens a step deeper. */
  explain: async (
    id: string,
    query: Period & LotRules & { explain: string; path?: string; skip?: number },
    signal?: AbortSignal,
  ): Promise<t.Explanation> => {
    const answer = await performance(id, query, signal);
    return 'trail' in answer ? answer : otherShape();
  },
  lotMethods: (id: string, query: Period, signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/portfolios/{id}/lot-methods', {
        params: { path: { id }, query },
        ...limits(signal),
      }),
    ),
  income: (id: string, query: Period, signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/portfolios/{id}/income', { params: { path: { id }, query }, ...limits(signal) }),
    ),
  returns: (id: string, query: Period, signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/portfolios/{id}/returns', { params: { path: { id }, query }, ...limits(signal) }),
    ),
  contribution: (id: string, query: Period, signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/portfolios/{id}/contribution', {
        params: { path: { id }, query },
        ...limits(signal),
      }),
    ),
  exposure: (id: string, query: Period & { by: t.ExposureDimension }, signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/portfolios/{id}/exposure', { params: { path: { id }, query }, ...limits(signal) }),
    ),
  benchmark: (id: string, query: Period & { instrument: string }, signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/portfolios/{id}/benchmark', { params: { path: { id }, query }, ...limits(signal) }),
    ),
  performance: async (id: string, period: Period, signal?: AbortSignal): Promise<t.Performance> => {
    const answer = await performance(id, period, signal);
    return 'totals' in answer ? answer : otherShape();
  },
  history: (id: string, period: Period, signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/portfolios/{id}/history', {
        params: { path: { id }, query: period },
        ...limits(signal),
      }),
    ),
  allocation: (id: string, by: t.Dimension, signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/portfolios/{id}/allocation', {
        params: { path: { id }, query: { by } },
        ...limits(signal),
      }),
    ),
};

export const instruments = {
  one: (id: string, signal?: AbortSignal) =>
    result(client.GET('/api/v1/instruments/{id}', { params: { path: { id } }, ...limits(signal) })),
  search: (q: string, signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/instruments', {
        params: { query: { q, limit: 12 } },
        ...limits(signal),
      }),
    ),
  /** Asks the sources now; `asked` is false within a minute after the last time. */
  refresh: (id: string) =>
    result(client.POST('/api/v1/instruments/{id}/refresh', { params: { path: { id } }, ...limits() })),
  create: (body: t.InstrumentInput, key: string) =>
    result(client.POST('/api/v1/instruments', { params: { header: once(key) }, body, ...limits() })),
  /** Here and at all sources of prices: takes up to a few seconds. */
  searchSources: (q: string, signal?: AbortSignal) =>
    result(client.GET('/api/v1/instruments/search', { params: { query: { q } }, ...limits(signal) })),
  /** Adds what a search found; what somebody added meanwhile is given as it is. */
  choose: (body: { candidate: string; currency?: string }, key: string) =>
    result(
      client.POST('/api/v1/instruments/candidates', { params: { header: once(key) }, body, ...limits() }),
    ),
  record: (instrument: string, signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/admin/instruments/{instrument}', {
        params: { path: { instrument } },
        ...limits(signal),
      }),
    ),
  mend: (instrument: string, version: number, body: t.InstrumentChange) =>
    result(
      client.PATCH('/api/v1/admin/instruments/{instrument}', {
        params: { path: { instrument }, header: { 'If-Match': `"${version}"` } },
        body,
        ...limits(),
      }),
    ),
};

/** Rules of what one wants to be told of. */
export const alerts = {
  list: (signal?: AbortSignal) => result(client.GET('/api/v1/alerts', limits(signal))),
  create: (body: t.NewAlert, key: string) =>
    result(client.POST('/api/v1/alerts', { params: { header: once(key) }, body, ...limits() })),
  change: (alert: string, version: number, body: t.AlertChange) =>
    result(
      client.PATCH('/api/v1/alerts/{alert}', {
        params: { path: { alert }, header: madeOn(version) },
        body,
        ...limits(),
      }),
    ),
  remove: (alert: string): Promise<unknown> =>
    result(client.DELETE('/api/v1/alerts/{alert}', { params: { path: { alert } }, ...limits() })),
  /** What one's rules did, the newest first. */
  log: (filter: t.AlertLogFilter, cursor: string | undefined, signal?: AbortSignal) =>
    result(client.GET('/api/v1/alerts/log', { params: { query: { ...filter, cursor } }, ...limits(signal) })),
  /** When a rule would have fired; nothing is kept. */
  preview: (body: t.NewAlert & { days: number }, signal?: AbortSignal) =>
    result(client.POST('/api/v1/alerts/preview', { body, ...limits(signal) })),
};

const madeOn = (sequence: number): { 'If-Match': string } => ({ 'If-Match': `"${sequence}"` });

/** What belongs to one portfolio and no source prices. */
export const own = {
  list: (id: string, signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/portfolios/{id}/instruments', { params: { path: { id } }, ...limits(signal) }),
    ),
  create: (id: string, body: t.OwnInput, key: string) =>
    result(
      client.POST('/api/v1/portfolios/{id}/instruments', {
        params: { path: { id }, header: once(key) },
        body,
        ...limits(),
      }),
    ),
  change: (id: string, instrument: string, body: t.OwnChange, sequence: number) =>
    result(
      client.PATCH('/api/v1/portfolios/{id}/instruments/{instrument}', {
        params: { path: { id, instrument }, header: madeOn(sequence) },
        body,
        ...limits(),
      }),
    ),
  remove: (id: string, instrument: string, sequence: number) =>
    result(
      client.DELETE('/api/v1/portfolios/{id}/instruments/{instrument}', {
        params: { path: { id, instrument }, header: madeOn(sequence) },
        ...limits(),
      }),
    ),
};

/** Prices that a person enters, of what is their own or of any holding. */
export const manual = {
  list: (id: string, instrument: string, signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/portfolios/{id}/prices/{instrument}', {
        params: { path: { id, instrument } },
        ...limits(signal),
      }),
    ),
  enter: (id: string, instrument: string, prices: { date: t.Day; price: t.Decimal }[]) =>
    result(
      client.PUT('/api/v1/portfolios/{id}/prices/{instrument}', {
        params: { path: { id, instrument } },
        body: { prices },
        ...limits(),
      }),
    ),
  remove: (id: string, instrument: string, date: t.Day) =>
    result(
      client.DELETE('/api/v1/portfolios/{id}/prices/{instrument}', {
        params: { path: { id, instrument }, query: { date } },
        ...limits(),
      }),
    ),
  /** A file with columns date and price; rows that name no instrument are of this one. */
  file: (id: string, instrument: string, text: string, key: string) =>
    result(
      client.POST('/api/v1/portfolios/{id}/prices', {
        params: { path: { id }, query: { instrument_id: instrument }, header: once(key) },
        body: text,
        ...csv,
        ...limits(),
      }),
    ),
};

/** What an audit search asks for; what is left out is no wish. Times are instants. */
export interface AuditQuery {
  action?: string;
  actor?: string;
  object?: string;
  from?: string;
  until?: string;
  cursor?: string;
}

export const audit = {
  list: (query: AuditQuery, signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/admin/audit', { params: { query: { ...query, limit: 100 } }, ...limits(signal) }),
    ),
  checkpoint: (signal?: AbortSignal) => result(client.GET('/api/v1/admin/audit/checkpoint', limits(signal))),
  /** Where the rows of a search can be fetched as a file. */
  exportAddress: (query: AuditQuery): string => {
    const wanted = Object.entries(query).filter(([name, value]) => value && name !== 'cursor') as [
      string,
      string,
    ][];
    const search = new URLSearchParams(wanted).toString();
    return '/api/v1/admin/audit/export' + (search ? `?${search}` : '');
  },
  own: (cursor?: string, signal?: AbortSignal) =>
    result(client.GET('/api/v1/me/audit', { params: { query: { cursor, limit: 50 } }, ...limits(signal) })),
};

export const admin = {
  status: (signal?: AbortSignal) => result(client.GET('/api/v1/admin/status', limits(signal))),
  quiet: (body: { node: string | null; name: string; until: string | null }) =>
    result(client.PUT('/api/v1/admin/status/quiet', { body, ...limits() })),
  sources: (signal?: AbortSignal) => result(client.GET('/api/v1/admin/providers', limits(signal))),
  testSource: (name: string) =>
    result(client.POST('/api/v1/admin/providers/{name}/test', { params: { path: { name } }, ...limits() })),
  heldPrices: (signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/admin/quarantine', {
        params: { query: { state: 'waiting', limit: 200 } },
        ...limits(signal),
      }),
    ),
  decide: (id: string, decision: 'accept' | 'refuse') =>
    result(
      client.POST('/api/v1/admin/quarantine/{id}', {
        params: { path: { id } },
        body: { decision },
        ...limits(),
      }),
    ),
  calendar: (signal?: AbortSignal) => result(client.GET('/api/v1/admin/calendar', limits(signal))),
  putDay: (
    mic: string,
    day: t.Day,
    body: { closed: boolean; opens?: string; closes?: string; note?: string },
  ) =>
    result(
      client.PUT('/api/v1/admin/calendar/{mic}/{day}', {
        params: { path: { mic, day } },
        body,
        ...limits(),
      }),
    ),
  deleteDay: (mic: string, day: t.Day) =>
    result(
      client.DELETE('/api/v1/admin/calendar/{mic}/{day}', { params: { path: { mic, day } }, ...limits() }),
    ),
  users: (cursor?: string, signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/admin/users', {
        params: { query: { cursor, limit: 100 } },
        ...limits(signal),
      }),
    ),
  changeUser: (user: string, body: { role?: t.Role; status?: 'active' | 'suspended' }) =>
    result(client.PATCH('/api/v1/admin/users/{user}', { params: { path: { user } }, body, ...limits() })),
  signOutUser: (user: string): Promise<unknown> =>
    result(client.DELETE('/api/v1/admin/users/{user}/sessions', { params: { path: { user } }, ...limits() })),
  deleteUser: (user: string): Promise<unknown> =>
    result(client.DELETE('/api/v1/admin/users/{user}', { params: { path: { user } }, ...limits() })),
  invite: (body: { email: string; name: string; role: t.Role }, key: string) =>
    result(
      client.POST('/api/v1/admin/invitations', {
        params: { header: once(key) },
        body,
        ...limits(),
      }),
    ),
};

/** How one signs in. What is risky may be refused until the password was asked for again: see screens/account/step-up. */
export const account = {
  /** Deletes whoever is signed in, for good. */
  leave: (): Promise<unknown> => result(client.DELETE('/api/v1/me', limits())),
  changePassword: (
    body: { password: string; new_password: string; keep_tokens?: boolean } & t.Second,
  ): Promise<unknown> => result(client.POST('/api/v1/me/password', { body, ...limits() })),
  email: (signal?: AbortSignal) => result(client.GET('/api/v1/me/email', limits(signal))),
  /** Has a link sent to an address, which becomes one's own when it is followed. */
  askEmail: (email: string): Promise<unknown> =>
    result(client.POST('/api/v1/me/email', { body: { email }, ...limits() })),
  confirmEmail: (token: string): Promise<unknown> =>
    result(client.POST('/api/v1/email/confirm', { body: { token }, ...limits() }), false),
  sessions: (signal?: AbortSignal) => result(client.GET('/api/v1/me/sessions', limits(signal))),
  endSession: (session: string): Promise<unknown> =>
    result(client.DELETE('/api/v1/me/sessions/{session}', { params: { path: { session } }, ...limits() })),
  endOtherSessions: (): Promise<unknown> => result(client.DELETE('/api/v1/me/sessions', limits())),
  secondFactor: (signal?: AbortSignal) => result(client.GET('/api/v1/me/second-factor', limits(signal))),
  startSecondFactor: () => result(client.POST('/api/v1/me/second-factor', limits())),
  confirmSecondFactor: (totp: string) =>
    result(client.POST('/api/v1/me/second-factor/confirm', { body: { totp }, ...limits() })),
  newRecoveryCodes: () => result(client.POST('/api/v1/me/second-factor/recovery-codes', limits())),
  removeSecondFactor: (): Promise<unknown> => result(client.DELETE('/api/v1/me/second-factor', limits())),
  passkeys: (signal?: AbortSignal) => result(client.GET('/api/v1/me/passkeys', limits(signal))),
  passkeyOptions: async () => (await result(client.POST('/api/v1/me/passkeys/options', limits()))).options,
  addPasskey: (name: string, credential: t.BrowserJSON) =>
    result(
      client.POST('/api/v1/me/passkeys', {
        params: { header: once(idempotencyKey()) },
        body: { name, credential },
        ...limits(),
      }),
    ),
  renamePasskey: (passkey: string, name: string) =>
    result(
      client.PATCH('/api/v1/me/passkeys/{passkey}', {
        params: { path: { passkey } },
        body: { name },
        ...limits(),
      }),
    ),
  removePasskey: (passkey: string): Promise<unknown> =>
    result(client.DELETE('/api/v1/me/passkeys/{passkey}', { params: { path: { passkey } }, ...limits() })),
  tokens: (signal?: AbortSignal) => result(client.GET('/api/v1/me/tokens', limits(signal))),
  createToken: (body: { name: string; scopes: t.TokenScope[]; expires_at: string }, key: string) =>
    result(client.POST('/api/v1/me/tokens', { params: { header: once(key) }, body, ...limits() })),
  revokeToken: (token: string): Promise<unknown> =>
    result(client.DELETE('/api/v1/me/tokens/{token}', { params: { path: { token } }, ...limits() })),
};

/** Signing in at other services: each beginning resolves to the address where the browser goes on. */
export const signInServices = {
  list: (signal?: AbortSignal) => result(client.GET('/api/v1/oidc', limits(signal))),
  begin: (name: string, return_to: string) =>
    result(
      client.POST('/api/v1/oidc/{name}', { params: { path: { name } }, body: { return_to }, ...limits() }),
      false,
    ),
  finish: (second: t.Second) =>
    result(client.POST('/api/v1/session/code', { body: second, ...limits() }), false),
  beginStepUp: (name: string, return_to: string) =>
    result(
      client.POST('/api/v1/session/step-up/{name}', {
        params: { path: { name } },
        body: { return_to },
        ...limits(),
      }),
    ),
  linked: (signal?: AbortSignal) => result(client.GET('/api/v1/me/sign-ins', limits(signal))),
  link: (name: string, return_to: string) =>
    result(
      client.POST('/api/v1/me/sign-ins/{name}', {
        params: { path: { name } },
        body: { return_to },
        ...limits(),
      }),
    ),
  unlink: (link: string): Promise<unknown> =>
    result(client.DELETE('/api/v1/me/sign-ins/{link}', { params: { path: { link } }, ...limits() })),
};

export const links = {
  list: (id: string, signal?: AbortSignal) =>
    result(client.GET('/api/v1/portfolios/{id}/links', { params: { path: { id } }, ...limits(signal) })),
  create: (id: string, body: { level: t.LinkLevel; expires_at: string }, key: string) =>
    result(
      client.POST('/api/v1/portfolios/{id}/links', {
        params: { path: { id }, header: once(key) },
        body,
        ...limits(),
      }),
    ),
  end: (id: string, link: string): Promise<unknown> =>
    result(
      client.DELETE('/api/v1/portfolios/{id}/links/{link}', { params: { path: { id, link } }, ...limits() }),
    ),
  /** What a link shows to anybody who has it. */
  open: (token: string, signal?: AbortSignal) =>
    result(client.GET('/api/v1/public/{token}', { params: { path: { token } }, ...limits(signal) }), false),
};

export const household = {
  read: (signal?: AbortSignal) => result(client.GET('/api/v1/household', limits(signal))),
  found: (name: string, key: string) =>
    result(client.POST('/api/v1/household', { params: { header: once(key) }, body: { name }, ...limits() })),
  dissolve: (): Promise<unknown> => result(client.DELETE('/api/v1/household', limits())),
  invite: (key: string) =>
    result(client.POST('/api/v1/household/invitations', { params: { header: once(key) }, ...limits() })),
  join: (token: string, key: string) =>
    result(
      client.POST('/api/v1/household/join', { params: { header: once(key) }, body: { token }, ...limits() }),
    ),
  remove: (member: string): Promise<unknown> =>
    result(
      client.DELETE('/api/v1/household/members/{member}', { params: { path: { member } }, ...limits() }),
    ),
  leave: (): Promise<unknown> => result(client.DELETE('/api/v1/household/membership', limits())),
  /** Lets every member see a portfolio, whoever joins later too. */
  share: (id: string, level: t.HouseholdLevel): Promise<unknown> =>
    result(
      client.PUT('/api/v1/portfolios/{id}/household', {
        params: { path: { id } },
        body: { level },
        ...limits(),
      }),
    ),
  unshare: (id: string): Promise<unknown> =>
    result(client.DELETE('/api/v1/portfolios/{id}/household', { params: { path: { id } }, ...limits() })),
};

export const grants = {
  list: (id: string, signal?: AbortSignal) =>
    result(client.GET('/api/v1/portfolios/{id}/grants', { params: { path: { id } }, ...limits(signal) })),
  offer: (id: string, body: { level: t.GrantLevel; email?: string; expires_at?: string }, key: string) =>
    result(
      client.POST('/api/v1/portfolios/{id}/grants', {
        params: { path: { id }, header: once(key) },
        body,
        ...limits(),
      }),
    ),
  change: (id: string, grant: string, body: { level: t.GrantLevel }) =>
    result(
      client.PATCH('/api/v1/portfolios/{id}/grants/{grant}', {
        params: { path: { id, grant } },
        body,
        ...limits(),
      }),
    ),
  takeBack: (id: string, grant: string): Promise<unknown> =>
    result(
      client.DELETE('/api/v1/portfolios/{id}/grants/{grant}', {
        params: { path: { id, grant } },
        ...limits(),
      }),
    ),
  accept: (token: string, key: string) =>
    result(
      client.POST('/api/v1/grants/accept', { params: { header: once(key) }, body: { token }, ...limits() }),
    ),
  /** Gives back what one was given. */
  leave: (id: string): Promise<unknown> =>
    result(client.DELETE('/api/v1/portfolios/{id}/share', { params: { path: { id } }, ...limits() })),
  percentages: (id: string, query: Period, signal?: AbortSignal) =>
    result(
      client.GET('/api/v1/portfolios/{id}/percentages', {
        params: { path: { id }, query },
        ...limits(signal),
      }),
    ),
};

/** What one was told, and how one wants to be told. */
export const notifications = {
  page: (cursor?: string, signal?: AbortSignal) =>
    result(client.GET('/api/v1/notifications', { params: { query: { cursor } }, ...limits(signal) })),
  /** Marks as read what was there until a time. */
  read: (until: t.Instant): Promise<unknown> =>
    result(client.POST('/api/v1/notifications/read', { body: { until }, ...limits() })),
  settings: (signal?: AbortSignal) => result(client.GET('/api/v1/notifications/settings', limits(signal))),
  set: (body: t.NotificationSettings) =>
    result(client.PUT('/api/v1/notifications/settings', { body, ...limits() })),
};

/** The ways by which one is told. */
export const channels = {
  list: (signal?: AbortSignal) => result(client.GET('/api/v1/channels', limits(signal))),
  add: (body: t.ChannelRequest, key: string) =>
    result(client.POST('/api/v1/channels', { params: { header: once(key) }, body, ...limits() })),
  change: (channel: string, body: { name?: string; on?: boolean }) =>
    result(client.PATCH('/api/v1/channels/{channel}', { params: { path: { channel } }, body, ...limits() })),
  remove: (channel: string): Promise<unknown> =>
    result(client.DELETE('/api/v1/channels/{channel}', { params: { path: { channel } }, ...limits() })),
  test: (channel: string) =>
    result(client.POST('/api/v1/channels/{channel}/test', { params: { path: { channel } }, ...limits() })),
  confirm: (token: string): Promise<unknown> =>
    result(client.POST('/api/v1/channels/confirm', { body: { token }, ...limits() }), false),
};
