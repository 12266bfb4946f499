/**
 * A list that arrives page by page. The first page loads as a Resource does; the pages after it are
 * asked for, and are gone as soon as another first page is there: they continue only their own.
 */
import { asFault } from './fault';
import type { Fault } from './fault';
import { Resource } from './resource.svelte';

export interface Page {
  items: unknown[];
  next_cursor?: string | null;
}

interface Shown<P extends Page> {
  /** What the rest continues. */
  first: P;
  /** Of all pages so far. */
  items: P['items'];
  cursor: string | null;
  busy: boolean;
  fault: Fault | null;
}

export class Paged<P extends Page> {
  readonly #load: (cursor: string | undefined, signal?: AbortSignal) => Promise<P> | null;
  readonly #first: Resource<P>;
  #continued = $state.raw<Shown<P> | null>(null);
  readonly #shown = $derived.by<Shown<P> | null>(() => {
    const first = this.#first.data;
    if (!first) return null;
    if (this.#continued?.first === first) return this.#continued;
    return { first, items: first.items, cursor: first.next_cursor ?? null, busy: false, fault: null };
  });

  /**
   * To be made while a component is set up. `load` gets the page at a cursor, the first without one; it must
   * read its reactive state before its first await, and returns null while there is nothing to load.
   */
  constructor(load: (cursor: string | undefined, signal?: AbortSignal) => Promise<P> | null) {
    this.#load = load;
    this.#first = new Resource((signal) => load(undefined, signal));
  }

  /** The first page, with what the server says besides. */
  get first(): P | null {
    return this.#first.data;
  }
  /** Why there is no first page, or no newer one. */
  get fault(): Fault | null {
    return this.#first.fault;
  }
  /** Of all pages so far. */
  get items(): P['items'] {
    return this.#shown?.items ?? [];
  }
  get hasMore(): boolean {
    return this.#shown !== null && this.#shown.cursor !== null;
  }
  get moreBusy(): boolean {
    return this.#shown?.busy ?? false;
  }
  get moreFault(): Fault | null {
    return this.#shown?.fault ?? null;
  }

  reload(): void {
    this.#first.reload();
  }

  /** Gets the next page; nothing while one is on the way, or another first page is. */
  async more(): Promise<void> {
    const before = this.#shown;
    if (!before?.cursor || before.busy || this.#first.loading) return;
    const request = this.#load(before.cursor);
    if (!request) return;
    this.#continued = { ...before, busy: true, fault: null };
    try {
      const page = await request;
      const items = [...before.items, ...page.items];
      this.#continue({ ...before, items, cursor: page.next_cursor ?? null, fault: null });
    } catch (cause) {
      this.#continue({ ...before, fault: asFault(cause) });
    }
  }

  #continue(shown: Shown<P>): void {
    if (shown.first === this.#first.data) this.#continued = shown;
  }
}
