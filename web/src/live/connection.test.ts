import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StreamConnection } from './connection';
import type { Connection, Listener, StreamEvent, Surroundings } from './connection';

/** An event source the test plays the server of. */
class FakeSource {
  static readonly all: FakeSource[] = [];
  readyState = 0;
  closed = false;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  readonly #listeners = new Map<string, (event: unknown) => void>();

  constructor(readonly url: string) {
    FakeSource.all.push(this);
  }
  addEventListener(name: string, listener: (event: unknown) => void): void {
    this.#listeners.set(name, listener);
  }
  close(): void {
    this.closed = true;
    this.readyState = 2;
  }
  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }
  emit(name: StreamEvent, payload: unknown, id: string): void {
    this.#listeners.get(name)?.({ data: JSON.stringify(payload), lastEventId: id });
  }
}

/** Channel and lock of one browser, shared by its tabs. */
class FakeBrowser {
  readonly #channels = new Set<{ onmessage: ((event: MessageEvent) => void) | null }>();
  readonly #queue: (() => void)[] = [];
  #held = false;
  hiddenTabs = new Set<string>();
  onlineNow = true;

  tab(name: string): Surroundings {
    return {
      open: (url) => new FakeSource(url) as unknown as EventSource,
      channel: () => {
        const channels = this.#channels;
        const own = {
          onmessage: null as ((event: MessageEvent) => void) | null,
          postMessage(data: unknown): void {
            for (const other of channels) {
              if (other !== own) other.onmessage?.({ data: structuredClone(data) } as MessageEvent);
            }
          },
          close(): void {
            channels.delete(own);
          },
        };
        channels.add(own);
        return own;
      },
      lead: async (_, signal, whileLeading) => {
        if (this.#held) {
          await new Promise<void>((resolve) => this.#queue.push(resolve));
        }
        if (signal.aborted) return;
        this.#held = true;
        await whileLeading();
        this.#held = false;
        this.#queue.shift()?.();
      },
      hidden: () => this.hiddenTabs.has(name),
      online: () => this.onlineNow,
      now: () => Date.now(),
      random: () => 1,
    };
  }
}

class Recorder implements Listener {
  events: [StreamEvent, unknown][] = [];
  state: Connection | null = null;
  failures = 0;
  event(name: StreamEvent, payload: unknown): void {
    this.events.push([name, payload]);
  }
  connection(state: Connection): void {
    this.state = state;
  }
  failed(): void {
    this.failures += 1;
  }
}

const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);
const last = (): FakeSource => FakeSource.all.at(-1)!;
const opened = (): number => FakeSource.all.filter((source) => !source.closed).length;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('EventSource', { OPEN: 1 });
  FakeSource.all.length = 0;
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe('StreamConnection', () => {
  it('opens one stream, passes events on and resumes after the last id', async () => {
    const heard = new Recorder();
    const connection = new StreamConnection(heard, new FakeBrowser().tab('one'));
    connection.watch(['p1']);
    await settle();
    expect(last().url).toBe('/api/v1/stream?portfolio=p1');
    expect(heard.state).toEqual({ kind: 'connecting' });
    last().open();
    expect(heard.state).toEqual({ kind: 'connected' });
    last().emit('snapshot', { id: 'p1' }, '41');
    last().emit('delta', { id: 'p1' }, '42');
    expect(heard.events.map(([name]) => name)).toEqual(['snapshot', 'delta']);

    last().onerror?.();
    expect(heard.state).toMatchObject({ kind: 'waiting' });
    expect(heard.failures).toBe(1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(last().url).toBe('/api/v1/stream?portfolio=p1&after=42');
    expect(opened()).toBe(1);
  });

  it('waits longer after each failure and starts over after a success', async () => {
    const heard = new Recorder();
    const connection = new StreamConnection(heard, new FakeBrowser().tab('one'));
    connection.watch(['p1']);
    await settle();
    last().onerror?.();
    await vi.advanceTimersByTimeAsync(1000);
    last().onerror?.();
    expect(heard.state).toEqual({ kind: 'waiting', until: Date.now() + 2000 });
    await vi.advanceTimersByTimeAsync(2000);
    last().open();
    last().onerror?.();
    expect(heard.state).toEqual({ kind: 'waiting', until: Date.now() + 1000 });
  });

  it('shares one stream between tabs and hands it over when the leader closes', async () => {
    const machine = new FakeBrowser();
    const [first, second] = [new Recorder(), new Recorder()];
    const leader = new StreamConnection(first, machine.tab('one'));
    leader.watch(['p1']);
    await settle();
    const follower = new StreamConnection(second, machine.tab('two'));
    follower.watch(['p1']);
    await settle();
    expect(opened()).toBe(1);
    last().open();
    last().emit('delta', { id: 'p1' }, '9');
    expect(second.events).toHaveLength(1);
    expect(second.state).toEqual({ kind: 'connected' });

    leader.close();
    await settle();
    expect(opened()).toBe(1);
    expect(last().url).toBe('/api/v1/stream?portfolio=p1&after=9');
    last().emit('delta', { id: 'p1' }, '10');
    expect(second.events).toHaveLength(2);
  });

  it('tells all tabs of the inbox and resumes where it was', async () => {
    const machine = new FakeBrowser();
    const [first, second] = [new Recorder(), new Recorder()];
    const leader = new StreamConnection(first, machine.tab('one'));
    leader.watch(['p1']);
    await settle();
    new StreamConnection(second, machine.tab('two')).watch(['p1']);
    await settle();
    last().open();
    last().emit('delta', { id: 'p1' }, '9');
    last().emit('inbox', {}, '9');
    for (const { events } of [first, second])
      expect(events.map(([name]) => name)).toEqual(['delta', 'inbox']);

    last().onerror?.();
    await vi.advanceTimersByTimeAsync(1000);
    expect(last().url).toBe('/api/v1/stream?portfolio=p1&after=9');
  });

  it('streams the portfolios of all tabs', async () => {
    const machine = new FakeBrowser();
    const leader = new StreamConnection(new Recorder(), machine.tab('one'));
    leader.watch(['p2']);
    await settle();
    const follower = new StreamConnection(new Recorder(), machine.tab('two'));
    follower.watch(['p1']);
    await settle();
    expect(last().url).toBe('/api/v1/stream?portfolio=p1,p2');
    expect(opened()).toBe(1);
    follower.watch([]);
    await settle();
    expect(last().url).toBe('/api/v1/stream?portfolio=p2');
  });

  it('lets the stream go a while after the page is hidden and takes it up when shown', async () => {
    const machine = new FakeBrowser();
    const heard = new Recorder();
    const connection = new StreamConnection(heard, machine.tab('one'));
    connection.watch(['p1']);
    await settle();
    machine.hiddenTabs.add('one');
    connection.visibilityChanged();
    await vi.advanceTimersByTimeAsync(5000);
    expect(opened()).toBe(1);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(opened()).toBe(0);
    expect(heard.state).toEqual({ kind: 'idle' });
    machine.hiddenTabs.clear();
    connection.visibilityChanged();
    expect(opened()).toBe(1);
  });

  it('says offline at once and reconnects when back on line', async () => {
    const machine = new FakeBrowser();
    const heard = new Recorder();
    const connection = new StreamConnection(heard, machine.tab('one'));
    connection.watch(['p1']);
    await settle();
    machine.onlineNow = false;
    connection.onlineChanged();
    expect(heard.state).toMatchObject({ kind: 'offline' });
    expect(opened()).toBe(0);
    machine.onlineNow = true;
    connection.onlineChanged();
    expect(opened()).toBe(1);
  });

  it('drops a broken payload', async () => {
    const heard = new Recorder();
    const connection = new StreamConnection(heard, new FakeBrowser().tab('one'));
    connection.watch(['p1']);
    await settle();
    const source = last();
    const emit = source.emit.bind(source);
    vi.spyOn(JSON, 'parse').mockImplementationOnce(() => {
      throw new SyntaxError('cut off');
    });
    emit('delta', {}, '1');
    expect(heard.events).toHaveLength(0);
  });
});
