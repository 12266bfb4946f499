/** The last weeks of closes for the small lines of the table: asked for once a day and instrument, a few at a time. */
import { instruments } from '../../api';
import { daysBefore, decimal, today } from '../../format';
import { barPairs } from './bars';

export const recentDays = 90;
/** Small lines must not stand in the way of what the page needs first. */
const requestsMax = 2;

const known = new Map<string, Promise<number[]>>();
const waiting: (() => void)[] = [];
let running = 0;

/** Closes, oldest first; empty when there are none or they did not load. */
export function recentCloses(instrumentId: string): Promise<number[]> {
  const to = today();
  const key = `${instrumentId} ${to}`;
  let closes = known.get(key);
  if (!closes) {
    closes = load(instrumentId, to);
    known.set(key, closes);
  }
  return closes;
}

async function load(instrumentId: string, to: string): Promise<number[]> {
  if (running >= requestsMax) await new Promise<void>((resolve) => waiting.push(resolve));
  running += 1;
  try {
    const { bars } = await instruments.bars(instrumentId, { from: daysBefore(to, recentDays), to });
    return barPairs(bars).map(([, close]) => decimal.toNumber(close));
  } catch {
    // A missing line says little; asking again comes with the next visit.
    known.delete(`${instrumentId} ${to}`);
    return [];
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}
