package demo

import (
	"testing"
	"time"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

// On whatever day the demo is made, the first person finds dividends to decide on, somebody a split, and nobody more than a few.
func TestSomethingWaitsToBeBooked(t *testing.T) {
	for _, now := range []time.Time{
		time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC), time.Date(2026, 2, 17, 23, 0, 0, 0, time.UTC), time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), time.Date(2027, 4, 4, 3, 0, 0, 0, time.UTC),
	} {
		w, err := New(1, 12, now)
		if err != nil {
			t.Fatal(err)
		}
		actions := map[market.InstrumentID][]market.Action{}
		for _, a := range w.Actions {
			if err := a.Check(); err != nil || a.Source != market.SourceSimulate {
				t.Errorf("%s: %v of %s", a.ID(), err, a.Source)
			}
			actions[a.Instrument] = append(actions[a.Instrument], a)
		}
		instruments := map[market.InstrumentID]market.Instrument{}
		for _, i := range w.Instruments {
			instruments[i.ID] = i
		}
		for n, p := range w.People {
			found := ledger.Propose(p.Book(instruments), actions, nil, market.DateOf(now))
			splits := 0
			for _, one := range found.Open {
				if one.Action.Kind == market.ActionSplit {
					splits++
				}
			}
			switch {
			case n == 0 && (len(found.Open) != len(unbooked) || splits > 0):
				t.Errorf("%s: %d wait for the first person, %d of them splits", now, len(found.Open), splits)
			case n == forgetful-1 && splits == 0:
				t.Errorf("%s: no split waits for the forgetful", now)
			case n != forgetful-1 && splits > 0:
				t.Errorf("%s: %d splits wait for person %d", now, splits, n+1)
			}
		}
	}
}
