package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/market"
)

// sharedOverrides is what two nodes share.
type sharedOverrides struct {
	mutex sync.Mutex
	all   map[market.Date]market.Override
	down  error
}

func (s *sharedOverrides) CalendarOverrides(context.Context) (out []market.Override, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, o := range s.all {
		out = append(out, o)
	}
	return out, s.down
}

func (s *sharedOverrides) PutCalendarOverride(_ context.Context, o market.Override, _ audit.Write) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.all[o.Day] = o
	return s.down
}

func (s *sharedOverrides) DeleteCalendarOverride(_ context.Context, _ string, day market.Date, _ audit.Write) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.all, day)
	return s.down
}

func (s *sharedOverrides) fails(err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.down = err
}

// What an administrator says on one node holds there at once and on the others within half a minute, without a start.
func TestOverridesReachEveryNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calendar, err := market.NewCalendar()
		if err != nil {
			t.Fatal(err)
		}
		store := &sharedOverrides{all: map[market.Date]market.Override{}}
		one, other := newHours(calendar, slog.New(slog.DiscardHandler)), newHours(calendar, slog.New(slog.DiscardHandler))
		one.store, other.store = store, store
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		go func() { ended <- one.Run(ctx) }()
		go func() { ended <- other.Run(ctx) }()
		noon := time.Date(2026, 11, 24, 17, 0, 0, 0, time.UTC)
		open := func(h *hours) bool { return h.At("XNYS", noon).Open }
		if !open(one) || !open(other) {
			t.Fatal("a Tuesday at noon")
		}
		day := market.DateOf(noon)
		if err := one.PutOverride(t.Context(), market.Override{MIC: "XNYS", Day: day, Closed: true}, audit.Write{}); err != nil {
			t.Fatal(err)
		}
		if open(one) || !open(other) {
			t.Error("it holds where it was said, and elsewhere not yet")
		}
		store.fails(errors.New("away"))
		time.Sleep(overridesEvery + time.Second)
		if open(one) || !open(other) {
			t.Error("a store that is away changed something")
		}
		store.fails(nil)
		time.Sleep(overridesEvery)
		if open(other) {
			t.Error("the other node didn't follow")
		}
		if err := one.DeleteOverride(t.Context(), "XNYS", day, audit.Write{}); err != nil || !open(one) {
			t.Errorf("taken back: %v", err)
		}
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
}
