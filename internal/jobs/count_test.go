package jobs

import (
	"context"
	"errors"
	"testing"
	"time"
)

// What is counted is what an operator acts on. This also guards what the count knows of River's tables.
func TestCounts(t *testing.T) {
	onBoth(t, func(t *testing.T, database Database) {
		if all, err := Counts(t.Context(), database); err != nil || len(all) != 0 {
			t.Fatalf("before any queue: %+v, %v", all, err)
		}
		begun, finish := make(chan struct{}), make(chan struct{})
		j := newJobs(t, database, "a",
			Kind{Name: "fails", AttemptsMax: 1, Work: func(context.Context, Job) error { return errors.New("no") }},
			Kind{Name: "slow", Work: func(context.Context, Job) error { close(begun); <-finish; return nil }},
			Kind{Name: "quick", Work: func(context.Context, Job) error { return nil }},
			Kind{Name: "later", AttemptsMax: 9, Work: func(context.Context, Job) error { return nil }})
		for _, kind := range []string{"fails", "slow", "quick"} {
			if _, _, err := j.Enqueue(t.Context(), kind, struct{}{}, 0); err != nil {
				t.Fatal(err)
			}
		}
		stop := start(t, j)
		<-begun
		until(t, "one done, one dead", func() bool { return len(only(t, j, Done)) == 1 && len(only(t, j, Dead)) == 1 })
		if counts := countsByKind(t, database); counts["fails"] != (Count{Kind: "fails", Dead: 1}) || counts["slow"] != (Count{Kind: "slow", Running: 1}) || len(counts) != 2 {
			t.Errorf("%+v", counts)
		}
		close(finish)
		stop()
		if _, _, err := j.Enqueue(t.Context(), "later", struct{}{}, 0); err != nil {
			t.Fatal(err)
		}
		age(t, database)
		counts := countsByKind(t, database)
		if got := counts["later"]; got.Waiting != 1 || got.Late < 59*time.Minute || got.Late > 2*time.Hour {
			t.Errorf("waiting: %+v", got)
		}
		if _, there := counts["fails"]; there && counts["fails"].Dead != 0 {
			t.Errorf("dead two days ago: %+v", counts["fails"])
		}
	})
}

func countsByKind(t *testing.T, database Database) map[string]Count {
	t.Helper()
	all, err := Counts(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	byKind := map[string]Count{}
	for _, c := range all {
		byKind[c.Kind] = c
	}
	return byKind
}

// age makes what waits due an hour ago, and what died dead since two days.
func age(t *testing.T, database Database) {
	t.Helper()
	var err error
	if database.Pool != nil {
		_, err = database.Pool.Exec(t.Context(), `UPDATE river_job SET scheduled_at = scheduled_at - interval '1 hour', finalized_at = finalized_at - interval '2 days'`)
	} else {
		_, err = database.SQLite.ExecContext(t.Context(), `UPDATE river_job SET scheduled_at = datetime(scheduled_at, 'subsec', '-1 hour'), finalized_at = datetime(finalized_at, '-2 days')`)
	}
	if err != nil {
		t.Fatal(err)
	}
}
