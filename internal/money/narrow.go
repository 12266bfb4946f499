package money

import (
	"math"
	"math/bits"
)

// pow10 are the powers of ten that fit into 63 bits. Read only.
var pow10 = [...]int64{
	1, 10, 100, 1000, 10000,
	100000, 1000000, 10000000, 100000000, 1000000000,
	10000000000, 100000000000, 1000000000000, 10000000000000, 100000000000000,
	1000000000000000, 10000000000000000, 100000000000000000, 1000000000000000000,
}

// magnitude is |n|.
func magnitude(n int64) uint64 {
	if n < 0 {
		return uint64(-n)
	}
	return uint64(n)
}

// times is a · b where it fits into 63 bits.
func times(a, b int64) (int64, bool) {
	high, low := bits.Mul64(magnitude(a), magnitude(b))
	if high != 0 || low > math.MaxInt64 {
		return 0, false
	}
	if (a < 0) != (b < 0) {
		return -int64(low), true
	}
	return int64(low), true
}

// aligned gives two narrow decimals the smaller of their exponents, where both then fit into 63 bits.
func aligned(x, y Decimal) (a, b int64, exponent int32, ok bool) {
	a, b = x.coefficient, y.coefficient
	switch shift := x.exponent - y.exponent; {
	case shift == 0:
		return a, b, x.exponent, true
	case shift > 0 && shift < int32(len(pow10)):
		a, ok = times(a, pow10[shift])
		return a, b, y.exponent, ok
	case shift < 0 && -shift < int32(len(pow10)):
		b, ok = times(b, pow10[-shift])
		return a, b, x.exponent, ok
	}
	return 0, 0, 0, false
}
