/** Which fields an activity of each type needs, and how a filled form becomes what the API takes. */
import type { Activity, ActivityInput, ActivityType } from '../../api';
import { decimal, readDecimal, today, writeDecimal } from '../../format';

export type FieldName =
  | 'account'
  | 'to_account'
  | 'symbol'
  | 'quantity'
  | 'price'
  | 'amount'
  | 'currency'
  | 'fee'
  | 'tax'
  | 'fx_rate'
  | 'ratio'
  | 'to_symbol'
  | 'cost_share'
  | 'to_currency'
  | 'to_amount'
  | 'lots'
  | 'reinvest'
  | 'refund'
  | 'note';

export type TypeGroup = 'usual' | 'cash' | 'securities' | 'actions';
export const typeGroups: { value: TypeGroup; label: string }[] = [
  { value: 'usual', label: 'The usual' },
  { value: 'cash', label: 'Cash' },
  { value: 'securities', label: 'Securities' },
  { value: 'actions', label: 'What companies do' },
];

export interface TypeInfo {
  value: ActivityType;
  label: string;
  group: TypeGroup;
  /** What it does, in one line under the picker. */
  says: string;
  needs: FieldName[];
  may: FieldName[];
}

const trade: FieldName[] = ['symbol', 'quantity', 'price'];

/** The usual ones first, then by what they move. */
export const activityTypes: TypeInfo[] = [
  {
    value: 'buy',
    label: 'Buy',
    group: 'usual',
    says: 'Shares or units against cash',
    needs: trade,
    may: ['currency', 'fee', 'tax', 'fx_rate'],
  },
  {
    value: 'sell',
    label: 'Sell',
    group: 'usual',
    says: 'Shares or units for cash',
    needs: trade,
    may: ['currency', 'fee', 'tax', 'fx_rate', 'lots'],
  },
  {
    value: 'dividend',
    label: 'Dividend',
    group: 'usual',
    says: 'Gross amount; tax withheld is entered beside it',
    needs: ['symbol', 'amount'],
    may: ['currency', 'tax', 'fee', 'fx_rate', 'reinvest'],
  },
  {
    value: 'deposit',
    label: 'Deposit',
    group: 'usual',
    says: 'Cash comes in from outside',
    needs: ['amount'],
    may: ['currency'],
  },
  {
    value: 'withdrawal',
    label: 'Withdrawal',
    group: 'usual',
    says: 'Cash leaves',
    needs: ['amount'],
    may: ['currency'],
  },
  {
    value: 'interest',
    label: 'Interest',
    group: 'cash',
    says: 'Received; with a minus, paid',
    needs: ['amount'],
    may: ['currency', 'tax', 'fx_rate'],
  },
  {
    value: 'fee',
    label: 'Fee',
    group: 'cash',
    says: 'A cost not tied to a trade',
    needs: ['amount'],
    may: ['currency', 'fx_rate', 'refund'],
  },
  {
    value: 'tax',
    label: 'Tax',
    group: 'cash',
    says: 'A tax not tied to a trade',
    needs: ['amount'],
    may: ['currency', 'fx_rate', 'refund'],
  },
  {
    value: 'cash_transfer',
    label: 'Cash transfer',
    group: 'cash',
    says: 'Cash goes to another of your accounts, or into another currency',
    needs: ['amount'],
    may: ['currency', 'to_account', 'to_currency', 'to_amount'],
  },
  {
    value: 'transfer',
    label: 'Transfer',
    group: 'securities',
    says: 'Between your accounts, with its history',
    needs: ['symbol', 'quantity', 'to_account'],
    may: ['lots'],
  },
  {
    value: 'deliver_in',
    label: 'Delivery in',
    group: 'securities',
    says: 'Securities come from outside',
    needs: trade,
    may: ['currency', 'fee', 'tax', 'fx_rate'],
  },
  {
    value: 'deliver_out',
    label: 'Delivery out',
    group: 'securities',
    says: 'Securities leave',
    needs: trade,
    may: ['currency', 'fee', 'tax', 'fx_rate', 'lots'],
  },
  {
    value: 'split',
    label: 'Split',
    group: 'actions',
    says: 'New for old, for example 2:1',
    needs: ['symbol', 'ratio'],
    may: [],
  },
  {
    value: 'spin_off',
    label: 'Spin-off',
    group: 'actions',
    says: 'A part becomes a company of its own; a share of the cost goes with it',
    needs: ['symbol', 'to_symbol', 'ratio', 'cost_share'],
    may: [],
  },
  {
    value: 'merger',
    label: 'Merger',
    group: 'actions',
    says: 'Becomes shares of another company, and perhaps cash',
    needs: ['symbol', 'to_symbol', 'ratio'],
    may: ['amount', 'currency', 'fx_rate'],
  },
  {
    value: 'return_of_capital',
    label: 'Return of capital',
    group: 'actions',
    says: 'Money back that lowers the cost',
    needs: ['symbol', 'amount'],
    may: ['currency', 'fx_rate'],
  },
  {
    value: 'rename',
    label: 'New symbol',
    group: 'actions',
    says: 'The same shares under another symbol',
    needs: ['symbol', 'to_symbol'],
    may: [],
  },
  {
    value: 'write_off',
    label: 'Write-off',
    group: 'actions',
    says: 'Worth nothing any more: its cost becomes a loss',
    needs: ['symbol'],
    may: [],
  },
];

