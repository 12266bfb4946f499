/** One activity that a link names: the API lists them, so the list is read until it comes up. */
import { activities } from '../../api';
import type { Activity } from '../../api';

const pageRows = 500;
/** 100,000 activities are more than anybody waits for. */
const pagesMax = 200;

export async function findActivity(
  portfolioId: string,
  activityId: string,
  signal: AbortSignal,
): Promise<Activity | null> {
  let cursor: string | undefined;
  for (let page = 0; page < pagesMax; page++) {
    const answer = await activities.list(portfolioId, { limit: pageRows, cursor, voided: true }, signal);
    const found = answer.items.find((item) => !item.voided && item.id === activityId);
    if (found) return found;
    if (!answer.next_cursor) return null;
    cursor = answer.next_cursor;
  }
  return null;
}
