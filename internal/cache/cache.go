// Package cache keeps what can be worked out again, bounded in bytes, and counts how often that was of use.
//
// It owns the bound and the counts. It doesn't know when what it keeps is out of date: whoever asks says what is good enough for them,
// such as a sequence that they have seen, and what isn't is as if it weren't there.
package cache

import (
	"math"
	"sync/atomic"

	"github.com/maypok86/otter/v2"
	"github.com/maypok86/otter/v2/stats"
)

// Cache is safe for many goroutines. What is looked at seldom goes first when it is full.
type Cache[K comparable, V any] struct {
	kept         *otter.Cache[K, V]
	evicted      *stats.Counter
	bytesMax     uint64
	hits, misses atomic.Uint64
}

// New makes a cache of at most so many bytes, by what bytes says that an entry takes. An entry that is larger than all of it isn't kept.
func New[K comparable, V any](bytesMax uint64, bytes func(K, V) int) *Cache[K, V] {
	c := &Cache[K, V]{evicted: stats.NewCounter(), bytesMax: bytesMax}
	c.kept = otter.Must(&otter.Options[K, V]{
		MaximumWeight: bytesMax, StatsRecorder: c.evicted,
		Weigher: func(k K, v V) uint32 { return uint32(min(max(bytes(k, v), 1), math.MaxUint32)) },
	})
	return c
}

// Get gives what is kept, if it is good enough.
func (c *Cache[K, V]) Get(k K, good func(V) bool) (V, bool) {
	if v, ok := c.kept.GetIfPresent(k); ok && good(v) {
		c.hits.Add(1)
		return v, true
	}
	c.misses.Add(1)
	var none V
	return none, false
}

// Peek gives what is kept, however old, for when nothing better is to be had. It isn't counted.
func (c *Cache[K, V]) Peek(k K) (V, bool) { return c.kept.GetIfPresent(k) }

// Put keeps an entry, in place of another.
func (c *Cache[K, V]) Put(k K, v V) { c.kept.Set(k, v) }

// PutNewer keeps an entry unless one is there that is newer.
func (c *Cache[K, V]) PutNewer(k K, v V, newer func(there V) bool) {
	c.kept.Compute(k, func(there V, found bool) (V, otter.ComputeOp) {
		if found && newer(there) {
			return there, otter.CancelOp
		}
		return v, otter.WriteOp
	})
}

// Drop forgets an entry.
func (c *Cache[K, V]) Drop(k K) { c.kept.Invalidate(k) }

// DropWhere forgets the entries that which says.
func (c *Cache[K, V]) DropWhere(which func(K, V) bool) {
	for k, v := range c.kept.All() {
		if which(k, v) {
			c.kept.Invalidate(k)
		}
	}
}

// Meters are what a cache counted since it was made, and what it takes.
type Meters struct {
	Hits      uint64 // that something good enough was there
	Misses    uint64
	Evictions uint64 // to stay within BytesMax
	Bytes     uint64
	BytesMax  uint64
}

// Meters may be asked for at any time.
func (c *Cache[K, V]) Meters() Meters {
	c.kept.CleanUp()
	return Meters{Hits: c.hits.Load(), Misses: c.misses.Load(), Evictions: c.evicted.Snapshot().Evictions, Bytes: c.kept.WeightedSize(), BytesMax: c.bytesMax}
}
