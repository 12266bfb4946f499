package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/provider"
)

// rawPlaces is to how many digits after the point a close is kept that was divided by splits and is made raw again.
const rawPlaces = 8

// historian is a source's way to raw closes.
type historian func(ctx context.Context, name string, from, to market.Date) ([]market.Bar, money.Unit, error)

// historian is how a source is asked for raw closes from a day on; nil where it has none for us. Closes that a source adjusts for
// splits are made raw, where all splits since that day are known; those that it adjusts for dividends too are of no use.
func (s *search) historian(source provider.Provider, from market.Date) historian {
	name, named := nameAt(source, s.i)
	if !named || s.refused[source.Name()] {
		return nil
	}
	if refusal, known := s.g.gates[source.Name()].refuses(name, s.g.now()); known && refusal.Outcome == provider.UnknownSymbol {
		return nil
	}
	switch h := source.(type) {
	case provider.Historian:
		return h.History
	case provider.AdjustedHistorian:
		if s.splitsFrom == market.NoDate || s.splitsFrom > from {
			return nil
		}
		return func(ctx context.Context, name string, from, to market.Date) ([]market.Bar, money.Unit, error) {
			bars, unit, adjustment, err := h.AdjustedHistory(ctx, name, from, to)
			switch {
			case err != nil:
				return nil, money.Unit{}, err
			case adjustment == provider.SplitAdjusted:
				bars = rawOf(bars, s.splits)
			case adjustment != provider.Raw:
				return nil, money.Unit{}, &provider.Error{Provider: source.Name(), Outcome: provider.Empty, Symbol: name, Cause: errors.New("adjusted for dividends")}
			}
			return bars, unit, nil
		}
	}
	return nil
}

// ask asks a source for closes in the instrument's currency, rising by date; one that can't be a close is left out. Its error is
// errOpen where the source is to be left alone, errLost where the claim is, and the store's or the source's else.
func (s *search) ask(ctx context.Context, source provider.Provider, raw historian, from, to market.Date) ([]market.Bar, error) {
	name, _ := nameAt(source, s.i)
	var bars []market.Bar
	var unit money.Unit
	err := s.call(ctx, source, func(ctx context.Context) (err error) {
		bars, unit, err = raw(ctx, name, from, to)
		if err == nil && unit.Currency != "" && unit.Currency != s.i.Currency {
			err = &provider.Error{Provider: source.Name(), Outcome: provider.NotEntitled, Symbol: name,
				Cause: fmt.Errorf("in %s, the instrument is in %s", unit.Currency, s.i.Currency)}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	kept := make([]market.Bar, 0, len(bars))
	for _, b := range bars {
		if unit.Currency != "" {
			b.Close = unit.Major(b.Close)
		}
		if b.Close.Sign() > 0 && b.Date >= from && b.Date <= to {
			kept = append(kept, b)
		}
	}
	slices.SortStableFunc(kept, func(a, b market.Bar) int { return int(a.Date) - int(b.Date) })
	return slices.CompactFunc(kept, func(a, b market.Bar) bool { return a.Date == b.Date }), nil
}

// call is one request with its deadline, through the gate of its source, with the claim prolonged before it. A panic in a decoder,
// which reads what strangers wrote, is that source's failure.
func (s *search) call(ctx context.Context, source provider.Provider, do func(ctx context.Context) error) error {
	gate := s.g.gates[source.Name()]
	if err := s.g.pass(ctx, gate); errors.Is(err, errOpen) {
		return err
	} else if err != nil {
		return storeError{err}
	}
	if err := s.keep(ctx); errors.Is(err, errLost) {
		return err
	} else if err != nil {
		return storeError{err}
	}
	s.calls++
	err := func() (err error) {
		ctx, cancel := context.WithTimeout(ctx, historyDeadline)
		defer cancel()
		defer func() {
			if value := recover(); value != nil {
				s.g.Log.Error("source panicked", "source", source.Name(), "panic", fmt.Sprint(value))
				err = &provider.Error{Provider: source.Name(), Outcome: provider.SchemaDrift, Cause: errors.New("panicked")}
			}
		}()
		return do(ctx)
	}()
	s.g.report(ctx, gate, err)
	if err != nil {
		outcome := provider.OutcomeOf(err)
		if outcome == provider.UnknownSymbol || outcome == provider.NotEntitled {
			s.refused[source.Name()] = true
		}
		s.g.Log.Warn("no history", "source", source.Name(), "instrument", s.i.ID, "error", err)
	}
	return err
}
