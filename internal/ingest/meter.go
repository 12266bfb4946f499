package ingest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"folioscope/internal/market"
)

// meter counts what happens to prices on this node since it started, and remembers what the last poll of each chain saw.
type meter struct {
	mutex    sync.Mutex
	verdicts map[Verdict]int64
	census   map[string]Census // by chain
	slots    map[string]SlotTimes
	waiting  int // histories
}

// Verdict is what became of a price, and why in one word: empty where it was accepted.
type Verdict struct{ Verdict, Reason string }

// Census is what the last poll of a chain found among what somebody holds.
type Census struct {
	Wanted   int
	Due      int
	Stale    int // by age, not by who answers
	Unpriced int // never had a price
	Unserved int // no source of the chain has a name for it that it doesn't refuse
	Held     int // a price waits for a second source or an administrator
}

// SlotTimes are of the last slot of a poll that this node did.
type SlotTimes struct {
	Lag  time.Duration // between the beginning of the slot and of the poll
	Took time.Duration
}

func newMeter() *meter {
	return &meter{verdicts: map[Verdict]int64{}, census: map[string]Census{}, slots: map[string]SlotTimes{}}
}

func (m *meter) judged(v verdict, why string) {
	key := Verdict{string(v), reasonWord(v, why)}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.verdicts[key]++
}

func (m *meter) slot(poll string, lag, took time.Duration) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.slots[poll] = SlotTimes{Lag: lag, Took: took}
}

func (m *meter) counted(chain string, c Census) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.census[chain] = c
}

// reasonWord is the reason of a verdict in one word of a short list, for counting.
func reasonWord(v verdict, why string) string {
	switch {
	case v == hold && strings.HasPrefix(why, whyUnit):
		return "unit"
	case v == hold:
		return "jump"
	case v != refuse:
		return ""
	}
	switch why {
	case whyNotPositive:
		return "not_positive"
	case whyNoTime:
		return "no_time"
	case whyFuture:
		return "future"
	case whyRefusedBefore:
		return "refused_before"
	}
	return "currency"
}

// Meters is what this node counted since it started, and what it saw last.
type Meters struct {
	Sources  []SourceMeter
	Verdicts map[Verdict]int64
	Census   map[string]Census    // by chain, of the last poll on this node
	Slots    map[string]SlotTimes // by poll
	// Backfills is how many instruments' history is still looked for, as of the last poll on this node.
	Backfills int
}

// SourceMeter is of one source.
type SourceMeter struct {
	Tally
	Sum     time.Duration // of the answering times
	Circuit string        // see Status
	Quotas  []QuotaLeft
}

// Meters reads the counters. The quotas are those that the last poll read: it asks no store.
func (g *Ingest) Meters() Meters {
	counted, sums := g.tallies.started()
	byName := map[string]Tally{}
	for _, t := range counted {
		byName[t.Source] = t
	}
	var m Meters
	for _, status := range g.Status() {
		gate := g.gates[status.Name]
		t := byName[status.Name]
		t.Source = status.Name
		m.Sources = append(m.Sources, SourceMeter{Tally: t, Sum: sums[status.Name], Circuit: status.Circuit, Quotas: gate.quotas(g.now())})
	}
	g.meter.mutex.Lock()
	defer g.meter.mutex.Unlock()
	m.Verdicts, m.Census, m.Slots = maps.Clone(g.meter.verdicts), maps.Clone(g.meter.census), maps.Clone(g.meter.slots)
	m.Backfills = g.meter.waiting
	return m
}

// QuotaLeft is one window of a source's quota as it is now.
type QuotaLeft struct {
	Span    Span
	Max     int64
	Used    int64
	Ends    time.Time
	PerName bool // names are counted rather than requests
}

// quotas are a source's windows that have an end to what they hold, with what was last read of their use.
func (t *gate) quotas(now time.Time) []QuotaLeft {
	t.mutex.Lock()
	used := t.used
	t.mutex.Unlock()
	var out []QuotaLeft
	for n, s := range t.ration.spend(load{}, now) {
		if s.Max < unlimited {
			out = append(out, QuotaLeft{Span: Span(n), Max: s.Max, Used: used[n].In(s), Ends: s.Ends, PerName: t.ration.windows[n].perName})
		}
	}
	return out
}

// learnQuotas reads what is used of the quotas, for whoever looks.
func (g *Ingest) learnQuotas(ctx context.Context) error {
	if !slices.ContainsFunc(keysOf(g.gates), func(name string) bool { return g.gates[name].ration.limited }) {
		return nil
	}
	used, err := g.Store.QuotasUsed(ctx)
	if err != nil {
		return err
	}
	for name, t := range g.gates {
		t.mutex.Lock()
		t.used = used[name]
		t.mutex.Unlock()
	}
	return nil
}

// countHistories looks how many are still looked for.
func (g *Ingest) countHistories(ctx context.Context) error {
	all, err := g.Store.Histories(ctx, nil)
	if err != nil {
		return fmt.Errorf("read how far history is known: %w", err)
	}
	waiting := 0
	for _, h := range all {
		if h.State == BackfillWaiting || h.State == BackfillRunning {
			waiting++
		}
	}
	g.meter.mutex.Lock()
	defer g.meter.mutex.Unlock()
	g.meter.waiting = waiting
	return nil
}

// count looks over all that is wanted of a chain.
func (g *Ingest) count(r *round, wanted []market.Instrument) {
	c := Census{Due: len(r.pending)}
	for _, i := range wanted {
		if ChainOf(i.Class) != r.chain {
			continue
		}
		c.Wanted++
		mark := g.book.mark(i.ID)
		switch {
		case mark == nil:
			c.Unpriced++
		case mark.HeldBack != nil:
			c.Held++
		case market.StateOf(*mark, i, g.Sessions, r.now) == market.StateStale:
			c.Stale++
		}
		if !g.servable(i, r.now) {
			c.Unserved++
		}
	}
	g.meter.counted(r.chain, c)
}

// servable says whether any source of an instrument's chain has a name for it and isn't known to refuse it.
func (g *Ingest) servable(i market.Instrument, now time.Time) bool {
	for _, source := range g.Chains[ChainOf(i.Class)] {
		if name, named := nameAt(source, i); named {
			if _, refused := g.gates[source.Name()].refuses(name, now); !refused {
				return true
			}
		}
	}
	return false
}
