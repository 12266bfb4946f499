package jobs

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/ncruces/go-sqlite3/driver"

	"folioscope/internal/fault"
	"folioscope/internal/pgtest"
)

// waitMax bounds waiting for the queue on a loaded machine.
const waitMax = 60 * time.Second

// onBoth runs a test on each database, which must behave alike.
func onBoth(t *testing.T, test func(t *testing.T, database Database)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		opened, err := sql.Open("sqlite3", "file:"+filepath.ToSlash(filepath.Join(t.TempDir(), "jobs.db"))+
			"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(off)")
		if err != nil {
			t.Fatal(err)
		}
		opened.SetMaxOpenConns(4)
		t.Cleanup(func() {
			if err := opened.Close(); err != nil {
				t.Error(err)
			}
		})
		test(t, Database{SQLite: opened})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		pool, err := pgxpool.New(t.Context(), pgtest.Database(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		test(t, Database{Pool: pool})
	})
}

func newJobs(t *testing.T, database Database, id string, kinds ...Kind) *Jobs {
	t.Helper()
	made, err := New(t.Context(), database, kinds, Options{ID: id, Log: slog.New(slog.DiscardHandler), RetryBase: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// start runs the queue until stop is called or the test ends.
func start(t *testing.T, j *Jobs) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(waitMax):
			t.Error("the queue doesn't stop")
		}
	})
	t.Cleanup(stop)
	return stop
}

// until waits for a state of the world that comes.
func until(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(waitMax); !reached(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, waitMax)
		}
	}
}

func only(t *testing.T, j *Jobs, states ...State) []Job {
	t.Helper()
	list, err := j.List(t.Context(), states...)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestOneRunForEachSlotWithTwoNodes(t *testing.T) {
	onBoth(t, func(t *testing.T, database Database) {
		var mutex sync.Mutex
		runs := map[string]map[time.Time]int{"tick": {}, "daily": {}}
		kind := func(name string, every time.Duration) Kind {
			return Kind{Name: name, Every: every, Work: func(_ context.Context, job Job) error {
				mutex.Lock()
				defer mutex.Unlock()
				runs[name][job.Due.Truncate(every)]++
				return nil
			}}
		}
		ticks := func() int { mutex.Lock(); defer mutex.Unlock(); return len(runs["tick"]) }
		kinds := []Kind{kind("tick", time.Second), kind("daily", 24*time.Hour)}
		first, second := newJobs(t, database, "a", kinds...), newJobs(t, database, "b", kinds...)
		stopFirst := start(t, first)
		until(t, "three slots", func() bool { return ticks() >= 3 })
		start(t, second)
		stopFirst() // the other leads now, and finds the day's slot worked on
		until(t, "three more slots", func() bool { return ticks() >= 6 })
		mutex.Lock()
		defer mutex.Unlock()
		for _, k := range kinds {
			for slot, n := range runs[k.Name] {
				// A leader that comes late for a slot takes the place of the next with it, still under the name of the one it came for.
				for next := slot; n > 1; n-- {
					if next = next.Add(k.Every); runs[k.Name][next] > 0 || k.Every > time.Second {
						t.Errorf("%s: slot %s ran more than once: %v", k.Name, slot, runs[k.Name])
					}
				}
			}
		}
		if len(runs["daily"]) == 0 {
			t.Error("the slot that was under way at the start was left out")
		}
	})
}

func TestUniqueJobsAreAddedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, database Database) {
		work := Kind{Name: "work", Work: func(context.Context, Job) error { return nil }}
		first, second := newJobs(t, database, "a", work), newJobs(t, database, "b", work)
		var added atomic.Int64
		var group sync.WaitGroup
		ids := make([]int64, 20)
		for i := range ids {
			group.Go(func() {
				j := first
				if i%2 == 1 {
					j = second
				}
				id, fresh, err := j.Enqueue(t.Context(), "work", map[string]string{"instrument": "i1"}, time.Hour)
				if err != nil {
					t.Error(err)
				}
				if ids[i] = id; fresh {
					added.Add(1)
				}
			})
		}
		group.Wait()
		if added.Load() != 1 || slices.Min(ids) != slices.Max(ids) {
			t.Errorf("%d added, ids %v", added.Load(), ids)
		}
		if _, fresh, err := first.Enqueue(t.Context(), "work", map[string]string{"instrument": "i2"}, time.Hour); err != nil || !fresh {
			t.Errorf("other arguments: %v %v", fresh, err)
		}
		if _, fresh, err := first.Enqueue(t.Context(), "work", map[string]string{"instrument": "i1"}, 0); err != nil || !fresh {
			t.Errorf("not unique: %v %v", fresh, err)
		}
		if got := only(t, first, Waiting); len(got) != 3 || got[0].Kind != "work" || got[0].State != Waiting {
			t.Errorf("waiting: %+v", got)
		}
		if _, _, err := first.Enqueue(t.Context(), "work", []string{"not an object"}, 0); err == nil {
			t.Error("arguments that are no object were taken")
		}
		if _, _, err := first.Enqueue(t.Context(), "unknown", struct{}{}, 0); err == nil {
			t.Error("a kind that nobody works on was taken")
		}
	})
}

