package alert

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

func TestExpressions(t *testing.T) {
	twice := family()
	twice.Holdings = append(twice.Holdings, Holding{Instrument: "nvda2", Symbol: "NVDA", Price: decimal("1")})
	for text, want := range map[string]string{
		`holding("NVDA").weight > 0.2 && day.change_percent < -3`:     "0",
		`holding("NVDA").weight > 0.2 && holding("NVDA").price > 200`: "1",
		`holding("nvda").day_change_percent < -3`:                     "1", // by its id
		`portfolio.value - portfolio.cash == 800`:                     "1",
		`portfolio.gain / portfolio.value * 100 >= 16`:                "1",
		`-portfolio.gain < 0 ? portfolio.gain_percent > 24 : false`:   "1",
		`rate("EUR", "USD") == 1.25 && rate("USD", "EUR") < 1`:        "1",
		`!(day.change > 0)`:           "1",
		`true || portfolio.value > 1`: "1",
		"portfolio.value\n  > 1":      "1",

		`holding("TSLA").weight > 0.2`:                      "TSLA isn't held.",
		`holding("ASML").price > 1`:                         "The price of ASML isn't known.",
		`holding("ASML").weight > 1 || portfolio.value > 1`: "1", // whatever it weighs
		`holding("ASML").weight > 1 && portfolio.value < 1`: "0",
		`holding("ASML").weight > 1 && portfolio.value > 1`: "The weight of ASML isn't known.",
		`rate("EUR", "CHF") > 1`:                            "The rate of EUR in CHF isn't known.",
		`portfolio.value / (portfolio.cash - 200) > 1`:      "Something in it is divided by 0.",
	} {
		x, err := Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := x.Observe(family())
		if said := got.Missing + got.Error; said != "" && said != want || said == "" && got.Value.String() != want {
			t.Errorf("%s: %v, %q, want %s", text, got.Value, said, want)
		}
	}
	x, err := Compile(`holding("NVDA").price > 1`)
	if err != nil {
		t.Fatal(err)
	}
	if got := x.Observe(twice); got.Missing != "More than one holding is called NVDA." {
		t.Errorf("%+v", got)
	}
	if got := x.Observe(&Facts{}); got.Missing != "NVDA isn't held." {
		t.Errorf("%+v", got)
	}
}

func TestExpressionsThatAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		``:                                      "Line 1, column 1: ",
		`portfolio.value >`:                     "Line 1, column 18: it ends too early; something is missing here.",
		`portfolio.value > ) 1`:                 "Line 1, column 19: ) is out of place here.",
		"portfolio.value > 1 &&\n ?":            "Line 2, column 2: ? is out of place here.",
		`portfolio.valeu > 1`:                   "Line 1, column 10: portfolio.valeu isn't known here; there are day.change, ",
		`portfolio.value`:                       "Line 1, column 1: this is a number; ",
		`portfolio.value > "a"`:                 `Line 1, column 19: a text stands only in holding("…")`,
		`holding("AAPL") > 1`:                   "Line 1, column 8: say which figure of the holding: day_change_percent, ",
		`holding("AAPL").wait > 1`:              "Line 1, column 16: a holding has no wait; it has day_change_percent, ",
		`holding(AAPL).weight > 1`:              "Line 1, column 9: holding takes a text in quotes.",
		`holding("A", "B").weight > 1`:          "Line 1, column 8: holding takes 1, not 2.",
		`holding("A" + "B").weight > 1`:         "Line 1, column 13: holding takes a text in quotes.",
		`rate("EUR") > 1`:                       "Line 1, column 5: rate takes 2, not 1.",
		`rate("EUR", "euro") > 1`:               "Line 1, column 5: euro is not a currency.",
		`portfolio.value > 1 && day.change`:     "numbers are compared and added with numbers",
		`1 + true > 1`:                          "numbers are compared and added with numbers",
		`portfolio.owner.name == 1`:             "isn't known here",
		`user.id == 1`:                          "user.id isn't known here",
		`@0 > 1`:                                "Line 1, column 1: ",
		`account("x").value > 1`:                "isn't known here",
		`timestamp("2026-01-01T00:00:00Z") > 1`: "timestamp isn't known here",
		`[1, 2].all(x, x > 0)`:                  "isn't known here",
		`[1, 2].map(x, [1, 2].map(y, [1, 2].map(z, z))) == []`: "isn't known here",
		`"a".matches("(a+)+$")`:                                "isn't known here",
		`size([1, 2, 3]) > 1`:                                  "size isn't known here",
		`1 in [1]`:                                             "isn't known here",
		`{"a": 1}["a"] > 1`:                                    "isn't known here",
		`has(portfolio.value)`:                                 "has isn't known here",
		`5 % 2 > 1`:                                            "isn't known here",
		`null == null`:                                         "a text stands only",
		strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200): "Line 1, column ",
		strings.Repeat("portfolio.value + ", 60) + "1":               "At most 1000 bytes.",
		strings.Repeat("1+", 499) + "1>1":                            "",
		terms(33):                                                    "more than 32 different figures",
		"portfolio.value > 1\x00":                                    "It has characters that aren't shown.",
		"\xff\xfe":                                                   "It has characters that aren't shown.",
	} {
		x, err := Compile(text)
		problem, _ := errors.AsType[*fault.Error](err)
		if x != nil || problem == nil || problem.Kind != fault.Invalid || problem.Places[0].Location != "condition.expression" ||
			!strings.Contains(problem.Message, want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
	rule := valid(Expressed)
	rule.Condition.Expression = "1 >"
	if err := rule.Validate(); !fault.Is(err, fault.Invalid) {
		t.Errorf("a rule with it is taken: %v", err)
	}
}

// terms is an expression with so many different figures.
func terms(n int) string {
	var all []string
	for i := range n {
		all = append(all, `rate("A`+string(rune('A'+i/26))+string(rune('A'+i%26))+`","EUR")`)
	}
	return strings.Join(all, "<1||") + "<1"
}

func TestRatesOfAnExpression(t *testing.T) {
	x, err := Compile(`rate("EUR", "USD") > 1 && rate("USD", "CHF") > rate("EUR", "USD")`)
	if err != nil {
		t.Fatal(err)
	}
	if got := x.Rates(); !slices.Equal(got, []money.Currency{"CHF", "EUR", "USD"}) {
		t.Error(got)
	}
}

// Whatever is written is refused with a place, or worked out to 1, 0 or missing.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		`holding("AAPL").weight > 0.2 && day.change_percent < -3`, `rate("EUR", "USD") / 0 > 1`, `[1].all(x, x > 0)`, `1e309 > 1`, `0x10 > 1u`,
		`portfolio.value ? true : false`, "// c\ntrue", `"\u0000" == "a"`, `a.b.c(d)[e]{f: g}`, `-(-(-1)) > --1`,
	} {
		f.Add(seed)
	}
	facts := family()
	facts.Holdings[1].State = market.StateNone
	f.Fuzz(func(t *testing.T, text string) {
		x, err := Compile(text)
		if err != nil {
			if problem, ok := errors.AsType[*fault.Error](err); !ok || problem.Kind != fault.Invalid || !market.OneLine(problem.Message) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		got := x.Observe(facts)
		if got.Error != "" || (got.Missing == "") != (got.Value != nil) {
			t.Fatalf("%q: %+v", text, got)
		}
	})
}

func BenchmarkExpression(b *testing.B) {
	x, err := Compile(`holding("NVDA").weight > 0.2 && day.change_percent < -3`)
	if err != nil {
		b.Fatal(err)
	}
	facts := family()
	for b.Loop() {
		x.Observe(facts)
	}
}

// What an expression looks at is polled, though no portfolio may hold it.
func TestAnExpressionWantsItsRates(t *testing.T) {
	c := Condition{Kind: Expressed, Portfolio: "p", Expression: `rate("EUR", "USD") > 1.2 && rate("USD", "CHF") < 0.9 || portfolio.value > 1`}
	if got, want := c.Wants(), []market.InstrumentID{market.RateID("CHF"), market.RateID("USD")}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
