package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/provider"
)

// Bounds of the search for history.
const (
	backfilledMax   = 20 // instruments in one run: what sources that want to be asked slowly bear
	historyDays     = 20 * 365
	gapDaysMax      = 5 // days without a bar that are no gap: a weekend with holidays
	searchedAgain   = 24 * time.Hour
	failedAgain     = time.Hour // where a source failed rather than had nothing
	historyDeadline = 60 * time.Second
)

// Backfill looks for the history of instruments that have none, or whose last bars are missing, a bounded number in each run.
func (g *Ingest) Backfill(ctx context.Context) error {
	wanted, err := g.Store.Wanted(ctx)
	if err != nil {
		return fmt.Errorf("backfill: read what is wanted: %w", err)
	}
	today := market.DateOf(g.now().UTC())
	filled := 0
	for _, i := range wanted {
		select {
		case <-ctx.Done():
			return nil // what is left is found again by the next run
		default:
		}
		if filled >= backfilledMax {
			break
		}
		if searched := g.searched.get(i.ID); !searched.IsZero() && g.now().Sub(searched) < searchedAgain {
			continue
		}
		if !g.hasHistorian(i) {
			continue
		}
		from, missing, err := g.missing(ctx, i.ID, today)
		if err != nil {
			return fmt.Errorf("backfill: %w", err)
		}
		if !missing {
			g.searched.set(i.ID, g.now())
			continue
		}
		filled++
		done, err := g.fill(ctx, i, from, today-1)
		if err != nil {
			return fmt.Errorf("backfill: %w", err)
		}
		if done {
			g.searched.set(i.ID, g.now())
		} else {
			g.searched.set(i.ID, g.now().Add(failedAgain-searchedAgain))
		}
	}
	return nil
}

// hasHistorian says whether any source of the instrument's chain could have its history.
func (g *Ingest) hasHistorian(i market.Instrument) bool {
	return slices.ContainsFunc(g.Chains[ChainOf(i.Class)], func(source provider.Provider) bool {
		_, ok := source.(provider.Historian)
		_, named := nameAt(source, i)
		return ok && named
	})
}

// missing says from which day on bars are missing.
func (g *Ingest) missing(ctx context.Context, id market.InstrumentID, today market.Date) (from market.Date, missing bool, err error) {
	series, err := g.Store.Series(ctx, id, today-historyDays, today)
	if err != nil {
		return market.NoDate, false, fmt.Errorf("read bars of %s: %w", id, err)
	}
	// A handful of bars that were kept since the first poll is no history yet.
	const barsMin = 30
	if series.Len() < barsMin {
		return today - historyDays, true, nil
	}
	newest := series.Dates[series.Len()-1]
	return newest + 1, today-newest > gapDaysMax, nil
}

// fill asks the sources of the instrument's chain that have a history; done is false where one should be asked again soon.
func (g *Ingest) fill(ctx context.Context, i market.Instrument, from, to market.Date) (done bool, err error) {
	done = true
	for _, source := range g.Chains[ChainOf(i.Class)] {
		historian, ok := source.(provider.Historian)
		name, named := nameAt(source, i)
		if !ok || !named {
			continue
		}
		gate := g.gates[source.Name()]
		if err := g.pass(ctx, gate, 1); errors.Is(err, errOpen) {
			done = false
			continue
		} else if err != nil {
			return false, err
		}
		bars, err := g.history(ctx, historian, source.Name(), name, i, from, to)
		g.report(ctx, gate, err)
		switch {
		case err != nil:
			g.Log.Warn("no history", "source", source.Name(), "instrument", i.ID, "error", err)
			done = done && provider.OutcomeOf(err).PerSymbol()
		case len(bars) > 0:
			if err := g.Store.PutBars(ctx, i.ID, bars); err != nil {
				return false, fmt.Errorf("keep bars of %s: %w", i.ID, err)
			}
			g.Log.Info("history filled", "source", source.Name(), "instrument", i.ID, "bars", len(bars))
			return true, nil
		}
	}
	return done, nil
}

// history is a source's bars in the instrument's currency; a bar that can't be a close is left out.
func (g *Ingest) history(ctx context.Context, historian provider.Historian, source, name string, i market.Instrument, from, to market.Date) (bars []market.Bar, err error) {
	ctx, cancel := context.WithTimeout(ctx, historyDeadline)
	defer cancel()
	defer func() {
		if value := recover(); value != nil {
			g.Log.Error("source panicked", "source", source, "panic", fmt.Sprint(value))
			bars, err = nil, &provider.Error{Provider: source, Outcome: provider.SchemaDrift, Symbol: name}
		}
	}()
	bars, unit, err := historian.History(ctx, name, from, to)
	if err != nil {
		return nil, err
	}
	if unit.Currency != "" && unit.Currency != i.Currency {
		return nil, &provider.Error{Provider: source, Outcome: provider.NotEntitled, Symbol: name,
			Cause: fmt.Errorf("in %s, the instrument is in %s", unit.Currency, i.Currency)}
	}
	if unit.Currency != "" {
		for n := range bars {
			bars[n].Close = unit.Major(bars[n].Close)
		}
	}
	return slices.DeleteFunc(bars, func(b market.Bar) bool { return b.Close.Sign() <= 0 || b.Date < from || b.Date > to }), nil
}