func TestFailuresAreTriedAgainThenBuried(t *testing.T) {
	onBoth(t, func(t *testing.T, database Database) {
		var healed atomic.Bool
		var mended atomic.Int64
		kinds := []Kind{
			{Name: "mends", Work: func(_ context.Context, job Job) error {
				var arguments struct{ Instrument string }
				if err := json.Unmarshal(job.Arguments, &arguments); err != nil || arguments.Instrument != "i7" {
					t.Errorf("arguments %s: %v", job.Arguments, err)
				}
				if job.Attempt < 3 {
					return fault.New(fault.Unavailable, "the source is down")
				}
				mended.Add(1)
				return nil
			}},
			{Name: "fails", AttemptsMax: 2, Work: func(context.Context, Job) error {
				if healed.Load() {
					return nil
				}
				return errors.New("connect as anna@example.org: refused")
			}},
			{Name: "panics", AttemptsMax: 1, Work: func(context.Context, Job) error { panic("anna@example.org") }},
		}
		j := newJobs(t, database, "a", kinds...)
		start(t, j)
		for _, kind := range kinds {
			if _, _, err := j.Enqueue(t.Context(), kind.Name, map[string]string{"instrument": "i7"}, 0); err != nil {
				t.Fatal(err)
			}
		}
		until(t, "one done, two dead", func() bool { return len(only(t, j, Done)) == 1 && len(only(t, j, Dead)) == 2 })
		done := only(t, j, Done)[0]
		if mended.Load() != 1 || done.Attempt != 3 || !slices.Equal(done.Errors, []string{"the source is down", "the source is down"}) || done.Finished.IsZero() {
			t.Errorf("done: %+v", done)
		}
		var failed Job
		for _, job := range only(t, j, Dead) {
			if job.Kind == "fails" {
				failed = job
			}
			if text := strings.Join(job.Errors, "\n"); text == "" || strings.Contains(text, "anna") || job.Attempt != job.AttemptsMax {
				t.Errorf("dead: %+v", job)
			}
		}
		healed.Store(true)
		if err := j.Retry(t.Context(), failed.ID); err != nil {
			t.Fatal(err)
		}
		until(t, "the retried one done", func() bool { return len(only(t, j, Done)) == 2 })
		if err := j.Retry(t.Context(), 1<<40); !fault.Is(err, fault.NotFound) {
			t.Errorf("retry of nothing: %v", err)
		}
	})
}

func TestStopWaitsForRunningJobs(t *testing.T) {
	onBoth(t, func(t *testing.T, database Database) {
		begun, finish := make(chan struct{}), make(chan struct{})
		var whole atomic.Bool
		j := newJobs(t, database, "a", Kind{Name: "slow", Work: func(ctx context.Context, _ Job) error {
			close(begun)
			<-finish
			whole.Store(ctx.Err() == nil)
			return nil
		}})
		stop := start(t, j)
		if _, _, err := j.Enqueue(t.Context(), "slow", struct{}{}, 0); err != nil {
			t.Fatal(err)
		}
		<-begun
		time.AfterFunc(100*time.Millisecond, func() { close(finish) })
		stop()
		if !whole.Load() {
			t.Error("the stop cut the job off")
		}
		if got := only(t, j, Done); len(got) != 1 {
			t.Errorf("done: %+v", got)
		}
	})
}

