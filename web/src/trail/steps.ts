/**
 * A trail as rows that can be read: numbered steps in the digits shown, a row for what rounding leaves,
 * formulas in words and signs. What the server says is shown; nothing is worked out here but what is left
 * by rounding and by steps that are not shown, both in exact decimals.
 */
import type { TrailNode, TrailSource } from '../api';
import { sourceName } from '../components/price-state';
import {
  currencyDigits,
  currencyName,
  day,
  decimal,
  hiddenDots,
  money,
  number,
  percent,
  price,
  unknown,
  withDays,
} from '../format';

export type UnitKind = 'money' | 'price' | 'quantity' | 'exchange' | 'fraction' | 'days' | 'plain';

const currency = '(?:[A-Z]{3}|GBp|ZAc)';
const kinds: [RegExp, UnitKind][] = [
  [new RegExp(`^${currency}$`), 'money'],
  [new RegExp(`^${currency}/units$`), 'price'],
  [new RegExp(`^${currency}/${currency}$`), 'exchange'],
  [/^units$/, 'quantity'],
  [/^rate$/, 'fraction'],
  [/^days$/, 'days'],
];

/** What kind of number a unit means: "EUR" money, "units" a quantity, "USD/units" a price, "EUR/USD" an exchange rate. */
export function unitKind(unit: string): UnitKind {
  return kinds.find(([pattern]) => pattern.test(unit))?.[1] ?? 'plain';
}

/** Whether the number is one that privacy hides: own amounts and quantities, never quoted prices and rates. */
export function isPrivate({ unit, source }: Pick<TrailNode, 'unit' | 'source'>): boolean {
  const kind = unitKind(unit);
  const own = kind === 'quantity' || kind === 'money' || kind === 'price' || unit.includes('·');
  return own && source?.kind !== 'price';
}

/** Decimals a plain factor is shown with at most. */
const factorDigitsMax = 8;

/** The value as text, in the digits of its unit. */
export function valueText({ value, unit }: Pick<TrailNode, 'value' | 'unit'>, signed = false): string {
  if (value === null) return unknown;
  const signs = signed ? 'always' : 'minus';
  switch (unitKind(unit)) {
    case 'money':
      return money(value, unit, { signs });
    case 'price':
      return price(value, unit.split('/')[0] ?? '');
    case 'fraction':
      return percent(decimal.shift(value, 2), { digits: 2, signs });
    case 'exchange':
      return number(value, { digitsMin: 4, digitsMax: 6 });
    case 'days':
      return `${number(value)} ${value === '1' ? 'day' : 'days'}`;
    default:
      return number(value, { digitsMax: factorDigitsMax });
  }
}

/** What symbols are called, where somebody knows. */
export type Names = ReadonlyMap<string, string>;

/** A symbol that two holdings share stays a symbol. */
export function nameMap(holdings: readonly { symbol: string; name: string }[]): Names {
  const names = new Map<string, string>();
  for (const { symbol, name } of holdings) names.set(symbol, names.has(symbol) ? symbol : name);
  return names;
}

