package app

import (
	"context"

	"folioscope/internal/engine"
	"folioscope/internal/health"
	"folioscope/internal/journal"
	"folioscope/internal/live"
	"folioscope/internal/market"
	"folioscope/internal/telemetry"
)

// shownPrices are the prices of dashboards, so that a portfolio is worth the same to its rules.
type shownPrices struct{ *live.Hub }

// Mark implements engine.Prices.
func (p shownPrices) Mark(id market.InstrumentID) (market.Mark, bool) { return p.Marks().Mark(id) }

// held is what a portfolio holds by its activities, in the engine's words.
type held struct{ record *journal.Journal }

func (h held) book(ctx context.Context, k engine.PortfolioKey, atLeastSequence int64) (engine.Held, error) {
	now, err := h.record.Holdings(ctx, k.Owner, k.Portfolio, atLeastSequence)
	if err != nil {
		return engine.Held{}, err
	}
	return engine.Held{Snapshot: now.Holdings.Open(), Manual: now.Manual}, nil
}

// bookOf is what this node's book counts, for its report; nil where there is none.
func (n *node) bookOf() *health.Book {
	if n.keeper == nil {
		return nil
	}
	t := n.keeper.Totals()
	return &health.Book{
		Loaded: t.Loaded, Portfolios: t.Portfolios, Positions: t.Positions, Instruments: t.Instruments, Unpriced: t.Unpriced, Stale: t.Stale,
		Full: health.Revaluation(t.Full), Sparse: health.Revaluation(t.Sparse),
	}
}

// The families of the book. None says what anybody's portfolio is worth, alone or in a sum. docs/guide/operations.md says what to do with them.
const (
	metricBookPortfolios  = "folioscope_book_portfolios"
	metricBookPositions   = "folioscope_book_positions"
	metricBookInstruments = "folioscope_book_instruments"
	metricBookUnpriced    = "folioscope_book_portfolios_unpriced"
	metricBookStale       = "folioscope_book_portfolios_stale"
	metricBookSeconds     = "folioscope_book_revaluation_seconds"
	metricBookTouched     = "folioscope_book_revaluation_positions"
)

func bookFamilies() []telemetry.Family {
	return []telemetry.Family{
		{Name: metricBookPortfolios, Help: "Portfolios of the partitions that this node has."},
		{Name: metricBookPositions, Help: "Positions of these portfolios."},
		{Name: metricBookInstruments, Help: "Instruments that these portfolios hold, as of the last count."},
		{Name: metricBookUnpriced, Help: "Portfolios that hold something without a price, as of the last count."},
		{Name: metricBookStale, Help: "Portfolios that hold something whose price is stale, as of the last count."},
		{Name: metricBookSeconds, Help: "How long the last revaluation took: full, of everything, or sparse, of what holds the prices that changed.", Labels: []string{"kind"}},
		{Name: metricBookTouched, Help: "Positions that the last revaluation looked at.", Labels: []string{"kind"}},
	}
}

func bookSamples(t engine.Totals) []telemetry.Sample {
	return []telemetry.Sample{
		{Family: metricBookPortfolios, Value: float64(t.Portfolios)},
		{Family: metricBookPositions, Value: float64(t.Positions)},
		{Family: metricBookInstruments, Value: float64(t.Instruments)},
		{Family: metricBookUnpriced, Value: float64(t.Unpriced)},
		{Family: metricBookStale, Value: float64(t.Stale)},
		{Family: metricBookSeconds, Labels: []string{"full"}, Value: t.Full.Took.Seconds()},
		{Family: metricBookSeconds, Labels: []string{"sparse"}, Value: t.Sparse.Took.Seconds()},
		{Family: metricBookTouched, Labels: []string{"full"}, Value: float64(t.Full.Positions)},
		{Family: metricBookTouched, Labels: []string{"sparse"}, Value: float64(t.Sparse.Positions)},
	}
}
