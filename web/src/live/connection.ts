/**
 * One event stream per browser. HTTP/1.1 allows few connections to a host, so the tabs elect a leader
 * (Web Locks), the leader holds the EventSource and passes events on (BroadcastChannel). When the leader
 * closes, the lock passes to another tab, which resumes after the last id it has seen.
 *
 *   tab opens ──want──▶ leader: stream of all wanted portfolios ──event──▶ all tabs
 *   tab hidden or closed ──want nothing──▶ leader: narrower stream, or none
 */
import { retryDelay } from './merge';

export type StreamEvent = 'snapshot' | 'delta' | 'status' | 'inbox' | 'degraded';

/** How this browser is connected to the server (not the server to the market). */
export type Connection =
  | { kind: 'idle' }
  | { kind: 'connecting' }
  | { kind: 'connected' }
  | { kind: 'waiting'; until: number }
  | { kind: 'offline'; since: number };

export interface Listener {
  event(name: StreamEvent, payload: unknown): void;
  connection(state: Connection): void;
  /** An attempt failed: the caller may look whether the session has ended. */
  failed(attempt: number): void;
}

type Message =
  | { kind: 'want'; tab: string; portfolios: string[] }
  | { kind: 'roll call' }
  | { kind: 'event'; name: StreamEvent; payload: unknown; id: string; stream: string }
  | { kind: 'connection'; state: Connection };

const lockName = 'folioscope.stream';
const channelName = 'folioscope.stream';
const eventNames: StreamEvent[] = ['snapshot', 'delta', 'status', 'inbox', 'degraded'];
/** Switching tabs back and forth must not reconnect every time. */
const hiddenGraceMilliseconds = 20_000;

/** What the connection needs of the browser; tests give their own. */
export interface Surroundings {
  open(url: string): EventSource;
  channel(name: string): Pick<BroadcastChannel, 'postMessage' | 'close' | 'onmessage'> | null;
  /** Resolves to a release function once this tab leads. */
  lead(name: string, signal: AbortSignal, whileLeading: () => Promise<void>): Promise<void>;
  hidden(): boolean;
  online(): boolean;
  now(): number;
  random(): number;
}

export const browser: Surroundings = {
  open: (url) => new EventSource(url),
  channel: (name) => (typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel(name)),
  lead: (name, signal, whileLeading) =>
    navigator.locks
      ? navigator.locks.request(name, { signal }, whileLeading).then(() => undefined)
      : whileLeading(),
  hidden: () => document.hidden,
  online: () => navigator.onLine,
  now: () => Date.now(),
  random: () => Math.random(),
};

export class StreamConnection {
  readonly #tab = crypto.randomUUID();
  readonly #listener: Listener;
  readonly #around: Surroundings;
  readonly #channel: ReturnType<Surroundings['channel']>;
  readonly #closed = new AbortController();

