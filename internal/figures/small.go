package figures

import (
	"math"
	"math/bits"

	"folioscope/internal/money"
)

// small is a decimal of 63 bits without a pointer, so that slices of it cost the collector nothing: coefficient · 10^exponent.
// What doesn't fit says so instead of being rounded.
type small struct {
	coefficient int64
	exponent    int32
}

// smallOf is a decimal, where it is small enough. It never has more places than are written.
func smallOf(x *money.Decimal) (s small, ok bool) {
	s.coefficient, s.exponent, ok = x.Narrow()
	return s, ok
}

func (s small) neg() small { return small{-s.coefficient, s.exponent} }

func (s small) plus(o small) (small, bool) {
	if o.coefficient == 0 {
		return s, true
	}
	if s.coefficient == 0 {
		return o, true
	}
	ok := true
	switch {
	case s.exponent > o.exponent:
		s.coefficient, ok = lifted(s.coefficient, s.exponent-o.exponent)
		s.exponent = o.exponent
	case s.exponent < o.exponent:
		o.coefficient, ok = lifted(o.coefficient, o.exponent-s.exponent)
	}
	if !ok {
		return s, false
	}
	s.coefficient, ok = plus(s.coefficient, o.coefficient)
	return s, ok
}

func (s small) times(o small) (small, bool) {
	n, ok := times(s.coefficient, o.coefficient)
	return small{n, s.exponent + o.exponent}, ok
}

// booked is an amount at the rate that was booked with it.
func (s small) booked(rate small, known bool) (small, bool) {
	n, ok := s.times(rate)
	return n, ok && known
}

// at is the number in units of 10^−places.
func (s small) at(places int32) (small, bool) {
	if s.coefficient == 0 {
		return small{0, -places}, true
	}
	n, ok := lifted(s.coefficient, s.exponent+places)
	return small{n, -places}, ok
}

// powers are the powers of ten that fit into 63 bits. Read only.
var powers = func() (all [19]int64) {
	all[0] = 1
	for i := 1; i < len(all); i++ {
		all[i] = all[i-1] * 10
	}
	return all
}()

// lifted is n · 10^power where it fits into 63 bits; a power below 0 says no.
func lifted(n int64, power int32) (int64, bool) {
	if uint32(power) >= uint32(len(powers)) {
		return 0, n == 0
	}
	return times(n, powers[power])
}

// plus is a + b where it fits into 63 bits.
func plus(a, b int64) (sum int64, ok bool) {
	sum = a + b
	return sum, (a^sum)&(b^sum) >= 0 && sum != math.MinInt64
}

// times is a · b where it fits into 63 bits.
func times(a, b int64) (int64, bool) {
	if a|b < 0 {
		return timesSigned(a, b)
	}
	high, low := bits.Mul64(uint64(a), uint64(b))
	return int64(low), high|low>>63 == 0
}

func timesSigned(a, b int64) (int64, bool) {
	high, low := bits.Mul64(magnitude(a), magnitude(b))
	n := int64(low)
	if (a < 0) != (b < 0) {
		n = -n
	}
	return n, high|low>>63 == 0
}

// magnitude is |n|.
func magnitude(n int64) uint64 {
	if n < 0 {
		return uint64(-n)
	}
	return uint64(n)
}
