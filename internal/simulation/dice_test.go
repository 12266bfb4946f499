package simulation

import (
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// dice decide everything, each throw by its name: who throws first changes nothing.
type dice struct{ seed uint64 }

// of are the throws of one name, the same for good.
func (d dice) of(names ...string) *rand.Rand {
	h := fnv.New64a()
	for _, name := range names {
		h.Write([]byte(name)) // never fails
		h.Write([]byte{0})
	}
	return rand.New(rand.NewPCG(d.seed, h.Sum64()))
}

// between is a time of at least the one and less than the other.
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)))
}

// pick is one of several.
func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