/** Types that touch every account which holds the symbol, unless one is named. */
const everywhere = new Set<ActivityType>(['split', 'spin_off', 'merger', 'rename', 'write_off']);

export function touchesEveryAccount(type: ActivityType): boolean {
  return everywhere.has(type);
}

export function typeInfo(type: ActivityType): TypeInfo {
  const found = activityTypes.find((entry) => entry.value === type);
  if (!found) throw new RangeError(`unknown activity type ${type}`);
  return found;
}

export function isActivityType(text: string | null | undefined): text is ActivityType {
  return activityTypes.some((entry) => entry.value === text);
}

/** The name of a type; one this dashboard does not know yet as the server writes it. */
export function typeLabel(type: string): string {
  return isActivityType(type) ? typeInfo(type).label : type.replaceAll('_', ' ');
}

/** What stands in the form: all text as typed. */
export interface Draft {
  type: ActivityType;
  date: string;
  account: string;
  to_account: string;
  /** Id of the chosen instrument and how it is called. */
  instrument: string;
  instrumentName: string;
  quantity: string;
  price: string;
  amount: string;
  currency: string;
  fee: string;
  tax: string;
  fx_rate: string;
  ratio: string;
  to_instrument: string;
  to_instrumentName: string;
  /** In percent, as people say it. */
  cost_share: string;
  to_currency: string;
  to_amount: string;
  /** Quantities taken, by the id of the lot; only what is filled in counts. */
  lots: Record<string, string>;
  reinvest: boolean;
  refund: boolean;
  note: string;
}

export function emptyDraft(type: ActivityType, account: string, currency: string): Draft {
  return {
    type,
    date: today(),
    account,
    to_account: '',
    instrument: '',
    instrumentName: '',
    quantity: '',
    price: '',
    amount: '',
    currency,
    fee: '',
    tax: '',
    fx_rate: '',
    ratio: '',
    to_instrument: '',
    to_instrumentName: '',
    cost_share: '',
    to_currency: '',
    to_amount: '',
    lots: {},
    reinvest: false,
    refund: false,
    note: '',
  };
}

