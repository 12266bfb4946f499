/** All ways of matching lots side by side: rows by method, or one holding by every method. */
import type { LotMethodFigures, LotMethodPosition, LotMethods } from '../../api';

/** Stable key of one combination. */
export function comboKey({
  lot_method,
  lot_scope,
}: Pick<LotMethodFigures, 'lot_method' | 'lot_scope'>): string {
  return `${lot_method} ${lot_scope}`;
}

export interface HoldingChoice {
  id: string;
  name: string;
  symbol: string;
}

/** Every holding that any of the methods knows, by name. */
export function holdingsOf({ items }: LotMethods): HoldingChoice[] {
  const found = new Map<string, HoldingChoice>();
  for (const { positions } of items) {
    for (const { instrument_id, name, symbol } of positions) {
      found.set(instrument_id, { id: instrument_id, name, symbol });
    }
  }
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name));
}

export function positionOf(item: LotMethodFigures, instrumentId: string): LotMethodPosition | null {
  return item.positions.find(({ instrument_id }) => instrument_id === instrumentId) ?? null;
}

/** How many lots are left under a method. */
export function lotsOf({ positions }: LotMethodFigures): number {
  return positions.reduce((sum, { lots }) => sum + lots, 0);
}

/** Whether all methods that could be worked out say the same profit; null: none could. */
export function sameProfit({ items }: LotMethods): boolean | null {
  const known = items.flatMap(({ profit }) => (profit === null ? [] : [profit]));
  const [first] = known;
  return first === undefined ? null : known.every((profit) => profit === first);
}

/** A scope makes no difference where there is one account. */
export function scopesMatter({ items }: LotMethods): boolean {
  return items.some((item) => {
    const other = items.find(
      ({ lot_method, lot_scope }) => lot_method === item.lot_method && lot_scope !== item.lot_scope,
    );
    return (
      other !== undefined &&
      (other.realised !== item.realised || other.cost !== item.cost || other.reason !== item.reason)
    );
  });
}
