package pgtest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// query returns one value of one statement.
func query[T any](t *testing.T, url, statement string) T {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(context.Background())
	var value T
	if err := connection.QueryRow(t.Context(), statement).Scan(&value); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return value
}

func TestDatabaseIsFreshAndEmpty(t *testing.T) {
	first, second := Database(t), Database(t)
	if first == second {
		t.Fatalf("both tests would use %s", first)
	}
	if err := execute(t.Context(), first, "CREATE TABLE only_here (n int)"); err != nil {
		t.Fatal(err)
	}
	const count = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
	if got := query[int](t, first, count); got != 1 {
		t.Errorf("the first database has %d tables, want 1", got)
	}
	if got := query[int](t, second, count); got != 0 {
		t.Errorf("the second database has %d tables, want 0", got)
	}
	if got := query[string](t, first, "SHOW listen_addresses"); got != "" {
		t.Errorf("the server listens on %q, want only its socket", got)
	}
}

func TestCloneIsPreparedOnce(t *testing.T) {
	prepared := 0
	prepare := func(ctx context.Context, url string) error {
		prepared++
		return execute(ctx, url, "CREATE TABLE rows AS SELECT 42 AS n")
	}
	for range 2 {
		url := Clone(t, "clone is prepared once", prepare)
		if got := query[int](t, url, "SELECT sum(n) FROM rows"); got != 42 {
			t.Errorf("the copy holds %d, want 42", got)
		}
		if err := execute(t.Context(), url, "INSERT INTO rows VALUES (1)"); err != nil {
			t.Fatal(err)
		}
	}
	if prepared != 1 {
		t.Errorf("prepared %d times, want 1", prepared)
	}
}

func TestSweepRemovesOnlyWhatNobodyHolds(t *testing.T) {
	place := t.TempDir()
	held, err := newOwnedDir(place)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := held.remove(); err != nil {
			t.Error(err)
		}
	}()
	left, err := newOwnedDir(place)
	if err != nil {
		t.Fatal(err)
	}
	if err := left.lock.Close(); err != nil { // as the kernel does when a process dies
		t.Fatal(err)
	}
	justMade, forgotten := filepath.Join(place, dirPrefix+"made"), filepath.Join(place, dirPrefix+"forgotten")
	for _, dir := range []string{justMade, forgotten} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().Add(-2 * orphanAgeMin)
	if err := os.Chtimes(forgotten, old, old); err != nil {
		t.Fatal(err)
	}
	sweep(place)
	for path, want := range map[string]bool{
		held.path: true, justMade: true, left.path: false, left.path + lockSuffix: false, forgotten: false,
	} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: there: %t, want %t", filepath.Base(path), err == nil, want)
		}
	}
}

func TestFindTakesTheFirstUsable(t *testing.T) {
	bin := t.TempDir()
	for name, text := range map[string]string{
		"initdb":   "#!/bin/sh\n",
		"postgres": "#!/bin/sh\necho 'postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)'\n",
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PGTEST_BIN", bin)
	if found, err := find(); err != nil || found.dir != bin {
		t.Errorf("found %+v, %v, want %s", found, err, bin)
	}
	tooOld := "#!/bin/sh\necho 'postgres (PostgreSQL) 14.9'\n"
	if err := os.WriteFile(filepath.Join(bin, "postgres"), []byte(tooOld), 0o755); err != nil {
		t.Fatal(err)
	}
	found, err := find()
	if err == nil && found.dir == bin {
		t.Error("took a PostgreSQL that is too old")
	}
	var none *NotFoundError
	if errors.As(err, &none) && (len(none.Looked) == 0 || none.Looked[0] != bin || !strings.Contains(none.Error(), bin)) {
		t.Errorf("looked in %v, want %s first", none.Looked, bin)
	}
}

// TestStopLeavesNothing starts a second cluster, since the one for all tests must live on.
func TestStopLeavesNothing(t *testing.T) {
	cluster, err := Start()
	var none *NotFoundError
	if errors.As(err, &none) && os.Getenv("PGTEST_REQUIRED") != "1" {
		t.Skipf("skipped: %v", none)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := query[int](t, cluster.URL, "SELECT 1"); got != 1 {
		t.Errorf("got %d, want 1", got)
	}
	if err := cluster.Stop(); err != nil {
		t.Error(err)
	}
	for _, dir := range cluster.dirs {
		for _, path := range []string{dir.path, dir.path + lockSuffix} {
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("left behind: %s, %v", path, err)
			}
		}
	}
}
