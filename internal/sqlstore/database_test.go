package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

func TestRetryingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy, broken := errors.New("busy"), errors.New("broken")
		classify := func(err error) class {
			if errors.Is(err, busy) {
				return classRetry
			}
			return classOther
		}
		tries := 0
		start := time.Now()
		err := retrying(t.Context(), classify, func() error { tries++; return busy })
		if tries != attemptsMax || !fault.Is(err, fault.Unavailable) || !errors.Is(err, busy) {
			t.Errorf("%d tries, %v", tries, err)
		}
		if took := time.Since(start); took > attemptsMax*2*retryWaitMax {
			t.Errorf("took %v", took)
		}
		tries = 0
		if err := retrying(t.Context(), classify, func() error { tries++; return broken }); tries != 1 || !errors.Is(err, broken) {
			t.Errorf("%d tries of what is broken, %v", tries, err)
		}
		tries = 0
		if err := retrying(t.Context(), classify, func() error {
			if tries++; tries < 3 {
				return busy
			}
			return nil
		}); tries != 3 || err != nil {
			t.Errorf("%d tries, %v", tries, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		tries = 0
		if err := retrying(ctx, classify, func() error { tries++; cancel(); return busy }); tries != 1 || !errors.Is(err, context.Canceled) {
			t.Errorf("%d tries after the caller left, %v", tries, err)
		}
	})
}

// TestTwoNodesOnOneDatabase is a command beside a running node on SQLite, and two nodes on PostgreSQL.
func TestTwoNodesOnOneDatabase(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		b.portfolio("anna", "p1")
		b.instruments("aapl")
		other := openBench(t, b.options)
		jobs, err := b.JobsDB()
		b.ok(err)
		const each = 10
		var wg sync.WaitGroup
		for n, node := range []*bench{b, other} {
			wg.Go(func() {
				for i := 0; i < each; {
					p, err := node.Portfolio(t.Context(), "anna", "p1")
					if err == nil {
						id := ledger.ActivityID(fmt.Sprintf("n%d-%d", n, i))
						_, err = node.Append(t.Context(), "anna", "p1", p.Sequence, Change{Added: []ledger.Activity{buy(id, "2024-05-02", "aapl")}}, entry("anna", audit.ActivitiesAdded))
					}
					switch {
					case err == nil:
						i++
					case !fault.Is(err, fault.Stale):
						t.Error(err)
						return
					}
				}
			})
		}
		if jobs.SQLite != nil { // the job queue writes meanwhile
			wg.Go(func() {
				for i := range each {
					if _, err := jobs.SQLite.ExecContext(t.Context(), "CREATE TABLE job_"+fmt.Sprint(i)+" (id INTEGER)"); err != nil {
						t.Error(err)
					}
				}
			})
		} else if err := jobs.Pool.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		wg.Wait()
		book, err := other.Book(t.Context(), "anna", "p1")
		b.ok(err)
		if len(book.Activities) != 2*each || book.Portfolio.Sequence != 2*each+1 {
			t.Errorf("%d activities at %d", len(book.Activities), book.Portfolio.Sequence)
		}
	})
}

func TestClosedStoreSaysSo(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.user("anna")
		s, err := Open(t.Context(), b.options)
		b.ok(err)
		b.ok(s.Close())
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := s.User(ctx, "anna"); err == nil || ctx.Err() != nil {
			t.Errorf("read: %v", err)
		}
		if err := s.SetPassword(ctx, "anna", "x", entry("anna", audit.UserCreated)); err == nil || ctx.Err() != nil {
			t.Errorf("write: %v", err)
		}
	})
}

// TestServerThatDropsConnections is a restart of PostgreSQL, as those see it who had a connection.
func TestServerThatDropsConnections(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		p, ok := bare(b.db).(*postgres)
		if !ok {
			return // SQLite has no server
		}
		b.user("anna")
		for range 3 {
			var held []*pgxpool.Conn
			for range 4 {
				c, err := p.pool.Acquire(t.Context())
				b.ok(err)
				held = append(held, c)
			}
			_, err := held[0].Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
			b.ok(err)
			for _, c := range held[1:] {
				c.Release() // the pool doesn't know yet that they are gone
			}
			if _, err := b.User(t.Context(), "anna"); err != nil {
				t.Errorf("read: %v", err)
			}
			if err := b.SetPassword(t.Context(), "anna", "x", entry("anna", audit.UserCreated)); err != nil {
				t.Errorf("write: %v", err)
			}
			held[0].Release()
		}
	})
}

// Texts that PostgreSQL doesn't take are the caller's mistake, not ours; SQLite finds nothing under them.
func TestTextsThatAreNone(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		for _, text := range []string{"a\x00b", "\xff"} {
			_, err := b.Portfolio(t.Context(), "ann", ledger.PortfolioID(text))
			if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.NotFound) {
				t.Errorf("portfolio %q: %v", text, err)
			}
			if _, err := b.InstrumentBySymbol(t.Context(), text, ""); err != nil && !fault.Is(err, fault.Invalid) {
				t.Errorf("symbol %q: %v", text, err)
			}
		}
	})
}
