package money

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// anyText draws plain decimals of all sizes that Parse takes, near the borders of 63 bits too.
func anyText(t *rapid.T, label string) string {
	return rapid.OneOf(
		rapid.StringMatching(`-?[0-9]{1,6}(\.[0-9]{1,4})?`),
		rapid.StringMatching(`-?[0-9]{1,30}(\.[0-9]{1,30})?`),
		rapid.SampledFrom([]string{"0", "-0", "0.00", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "-9223372036854775807", "0.000000000000000001", "999999999999999999", "1000000000000000000"}),
	).Draw(t, label)
}

func rat(t interface{ Fatalf(string, ...any) }, text string) *big.Rat {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("not a rational: %q", text)
	}
	return r
}

func TestArithmeticIsThatOfRationals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := anyText(t, "x"), anyText(t, "y")
		x, y := MustParse(p), MustParse(q)
		a, b := rat(t, p), rat(t, q)
		hold := func(name string, got Decimal, want *big.Rat) {
			if rat(t, got.String()).Cmp(want) != 0 {
				t.Fatalf("%s %s %s = %s", p, name, q, got)
			}
			if strings.HasPrefix(got.String(), "-") && got.IsZero() {
				t.Fatalf("%s %s %s = %s", p, name, q, got)
			}
		}
		hold("+", x.Add(y), new(big.Rat).Add(a, b))
		hold("-", x.Sub(y), new(big.Rat).Sub(a, b))
		hold("*", x.Mul(y), new(big.Rat).Mul(a, b))
		hold("neg", x.Neg(), new(big.Rat).Neg(a))
		hold("abs", x.Abs(), new(big.Rat).Abs(a))
		hold("reduced", x.Reduced(), a)
		hold("(x+y)-y+", x.Add(y).Sub(y).Add(x.Mul(y)), new(big.Rat).Add(a, new(big.Rat).Mul(a, b)))
		if x.Cmp(y) != a.Cmp(b) || x.Sign() != a.Sign() || x.Equal(y) != (a.Cmp(b) == 0) || x.IsZero() != (a.Sign() == 0) {
			t.Fatalf("order of %s and %s", p, q)
		}
		if x.String() != MustParse(p).String() || y.String() != MustParse(q).String() {
			t.Fatalf("arithmetic changed its operands %s, %s", p, q)
		}
	})
}

func TestQuotientCarries34DigitsHalfEven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q := anyText(t, "x"), anyText(t, "y")
		x, y := MustParse(p), MustParse(q)
		if y.IsZero() {
			t.Skip("division by nothing")
		}
		got := x.Quo(y)
		if want := quoReference(rat(t, p), rat(t, q)); rat(t, got.String()).Cmp(want) != 0 {
			t.Fatalf("%s / %s = %s, want %s", p, q, got, want.FloatString(50))
		}
	})
	for _, c := range [][3]string{{"1", "3", "0.3333333333333333333333333333333333"}, {"2", "3", "0.6666666666666666666666666666666667"}, {"10", "4", "2.5"}, {"100", "1", "100"}, {"0", "7", "0"}, {"-1", "8", "-0.125"}} {
		if got := MustParse(c[0]).Quo(MustParse(c[1])).String(); got != c[2] {
			t.Errorf("%s / %s = %s, want %s", c[0], c[1], got, c[2])
		}
	}
}

// quoReference rounds a/b to 34 significant digits, half to even, by rationals alone.
func quoReference(a, b *big.Rat) *big.Rat {
	exactly := new(big.Rat).Quo(a, b)
	if exactly.Sign() == 0 {
		return exactly
	}
	low, high := new(big.Rat).SetInt(pow(33)), new(big.Rat).SetInt(pow(34))
	size, scale := new(big.Rat).Abs(exactly), big.NewRat(1, 1)
	ten, tenth := big.NewRat(10, 1), big.NewRat(1, 10)
	for size.Cmp(high) >= 0 {
		size.Mul(size, tenth)
		scale.Mul(scale, ten)
	}
	for size.Cmp(low) < 0 {
		size.Mul(size, ten)
		scale.Mul(scale, tenth)
	}
	whole, rest := new(big.Int).QuoRem(size.Num(), size.Denom(), new(big.Int))
	switch twice := new(big.Int).Lsh(rest, 1); twice.Cmp(size.Denom()) {
	case 1:
		whole.Add(whole, big.NewInt(1))
	case 0:
		whole.Add(whole, new(big.Int).And(whole, big.NewInt(1)))
	}
	rounded := new(big.Rat).Mul(new(big.Rat).SetInt(whole), scale)
	if exactly.Sign() < 0 {
		rounded.Neg(rounded)
	}
	return rounded
}

