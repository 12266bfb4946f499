package ingest

import (
	"context"
	"errors"
	"fmt"
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
	used       Usage // of its quotas, as last read
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

// pass lets one request for so many names through, or gives errOpen. Any other error is the store's.
func (g *Ingest) pass(ctx context.Context, t *gate, names int) error {
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
	if err := g.spend(ctx, t, names, now); err != nil {
		return err
	}
	if !t.circuit.allow(now) {
		return errOpen
	}
	return nil
}

// spend takes a request out of the source's quotas. A minute's that is spent is waited for, a longer one's isn't.
func (g *Ingest) spend(ctx context.Context, t *gate, names int, now time.Time) error {
	if !t.ration.limited {
		return nil
	}
	for range waitsMax {
		r := t.ration.spend(t.source, names, now)
		took, err := g.Store.SpendQuota(ctx, t.source.Name(), r)
		if err != nil {
			return fmt.Errorf("spend the quota of %s: %w", t.source.Name(), err)
		}
		if took {
			return nil
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
		t.setSpent(span, until)
		g.Log.Info("quota spent", "source", t.source.Name(), "span", span.String(), "until", until)
		return errOpen
	}
	return errOpen
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
		t.mutex.Lock()
		t.refused = bySource[name]
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
