/** Which figure is being asked about: "how is this computed?" is open for one figure at a time. */
import type { LotRules } from '../api';

export interface Question extends LotRules {
  portfolioId: string;
  /** A path into the performance: "totals.profit", "positions[NVDA].value_base". */
  figure: string;
  from?: string;
  to?: string;
  /** What the page calls it; the server's own label is shown once it is there. */
  title: string;
  /** The button it was asked by: marked, and given the focus back. */
  by: string;
  /** The button stands where the panel would come up on its usual side. */
  atRight: boolean;
}

let asked = $state.raw<Question | null>(null);

export const trail = {
  get asked(): Question | null {
    return asked;
  },
  ask(question: Question): void {
    asked = question;
  },
  close(): void {
    const by = asked?.by;
    asked = null;
    if (by) document.getElementById(by)?.focus();
  },
  /** The page went away: there is nothing left to give the focus back to. */
  forget(): void {
    asked = null;
  },
};
