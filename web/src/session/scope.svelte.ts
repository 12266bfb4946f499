/** Which portfolio is looked at: the list of those one may see and the chosen one, kept per browser. */
import { accounts as accountApi, asFault, portfolios as api } from '../api';
import type { Account, Fault, PortfolioItem } from '../api';
import { reaches } from './levels';
import type { Level } from './levels';

const key = 'folioscope.portfolio';

let items = $state.raw<PortfolioItem[]>([]);
let accounts = $state.raw<Account[]>([]);
let loaded = $state(false);
let fault = $state.raw<Fault | null>(null);
let chosenId = $state<string | null>(null);

function remembered(): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export const scope = {
  /** All portfolios, closed ones too. */
  get all(): PortfolioItem[] {
    return items;
  },
  get open(): PortfolioItem[] {
    return items.filter((item) => !item.closed);
  },
  /** True once the list has arrived (or failed). */
  get loaded(): boolean {
    return loaded;
  },
  get fault(): Fault | null {
    return fault;
  },
  /** The portfolio looked at; null when there is none yet. */
  get current(): PortfolioItem | null {
    return items.find((item) => item.id === chosenId) ?? null;
  },
  get id(): string | null {
    return this.current?.id ?? null;
  },
  /** Whether one may do that much with the portfolio looked at. */
  may(level: Level): boolean {
    return reaches(this.current?.role, level);
  },
  /** Accounts of the current portfolio. */
  get accounts(): Account[] {
    return accounts;
  },

  /** Fetches the list and keeps the choice where it still exists, else takes the first open one. */
  async load(): Promise<void> {
    try {
      items = (await api.list()).items;
      fault = null;
      const wanted = [chosenId, remembered()].find((id) =>
        items.some((item) => item.id === id && !item.closed),
      );
      chosenId = wanted ?? this.open[0]?.id ?? null;
      await this.loadAccounts();
    } catch (cause) {
      fault = asFault(cause);
    } finally {
      loaded = true;
    }
  },

  async loadAccounts(): Promise<void> {
    const id = chosenId;
    if (!id || !this.may('view')) {
      accounts = [];
      return;
    }
    const list = (await accountApi.list(id)).items;
    if (id === chosenId) accounts = list;
  },

  choose(id: string): void {
    if (id === chosenId) return;
    chosenId = id;
    accounts = [];
    try {
      localStorage.setItem(key, id);
    } catch {
      // Then the choice lasts as long as the page.
    }
    this.loadAccounts().catch((cause: unknown) => {
      fault = asFault(cause);
    });
  },

  /** Forgets everything, on signing out. */
  clear(): void {
    items = [];
    accounts = [];
    loaded = false;
    fault = null;
    chosenId = null;
  },
};
