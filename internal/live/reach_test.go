package live

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/fault"
)

// Whoever needs prices as new as a sequence gets them though the hint of them was lost; it says so where they don't come.
func TestReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.close()
		w.price(map[string]string{"aapl": "100"})
		synctest.Wait()
		w.mu.Lock()
		w.mute = true
		w.mu.Unlock()
		w.price(map[string]string{"aapl": "101"})
		synctest.Wait()
		if mark, _ := w.hub.Marks().Mark("aapl"); mark.Price.String() != "100" {
			t.Fatalf("without a hint it is at %s", mark.Price)
		}
		if err := w.hub.Reach(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		if mark, _ := w.hub.Marks().Mark("aapl"); mark.Price.String() != "101" {
			t.Errorf("it reached %s", mark.Price)
		}
		start := time.Now()
		if err := w.hub.Reach(t.Context(), 2); err != nil || time.Since(start) != 0 {
			t.Errorf("what is there takes %v, %v", time.Since(start), err)
		}
		if err := w.hub.Reach(t.Context(), 3); !fault.Is(err, fault.Unavailable) {
			t.Errorf("what nobody accepted: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.hub.Reach(ctx, 3); !fault.Is(err, fault.Unavailable) {
			t.Errorf("nobody waits any more: %v", err)
		}
	})
}
