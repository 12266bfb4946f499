package engine

import (
	"context"
	"errors"
	"testing"

	"golang.org/x/sync/semaphore"
)

// A revaluation for many prices waits while large work of others goes on, one for few doesn't.
func TestManyPricesWaitForLargeWork(t *testing.T) {
	gate := semaphore.NewWeighted(1)
	k := NewKeeper(KeeperOptions{Workers: 1, Large: gate})
	if !gate.TryAcquire(1) {
		t.Fatal("a new gate is full")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := k.enter(ended, manyPrices); !errors.Is(err, context.Canceled) {
		t.Errorf("many prices didn't wait: %v", err)
	}
	leave, err := k.enter(t.Context(), manyPrices-1)
	if err != nil {
		t.Fatal(err)
	}
	leave()
	gate.Release(1)
	for range 2 { // so that the first gave back what it took
		leave, err := k.enter(t.Context(), manyPrices)
		if err != nil {
			t.Fatal(err)
		}
		leave()
	}
}
