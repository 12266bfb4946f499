/** How a rule stands, as one sees it in a list: a glyph, a few words, and whether somebody should look. */
import type { Alert } from '../api';
import type { IconName } from '../components/Icon.svelte';
import { dayAndTime } from '../format';

export interface StandingWords {
  icon: IconName;
  words: string;
  tone: 'armed' | 'quiet' | 'warn' | 'bad';
}

const minuteMilliseconds = 60_000;

/** A time ahead in the largest unit that says enough: "3 h", "20 min". */
function left(milliseconds: number): string {
  const minutes = Math.max(1, Math.ceil(milliseconds / minuteMilliseconds));
  if (minutes < 60) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 60 / 24)} days`;
}

export function standingWords(alert: Alert, now: Date): StandingWords {
  const { state, told_at, ended } = alert.state;
  if (ended)
    return { icon: 'check', words: alert.repeat === 'once' ? 'Told, ended' : 'Ended', tone: 'quiet' };
  if (alert.snoozed_until && new Date(alert.snoozed_until) > now)
    return { icon: 'closed', words: `Snoozed until ${dayAndTime(alert.snoozed_until)}`, tone: 'quiet' };
  switch (state) {
    case 'firing':
      return { icon: 'bell', words: 'Firing', tone: 'bad' };
    case 'no_data':
      return { icon: 'none', words: 'No data', tone: 'warn' };
    case 'error':
      return { icon: 'cross', words: 'Error', tone: 'bad' };
    case 'pending':
      return { icon: 'delayed', words: 'Holds, waiting', tone: 'quiet' };
    default: {
      const rests = told_at ? new Date(told_at).getTime() + alert.cooldown_minutes * minuteMilliseconds : 0;
      if (rests > now.getTime())
        return { icon: 'delayed', words: `Resting, ${left(rests - now.getTime())} left`, tone: 'quiet' };
      return { icon: 'live', words: 'Armed', tone: 'armed' };
    }
  }
}

export const isFiring = (alert: Alert): boolean => alert.state.state === 'firing' && !alert.state.ended;
export const isTrouble = (alert: Alert): boolean =>
  !alert.state.ended && (alert.state.state === 'no_data' || alert.state.state === 'error');

/** "4 rules. 1 firing, 1 without data." */
export function counted(alerts: readonly Alert[]): string {
  const rules = alerts.length === 1 ? '1 rule' : `${alerts.length} rules`;
  const states = [
    [alerts.filter(isFiring).length, 'firing'],
    [alerts.filter(({ state }) => !state.ended && state.state === 'no_data').length, 'without data'],
    [alerts.filter(({ state }) => !state.ended && state.state === 'error').length, 'in error'],
  ] as const;
  const parts = states.filter(([count]) => count > 0).map(([count, words]) => `${count} ${words}`);
  return parts.length > 0 ? `${rules}. ${parts.join(', ')}.` : `${rules}.`;
}
