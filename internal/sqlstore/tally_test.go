package sqlstore

import (
	"testing"
	"time"

	"folioscope/internal/ingest"
)

func TestTalliesAddUp(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		hour := testStart.UTC().Truncate(time.Hour)
		one := ingest.Tally{Source: "yahoo", Hour: hour, Outcomes: map[ingest.Outcome]int64{"OK": 3, "TRANSIENT": 1}}
		one.Latencies[2] = 4
		next := ingest.Tally{Source: "yahoo", Hour: hour.Add(time.Hour), Outcomes: map[ingest.Outcome]int64{"OK": 1}}
		b.ok(b.AddTallies(t.Context(), []ingest.Tally{one, next}))
		b.ok(b.AddTallies(t.Context(), []ingest.Tally{one}))
		b.ok(b.AddTallies(t.Context(), nil))
		b.reopen()
		read := func(since time.Time) map[time.Time]ingest.Tally {
			t.Helper()
			all, err := b.TalliesSince(t.Context(), since)
			b.ok(err)
			found := map[time.Time]ingest.Tally{}
			for _, tally := range all {
				found[tally.Hour.UTC()] = tally
			}
			return found
		}
		all := read(hour)
		if got := all[hour]; len(all) != 2 || got.Source != "yahoo" || got.Outcomes["OK"] != 6 || got.Outcomes["TRANSIENT"] != 2 || got.Latencies[2] != 8 {
			t.Errorf("%+v", all)
		}
		if all = read(hour.Add(time.Minute)); len(all) != 1 || all[hour.Add(time.Hour)].Outcomes["OK"] != 1 {
			t.Errorf("the second hour: %+v", all)
		}
		b.ok(b.PruneTallies(t.Context(), hour.Add(time.Hour)))
		if all = read(hour); len(all) != 1 {
			t.Errorf("what is left: %+v", all)
		}
	})
}
