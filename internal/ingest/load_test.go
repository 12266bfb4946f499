package ingest

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/provider"
)

// counting is a source that asks for each name by itself.
type counting struct{ *source }

func (c counting) Requests(names []string) int { return len(names) }

// naming is a source that counts different names in a month, of which it grants some.
type naming struct {
	*source
	max int
}

func (n naming) Quotas() []provider.Quota {
	return []provider.Quota{{Outcome: provider.RateMonth, Max: n.max, PerName: true, Reset: endOfMonth}}
}

// A quota loses what is really asked: a batch of twenty that takes twenty requests takes twenty of the minute, and none is ever too
// large for a window.
func TestABatchCostsItsRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := counting{(&source{name: "first", batch: 20}).says("100")}
		w := newWorld(t, many(90, "OPEN"))
		g := w.node(t, map[string][]provider.Provider{ChainStock: {first}})
		limit(g, "first", Limits{Minute: 30, Day: 100})
		if err := g.Poll(t.Context(), ChainStock); err != nil {
			t.Fatal(err)
		}
		byMinute := map[time.Time]int{}
		names := 0
		for _, c := range first.calls {
			byMinute[c.at.Truncate(time.Minute)] += len(c.names)
			names += len(c.names)
		}
		for minute, n := range byMinute {
			if n > 30 {
				t.Errorf("%d requests in the minute from %s", n, minute)
			}
		}
		if used := w.store.used["first"][Day].Count; int(used) != names || names > 100 {
			t.Errorf("%d of the day's quota for %d requests", used, names)
		}
		time.Sleep(24 * time.Hour)
		limit(g, "first", Limits{Minute: 7}) // less than a batch
		calls := len(first.calls)
		w.store.marks = map[market.InstrumentID]market.Mark{} // all are new
		if err := g.Poll(t.Context(), ChainStock); err != nil {
			t.Fatal(err)
		}
		if len(first.calls) == calls {
			t.Error("a limit below the batch lets nothing through")
		}
		for _, c := range first.calls[calls:] {
			if len(c.names) > 7 {
				t.Errorf("%d names at once, of 7 a minute", len(c.names))
			}
		}
	})
}

// A single name that costs more than a window holds takes all of it, instead of never being asked for.
func TestANameDearerThanItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := pair{(&source{name: "first", batch: 5}).says("100")}
		w := newWorld(t, many(3, "OPEN"))
		g := w.node(t, map[string][]provider.Provider{ChainStock: {first}})
		limit(g, "first", Limits{Minute: 1})
		if err := g.Poll(t.Context(), ChainStock); err != nil {
			t.Fatal(err)
		}
		if got := first.asked(); got != 3 {
			t.Errorf("%d calls", got)
		}
	})
}

// pair is a source that takes two requests for a name.
type pair struct{ *source }

func (p pair) Requests(names []string) int { return 2 * len(names) }

