//go:build unix

package app

import (
	"testing"
	"time"

	"folioscope/internal/pgtest"
)

// Without faults every crossing comes once by mail and once by webhook.
func TestEveryCrossingArrivesOnce(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]func() string{"sqlite": func() string { return "" }, "postgres": func() string { return pgtest.Database(t) }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const rules = 10 // of each person: hardly a price is without a crossing
			s := newStage(t, database(), rules)
			serve(t, s.settings)
			began := time.Now()
			for s.walk.Due() < crossingsMin() {
				s.next()
			}
			s.settled()
			for channel, came := range map[string]arrivals{"mail": mailed(t, s.mail), "webhook": s.hooks.all(t)} {
				missed, doubled := s.walk.Compare(came.counts())
				t.Logf("by %s, without faults: %d crossings in %d prices, %d missed, %d doubled", channel, s.walk.Due(), s.walk.Prices(), missed, doubled)
				if missed != 0 || doubled != 0 {
					t.Errorf("by %s: %d missed, %d doubled", channel, missed, doubled)
				}
			}
			t.Logf("%s", time.Since(began).Round(time.Millisecond))
		})
	}
}
