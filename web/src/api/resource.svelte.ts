/**
 * Something a screen loads: what arrived, why it failed, whether it is on the way. Loads anew whenever
 * reactive state read by `load` changes; the old data stays on screen meanwhile, so nothing jumps.
 */
import { untrack } from 'svelte';
import { asFault } from './fault';
import type { Fault } from './fault';

export class Resource<T> {
  #data = $state.raw<T | null>(null);
  #fault = $state.raw<Fault | null>(null);
  #loading = $state(true);
  #attempt = $state(0);

  /**
   * To be made while a component is set up. `load` must read its reactive state before its first await;
   * returning null means that there is nothing to load yet.
   */
  constructor(load: (signal: AbortSignal) => Promise<T> | null) {
    $effect(() => {
      void this.#attempt;
      const abort = new AbortController();
      const request = load(abort.signal);
      untrack(() => this.#follow(request, abort.signal));
      return () => abort.abort();
    });
  }

  get data(): T | null {
    return this.#data;
  }
  get fault(): Fault | null {
    return this.#fault;
  }
  get loading(): boolean {
    return this.#loading;
  }

  reload(): void {
    this.#attempt += 1;
  }

  /** Forgets what is shown, when it belongs to something else (another portfolio). */
  clear(): void {
    this.#data = null;
    this.#fault = null;
  }

  #follow(request: Promise<T> | null, signal: AbortSignal): void {
    if (!request) {
      this.#data = null;
      this.#loading = false;
      return;
    }
    this.#loading = true;
    request.then(
      (data) => {
        if (signal.aborted) return;
        this.#data = data;
        this.#fault = null;
        this.#loading = false;
      },
      (cause: unknown) => {
        if (signal.aborted) return;
        this.#fault = asFault(cause);
        this.#loading = false;
      },
    );
  }
}
