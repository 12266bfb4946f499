package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/provider"
)

// errOpen says that a source is left alone for now: its circuit is open, or its quota spent.
var errOpen = errors.New("the source is left alone for now")

const (
	refusedFor       = 7 * 24 * time.Hour // a plan that doesn't cover a name today hardly does tomorrow
	unknownFor       = 24 * time.Hour
	unknownKnownFor  = time.Hour // where the source did know the name: it may be the source's mistake
	refusalsMax      = 1000      // written at once
	minuteWaitMax    = time.Minute
	waitsMax         = 10 // for a minute's end: of several who wait, some find the next minute spent too
	workedNotedEvery = time.Minute
)

// gate stands in front of one source: nobody asks it but through here.
type gate struct {
	source  provider.Provider
	circuit *circuit
	ration  ration

	mutex      sync.Mutex
	spentSpan  Span
	spentUntil time.Time // a quota is spent until then
	notedAt    time.Time // when its last answer was written down for the other nodes
	refused    map[string]Refusal
	used       Usage                // of its quotas, as last read
	given      map[string]time.Time // names that were asked for, where the source counts different ones, and until when they count
}

// closedUntil is when the source may be asked again; zero where it may be now.
func (t *gate) closedUntil(now time.Time) time.Time {
	until := t.circuit.closedUntil(now)
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.spentUntil.After(now) {
		until = later(until, t.spentUntil)
	}
	return until
}

// refuses says whether the source doesn't have a name for us.
func (t *gate) refuses(name string, now time.Time) (Refusal, bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	r, known := t.refused[name]
	return r, known && r.Until.After(now)
}

// spent is the span whose quota is spent, and until when.
func (t *gate) spent(now time.Time) (span Span, until time.Time, ok bool) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.spentSpan, t.spentUntil, t.spentUntil.After(now)
}

func (t *gate) setSpent(span Span, until time.Time) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.spentSpan, t.spentUntil = span, until
}

// load is what a call for the latest prices of names takes, now.
func (t *gate) load(names []string, now time.Time) load {
	l := load{requests: requests(t.source, names), names: len(names)}
	if _, ok := t.ration.distinct(now); !ok {
		return l
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	for _, name := range names {
		if !t.given[name].After(now) {
			l.fresh = append(l.fresh, name)
		}
	}
	return l
}

// batches parts names into calls, none of which takes more than a window of the source ever holds.
func (t *gate) batches(names []string, now time.Time) [][]string {
	var all [][]string
	for len(names) > 0 {
		n := min(len(names), max(t.source.BatchMax(), 1))
		for n > 1 && !t.ration.fits(t.load(names[:n], now)) {
			n = (n + 1) / 2
		}
		all = append(all, names[:n:n])
		names = names[n:]
	}
	return all
}

// pass lets a request for one name through that is none for latest prices, or gives errOpen. Any other error is the store's.
func (g *Ingest) pass(ctx context.Context, t *gate) error {
	return g.passLoad(ctx, t, load{requests: 1, names: 1})
}

// passLoad lets one call through, or gives errOpen. Any other error is the store's.
func (g *Ingest) passLoad(ctx context.Context, t *gate, l load) error {
	now := g.now()
	if t.closedUntil(now).After(now) {
		return errOpen
	}
	if t.circuit.needsTrial() {
		claimed, err := g.Store.ClaimTrial(ctx, t.source.Name(), now, now.Add(circuitDelay))
		if err != nil {
			return fmt.Errorf("claim a trial of %s: %w", t.source.Name(), err)
		}
		if !claimed {
			t.circuit.leaveAlone(now.Add(circuitDelay)) // another node tries
			return errOpen
		}
	}
	if err := g.spend(ctx, t, l, now); err != nil {
		return err
	}
	if !t.circuit.allow(now) {
		return errOpen
	}
	return nil
}

// spend takes a call out of the source's quotas. A minute's that is spent is waited for, a longer one's isn't.
func (g *Ingest) spend(ctx context.Context, t *gate, l load, now time.Time) error {
	if !t.ration.limited {
		return nil
	}
	for range waitsMax {
		r := t.ration.spend(l, now)
		took, err := g.Store.SpendQuota(ctx, t.source.Name(), r)
		if err != nil {
			return fmt.Errorf("spend the quota of %s: %w", t.source.Name(), err)
		}
		if took {
			return g.give(ctx, t, l.fresh, now)
		}
		used, err := g.Store.QuotasUsed(ctx)
		if err != nil {
			return fmt.Errorf("read the quota of %s: %w", t.source.Name(), err)
		}
		span, until, spent := r.spent(used[t.source.Name()])
		if !spent {
			continue // the window ended meanwhile
		}
		if span == Minute && until.Sub(now) <= minuteWaitMax && waits(ctx) {
			if sleep(ctx, until.Sub(now)) != nil {
				return errOpen
			}
			now = g.now()
			continue
		}
		if !t.ration.windows[span].distinct { // else the names that were asked for before still may be
			t.setSpent(span, until)
		}
		g.Log.Info("quota spent", "source", t.source.Name(), "span", span.String(), "until", until)
		return errOpen
	}
	return errOpen
}

// givenSuffix follows a source's name where it is written down which names it was asked for: they stand among the refusals, and
// are forgotten like them.
const givenSuffix = "/names"

// give writes down which names were asked for the first time in a source's window of different names.
func (g *Ingest) give(ctx context.Context, t *gate, fresh []string, now time.Time) error {
	if len(fresh) == 0 {
		return nil
	}
	until, _ := t.ration.distinct(now)
	given := make([]Refusal, 0, len(fresh))
	t.mutex.Lock()
	if t.given == nil {
		t.given = map[string]time.Time{}
	}
	for _, name := range fresh {
		t.given[name] = until
		given = append(given, Refusal{Source: t.source.Name() + givenSuffix, Name: name, Outcome: provider.OK, Until: until})
	}
	t.mutex.Unlock()
	for some := range slices.Chunk(given, refusalsMax) {
		if err := g.Store.PutRefusals(ctx, some); err != nil {
			return fmt.Errorf("write down what %s was asked for: %w", t.source.Name(), err)
		}
	}
	return nil
}

// freshLeft is how many names more each source of a chain may be asked for that it wasn't yet in its window. Sources that don't count
// different names aren't among them.
func (g *Ingest) freshLeft(ctx context.Context, chain string, now time.Time) (map[string]int64, error) {
	left := map[string]int64{}
	for _, source := range g.Chains[chain] {
		t := g.gates[source.Name()]
		if _, ok := t.ration.distinct(now); !ok {
			continue
		}
		used, err := g.Store.QuotasUsed(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the quotas: %w", err)
		}
		s := t.ration.spend(load{}, now)[Month]
		left[source.Name()] = s.Max - used[source.Name()][Month].In(s)
	}
	return left, nil
}

// waitingKey marks the context of who has time to wait for a minute to end: a poll of all that is due.
type waitingKey struct{}

func waits(ctx context.Context) bool {
	until, ok := ctx.Value(waitingKey{}).(time.Time)
	return ok && time.Now().Before(until)
}

// report takes in how a call ended, and tells the other nodes what concerns them: that the source is to be left alone, or
// answers again.
func (g *Ingest) report(ctx context.Context, t *gate, err error) {
	now := g.now()
	before := t.circuit.closedUntil(now)
	needed := t.circuit.needsTrial()
	t.circuit.report(now, err)
	g.tallies.ended(t.source.Name(), now, provider.OutcomeOf(err))
	g.share(ctx, t, before, needed, err)
}

// refuse takes in that a source answered for some names, but wants us to stay away.
func (g *Ingest) refuse(ctx context.Context, t *gate, err error) {
	now := g.now()
	before := t.circuit.closedUntil(now)
	t.circuit.refuse(now, err)
	g.share(ctx, t, before, false, err)
}

func (g *Ingest) share(ctx context.Context, t *gate, before time.Time, needed bool, failure error) {
	now, name := g.now(), t.source.Name()
	var err error
	switch until := t.circuit.closedUntil(now); {
	case until.After(now) && !until.Equal(before):
		err = g.Store.SourceFailed(ctx, name, SourceState{Until: until, Outcome: provider.OutcomeOf(failure), FailedAt: now})
	case failure == nil && (needed || t.dueNote(now)):
		err = g.Store.SourceWorked(ctx, name, now)
	}
	if err != nil {
		g.Log.Warn("the state of a source was not shared", "source", name, "error", err)
	}
}

// dueNote says whether an answer is worth writing down: not each of many in a minute is.
func (t *gate) dueNote(now time.Time) bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if now.Sub(t.notedAt).Abs() < workedNotedEvery {
		return false
	}
	t.notedAt = now
	return true
}

