/**
 * The portfolio on screen, kept current: first the document by a plain request, then the stream.
 * Writes are gathered and shown once per animation frame.
 */
import { asFault, portfolios } from '../api';
import type { Fault, PortfolioDelta, PortfolioDocument, StreamDegraded, StreamStatus } from '../api';
import { away } from '../session/away.svelte';
import { session } from '../session/session.svelte';
import { StreamConnection } from './connection';
import type { Connection, StreamEvent } from './connection';
import { applyDelta, newer } from './merge';

let portfolioId: string | null = null;
let shown = $state.raw<PortfolioDocument | null>(null);
let status = $state.raw<StreamStatus | null>(null);
let connection = $state.raw<Connection>({ kind: 'idle' });
let fault = $state.raw<Fault | null>(null);
let loading = $state(false);
let inbox = $state(0);

let pending: PortfolioDocument | null = null;
let frame = 0;
let stream: StreamConnection | null = null;
let request: AbortController | null = null;

export const live = {
  /** The current document of the watched portfolio; null until the first answer. */
  get document(): PortfolioDocument | null {
    return shown;
  },
  get connection(): Connection {
    return connection;
  },
  /** The server's own connection to the market, as it last said. */
  get status(): StreamStatus | null {
    return status;
  },
  /** Grows whenever something new may lie in the inbox, or it was read in another window. */
  get inbox(): number {
    return inbox;
  },
  /** Why there is no document, or why the last refresh failed. */
  get fault(): Fault | null {
    return fault;
  },
  get loading(): boolean {
    return loading;
  },

  /** Watches this portfolio from now on; null watches nothing. */
  watch(id: string | null): void {
    if (id === portfolioId) return;
    portfolioId = id;
    request?.abort();
    shown = null;
    pending = null;
    status = null;
    fault = null;
    if (!id) {
      stream?.watch([]);
      return;
    }
    connect().watch([id]);
    void this.refresh();
  },

  /** Fetches the document anew; with a sequence, no older state is accepted as an answer. */
  async refresh(sequence?: number): Promise<void> {
    const id = portfolioId;
    if (!id) return;
    request?.abort();
    const mine = new AbortController();
    request = mine;
    loading = true;
    try {
      const document = await portfolios.document(id, sequence, mine.signal);
      if (mine.signal.aborted) return;
      fault = null;
      show(document);
    } catch (cause) {
      if (!mine.signal.aborted) fault = asFault(cause);
    } finally {
      if (request === mine) loading = false;
    }
  },

  retryNow(): void {
    stream?.retryNow();
  },

  /** Lets everything go, on signing out. */
  stop(): void {
    this.watch(null);
    stream?.close();
    stream = null;
    stopListening?.();
    stopListening = null;
  },
};

let stopListening: (() => void) | null = null;

function connect(): StreamConnection {
  if (stream) return stream;
  const created = new StreamConnection({ event: receive, connection: connectionChanged, failed });
  const visibility = (): void => {
    created.visibilityChanged();
    if (!document.hidden && portfolioId) void live.refresh();
  };
  const online = (): void => created.onlineChanged();
  const leave = (): void => created.watch([]);
  const back = (): void => created.watch(portfolioId ? [portfolioId] : []);
  document.addEventListener('visibilitychange', visibility);
  window.addEventListener('online', online);
  window.addEventListener('offline', online);
  window.addEventListener('pagehide', leave);
  window.addEventListener('pageshow', back);
  stopListening = () => {
    document.removeEventListener('visibilitychange', visibility);
    window.removeEventListener('online', online);
    window.removeEventListener('offline', online);
    window.removeEventListener('pagehide', leave);
    window.removeEventListener('pageshow', back);
  };
  stream = created;
  return created;
}

function receive(name: StreamEvent, payload: unknown): void {
  if (name === 'inbox') {
    inbox += 1;
    return;
  }
  if (name === 'degraded') {
    away.said((payload as StreamDegraded).away);
    return;
  }
  const { id } = payload as { id: string };
  if (id !== portfolioId) return;
  if (name === 'status') {
    status = payload as StreamStatus;
    return;
  }
  const before = pending ?? shown;
  if (name === 'snapshot') {
    fault = null;
    show(payload as PortfolioDocument);
  } else if (before) {
    schedule(applyDelta(before, payload as PortfolioDelta));
  }
}

function show(document: PortfolioDocument): void {
  if (document.id !== portfolioId) return;
  if (shown) schedule(newer(pending ?? shown, document));
  else shown = document;
}

function schedule(next: PortfolioDocument): void {
  pending = next;
  if (frame) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    if (pending && pending.id === portfolioId) shown = pending;
    pending = null;
  });
}

function connectionChanged(state: Connection): void {
  // What came while there was no stream was told to nobody.
  if (state.kind === 'connected' && connection.kind !== 'connected') inbox += 1;
  connection = state;
}

function failed(attempt: number): void {
  // An event stream can't say 401. After two failures ask plainly; a 401 then ends the session here.
  if (attempt === 2 && session.phase === 'in') void live.refresh();
}