/** The form of an activity that is to be corrected. */
export function draftOf(activity: Activity): Draft {
  return {
    type: isActivityType(activity.type) ? activity.type : 'buy',
    date: activity.date,
    account: activity.account ?? '',
    to_account: activity.to_account ?? '',
    instrument: activity.instrument_id ?? '',
    instrumentName: activity.name ?? activity.symbol ?? '',
    quantity: writeDecimal(activity.quantity),
    price: writeDecimal(activity.price),
    amount: writeDecimal(activity.amount),
    currency: activity.currency,
    fee: writeDecimal(activity.fee),
    tax: writeDecimal(activity.tax),
    fx_rate: writeDecimal(activity.fx_rate),
    ratio: activity.ratio ?? '',
    to_instrument: activity.to_instrument_id ?? '',
    to_instrumentName: activity.to_name ?? activity.to_symbol ?? '',
    cost_share: writeDecimal(
      activity.cost_share ? decimal.trim(decimal.shift(activity.cost_share, 2)) : null,
    ),
    to_currency: activity.to_currency ?? '',
    to_amount: writeDecimal(activity.to_amount ?? null),
    lots: Object.fromEntries((activity.lots ?? []).map(({ id, quantity }) => [id, writeDecimal(quantity)])),
    reinvest: activity.reinvest,
    refund: activity.refund,
    note: activity.note ?? '',
  };
}

export type DraftErrors = Partial<Record<FieldName | 'date', string>>;

const numbers: FieldName[] = [
  'quantity',
  'price',
  'amount',
  'fee',
  'tax',
  'fx_rate',
  'cost_share',
  'to_amount',
];

/** Fields that are shown for this draft. A reinvested dividend also says how many units it bought. */
export function shownFields(draft: Draft): FieldName[] {
  const { needs, may } = typeInfo(draft.type);
  const extra: FieldName[] = draft.type === 'dividend' && draft.reinvest ? ['quantity'] : [];
  return ['account', ...needs, ...may, ...extra, 'note'];
}

function required(draft: Draft): FieldName[] {
  const extra: FieldName[] = draft.type === 'dividend' && draft.reinvest ? ['quantity'] : [];
  return [...typeInfo(draft.type).needs, ...extra];
}

const missing: Partial<Record<FieldName, string>> = {
  symbol: 'Which holding?',
  quantity: 'How many?',
  price: 'At what price?',
  amount: 'How much?',
  to_account: 'Into which account?',
  ratio: 'New for old, for example 2:1.',
  to_symbol: 'What did it become?',
  cost_share: 'Which part of the cost goes with it?',
  to_amount: 'How much arrives?',
};

/** The draft as the API takes it, or what is wrong with it field by field. */
export function readDraft(draft: Draft): { input: ActivityInput } | { errors: DraftErrors } {
  const shown = shownFields(draft);
  const errors: DraftErrors = {};
  const input = { date: draft.date, type: draft.type } as ActivityInput;

  if (!/^\d{4}-\d{2}-\d{2}$/.test(draft.date)) errors.date = 'On which day?';
  if (draft.account) input.account = draft.account;
  readNumbers(draft, shown, input, errors);
  if (shown.includes('symbol')) {
    if (draft.instrument) input.symbol = draft.instrument;
    else errors.symbol = missing.symbol;
  }
  if (shown.includes('to_symbol')) {
    if (!draft.to_instrument) errors.to_symbol = missing.to_symbol;
    else if (draft.to_instrument === draft.instrument) errors.to_symbol = 'That is the one it was before.';
    else input.to_symbol = draft.to_instrument;
  }
  if (draft.type === 'cash_transfer') readCashTransfer(draft, input, errors);
  else if (shown.includes('to_account')) {
    if (!draft.to_account) errors.to_account = missing.to_account;
    else if (draft.to_account === draft.account) errors.to_account = 'That is the account it leaves.';
    else input.to_account = draft.to_account;
  }
  if (shown.includes('ratio')) {
    const ratio = draft.ratio.replace(/\s/g, '');
    if (/^\d+(\.\d+)?:\d+(\.\d+)?$/.test(ratio)) input.ratio = ratio;
    else errors.ratio = missing.ratio;
  }
  if (shown.includes('lots')) readLots(draft, input, errors);
  if (shown.includes('currency') && draft.currency) input.currency = draft.currency;
  if (shown.includes('reinvest') && draft.reinvest) input.reinvest = true;
  if (shown.includes('refund') && draft.refund) input.refund = true;
  if (draft.note.trim()) input.note = draft.note.trim();
  return Object.keys(errors).length > 0 ? { errors } : { input };
}

