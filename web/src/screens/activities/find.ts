/** One activity by its id: the API lists them, so the list is read until it comes up. */
import { activities } from '../../api';
import type { Activity } from '../../api';

const pageRows = 500;
/** 100,000 activities are more than anybody waits for. */
const pagesMax = 200;

export async function findActivity(
  portfolioId: string,
  id: string,
  signal: AbortSignal,
): Promise<Activity | null> {
  let cursor: string | undefined;
  for (let page = 0; page < pagesMax; page++) {
    const { items, next_cursor } = await activities.list(
      portfolioId,
      { limit: pageRows, cursor, voided: true },
      signal,
    );
    const found = items.find((item) => item.id === id);
    if (found) return found;
    if (!next_cursor) return null;
    cursor = next_cursor;
  }
  return null;
}
