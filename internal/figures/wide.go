package figures

import (
	"math"
	"math/big"
	"math/bits"

	"folioscope/internal/money"
)

// wide is a signed integer of 256 bits in two's complement, least word first: what exact sums of quantity · price · rate need.
// Its callers
// bound what goes in, so that nothing overflows: see wideBitsMax.
type wide [4]uint64

func (w wide) add(o wide) wide {
	var c uint64
	w[0], c = bits.Add64(w[0], o[0], 0)
	w[1], c = bits.Add64(w[1], o[1], c)
	w[2], c = bits.Add64(w[2], o[2], c)
	w[3], _ = bits.Add64(w[3], o[3], c)
	return w
}

// plus adds to w.
func (w *wide) plus(o *wide) {
	var c uint64
	w[0], c = bits.Add64(w[0], o[0], 0)
	w[1], c = bits.Add64(w[1], o[1], c)
	w[2], c = bits.Add64(w[2], o[2], c)
	w[3], _ = bits.Add64(w[3], o[3], c)
}

func (w wide) neg() wide {
	var c uint64
	w[0], c = bits.Add64(^w[0], 1, 0)
	w[1], c = bits.Add64(^w[1], 0, c)
	w[2], c = bits.Add64(^w[2], 0, c)
	w[3], _ = bits.Add64(^w[3], 0, c)
	return w
}

func (w wide) sub(o wide) wide {
	var b uint64
	w[0], b = bits.Sub64(w[0], o[0], 0)
	w[1], b = bits.Sub64(w[1], o[1], b)
	w[2], b = bits.Sub64(w[2], o[2], b)
	w[3], _ = bits.Sub64(w[3], o[3], b)
	return w
}

func (w wide) sign() int {
	switch {
	case int64(w[3]) < 0:
		return -1
	case w == wide{}:
		return 0
	}
	return 1
}

// times multiplies a value that isn't negative by a word.
func (w *wide) times(word uint64) wide {
	var out wide
	var carry uint64
	for i := range w {
		high, low := bits.Mul64(w[i], word)
		var c uint64
		out[i], c = bits.Add64(low, carry, 0)
		carry = high + c
	}
	return out
}

// float is w as a double, to its last digits. Equal numbers give equal doubles.
func (w *wide) float() float64 {
	const word = 1 << 64
	if w[2]|w[3] != 0 {
		if int64(w[3]) < 0 {
			n := w.neg()
			return -n.float()
		}
		// The least word is beyond a double's digits, as is the least bit of the next, without which it converts at once.
		x := float64(int64(w[2]>>1))*(2*word) + float64(int64(w[2]&1))*word + float64(int64(w[1]>>1))*2
		if w[3] != 0 {
			x += float64(int64(w[3])) * (word * word)
		}
		return x * word
	}
	return float64(w[1])*word + float64(w[0])
}

// decimal is w · 10^−places.
func (w wide) decimal(places int32) money.Decimal {
	negative := int64(w[3]) < 0
	if negative {
		w = w.neg()
	}
	n := new(big.Int)
	for i := len(w) - 1; i >= 0; i-- {
		n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(w[i]))
	}
	if negative {
		n.Neg(n)
	}
	return money.FromInteger(n, -places)
}

// double is a signed integer of 128 bits in two's complement.
type double struct{ low, high uint64 }

// product is a · b.
func product(a, b int64) double {
	high, low := bits.Mul64(uint64(a), uint64(b))
	high -= uint64(a>>63)&uint64(b) + uint64(b>>63)&uint64(a)
	return double{low, high}
}

// doubled is n in 128 bits.
func doubled(n int64) double { return double{uint64(n), uint64(n >> 63)} }

// isSmall says whether d takes 63 bits.
func (d double) isSmall() bool {
	return d.high == 0 && int64(d.low) >= 0 || d.high == math.MaxUint64 && int64(d.low) < 0
}

func (d double) add(o double) double {
	low, c := bits.Add64(d.low, o.low, 0)
	high, _ := bits.Add64(d.high, o.high, c)
	return double{low, high}
}

func (d double) isZero() bool { return d.low|d.high == 0 }

// bits is how many bits the size of d takes, at most one too few where d is below 0.
func (d double) bits() int {
	low, high := d.low, d.high
	if int64(high) < 0 {
		low, high = ^low, ^high
	}
	if high != 0 {
		return 64 + bits.Len64(high)
	}
	return bits.Len64(low)
}

