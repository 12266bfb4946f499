package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"folioscope/internal/market"
)

// outlookKept is how long what is shared of the polls is believed for people who look at their data: a page that many open at
// once costs the store one read.
const outlookKept = 5 * time.Second

// SourceView is what stands between an instrument and one source of its chain.
type SourceView struct {
	Name    string
	Named   bool      // it has a name for the instrument
	Refused Outcome   // UNKNOWN_SYMBOL or NOT_ENTITLED where it doesn't give the name to us; empty otherwise
	Away    bool      // it is left alone for now: its circuit is open, or a quota is spent
	Spent   bool      // it is left alone because a quota is spent
	Until   time.Time // until when it is left alone, or the refusal is believed
}

// Outlook is where the price of an instrument comes from, and what stands in its way.
type Outlook struct {
	Chain     string
	Sources   []SourceView // of the chain, in its order
	Mark      *market.Mark // nil where it never had a price
	State     market.State
	Session   market.Session // of its market, now
	Unseen    time.Duration  // open time of its market since the price was got
	First     string         // whose price it should be; empty where no source has a name for it
	Tried     time.Time      // when it was last asked for, zero where never
	RefreshAt time.Time      // from when on it may be asked for again
}

// outlook is what was last read for Outlooks.
type outlook struct {
	mutex sync.Mutex
	read  time.Time
	asked map[market.InstrumentID]Asked
}

// Outlooks says for instruments what their sources could give now. It asks no source.
func (g *Ingest) Outlooks(ctx context.Context, instruments []market.Instrument) (map[market.InstrumentID]Outlook, error) {
	asked, err := g.askedLately(ctx)
	if err != nil {
		return nil, err
	}
	now := g.now()
	out := make(map[market.InstrumentID]Outlook, len(instruments))
	for _, i := range instruments {
		o := Outlook{Chain: ChainOf(i.Class), Tried: asked[i.ID].Tried, Mark: g.book.mark(i.ID), State: market.StateNone, Session: g.Sessions.At(i.MIC, now)}
		if o.Mark != nil {
			o.State, o.Unseen = market.StateOf(*o.Mark, i, g.Sessions, now), g.Sessions.TradingTime(i.MIC, o.Mark.ObservedAt, now)
		}
		if !o.Tried.IsZero() && !o.Tried.After(now.Add(skewMax)) {
			o.RefreshAt = o.Tried.Add(refreshFloor)
		}
		for _, source := range g.Chains[o.Chain] {
			gate := g.gates[source.Name()]
			name, named := nameAt(source, i)
			view := SourceView{Name: source.Name(), Named: named}
			if until := gate.closedUntil(now); until.After(now) {
				view.Away, view.Until = true, until
				_, _, view.Spent = gate.spent(now)
			}
			if r, refused := gate.refuses(name, now); named && refused {
				view.Refused, view.Until = r.Outcome, r.Until
			}
			o.Sources = append(o.Sources, view)
		}
		if first, ok := g.firstOf(o.Chain, i, now); ok {
			o.First = first.Name()
		}
		out[i.ID] = o
	}
	return out, nil
}

// askedLately is what all nodes know of the polls and the sources, at most some seconds old.
func (g *Ingest) askedLately(ctx context.Context) (map[market.InstrumentID]Asked, error) {
	o := &g.looked
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if now := g.now(); o.asked == nil || now.Sub(o.read).Abs() > outlookKept {
		asked, err := g.Store.Asked(ctx)
		if err != nil {
			return nil, fmt.Errorf("read what was asked for: %w", err)
		}
		if err := errors.Join(g.learn(ctx), g.catchUp(ctx)); err != nil {
			return nil, err
		}
		o.asked, o.read = asked, now
	}
	return o.asked, nil
}

// forget makes the next look read anew.
func (o *outlook) forget() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.asked = nil
}
