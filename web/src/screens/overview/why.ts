/** One or two sentences in plain words on what moved the portfolio today. */
import type { Contribution } from '../../api';
import { decimal, money } from '../../format';
import { currencyWord } from './ledger';

/** A second name joins the first when it did at least this share of what the first did. */
const secondShareMin = 0.3;
/** What ran the other way is worth a sentence from this share of the main movers on. */
const againstShareMin = 0.08;
/** Below this change, in percent points, a day is quiet. */
const quietPercentMax = '0.05';

export interface Day {
  change: string | null;
  percent: string | null;
  contributions: Contribution[];
  currency: string;
  /** Amounts are not to be named. */
  hidden: boolean;
}

export function whyItMoved(day: Day): string {
  if (day.change === null)
    return 'There is no change to explain yet: no price has come in since the last close.';
  const moved = day.contributions.filter((entry) => decimal.sign(entry.amount) !== 0);
  if (moved.length === 0) return 'Nothing has moved since the last close.';

  const direction = decimal.sign(day.change);
  const up = strongest(moved, 1);
  const down = strongest(moved, -1);
  const quiet = day.percent !== null && decimal.compare(decimal.absolute(day.percent), quietPercentMax) < 0;
  if (direction === 0 || (quiet && up.length > 0 && down.length > 0)) return quietDay(up, down);

  const [main, against] = direction > 0 ? [up, down] : [down, up];
  const first = `${capital(names(main))} ${direction > 0 ? 'carried the day' : 'weighed on the day'}.`;
  const second = counter(main, against, direction, day);
  return second ? `${first} ${second}` : first;
}

function quietDay(up: Contribution[], down: Contribution[]): string {
  const [best] = up;
  const [worst] = down;
  if (!best || !worst) return 'A quiet day.';
  return `A quiet day. What ${nameOf(best)} gained, ${nameOf(worst)} took away.`;
}

function counter(main: Contribution[], against: Contribution[], direction: number, day: Day): string | null {
  if (against.length === 0) return null;
  const lost = size(against);
  if (decimal.toNumber(lost) < againstShareMin * decimal.toNumber(size(main))) return null;
  const part = day.hidden ? 'part' : `some ${about(lost, day.currency)}`;
  return `${capital(names(against))} ${direction > 0 ? `took back ${part}` : `made up for ${part}`} of it.`;
}

/** One or two of the largest that moved in the direction. */
function strongest(entries: Contribution[], direction: 1 | -1): Contribution[] {
  const sorted = entries
    .filter((entry) => decimal.sign(entry.amount) === direction)
    .sort((a, b) => decimal.compare(decimal.absolute(b.amount), decimal.absolute(a.amount)));
  const [first, second] = sorted;
  if (!first) return [];
  if (!second) return [first];
  const ratio = decimal.toNumber(second.amount) / decimal.toNumber(first.amount);
  return ratio >= secondShareMin ? [first, second] : [first];
}

function size(entries: Contribution[]): string {
  return decimal.sum(entries.map((entry) => decimal.absolute(entry.amount)));
}

/** Rounded as one would say it: two leading digits up to a thousand, "€400", "€1,300". */
function about(amount: string, currency: string): string {
  const whole = decimal.round(amount, 0);
  const places = Math.max(0, whole.length - (whole.length > 3 ? 2 : 1));
  const said = decimal.shift(decimal.round(decimal.shift(whole, -places), 0), places);
  return money(said === '0' ? amount : said, currency, said === '0' ? {} : { digits: 0 });
}

function names(entries: Contribution[]): string {
  return entries.map(nameOf).join(' and ');
}

function nameOf(entry: Contribution): string {
  if (entry.kind === 'currency') {
    const word = currencyWord(entry.currency ?? entry.label ?? '');
    return decimal.sign(entry.amount) > 0 ? `a firmer ${word}` : `a weaker ${word}`;
  }
  if (entry.kind === 'cash') return entry.currency ? `cash in ${currencyWord(entry.currency)}` : 'cash';
  return entry.label || 'an unnamed holding';
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
