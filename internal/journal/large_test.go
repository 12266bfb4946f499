package journal

import (
	"context"
	"errors"
	"testing"

	"golang.org/x/sync/semaphore"
)

// Work on very many activities waits while the gate is full and no longer than its caller does; work on few doesn't wait at all.
func TestLargeWorkGoesThroughTheGate(t *testing.T) {
	gate := semaphore.NewWeighted(1)
	j := &Journal{large: gate}
	work := func() (bool, error) { return true, nil }
	if !gate.TryAcquire(1) {
		t.Fatal("a new gate is full")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if done, err := through(ended, j, largeBook, work); done || !errors.Is(err, context.Canceled) {
		t.Errorf("large work went through a full gate: %v, %v", done, err)
	}
	if done, err := through(t.Context(), j, largeBook-1, work); !done || err != nil {
		t.Errorf("small work waited: %v, %v", done, err)
	}
	gate.Release(1)
	for range 2 { // so that the first gave back what it took
		if done, err := through(t.Context(), j, largeBook, work); !done || err != nil {
			t.Errorf("large work didn't go through: %v, %v", done, err)
		}
	}
}
