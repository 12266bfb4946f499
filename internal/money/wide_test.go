package money

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"
)

// widthText draws decimals of the widths that matter: 63 bits, 34 digits, near 256 bits, beyond.
func widthText(t *rapid.T, label string) string {
	return rapid.OneOf(
		rapid.StringMatching(`-?[0-9]{1,9}\.[0-9]{1,8}`),
		rapid.StringMatching(`-?[0-9]{1,2}\.[0-9]{31,34}`),
		rapid.StringMatching(`-?[1-9][0-9]{15,22}`),
		rapid.StringMatching(`-?[0-9]{30,40}\.[0-9]{30,40}`),
		rapid.StringMatching(`-?[0-9]{50,60}\.[0-9]{50,60}`),
		rapid.StringMatching(`-?[1-9]{1,3}0{10,30}\.0{0,30}[1-9]?0{1,20}`),
		rapid.StringMatching(`-?0\.0{0,30}[1-9]{1,20}0{0,9}`),
		rapid.SampledFrom([]string{
			"0", "0.000", "1", "-1", "9223372036854775807", "-9223372036854775808", "18446744073709551615", "18446744073709551616",
			new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 128), big.NewInt(1)).String(), new(big.Int).Lsh(big.NewInt(1), 128).String(),
			new(big.Int).Lsh(big.NewInt(3), 190).String()[:58] + ".5", strings.Repeat("9", 34), strings.Repeat("9", 38) + "." + strings.Repeat("9", 39),
			strings.Repeat("9", 33) + "5.5", "0." + strings.Repeat("9", 35), "1" + strings.Repeat("0", 34) + "5", "0.5", "2.5", "0.00000001",
		}),
	).Draw(t, label)
}

// grown is a number of a text, or a product or quotient of two, so that coefficients of all widths occur.
func grown(t *rapid.T, label string) Decimal {
	x := MustParse(widthText(t, label))
	switch rapid.IntRange(0, 3).Draw(t, label+" how") {
	case 0:
		return x.Mul(MustParse(widthText(t, label+" factor")))
	case 1:
		if y := MustParse(widthText(t, label+" divisor")); !y.IsZero() {
			return x.Quo(y)
		}
	}
	return x
}

func library(t *rapid.T, x Decimal) *apd.Decimal {
	text := x.String()
	if x.exponent > 0 && !x.IsZero() {
		text = fmt.Sprintf("%sE%d", text[:len(text)-int(x.exponent)], x.exponent)
	}
	d, _, err := apd.NewFromString(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Whatever the width, results are those of the library, digit by digit and with its zeros at the end; but 0 adds nothing, not
// even zeros, and a product with it is 0.
func TestWideArithmeticIsThatOfTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, y := grown(t, "x"), grown(t, "y")
		if rapid.Bool().Draw(t, "close") { // so that differences vanish, or nearly
			y = x.Add(MustParse(widthText(t, "apart")))
		}
		a, b := library(t, x), library(t, y)
		var want apd.Decimal
		same := func(name string, got Decimal) {
			t.Helper()
			if want.IsZero() {
				want.Exponent = min(want.Exponent, 0) // the library writes more than one 0
			}
			if text := want.Text('f'); got.String() != strings.TrimPrefix(text, "-") && (got.String() != text || got.IsZero()) {
				t.Fatalf("%s %s %s = %s, want %s", x, name, y, got, text)
			}
			if (got.Sign() < 0) != (want.Sign() < 0) {
				t.Fatalf("%s %s %s has the wrong sign: %s", x, name, y, got)
			}
			canonical(t, got)
		}
		if !x.IsZero() && !y.IsZero() {
			must(exact.Add(&want, a, b))
			same("+", x.Add(y))
			must(exact.Sub(&want, a, b))
			same("-", x.Sub(y))
			must(exact.Mul(&want, a, b))
			same("*", x.Mul(y))
			must(quotient.Quo(&want, a, b))
			want.Reduce(&want)
			same("/", x.Quo(y))
		}
		if got := x.Cmp(y); got != a.Cmp(b) || y.Cmp(x) != -got {
			t.Fatalf("%s against %s is %d", x, y, got)
		}
		want.Neg(a)
		same("negated", x.Neg())
		if want.Set(a); want.Exponent < 0 {
			want.Reduce(&want)
		}
		same("reduced", x.Reduced())
		places := int32(rapid.IntRange(-90, 90).Draw(t, "places"))
		if rapid.Bool().Draw(t, "at the first digit") {
			places = int32(rapid.IntRange(-1, 1).Draw(t, "places")) - int32(a.NumDigits()) - a.Exponent
		}
		context := quotient
		context.Precision = 2000
		must(context.Quantize(&want, a, -places))
		same("rounded", x.Round(places))
	})
}

