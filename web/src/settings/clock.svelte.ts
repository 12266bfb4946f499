/** The present as reactive state, so that ages on screen grow without a reload. */
import { present } from './present';

let minute = $state.raw(present());
let second = $state.raw(present());

export const clock = {
  /** Moves once a minute. */
  get minute(): Date {
    return minute;
  },
  /** Moves once a second; only for a countdown. */
  get second(): Date {
    return second;
  },
};

/** Starts the ticking; the returned function stops it. */
export function startClock(): () => void {
  const seconds = setInterval(() => {
    second = present();
    if (second.getTime() - minute.getTime() >= 60_000) minute = second;
  }, 1000);
  return () => clearInterval(seconds);
}