func TestCancelEndsARunningJob(t *testing.T) {
	onBoth(t, func(t *testing.T, database Database) {
		begun := make(chan struct{})
		kind := Kind{Name: "endless", Work: func(ctx context.Context, _ Job) error {
			close(begun)
			<-ctx.Done()
			return ctx.Err()
		}}
		j := newJobs(t, database, "a", kind)
		start(t, j)
		id, _, err := j.Enqueue(t.Context(), "endless", struct{}{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		<-begun
		if err := newJobs(t, database, "b", kind).Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		until(t, "cancelled", func() bool { return len(only(t, j, Cancelled)) == 1 })
		if err := j.Cancel(t.Context(), 1<<40); !fault.Is(err, fault.NotFound) {
			t.Errorf("cancel of nothing: %v", err)
		}
	})
}

// A process that dies leaves its job running in the table. The next start under the same name takes it up; one under another
// name leaves it alone, since its owner may live. This also guards what the sweep knows of River's tables.
func TestARestartTakesUpTheJobsOfTheLastRun(t *testing.T) {
	onBoth(t, func(t *testing.T, database Database) {
		var runs atomic.Int64
		begun := make(chan struct{}, 1)
		release := make(chan struct{})
		kind := Kind{Name: "long", Work: func(context.Context, Job) error {
			if runs.Add(1) == 1 {
				begun <- struct{}{}
				<-release
			}
			return nil
		}}
		first := newJobs(t, database, "node-1", kind)
		stop := start(t, first)
		if _, _, err := first.Enqueue(t.Context(), "long", struct{}{}, 0); err != nil {
			t.Fatal(err)
		}
		<-begun // from here on the first process is as good as hung: it never says that the job ended
		newJobs(t, database, "node-2", kind)
		if got := only(t, first, Running); len(got) != 1 {
			t.Fatalf("another node took a running job: %+v", only(t, first))
		}
		second := newJobs(t, database, "node-1", kind)
		if got := only(t, first, Waiting); len(got) != 1 {
			t.Fatalf("the job wasn't taken up: %+v", only(t, first))
		}
		start(t, second)
		until(t, "the second run", func() bool { return runs.Load() == 2 && len(only(t, second, Done)) == 1 })
		close(release)
		stop()
		if got := only(t, second); len(got) != 1 || got[0].State != Done || got[0].Attempt != 2 {
			t.Errorf("in the end: %+v", got)
		}
	})
}

func TestClaimKeepsTheNameAndGivesItToOneProcess(t *testing.T) {
	dir := t.TempDir()
	claimed := func(want bool) {
		t.Helper()
		if got, err := Claimed(dir); err != nil || got != want {
			t.Errorf("claimed: %t, want %t, %v", got, want, err)
		}
	}
	claimed(false)
	name, release, err := Claim(dir)
	if err != nil || name == "" {
		t.Fatal(name, err)
	}
	claimed(true)
	other, releaseOther, err := Claim(dir)
	if err != nil || other == name {
		t.Errorf("two hold the name %q: %v", other, err)
	}
	for _, let := range []func() error{releaseOther, release, release} {
		if err := let(); err != nil {
			t.Error(err)
		}
	}
	claimed(false)
	again, releaseAgain, err := Claim(dir)
	if err != nil || again != name {
		t.Errorf("after a restart the name is %q, was %q: %v", again, name, err)
	}
	if err := releaseAgain(); err != nil {
		t.Error(err)
	}
	if _, _, err := Claim(filepath.Join(dir, "missing")); err == nil {
		t.Error("a directory that isn't there was taken")
	}
}

// After a sleep of the machine the slots that passed are not worked off one by one.
func TestSlotsThatPassedAreLeftOut(t *testing.T) {
	every := slotStart(10 * time.Minute)
	now := time.Now()
	if got, want := every.Next(now), now.Truncate(10*time.Minute).Add(10*time.Minute); !got.Equal(want) {
		t.Errorf("next %s, want %s", got, want)
	}
	if got := every.Next(now.Add(-8 * time.Hour)); now.Sub(got) > 10*time.Minute+time.Minute {
		t.Errorf("goes back to %s", got)
	}
}

func TestNewRefusesNoOrTwoDatabases(t *testing.T) {
	if _, err := New(t.Context(), Database{}, nil, Options{Log: slog.New(slog.DiscardHandler)}); err == nil {
		t.Error("no database was taken")
	}
}
