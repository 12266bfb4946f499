/** The lots a sale can choose from. */
import { decimal } from '../../format';

export interface OpenLot {
  id: string;
  opened: string;
  quantity: string;
  unit_cost: string | null;
  account: string;
  currency: string;
}

/**
 * Oldest first, each id once: a lot that was moved in part and back stands there twice, but a sale names
 * it by its id alone. What is sold short is no lot to sell.
 */
export function openLots(lots: readonly OpenLot[]): OpenLot[] {
  const byId = new Map<string, OpenLot>();
  for (const lot of lots) {
    if (decimal.sign(lot.quantity) <= 0) continue;
    const known = byId.get(lot.id);
    byId.set(lot.id, known ? { ...known, quantity: decimal.add(known.quantity, lot.quantity) } : lot);
  }
  return [...byId.values()].sort((a, b) => (a.opened < b.opened ? -1 : a.opened > b.opened ? 1 : 0));
}
