/** Allocation as it is drawn: seven colours at most, the seventh for what is put together as "Other". */
import type { Dimension } from '../../api';
import { currencyName, decimal, wordLocale } from '../../format';

export const partsMax = 7;

/** A share by the name people use: the server sends codes of countries and currencies. */
export function shareLabel(by: Dimension, { key, label }: { key: string; label: string }): string {
  if (key === 'cash') return 'Cash';
  if (label !== key) return label;
  if (by === 'country' && /^[A-Z]{2}$/.test(key)) return regionName(key);
  if (by === 'currency' && /^[A-Z]{3}$/.test(key)) return currencyName(key);
  return label;
}

function regionName(code: string): string {
  try {
    return new Intl.DisplayNames([wordLocale()], { type: 'region' }).of(code) ?? code;
  } catch {
    return code;
  }
}

export interface Part {
  key: string;
  label: string;
  /** Left out where no amounts are shown. */
  value?: string;
  share: string;
  /** 1 to 7, the colour of this part. */
  colour: number;
}

type Item = Pick<Part, 'key' | 'label' | 'value' | 'share'>;

export function allocationParts(items: Item[], by: Dimension): Part[] {
  const named = items.length > partsMax ? items.slice(0, partsMax - 1) : items;
  const rest = items.slice(named.length);
  const parts = named.map(({ key, label, value, share }, index) => ({
    key,
    label: shareLabel(by, { key, label }),
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
      value: decimal.sum(rest.flatMap((item) => item.value ?? [])),
      share: decimal.sum(rest.map((item) => item.share)),
      colour: partsMax,
    },
  ];
}
