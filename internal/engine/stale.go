package engine

import (
	"context"
	"maps"
	"slices"
	"sort"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/market"
)

// sinceLayout is how a rule says since when it has had no new price; its owner's zone is named in it.
const sinceLayout = "2 January 2006, 15:04 MST"

// stale says why a rule can't go by the prices that it has, where one of them is stale at a time, and since when that is so; empty where
// it can.
func (e *Engine) stale(r *rule, at time.Time) (why string, since time.Time) {
	for _, l := range r.listed {
		if quote, known := r.prices[l.instrument.ID]; known && e.isStale(quote, l.instrument, at) {
			why = "There has been no new price since " + quote.MarketTime.In(r.owner.zone).Format(sinceLayout) + "."
			return why, e.grewStale(quote, l.instrument, at)
		}
	}
	return "", at
}

// grewStale finds when a price that is stale at a time became so, to the second. So it doesn't matter when somebody looked.
func (e *Engine) grewStale(quote market.Quote, of market.Instrument, at time.Time) time.Time {
	fresh := sort.Search(max(int(at.Sub(quote.ObservedAt)/time.Second), 0), func(n int) bool {
		return e.isStale(quote, of, quote.ObservedAt.Add(time.Duration(n)*time.Second))
	})
	return quote.ObservedAt.Add(time.Duration(fresh) * time.Second)
}

func (e *Engine) isStale(quote market.Quote, of market.Instrument, at time.Time) bool {
	return market.StateOf(market.Mark{Quote: quote}, of, e.o.Sessions, at) == market.StateStale
}

// pass lets time go by for all rules. First it asks when each price was got last: a source that says the same again writes nothing into the
// journal, and its price doesn't grow stale for that.
func (e *Engine) pass() {
	if e.passing.busy() {
		return
	}
	listed := slices.Collect(maps.Keys(e.listed))
	e.work(&e.passing, func(ctx context.Context) func() {
		marks, err := e.o.Store.MarksOf(ctx, listed)
		return func() {
			if err != nil {
				e.complain("it could not be seen how old prices are; it is tried again", err)
			} else {
				e.confirm(marks)
				e.age()
			}
			e.tick()
		}
	})
}

// confirm notes which prices their sources said again.
func (e *Engine) confirm(marks map[market.InstrumentID]market.Mark) {
	for id, mark := range marks {
		l := e.listed[id]
		if l != nil && mark.Price.Equal(l.price.Price) && mark.MarketTime.Equal(l.price.MarketTime) && mark.ObservedAt.After(l.price.ObservedAt) {
			l.price.ObservedAt = mark.ObservedAt
		}
	}
}

// age takes rules whose price has grown stale to no data, and back those whose price isn't stale any more.
func (e *Engine) age() {
	now := e.o.Now()
	for _, l := range e.listed {
		l.stale = e.isStale(l.price, l.instrument, now)
	}
	for _, o := range e.owners {
		for _, r := range o.rules {
			stale := slices.ContainsFunc(r.listed, func(l *listing) bool { return l.stale })
			if stale == (r.standing.State == alert.StateNoData) || r.unseen != nil {
				continue
			}
			for _, l := range r.listed {
				if l.price.Instrument != "" {
					r.prices[l.instrument.ID] = l.price
				}
			}
			if len(r.listed) > 0 {
				e.look(r, now, 0)
				e.place(r)
			}
		}
	}
}
