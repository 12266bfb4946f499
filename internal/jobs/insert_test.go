package jobs

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
)

// insertWithin runs the insertion in a transaction of its own, as a store does.
func insertWithin(t *testing.T, database Database, name string, commit bool) {
	t.Helper()
	text, args, err := Insertion(Messages, "told", map[string]string{"name": name}, 3)
	if err != nil {
		t.Fatal(err)
	}
	if database.Pool != nil {
		tx, err := database.Pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err = tx.Exec(t.Context(), text, args...); err == nil && commit {
			err = tx.Commit(t.Context())
		} else if err == nil {
			err = tx.Rollback(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	tx, err := database.SQLite.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = tx.ExecContext(t.Context(), text, args...); err == nil && commit {
		err = tx.Commit()
	} else if err == nil {
		err = tx.Rollback()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAJobComesWithItsTransactionOrNotAtAll(t *testing.T) {
	onBoth(t, func(t *testing.T, database Database) {
		if err := Prepare(t.Context(), database); err != nil {
			t.Fatal(err)
		}
		insertWithin(t, database, "kept", true)
		insertWithin(t, database, "rolled back", false)
		var seen atomic.Value
		var runs atomic.Int32
		j := newJobs(t, database, "node", Kind{Name: "told", Work: func(_ context.Context, job Job) error {
			var named struct{ Name string }
			if err := json.Unmarshal(job.Arguments, &named); err != nil {
				return err
			}
			seen.Store(named.Name)
			runs.Add(1)
			return nil
		}})
		start(t, j)
		until(t, "the job ran", func() bool { return len(only(t, j, Done)) == 1 })
		if runs.Load() != 1 || seen.Load() != "kept" {
			t.Errorf("%d runs, the last of %v", runs.Load(), seen.Load())
		}
		if all := only(t, j); len(all) != 1 || all[0].AttemptsMax != 3 {
			t.Errorf("jobs: %+v", all)
		}
	})
}

func TestInsertionRefusesWhatIsNoObject(t *testing.T) {
	for _, object := range []any{"text", nil, []int{1}, map[string]string{"long": string(make([]byte, argumentBytesMax))}} {
		if _, _, err := Insertion(Ordinary, "told", object, 1); err == nil {
			t.Errorf("%T was taken", object)
		}
	}
}

// Work that asks to run again later does, and has used no attempt.
func TestLaterIsNoFailure(t *testing.T) {
	onBoth(t, func(t *testing.T, database Database) {
		if err := Prepare(t.Context(), database); err != nil {
			t.Fatal(err)
		}
		insertWithin(t, database, "put off", true)
		var runs, last atomic.Int32
		j := newJobs(t, database, "node", Kind{Name: "told", AttemptsMax: 3, Work: func(_ context.Context, job Job) error {
			last.Store(int32(job.Attempt))
			if runs.Add(1) < 5 {
				return Later(0)
			}
			return nil
		}})
		start(t, j)
		until(t, "the job ran to its end", func() bool { return len(only(t, j, Done)) == 1 })
		if got := only(t, j)[0]; runs.Load() != 5 || last.Load() != 1 || len(got.Errors) != 0 {
			t.Errorf("%d runs, the last as attempt %d: %+v", runs.Load(), last.Load(), got)
		}
	})
}