function readNumbers(draft: Draft, shown: FieldName[], input: ActivityInput, errors: DraftErrors): void {
  const must = required(draft);
  for (const name of numbers) {
    if (!shown.includes(name)) continue;
    const typed = String(draft[name as keyof Draft]).trim();
    if (!typed) {
      if (must.includes(name)) errors[name] = missing[name];
      continue;
    }
    const value = readDecimal(typed);
    const complaint = value === null ? 'Not a number.' : numberComplaint(name, value, draft);
    if (complaint) errors[name] = complaint;
    else if (value !== null) {
      Object.assign(input, {
        [name]: name === 'cost_share' ? decimal.trim(decimal.shift(value, -2)) : value,
      });
    }
  }
}

/** Cash goes to another account, into another currency, or both; what arrives is said where the currency changes. */
function readCashTransfer(draft: Draft, input: ActivityInput, errors: DraftErrors): void {
  const elsewhere = draft.to_account !== '' && draft.to_account !== draft.account;
  const changed = draft.to_currency !== '' && draft.to_currency !== draft.currency;
  if (!elsewhere && !changed) errors.to_account = 'Into another account or another currency.';
  if (elsewhere) input.to_account = draft.to_account;
  if (changed) {
    input.to_currency = draft.to_currency;
    if (!draft.to_amount.trim()) errors.to_amount = missing.to_amount;
  } else delete input.to_amount;
}

/** Lots that were chosen must add up to what leaves; none chosen is for the lot method to decide. */
function readLots(draft: Draft, input: ActivityInput, errors: DraftErrors): void {
  const chosen = Object.entries(draft.lots).filter(([, typed]) => typed.trim() !== '');
  if (chosen.length === 0) return;
  const lots = chosen.map(([id, typed]) => ({ id, quantity: readDecimal(typed.trim()) }));
  if (lots.some(({ quantity }) => quantity === null || decimal.sign(quantity) < 0)) {
    errors.lots = 'Not a number.';
    return;
  }
  const taken = lots.flatMap(({ id, quantity }) =>
    quantity !== null && decimal.sign(quantity) > 0 ? [{ id, quantity }] : [],
  );
  const sum = decimal.sum(taken.map(({ quantity }) => quantity));
  if (input.quantity && decimal.compare(sum, input.quantity) !== 0) {
    errors.lots = `The lots add up to ${writeDecimal(sum)}, not to ${writeDecimal(input.quantity)}.`;
  } else if (taken.length > 0) input.lots = taken;
}

function numberComplaint(name: FieldName, value: string, draft: Draft): string | null {
  const direction = decimal.sign(value);
  if (direction < 0 && !(name === 'amount' && draft.type === 'interest')) return 'Not below zero.';
  if (direction === 0 && (name === 'quantity' || name === 'fx_rate')) return 'Not zero.';
  if (name === 'cost_share' && decimal.compare(value, '100') > 0) return 'At most 100 %.';
  return null;
}

/** What an activity moved in cash, as far as its own fields say: gross, with its direction. Null: none. */
export function cashEffect(activity: Activity): string | null {
  const traded =
    activity.amount ??
    (activity.quantity !== null && activity.price !== null
      ? decimal.multiply(activity.quantity, activity.price)
      : null);
  if (traded === null) return null;
  switch (activity.type) {
    case 'buy':
    case 'withdrawal':
      return decimal.negate(traded);
    case 'fee':
    case 'tax':
      return activity.refund ? traded : decimal.negate(traded);
    case 'sell':
    case 'deposit':
    case 'interest':
    case 'merger':
    case 'return_of_capital':
      return traded;
    case 'dividend':
      return activity.reinvest ? null : traded;
    default:
      return null;
  }
}
