/** What a rule waits for, as one reads it in a list. */
import type { Alert } from '../api';
import { privacy } from '../settings/privacy.svelte';
import { isAmount, kindWords } from './kinds';

/** With amounts hidden only what it looks at. */
export function says({ condition, sentence }: Alert): string {
  return privacy.on && isAmount(condition) ? kindWords[condition.kind].label : sentence;
}