/** A label of the server's as it stands in a list: days and holdings as people call them, a capital at its head. */
export function shownLabel(
  { label, operation }: Pick<TrailNode, 'label' | 'operation'>,
  names?: Names,
): string {
  const text = withDays(label || operationWord(operation)).replace(
    / of (\S+)/g,
    (all, symbol: string) => ` of ${names?.get(symbol) ?? all.slice(4)}`,
  );
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What a step does to the ones before it, in front of its label. */
export function joint(operation: string, index: number): string {
  if (index === 0) return '';
  switch (operation) {
    case 'product':
      return '\u00d7';
    case 'quotient':
      return '\u00f7';
    case 'share':
      return index === 1 ? '\u00d7' : '\u00f7';
    default:
      return '';
  }
}

export interface Step {
  key: string;
  /** Where it hangs in the tree, "0.3.1". */
  path: string;
  /** Null: a row that is no step of the server's (rounding, what is not shown). */
  node: TrailNode | null;
  label: string;
  /** "×", "÷" or nothing. */
  joint: string;
  /** As it counts here: taken off when the operation takes it off. */
  value: string | null;
  unit: string;
  note: string;
}

const additive = new Set(['sum', 'difference', 'negation']);

/** A name given to what has one already, and a sign put before it, are no steps of their own. */
export function opened(node: TrailNode, path: string): { node: TrailNode; path: string } {
  let at = { node, path };
  for (;;) {
    const [only, ...others] = at.node.inputs;
    const alone =
      only !== undefined &&
      others.length === 0 &&
      !at.node.omitted &&
      (at.node.operation === 'sum' || at.node.operation === 'negation');
    if (!alone || !(only.inputs.length || only.omitted)) return at;
    at = { node: only, path: childPath(at.path, 0) };
  }
}

export function childPath(path: string, index: number): string {
  return path === '' ? String(index) : `${path}.${index}`;
}

/** The rows of a node, one for each input, in digits that add up where the operation adds. */
export function stepsOf(given: TrailNode, givenPath: string, names?: Names): Step[] {
  const { node, path } = opened(given, givenPath);
  const inputs = node.inputs;
  const steps = inputs.map<Step>((input, index) => ({
    key: String(index),
    path: childPath(path, index),
    node: input,
    label: shownLabel(input, names),
    joint: joint(node.operation, index),
    value: counted(node.operation, input.value, index),
    unit: input.unit || node.unit,
    note: '',
  }));
  if (!additive.has(node.operation)) return steps;
  return [...steps, ...restOf(node, steps)];
}

function counted(operation: string, value: string | null, index: number): string | null {
  if (value === null) return null;
  const off = operation === 'negation' || (operation === 'difference' && index > 0);
  return off ? decimal.negate(value) : value;
}

/** What the rows of a sum miss its total by: steps that are not here, and the digits that are not shown. */
function restOf(node: TrailNode, steps: Step[]): Step[] {
  if (node.value === null || steps.some(({ value, unit }) => value === null || unit !== node.unit)) return [];
  const values = steps.map(({ value }) => value ?? '0');
  const rows: Step[] = [];
  const row = (key: string, label: string, value: string, note: string): Step => ({
    key,
    path: '',
    node: null,
    label,
    joint: '',
    value,
    unit: node.unit,
    note,
  });
  if (node.omitted) {
    const rest = decimal.subtract(node.value, decimal.sum(values));
    rows.push(row('rest', `${node.omitted} more`, rest, 'Not shown one by one'));
    values.push(rest);
  }
  if (unitKind(node.unit) !== 'money') return rows;
  const digits = currencyDigits(node.unit);
  const shown = decimal.sum(values.map((value) => decimal.round(value, digits)));
  const lost = decimal.subtract(decimal.round(node.value, digits), shown);
  if (decimal.sign(lost) !== 0) {
    rows.push(row('rounding', 'Rounding', lost, 'The lines above are shown rounded, the sum is exact'));
  }
  return rows;
}

const words: Record<string, string> = {
  input: 'As entered',
  sum: 'Sum',
  difference: 'Difference',
  product: 'Product',
  quotient: 'Quotient',
  negation: 'Taken off',
  share: 'Share of the whole',
  chain: 'Multiplied one after the other',
  growth: 'Growth from one to the other',
  log_growth: 'Logarithm of the growth',
  power: 'Brought to another length of time',
  root: 'The rate at which all payments come to nothing',
  mean: 'Mean',
  deviation: 'Standard deviation',
  semi_deviation: 'Deviation below the mean',
  downside: 'Deviation below a bound',
  regression: 'Least squares',
  series: 'Series',
};

/** What the server calls an operation, in words; one that this dashboard doesn't know as it is written. */
export function operationWord(operation: string): string {
  return words[operation] ?? operation.replaceAll('_', ' ');
}

/** A label without the numbers that an unnamed part of it may carry. */
export function withoutNumbers(label: string): string {
  return label.replace(/\d+\.\d+/g, hiddenDots);
}

/** What a step that unfolds is made of, in one line: its formula, else its parts by name, else how many they are. */
export function madeOf(node: TrailNode, hidden: boolean, names?: Names): string {
  const short = formula(node, hidden, names);
  if (short) return short;
  const { inputs, operation, omitted = 0 } = opened(node, '').node;
  const count = inputs.length + omitted;
  if (count === 0) return '';
  const label = shownLabel(node, names);
  const parts = inputs.map((input) => shownLabel(input, names)).filter((part) => part !== label);
  const few = omitted === 0 && count <= namedPartsMax && parts.length === count;
  const listed = parts.map((part) => (hidden ? withoutNumbers(part) : part)).join(', ');
  return few ? listed : `${operationWord(operation)}, ${count === 1 ? '1 step' : `${count} steps`}`;
}

/** More parts than these are counted. */
const namedPartsMax = 2;

/** Within a line a label begins small, unless its head is a name or a sign of its own. */
function lower(label: string): string {
  return /^[A-Z][a-z]/.test(label) ? label.charAt(0).toLowerCase() + label.slice(1) : label;
}

/** Longer formulas are easier to read step by step. */
const formulaPartsMax = 4;
const addedPartsMax = 2;

/** "85 × $214.38 × 0.8636" of a node whose inputs are few; '' of others. Hidden numbers are called by name. */
export function formula(given: TrailNode, hidden: boolean, names?: Names): string {
  const { node } = opened(given, '');
  const inputs = node.inputs;
  if (inputs.length < 2 || inputs.length > formulaPartsMax || node.omitted) return '';
  const parts = inputs.map((input) =>
    (hidden && isPrivate(input)) || input.value === null ? lower(shownLabel(input, names)) : valueText(input),
  );
  const [a = '', b = '', c = ''] = parts;
  switch (node.operation) {
    case 'product':
      return parts.join(' \u00d7 ');
    case 'difference':
      return parts.length <= addedPartsMax ? parts.join(' \u2212 ') : '';
    case 'quotient':
      return `${a} \u00f7 ${b}`;
    case 'share':
      return `${a} \u00d7 ${b} \u00f7 ${c}`;
    case 'growth':
      return `${a} \u00f7 ${b} \u2212 1`;
    case 'log_growth':
      return `ln(${a} \u00f7 ${b})`;
    case 'power':
      return `(1 + ${a})^(${b} \u00f7 ${c}) \u2212 1`;
    default:
      return '';
  }
}

/** Where an input was read, in words. */
export function sourceWords(source: TrailSource): string {
  switch (source.kind) {
    case 'activity':
      return [source.field ? fieldWord(source.field) : 'Activity', source.date && `of ${day(source.date)}`]
        .filter(Boolean)
        .join(' ');
    case 'price':
      return [`Close of ${day(source.date)}`, origin(source)].filter(Boolean).join(', ');
    case 'rate':
      return [
        `${source.currency ? currencyName(source.currency) : 'Rate'} of ${day(source.date)}`,
        origin(source),
      ]
        .filter(Boolean)
        .join(', ');
    case 'setting':
      return `Setting: ${(source.name ?? '').replaceAll('_', ' ')}`;
    case 'benchmark':
      return `The benchmark’s close of ${day(source.date)}`;
    case 'valuation':
      return `Valuation of ${day(source.date)}`;
    case 'flow':
      return `Payment of ${day(source.date)}`;
  }
}

function origin({ source, state }: TrailSource): string {
  return [source && sourceName(source), state && state !== 'closed' && state !== 'live' ? state : '']
    .filter(Boolean)
    .join(', ');
}

function fieldWord(field: string): string {
  const word = field.replaceAll('_', ' ');
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** Sources among what has been loaded of a tree, each kind once per place it was read. */
export function sourcesOf(root: TrailNode): TrailSource[] {
  const found = new Map<string, TrailSource>();
  const stack = [root];
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (node.source) found.set(JSON.stringify(node.source), node.source);
    stack.push(...node.inputs);
  }
  return [...found.values()];
}

/** Which sources of a kind a trail rests on, in one line; null: none as far as it is loaded. */
export function sourceLine(sources: TrailSource[], kind: 'price' | 'rate'): string | null {
  const those = sources.filter((source) => source.kind === kind);
  const [first] = those;
  if (!first) return null;
  const days = those.flatMap(({ date }) => (date ? [date] : [])).sort();
  const from = days[0];
  const to = days.at(-1);
  const names = [...new Set(those.flatMap(({ source }) => (source ? [sourceName(source)] : [])))].join(', ');
  const noun =
    kind === 'price' ? (those.length === 1 ? 'price' : 'prices') : those.length === 1 ? 'rate' : 'rates';
  const when = from === to ? `of ${day(from)}` : `from ${day(from)} to ${day(to)}`;
  return [`${number(String(those.length))} ${noun} ${when}`, names].filter(Boolean).join(', ');
}

/** The whole trail as indented text, to be pasted somewhere. */
export function asText(node: TrailNode, depth = 0): string {
  const line = [
    '  '.repeat(depth) + (node.label || operationWord(node.operation)),
    node.value === null ? 'unknown' : [node.value, node.unit].filter(Boolean).join(' '),
    node.operation === 'input' ? '' : operationWord(node.operation).toLowerCase(),
    node.source ? sourceWords(node.source) : '',
  ]
    .filter(Boolean)
    .join(' | ');
  const rest = node.omitted ? [`${'  '.repeat(depth + 1)}${node.omitted} more`] : [];
  return [line, ...node.inputs.map((input) => asText(input, depth + 1)), ...rest].join('\n');
}