// Of a quota of different names each is counted once in the month, on whichever node, also after a start; what was counted is asked
// for on, and what is too many comes from the next source.
func TestDifferentNamesOfAMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2000, 2, 1, 0, 0, 0, 0, time.UTC)))
		first, second := naming{(&source{name: "first", batch: 3}).says("100"), 5}, (&source{name: "second", batch: 50}).says("100")
		w := newWorld(t, many(4, "OPEN"))
		chain := map[string][]provider.Provider{ChainStock: {first, second}}
		nodes := []*Ingest{w.node(t, chain), w.node(t, chain)}
		from := func(source string) (n int) {
			for _, i := range w.store.wanted {
				if w.store.mark(t, i.ID).Source == source {
					n++
				}
			}
			return n
		}
		poll := func(times int) {
			for n := range times {
				if err := nodes[n%2].Poll(t.Context(), ChainStock); err != nil {
					t.Fatal(err)
				}
				time.Sleep(slot)
			}
		}
		poll(20)
		if used := w.store.used["first"][Month].Count; used != 4 || from("first") != 4 {
			t.Errorf("%d names counted, %d marks", used, from("first"))
		}
		w.store.wanted = append(w.store.wanted, stock("J1", "OPEN"), stock("J2", "OPEN"), stock("J3", "OPEN"))
		nodes[0] = w.node(t, chain)
		poll(20)
		if used := w.store.used["first"][Month].Count; used != 5 || from("first") != 5 || from("second") != 2 {
			t.Errorf("%d names counted, %d and %d marks", used, from("first"), from("second"))
		}
		for _, s := range nodes[0].Status() {
			if s.Name == "first" && (s.Spent != "" || s.Circuit != "closed") {
				t.Errorf("%+v", s)
			}
		}
		names := map[string]bool{}
		for _, c := range first.calls {
			for _, name := range c.names {
				names[name] = true
			}
		}
		if len(names) != 5 {
			t.Errorf("the source was asked for %v", names)
		}
		time.Sleep(time.Until(time.Date(2000, 3, 1, 0, 0, 1, 0, time.UTC)))
		w.store.wanted = w.store.wanted[3:]
		poll(2)
		if used := w.store.used["first"][Month].Count; used != 4 {
			t.Errorf("%d names counted in the next month", used)
		}
	})
}

// Two nodes that take the last name at the same time: one gets it, and nobody asks for more than the quota.
func TestTheLastNameOfAMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := naming{(&source{name: "first", batch: 1}).says("100"), 1}
		w := newWorld(t, many(1, "OPEN"))
		chain := map[string][]provider.Provider{ChainStock: {first}}
		a, b := w.node(t, chain), w.node(t, chain)
		la, lb := a.gates["first"].load([]string{"A"}, time.Now()), b.gates["first"].load([]string{"B"}, time.Now())
		errA, errB := a.passLoad(t.Context(), a.gates["first"], la), b.passLoad(t.Context(), b.gates["first"], lb)
		if got := fmt.Sprint(errA, errB); got != fmt.Sprint(nil, errOpen) {
			t.Error(got)
		}
		if !b.gates["first"].closedUntil(time.Now()).IsZero() {
			t.Error("the source is shut for names that it was asked for before")
		}
	})
}

// A source that is late isn't asked in a session's first minutes, unless the close before is missing.
func TestALateSourceAfterTheOpen(t *testing.T) {
	calendar, err := market.NewCalendar()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, nil)
	w.Sessions = calendar
	for _, test := range []struct {
		name, now, seen string
		delay           time.Duration
		want            bool
	}{
		{"at the open, at once", "2026-11-18T08:00:00Z", "2026-11-17T18:10:00Z", 0, true},
		{"at the open, late", "2026-11-18T08:00:00Z", "2026-11-17T18:10:00Z", 15 * time.Minute, false},
		{"a slot later", "2026-11-18T08:10:00Z", "2026-11-17T18:10:00Z", 15 * time.Minute, true},
		{"a little late", "2026-11-18T08:05:00Z", "2026-11-17T18:10:00Z", 5 * time.Minute, true},
		{"at the open, the close is missing", "2026-11-18T08:00:00Z", "2026-11-17T16:00:00Z", 15 * time.Minute, true},
		{"after the close, still open as the source sees it", "2026-11-18T16:40:00Z", "2026-11-18T16:30:00Z", 15 * time.Minute, true},
		{"the close isn't in", "2026-11-18T16:46:00Z", "2026-11-18T16:40:00Z", 15 * time.Minute, false},
		{"the close is in", "2026-11-18T16:50:00Z", "2026-11-18T16:40:00Z", 15 * time.Minute, true},
	} {
		seen := at(t, test.seen)
		mark := &market.Mark{Quote: market.Quote{ObservedAt: seen, MarketTime: seen}}
		if got := w.due(stock("A", "XLON"), mark, Asked{Settled: seen, Tried: seen}, test.delay, at(t, test.now)); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