  /** What each tab wants, this one included; kept by every tab so that any can become leader. */
  readonly #wants = new Map<string, string[]>();
  #portfolios: string[] = [];
  #leading = false;
  #source: EventSource | null = null;
  /** Portfolios of the stream whose id was seen last: ids mean nothing to another stream. */
  #stream = '';
  #lastId = '';
  #attempt = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #hideTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(listener: Listener, around: Surroundings = browser) {
    this.#listener = listener;
    this.#around = around;
    this.#channel = around.channel(channelName);
    if (this.#channel) this.#channel.onmessage = ({ data }) => this.#hear(data as Message);
    const released = new Promise<void>((resolve) => {
      this.#closed.signal.addEventListener('abort', () => resolve());
    });
    around
      .lead(lockName, this.#closed.signal, () => {
        this.#leading = true;
        // A tab that crashed took its wish along: only those who answer count.
        const own = this.#wants.get(this.#tab) ?? [];
        this.#wants.clear();
        this.#wants.set(this.#tab, own);
        this.#send({ kind: 'roll call' });
        this.#reconcile();
        return released;
      })
      .catch(() => undefined); // Aborted before it ever led: nothing to undo.
  }

  /** Says which portfolios this tab shows; an empty list lets the stream go. */
  watch(portfolios: string[]): void {
    this.#portfolios = portfolios;
    this.#announce();
  }

  /** To be called when the page is shown or hidden. */
  visibilityChanged(): void {
    clearTimeout(this.#hideTimer);
    if (!this.#around.hidden()) this.#announce();
    else this.#hideTimer = setTimeout(() => this.#announce(), hiddenGraceMilliseconds);
  }

  /** To be called when the browser goes on or off line. */
  onlineChanged(): void {
    if (!this.#leading) return;
    if (this.#around.online()) {
      this.#attempt = 0;
      this.#disconnect();
      this.#reconcile();
    } else {
      this.#disconnect();
      this.#report({ kind: 'offline', since: this.#around.now() });
    }
  }

  /** Tries again at once, when somebody asks for it. */
  retryNow(): void {
    if (!this.#leading || this.#source) return;
    this.#disconnect();
    this.#reconcile();
  }

  close(): void {
    clearTimeout(this.#hideTimer);
    this.#send({ kind: 'want', tab: this.#tab, portfolios: [] });
    this.#disconnect();
    this.#closed.abort();
    this.#channel?.close();
  }

  #announce(): void {
    const portfolios = this.#around.hidden() ? [] : this.#portfolios;
    this.#wants.set(this.#tab, portfolios);
    this.#send({ kind: 'want', tab: this.#tab, portfolios });
    this.#reconcile();
  }

  #send(message: Message): void {
    this.#channel?.postMessage(message);
  }

  #hear(message: Message): void {
    switch (message.kind) {
      case 'want': {
        const before = this.#wants.get(message.tab) ?? [];
        if (message.portfolios.length > 0) this.#wants.set(message.tab, message.portfolios);
        else this.#wants.delete(message.tab);
        // A tab that comes to a portfolio already streamed still needs its snapshot: it asks the
        // server for the document itself, so the stream need not start again.
        if (before.join() !== message.portfolios.join()) this.#reconcile();
        if (this.#leading && this.#source?.readyState === EventSource.OPEN) {
          this.#send({ kind: 'connection', state: { kind: 'connected' } });
        }
        break;
      }
      case 'roll call':
        this.#send({
          kind: 'want',
          tab: this.#tab,
          portfolios: this.#around.hidden() ? [] : this.#portfolios,
        });
        break;
      case 'event':
        this.#stream = message.stream;
        this.#lastId = message.id;
        this.#listener.event(message.name, message.payload);
        break;
      case 'connection':
        this.#listener.connection(message.state);
        break;
    }
  }

  /** Makes the stream fit what is wanted; only the leader has one. */
  #reconcile(): void {
    if (!this.#leading || this.#closed.signal.aborted) return;
    const wanted = [...new Set([...this.#wants.values()].flat())].sort();
    const key = wanted.join(',');
    if (wanted.length === 0) {
      this.#disconnect();
      this.#report({ kind: 'idle' });
      return;
    }
    if (this.#source && key === this.#stream) return;
    if (key !== this.#stream) this.#lastId = '';
    this.#disconnect();
    this.#connect(key);
  }

  #connect(key: string): void {
    this.#stream = key;
    if (!this.#around.online()) {
      this.#report({ kind: 'offline', since: this.#around.now() });
      return;
    }
    this.#report({ kind: 'connecting' });
    const after = this.#lastId ? `&after=${encodeURIComponent(this.#lastId)}` : '';
    const source = this.#around.open(`/api/v1/stream?portfolio=${key}${after}`);
    this.#source = source;
    source.onopen = () => {
      this.#attempt = 0;
      this.#report({ kind: 'connected' });
    };
    for (const name of eventNames) {
      source.addEventListener(name, (event: MessageEvent<string>) => this.#pass(name, event));
    }
    source.onerror = () => {
      // The browser would retry by itself, but not after an answer such as 503, and without saying when.
      this.#disconnect();
      const delay = retryDelay(this.#attempt, this.#around.random);
      this.#attempt += 1;
      this.#report({ kind: 'waiting', until: this.#around.now() + delay });
      this.#listener.failed(this.#attempt);
      this.#retryTimer = setTimeout(() => this.#reconcile(), delay);
    };
  }

  #pass(name: StreamEvent, event: MessageEvent<string>): void {
    let payload: unknown;
    try {
      payload = JSON.parse(event.data);
    } catch {
      return; // A broken line: the next snapshot puts it right.
    }
    if (event.lastEventId) this.#lastId = event.lastEventId;
    this.#listener.event(name, payload);
    this.#send({ kind: 'event', name, payload, id: this.#lastId, stream: this.#stream });
  }

  #disconnect(): void {
    clearTimeout(this.#retryTimer);
    if (!this.#source) return;
    this.#source.onerror = null;
    this.#source.onopen = null;
    this.#source.close();
    this.#source = null;
  }

  #report(state: Connection): void {
    this.#listener.connection(state);
    this.#send({ kind: 'connection', state });
  }
}
