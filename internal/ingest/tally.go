package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"folioscope/internal/provider"
)

// LatencyBounds are the upper ends of the buckets that answering times are counted in; what takes longer is in one more.
// They reach from a source next door to the deadline of a request.
func LatencyBounds() [latencyBuckets - 1]time.Duration {
	const ms = time.Millisecond
	return [...]time.Duration{50 * ms, 100 * ms, 200 * ms, 400 * ms, 800 * ms, 1500 * ms, 3000 * ms, 6000 * ms, 12000 * ms, 30000 * ms}
}

const (
	latencyBuckets = 11
	tallyKept      = 48 * time.Hour // what is shown are the last 24
	tallyShown     = 24 * time.Hour
)

// Tally is how the calls to one source went in one hour.
type Tally struct {
	Source    string
	Hour      time.Time // its beginning, UTC
	Outcomes  map[Outcome]int64
	Latencies [latencyBuckets]int64 // of calls for latest prices, by LatencyBounds
}

// add takes another tally in.
func (t *Tally) add(other Tally) {
	if t.Outcomes == nil {
		t.Outcomes = map[Outcome]int64{}
	}
	for outcome, n := range other.Outcomes {
		t.Outcomes[outcome] += n
	}
	for n, calls := range other.Latencies {
		t.Latencies[n] += calls
	}
}

// Calls is how many calls there were, and how many of them failed; what speaks of one name only is no failure.
func (t Tally) Calls() (calls, failed int64) {
	for outcome, n := range t.Outcomes {
		calls += n
		if outcome != provider.OK && !outcome.PerSymbol() {
			failed += n
		}
	}
	return calls, failed
}

// Latency is the time within which a share of the calls was answered, as far as buckets tell: the upper end of the one that the
// share ends in. 0 where there were no calls; the last bucket has no end and says its beginning.
func (t Tally) Latency(share float64) time.Duration {
	var all int64
	for _, n := range t.Latencies {
		all += n
	}
	if all == 0 {
		return 0
	}
	bounds := LatencyBounds()
	var seen int64
	for n, calls := range t.Latencies {
		if seen += calls; float64(seen) >= share*float64(all) {
			return bounds[min(n, len(bounds)-1)]
		}
	}
	return bounds[len(bounds)-1]
}

// tallies counts calls until they are written down for all nodes, and since the node started.
type tallies struct {
	mutex sync.Mutex
	open  map[tallyKey]*Tally
	since map[string]*Tally // by source
	sums  map[string]time.Duration
}

type tallyKey struct {
	source string
	hour   int64
}

func newTallies() *tallies {
	return &tallies{open: map[tallyKey]*Tally{}, since: map[string]*Tally{}, sums: map[string]time.Duration{}}
}

// both calls do with the tallies that a source's call now counts in; the caller holds the mutex.
func (s *tallies) both(source string, now time.Time, do func(*Tally)) {
	hour := now.UTC().Truncate(time.Hour)
	key := tallyKey{source, hour.Unix()}
	if s.open[key] == nil {
		s.open[key] = &Tally{Source: source, Hour: hour, Outcomes: map[Outcome]int64{}}
	}
	if s.since[source] == nil {
		s.since[source] = &Tally{Source: source, Outcomes: map[Outcome]int64{}}
	}
	do(s.open[key])
	do(s.since[source])
}

func (s *tallies) ended(source string, now time.Time, outcome Outcome) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.both(source, now, func(t *Tally) { t.Outcomes[outcome]++ })
}

// partly counts what failed in a call that answered for other names, each kind once: an answer in a shape that isn't known is
// worth knowing of even where it is one of many.
func (g *Ingest) partly(t *gate, answer provider.Batch) {
	kinds := map[Outcome]bool{}
	for _, failed := range answer.Failed {
		if !failed.Outcome.PerSymbol() {
			kinds[failed.Outcome] = true
		}
	}
	for outcome := range kinds {
		g.tallies.ended(t.source.Name(), g.now(), outcome)
	}
}

func (s *tallies) took(source string, now time.Time, took time.Duration) {
	bounds := LatencyBounds()
	bucket, _ := slices.BinarySearch(bounds[:], took)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.both(source, now, func(t *Tally) { t.Latencies[bucket]++ })
	s.sums[source] += took
}

// drain takes out what wasn't written down yet.
func (s *tallies) drain() []Tally {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	out := make([]Tally, 0, len(s.open))
	for _, t := range s.open {
		out = append(out, *t)
	}
	clear(s.open)
	slices.SortFunc(out, func(a, b Tally) int { return cmp.Or(strings.Compare(a.Source, b.Source), a.Hour.Compare(b.Hour)) })
	return out
}

// back puts in again what could not be written down.
func (s *tallies) back(all []Tally) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, t := range all {
		key := tallyKey{t.Source, t.Hour.Unix()}
		if s.open[key] == nil {
			s.open[key] = &t
			continue
		}
		s.open[key].add(t)
	}
}

// started is what was counted since the node started, by source, with the sums of the answering times.
func (s *tallies) started() (all []Tally, sums map[string]time.Duration) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, t := range s.since {
		copied := *t
		copied.Outcomes = maps.Clone(t.Outcomes)
		all = append(all, copied)
	}
	slices.SortFunc(all, func(a, b Tally) int { return strings.Compare(a.Source, b.Source) })
	return all, maps.Clone(s.sums)
}

// shareTallies writes down what was counted. What the store doesn't take now it is given next time.
func (g *Ingest) shareTallies(ctx context.Context) {
	all := g.tallies.drain()
	if len(all) == 0 {
		return
	}
	if err := g.Store.AddTallies(ctx, all); err != nil {
		g.tallies.back(all)
		if !errors.Is(err, context.Canceled) {
			g.Log.Warn("the counts of calls were not shared", "error", err)
		}
	}
}

// today adds up the last 24 hours of every source, all nodes together.
func (g *Ingest) today(ctx context.Context) (map[string]Tally, error) {
	g.shareTallies(ctx)
	all, err := g.Store.TalliesSince(ctx, g.now().Add(-tallyShown).UTC().Truncate(time.Hour))
	if err != nil {
		return nil, fmt.Errorf("read how calls went: %w", err)
	}
	sum := map[string]Tally{}
	for _, t := range all {
		s := sum[t.Source]
		s.Source = t.Source
		s.add(t)
		sum[t.Source] = s
	}
	return sum, nil
}
