/** What a person types about something of their own that no source prices, and what is sent of it. */
import type { Instrument, OwnChange, OwnInput, OwnInstrument } from '../../api';

export interface OwnDraft {
  name: string;
  symbol: string;
  currency: string;
  asset_class: OwnInput['asset_class'];
  group: string;
  country: string;
  note: string;
}

export const ownClasses: { value: OwnInput['asset_class']; label: string }[] = [
  { value: 'property', label: 'Property' },
  { value: 'private', label: 'Private fund, company or loan' },
  { value: 'fund', label: 'Fund' },
  { value: 'stock', label: 'Share' },
  { value: 'bond', label: 'Bond' },
  { value: 'other', label: 'Other' },
];

const symbolMax = 40;

/** A short name that activities can be entered by, from the long one: "Flat in Bonn" is FLAT-IN-BONN. */
export function symbolFrom(name: string): string {
  return name
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '')
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, symbolMax)
    .replace(/-$/, '');
}

/** The draft of a new one, or of what is changed. */
export function ownDraft(typed: string, currency: string, own: OwnInstrument | null): OwnDraft {
  const name = own?.name ?? typed.trim();
  return {
    name,
    symbol: own?.symbol ?? symbolFrom(name),
    currency: own?.currency ?? currency,
    asset_class: (own?.asset_class ?? 'property') as OwnInput['asset_class'],
    group: own?.group ?? '',
    country: own?.country ?? '',
    note: own?.note ?? '',
  };
}

function code(country: string): string {
  const text = country.trim();
  return /^[a-z]{2}$/i.test(text) ? text.toUpperCase() : text;
}

/** Only what was filled in. */
export function ownInput(draft: OwnDraft): OwnInput {
  const group = draft.group.trim();
  const country = code(draft.country);
  const note = draft.note.trim();
  return {
    symbol: draft.symbol.trim(),
    name: draft.name.trim(),
    currency: draft.currency,
    asset_class: draft.asset_class,
    ...(group ? { group } : {}),
    ...(country ? { country } : {}),
    ...(note ? { note } : {}),
  };
}

/** All but the currency, which stays. */
export function ownChange(draft: OwnDraft): OwnChange {
  return {
    symbol: draft.symbol.trim(),
    name: draft.name.trim(),
    asset_class: draft.asset_class,
    group: draft.group.trim(),
    country: code(draft.country),
    note: draft.note.trim(),
  };
}

/** Where a choice is made among instruments, one's own is one like any other. */
export function asInstrument(own: OwnInstrument): Instrument {
  const { id, symbol, name, currency, asset_class, sector, country } = own;
  return { id, symbol, name, currency, asset_class, sector, country, mic: null, isin: null };
}

/** Ids of what is one's own begin so. A page that is being left may have none any more. */
export function isOwn(instrumentId: string | undefined): boolean {
  return instrumentId?.startsWith('own-') ?? false;
}