func pow(n int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil) }

func TestRound(t *testing.T) {
	for _, c := range []struct {
		text   string
		places int32
		want   string
	}{
		{"1.005", 2, "1.00"}, {"1.015", 2, "1.02"}, {"1.025", 2, "1.02"}, {"-1.025", 2, "-1.02"}, {"-0.004", 2, "0.00"}, {"1.5", 0, "2"}, {"2.5", 0, "2"},
		{"1.5", 3, "1.500"}, {"0", 2, "0.00"}, {"123456789012345678901234567890.125", 2, "123456789012345678901234567890.12"},
		{"0.000000000000000000000000000001", 8, "0.00000000"}, {"999.999", 2, "1000.00"}, {"1234", -2, "1200"}, {"0.5", 8, "0.50000000"},
		{strings.Repeat("9", 38) + "." + strings.Repeat("9", 39), -38, "1" + strings.Repeat("0", 38)}, {strings.Repeat("9", 38), -39, "0"},
	} {
		if got := MustParse(c.text).Round(c.places).String(); got != c.want {
			t.Errorf("%s to %d places is %s, want %s", c.text, c.places, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text, places := anyText(t, "x"), int32(rapid.IntRange(0, 12).Draw(t, "places"))
		got := rat(t, MustParse(text).Round(places).String())
		off := new(big.Rat).Sub(got, rat(t, text))
		half := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Mul(big.NewInt(2), pow(int64(places))))
		if off.Abs(off).Cmp(half) > 0 || !new(big.Rat).Mul(got, new(big.Rat).SetInt(pow(int64(places)))).IsInt() {
			t.Fatalf("%s to %d places is %s", text, places, got)
		}
	})
}

func TestParse(t *testing.T) {
	for _, good := range []string{"0", "12.50", "-12.50", "007", "0.1", strings.Repeat("9", 30) + "." + strings.Repeat("9", 30), strings.Repeat("0", 200) + "1"} {
		x, err := Parse(good)
		if err != nil {
			t.Errorf("%q: %v", good, err)
		} else if rat(t, x.String()).Cmp(rat(t, good)) != 0 {
			t.Errorf("%q became %s", good, x)
		}
	}
	for _, bad := range []string{"", "-", ".", ".5", "5.", "+1", "1e3", "1E3", " 1", "1 ", "1,5", "0x10", "NaN", "Infinity", "--1", "-+1", "1.2.3", "1_000", "١", "1\n", "null"} {
		if _, err := Parse(bad); !errors.Is(err, ErrSyntax) {
			t.Errorf("%q: %v, want ErrSyntax", bad, err)
		}
	}
	for _, long := range []string{strings.Repeat("9", 61), "0." + strings.Repeat("1", 61), "-1" + strings.Repeat("0", 60)} {
		if _, err := Parse(long); !errors.Is(err, ErrRange) {
			t.Errorf("%q: %v, want ErrRange", long, err)
		}
	}
	for text, want := range map[string]string{"12.50": "12.50", "-0": "0", "-0.00": "0.00", "100": "100"} {
		if got := MustParse(text).String(); got != want {
			t.Errorf("%q is written %q, want %q", text, got, want)
		}
	}
	if _, err := Parse(strings.Repeat("1", 5000) + "x"); err == nil || len(err.Error()) > 200 {
		t.Errorf("a long wrong number gives %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"0", "-12.50", "1e9", "99999999999999999999.1", "", "-", "0000000.00000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		x, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(x.String())
		if err != nil || !again.Equal(x) || again.String() != x.String() {
			t.Fatalf("%q → %s → %v %v", text, x, again, err)
		}
		if rat(t, text).Cmp(rat(t, x.String())) != 0 {
			t.Fatalf("%q → %s", text, x)
		}
	})
}

func TestScaled(t *testing.T) {
	for _, c := range []struct {
		text   string
		places int32
		want   int64
		ok     bool
	}{
		{"12.50", 2, 1250, true}, {"12.50", 1, 125, true}, {"12.50", 0, 0, false}, {"-3", 3, -3000, true}, {"0", 40, 0, true},
		{"1", 18, 1e18, true}, {"10", 18, 0, false}, {"1", 19, 0, false}, {"0." + strings.Repeat("0", 20) + "1", 18, 0, false},
		{"12345678901234567890", 0, 0, false}, {"5." + strings.Repeat("0", 25), 2, 500, true},
	} {
		if n, ok := MustParse(c.text).Scaled(c.places); n != c.want || ok != c.ok {
			t.Errorf("%s scaled by %d is %d, %v; want %d, %v", c.text, c.places, n, ok, c.want, c.ok)
		}
	}
}

