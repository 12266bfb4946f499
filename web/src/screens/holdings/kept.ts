/** What an administrator edits of an instrument, and what is sent of it: only what differs. */
import type { InstrumentChange, InstrumentRecord } from '../../api';

export const textFields = [
  { key: 'name', label: 'Name', optional: false, wide: true },
  { key: 'symbol', label: 'Symbol', optional: false, wide: false },
  { key: 'mic', label: 'Market (MIC)', optional: true, wide: false },
  { key: 'isin', label: 'ISIN', optional: true, wide: false },
  { key: 'wkn', label: 'WKN', optional: true, wide: false },
  { key: 'cusip', label: 'CUSIP', optional: true, wide: false },
  { key: 'sedol', label: 'SEDOL', optional: true, wide: false },
  { key: 'figi', label: 'FIGI', optional: true, wide: false },
  { key: 'country', label: 'Country', optional: true, wide: false },
  { key: 'sector', label: 'Sector', optional: true, wide: false },
] as const;

type TextKey = (typeof textFields)[number]['key'];
const identifierKeys = ['cusip', 'sedol', 'wkn', 'figi'] as const;
const capitals: readonly TextKey[] = ['mic', 'isin', 'country', ...identifierKeys];

export interface Kept {
  texts: Record<TextKey, string>;
  assetClass: InstrumentRecord['asset_class'];
  /** One "source: name" on each line. */
  names: string;
  delisted: boolean;
  delistedOn: string;
  wrongBefore: boolean;
}

export const kindLabels: Record<string, string> = {
  symbol: 'symbol',
  name: 'name',
  isin: 'ISIN',
  cusip: 'CUSIP',
  sedol: 'SEDOL',
  wkn: 'WKN',
  figi: 'FIGI',
};

export function keptFrom(record: InstrumentRecord): Kept {
  const { identifiers } = record;
  return {
    texts: {
      name: record.name,
      symbol: record.symbol,
      mic: record.mic ?? '',
      isin: record.isin ?? '',
      sector: record.sector ?? '',
      country: record.country ?? '',
      cusip: identifiers['cusip'] ?? '',
      sedol: identifiers['sedol'] ?? '',
      wkn: identifiers['wkn'] ?? '',
      figi: identifiers['figi'] ?? '',
    },
    assetClass: record.asset_class,
    names: Object.entries(record.names ?? {})
      .map(([source, name]) => `${source}: ${name}`)
      .join('\n'),
    delisted: record.delisted ?? false,
    delistedOn: record.delisted_on ?? '',
    wrongBefore: false,
  };
}

function namesOf(text: string): Record<string, string> {
  const names: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const at = line.indexOf(':');
    if (line.trim() === '') continue;
    // Without a colon it is no name of any source: the server says so.
    names[at < 0 ? line.trim() : line.slice(0, at).trim().toLowerCase()] =
      at < 0 ? '' : line.slice(at + 1).trim();
  }
  return names;
}

/** What to send; null where nothing was changed. */
export function changes(record: InstrumentRecord, kept: Kept): InstrumentChange | null {
  const before = keptFrom(record);
  const texts = (Object.entries(kept.texts) as [TextKey, string][]).map(
    ([key, text]) => [key, capitals.includes(key) ? text.trim().toUpperCase() : text.trim()] as const,
  );
  const changed = texts.filter(([key, text]) => text !== before.texts[key]);
  const body: Record<string, unknown> = Object.fromEntries(
    changed.filter(([key]) => !(identifierKeys as readonly string[]).includes(key)),
  );
  if (changed.some(([key]) => (identifierKeys as readonly string[]).includes(key))) {
    body['identifiers'] = Object.fromEntries(
      texts.filter(([key, text]) => (identifierKeys as readonly string[]).includes(key) && text !== ''),
    );
  }
  if (kept.assetClass !== before.assetClass) body['asset_class'] = kept.assetClass;
  if (kept.names !== before.names) body['names'] = namesOf(kept.names);
  if (kept.delisted !== before.delisted) body['delisted'] = kept.delisted;
  if (kept.delisted && kept.delistedOn !== before.delistedOn) body['delisted_on'] = kept.delistedOn;
  if (Object.keys(body).length === 0) return null;
  return { ...body, ...(kept.wrongBefore ? { wrong_before: true } : {}) };
}
