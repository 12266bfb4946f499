// Package money holds exact amounts: decimals, currencies with their minor units, and sums of like with like.
//
// Sums, differences and products are exact; quotients carry 34 significant digits, rounded half to even, and so does
// nothing else. Values are immutable. The package never guesses a rate and never adds unlike currencies.
package money

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Bounds of what may be read from outside, so that no input can make arithmetic slow.
const (
	integerDigitsMax  = 60 // digits before the point: more than any amount in any currency
	fractionDigitsMax = 60 // digits after the point: room for quotients of 34 digits, far finer than 1e-18 units of a token
	quotientDigits    = 34 // significant digits of a quotient: IEEE 754 decimal128
)

// ErrSyntax says that a text is not a plain decimal such as "-12.50".
var ErrSyntax = errors.New("not a number")

// ErrRange says that a decimal has more digits than are accepted.
var ErrRange = errors.New("too many digits")

// Decimal is an exact decimal number. The zero value is 0.
//
// Nearly every amount there is fits into coefficient · 10^exponent with 63 bits, where a sum or product costs a few
// nanoseconds and no allocation. What was multiplied by a quotient has up to 256 bits, beside the value, at some ten
// nanoseconds and one allocation. All the rest is the library's.
type Decimal struct {
	coefficient int64 // not math.MinInt64, so that its sign can always be turned; −1 or 1 where wide has the magnitude
	exponent    int32
	wide        *wide
}

// Zero and One are what their names say.
var (
	Zero = Decimal{}
	One  = NewDecimal(1, 0)
)

// exact is the context of sums and products: precision 0 never rounds. quotient rounds once, half to even.
// Both are read only.
var (
	exact    = apd.Context{MaxExponent: apd.MaxExponent, MinExponent: apd.MinExponent, Traps: apd.DefaultTraps}
	quotient = apd.Context{Precision: quotientDigits, Rounding: apd.RoundHalfEven, MaxExponent: apd.MaxExponent, MinExponent: apd.MinExponent, Traps: apd.DefaultTraps}
)

// NewDecimal is coefficient · 10^exponent.
func NewDecimal(coefficient int64, exponent int32) Decimal {
	return signed(coefficient, &natural{magnitude(coefficient)}, exponent)
}

// FromInteger is coefficient · 10^exponent for coefficients of any size; the coefficient is copied.
func FromInteger(coefficient *big.Int, exponent int32) Decimal {
	return fromMagnitude(int64(coefficient.Sign()), new(big.Int).Abs(coefficient), exponent)
}

// Narrow is x as coefficient · 10^exponent where the coefficient fits into 63 bits; kernels keep it without a pointer.
func (x Decimal) Narrow() (coefficient int64, exponent int32, ok bool) {
	return x.coefficient, x.exponent, x.wide == nil
}

// Places is how many digits after the point x is written with, 0 or more.
func (x Decimal) Places() int32 {
	return max(-x.exponent, 0)
}

