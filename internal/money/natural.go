package money

import (
	"math/bits"
	"strconv"
)

const (
	naturalLimbs  = 4  // of 64 bits: the product of a 34-digit rate and whatever fits into 63 bits, with digits to spare
	naturalDigits = 77 // so many digits always fit into 256 bits
	wordDigits    = 19 // and so many into one limb
)

// natural is a whole number of up to 256 bits, least limb first.
type natural [naturalLimbs]uint64

// double is what a product of two naturals needs.
type double [2 * naturalLimbs]uint64

// tenTo are the powers of ten that fit into a natural. Read only.
var tenTo = func() (all [naturalDigits + 1]natural) {
	all[0][0] = 1
	for i := range naturalDigits {
		all[i+1], _ = all[i].times(&natural{10})
	}
	return all
}()

// used is how many of some limbs are needed.
func used(limbs []uint64) int {
	n := len(limbs)
	for n > 0 && limbs[n-1] == 0 {
		n--
	}
	return n
}

// digits is how many decimal digits n has, 0 for 0.
func (n *natural) digits() int {
	limbs := used(n[:])
	if limbs == 0 {
		return 0
	}
	count := ((limbs-1)*64 + bits.Len64(n[limbs-1])) * 1233 >> 12 // log10(2) is 1233/4096, near enough for 256 bits
	if n.cmp(&tenTo[count]) >= 0 {
		count++
	}
	return count
}

func (n *natural) cmp(m *natural) int {
	for i := naturalLimbs - 1; i >= 0; i-- {
		switch {
		case n[i] < m[i]:
			return -1
		case n[i] > m[i]:
			return 1
		}
	}
	return 0
}

// plus is n + m where it fits.
func (n *natural) plus(m *natural) (sum natural, ok bool) {
	var carry uint64
	for i := range sum {
		sum[i], carry = bits.Add64(n[i], m[i], carry)
	}
	return sum, carry == 0
}

// minus is n − m; m is at most n.
func (n *natural) minus(m *natural) (difference natural) {
	var borrow uint64
	for i := range difference {
		difference[i], borrow = bits.Sub64(n[i], m[i], borrow)
	}
	return difference
}

// product is n · m.
func (n *natural) product(m *natural) (product double) {
	a, b := used(n[:]), used(m[:])
	for i := range a {
		var carry uint64
		for j := range b {
			high, low := bits.Mul64(n[i], m[j])
			var c uint64
			low, c = bits.Add64(low, carry, 0)
			high += c
			product[i+j], c = bits.Add64(product[i+j], low, 0)
			carry = high + c
		}
		product[i+b] = carry
	}
	return product
}

// times is n · m where it fits.
func (n *natural) times(m *natural) (natural, bool) {
	p := n.product(m)
	return natural(p[:naturalLimbs]), used(p[naturalLimbs:]) == 0
}

// byWord is n / d and what is left of it.
func (n *natural) byWord(d uint64) (quotient natural, rest uint64) {
	for i := used(n[:]) - 1; i >= 0; i-- {
		quotient[i], rest = bits.Div64(rest, n[i], d)
	}
	return quotient, rest
}

