/** One's rules as they stand: the masthead counts those that fire, the screen lists them. */
import { alerts as api, asFault } from '../api';
import type { Alert, AlertList, Fault } from '../api';
import { isFiring } from './standing';

let items = $state.raw<Alert[] | null>(null);
let fault = $state.raw<Fault | null>(null);
let evaluated = $state.raw<Pick<AlertList, 'evaluated_at' | 'evaluated_why'>>({
  evaluated_at: null,
  evaluated_why: null,
});

export const alerts = {
  /** Null until they have arrived. */
  get items(): Alert[] | null {
    return items;
  },
  get fault(): Fault | null {
    return fault;
  },
  /** Until when all of them were looked at against every price, or why nobody knows. */
  get evaluated(): typeof evaluated {
    return evaluated;
  },
  get firing(): number {
    return items?.filter(isFiring).length ?? 0;
  },
  async load(): Promise<void> {
    try {
      const { items: all, ...rest } = await api.list();
      items = all;
      evaluated = rest;
      fault = null;
    } catch (cause) {
      fault = asFault(cause);
    }
  },
  /** A rule as the server gave it back, in place of the one it was or behind all others. */
  put(alert: Alert): void {
    const all = items ?? [];
    items = all.some(({ id }) => id === alert.id)
      ? all.map((one) => (one.id === alert.id ? alert : one))
      : [...all, alert];
  },
  drop(id: string): void {
    items = items?.filter((one) => one.id !== id) ?? null;
  },
  /** Forgets everything, on signing out. */
  clear(): void {
    items = null;
    fault = null;
  },
};
