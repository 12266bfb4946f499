/** The filtered view as CSV: exact figures as the server gave them, not the rounded ones on screen. */
import type { Holding } from '../../api';
import type { Row } from './rows';

interface Column {
  name: string;
  /** Left out while amounts are hidden. */
  amount: boolean;
  of: (holding: Holding) => string | null | undefined;
}

const columns: Column[] = [
  { name: 'symbol', amount: false, of: ({ symbol }) => symbol },
  { name: 'mic', amount: false, of: ({ mic }) => mic },
  { name: 'name', amount: false, of: ({ name }) => name },
  { name: 'asset_class', amount: false, of: ({ asset_class }) => asset_class },
  { name: 'sector', amount: false, of: ({ sector }) => sector },
  { name: 'country', amount: false, of: ({ country }) => country },
  { name: 'quantity', amount: true, of: ({ quantity }) => quantity },
  { name: 'price', amount: false, of: ({ price }) => price.amount },
  { name: 'price_currency', amount: false, of: ({ price }) => price.currency },
  { name: 'price_state', amount: false, of: ({ price }) => (price.held_back ? 'quarantined' : price.state) },
  { name: 'price_source', amount: false, of: ({ price }) => price.source },
  { name: 'price_time', amount: false, of: ({ price }) => price.market_time ?? price.observed_at },
  { name: 'day_change_percent', amount: false, of: ({ day_change_percent }) => day_change_percent },
  { name: 'value', amount: true, of: ({ value }) => value },
  { name: 'value_base', amount: true, of: ({ value_base }) => value_base },
  { name: 'weight', amount: false, of: ({ weight }) => weight },
  { name: 'cost_base', amount: true, of: ({ cost_base }) => cost_base },
  { name: 'unrealised_base', amount: true, of: ({ unrealised_base }) => unrealised_base },
  { name: 'realised_base', amount: true, of: ({ realised_base }) => realised_base },
  { name: 'income_base', amount: true, of: ({ income_base }) => income_base },
  { name: 'profit_base', amount: true, of: ({ profit_base }) => profit_base },
];

const numeric = /^-?\d+(\.\d+)?$/;

/** RFC 4180. Text that a spreadsheet would run as a formula gets an apostrophe. */
function cell(value: string | null | undefined): string {
  if (value === null || value === undefined) return '';
  const safe = /^[=+\-@\t\r]/.test(value) && !numeric.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function holdingsCsv(rows: readonly Row[], hidden: boolean): string {
  const shown = columns.filter(({ amount }) => !(hidden && amount));
  const lines = [shown.map(({ name }) => name).join(',')];
  for (const row of rows) {
    if (row.kind === 'holding') lines.push(shown.map(({ of }) => cell(of(row.holding))).join(','));
  }
  return lines.join('\r\n') + '\r\n';
}
