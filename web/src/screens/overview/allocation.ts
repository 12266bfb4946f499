/** Allocation as it is drawn: seven colours at most, the seventh for what is put together as "Other". */
import type { AllocationItem } from '../../api';
import { decimal } from '../../format';

export const partsMax = 7;

export interface Part {
  key: string;
  label: string;
  value: string;
  share: string;
  /** 1 to 7, the colour of this part. */
  colour: number;
}

export function allocationParts(items: AllocationItem[]): Part[] {
  const named = items.length > partsMax ? items.slice(0, partsMax - 1) : items;
  const rest = items.slice(named.length);
  const parts = named.map(({ key, label, value, share }, index) => ({
    key,
    label,
    value,
    share,
    colour: index + 1,
  }));
  if (rest.length === 0) return parts;
  return [
    ...parts,
    {
      key: 'other',
      label: `Other, ${rest.length} more`,
      value: decimal.sum(rest.map((item) => item.value)),
      share: decimal.sum(rest.map((item) => item.share)),
      colour: partsMax,
    },
  ];
}
