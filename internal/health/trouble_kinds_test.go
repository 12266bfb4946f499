package health

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/ingest"
	"folioscope/internal/jobs"
)

// Each kind of trouble that operators have to hear of is told once, however long it lasts, and so is its end.
func TestEachKindOfTroubleIsToldOnce(t *testing.T) {
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // of synctest's time
	source := func(circuit string, outcome ingest.Outcome) Found {
		s := ingest.SourceHealth{Status: ingest.Status{Name: "ecb", Circuit: circuit, Outcome: outcome, LastSuccess: begin}, Setting: ingest.Setting{Name: "ecb", Enabled: true}}
		return Prices(ingest.Health{Sources: []ingest.SourceHealth{s}})
	}
	for _, c := range []struct {
		name      string
		bad, good func() Found
		check     string
	}{
		{"a provider is down", func() Found { return source("open", ingest.Transient) }, func() Found { return source("closed", ingest.OK) }, "source ecb"},
		{"a provider refuses the key", func() Found { return source("open", ingest.BadKey) }, func() Found { return source("closed", ingest.OK) }, "source ecb"},
		{"prices older than 21 minutes", func() Found { return Prices(ingest.Health{Open: 10, Stale: 5}) }, func() Found { return Prices(ingest.Health{Open: 10}) }, "prices"},
		{"a queue that grows", func() Found {
			return Jobs([]jobs.Count{{Kind: "mail.send", Waiting: 900, Late: time.Since(begin) + 3*time.Minute}})
		}, func() Found { return Jobs(nil) }, "jobs"},
		{"a disk that fills", func() Found { return Disk(100<<20, 100<<30) }, func() Found { return Disk(50<<30, 100<<30) }, "disk"},
		{"a certificate that ends", func() Found { return Certificate(begin.Add(24*time.Hour), time.Now(), false) }, func() Found { return Certificate(begin.Add(90*24*time.Hour), time.Now(), false) }, "certificate"},
		{"no backup", func() Found { return Backup(begin.Add(-26*time.Hour), time.Now(), 26*time.Hour) }, func() Found { return Backup(time.Now(), time.Now(), 26*time.Hour) }, "backup"},
		{"an audit log that nobody signs", func() Found { return Audit(9, time.Since(begin)+time.Minute, true) }, func() Found { return Audit(0, 0, true) }, "audit log"},
		{"a clock that is wrong", func() Found { return Clocks([]Clock{{"the sources of prices", 3 * time.Second}}) }, func() Found { return Clocks([]Clock{{"the sources of prices", 0}}) }, CheckClock},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &memory{reports: map[string]Report{}, troubles: map[place]Trouble{}}
				var mended atomic.Bool
				w := NewWatch(WatchOptions{Store: store, Node: "a", Now: time.Now, Log: quiet, Shared: []Look{{Name: c.check, At: func(context.Context) (Found, error) {
					if mended.Load() {
						return c.good(), nil
					}
					return c.bad(), nil
				}}}})
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- w.Run(ctx) }()
				told := func() []string {
					store.mutex.Lock()
					defer store.mutex.Unlock()
					return store.told
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				if got := told(); len(got) != 1 {
					t.Errorf("within an hour of it: %q", got)
				}
				mended.Store(true)
				time.Sleep(time.Hour)
				synctest.Wait()
				if got := told(); len(got) != 2 || len(store.troubles) != 0 {
					t.Errorf("an hour after its end: %q", got)
				}
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
