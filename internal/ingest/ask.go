package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"folioscope/internal/market"
	"folioscope/internal/provider"
)

// Retries of one call. They are for a moment's trouble; a source that is down costs three calls and then one each half minute.
const (
	callsMax      = 3
	retryDelay    = time.Second // the first wait is a random part of it, the next of twice it
	requestBudget = 60 * time.Second
	callsAtOnce   = 4   // of one source: sources count connections too
	offersAtOnce  = 500 // judged and stored together: a transaction of some 10 ms
)

// said is what a source said about one batch.
type said struct {
	errand *errand
	batch  []string
	answer provider.Batch
	asked  time.Time // when: what is judged late, since the store or this node stood still, isn't newer for that
}

// askAll asks all sources of a wave at the same time and settles what they say as it comes.
func (g *Ingest) askAll(ctx context.Context, r *round, wave []*errand) error {
	answers := make(chan said, len(wave)*callsAtOnce)
	group, asking := errgroup.WithContext(ctx)
	for _, e := range wave {
		group.Go(func() error { return g.ask(asking, e, answers) })
	}
	failed := make(chan error, 1)
	go func() {
		failed <- group.Wait()
		close(answers)
	}()
	var err error
	for first := range answers {
		if err != nil {
			continue // the rest is only waited for
		}
		offers := g.offers(r, first)
		for len(offers) < offersAtOnce {
			more, ok := next(answers)
			if !ok {
				break
			}
			offers = append(offers, g.offers(r, more)...)
		}
		err = g.settle(ctx, r, offers)
	}
	return errors.Join(err, <-failed)
}

// next is what waits already, if anything does.
func next(answers <-chan said) (said, bool) {
	select {
	case s, ok := <-answers:
		return s, ok
	default:
		return said{}, false
	}
}

// ask asks one source for all of an errand, batch by batch: the first alone, the others some at once as long as all goes well.
// Its error is the store's.
func (g *Ingest) ask(ctx context.Context, e *errand, answers chan<- said) error {
	batches := e.gate.batches(e.names, g.now())
	var mutex sync.Mutex
	take := func() []string {
		mutex.Lock()
		defer mutex.Unlock()
		if len(batches) == 0 || ctx.Err() != nil {
			return nil
		}
		batch := batches[0]
		batches = batches[1:]
		return batch
	}
	work := func(batch []string) error {
		answer, asked, err := g.call(ctx, e.gate, batch)
		switch {
		case errors.Is(err, errOpen):
			mutex.Lock()
			batches = nil // whoever comes next is asked for the rest
			mutex.Unlock()
			return nil
		case err != nil && isStore(err):
			return err
		case err != nil:
			g.Log.Warn("source failed", "source", e.gate.source.Name(), "names", len(batch), "error", err)
			return nil
		}
		if err := g.remember(ctx, e.gate, batch, e.byName, answer); err != nil {
			return err
		}
		answers <- said{e, batch, answer, asked}
		return nil
	}
	for batch := take(); batch != nil; batch = take() {
		if err := work(batch); err != nil || e.gate.circuit.troubled() {
			if err != nil {
				return err
			}
			continue // one at a time until it is known how the source is
		}
		var group errgroup.Group
		for range callsAtOnce {
			group.Go(func() error {
				for batch := take(); batch != nil; batch = take() {
					if err := work(batch); err != nil || e.gate.circuit.troubled() {
						return err
					}
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// storeError is a failure of ours while a source was asked, and none of the source's.
type storeError struct{ error }

// Unwrap gives the cause.
func (e storeError) Unwrap() error { return e.error }

func isStore(err error) bool {
	_, ok := errors.AsType[storeError](err)
	return ok
}

// call asks a source for one batch, again after a moment's trouble, and never while it is to be left alone. It says when it asked for
// what it gives.
func (g *Ingest) call(ctx context.Context, t *gate, names []string) (answer provider.Batch, asked time.Time, err error) {
	var last error
	for n := range callsMax {
		if n > 0 {
			if t.circuit.needsTrial() || sleep(ctx, time.Duration(g.Random()*float64(retryDelay<<(n-1)))) != nil {
				return provider.Batch{}, asked, last
			}
		}
		if err := g.passLoad(ctx, t, t.load(names, g.now())); errors.Is(err, errOpen) {
			if last == nil {
				last = errOpen
			}
			return provider.Batch{}, asked, last
		} else if err != nil {
			return provider.Batch{}, asked, storeError{err}
		}
		asked = g.now()
		answer, err := g.once(ctx, t.source, names)
		g.tallies.took(t.source.Name(), asked, g.now().Sub(asked))
		if err == nil {
			err = whole(answer)
		}
		g.report(ctx, t, err)
		if err == nil {
			g.partly(t, answer)
			for _, failed := range answer.Failed {
				if failed.Outcome.OpensCircuit() {
					g.refuse(ctx, t, failed)
				}
			}
			return answer, asked, nil
		}
		if last = err; provider.OutcomeOf(err) != provider.Transient {
			break
		}
	}
	return provider.Batch{}, asked, last
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
	return source.Latest(ctx, names, g.now())
}

// offers turns what a source said about the names it was asked for into offers; whatever else it said is ignored.
func (g *Ingest) offers(r *round, s said) []offer {
	source := s.errand.gate.source.Name()
	quotes := make(map[string]provider.Quote, len(s.answer.Quotes))
	for _, q := range s.answer.Quotes {
		if _, twice := quotes[q.Name]; !twice {
			quotes[q.Name] = q
		}
	}
	var all []offer
	for _, name := range s.batch {
		if failed := s.answer.Failed[name]; failed != nil {
			g.Log.Debug("no price", "source", source, "name", provider.Shown(source, name), "outcome", failed.Outcome)
			if failed.Outcome == provider.NotEntitled {
				g.passOver(r, source, s.errand.byName[name])
			}
		}
		q, ok := quotes[name]
		if !ok {
			continue
		}
		for _, i := range s.errand.byName[name] {
			all = append(all, offer{
				instrument: i, source: source, fallback: source != r.first[i.ID],
				price: q.Price, unit: q.Unit, hasUnit: q.HasCurrency, observed: s.asked, marketTime: q.MarketTime,
				previousClose: q.PreviousClose, previousDate: q.PreviousDate,
			})
		}
	}
	return all
}

// passOver makes the next source the first choice of instruments that a source doesn't give us: that is how we are set up, and
// nothing that failed.
func (g *Ingest) passOver(r *round, source string, instruments []market.Instrument) {
	for _, i := range instruments {
		if r.first[i.ID] != source {
			continue
		}
		if first, ok := g.firstOf(r.chain, i, r.now); ok {
			r.first[i.ID] = first.Name()
		}
	}
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
