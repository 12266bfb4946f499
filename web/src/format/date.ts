/** Days and times for people. A day ("2026-11-19") has no zone; an instant is shown in the browser's zone. */
import { wordLocale } from './locale';
import { noBreakSpace, unknown } from './number';

const formats = new Map<string, Intl.DateTimeFormat>();

function format(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${wordLocale()} ${JSON.stringify(options)}`;
  let known = formats.get(key);
  if (!known) {
    known = new Intl.DateTimeFormat(wordLocale(), options);
    formats.set(key, known);
  }
  return known;
}

function dayInstant(date: string): Date {
  return new Date(`${date}T00:00:00Z`);
}

/** "19 Nov 2026". */
export function day(date: string | null | undefined): string {
  if (!date) return unknown;
  return format({ day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' }).format(
    dayInstant(date),
  );
}

/** A sentence of the server's with its days as people write them. */
export function withDays(text: string): string {
  return text.replace(/\b\d{4}-\d{2}-\d{2}\b/g, (date) => day(date));
}

/** "19 Nov", for what is plainly this year. */
export function shortDay(date: string | null | undefined): string {
  if (!date) return unknown;
  return format({ day: 'numeric', month: 'short', timeZone: 'UTC' }).format(dayInstant(date));
}

/** "Nov 2026". */
export function month(date: string): string {
  return format({ month: 'short', year: 'numeric', timeZone: 'UTC' }).format(dayInstant(date));
}

/** "18:05" of an instant, in the browser's zone. */
export function time(instant: string | null | undefined): string {
  if (!instant) return unknown;
  return format({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(new Date(instant));
}

/** "18:05:12". */
export function timeWithSeconds(instant: string | null | undefined): string {
  if (!instant) return unknown;
  return format({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).format(
    new Date(instant),
  );
}

/** "19 Nov 2026, 18:05". */
export function dayAndTime(instant: string | null | undefined): string {
  if (!instant) return unknown;
  return `${format({ day: 'numeric', month: 'short', year: 'numeric' }).format(new Date(instant))}, ${time(instant)}`;
}

const minute = 60_000;
const hour = 60 * minute;
const dayLength = 24 * hour;

/** How long ago, in the largest unit that still says something: "40 s", "12 min", "26 h", "3 days". */
export function age(instant: string, now: Date): string {
  const past = Math.max(0, now.getTime() - new Date(instant).getTime());
  if (past < minute) return `${Math.floor(past / 1000)}${noBreakSpace}s`;
  if (past < hour) return `${Math.floor(past / minute)}${noBreakSpace}min`;
  if (past < 48 * hour) return `${Math.floor(past / hour)}${noBreakSpace}h`;
  return `${Math.floor(past / dayLength)}${noBreakSpace}days`;
}

/** Today's day in the browser's zone, "YYYY-MM-DD". */
export function today(now: Date = new Date()): string {
  const pad = (value: number): string => String(value).padStart(2, '0');
  return `${now.getFullYear()}-${pad(now.getMonth() + 1)}-${pad(now.getDate())}`;
}

/** The day `months` before `date`; the last day of a shorter month stays in it. */
export function monthsBefore(date: string, months: number): string {
  const from = dayInstant(date);
  const target = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() - months + 1, 0));
  const last = target.getUTCDate();
  target.setUTCDate(Math.min(from.getUTCDate(), last));
  return target.toISOString().slice(0, 10);
}

/** The day `days` before `date`. */
export function daysBefore(date: string, days: number): string {
  return new Date(dayInstant(date).getTime() - days * dayLength).toISOString().slice(0, 10);
}
