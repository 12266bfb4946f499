package money

import (
	"encoding/binary"
	"math"
	"math/big"
	"slices"

	"github.com/cockroachdb/apd/v3"
)

// wide is the magnitude of a coefficient that doesn't fit into 63 bits; the sign is that of Decimal.coefficient. It never
// changes once made.
type wide struct {
	limbs natural
	huge  *big.Int // instead of limbs, where those don't do
}

// limbs is the magnitude of x's coefficient where it fits into 256 bits.
func (x *Decimal) limbs() (n natural, ok bool) {
	switch {
	case x.wide == nil:
		return natural{magnitude(x.coefficient)}, true
	case x.wide.huge == nil:
		return x.wide.limbs, true
	}
	return n, false
}

// signed is n · 10^exponent with the sign of another number, in 63 bits where it fits.
func signed(sign int64, n *natural, exponent int32) Decimal {
	if n[1]|n[2]|n[3] == 0 && n[0] <= math.MaxInt64 {
		if sign < 0 {
			return Decimal{coefficient: -int64(n[0]), exponent: exponent}
		}
		return Decimal{coefficient: int64(n[0]), exponent: exponent}
	}
	return Decimal{coefficient: unit(sign), exponent: exponent, wide: &wide{limbs: *n}}
}

// unit is −1 or 1.
func unit(sign int64) int64 {
	if sign < 0 {
		return -1
	}
	return 1
}

// widened is x as the library's decimal.
func (x *Decimal) widened() *apd.Decimal {
	d := &apd.Decimal{Exponent: x.exponent, Negative: x.coefficient < 0}
	switch {
	case x.wide == nil:
		d.Coeff.SetUint64(magnitude(x.coefficient))
	case x.wide.huge != nil:
		d.Coeff.SetMathBigInt(x.wide.huge)
	default:
		var bytes []byte
		for _, limb := range slices.Backward(x.wide.limbs[:]) {
			bytes = binary.BigEndian.AppendUint64(bytes, limb)
		}
		d.Coeff.SetMathBigInt(new(big.Int).SetBytes(bytes))
	}
	return d
}

// narrowed is the library's decimal in as few bits as it fits into. Zero has no sign.
func narrowed(d *apd.Decimal) Decimal {
	sign := int64(1)
	if d.Negative {
		sign = -1
	}
	return fromMagnitude(sign, d.Coeff.MathBigInt(), d.Exponent)
}

// fromMagnitude keeps n, which is not negative.
func fromMagnitude(sign int64, n *big.Int, exponent int32) Decimal {
	var bytes [naturalLimbs * 8]byte
	if n.BitLen() > len(bytes)*8 {
		return Decimal{coefficient: unit(sign), exponent: exponent, wide: &wide{huge: n}}
	}
	n.FillBytes(bytes[:])
	var limbs natural
	for i := range limbs {
		limbs[naturalLimbs-1-i] = binary.BigEndian.Uint64(bytes[8*i:])
	}
	return signed(sign, &limbs, exponent)
}

// alignedLimbs gives two decimals the smaller of their exponents, where both then fit into 256 bits.
func alignedLimbs(x, y *Decimal) (a, b natural, exponent int32, ok bool) {
	a, ok1 := x.limbs()
	b, ok2 := y.limbs()
	if !ok1 || !ok2 {
		return a, b, 0, false
	}
	switch shift := x.exponent - y.exponent; {
	case shift == 0:
		return a, b, x.exponent, true
	case shift > 0 && shift <= naturalDigits:
		a, ok = a.times(&tenTo[shift])
		return a, b, y.exponent, ok
	case shift < 0 && -shift <= naturalDigits:
		b, ok = b.times(&tenTo[-shift])
		return a, b, x.exponent, ok
	}
	return a, b, 0, false
}

// addWide is x + y where 256 bits do.
func addWide(x, y *Decimal) (Decimal, bool) {
	a, b, exponent, ok := alignedLimbs(x, y)
	if !ok {
		return Decimal{}, false
	}
	if (x.coefficient < 0) == (y.coefficient < 0) {
		sum, ok := a.plus(&b)
		return signed(x.coefficient, &sum, exponent), ok
	}
	if a.cmp(&b) < 0 {
		difference := b.minus(&a)
		return signed(y.coefficient, &difference, exponent), true
	}
	difference := a.minus(&b)
	return signed(x.coefficient, &difference, exponent), true
}

// mulWide is x · y where 256 bits do.
func mulWide(x, y *Decimal) (Decimal, bool) {
	a, ok1 := x.limbs()
	b, ok2 := y.limbs()
	if !ok1 || !ok2 {
		return Decimal{}, false
	}
	product, ok := a.times(&b)
	return signed(unit(x.coefficient)*unit(y.coefficient), &product, x.exponent+y.exponent), ok
}

// quoWide is x / y as Quo gives it, where 256 bits do. Neither is 0.
func quoWide(x, y *Decimal) (Decimal, bool) {
	a, ok1 := x.limbs()
	b, ok2 := y.limbs()
	// So many more digits make the quotient one of 35 or 36: one at least to round by. Where there are more, it needs none.
	shift := max(quotientDigits+1+b.digits()-a.digits(), 0)
	if !ok1 || !ok2 || shift > naturalDigits {
		return Decimal{}, false
	}
	numerator := a.product(&tenTo[shift])
	q, rest := numerator.divide(&b)
	drop := q.digits() - quotientDigits
	q = q.halfEven(drop, rest != natural{})
	exponent := x.exponent - y.exponent - int32(shift) + int32(drop)
	exponent += int32(q.withoutTens(naturalDigits))
	return signed(unit(x.coefficient)*unit(y.coefficient), &q, exponent), true
}

// roundWide is x to so many places, where 256 bits do.
func roundWide(x *Decimal, places int32) (Decimal, bool) {
	n, ok := x.limbs()
	if !ok {
		return Decimal{}, false
	}
	switch drop := -int64(places) - int64(x.exponent); {
	case drop > naturalDigits:
		return Decimal{exponent: -places}, true // not even half of what is kept
	case drop >= 0:
		n = n.halfEven(int(drop), false)
	case drop >= -naturalDigits:
		n, ok = n.times(&tenTo[-drop])
	default:
		ok = false
	}
	return signed(x.coefficient, &n, -places), ok
}
