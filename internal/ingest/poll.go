package ingest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/provider"
)

// Retries of one call. They are for a moment's trouble; a source that is down costs three calls and then one each half minute.
const (
	callsMax      = 3
	retryDelay    = time.Second // the first wait is a random part of it, the next of twice it
	requestBudget = 60 * time.Second
)

// round is one poll of one chain.
type round struct {
	chain   string
	now     time.Time
	pending []market.Instrument // wanted, due and not settled yet
	first   map[market.InstrumentID]string
	held    map[market.InstrumentID]heldOffer
	settled int
}

// heldOffer waits for the next source of the same poll.
type heldOffer struct {
	offer
	reason string
}

// Poll asks the sources of a chain for what is due. Sources that fail are no error of the poll: Status tells of them. An error
// means that the store failed.
func (g *Ingest) Poll(ctx context.Context, chain string) error { return g.poll(ctx, chain, false) }

// PollNew asks for what never had a price, so that nobody waits for the next slot; what no source knows isn't asked for more
// often than in a poll.
func (g *Ingest) PollNew(ctx context.Context) error {
	for _, chain := range ChainNames() {
		if err := g.poll(ctx, chain, true); err != nil {
			return err
		}
	}
	return nil
}

func (g *Ingest) poll(ctx context.Context, chain string, onlyNew bool) error {
	polling := g.polling[chain]
	if polling == nil {
		return nil // no source is switched on for it
	}
	if !onlyNew {
		if !polling.full.TryLock() {
			g.Log.Debug("poll left out: the last one still runs", "chain", chain)
			return nil
		}
		defer polling.full.Unlock()
		polling.any.Lock() // what is new is asked for quickly
	} else if !polling.any.TryLock() {
		return nil // the next minute is soon enough
	}
	defer polling.any.Unlock()

	r, err := g.newRound(ctx, chain, onlyNew)
	if err != nil {
		return fmt.Errorf("poll %s: %w", chain, err)
	}
	due := len(r.pending)
	for _, i := range r.pending {
		g.tried.set(i.ID, r.now)
	}
	for _, source := range g.Chains[chain] {
		if len(r.pending) == 0 || ctx.Err() != nil {
			break
		}
		if err := g.ask(ctx, r, source); err != nil {
			return fmt.Errorf("poll %s at %s: %w", chain, source.Name(), err)
		}
	}
	if err := g.keepHeld(ctx, r); err != nil {
		return fmt.Errorf("poll %s: %w", chain, err)
	}
	if due > 0 {
		g.Log.Info("polled", "chain", chain, "due", due, "settled", r.settled, "held", len(r.held), "left", len(r.pending), "took", time.Since(r.now))
	}
	return nil
}

// newRound finds what is wanted and due, what was asked for longest ago first.
func (g *Ingest) newRound(ctx context.Context, chain string, onlyNew bool) (*round, error) {
	wanted, err := g.Store.Wanted(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what is wanted: %w", err)
	}
	if err := g.catchUp(ctx); err != nil {
		return nil, err
	}
	r := &round{chain: chain, now: time.Now(), first: map[market.InstrumentID]string{}, held: map[market.InstrumentID]heldOffer{}}
	seen := map[market.InstrumentID]time.Time{}
	for _, i := range wanted {
		if ChainOf(i.Class) != chain {
			continue
		}
		for _, source := range g.Chains[chain] {
			if _, ok := nameAt(source, i); ok {
				r.first[i.ID] = source.Name()
				break
			}
		}
		mark, asked := g.book.mark(i.ID), g.asked.get(i.ID)
		if r.first[i.ID] == "" || !g.due(i, mark, asked, r.now) {
			continue
		}
		if onlyNew && (mark != nil || r.now.Sub(g.tried.get(i.ID)) < g.Interval) {
			continue
		}
		if seen[i.ID] = asked; mark != nil {
			seen[i.ID] = later(asked, mark.ObservedAt)
		}
		r.pending = append(r.pending, i)
	}
	slices.SortStableFunc(r.pending, func(a, b market.Instrument) int { return seen[a.ID].Compare(seen[b.ID]) })
	return r, nil
}

// nameAt is the source's name for an instrument, where the source has its class at all.
func nameAt(source provider.Provider, i market.Instrument) (string, bool) {
	if !slices.Contains(source.Classes(), i.Class) {
		return "", false
	}
	return provider.NameFor(source.Name(), i)
}

