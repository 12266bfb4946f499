package identity

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"folioscope/internal/fault"
)

// countingStore counts attempts; whatever else is asked of it panics.
type countingStore struct {
	Store
	takes [][]Take
	wait  time.Duration
}

func (c *countingStore) TakeAttempts(_ context.Context, _ time.Time, takes []Take) (time.Duration, error) {
	c.takes = append(c.takes, takes)
	return c.wait, nil
}

// A request for a link asks the store the same for every address: nothing that depends on who there is happens before the answer.
func TestAskingForRecoveryLooksNobodyUp(t *testing.T) {
	store := &countingStore{}
	s := NewService(Options{Store: store, Now: time.Now, Log: slog.New(slog.DiscardHandler), Mail: true})
	from := Request{ID: "r1", Address: "192.0.2.1"}
	for _, email := range []string{"ann@example.com", "nobody@example.com", "Ann@Example.com "} {
		if err := s.AskRecovery(t.Context(), email, from); err != nil {
			t.Fatal(err)
		}
		asked := <-s.recoveries
		if want := strings.ToLower(strings.TrimSpace(email)); asked != (askedRecovery{want, from}) {
			t.Errorf("waiting: %+v", asked)
		}
		if len(store.takes) != 1 || len(store.takes[0]) != 1 || strings.Contains(store.takes[0][0].Key, "ann") {
			t.Errorf("%s takes %+v", email, store.takes)
		}
		store.takes = nil
	}
	if err := s.AskRecovery(t.Context(), "no address", from); !fault.Is(err, fault.Invalid) || len(store.takes) != 0 {
		t.Errorf("%v, %+v", err, store.takes)
	}
	store.wait = time.Minute
	if err := s.AskRecovery(t.Context(), "ann@example.com", from); !fault.Is(err, fault.Limited) || len(s.recoveries) != 0 {
		t.Errorf("%v, %d wait", err, len(s.recoveries))
	}
}

func TestTheLineForRecoveryHasAnEnd(t *testing.T) {
	s := NewService(Options{Store: &countingStore{}, Now: time.Now, Log: slog.New(slog.DiscardHandler), Mail: true})
	for range recoveriesWaitingMax {
		if err := s.AskRecovery(t.Context(), "ann@example.com", Request{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AskRecovery(t.Context(), "ann@example.com", Request{}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("one more: %v", err)
	}
	without := NewService(Options{Store: &countingStore{}, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err := without.AskRecovery(t.Context(), "ann@example.com", Request{}); !fault.Is(err, fault.Conflict) || without.SendsMail() {
		t.Errorf("without mail: %v", err)
	}
}
