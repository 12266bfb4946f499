package ingest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/provider"
)

// round is one poll of one chain.
type round struct {
	chain   string
	now     time.Time
	pending []market.Instrument // wanted, due and not settled yet, the most urgent first
	first   map[market.InstrumentID]string
	asked   map[market.InstrumentID]map[string]bool // which sources had their say in this poll
	left    map[string]int                          // how many names a source may still be asked for in this poll
	fresh   map[string]int64                        // and how many that it wasn't asked for before, where it counts different ones
	held    map[market.InstrumentID]heldOffer       // guarded by Ingest.settling, like the next
	settled map[market.InstrumentID]bool
}

// heldOffer waits for the next source of the same poll.
type heldOffer struct {
	offer
	reason string
}

// want says which of a chain's instruments a poll is for.
type want struct {
	only    map[market.InstrumentID]bool // nil: all that is due
	onlyNew bool
}

// Poll asks the sources of a chain for what is due. Sources that fail are no error of the poll: Status tells of them. An error
// means that the store failed.
func (g *Ingest) Poll(ctx context.Context, chain string) error { return g.poll(ctx, chain, want{}) }

// PollNew asks for what never had a price, so that nobody waits for the next slot; what no source knows isn't asked for more
// often than in a poll.
func (g *Ingest) PollNew(ctx context.Context) error {
	for _, chain := range ChainNames() {
		if err := g.poll(ctx, chain, want{onlyNew: true}); err != nil {
			return err
		}
	}
	return nil
}

func (g *Ingest) poll(ctx context.Context, chain string, w want) error {
	polling := g.polling[chain]
	if polling == nil {
		return nil // no source is switched on for it
	}
	switch {
	case w.onlyNew:
		select {
		case polling.any <- struct{}{}:
		default:
			return nil // the next minute is soon enough
		}
	case w.only != nil:
		select {
		case polling.any <- struct{}{}:
		case <-ctx.Done():
			return nil // the poll that runs will do
		}
	default:
		if !polling.full.TryLock() {
			g.Log.Debug("poll left out: the last one still runs", "chain", chain)
			return nil
		}
		defer polling.full.Unlock()
		polling.any <- struct{}{} // what is new is asked for quickly
		// There is time to wait for a minute's quota, but not so much that the next slot is missed.
		ctx = context.WithValue(ctx, waitingKey{}, time.Now().Add(min(g.Interval/2, pollTimeout/2)))
	}
	defer func() { <-polling.any }()

	r, err := g.newRound(ctx, chain, w)
	if err != nil {
		return fmt.Errorf("poll %s: %w", chain, err)
	}
	if err := g.run(ctx, r); err != nil {
		return fmt.Errorf("poll %s: %w", chain, err)
	}
	return nil
}

// run asks source after source until nothing is pending, or nobody is left to ask.
func (g *Ingest) run(ctx context.Context, r *round) error {
	due := len(r.pending)
	if due == 0 {
		return nil
	}
	defer func() {
		sharing, cancel := context.WithTimeout(context.WithoutCancel(ctx), endSlotTimeout)
		defer cancel()
		g.shareTallies(sharing)
	}()
	asked := map[market.InstrumentID]bool{}
	for len(r.pending) > 0 && ctx.Err() == nil {
		wave := g.assign(r)
		if len(wave) == 0 {
			break
		}
		if err := g.note(ctx, r, wave, asked); err != nil {
			return err
		}
		if err := g.askAll(ctx, r, wave); err != nil {
			return err
		}
		r.pending = slices.DeleteFunc(r.pending, func(i market.Instrument) bool { return r.settled[i.ID] })
	}
	if err := g.keepHeld(ctx, r); err != nil {
		return err
	}
	if ids := keysOf(r.settled); len(ids) > 0 {
		if err := g.Store.PutSettled(ctx, ids, r.now); err != nil {
			return fmt.Errorf("note what was settled: %w", err)
		}
	}
	g.Log.Info("polled", "chain", r.chain, "due", due, "asked", len(asked), "settled", len(r.settled), "held", len(r.held), "left", len(r.pending), "took", g.now().Sub(r.now))
	return nil
}

