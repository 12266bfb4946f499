/** A rule as it is being written, and as it is sent. */
import type { Alert, AlertCondition, AlertDirection, AlertKind, NewAlert } from '../api';
import { readDecimal, writeDecimal } from '../format';
import { kindWords } from './kinds';

/** Every field of every kind, as typed; what a kind has no use for stays behind when it is sent. */
export interface Draft {
  name: string;
  kind: AlertKind;
  portfolio: string;
  instrument: string;
  base: string;
  quote: string;
  direction: AlertDirection;
  threshold: string;
  unit: 'amount' | 'percent';
  days: string;
  by: '' | 'asset_class' | 'sector' | 'country' | 'currency';
  group: string;
  target: string;
  rearm: string;
  expression: string;
  repeat: Alert['repeat'];
  cooldownHours: string;
  forMinutes: string;
  noData: boolean;
  expires: string;
  /** By all channels that are on, by some of them, or by none but the inbox. */
  ways: 'all' | 'some' | 'inbox';
  channels: string[];
}

export function newDraft(given: Partial<Draft> = {}): Draft {
  return {
    name: '',
    kind: 'price',
    portfolio: '',
    instrument: '',
    base: 'EUR',
    quote: 'USD',
    direction: 'above',
    threshold: '',
    unit: 'percent',
    days: '30',
    by: '',
    group: '',
    target: '',
    rearm: '',
    expression: '',
    repeat: 'each',
    cooldownHours: '',
    forMinutes: '',
    noData: false,
    expires: '',
    ways: 'all',
    channels: [],
    ...given,
  };
}

export function draftOf(alert: Alert): Draft {
  const { condition } = alert;
  const hours = alert.cooldown_minutes / 60;
  return newDraft({
    name: alert.name,
    kind: condition.kind,
    portfolio: condition.portfolio_id ?? '',
    instrument: condition.instrument_id ?? '',
    base: condition.base ?? 'EUR',
    quote: condition.quote ?? 'USD',
    direction: condition.direction ?? 'above',
    threshold: writeDecimal(condition.threshold),
    unit: condition.unit ?? 'percent',
    days: condition.days ? String(condition.days) : '30',
    by: condition.group?.by ?? '',
    group: condition.group?.name ?? '',
    target: writeDecimal(condition.target),
    rearm: writeDecimal(condition.rearm),
    expression: condition.expression ?? '',
    repeat: alert.repeat,
    cooldownHours: hours > 0 ? writeDecimal(String(Math.round(hours * 100) / 100)) : '',
    forMinutes: alert.for_minutes > 0 ? String(alert.for_minutes) : '',
    noData: alert.no_data,
    expires: alert.expires_at?.slice(0, 10) ?? '',
    ways: alert.channels === null ? 'all' : alert.channels.length > 0 ? 'some' : 'inbox',
    channels: alert.channels ?? [],
  });
}

/** What a draft lacks before it can be sent or tried on the past, by field; empty when it is whole. */
export function lacking(draft: Draft): Partial<Record<keyof Draft, string>> {
  const words = kindWords[draft.kind];
  const wrong: Partial<Record<keyof Draft, string>> = {};
  const number = (field: 'threshold' | 'target' | 'rearm' | 'cooldownHours', says: string): void => {
    if (readDecimal(draft[field]) === null) wrong[field] = says;
  };
  if (words.threshold) number('threshold', 'Enter a number.');
  if (words.level && draft.direction !== 'crossing' && draft.rearm)
    number('rearm', 'Enter a number, or nothing.');
  if (draft.kind === 'drift') number('target', 'Enter a number.');
  if (draft.cooldownHours) number('cooldownHours', 'Enter a number, or nothing.');
  if (words.days && !/^[1-9]\d*$/.test(draft.days.trim())) wrong.days = 'Enter whole days.';
  if (draft.forMinutes && !/^\d+$/.test(draft.forMinutes.trim()))
    wrong.forMinutes = 'Enter whole minutes, or nothing.';
  if (words.about === 'instrument' && !draft.instrument) wrong.instrument = 'Choose an instrument.';
  if (words.about === 'part' && !draft.by && !draft.instrument)
    wrong.instrument = 'Choose a holding or a group.';
  if (words.about === 'part' && draft.by && !draft.group) wrong.group = 'Choose a group.';
  if (draft.kind === 'expression' && !draft.expression.trim())
    wrong.expression = 'Write what has to be true.';
  if (draft.ways === 'some' && draft.channels.length === 0) wrong.channels = 'Choose at least one.';
  return wrong;
}

export function conditionOf(draft: Draft): AlertCondition {
  const words = kindWords[draft.kind];
  const number = (text: string): string | undefined => readDecimal(text) ?? undefined;
  const condition: AlertCondition = { kind: draft.kind };
  if (words.threshold) condition.threshold = number(draft.threshold);
  if (words.level) {
    condition.direction = draft.direction;
    if (draft.direction !== 'crossing' && draft.rearm) condition.rearm = number(draft.rearm);
  }
  if (words.days) condition.days = Number(draft.days);
  if (draft.kind === 'gain') condition.unit = draft.unit;
  if (draft.kind === 'drift') condition.target = number(draft.target);
  if (draft.kind === 'expression') condition.expression = draft.expression;
  switch (words.about) {
    case 'instrument':
      condition.instrument_id = draft.instrument;
      break;
    case 'either':
      if (draft.instrument) condition.instrument_id = draft.instrument;
      else condition.portfolio_id = draft.portfolio;
      break;
    case 'pair':
      condition.base = draft.base;
      condition.quote = draft.quote;
      break;
    case 'portfolio':
      condition.portfolio_id = draft.portfolio;
      break;
    case 'part':
      condition.portfolio_id = draft.portfolio;
      if (draft.by) condition.group = { by: draft.by, name: draft.group };
      else condition.instrument_id = draft.instrument;
      break;
    case 'nothing':
      break;
  }
  return condition;
}

/** The whole rule, as it is made or replaced. What happens has neither a duration nor data that can be missing. */
export function bodyOf(draft: Draft): NewAlert {
  const lasts = Boolean(kindWords[draft.kind].level) || draft.kind === 'expression';
  return {
    condition: conditionOf(draft),
    name: draft.name.trim(),
    repeat: draft.repeat,
    cooldown_minutes: Math.round(Number(readDecimal(draft.cooldownHours) ?? '0') * 60),
    for_minutes: lasts ? Number(draft.forMinutes || '0') : 0,
    no_data: lasts && draft.noData,
    ...(draft.ways === 'all'
      ? { all_channels: true }
      : { channels: draft.ways === 'some' ? draft.channels : [] }),
    ...(draft.expires ? { expires_at: `${draft.expires}T23:59:59Z` } : { never_expires: true }),
  };
}
