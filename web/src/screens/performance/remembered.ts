/** What a portfolio was last compared with, kept by the browser. */
const prefix = 'folioscope.benchmark.';

export function rememberedBenchmark(portfolioId: string | null): string | null {
  if (!portfolioId) return null;
  try {
    return localStorage.getItem(prefix + portfolioId);
  } catch {
    return null;
  }
}

export function rememberBenchmark(portfolioId: string | null, instrumentId: string | null): void {
  if (!portfolioId) return;
  try {
    if (instrumentId === null) localStorage.removeItem(prefix + portfolioId);
    else localStorage.setItem(prefix + portfolioId, instrumentId);
  } catch {
    // Then the choice lasts as long as the address holds it.
  }
}
