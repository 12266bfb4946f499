package engine_test

import (
	"testing"
	"time"

	"folioscope/internal/engine/enginetest"
)

const (
	crossingsMin = 10_000
	walkRules    = 10 // of each owner: hardly a price is without a crossing
)

// walk is a walk through a world.
type walk struct {
	*enginetest.Walk
	world *world
}

// newWalk makes the people and their rules.
func newWalk(world *world) walk {
	w := walk{enginetest.NewWalk(time.Now(), walkRules), world}
	for n := range enginetest.Owners {
		world.user(enginetest.Owner(n))
	}
	for _, r := range w.Rules() {
		world.rule(r)
	}
	return w
}

// step has the next prices accepted.
func (w walk) step() { w.world.take(w.Next()) }

// tally holds what was told against what had to be.
func (w walk) tally() (missed, doubled int) {
	told := make(map[enginetest.Crossing]int)
	for o := range enginetest.Owners {
		for _, n := range w.world.told(enginetest.Owner(o)) {
			told[enginetest.CrossingOf(n.Owner, n.Rule, *n.Facts.Value, n.At)]++
		}
	}
	return w.Compare(told)
}

// settled waits until all that is due was told, and says what was missed and doubled.
func (w walk) settled() (missed, doubled int) {
	const patience = 2 * time.Minute // on a loaded machine
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * interval) {
		if missed, doubled = w.tally(); missed == 0 || time.Now().After(deadline) {
			return missed, doubled
		}
	}
}

func TestNoCrossingIsMissedOrDoubled(t *testing.T) {
	onEach(t, func(t *testing.T, world *world) {
		w := newWalk(world)
		world.start("one")
		began := time.Now()
		for w.Due() < crossingsMin {
			w.step()
		}
		missed, doubled := w.settled()
		t.Logf("without faults: %d crossings in %d prices, %d missed, %d doubled; %s", w.Due(), w.Prices(), missed, doubled, time.Since(began).Round(time.Millisecond))
		if missed != 0 || doubled != 0 {
			t.Errorf("%d missed, %d doubled", missed, doubled)
		}
	})
}
