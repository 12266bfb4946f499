package ingest

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/jobs"
	"folioscope/internal/market"
	"folioscope/internal/provider"
)

// limit gives a source quotas of the operator's, on every node that shares the chains.
func limit(g *Ingest, source string, limits Limits) {
	g.gates[source].ration = rationOf(g.gates[source].source, limits)
}

func many(n int, mic string) (all []market.Instrument) {
	for i := range n {
		all = append(all, stock(fmt.Sprintf("I%04d", i), mic))
	}
	return all
}

// Twelve requests a day over a day of 144 slots: one in every twelfth. Nobody asks for more, whichever node it is, and the rest
// comes from the next source in the same poll.
func TestADaysQuotaLastsTheDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := (&source{name: "first", batch: 1}).says("100"), (&source{name: "second", batch: 50}).says("100")
		w := newWorld(t, many(5, "OPEN"), first, second)
		nodes := []*Ingest{w.Ingest, w.node(t, w.Chains), w.node(t, w.Chains)}
		for _, g := range nodes {
			limit(g, "first", Limits{Day: 12})
		}
		byHour := map[int]int{}
		for n := range 144 {
			before := first.asked()
			if err := nodes[n%len(nodes)].Poll(t.Context(), ChainStock); err != nil {
				t.Fatal(err)
			}
			byHour[n/6] += first.asked() - before
			for id, m := range w.store.marks {
				if time.Since(m.ObservedAt) > time.Second {
					t.Fatalf("slot %d: %s was seen %s ago", n, id, time.Since(m.ObservedAt))
				}
			}
			time.Sleep(slot)
		}
		if got := first.asked(); got != 12 {
			t.Errorf("%d requests of 12", got)
		}
		for hour, n := range byHour {
			if n > 2 {
				t.Errorf("%d requests in hour %d", n, hour)
			}
		}
		t.Logf("requests by hour: %v", byHour)
		calls := first.asked()
		if err := nodes[0].Poll(t.Context(), ChainStock); err != nil {
			t.Fatal(err)
		}
		if first.asked() == calls {
			t.Error("the next day has no quota")
		}
	})
}

// A minute's quota is waited for, so that one slow source still serves all in one poll; a longer one isn't.
func TestAMinutesQuotaIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := (&source{name: "first", batch: 1}).says("100"), (&source{name: "second", batch: 50}).says("100")
		w := newWorld(t, many(150, "OPEN"), first, second)
		limit(w.Ingest, "first", Limits{Minute: 60})
		start := time.Now()
		w.poll(t, ChainStock)
		if took := time.Since(start); first.asked() != 150 || second.asked() != 0 || took > 3*time.Minute || took < 2*time.Minute {
			t.Errorf("%d and %d requests in %s", first.asked(), second.asked(), took)
		}
		byMinute := map[time.Time]int{}
		for _, c := range first.calls {
			byMinute[c.at.Truncate(time.Minute)]++
		}
		for minute, n := range byMinute {
			if n > 60 {
				t.Errorf("%d requests in the minute from %s", n, minute)
			}
		}
		limit(w.Ingest, "first", Limits{Hour: 10})
		time.Sleep(slot)
		calls := first.asked()
		w.poll(t, ChainStock)
		if got := first.asked() - calls; got > 10 || second.asked() == 0 {
			t.Errorf("%d requests of 10 an hour, %d of the second", got, second.asked())
		}
	})
}

