package cache

import (
	"sync"
	"testing"
)

func always(int) bool { return true }

// However much is put in, and by however many at once, the bound holds, and what went is counted.
func TestACacheStaysWithinItsBytes(t *testing.T) {
	const bytesMax, entryBytes, entries = 10_000, 100, 5_000
	c := New(bytesMax, func(_, _ int) int { return entryBytes })
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for n := w; n < entries; n += 4 {
				c.Put(n, n)
			}
		})
	}
	writers.Wait()
	m := c.Meters()
	if m.Bytes > bytesMax || m.Bytes == 0 || m.BytesMax != bytesMax {
		t.Errorf("%d of %d bytes are kept", m.Bytes, m.BytesMax)
	}
	if left := m.Bytes / entryBytes; m.Evictions != entries-left {
		t.Errorf("%d went, and %d of %d are left", m.Evictions, left, entries)
	}
	c.Put(-1, 0)
	if _, ok := c.Get(-1, always); !ok {
		t.Error("there is no room for a new one")
	}
}

func TestWhatIsLargerThanTheCacheIsNotKept(t *testing.T) {
	c := New(1000, func(_, n int) int { return n })
	c.Put(1, 500)
	c.Put(2, 1<<40)
	if m := c.Meters(); m.Bytes != 500 {
		t.Errorf("%d bytes are kept", m.Bytes)
	}
}

// What isn't good enough for whoever asks is a miss, and stays for those whom it is good enough for.
func TestOnlyWhatIsGoodEnoughIsAHit(t *testing.T) {
	c := New(1000, func(_, _ int) int { return 1 })
	atLeast := func(sequence int) func(int) bool { return func(at int) bool { return at >= sequence } }
	c.Put(1, 7)
	for sequence, want := range map[int]bool{6: true, 7: true, 8: false} {
		if _, ok := c.Get(1, atLeast(sequence)); ok != want {
			t.Errorf("7 is good enough for %d: %t", sequence, ok)
		}
	}
	newer := func(than int) func(int) bool { return func(there int) bool { return there > than } }
	c.PutNewer(1, 5, newer(5))
	if at, _ := c.Get(1, always); at != 7 {
		t.Errorf("%d took the place of 7", at)
	}
	c.PutNewer(1, 9, newer(9))
	c.Put(2, 20)
	c.DropWhere(func(k, _ int) bool { return k == 2 })
	if _, ok := c.Get(2, always); ok {
		t.Error("what was dropped is there")
	}
	if at, _ := c.Get(1, always); at != 9 {
		t.Errorf("%d is there, not 9", at)
	}
	c.Drop(1)
	if m := c.Meters(); m.Hits != 4 || m.Misses != 2 || m.Bytes != 0 || m.Evictions != 0 {
		t.Errorf("counted %+v", m)
	}
}