// newRound finds what is wanted and due, what is most urgent first.
func (g *Ingest) newRound(ctx context.Context, chain string, w want) (*round, error) {
	wanted, err := g.Store.Wanted(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what is wanted: %w", err)
	}
	polls, err := g.Store.Asked(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what was asked for: %w", err)
	}
	if err := g.catchUp(ctx); err != nil {
		return nil, err
	}
	if err := g.learn(ctx); err != nil {
		return nil, err
	}
	if err := g.learnRefused(ctx); err != nil {
		return nil, err
	}
	r := &round{
		chain: chain, now: g.now(), first: map[market.InstrumentID]string{}, asked: map[market.InstrumentID]map[string]bool{},
		held: map[market.InstrumentID]heldOffer{}, settled: map[market.InstrumentID]bool{},
	}
	urgency := map[market.InstrumentID]float64{}
	for _, i := range wanted {
		if ChainOf(i.Class) != chain || w.only != nil && !w.only[i.ID] {
			continue
		}
		first, ok := g.firstOf(chain, i, r.now)
		if !ok {
			continue
		}
		r.first[i.ID] = first.Name()
		mark, asked := g.book.mark(i.ID), polls[i.ID]
		switch {
		case w.only != nil:
		case w.onlyNew && (mark != nil || r.now.Sub(asked.Tried).Abs() < g.Interval), !g.due(i, mark, asked, delayOf(first, i), r.now):
			continue
		}
		urgency[i.ID] = g.urgency(i, mark, asked, r.now)
		r.pending = append(r.pending, i)
	}
	slices.SortStableFunc(r.pending, func(a, b market.Instrument) int { return cmp.Compare(urgency[b.ID], urgency[a.ID]) })
	g.warnOfHorizons(r.pending, r.now)
	if !w.onlyNew && w.only == nil {
		g.count(r, wanted)
		if err := g.learnQuotas(ctx); err != nil {
			return nil, fmt.Errorf("read the quotas: %w", err)
		}
		if err := g.countHistories(ctx); err != nil {
			return nil, err
		}
	}
	if r.fresh, err = g.freshLeft(ctx, chain, r.now); err != nil {
		return nil, err
	}
	if w.only != nil { // somebody asked for these: what the rest of the day needs doesn't count
		r.left = map[string]int{}
		return r, nil
	}
	r.left, err = g.allowances(ctx, r)
	return r, err
}

// firstOf is the source that an instrument's price should come from: the first of its chain that has a name for it and isn't
// known to be out of reach for us.
func (g *Ingest) firstOf(chain string, i market.Instrument, now time.Time) (first provider.Provider, ok bool) {
	for _, source := range g.Chains[chain] {
		name, named := nameAt(source, i)
		if !named {
			continue
		}
		if first == nil {
			first = source
		}
		if r, refused := g.gates[source.Name()].refuses(name, now); !refused || r.Outcome != provider.NotEntitled {
			return source, true
		}
	}
	return first, first != nil
}

const (
	urgentNever = 1e12                // what never had a price comes before all else
	staleMax    = 10 * 24 * time.Hour // beyond it how stale doesn't matter
)

// urgency is how long a price went unseen, in open time of its market, times how many hold it.
func (g *Ingest) urgency(i market.Instrument, mark *market.Mark, asked Asked, now time.Time) float64 {
	holders := float64(max(asked.Holders, 1))
	if mark == nil {
		return urgentNever * holders
	}
	seen := later(asked.Settled, mark.ObservedAt)
	if seen.Before(now.Add(-staleMax)) {
		seen = now.Add(-staleMax)
	}
	unseen := now.Sub(seen)
	if i.Class != market.Fund && i.Class != market.FX && i.MIC != "" {
		unseen = min(unseen, g.Sessions.TradingTime(i.MIC, seen, now)+time.Minute)
	}
	return unseen.Minutes() * holders
}

