/** What a person types about an instrument that is not listed yet, and what is sent of it. */
import type { InstrumentInput } from '../../api';

export interface InstrumentDraft {
  symbol: string;
  name: string;
  currency: string;
  asset_class: InstrumentInput['asset_class'];
  mic: string;
  isin: string;
  sector: string;
  country: string;
  /** By source: how that source calls it. */
  names: Record<string, string>;
}

export const assetClasses: { value: InstrumentInput['asset_class']; label: string }[] = [
  { value: 'stock', label: 'Share' },
  { value: 'etf', label: 'Fund on exchange' },
  { value: 'fund', label: 'Mutual fund' },
  { value: 'bond', label: 'Bond' },
  { value: 'crypto', label: 'Crypto' },
  { value: 'other', label: 'Other' },
];

/** Sources one can name it for; the hint shows what such a name looks like. */
export const sources: { key: string; label: string; example: string }[] = [
  { key: 'yahoo', label: 'Name at Yahoo', example: 'SAP.DE' },
  { key: 'coingecko', label: 'Name at CoinGecko', example: 'bitcoin' },
  { key: 'amfi', label: 'Scheme code at AMFI', example: '118955' },
  { key: 'mfapi', label: 'Scheme code at MFapi', example: '118955' },
];

const symbolPattern = /^[A-Z0-9][A-Z0-9.-]{0,9}$/i;
const isinPattern = /^[A-Z]{2}[A-Z0-9]{9}\d$/i;

/** The draft that what was typed into the search already says something about. */
export function draftFrom(typed: string, currency: string): InstrumentDraft {
  const text = typed.trim();
  const isin = isinPattern.test(text) ? text.toUpperCase() : '';
  const symbol = !isin && symbolPattern.test(text) ? text.toUpperCase() : '';
  return {
    symbol,
    name: isin || symbol ? '' : text,
    currency,
    asset_class: 'stock',
    mic: '',
    isin,
    sector: '',
    country: '',
    names: {},
  };
}

/** Only what was filled in; codes in capitals. */
export function instrumentInput(draft: InstrumentDraft): InstrumentInput {
  const mic = draft.mic.trim().toUpperCase();
  const isin = draft.isin.trim().toUpperCase();
  const sector = draft.sector.trim();
  const country = draft.country.trim();
  const names = Object.fromEntries(
    Object.entries(draft.names)
      .map(([source, name]) => [source, name.trim()] as const)
      .filter(([, name]) => name !== ''),
  );
  return {
    symbol: draft.symbol.trim(),
    name: draft.name.trim(),
    currency: draft.currency,
    asset_class: draft.asset_class,
    ...(mic ? { mic } : {}),
    ...(isin ? { isin } : {}),
    ...(sector ? { sector } : {}),
    ...(country ? { country: /^[a-z]{2}$/i.test(country) ? country.toUpperCase() : country } : {}),
    ...(Object.keys(names).length > 0 ? { names } : {}),
  };
}
