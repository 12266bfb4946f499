package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/provider"
)

// Bounds of reports.
const (
	reportDays     = 7               // before today: what is older is looked for instrument by instrument
	reportedMin    = 5               // instruments that lack a day: fewer are asked for one by one
	reportLease    = 2 * time.Minute // a report is one call
	reportEvery    = 24 * time.Hour
	reportsClaimed = "reports." // and the source's name: the slot that nodes share
)

// readReports fills the holes of the last days from sources that tell everything of a day in one answer, once a day each. An error
// means that the store failed.
func (g *Ingest) readReports(ctx context.Context, wanted []market.Instrument) error {
	now := g.now()
	for _, source := range g.reporters() {
		slot := market.DateOf(now.Add(-lookedFrom).UTC()).Time().Add(lookedFrom)
		ours, err := g.Store.ClaimSlot(ctx, reportsClaimed+source.Name(), slot, now, now.Add(reportLease), now.Add(reportEvery+skewMax))
		if err != nil {
			return fmt.Errorf("claim the report of %s: %w", source.Name(), err)
		}
		if !ours {
			continue
		}
		done, err := g.readReport(ctx, source, wanted)
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endSlotTimeout)
		ended := g.Store.EndSlot(ending, reportsClaimed+source.Name(), slot, done)
		cancel()
		if err = errors.Join(err, ended); err != nil {
			return fmt.Errorf("report of %s: %w", source.Name(), err)
		}
	}
	return nil
}

// reporters are the sources that have reports, each once.
func (g *Ingest) reporters() (all []provider.Provider) {
	for _, chain := range ChainNames() {
		for _, source := range g.Chains[chain] {
			if _, ok := source.(provider.Reporter); ok && !slices.Contains(all, source) {
				all = append(all, source)
			}
		}
	}
	return all
}

// hole is what one instrument lacks of the last days.
type hole struct {
	instrument market.Instrument
	series     market.Series
	days       []market.Date // rising
}

// readReport reads one source's report where enough is missing; done is false where it has to be tried again.
func (g *Ingest) readReport(ctx context.Context, source provider.Provider, wanted []market.Instrument) (done bool, err error) {
	holes, err := g.holes(ctx, source, wanted)
	if err != nil || len(holes) < reportedMin {
		return err == nil, err
	}
	today := market.DateOf(g.now().UTC())
	from, to := today, market.NoDate
	names := make([]string, 0, len(holes))
	for name, h := range holes {
		names = append(names, name)
		from, to = min(from, h.days[0]), max(to, h.days[len(h.days)-1])
	}
	slices.Sort(names)
	gate := g.gates[source.Name()]
	if err := g.pass(ctx, gate); errors.Is(err, errOpen) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	closes, unit, err := reported(ctx, source, names, from, to)
	g.report(ctx, gate, err)
	if err != nil {
		g.Log.Warn("no report", "source", source.Name(), "error", err)
		return false, nil
	}
	for _, name := range names {
		if err := g.fillHole(ctx, source.Name(), holes[name], closes[name], unit); err != nil {
			return false, err
		}
	}
	return true, nil
}

// holes are the instruments that a source has and that lack a close of the last days, by the source's name for them. Those
// without any history aren't among them.
func (g *Ingest) holes(ctx context.Context, source provider.Provider, wanted []market.Instrument) (map[string]hole, error) {
	today := market.DateOf(g.now().UTC())
	holes := map[string]hole{}
	for _, i := range wanted {
		name, named := nameAt(source, i)
		if !named || !slices.Contains(g.Chains[ChainOf(i.Class)], source) {
			continue
		}
		series, err := g.Store.Series(ctx, i.ID, today-reportDays-overlapDays, today)
		if err != nil {
			return nil, fmt.Errorf("read bars of %s: %w", i.ID, err)
		}
		missing := missingDays(g.tradingDays(i, today-reportDays, today-1), &series, nil, today)
		if series.Len() > 0 && len(missing) > 0 {
			holes[name] = hole{i, series, missing}
		}
	}
	return holes, nil
}

// reported is the call; a panic in a decoder, which reads what strangers wrote, is that source's failure.
func reported(ctx context.Context, source provider.Provider, names []string, from, to market.Date) (closes map[string][]market.Bar, unit money.Unit, err error) {
	ctx, cancel := context.WithTimeout(ctx, historyDeadline)
	defer cancel()
	defer func() {
		if value := recover(); value != nil {
			err = &provider.Error{Provider: source.Name(), Outcome: provider.SchemaDrift, Cause: fmt.Errorf("panicked: %v", value)}
		}
	}()
	return source.(provider.Reporter).Report(ctx, names, from, to)
}

// fillHole keeps the closes of the days that are missing, if they can go beside the others.
func (g *Ingest) fillHole(ctx context.Context, source string, h hole, closes []market.Bar, unit money.Unit) error {
	if unit.Currency != "" && unit.Currency != h.instrument.Currency {
		return nil // another share class by the same name: its own history says so in the search
	}
	var fresh []market.Bar
	for _, b := range closes {
		if unit.Currency != "" {
			b.Close = unit.Major(b.Close)
		}
		if b.Close.Sign() > 0 && slices.Contains(h.days, b.Date) {
			fresh = append(fresh, b)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := likeStored(&h.series, fresh, nil, g.book.mark(h.instrument.ID)); err != nil {
		g.Log.Warn("report not taken", "source", source, "instrument", h.instrument.ID, "reason", err)
		return nil
	}
	defer g.tellCloses(ctx)
	if err := g.putBars(ctx, h.instrument.ID, fresh); err != nil {
		return fmt.Errorf("keep bars of %s: %w", h.instrument.ID, err)
	}
	g.Log.Info("history filled", "source", source, "instrument", h.instrument.ID, "from", fresh[0].Date.String(), "bars", len(fresh))
	return nil
}