// What a source doesn't give us on our plan isn't asked for again for a week, on any node; what it doesn't know for a day. The next
// source in the chain is then the first choice where it is the plan, and a fallback where a name is wrong.
func TestWhatASourceRefusesIsRemembered(t *testing.T) {
	for outcome, days := range map[provider.Outcome]int{provider.NotEntitled: 7, provider.UnknownSymbol: 1} {
		synctest.Test(t, func(t *testing.T) {
			first, second := &source{name: "first", batch: 10}, (&source{name: "second", batch: 10}).says("100")
			first.latest = func(names []string, now time.Time) (provider.Batch, error) {
				b := provider.Batch{Failed: map[string]*provider.Error{}}
				for _, name := range names {
					if name == "A" {
						b.Failed[name] = first.fails(outcome, 0)
					} else {
						b.Quotes = append(b.Quotes, quote(name, "5", "USD", now))
					}
				}
				return b, nil
			}
			w := newWorld(t, []market.Instrument{stock("A", "OPEN"), stock("B", "OPEN")}, first, second)
			other := w.node(t, w.Chains)
			start := time.Now()
			var asked []time.Duration
			for time.Since(start) < 8*24*time.Hour {
				for _, g := range []*Ingest{w.Ingest, other} {
					if err := g.Poll(t.Context(), ChainStock); err != nil {
						t.Fatal(err)
					}
					if last := first.calls[len(first.calls)-1]; slices.Contains(last.names, "A") && last.at.Equal(time.Now()) {
						asked = append(asked, time.Since(start))
					}
					time.Sleep(slot)
				}
				if m := w.store.mark(t, "A"); m.Source != "second" || m.Fallback != (outcome == provider.UnknownSymbol) {
					t.Fatalf("%s: %+v", outcome, m)
				}
			}
			if want := 8/days + min(1, 8%days); len(asked) != want || len(asked) > 1 && asked[1] < time.Duration(days)*24*time.Hour {
				t.Errorf("%s: asked at %v", outcome, asked)
			}
			if s := w.statusOf(t, "first"); s.Failures != 0 || s.Circuit != "closed" {
				t.Errorf("%s counts against the source: %+v", outcome, s)
			}
		})
	}
}

// Three nodes, a source that is down for an hour, a poll on each every five seconds: of all of them one tries in half a minute.
func TestOneNodeTriesASourceThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := (&source{name: "first", batch: 10}).down(provider.Transient, 0), (&source{name: "second", batch: 10}).says("1")
		w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, first, second)
		nodes := []*Ingest{w.Ingest, w.node(t, w.Chains), w.node(t, w.Chains)}
		poll := func(times int) {
			for n := range times {
				if err := nodes[n%len(nodes)].Poll(t.Context(), ChainStock); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Second)
			}
		}
		poll(720)
		for n := 3; n < len(first.calls); n++ {
			if gap := first.calls[n].at.Sub(first.calls[n-1].at); gap < 30*time.Second {
				t.Errorf("call %d came %s after the one before", n, gap)
			}
		}
		if got := first.asked(); got > 3+3600/30 || got < 60 {
			t.Errorf("%d calls in an hour", got)
		}
		first.says("1.1")
		poll(12)
		if m := w.store.mark(t, "A"); m.Source != "first" || m.Fallback {
			t.Errorf("it is back, but %+v", m)
		}
		for n, g := range nodes {
			for _, s := range g.Status() {
				if s.Circuit != "closed" {
					t.Errorf("node %d: %+v", n, s)
				}
			}
		}
		// What one node is told, the others obey, to the second.
		first.down(provider.RateMinute, 100*time.Second)
		poll(3)
		told := first.calls[len(first.calls)-1].at
		first.says("1.2")
		calls := first.asked()
		for range 200 {
			for _, g := range nodes {
				if err := g.Poll(t.Context(), ChainStock); err != nil {
					t.Fatal(err)
				}
			}
			if first.asked() > calls {
				break
			}
			time.Sleep(time.Second)
		}
		if wait := time.Since(told); wait != 100*time.Second {
			t.Errorf("asked again after %s", wait)
		}
	})
}

