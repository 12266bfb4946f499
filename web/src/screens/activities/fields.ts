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
  | 'reinvest'
  | 'refund'
  | 'note';

export interface TypeInfo {
  value: ActivityType;
  label: string;
  /** What it does, in one line under the picker. */
  says: string;
  needs: FieldName[];
  may: FieldName[];
}

const trade: FieldName[] = ['symbol', 'quantity', 'price'];

export const activityTypes: TypeInfo[] = [
  {
    value: 'buy',
    label: 'Buy',
    says: 'Shares or units against cash',
    needs: trade,
    may: ['currency', 'fee', 'tax', 'fx_rate'],
  },
  {
    value: 'sell',
    label: 'Sell',
    says: 'Shares or units for cash',
    needs: trade,
    may: ['currency', 'fee', 'tax', 'fx_rate'],
  },
  {
    value: 'dividend',
    label: 'Dividend',
    says: 'Gross amount; tax withheld is entered beside it',
    needs: ['symbol', 'amount'],
    may: ['currency', 'tax', 'fee', 'fx_rate', 'reinvest'],
  },
  {
    value: 'interest',
    label: 'Interest',
    says: 'Received; with a minus, paid',
    needs: ['amount'],
    may: ['currency', 'tax', 'fx_rate'],
  },
  {
    value: 'deposit',
    label: 'Deposit',
    says: 'Cash comes in from outside',
    needs: ['amount'],
    may: ['currency'],
  },
  { value: 'withdrawal', label: 'Withdrawal', says: 'Cash leaves', needs: ['amount'], may: ['currency'] },
  {
    value: 'fee',
    label: 'Fee',
    says: 'A cost not tied to a trade',
    needs: ['amount'],
    may: ['currency', 'fx_rate', 'refund'],
  },
  {
    value: 'tax',
    label: 'Tax',
    says: 'A tax not tied to a trade',
    needs: ['amount'],
    may: ['currency', 'fx_rate', 'refund'],
  },
  {
    value: 'transfer',
    label: 'Transfer',
    says: 'Between your accounts, with its history',
    needs: ['symbol', 'quantity', 'to_account'],
    may: [],
  },
  {
    value: 'deliver_in',
    label: 'Delivery in',
    says: 'Securities come from outside',
    needs: trade,
    may: ['currency', 'fee', 'tax', 'fx_rate'],
  },
  {
    value: 'deliver_out',
    label: 'Delivery out',
    says: 'Securities leave',
    needs: trade,
    may: ['currency', 'fee', 'tax', 'fx_rate'],
  },
  {
    value: 'split',
    label: 'Split',
    says: 'New for old, for example 2:1',
    needs: ['symbol', 'ratio'],
    may: [],
  },
];

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
    reinvest: activity.reinvest,
    refund: activity.refund,
    note: activity.note ?? '',
  };
}

export type DraftErrors = Partial<Record<FieldName | 'date', string>>;

const numbers: FieldName[] = ['quantity', 'price', 'amount', 'fee', 'tax', 'fx_rate'];

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
};

/** The draft as the API takes it, or what is wrong with it field by field. */
export function readDraft(draft: Draft): { input: ActivityInput } | { errors: DraftErrors } {
  const shown = shownFields(draft);
  const must = required(draft);
  const errors: DraftErrors = {};
  const input: ActivityInput = { date: draft.date, type: draft.type };

  if (!/^\d{4}-\d{2}-\d{2}$/.test(draft.date)) errors.date = 'On which day?';
  if (draft.account) input.account = draft.account;
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
    else Object.assign(input, { [name]: value });
  }
  if (shown.includes('symbol')) {
    if (draft.instrument) input.symbol = draft.instrument;
    else errors.symbol = missing.symbol;
  }
  if (shown.includes('to_account')) {
    if (!draft.to_account) errors.to_account = missing.to_account;
    else if (draft.to_account === draft.account) errors.to_account = 'That is the account it leaves.';
    else input.to_account = draft.to_account;
  }
  if (shown.includes('ratio')) {
    const ratio = draft.ratio.replace(/\s/g, '');
    if (/^\d+(\.\d+)?:\d+(\.\d+)?$/.test(ratio)) input.ratio = ratio;
    else errors.ratio = missing.ratio;
  }
  if (shown.includes('currency') && draft.currency) input.currency = draft.currency;
  if (shown.includes('reinvest') && draft.reinvest) input.reinvest = true;
  if (shown.includes('refund') && draft.refund) input.refund = true;
  if (draft.note.trim()) input.note = draft.note.trim();
  return Object.keys(errors).length > 0 ? { errors } : { input };
}

function numberComplaint(name: FieldName, value: string, draft: Draft): string | null {
  const direction = decimal.sign(value);
  if (direction < 0 && !(name === 'amount' && draft.type === 'interest')) return 'Not below zero.';
  if (direction === 0 && (name === 'quantity' || name === 'fx_rate')) return 'Not zero.';
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
      return traded;
    case 'dividend':
      return activity.reinvest ? null : traded;
    default:
      return null;
  }
}
