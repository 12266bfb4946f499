/** What a search for instruments shows: listings one can choose, those of one company under its name. */
import type { FoundInstrument, FoundInstruments, Instrument } from '../../api';
import { sourceName } from '../../components/price-state';
import { day } from '../../format';
import { assetClasses } from '../holdings/instrument-draft';

export interface Choice {
  /** The same as long as it is the same listing, so that what is selected stays so while more comes in. */
  key: string;
  /** Here already. */
  instrument: Instrument | null;
  /** Else what to add it by. */
  candidate: string | null;
  name: string;
  /** What tells it from other listings: symbol, market, currency, class. */
  detail: string;
  /** What it was called, or that it is traded no more; '' for most. */
  note: string;
  /** Who knows it, where it isn't here yet; '' else. */
  from: string;
}

export interface Group {
  /** Over several listings of one company; null over a single one. */
  company: string | null;
  choices: Choice[];
}

const classLabels = new Map(assetClasses.map(({ value, label }) => [value as string, label]));

/** Former names shown beside one instrument; the rest is for the keeper. */
const formerMax = 2;

type Named = { delisted?: boolean; delisted_on?: string | null } & {
  former?: { kind: string; value: string; until: string | null }[] | null;
};

export function note(of: Named): string {
  const former = (of.former ?? [])
    .filter(({ kind }) => kind === 'symbol' || kind === 'name')
    .slice(0, formerMax);
  const parts = [
    former.length > 0 ? `formerly ${former.map(({ value }) => value).join(', ')}` : '',
    of.delisted ? (of.delisted_on ? `delisted ${day(of.delisted_on)}` : 'delisted') : '',
  ];
  return parts.filter(Boolean).join(', ');
}

function detail(symbol: string, market: string | null, currency: string | null, assetClass: string): string {
  return [symbol, market, currency, classLabels.get(assetClass) ?? assetClass].filter(Boolean).join(' · ');
}

/** Our own instruments, as they were found; markets by name where somebody told it. */
export function ours(items: readonly Instrument[], markets: ReadonlyMap<string, string>): Choice[] {
  return items.map((instrument) => ({
    key: instrument.id,
    instrument,
    candidate: null,
    name: instrument.name,
    detail: detail(
      instrument.symbol,
      instrument.mic ? (markets.get(instrument.mic) ?? instrument.mic) : null,
      instrument.currency,
      instrument.asset_class,
    ),
    note: note(instrument),
    from: '',
  }));
}

export function marketNames(found: FoundInstruments | null): Map<string, string> {
  const names = new Map<string, string>();
  for (const { mic, market } of found?.items ?? []) if (mic && market) names.set(mic, market);
  return names;
}

function choice(found: FoundInstrument): Choice {
  return {
    key:
      found.instrument?.id ??
      `${found.company}\n${found.symbol}\n${found.mic ?? ''}\n${found.currency ?? ''}\n${found.sources.join()}`,
    instrument: found.instrument ?? null,
    candidate: found.candidate,
    name: found.name,
    detail: detail(found.symbol, found.market ?? found.mic, found.currency, found.asset_class),
    note: note(found),
    from: found.instrument ? '' : found.sources.map(sourceName).join(', '),
  };
}

/** What sources know besides: listings that are shown already are left out, those of one company stand together. */
export function besides(found: FoundInstruments | null, shown: readonly Choice[]): Group[] {
  const known = new Set(shown.map(({ key }) => key));
  const groups: Group[] = [];
  let company: string | null = null;
  for (const item of found?.items ?? []) {
    const one = choice(item);
    if (known.has(one.key)) continue;
    known.add(one.key);
    const last = groups.at(-1);
    if (last && company === item.company) {
      last.choices.push(one);
      last.company = company;
    } else {
      groups.push({ company: null, choices: [one] });
      company = item.company;
    }
  }
  return groups;
}

/** One sentence about who did not answer; '' where all did. */
export function silence(found: FoundInstruments | null): string {
  const names = (found?.silent ?? []).map(sourceName);
  if (names.length === 0) return '';
  const last = names.at(-1) ?? '';
  const who = names.length === 1 ? last : `${names.slice(0, -1).join(', ')} and ${last}`;
  return `${who.charAt(0).toUpperCase()}${who.slice(1)} did not answer, so there may be more.`;
}
