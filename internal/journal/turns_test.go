package journal

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"folioscope/internal/ledger"
)

// Many more writers than attempts: on one node none meets another.
func TestWritersOfOneNodeTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const writers = 10 * attemptsMax
		f := newFixture()
		meetings := 0
		f.store.meet = func() {
			meetings++
			time.Sleep(time.Millisecond) // lets everybody else run
		}
		var group errgroup.Group
		for i := range writers {
			group.Go(func() error {
				a := trade(ledger.Buy, "vwce", "EUR", "2026-01-05", "1", "100")
				a.ID = ledger.ActivityID(fmt.Sprintf("own%d", i))
				_, err := f.Record(context.Background(), "u", "p", nil, add(a), entry)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		if meetings != writers {
			t.Errorf("%d appends for %d changes", meetings, writers)
		}
		if len(f.turns.open) != 0 {
			t.Errorf("%d turns are left over", len(f.turns.open))
		}
	})
}

// Who gives up while waiting leaves the row as it was.
func TestTurnIsNotWaitedForWithoutEnd(t *testing.T) {
	var all turns
	giveBack, err := all.take(t.Context(), key{"u", "p"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := all.take(ctx, key{"u", "p"}); !errors.Is(err, context.Canceled) {
		t.Errorf("waited in vain: %v", err)
	}
	other, err := all.take(t.Context(), key{"u", "q"}) // another portfolio's writer need not wait
	if err != nil {
		t.Fatal(err)
	}
	other()
	giveBack()
	again, err := all.take(t.Context(), key{"u", "p"})
	if err != nil {
		t.Fatal(err)
	}
	again()
	if len(all.open) != 0 {
		t.Errorf("%d turns are left over", len(all.open))
	}
}
