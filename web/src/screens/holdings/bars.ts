/** Closes as pairs. JSON schema only knows lists of text, so what is not a whole pair is left out here. */
import type { Bar } from '../../charts/marks';

export function barPairs(bars: readonly (readonly string[] | null)[] | null): Bar[] {
  return (bars ?? []).flatMap((bar) => {
    const [date, close] = bar ?? [];
    return date !== undefined && close !== undefined ? [[date, close] satisfies Bar] : [];
  });
}
