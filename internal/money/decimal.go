// Package money holds exact amounts: decimals, currencies with their minor units, and sums of like with like.
//
// Sums, differences and products are exact; quotients carry 34 significant digits, rounded half to even, and so does
// nothing else. Values are immutable. The package never guesses a rate and never adds unlike currencies.
package money

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Bounds of what may be read from outside, so that no input can make arithmetic slow.
const (
	integerDigitsMax  = 30 // digits before the point: more than any amount in any currency
	fractionDigitsMax = 30 // digits after the point: finer than 1e-18 units of a token
	quotientDigits    = 34 // significant digits of a quotient: IEEE 754 decimal128
)

// ErrSyntax says that a text is not a plain decimal such as "-12.50".
var ErrSyntax = errors.New("not a number")

// ErrRange says that a decimal has more digits than are accepted.
var ErrRange = errors.New("too many digits")

// Decimal is an exact decimal number. The zero value is 0.
type Decimal struct{ d apd.Decimal }

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
	var x Decimal
	x.d.SetFinite(coefficient, exponent)
	return x
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
	var x Decimal
	if _, _, err := x.d.SetString(text); err != nil {
		return Decimal{}, fmt.Errorf("%w: %q", ErrSyntax, shorten(text))
	}
	if x.d.IsZero() {
		x.d.Negative = false
	}
	return x, nil
}

// MustParse is Parse for constants in code and tests; it panics on anything else.
func MustParse(text string) Decimal {
	x, err := Parse(text)
	if err != nil {
		panic(err)
	}
	return x
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
func (x Decimal) Add(y Decimal) (z Decimal) { must(exact.Add(&z.d, &x.d, &y.d)); return z.tidy() }

// Sub is x − y, exact.
func (x Decimal) Sub(y Decimal) (z Decimal) { must(exact.Sub(&z.d, &x.d, &y.d)); return z.tidy() }

// Mul is x · y, exact.
func (x Decimal) Mul(y Decimal) (z Decimal) { must(exact.Mul(&z.d, &x.d, &y.d)); return z.tidy() }

// Quo is x / y to 34 significant digits, half to even. It panics when y is 0: callers decide what a division by nothing means.
func (x Decimal) Quo(y Decimal) (z Decimal) { must(quotient.Quo(&z.d, &x.d, &y.d)); return z.reduce() }

// Neg is −x.
func (x Decimal) Neg() (z Decimal) { z.d.Neg(&x.d); return z.tidy() }

// Abs is |x|.
func (x Decimal) Abs() (z Decimal) { z.d.Abs(&x.d); return z }

// tidy keeps zero without a sign, so that no "-0" is ever shown.
func (x Decimal) tidy() Decimal {
	if x.d.IsZero() {
		x.d.Negative = false
	}
	return x
}

// reduce drops trailing zeros, which quotients carry in numbers that end early.
func (x Decimal) reduce() (z Decimal) {
	z.d.Reduce(&x.d)
	return z.tidy()
}

// Reduced is x without trailing zeros after the point.
func (x Decimal) Reduced() Decimal { return x.reduce() }

// Round is x to so many digits after the point, half to even. Rounding belongs to the edge: screens and files.
func (x Decimal) Round(places int32) (z Decimal) {
	context := exact
	context.Precision = uint32(max(x.d.NumDigits()+int64(places)+int64(abs32(x.d.Exponent))+2, 1)) // bounded by the digit limits above
	context.Rounding = apd.RoundHalfEven
	must(context.Quantize(&z.d, &x.d, -places))
	return z.tidy()
}

func abs32(n int32) int32 {
	if n < 0 {
		return -n
	}
	return n
}

// Cmp is −1, 0 or 1 as x is less than, equal to or more than y.
func (x Decimal) Cmp(y Decimal) int { return x.d.Cmp(&y.d) }

// Equal says whether x and y are the same number, whatever their trailing zeros.
func (x Decimal) Equal(y Decimal) bool { return x.d.Cmp(&y.d) == 0 }

// Sign is −1, 0 or 1.
func (x Decimal) Sign() int { return x.d.Sign() }

// IsZero says whether x is 0.
func (x Decimal) IsZero() bool { return x.d.IsZero() }

// String is the plain decimal without exponent, as it was written: "12.50" stays "12.50".
func (x Decimal) String() string { return x.d.Text('f') }

// AppendText appends the plain decimal.
func (x Decimal) AppendText(dst []byte) ([]byte, error) { return x.d.Append(dst, 'f'), nil }

// Float64 is the nearest double, for rates and drawing only.
func (x Decimal) Float64() float64 {
	f, err := strconv.ParseFloat(x.d.String(), 64)
	if err != nil {
		return 0 // out of range of a double: bounded digits can't reach it
	}
	return f
}

// Scaled is x · 10^places as an integer, where that is whole and fits in 63 bits; kernels run on it.
func (x Decimal) Scaled(places int32) (n int64, ok bool) {
	shifted := Decimal{}
	shifted.d.Set(&x.d)
	shifted.d.Exponent += places
	n, err := shifted.d.Int64()
	return n, err == nil
}

// MarshalJSON writes a JSON string, so that no reader takes it for a double.
func (x Decimal) MarshalJSON() ([]byte, error) {
	out := append(make([]byte, 0, 24), '"')
	out = x.d.Append(out, 'f')
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

// Sum is the exact sum of all.
func Sum(all ...Decimal) Decimal {
	var total Decimal
	for _, x := range all {
		total = total.Add(x)
	}
	return total
}