// scaledRate is a rate that isn't negative: coefficient · 10^−places.
type scaledRate struct {
	coefficient double
	places      int32
}

// by multiplies by a value that isn't negative.
func (d double) by(factor *wide) wide {
	negative := int64(d.high) < 0
	if negative {
		low, c := bits.Add64(^d.low, 1, 0)
		d.low, d.high = low, ^d.high+c
	}
	out := factor.times(d.low)
	if d.high != 0 {
		high := factor.times(d.high)
		out = out.add(wide{0, high[0], high[1], high[2]})
	}
	if negative {
		out = out.neg()
	}
	return out
}

// increase adds d · factor, which isn't negative.
func (w *wide) increase(d double, factor *wide) {
	if d.high != 0 {
		*w = w.add(d.by(factor))
		return
	}
	high0, low0 := bits.Mul64(factor[0], d.low)
	high1, low1 := bits.Mul64(factor[1], d.low)
	high2, low2 := bits.Mul64(factor[2], d.low)
	low3 := factor[3] * d.low
	var c uint64
	low1, c = bits.Add64(low1, high0, 0)
	low2, c = bits.Add64(low2, high1, c)
	low3, _ = bits.Add64(low3, high2, c)
	w[0], c = bits.Add64(w[0], low0, 0)
	w[1], c = bits.Add64(w[1], low1, c)
	w[2], c = bits.Add64(w[2], low2, c)
	w[3], _ = bits.Add64(w[3], low3, c)
}

// bits is how many bits a value that isn't negative takes.
func (w *wide) bits() int {
	for i := len(w) - 1; i > 0; i-- {
		if w[i] != 0 {
			return 64*i + bits.Len64(w[i])
		}
	}
	return bits.Len64(w[0])
}

// power10 are the powers of ten that fit. Read only.
var power10 = func() (powers [77]wide) {
	powers[0] = wide{1}
	for i := 1; i < len(powers); i++ {
		powers[i] = powers[i-1].times(10)
	}
	return powers
}()

// quotientDigits is how many significant digits a quotient carries, as in package money.
const quotientDigits = 34

// quotient is a / b to 34 significant digits, half to even, for numbers above 0 that are scaled by 10^−aPlaces and 10^−bPlaces.
func quotient(a int64, aPlaces int32, b int64, bPlaces int32) scaledRate {
	shift := quotientDigits - 1 + digits(b) // gives 34 digits, or 35
	if a != 1 {
		shift += 1 - digits(a)
	}
	q, rest := divided(shift, uint64(a), uint64(b))
	if limit := &power10[quotientDigits]; q.high > limit[1] || q.high == limit[1] && q.low >= limit[0] {
		shift--
		q, rest = divided(shift, uint64(a), uint64(b))
	}
	if twice := rest * 2; twice > uint64(b) || twice == uint64(b) && q.low&1 == 1 {
		q = q.add(double{low: 1})
	}
	return scaledRate{coefficient: q, places: shift + aPlaces - bPlaces}
}

// divided is a · 10^shift / b, which must be of two words, and the rest.
func divided(shift int32, a, b uint64) (q double, rest uint64) {
	power := &power10[shift]
	if power[2] == 0 { // two words and a third, that b takes away
		high0, low := bits.Mul64(power[0], a)
		high, middle := bits.Mul64(power[1], a)
		middle, carry := bits.Add64(middle, high0, 0)
		if high += carry; high < b {
			if high == 0 {
				q.high, rest = middle/b, middle%b
			} else {
				q.high, rest = bits.Div64(high, middle, b)
			}
			q.low, rest = bits.Div64(rest, low, b)
			return q, rest
		}
	}
	long, rest := power.times(a).divide(b)
	return double{long[0], long[1]}, rest
}

// divide gives quotient and rest of a value that isn't negative by a word below 2^63.
func (w wide) divide(by uint64) (quotient wide, rest uint64) {
	for i := len(w) - 1; i >= 0; i-- {
		if rest == 0 && w[i] < by { // spares the slowest instruction there is
			rest = w[i]
			continue
		}
		quotient[i], rest = bits.Div64(rest, w[i], by)
	}
	return quotient, rest
}

// digits is how many decimal digits a number above 0 has.
func digits(n int64) int32 {
	count := int32(bits.Len64(uint64(n))*1233) >> 12 // log10(2) ≈ 1233/4096
	if count < 20 && uint64(n) >= power10[count][0] {
		count++
	}
	return count
}