// canonical holds a number to the form that it has to have.
func canonical(t *rapid.T, x Decimal) {
	t.Helper()
	switch {
	case x.wide == nil:
		if x.coefficient == math.MinInt64 {
			t.Fatalf("%s has a coefficient whose sign can't be turned", x)
		}
	case x.coefficient != 1 && x.coefficient != -1:
		t.Fatalf("%s has the sign %d", x, x.coefficient)
	case x.wide.huge != nil:
		if x.wide.huge.BitLen() <= 64*naturalLimbs {
			t.Fatalf("%s is kept as more than it is", x)
		}
	case x.wide.limbs[1]|x.wide.limbs[2]|x.wide.limbs[3] == 0 && x.wide.limbs[0] <= math.MaxInt64:
		t.Fatalf("%s is kept as more than it is", x)
	}
}

// drawLimbs draws limbs at which long division goes wrong if it can: all ones, one bit, nothing.
func drawLimbs(t *rapid.T, into []uint64, label string) {
	for i := range rapid.IntRange(1, len(into)).Draw(t, label+" limbs") {
		into[i] = rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{0, 1, 1 << 63, 1<<63 - 1, math.MaxUint64, math.MaxUint64 - 1})).Draw(t, label)
	}
}

func integer(limbs []uint64) *big.Int {
	n := new(big.Int)
	for i := range limbs {
		n.Or(n.Lsh(n, 64), new(big.Int).SetUint64(limbs[len(limbs)-1-i]))
	}
	return n
}

// Divisions in which a limb is guessed too high twice, or can't be guessed.
func TestLongDivisionCorrectsItself(t *testing.T) {
	const top, ones = 1 << 63, math.MaxUint64
	for _, c := range []struct {
		u double
		v natural
	}{
		{double{0, 0, top, top - 1}, natural{1, 0, top}}, {double{3, 0, top}, natural{1, 0, top >> 2}}, {double{0, ones - 1, top}, natural{ones, top}},
		{double{0, 0, 0, top, top - 1}, natural{1, 0, 0, top}}, {double{ones, ones, ones, ones - 1}, natural{ones, ones}},
		{double{0, 0, ones}, natural{1, ones}}, {double{ones, 0, top}, natural{ones, top}},
	} {
		divides(t, &c.u, &c.v)
	}
}

// divides holds a division to what it means.
func divides(t interface {
	Helper()
	Fatalf(string, ...any)
}, u *double, v *natural) {
	t.Helper()
	quotient, rest := u.divide(v)
	q, r := new(big.Int).QuoRem(integer(u[:]), integer(v[:]), new(big.Int))
	q.And(q, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))) // more than is promised, but it comes for free
	if integer(quotient[:]).Cmp(q) != 0 || integer(rest[:]).Cmp(r) != 0 {
		t.Fatalf("%v / %v = %v, %v left", *u, *v, quotient, rest)
	}
}

func TestNaturalsAreIntegers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var n, m natural
		var u double
		drawLimbs(t, n[:], "n")
		drawLimbs(t, m[:], "m")
		drawLimbs(t, u[:], "u")
		a, b := integer(n[:]), integer(m[:])
		hold := func(name string, got []uint64, want *big.Int) {
			t.Helper()
			if integer(got).Cmp(want) != 0 {
				t.Fatalf("%s of %s and %s is %s, want %s", name, a, b, integer(got), want)
			}
		}
		p := n.product(&m)
		hold("product", p[:], new(big.Int).Mul(a, b))
		if n.cmp(&m) != a.Cmp(b) {
			t.Fatalf("order of %s and %s", a, b)
		}
		if n.cmp(&m) >= 0 {
			d := n.minus(&m)
			hold("difference", d[:], new(big.Int).Sub(a, b))
		}
		if s, ok := n.plus(&m); ok {
			hold("sum", s[:], new(big.Int).Add(a, b))
		} else if new(big.Int).Add(a, b).BitLen() <= 256 {
			t.Fatalf("the sum of %s and %s fits", a, b)
		}
		if text := string(n.appendDigits(nil)); text != a.String() || a.Sign() > 0 && n.digits() != len(text) {
			t.Fatalf("%s is written %s, of %d digits", a, text, n.digits())
		}
		if b.Sign() > 0 {
			divides(t, &u, &m)
			near := n.product(&m) // and a dividend that is nearly a multiple
			if near[0] > 0 {
				near[0] -= uint64(rapid.IntRange(0, 1).Draw(t, "less"))
			}
			divides(t, &near, &m)
		}
	})
}
