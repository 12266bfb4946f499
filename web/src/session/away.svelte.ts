/** What the service does without at this moment, as its last answer or its stream said; all of the page goes by this. */
import { onAway } from '../api';
import type { Away } from '../api';

let parts = $state.raw<readonly Away[]>([]);

export const away = {
  /** What is shown comes from memory, and nothing can be changed. */
  get database(): boolean {
    return parts.includes('database');
  },
  /** All can be read, and no change can be kept. */
  get disk(): boolean {
    return parts.includes('disk');
  },
  /** Changes are found by looking now and then. */
  get bus(): boolean {
    return parts.includes('bus');
  },
  /** Takes what an answer or the stream said. */
  said(now: readonly Away[]): void {
    if (now.join() !== parts.join()) parts = now;
  },
};

onAway((now) => away.said(now));