// Each slot of each poll is worked on once, however many nodes have the job; one that a node left half done is taken up.
func TestASlotIsPolledOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := (&source{name: "first", batch: 10}).says("1")
		w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, first)
		skews := []time.Duration{0, 5 * time.Minute, -5 * time.Minute}
		var nodes []*Ingest
		for _, skew := range skews {
			g := w.node(t, w.Chains)
			g.Now = func() time.Time { return time.Now().Add(skew) }
			nodes = append(nodes, g)
		}
		work := func(g *Ingest) func() {
			kind := g.Kinds()[0]
			return func() {
				if err := kind.Work(t.Context(), jobs.Job{}); err != nil {
					t.Error(err)
				}
			}
		}
		// Each node's timer goes by its own clock: its slots begin when it thinks so.
		for minute := range 6 * 60 {
			for n, g := range nodes {
				if (minute+int(skews[n].Minutes()))%10 == 0 {
					work(g)()
				}
			}
			time.Sleep(time.Minute)
		}
		if got := len(first.calls); got < 36-1 || got > 36+2 {
			t.Errorf("%d polls in 36 slots", got)
		}
		for n := 1; n < len(first.calls); n++ {
			if gap := first.calls[n].at.Sub(first.calls[n-1].at); gap > 21*time.Minute {
				t.Errorf("%s between two polls", gap)
			}
		}
		// A node that dies in a slot leaves it for whoever comes after the lease.
		calls := first.asked()
		time.Sleep(time.Until(time.Now().Truncate(slot).Add(slot)))
		now := time.Now()
		if ok, err := w.store.ClaimSlot(t.Context(), "poll.stock", now, now, now.Add(pollTimeout), now.Add(slot+skewMax)); !ok || err != nil {
			t.Fatal(ok, err)
		}
		work(w.Ingest)()
		if first.asked() != calls {
			t.Error("polled while another node has the slot")
		}
		time.Sleep(pollTimeout)
		work(w.Ingest)()
		if first.asked() != calls+1 {
			t.Error("a slot that was left half done is lost")
		}
	})
}

// A refresh is for whoever waits: at any hour, but not twice in a minute, and within the quotas.
func TestRefreshNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := (&source{name: "first", batch: 10}).says("1")
		w := newWorld(t, []market.Instrument{stock("A", "SHUT"), stock("B", "SHUT")}, first)
		other := w.node(t, w.Chains)
		w.poll(t, ChainStock)
		refresh := func(g *Ingest, want int, ids ...market.InstrumentID) {
			t.Helper()
			before := first.asked()
			got, err := g.Refresh(t.Context(), ids)
			if err != nil || len(got) != want || first.asked()-before != min(want, 1) {
				t.Errorf("%v, %v, %d calls; want %d", got, err, first.asked()-before, want)
			}
		}
		time.Sleep(30 * time.Second)
		refresh(w.Ingest, 0, "A") // polled half a minute ago
		time.Sleep(30 * time.Second)
		refresh(w.Ingest, 1, "A", "A", "nobody's")
		refresh(other, 1, "A", "B")
		time.Sleep(59 * time.Second)
		refresh(other, 0, "A", "B")
		time.Sleep(time.Second)
		refresh(other, 2, "B", "A")
		time.Sleep(time.Hour)
		limit(w.Ingest, "first", Limits{Day: 1})
		refresh(w.Ingest, 1, "A")
		time.Sleep(time.Hour)
		before := first.asked()
		if _, err := w.Refresh(t.Context(), []market.InstrumentID{"A"}); err != nil || first.asked() != before {
			t.Errorf("beyond the quota: %v", err)
		}
		if s := w.statusOf(t, "first"); s.Spent != "day" || !s.NextTry.After(time.Now()) {
			t.Errorf("%+v", s)
		}
		if _, err := w.Refresh(t.Context(), make([]market.InstrumentID, refreshedMax+1)); err == nil {
			t.Error("no bound")
		}
	})
}

// Where not all can be asked for, what most people hold and what went unseen longest comes first, and everything has its turn.
func TestTheMostHeldComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := (&source{name: "first", batch: 1}).says("1")
		w := newWorld(t, many(10, "OPEN"), first)
		w.poll(t, ChainStock)
		w.store.holders = map[market.InstrumentID]int{"I0007": 50, "I0003": 5}
		limit(w.Ingest, "first", Limits{Day: 144 * 2}) // two in each slot
		count := map[string]int{}
		calls := first.asked()
		for range 60 {
			time.Sleep(slot)
			w.poll(t, ChainStock)
		}
		for _, c := range first.calls[calls:] {
			count[c.names[0]]++
		}
		if len(count) != 10 || count["I0007"] != 60 || count["I0003"] <= 2*count["I0001"] || first.asked()-calls < 110 {
			t.Errorf("%v", count)
		}
	})
}
