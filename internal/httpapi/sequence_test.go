package httpapi

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// A sequence that comes is waited for, one that doesn't is not for long, and neither costs more than a few looks.
func TestSequenceIsAwaitedCheaply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, looks := time.Now(), 0
		s := &Server{options: Options{Sequence: func(context.Context, ledger.OwnerID, ledger.PortfolioID) (int64, error) {
			looks++
			if time.Since(began) >= time.Second {
				return 8, nil
			}
			return 7, nil
		}}}
		if err := s.awaitSequence(t.Context(), &call{sequence: 7}, "p", 7); err != nil || looks != 0 {
			t.Errorf("is there: %v after %d looks", err, looks)
		}
		c := &call{sequence: 7}
		if err := s.awaitSequence(t.Context(), c, "p", 8); err != nil || c.sequence != 8 || looks > 10 {
			t.Errorf("comes after a second: %v, %d after %d looks", err, c.sequence, looks)
		}
		began, looks = time.Now(), 0
		err := s.awaitSequence(t.Context(), &call{sequence: 7}, "p", 1_000_000)
		if p, ok := errors.AsType[*Problem](err); !ok || p.Code != string(fault.Unavailable) || p.retryAfter == 0 {
			t.Errorf("never comes: %v", err)
		}
		if waited := time.Since(began); waited != sequenceWaitMax || looks > 10 {
			t.Errorf("waited %s with %d looks", waited, looks)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.awaitSequence(gone, &call{}, "p", 9); !errors.Is(err, context.Canceled) {
			t.Errorf("the client has gone: %v", err)
		}
	})
}
