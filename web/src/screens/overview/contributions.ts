import type { Contribution, PortfolioDocument } from '../../api';

/** The day's contributions under the names of the holdings: the server may label them by symbol only. */
export function namedContributions(portfolio: PortfolioDocument): Contribution[] {
  const names = new Map(portfolio.holdings.map((holding) => [holding.instrument_id, holding.name]));
  return portfolio.contributions.map((entry) => ({
    ...entry,
    label: names.get(entry.instrument_id ?? '') ?? entry.label,
  }));
}
