/** What a rule waits for, as one reads it in a list. */
import type { Alert } from '../api';
import { decimal, noBreakSpace, number } from '../format';
import { privacy } from '../settings/privacy.svelte';
import { isAmount, kindWords } from './kinds';

/** The level, which ends the server's sentence, in the reader's own digits. */
export function withLocalLevel(sentence: string, threshold: string | undefined): string {
  if (threshold === undefined) return sentence;
  const plain = ` ${threshold.replace('-', '\u2212')}`;
  const at = sentence.lastIndexOf(plain);
  const rest = sentence.slice(at + plain.length);
  if (at < 0 || (rest !== '' && !rest.startsWith(noBreakSpace))) return sentence;
  return `${sentence.slice(0, at)} ${number(threshold, { digitsMin: decimal.digits(threshold) })}${rest}`;
}

/** With amounts hidden only what it looks at. */
export function says({ condition, sentence }: Alert): string {
  if (privacy.on && isAmount(condition)) return kindWords[condition.kind].label;
  return withLocalLevel(sentence, condition.threshold);
}