// Parse reads a plain decimal, -?digits(.digits)?: no exponent, plus sign or blanks. It gives ErrSyntax or ErrRange.
func Parse(text string) (Decimal, error) {
	digits := strings.TrimPrefix(text, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if !allDigits(whole) || point && !allDigits(fraction) {
		return Decimal{}, fmt.Errorf("%w: %q", ErrSyntax, shorten(text))
	}
	if len(strings.TrimLeft(whole, "0")) > integerDigitsMax || len(fraction) > fractionDigitsMax {
		return Decimal{}, fmt.Errorf("%w: %q", ErrRange, shorten(text))
	}
	if n, ok := parseNatural(whole, fraction); ok {
		sign := int64(1)
		if len(digits) < len(text) {
			sign = -1
		}
		return signed(sign, &n, -int32(len(fraction))), nil
	}
	d := new(apd.Decimal)
	if _, _, err := d.SetString(text); err != nil {
		return Decimal{}, fmt.Errorf("%w: %q", ErrSyntax, shorten(text))
	}
	return narrowed(d), nil
}

// MustParse is Parse for constants in code and tests; it panics on anything else.
func MustParse(text string) Decimal {
	x, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return x
}

// parseNatural reads digits where so many fit.
func parseNatural(whole, fraction string) (n natural, ok bool) {
	if whole = strings.TrimLeft(whole, "0"); len(whole)+len(fraction) > naturalDigits {
		return n, false
	}
	word, count := uint64(0), 0
	take := func() {
		n, _ = n.times(&tenTo[count])
		n, _ = n.plus(&natural{word})
		word, count = 0, 0
	}
	for _, part := range [...]string{whole, fraction} {
		for _, c := range []byte(part) {
			word = word*10 + uint64(c-'0')
			if count++; count == wordDigits {
				take()
			}
		}
	}
	if n == (natural{}) {
		return natural{word}, true
	}
	take()
	return n, true
}

func allDigits(s string) bool {
	if s == "" {
		return false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// shorten keeps error texts short whatever the input.
func shorten(s string) string {
	const shownMax = 40 // bytes; enough to recognise the value
	if len(s) > shownMax {
		return s[:shownMax] + "…"
	}
	return s
}

func must(_ apd.Condition, err error) {
	if err != nil {
		panic("money: " + err.Error()) // exponents are bounded on the way in, so this is a broken invariant of ours
	}
}

// Add is x + y, exact.
func (x Decimal) Add(y Decimal) Decimal {
	if x.coefficient == 0 {
		return y
	}
	if y.coefficient == 0 {
		return x
	}
	if x.wide == nil && y.wide == nil {
		if a, b, exponent, ok := aligned(x, y); ok {
			if sum := a + b; (sum > a) == (b > 0) && sum != math.MinInt64 {
				return Decimal{coefficient: sum, exponent: exponent}
			}
		}
	}
	if sum, ok := addWide(&x, &y); ok {
		return sum
	}
	sum := new(apd.Decimal)
	must(exact.Add(sum, x.widened(), y.widened()))
	return narrowed(sum)
}

// Sub is x − y, exact.
func (x Decimal) Sub(y Decimal) Decimal { return x.Add(y.Neg()) }

// Mul is x · y, exact.
func (x Decimal) Mul(y Decimal) Decimal {
	if x.coefficient == 0 || y.coefficient == 0 {
		return Decimal{}
	}
	if x.wide == nil && y.wide == nil {
		if product, ok := times(x.coefficient, y.coefficient); ok {
			return Decimal{coefficient: product, exponent: x.exponent + y.exponent}
		}
	}
	if product, ok := mulWide(&x, &y); ok {
		return product
	}
	product := new(apd.Decimal)
	must(exact.Mul(product, x.widened(), y.widened()))
	return narrowed(product)
}

// Quo is x / y to 34 significant digits, half to even, without trailing zeros. It panics when y is 0: callers decide what a
// division by nothing means.
func (x Decimal) Quo(y Decimal) Decimal {
	if x.coefficient == 0 && y.coefficient != 0 {
		return Decimal{}
	}
	if x.wide == nil && y.wide == nil && y.coefficient != 0 {
		for shift, scale := int32(0), int64(1); shift <= 6; shift, scale = shift+2, scale*100 { // most quotients that end, end soon
			numerator, ok := times(x.coefficient, scale)
			if !ok {
				break
			}
			if numerator%y.coefficient == 0 {
				return Decimal{coefficient: numerator / y.coefficient, exponent: x.exponent - y.exponent - shift}.Reduced()
			}
		}
	}
	if y.coefficient != 0 {
		if result, ok := quoWide(&x, &y); ok {
			return result
		}
	}
	result := new(apd.Decimal)
	must(quotient.Quo(result, x.widened(), y.widened()))
	result.Reduce(result)
	return narrowed(result)
}

// Neg is −x.
func (x Decimal) Neg() Decimal {
	x.coefficient = -x.coefficient
	return x
}

// Abs is |x|.
func (x Decimal) Abs() Decimal {
	if x.Sign() < 0 {
		return x.Neg()
	}
	return x
}

// Reduced is x without trailing zeros after the point.
func (x Decimal) Reduced() Decimal {
	if x.coefficient == 0 {
		return Decimal{}
	}
	if x.wide == nil {
		for x.exponent < 0 && x.coefficient%10 == 0 {
			x.coefficient, x.exponent = x.coefficient/10, x.exponent+1
		}
		return x
	}
	if x.exponent >= 0 {
		return x
	}
	if n, ok := x.limbs(); ok {
		count := n.withoutTens(min(int(-x.exponent), naturalDigits))
		if count == 0 {
			return x
		}
		return signed(x.coefficient, &n, x.exponent+int32(count))
	}
	d := x.widened()
	d.Reduce(d)
	return narrowed(d)
}

// Round is x to so many digits after the point, half to even. Rounding belongs to the edge: screens and files.
func (x Decimal) Round(places int32) Decimal {
	if rounded, ok := roundWide(&x, places); ok {
		return rounded
	}
	d := x.widened()
	context := quotient
	context.Precision = uint32(max(d.NumDigits()+int64(places)+int64(abs32(d.Exponent))+2, 1)) // what is kept at most, and one to spare
	result := new(apd.Decimal)
	must(context.Quantize(result, d, -places))
	return narrowed(result)
}

func abs32(n int32) int32 {
	if n < 0 {
		return -n
	}
	return n
}

// Cmp is −1, 0 or 1 as x is less than, equal to or more than y.
func (x Decimal) Cmp(y Decimal) int {
	if x.wide == nil && y.wide == nil {
		if a, b, _, ok := aligned(x, y); ok {
			return cmp.Compare(a, b)
		}
	}
	if sign := x.Sign(); sign == 0 || sign != y.Sign() {
		return cmp.Compare(sign, y.Sign())
	}
	if a, b, _, ok := alignedLimbs(&x, &y); ok {
		return x.Sign() * a.cmp(&b)
	}
	return x.widened().Cmp(y.widened())
}

// Equal says whether x and y are the same number, whatever their trailing zeros.
func (x Decimal) Equal(y Decimal) bool { return x.Cmp(y) == 0 }

// Sign is −1, 0 or 1.
func (x Decimal) Sign() int {
	return cmp.Compare(x.coefficient, 0)
}

// IsZero says whether x is 0.
func (x Decimal) IsZero() bool { return x.coefficient == 0 }

// String is the plain decimal without exponent, as it was written: "12.50" stays "12.50".
func (x Decimal) String() string { return string(x.appendPlain(make([]byte, 0, 24))) }

// AppendText appends the plain decimal.
func (x Decimal) AppendText(dst []byte) ([]byte, error) { return x.appendPlain(dst), nil }

func (x Decimal) appendPlain(dst []byte) []byte {
	if x.coefficient < 0 {
		dst = append(dst, '-')
	}
	var buffer [naturalDigits + 1]byte
	var digits []byte
	switch {
	case x.wide == nil:
		digits = strconv.AppendUint(buffer[:0], magnitude(x.coefficient), 10)
	case x.wide.huge != nil:
		digits = x.wide.huge.Append(nil, 10)
	default:
		digits = x.wide.limbs.appendDigits(buffer[:0])
	}
	if x.exponent >= 0 {
		dst = append(dst, digits...)
		for range x.exponent {
			if x.coefficient != 0 {
				dst = append(dst, '0')
			}
		}
		return dst
	}
	places := int(-x.exponent)
	if len(digits) > places {
		dst = append(dst, digits[:len(digits)-places]...)
		dst = append(dst, '.')
		return append(dst, digits[len(digits)-places:]...)
	}
	dst = append(dst, "0."...)
	for range places - len(digits) {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// Float64 is the nearest double, for rates and drawing only.
func (x Decimal) Float64() float64 {
	// A coefficient below 2^53 and a power of ten up to 10^22 are doubles themselves, so one division rounds but once.
	if x.wide == nil && x.exponent <= 0 && x.exponent >= -22 && magnitude(x.coefficient) < 1<<53 {
		return float64(x.coefficient) / math.Pow10(int(-x.exponent))
	}
	f, err := strconv.ParseFloat(x.String(), 64)
	if err != nil {
		return 0 // out of range of a double: bounded digits can't reach it
	}
	return f
}

// Scaled is x · 10^places as an integer, where that is whole and fits in 63 bits; kernels run on it.
func (x Decimal) Scaled(places int32) (n int64, ok bool) {
	if x.wide != nil {
		x = x.Reduced()
		if x.wide != nil {
			return 0, false
		}
	}
	if x.coefficient == 0 {
		return 0, true
	}
	shift := x.exponent + places
	if shift >= 0 {
		if shift >= int32(len(pow10)) {
			return 0, false
		}
		return times(x.coefficient, pow10[shift])
	}
	if -shift >= int32(len(pow10)) || x.coefficient%pow10[-shift] != 0 {
		return 0, false
	}
	return x.coefficient / pow10[-shift], true
}

// MarshalJSON writes a JSON string, so that no reader takes it for a double.
func (x Decimal) MarshalJSON() ([]byte, error) {
	out := append(make([]byte, 0, 24), '"')
	out = x.appendPlain(out)
	return append(out, '"'), nil
}

// UnmarshalJSON reads a JSON string; a JSON number is refused.
func (x *Decimal) UnmarshalJSON(data []byte) error {
	if len(data) == 0 || data[0] != '"' {
		return fmt.Errorf("%w: numbers are written as strings, \"12.50\"", ErrSyntax)
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	parsed, err := Parse(text)
	if err != nil {
		return err
	}
	*x = parsed
	return nil
}

// Units is the size of x · 10^places in words, least first, where that is whole and fits into 256 bits; kernels run on it too.
// negative is its sign.
func (x Decimal) Units(places int32) (words [4]uint64, negative, ok bool) {
	n, ok := x.limbs()
	shift := x.exponent + places
	switch {
	case !ok:
		return words, false, false
	case x.IsZero():
		return words, false, true
	case shift < 0 || int(shift) >= len(tenTo):
		return words, false, false
	}
	n, ok = n.times(&tenTo[shift])
	return n, x.Sign() < 0, ok
}
