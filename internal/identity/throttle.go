package identity

import (
	"math"
	"sync"
	"time"
)

// How many wrong passwords are evaluated. Right ones cost nothing.
const (
	accountFailuresMax = 10               // in one go, per account
	accountRefill      = 90 * time.Second // then one more each
	addressFailuresMax = 100              // in one go, per address: an office behind one
	addressRefill      = 6 * time.Second
	throttleKeysMax    = 20000 // accounts and addresses remembered each; about 2 MB
)

// throttle holds a bucket of attempts per key. An attempt takes one before it is evaluated and gives it back when it was right,
// so that no number of attempts at the same time gets past it.
type throttle struct {
	capacity float64
	refill   time.Duration
	keysMax  int

	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	taken float64 // attempts not refilled yet, 0 … capacity
	at    time.Time
}

func newThrottle(capacity int, refill time.Duration, keysMax int) *throttle {
	return &throttle{capacity: float64(capacity), refill: refill, keysMax: keysMax, buckets: map[string]bucket{}}
}

// take takes one attempt; otherwise it says how long until there is one.
func (t *throttle) take(key string, now time.Time) (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.settled(t.buckets[key], now)
	if b.taken+1 > t.capacity {
		missing := b.taken + 1 - t.capacity
		return time.Duration(math.Ceil(missing * float64(t.refill))), false
	}
	if _, known := t.buckets[key]; !known && len(t.buckets) >= t.keysMax {
		t.sweep(now)
	}
	b.taken++
	t.buckets[key] = b
	return 0, true
}

// giveBack returns an attempt that was right.
func (t *throttle) giveBack(key string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b, known := t.buckets[key]
	if !known {
		return
	}
	b = t.settled(b, now)
	if b.taken--; b.taken <= 0 {
		delete(t.buckets, key)
		return
	}
	t.buckets[key] = b
}

func (t *throttle) settled(b bucket, now time.Time) bucket {
	if passed := now.Sub(b.at); passed > 0 {
		b.taken = max(0, b.taken-float64(passed)/float64(t.refill))
	}
	b.at = now
	return b
}

// sweep makes room: first what has refilled, then an eighth of the ones with the fewest failures.
func (t *throttle) sweep(now time.Time) {
	for key, b := range t.buckets {
		if t.settled(b, now).taken == 0 {
			delete(t.buckets, key)
		}
	}
	for limit := 1.0; len(t.buckets) > t.keysMax-t.keysMax/8 && limit <= t.capacity; limit++ {
		for key, b := range t.buckets {
			if len(t.buckets) <= t.keysMax-t.keysMax/8 {
				break
			}
			if t.settled(b, now).taken <= limit {
				delete(t.buckets, key)
			}
		}
	}
}
