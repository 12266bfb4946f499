package ingest

import (
	"context"
	"fmt"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

const (
	heldListedMax   = 200
	refusedStands   = 24 * time.Hour // an administrator's no: a price that is still said after a day is held back anew
	heldMessageGone = "This price doesn't wait any more."
)

// refusedShare is how far a price may be from one that was refused and still be the same mistake.
var refusedShare = money.MustParse("0.01")

// learnRefused reads what administrators refused not long ago.
func (g *Ingest) learnRefused(ctx context.Context) error {
	all, err := g.Store.RefusedSince(ctx, g.now().Add(-refusedStands))
	if err != nil {
		return fmt.Errorf("read what was refused: %w", err)
	}
	refused := map[market.InstrumentID][]Held{}
	for _, h := range all {
		refused[h.Instrument] = append(refused[h.Instrument], h)
	}
	g.settling.Lock()
	defer g.settling.Unlock()
	g.refused = refused
	return nil
}

// refusedBefore says whether an administrator refused the same price of the same source.
func (g *Ingest) refusedBefore(o offer) bool {
	for _, h := range g.refused[o.instrument.ID] {
		if h.Source == o.source && within(o.major(o.price), h.Price, refusedShare) {
			return true
		}
	}
	return false
}

// HeldPrices gives prices that were held back, the newest first: those that wait, or all that are still remembered. Before is the
// number of the last one of the page before, 0 for the first page; limit is at most 200.
func (g *Ingest) HeldPrices(ctx context.Context, waiting bool, before int64, limit int) ([]Held, error) {
	states := []HeldState{HeldWaiting}
	if !waiting {
		states = append(states, HeldAccepted, HeldRefused, HeldEnded)
	}
	return g.Store.Held(ctx, states, before, min(max(limit, 1), heldListedMax))
}

// AcceptHeld believes a price that was held back, by an administrator's word. fault.NotFound where there is none with the
// number, fault.Conflict where it doesn't wait any more or a later price is in use.
func (g *Ingest) AcceptHeld(ctx context.Context, id int64, write audit.Write) (Held, error) {
	return g.decide(ctx, id, HeldAccepted, write)
}

// RefuseHeld drops a price that was held back. The same price of the same source isn't held back again for a day; another
// source may still confirm it. Errors are those of AcceptHeld.
func (g *Ingest) RefuseHeld(ctx context.Context, id int64, write audit.Write) (Held, error) {
	return g.decide(ctx, id, HeldRefused, write)
}

func (g *Ingest) decide(ctx context.Context, id int64, state HeldState, write audit.Write) (Held, error) {
	if err := g.catchUp(ctx); err != nil {
		return Held{}, err
	}
	g.settling.Lock()
	defer g.settling.Unlock()
	held, err := g.Store.HeldByID(ctx, id)
	if err != nil {
		return Held{}, fmt.Errorf("decide on a price: %w", err)
	}
	last := g.book.mark(held.Instrument)
	if held.State != HeldWaiting || last == nil || last.MarketTime.After(held.MarketTime) {
		return Held{}, fault.New(fault.Conflict, heldMessageGone)
	}
	mark := *last
	if state == HeldAccepted {
		if mark, err = g.markOfHeld(ctx, held, last); err != nil {
			return Held{}, fmt.Errorf("decide on a price: %w", err)
		}
	} else if b := last.HeldBack; b != nil && b.Source == held.Source && b.Price.Equal(held.Price) {
		mark.HeldBack = nil
	}
	sequence, accepted, err := g.Store.DecideHeld(ctx, id, state, mark, write)
	if err != nil {
		return Held{}, fmt.Errorf("decide on a price: %w", err)
	}
	g.announce(ctx, sequence, accepted)
	if state == HeldRefused {
		if g.refused == nil {
			g.refused = map[market.InstrumentID][]Held{}
		}
		g.refused[held.Instrument] = append(g.refused[held.Instrument], held)
	}
	return g.Store.HeldByID(ctx, id)
}

// markOfHeld is the mark that a price makes once it is believed.
func (g *Ingest) markOfHeld(ctx context.Context, held Held, last *market.Mark) (market.Mark, error) {
	found, err := g.Store.Instruments(ctx, []market.InstrumentID{held.Instrument})
	if err != nil {
		return market.Mark{}, err
	}
	i := market.Instrument{ID: held.Instrument, Currency: held.Currency, Class: market.FX} // a rate is no row of instruments
	if len(found) > 0 {
		i = found[0]
	}
	first, known := g.firstOf(ChainOf(i.Class), i, g.now())
	return g.markOf(ctx, offer{
		instrument: i, source: held.Source, fallback: known && first.Name() != held.Source, price: held.Price,
		observed: held.ObservedAt, marketTime: held.MarketTime, previousDate: market.NoDate,
	}, last)
}