// learn reads what other nodes know of the sources.
func (g *Ingest) learn(ctx context.Context) error {
	now := g.now()
	states, err := g.Store.SourceStates(ctx)
	if err != nil {
		return fmt.Errorf("read the states of sources: %w", err)
	}
	refusals, err := g.Store.Refusals(ctx, now)
	if err != nil {
		return fmt.Errorf("read what sources refuse: %w", err)
	}
	bySource := map[string]map[string]Refusal{}
	for _, r := range refusals {
		if bySource[r.Source] == nil {
			bySource[r.Source] = map[string]Refusal{}
		}
		bySource[r.Source][r.Name] = r
	}
	for name, t := range g.gates {
		if s, known := states[name]; known {
			t.circuit.adopt(s, now)
		}
		given := make(map[string]time.Time, len(bySource[name+givenSuffix]))
		for _, r := range bySource[name+givenSuffix] {
			given[r.Name] = r.Until
		}
		t.mutex.Lock()
		t.refused, t.given = bySource[name], given
		t.mutex.Unlock()
	}
	return nil
}

// remember keeps which names a source doesn't have for us, so that it isn't asked for them again soon.
func (g *Ingest) remember(ctx context.Context, t *gate, batch []string, byName map[string][]market.Instrument, answer provider.Batch) error {
	now := g.now()
	var refusals []Refusal
	for _, name := range batch {
		failed := answer.Failed[name]
		if failed == nil {
			continue
		}
		r := Refusal{Source: t.source.Name(), Name: name, Outcome: failed.Outcome}
		switch failed.Outcome {
		case provider.NotEntitled:
			r.Until = now.Add(refusedFor)
		case provider.UnknownSymbol:
			r.Until = now.Add(unknownFor)
			for _, i := range byName[name] {
				if mark := g.book.mark(i.ID); mark != nil && mark.Source == t.source.Name() {
					r.Until = now.Add(unknownKnownFor)
				}
			}
		default:
			continue
		}
		refusals = append(refusals, r)
	}
	if len(refusals) == 0 {
		return nil
	}
	t.mutex.Lock()
	if t.refused == nil {
		t.refused = map[string]Refusal{}
	}
	for _, r := range refusals {
		t.refused[r.Name] = r
	}
	t.mutex.Unlock()
	for len(refusals) > 0 {
		n := min(len(refusals), refusalsMax)
		if err := g.Store.PutRefusals(ctx, refusals[:n]); err != nil {
			return fmt.Errorf("remember what %s refuses: %w", t.source.Name(), err)
		}
		refusals = refusals[n:]
	}
	return nil
}
