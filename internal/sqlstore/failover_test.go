//go:build unix

package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/pgtest"
)

// failovers is how many a proof has.
func failovers() int {
	if os.Getenv("FOLIOSCOPE_LONG") != "" {
		return 10
	}
	return 1
}

// writers write instruments all the time, and note what became of each.
type writers struct {
	b     *bench
	stop  context.CancelFunc
	group sync.WaitGroup

	mu     sync.Mutex
	acked  map[market.InstrumentID]time.Time // when its writer got to know
	unsure map[market.InstrumentID]bool      // done or not: the answer never came
	gap    time.Duration                     // the longest time without an answer that it was done
	last   time.Time
}

// writing begins with some writers at once.
func (b *bench) writing(count int) *writers {
	ctx, cancel := context.WithCancel(b.t.Context())
	w := &writers{b: b, stop: cancel, acked: make(map[market.InstrumentID]time.Time), unsure: make(map[market.InstrumentID]bool), last: time.Now()}
	for n := range count {
		w.group.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				w.one(market.InstrumentID(fmt.Sprintf("p-%d-%d", n, i)))
			}
		})
	}
	b.t.Cleanup(w.end)
	return w
}

func (w *writers) end() {
	w.stop()
	w.group.Wait()
}

// listed is an instrument that is written.
func listed(id market.InstrumentID) []market.Instrument {
	return []market.Instrument{{ID: id, Symbol: string(id), MIC: "XNAS", Name: string(id), Currency: "USD", Class: market.Stock}}
}

// one writes an instrument, once.
func (w *writers) one(id market.InstrumentID) {
	const patience, pause = 10 * time.Second, 20 * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := w.b.PutInstruments(ctx, listed(id))
	w.mu.Lock()
	now := time.Now()
	if err == nil {
		w.acked[id], w.gap, w.last = now, max(w.gap, now.Sub(w.last)), now
	} else {
		w.unsure[id] = true
	}
	w.mu.Unlock()
	if err != nil {
		time.Sleep(pause)
	}
}

// more waits until so many more are acknowledged.
func (w *writers) more(count int) {
	w.b.t.Helper()
	const patience = 2 * time.Minute
	first := w.count()
	for deadline := time.Now().Add(patience); w.count() < first+count; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.b.t.Fatalf("%d of %d were written within %s", w.count()-first, count, patience)
		}
	}
}

func (w *writers) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked)
}

// lost is what was acknowledged and isn't there.
func (w *writers) lost() (lost int) {
	w.b.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	all, err := w.b.Instruments(w.b.t.Context(), slices.Concat(slices.Collect(maps.Keys(w.acked)), slices.Collect(maps.Keys(w.unsure))))
	w.b.ok(err)
	there := make(map[market.InstrumentID]bool, len(all))
	for i := range all {
		there[all[i].ID] = true
	}
	for id := range w.acked {
		if !there[id] {
			lost++
		}
	}
	return lost
}

// openPair is a store on a primary and its standby.
func openPair(t *testing.T, synchronous bool) (*pgtest.Pair, *bench) {
	t.Helper()
	pair := pgtest.StartPair(t, synchronous)
	return pair, openBench(t, Options{URL: pair.URL, Root: mustRoot(t)})
}

// When the primary dies and its synchronous standby takes its place, nothing that was acknowledged is lost, and writes go on. The old one comes
// back and knows nothing of it: it gets nothing of ours, although it is the first that the URL names and would take it.
func TestFailoverToASynchronousStandby(t *testing.T) {
	t.Parallel()
	for n := range failovers() {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			pair, b := openPair(t, true)
			v, err := b.Vitals(t.Context())
			b.ok(err)
			if v.Hosts != 2 || v.Primary == "" || v.Synchronous != 1 || !v.Waits || !v.Seen {
				t.Errorf("before: %+v", v)
			}
			w := b.writing(4)
			w.more(100)
			pair.Kill()
			pair.Promote()
			w.more(100)
			pair.Return()
			before := pgtest.Count(t, pair.Primary.URL, "instruments")
			bare(b.db).(*postgres).pool.Reset() // so that connections are made anew
			w.more(100)
			w.end()
			lost := w.lost()
			t.Logf("%d acknowledged, %d unsure, %d lost; nothing was acknowledged for %s at most", w.count(), len(w.unsure), lost, w.gap.Round(time.Millisecond))
			if lost != 0 {
				t.Errorf("%d lost", lost)
			}
			if after := pgtest.Count(t, pair.Primary.URL, "instruments"); after != before {
				t.Errorf("the old primary took %d rows", after-before)
			}
			if v, err = b.Vitals(t.Context()); err != nil || v.Synchronous != 0 {
				t.Errorf("after: %+v, %v", v, err)
			}
		})
	}
}

// The checker finds what is lost with a standby that isn't waited for.
func TestFailoverToAnAsynchronousStandbyLoses(t *testing.T) {
	t.Parallel()
	pair, b := openPair(t, false)
	w := b.writing(4)
	w.more(50)
	pair.Hold()
	w.more(50)
	pair.Kill()
	pair.Promote()
	w.more(50)
	w.end()
	lost := w.lost()
	t.Logf("%d acknowledged, %d lost", w.count(), lost)
	if lost == 0 {
		t.Error("the checker found nothing lost, and what was written last never reached the standby")
	}
	if v, err := b.Vitals(t.Context()); err != nil || v.Synchronous != 0 {
		t.Errorf("it has no synchronous standby: %+v, %v", v, err)
	}
}

// A primary that becomes a standby under our connections is let go of at once: what was refused there is done at the other.
func TestAPrimaryThatBecomesAStandby(t *testing.T) {
	t.Parallel()
	pair, b := openPair(t, false)
	w := b.writing(2)
	w.more(20)
	pgtest.Execute(t, pair.Primary.URL, "ALTER SYSTEM SET default_transaction_read_only = on")
	pgtest.Execute(t, pair.Primary.URL, "SELECT pg_reload_conf()")
	pair.Promote()
	w.more(50)
	w.end()
	if n := pgtest.Count(t, pair.Standby.URL, "instruments"); n < 50 {
		t.Errorf("the new primary has %d", n)
	}
}

func TestTimelines(t *testing.T) {
	moved := 0
	p := &primary{moved: func() { moved++ }}
	for _, step := range []struct {
		file  string
		err   error
		moved int
	}{
		{"000000010000000000000003", nil, 0},
		{"", errStandby, 0},
		{"000000020000000000000003", nil, 1},
		{"000000010000000000000009", errBehind, 1},
		{"000000020000000000000004", nil, 1},
		{"0000000A0000000000000004", nil, 2},
	} {
		if err := p.see(step.file); !errors.Is(err, step.err) || moved != step.moved {
			t.Errorf("%q: %v, moved %d times", step.file, err, moved)
		}
	}
	for _, file := range []string{"000", "zzzzzzzz0000000000000004"} {
		if p.see(file) == nil {
			t.Errorf("%q is taken", file)
		}
	}
}

// Where no server takes writes, that is said as for one that is away.
func TestNoPrimary(t *testing.T) {
	t.Parallel()
	pair, b := openPair(t, true)
	pair.Kill()
	err := b.PutInstruments(t.Context(), listed("p"))
	b.kind(err, fault.Unavailable)
	_, err = Open(t.Context(), Options{URL: pair.URL, Root: mustRoot(t)})
	b.kind(err, fault.Unavailable)
}