// nameAt is the source's name for an instrument, where the source has its class at all.
func nameAt(source provider.Provider, i market.Instrument) (string, bool) {
	if !slices.Contains(source.Classes(), i.Class) {
		return "", false
	}
	return provider.NameFor(source.Name(), i)
}

// delayOf is how much later than a market a source's prices are, where it says so.
func delayOf(source provider.Provider, i market.Instrument) time.Duration {
	if late, ok := source.(provider.Delayed); ok {
		return late.Delay(i.MIC)
	}
	return 0
}

// errand is what one source is asked for in one wave of a poll.
type errand struct {
	gate   *gate
	names  []string
	byName map[string][]market.Instrument
}

// assign gives every pending instrument to the first source of its chain that may be asked and wasn't yet.
func (g *Ingest) assign(r *round) []*errand {
	now := g.now()
	byGate := map[*gate]*errand{}
	var wave []*errand
	for _, i := range r.pending {
		for _, source := range g.Chains[r.chain] {
			name, ok := nameAt(source, i)
			gate := g.gates[source.Name()]
			if !ok || r.asked[i.ID][source.Name()] || gate.closedUntil(now).After(now) {
				continue
			}
			if _, refused := gate.refuses(name, now); refused {
				continue
			}
			e := byGate[gate]
			known := e != nil && e.byName[name] != nil
			if !known && !r.take(gate, name, now) {
				continue
			}
			if e == nil {
				e = &errand{gate: gate, byName: map[string][]market.Instrument{}}
				byGate[gate] = e
				wave = append(wave, e)
			}
			if !known {
				e.names = append(e.names, name)
			}
			e.byName[name] = append(e.byName[name], i)
			if r.asked[i.ID] == nil {
				r.asked[i.ID] = map[string]bool{}
			}
			r.asked[i.ID][source.Name()] = true
			break
		}
	}
	return wave
}

// take takes a name from what a source may still be asked for in this poll; false where that is used up.
func (r *round) take(t *gate, name string, now time.Time) bool {
	source := t.source.Name()
	left, limited := r.left[source]
	if limited && left <= 0 {
		return false
	}
	if fresh, counted := r.fresh[source]; counted && len(t.load([]string{name}, now).fresh) > 0 {
		if fresh <= 0 {
			return false
		}
		r.fresh[source] = fresh - 1
	}
	if limited {
		r.left[source] = left - 1
	}
	return true
}

// note writes down what is asked for, once in a poll.
func (g *Ingest) note(ctx context.Context, r *round, wave []*errand, asked map[market.InstrumentID]bool) error {
	var ids []market.InstrumentID
	for _, e := range wave {
		for _, instruments := range e.byName {
			for _, i := range instruments {
				if !asked[i.ID] {
					asked[i.ID] = true
					ids = append(ids, i.ID)
				}
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	if err := g.Store.PutTried(ctx, ids, r.now); err != nil {
		return fmt.Errorf("note what is asked for: %w", err)
	}
	return nil
}

// keysOf are the keys of a map, sorted.
func keysOf[K cmp.Ordered, V any](set map[K]V) []K { return slices.Sorted(maps.Keys(set)) }

// warned remembers of which market's calendar it was said that it ends.
type warned struct {
	mutex sync.Mutex
	on    map[string]market.Date
}

// warnOfHorizons says once a day which markets' days off aren't known any more: every weekday is then taken for a trading day.
func (g *Ingest) warnOfHorizons(instruments []market.Instrument, now time.Time) {
	bounded, ok := g.Sessions.(interface{ Horizon(mic string) market.Date })
	if !ok {
		return
	}
	today := market.DateOf(now.UTC())
	g.warned.mutex.Lock()
	defer g.warned.mutex.Unlock()
	for _, i := range instruments {
		if i.MIC == "" || g.warned.on[i.MIC] == today {
			continue
		}
		if last := bounded.Horizon(i.MIC); last < today {
			g.Log.Warn("the days off of a market aren't known: its weekdays count as trading days", "market", i.MIC, "known_to", last.String())
		}
		g.warned.on[i.MIC] = today
	}
}
