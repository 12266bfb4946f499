package ingest

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/provider"
)

// 5,000 instruments of four sources that answer after 100 ms, each name by a call of its own: one cycle.
func TestACycleOfFiveThousand(t *testing.T) {
	const instruments, answersAfter, cycleMax = 5000, 100 * time.Millisecond, time.Minute
	for _, batch := range []int{1, 20} {
		synctest.Test(t, func(t *testing.T) {
			names := []string{"alpha", "beta", "gamma", "delta"}
			var atOnce, most atomic.Int64
			var sources []*source
			for _, name := range names {
				s := (&source{name: name, batch: batch}).says("100")
				says := s.latest
				s.latest = func(asked []string, now time.Time) (provider.Batch, error) {
					if n := atOnce.Add(1); n > most.Load() {
						most.Store(n)
					}
					time.Sleep(answersAfter)
					atOnce.Add(-1)
					return says(asked, time.Now())
				}
				sources = append(sources, s)
			}
			var wanted []market.Instrument
			for n := range instruments {
				id := fmt.Sprintf("I%04d", n)
				i := market.Instrument{ID: market.InstrumentID(id), Symbol: id, MIC: "OPEN", Currency: "USD", Class: market.Stock}
				i.Names = map[string]string{names[n%len(names)]: id}
				wanted = append(wanted, i)
			}
			w := newWorld(t, wanted, sources...)
			start := time.Now()
			w.poll(t, ChainStock)
			took, calls := time.Since(start), 0
			for _, s := range sources {
				calls += s.asked()
			}
			t.Logf("%d instruments, %d to a call: %d calls in %s, at most %d at once", instruments, batch, calls, took, most.Load())
			if len(w.store.marks) != instruments || calls != len(names)*((instruments/len(names)+batch-1)/batch) || took > cycleMax || most.Load() > int64(len(sources)*callsAtOnce) {
				t.Errorf("%d prices, %d calls in %s", len(w.store.marks), calls, took)
			}
			// And once the first source is down, the others' share isn't later for it.
			sources[0].down(provider.Transient, 0)
			time.Sleep(slot)
			start = time.Now()
			w.poll(t, ChainStock)
			fresh := 0
			for _, m := range w.store.marks {
				if m.ObservedAt.After(start.Add(-time.Second)) {
					fresh++
				}
			}
			if fresh != instruments*3/4 || time.Since(start) > cycleMax {
				t.Errorf("%d prices in %s", fresh, time.Since(start))
			}
		})
	}
}

// The checks of five thousand prices that come at once take less than a second, so that a push feed's burst is no burden.
func TestABurstIsTakenIn(t *testing.T) {
	const instruments = 5000
	w := newWorld(t, many(instruments, "OPEN"))
	offered := func(price string) (all []Offered) {
		for n := range instruments {
			all = append(all, Offered{
				Instrument: market.InstrumentID(fmt.Sprintf("I%04d", n)), Price: money.MustParse(price), Currency: "USD",
				MarketTime: time.Now(), PreviousDate: market.NoDate,
			})
		}
		return all
	}
	for n := range 3 {
		start := time.Now()
		if err := w.Offer(t.Context(), market.SourceSimulate, offered(fmt.Sprintf("10%d", n))); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d prices judged in %s", instruments, time.Since(start))
	}
	if w.store.sequence != 3*instruments {
		t.Errorf("%d accepted", w.store.sequence)
	}
}
