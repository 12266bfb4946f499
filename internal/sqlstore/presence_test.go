package sqlstore

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/pgtest"
)

// What is under way ends when the database is lost, what comes then is refused at once, and once it is found all goes on.
func TestNobodyWaitsForADatabaseThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPresence()
		waiting := make(chan error, 1)
		go func() {
			waiting <- p.during(t.Context(), func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			})
		}()
		synctest.Wait()
		p.lose()
		synctest.Wait()
		select {
		case err := <-waiting:
			if !errors.Is(err, errAway) {
				t.Error(err)
			}
		default:
			t.Error("somebody waits for a database that is away")
		}
		began := false
		if err := p.during(t.Context(), func(context.Context) error { began = true; return nil }); !errors.Is(err, errAway) || began || !p.away() {
			t.Error(err, began, p.away())
		}
		p.found()
		if err := p.during(t.Context(), func(context.Context) error { return nil }); err != nil || p.away() {
			t.Error(err, p.away())
		}
	})
}

// What ended well, or because of its caller, stays what it was.
func TestPresenceKeepsErrors(t *testing.T) {
	p, own := newPresence(), errors.New("no such row")
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	<-ctx.Done()
	for _, test := range []struct {
		ctx       context.Context
		do        func(context.Context) error
		want, not error
	}{
		{t.Context(), func(context.Context) error { return own }, own, errAway},
		{t.Context(), func(context.Context) error { p.lose(); return nil }, nil, errAway},
		{ctx, func(ctx context.Context) error { return ctx.Err() }, context.DeadlineExceeded, errAway},
	} {
		p.found()
		if err := p.during(test.ctx, test.do); !errors.Is(err, test.want) || err != nil && errors.Is(err, test.not) {
			t.Errorf("%v, want %v", err, test.want)
		}
	}
}

// A pool whose connections are all at slow work is no lost database: what is under way goes on.
func TestAFullPoolIsNoLostDatabase(t *testing.T) {
	root, err := newRoot(7, &memoryPlace{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Options{URL: pgtest.Database(t) + "&pool_max_conns=2", Root: root})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	watching, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Watch(watching) }()
	slow := make(chan error)
	for range 4 { // two work, two wait for a connection
		go func() {
			_, err := s.db.exec(t.Context(), "SELECT pg_sleep(6)") // longer than two pings may take
			slow <- err
		}()
	}
	for range 4 {
		if err := <-slow; err != nil || s.Away() {
			t.Errorf("%v; away: %v", err, s.Away())
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
