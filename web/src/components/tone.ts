import { decimal } from '../format';

export type Tone = 'gain' | 'loss' | 'flat';

/** The class that colours a change of value; unknown and zero are flat. */
export function tone(value: string | null | undefined): Tone {
  if (value === null || value === undefined) return 'flat';
  const direction = decimal.sign(value);
  return direction > 0 ? 'gain' : direction < 0 ? 'loss' : 'flat';
}