// ask asks one source for all that is pending, batch by batch, and takes what it settles out of the round.
func (g *Ingest) ask(ctx context.Context, r *round, source provider.Provider) error {
	byName := map[string][]market.Instrument{}
	var names []string
	for _, i := range r.pending {
		if name, ok := nameAt(source, i); ok {
			if byName[name] == nil {
				names = append(names, name)
			}
			byName[name] = append(byName[name], i)
		}
	}
	settled := map[market.InstrumentID]bool{}
	for batch := range slices.Chunk(names, max(source.BatchMax(), 1)) {
		answer, err := g.call(ctx, source, batch)
		if err != nil {
			if errors.Is(err, errOpen) {
				break
			}
			g.Log.Warn("source failed", "source", source.Name(), "names", len(batch), "error", err)
			continue
		}
		offers := g.offers(r, source.Name(), batch, byName, answer)
		if err := g.settle(ctx, r, offers, settled); err != nil {
			return err
		}
	}
	r.pending = slices.DeleteFunc(r.pending, func(i market.Instrument) bool { return settled[i.ID] })
	r.settled += len(settled)
	for id := range settled {
		g.asked.set(id, r.now)
	}
	return nil
}

// offers turns what a source said about the names it was asked for into offers; whatever else it said is ignored.
func (g *Ingest) offers(r *round, source string, asked []string, byName map[string][]market.Instrument, answer provider.Batch) []offer {
	var all []offer
	for _, name := range asked {
		if failed := answer.Failed[name]; failed != nil {
			g.Log.Debug("no price", "source", source, "name", name, "outcome", failed.Outcome)
		}
		at := slices.IndexFunc(answer.Quotes, func(q provider.Quote) bool { return q.Name == name })
		if at < 0 {
			continue
		}
		q := answer.Quotes[at]
		for _, i := range byName[name] {
			all = append(all, offer{
				instrument: i, source: source, fallback: source != r.first[i.ID],
				price: q.Price, unit: q.Unit, hasUnit: q.HasCurrency, observed: time.Now(), marketTime: q.MarketTime,
				previousClose: q.PreviousClose, previousDate: q.PreviousDate,
			})
		}
	}
	return all
}

// errOpen says that a source is left alone for now.
var errOpen = errors.New("the source is left alone for now")

// call asks a source for one batch, again after a moment's trouble, and never while its circuit is open.
func (g *Ingest) call(ctx context.Context, source provider.Provider, names []string) (provider.Batch, error) {
	circuit := g.circuits[source.Name()]
	var last error
	for n := range callsMax {
		if n > 0 {
			if err := sleep(ctx, rand.N(retryDelay<<(n-1))); err != nil {
				return provider.Batch{}, last
			}
		}
		if !circuit.allow(time.Now()) {
			if last == nil {
				last = errOpen
			}
			return provider.Batch{}, last
		}
		answer, err := g.once(ctx, source, names)
		if err == nil {
			err = whole(answer)
		}
		circuit.report(time.Now(), err)
		if err == nil {
			for _, failed := range answer.Failed {
				if failed.Outcome.OpensCircuit() {
					circuit.refuse(time.Now(), failed)
				}
			}
			return answer, nil
		}
		if last = err; provider.OutcomeOf(err) != provider.Transient {
			break
		}
	}
	return provider.Batch{}, last
}

// whole is the failure of a source that asks for each name by itself and got none, for a reason that isn't the names'.
func whole(answer provider.Batch) error {
	if len(answer.Quotes) > 0 {
		return nil
	}
	for _, failed := range answer.Failed {
		if !failed.Outcome.PerSymbol() {
			return failed
		}
	}
	return nil
}

// once is one call with its deadline. A panic in a decoder, which reads what strangers wrote, is that source's failure.
func (g *Ingest) once(ctx context.Context, source provider.Provider, names []string) (answer provider.Batch, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestBudget)
	defer cancel()
	defer func() {
		if value := recover(); value != nil {
			g.Log.Error("source panicked", "source", source.Name(), "panic", fmt.Sprint(value))
			answer, err = provider.Batch{}, &provider.Error{Provider: source.Name(), Outcome: provider.SchemaDrift, Cause: errors.New("panicked")}
		}
	}()
	return source.Latest(ctx, names, time.Now())
}

func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*provider.Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
