//go:build unix

package app

import (
	"slices"
	"testing"
	"time"

	"folioscope/internal/pgtest"
)

// BenchmarkRatioAcceptedToChannel accepts prices at a steady rate on a node that serves, and takes the time from there to the messages at
// the receivers: a mail that a mail server took, and a webhook that its receiver has read. The slowest of twenty is held against two
// seconds.
func BenchmarkRatioAcceptedToChannel(b *testing.B) {
	for _, database := range []string{"sqlite", "postgres"} {
		b.Run(database, func(b *testing.B) {
			const (
				rules    = 1 // of each person: some of twenty rules are crossed by each step
				interval = 200 * time.Millisecond
				steps    = 50
				mark     = 2 * time.Second
			)
			url := ""
			if database == "postgres" {
				url = pgtest.Database(b)
			}
			s := newStage(b, url, rules)
			serve(b, s.settings)
			for b.Loop() {
				for range steps {
					s.next()
					time.Sleep(interval)
				}
			}
			s.settled()
			worst := 0.0
			for channel, came := range map[string]arrivals{"mail": mailed(b, s.mail), "webhook": s.hooks.all(b)} {
				var took []time.Duration
				for crossing, all := range came {
					took = append(took, all[0].at.Sub(s.accepted[crossing.Minute]))
				}
				slices.Sort(took)
				p95 := took[len(took)*95/100]
				worst = max(worst, p95.Seconds())
				b.Logf("by %s: %d messages, p50 %s, p95 %s, max %s", channel, len(took), took[len(took)/2].Round(time.Millisecond), p95.Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(worst*1000, "p95_ms")
			b.ReportMetric(worst/mark.Seconds(), "ratio") // at most 1
		})
	}
}