func TestFloat64(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := anyText(t, "x")
		want, _ := rat(t, text).Float64()
		if got := MustParse(text).Float64(); got != want {
			t.Fatalf("%s is %v, want %v", text, got, want)
		}
	})
}

func TestJSON(t *testing.T) {
	data, err := json.Marshal(struct{ A, B, C any }{MustParse("-12.50"), Unknown, Known(MustParse("3"))})
	if err != nil || string(data) != `{"A":"-12.50","B":null,"C":"3"}` {
		t.Errorf("%s %v", data, err)
	}
	var x Decimal
	for _, bad := range []string{`1`, `null`, `"1e3"`, `""`, `true`, `{}`} {
		if err := json.Unmarshal([]byte(bad), &x); bad != `null` && err == nil {
			t.Errorf("%s was read as %s", bad, x)
		}
	}
	var m Maybe
	if err := json.Unmarshal([]byte(`"2.50"`), &m); err != nil || m.String() != "2.50" {
		t.Errorf("%v %v", m, err)
	}
	if err := json.Unmarshal([]byte(`null`), &m); err != nil || m.IsKnown() {
		t.Errorf("%v %v", m, err)
	}
}

func TestUnknownSpreads(t *testing.T) {
	one := Known(One)
	for name, m := range map[string]Maybe{
		"add": one.Add(Unknown), "sub": Unknown.Sub(one), "mul": one.Mul(Unknown), "quo": Unknown.Quo(one), "by nothing": one.Quo(Known(Zero)),
		"neg": Unknown.Neg(), "times": Unknown.Times(Zero), "nil": FromPointer(nil), "zero value": {},
	} {
		if m.IsKnown() || m.Pointer() != nil {
			t.Errorf("%s gives %s", name, m)
		}
	}
}

func TestUnits(t *testing.T) {
	for code, want := range map[string]string{"GBp": "GBP 12.5000", "GBX": "GBP 12.5000", "ZAc": "ZAR 12.5000", "ILA": "ILS 12.5000", "EUR": "EUR 1250.00", "KWF": "KWD 1.25000"} {
		unit, err := ParseUnit(code)
		if got := string(unit.Currency) + " " + unit.Major(MustParse("1250.00")).String(); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", code, got, err, want)
		}
	}
	for _, bad := range []string{"", "eur", "EURO", "gbp", "GBp ", "E1R"} {
		if _, err := ParseUnit(bad); !errors.Is(err, ErrCurrency) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := ParseCurrency("GBX"); !errors.Is(err, ErrCurrency) {
		t.Errorf("a minor unit passed as a currency: %v", err)
	}
	if _, err := (Amount{Number: One, Currency: "EUR"}).Add(Amount{Number: One, Currency: "USD"}); !errors.Is(err, ErrCurrency) {
		t.Errorf("euros and dollars added: %v", err)
	}
	if got := (Amount{Number: MustParse("2.675"), Currency: "EUR"}).Rounded().Number.String(); got != "2.68" {
		t.Errorf("2.675 EUR rounds to %s", got)
	}
	if got := (Amount{Number: MustParse("2.5"), Currency: "JPY"}).Rounded().Number.String(); got != "2" {
		t.Errorf("2.5 JPY rounds to %s", got)
	}
}

func TestExtremes(t *testing.T) {
	least := NewDecimal(math.MinInt64, 0)
	if got := least.Neg().String(); got != "9223372036854775808" {
		t.Errorf("−(−2^63) is %s", got)
	}
	if got := least.Add(One).String(); got != "-9223372036854775807" {
		t.Errorf("−2^63 + 1 is %s", got)
	}
	if got := NewDecimal(5, 3).String(); got != "5000" {
		t.Errorf("5e3 is %s", got)
	}
}

func TestFromInteger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := MustParse(anyText(t, "x"))
		n := new(big.Int).Mul(rat(t, x.String()).Num(), pow(7))
		if got := FromInteger(n, -7); rat(t, got.String()).Cmp(new(big.Rat).SetInt(rat(t, x.String()).Num())) != 0 || got.Places() > 7 {
			t.Fatalf("%s became %s", n, got)
		}
	})
}

func BenchmarkDecimal(b *testing.B) {
	x, y := MustParse("1234.567800"), MustParse("98.7654")
	wide := One.Quo(MustParse("3"))
	for name, f := range map[string]func(){
		"add": func() { x.Add(y) }, "mul": func() { x.Mul(y) }, "mul wide": func() { x.Mul(wide) }, "quo": func() { x.Quo(y) }, "cmp": func() { x.Cmp(y) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
