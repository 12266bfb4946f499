package ingest

import (
	"context"
	"fmt"
	"math"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/provider"
)

// allowances are how many names each source of a chain may be asked for in this poll, so that what is left of an hour, a day
// or a month lasts until its end. Sources without such a quota aren't among them.
func (g *Ingest) allowances(ctx context.Context, r *round) (map[string]int, error) {
	left := map[string]int{}
	if g.Interval < pacedBelow {
		return left, nil
	}
	var used map[string]Usage
	for _, source := range g.Chains[r.chain] {
		gate := g.gates[source.Name()]
		if !gate.ration.limited || len(r.pending) == 0 {
			continue
		}
		if used == nil {
			var err error
			if used, err = g.Store.QuotasUsed(ctx); err != nil {
				return nil, fmt.Errorf("read the quotas: %w", err)
			}
		}
		batch := firstNames(source, r.pending)
		if len(batch) == 0 {
			continue
		}
		ration := gate.ration.spend(gate.load(batch, r.now), r.now)
		names := math.MaxInt
		for n, s := range ration {
			if Span(n) == Minute || s.Max >= unlimited || gate.ration.windows[n].distinct {
				continue
			}
			room := max(s.Max-used[source.Name()][n].In(s), 0)
			polls := g.pollsUntil(r, s.Ends)
			calls := room / polls
			if rest := room % polls; rest > 0 && g.slotNumber(r.now)%(polls/rest) == 0 {
				calls++ // what doesn't go into every slot goes into every second, or tenth
			}
			if gate.ration.windows[n].perName {
				names = min(names, int(calls))
			} else {
				names = min(names, int(calls)*len(batch)/max(int(s.Cost), 1))
			}
		}
		if names < math.MaxInt {
			left[source.Name()] = names
		}
	}
	return left, nil
}

// firstNames are a source's names for the most urgent instruments, as many as go into a call.
func firstNames(source provider.Provider, pending []market.Instrument) []string {
	var names []string
	for _, i := range pending {
		if name, ok := nameAt(source, i); ok {
			if names = append(names, name); len(names) >= source.BatchMax() {
				break
			}
		}
	}
	return names
}

// pollsUntil is in how many slots the pending instruments, as far as they are known now, will be due until a time: markets that
// are shut need none.
func (g *Ingest) pollsUntil(r *round, end time.Time) int64 {
	rest := max(end.Sub(r.now), 0)
	var open time.Duration
	seen := map[string]bool{}
	for _, i := range r.pending {
		switch {
		case i.Class == market.Fund || i.Class == market.FX:
			open = max(open, min(rest/pacedSlots, rest))
		case i.Class == market.Crypto || i.MIC == "":
			return slotsIn(rest, g.Interval)
		case !seen[i.MIC]:
			seen[i.MIC] = true
			open = max(open, min(rest, g.Sessions.TradingTime(i.MIC, r.now, end)+2*g.Interval)) // the close, and once more
		}
	}
	return slotsIn(open, g.Interval)
}

func slotsIn(length, interval time.Duration) int64 {
	return max(int64((length+interval-1)/interval), 1)
}

// slotNumber counts slots from a fixed time, so that all nodes mean the same one.
func (g *Ingest) slotNumber(now time.Time) int64 { return now.UnixNano() / int64(g.Interval) }