// divide is u / v and what is left of it: long division by limbs, Knuth's algorithm D. v is not 0, and the quotient has to
// fit into a natural.
func (u *double) divide(v *natural) (quotient, rest natural) {
	n, m := used(u[:]), used(v[:])
	if m == 1 {
		for i := n - 1; i >= 0; i-- {
			var q uint64
			if q, rest[0] = bits.Div64(rest[0], u[i], v[0]); i < naturalLimbs {
				quotient[i] = q
			}
		}
		return quotient, rest
	}
	// Both are shifted so that the divisor's highest bit is set: then the guess of a limb is 2 too much at most.
	shift := uint(bits.LeadingZeros64(v[m-1]))
	var d natural
	for i := m - 1; i > 0; i-- {
		d[i] = v[i]<<shift | v[i-1]>>(64-shift)
	}
	d[0] = v[0] << shift
	var w [2*naturalLimbs + 1]uint64
	w[n] = u[max(n-1, 0)] >> (64 - shift)
	for i := n - 1; i > 0; i-- {
		w[i] = u[i]<<shift | u[i-1]>>(64-shift)
	}
	w[0] = u[0] << shift
	for j := n - m; j >= 0; j-- {
		guess := guessed(w[j+m], w[j+m-1], w[j+m-2], d[m-1], d[m-2])
		if guess > 0 && subtracted(w[j:j+m+1], d[:m], guess) {
			guess--
			addBack(w[j:j+m+1], d[:m])
		}
		if j < naturalLimbs {
			quotient[j] = guess
		}
	}
	for i := range m {
		rest[i] = w[i]>>shift | w[i+1]<<(64-shift)
	}
	return quotient, rest
}

// guessed is a limb of a quotient, or one more, from the three highest limbs of what is left and the two of the divisor.
func guessed(u2, u1, u0, d1, d0 uint64) uint64 {
	if u2 >= d1 {
		return ^uint64(0)
	}
	guess, left := bits.Div64(u2, u1, d1)
	for {
		high, low := bits.Mul64(guess, d0)
		if high < left || high == left && low <= u0 {
			return guess
		}
		guess--
		if left += d1; left < d1 { // beyond a limb: the guess can't be too much any more
			return guess
		}
	}
}

// subtracted takes by · d off w, and says whether that was too much.
func subtracted(w, d []uint64, by uint64) bool {
	var borrow, carry uint64
	for i := range d {
		high, low := bits.Mul64(d[i], by)
		var c uint64
		low, c = bits.Add64(low, carry, 0)
		carry = high + c
		w[i], borrow = bits.Sub64(w[i], low, borrow)
	}
	w[len(d)], borrow = bits.Sub64(w[len(d)], carry, borrow)
	return borrow != 0
}

func addBack(w, d []uint64) {
	var carry uint64
	for i := range d {
		w[i], carry = bits.Add64(w[i], d[i], carry)
	}
	w[len(d)] += carry
}

// withoutTens takes up to so many zeros off the end of n, which is not 0, and says how many there were.
func (n *natural) withoutTens(most int) (count int) {
	for step := 16; step > 0; step /= 2 {
		for most-count >= step && bits.TrailingZeros64(n[0]) >= step {
			q, rest := n.byWord(tenTo[step][0])
			if rest != 0 {
				break
			}
			*n, count = q, count+step
		}
	}
	return count
}

// halfEven is n / 10^digits, rounded half to even; inexact says that n itself is a little more than it says.
func (n natural) halfEven(digits int, inexact bool) natural {
	if digits == 0 {
		return n // callers that are inexact keep a digit to round by
	}
	for ; digits > wordDigits; digits -= wordDigits {
		q, rest := n.byWord(tenTo[wordDigits][0])
		n, inexact = q, inexact || rest != 0
	}
	q, rest := n.byWord(tenTo[digits][0])
	half := 5 * tenTo[digits-1][0]
	if rest > half || rest == half && (inexact || q[0]&1 == 1) {
		q, _ = q.plus(&natural{1})
	}
	return q
}

// appendDigits appends n in decimal.
func (n natural) appendDigits(dst []byte) []byte {
	const digits = wordDigits - 1            // so that a 1 fits before them, which keeps their zeros
	var words [naturalDigits / digits]uint64 // of so many digits each, the last ones first
	count := 0
	for n[1]|n[2]|n[3] != 0 {
		n, words[count] = n.byWord(tenTo[digits][0])
		count++
	}
	dst = strconv.AppendUint(dst, n[0], 10)
	for count--; count >= 0; count-- {
		var buffer [wordDigits]byte
		dst = append(dst, strconv.AppendUint(buffer[:0], tenTo[digits][0]+words[count], 10)[1:]...)
	}
	return dst
}
