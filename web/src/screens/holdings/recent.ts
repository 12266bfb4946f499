/** The last weeks of closes for the small lines of the table: asked for once a day and instrument, a few at a time. */
import { portfolios } from '../../api';
import { daysBefore, decimal, today } from '../../format';

export const recentDays = 90;
/** Small lines must not stand in the way of what the page needs first. */
const requestsMax = 2;

const known = new Map<string, Promise<number[]>>();
const waiting: (() => void)[] = [];
let running = 0;

/** Closes as drawn across splits, oldest first; empty when there are none or they did not load. */
export function recentCloses(portfolioId: string, instrumentId: string): Promise<number[]> {
  const to = today();
  const key = `${portfolioId} ${instrumentId} ${to}`;
  let closes = known.get(key);
  if (!closes) {
    closes = load(portfolioId, instrumentId, to, key);
    known.set(key, closes);
  }
  return closes;
}

async function load(portfolioId: string, instrumentId: string, to: string, key: string): Promise<number[]> {
  if (running >= requestsMax) await new Promise<void>((resolve) => waiting.push(resolve));
  running += 1;
  try {
    const period = { from: daysBefore(to, recentDays), to };
    const { prices } = await portfolios.prices(portfolioId, instrumentId, period);
    return prices.map(({ adjusted }) => decimal.toNumber(adjusted));
  } catch {
    // A missing line says little; asking again comes with the next visit.
    known.delete(key);
    return [];
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}
