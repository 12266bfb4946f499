/** When something that is given away ends. */
import { present } from '../settings/present';

export const spans = [
  { days: 7, label: 'A week' },
  { days: 30, label: '30 days' },
  { days: 90, label: '90 days' },
  { days: 365, label: 'A year' },
];

/** The end of that many days from today. The same form sent twice must be the same request: a whole day, not this moment. */
export function endsAfter(days: number): string {
  const today = Date.parse(`${present().toISOString().slice(0, 10)}T00:00:00Z`);
  return new Date(today + days * 86_400_000).toISOString();
}
