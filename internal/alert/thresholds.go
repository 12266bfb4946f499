package alert

import (
	"cmp"
	"math"
	"slices"

	"folioscope/internal/money"
)

// Ref stands for a rule in Thresholds, as whoever keeps the rules counts them.
type Ref uint32

// Thresholds are the levels that rules wait for in the price of one instrument, sorted, so that a price costs what it crosses. Each rule
// has one entry at most: that of its Watch. The zero value has none.
//
//	falling, lowest first … nearest last │ price │ nearest last … rising, highest first
//
// Both sides are reached from their ends, and what was reached is put back near the other end: that is what makes it cheap. A price that
// jumps over many levels moves each of them once.
type Thresholds struct {
	rising, falling []entry
}

// entry is a level in 16 bytes: coefficient · 10^exponent.
type entry struct {
	coefficient int64
	ref         Ref
	exponent    int8
	strict      bool
}

// Put adds what a rule waits for, as a level of the price: see Watch.OfPrice. A level with more digits than fit is put a little nearer, so
// that what Cross gives is at least what was reached; Step has the last word.
func (t *Thresholds) Put(ref Ref, w Watch) {
	one, side := place(ref, w), t.side(w)
	at, _ := find(*side, one, w.rises())
	*side = slices.Insert(*side, at, one)
}

// Remove takes out what Put added with the same words; false where it isn't there.
func (t *Thresholds) Remove(ref Ref, w Watch) bool {
	one, side := place(ref, w), t.side(w)
	at, found := find(*side, one, w.rises())
	if found {
		*side = slices.Delete(*side, at, at+1)
	}
	return found
}

// Cross takes out all that a price reaches and appends it to refs, in the order in which it is reached: from below, then from above.
func (t *Thresholds) Cross(price money.Decimal, refs []Ref) []Ref {
	n := len(t.rising)
	for ; n > 0; n-- {
		one := &t.rising[n-1]
		if order := one.level().Cmp(price); order > 0 || order == 0 && one.strict {
			break
		}
		refs = append(refs, one.ref)
	}
	t.rising = t.rising[:n]
	n = len(t.falling)
	for ; n > 0; n-- {
		one := &t.falling[n-1]
		if order := one.level().Cmp(price); order < 0 || order == 0 && one.strict {
			break
		}
		refs = append(refs, one.ref)
	}
	t.falling = t.falling[:n]
	return refs
}

// Len is how many rules wait.
func (t *Thresholds) Len() int { return len(t.rising) + len(t.falling) }

func (t *Thresholds) side(w Watch) *[]entry {
	if w.rises() {
		return &t.rising
	}
	return &t.falling
}

// rises says on which side a watch waits: what any price reaches waits for one of 0 or more.
func (w Watch) rises() bool { return w.Rising || w.Always }

func (e *entry) level() money.Decimal { return money.NewDecimal(e.coefficient, int32(e.exponent)) }

// find is where an entry stands in a side, or would stand. It looks from the end in strides that double, since that is where it mostly is.
func find(side []entry, one entry, rising bool) (at int, found bool) {
	low, high := len(side), len(side)
	for stride := 1; low > 0; stride *= 2 {
		high, low = low, max(0, low-stride)
		if side[low].compare(&one, rising) < 0 {
			break
		}
	}
	window := side[low:min(high+1, len(side))]
	at, found = slices.BinarySearchFunc(window, one, func(a, b entry) int { return a.compare(&b, rising) })
	return low + at, found
}

// compare sorts a side: what is reached last comes first.
func (e *entry) compare(other *entry, rising bool) int {
	var order int
	if e.exponent == other.exponent {
		order = cmp.Compare(e.coefficient, other.coefficient)
	} else {
		order = e.level().Cmp(other.level())
	}
	switch {
	case order != 0 && rising:
		return -order
	case order != 0:
		return order
	case e.strict && !other.strict:
		return -1
	case other.strict && !e.strict:
		return 1
	}
	return cmp.Compare(other.ref, e.ref)
}

// placesMost is where the shortening of a long level begins: prices have fewer digits after the point.
const placesMost = 12

// place makes an entry.
func place(ref Ref, w Watch) entry {
	if w.Always {
		return entry{ref: ref}
	}
	level := w.Level.Reduced()
	if one, ok := narrow(ref, level); ok {
		one.strict = w.Strict
		return one
	}
	for places := int32(placesMost); places >= 0; places-- {
		rounded := level.Round(places)
		ulp := money.NewDecimal(1, -places)
		switch order := rounded.Cmp(level); {
		case w.Rising && order > 0:
			rounded = rounded.Sub(ulp)
		case !w.Rising && order < 0:
			rounded = rounded.Add(ulp)
		}
		if one, ok := narrow(ref, rounded.Reduced()); ok {
			return one
		}
	}
	if w.Rising {
		return entry{ref: ref} // any price reaches it, since what is beyond all prices needn't be quick
	}
	return entry{ref: ref, coefficient: 1, exponent: math.MaxInt8}
}

func narrow(ref Ref, level money.Decimal) (one entry, ok bool) {
	coefficient, exponent, ok := level.Narrow()
	if !ok || exponent < math.MinInt8 || exponent > math.MaxInt8 {
		return one, false
	}
	return entry{coefficient: coefficient, ref: ref, exponent: int8(exponent)}, true
}
