package identity

import (
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestThrottleLetsNoMoreThroughThanItHolds(t *testing.T) {
	th := newThrottle(10, time.Minute, 100)
	start := time.Unix(1_000_000, 0)
	var passed int
	var mu sync.Mutex
	var group sync.WaitGroup
	for range 1000 {
		group.Go(func() {
			if _, ok := th.take("a", start); ok {
				mu.Lock()
				passed++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if passed != 10 {
		t.Fatalf("%d of 1000 attempts passed, want 10", passed)
	}
	if wait, ok := th.take("a", start.Add(30*time.Second)); ok || wait != 30*time.Second {
		t.Fatalf("wait %v, %v; want 30s", wait, ok)
	}
	if _, ok := th.take("a", start.Add(time.Minute)); !ok {
		t.Fatal("nothing refilled after a minute")
	}
	if _, ok := th.take("b", start); !ok {
		t.Fatal("another key has to wait too")
	}
}

func TestThrottleForgivesRightAttempts(t *testing.T) {
	th := newThrottle(3, time.Hour, 100)
	now := time.Unix(1_000_000, 0)
	for range 50 {
		if _, ok := th.take("a", now); !ok {
			t.Fatal("a right attempt counted")
		}
		th.giveBack("a", now)
	}
	if len(th.buckets) != 0 {
		t.Fatalf("%d buckets kept", len(th.buckets))
	}
}

func TestThrottleForgetsTheLeastGuilty(t *testing.T) {
	th := newThrottle(5, time.Hour, 100)
	now := time.Unix(1_000_000, 0)
	for range 5 {
		th.take("guilty", now)
	}
	for i := range 5000 {
		th.take(strconv.Itoa(i), now)
	}
	if len(th.buckets) > 100 {
		t.Fatalf("%d keys kept, want at most 100", len(th.buckets))
	}
	if _, ok := th.take("guilty", now); ok {
		t.Fatal("a flood of other keys freed the guilty one")
	}
}
