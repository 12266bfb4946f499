/** One activity that a link names: the API lists them, so the list is read until it comes up. */
import { activities } from '../../api';
import type { Activity } from '../../api';

const pageRows = 500;
/** 100,000 activities are more than anybody waits for. */
const pagesMax = 200;

const disposals = new Set(['sell', 'transfer', 'deliver_out']);

/** Whether this is the one: by its id, or "SYMBOL@DAY", a disposal of that day which names no lots. */
export function isNamed(activity: Activity, name: string): boolean {
  if (activity.id === name) return true;
  const { symbol, date, type, lots } = activity;
  return disposals.has(type) && `${symbol}@${date}` === name && !lots?.length;
}

export async function findActivity(
  portfolioId: string,
  name: string,
  signal: AbortSignal,
): Promise<Activity | null> {
  let cursor: string | undefined;
  for (let page = 0; page < pagesMax; page++) {
    const answer = await activities.list(portfolioId, { limit: pageRows, cursor, voided: true }, signal);
    const found = answer.items.find((item) => !item.voided && isNamed(item, name));
    if (found) return found;
    if (!answer.next_cursor) return null;
    cursor = answer.next_cursor;
  }
  return null;
}
