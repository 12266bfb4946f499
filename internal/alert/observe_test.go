package alert

import (
	"math"
	"slices"
	"testing"
	"time"

	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// family is a portfolio as rules see it.
func family() *Facts {
	index := func(day market.Date, level float64) IndexPoint { return IndexPoint{Day: day, Level: level} }
	return &Facts{
		Portfolio: "family", Name: "Family", Base: "EUR", Value: decimal("1000"), Cash: decimal("200"), Cost: decimal("640"), Gain: decimal("160"),
		DayChange: decimal("-10"), DayChangePercent: decimal("-0.99"),
		Holdings: []Holding{
			{
				Instrument: "nvda", Symbol: "NVDA", Name: "Nvidia", Currency: "USD", Weight: decimal("32"), Price: decimal("214.38"), Value: decimal("320"),
				GainPercent: decimal("60"), DayChangePercent: decimal("-3.5"), State: market.StateLive,
			},
			{Instrument: "asml", Symbol: "ASML", Name: "ASML", Currency: "EUR", State: market.StateNone},
		},
		Groups: []GroupWeight{{Group{By: figures.BySector, Name: "Technology"}, decimal("32")}},
		Rates:  Rates{"USD": money.MustParse("1.25")},
		Index:  []IndexPoint{index(100, 1), index(110, 1.5), index(120, 1.25), index(130, 1.2)},
	}
}

func TestObserve(t *testing.T) {
	for name, one := range map[string]struct {
		kind   Kind
		change func(*Condition)
		sight  Sight
		want   string // "" where it is missing
	}{
		"price":                    {Price, nil, Sight{Price: decimal("214.38")}, "214.38"},
		"no price":                 {Price, nil, Sight{}, ""},
		"change":                   {Change, nil, Sight{Price: decimal("97"), Reference: decimal("100")}, "-3"},
		"change from nothing":      {Change, nil, Sight{Price: decimal("97")}, ""},
		"change from zero":         {Change, nil, Sight{Price: decimal("97"), Reference: decimal("0")}, ""},
		"change without a price":   {Change, nil, Sight{Reference: decimal("97")}, ""},
		"off its high":             {OffHigh, nil, Sight{Price: decimal("92"), Reference: decimal("100")}, "8"},
		"above its high":           {OffHigh, nil, Sight{Price: decimal("101"), Reference: decimal("100")}, "0"},
		"rate":                     {CurrencyRate, nil, Sight{Rates: Rates{"USD": money.MustParse("1.158")}}, "1.158"},
		"no rate is never 1":       {CurrencyRate, nil, Sight{Rates: Rates{}}, ""},
		"value":                    {Value, nil, Sight{Facts: family()}, "1000"},
		"no portfolio":             {Value, nil, Sight{}, ""},
		"no value":                 {Value, nil, Sight{Facts: &Facts{}}, ""},
		"gain in percent":          {Gain, nil, Sight{Facts: family()}, "25"},
		"gain":                     {Gain, func(c *Condition) { c.Unit = UnitAmount }, Sight{Facts: family()}, "160"},
		"gain on no cost":          {Gain, nil, Sight{Facts: &Facts{Gain: decimal("1"), Cost: decimal("0")}}, ""},
		"day change":               {PortfolioChange, nil, Sight{Facts: family()}, "-0.99"},
		"change of ten days":       {PortfolioChange, func(c *Condition) { c.Days = 10 }, Sight{Facts: family()}, "-4"},
		"change of 25 days":        {PortfolioChange, func(c *Condition) { c.Days = 25 }, Sight{Facts: family()}, "20"},
		"change of too many days":  {PortfolioChange, func(c *Condition) { c.Days = 31 }, Sight{Facts: family()}, ""},
		"drawdown":                 {Drawdown, func(c *Condition) { c.Days = 365 }, Sight{Facts: family()}, "20"},
		"drawdown of a window":     {Drawdown, func(c *Condition) { c.Days = 10 }, Sight{Facts: family()}, "4"},
		"drawdown without a past":  {Drawdown, nil, Sight{Facts: &Facts{}}, ""},
		"drawdown of nonsense":     {Drawdown, nil, Sight{Facts: &Facts{Index: []IndexPoint{{Day: 1, Level: math.NaN()}}}}, ""},
		"weight":                   {Weight, nil, Sight{Facts: family()}, "32"},
		"weight of what isn't":     {Weight, func(c *Condition) { c.Instrument = "tsla" }, Sight{Facts: family()}, "0"},
		"weight without a price":   {Weight, func(c *Condition) { c.Instrument = "asml" }, Sight{Facts: family()}, ""},
		"weight in nothing":        {Weight, nil, Sight{Facts: &Facts{}}, ""},
		"drift":                    {Drift, nil, Sight{Facts: family()}, "7"},
		"drift the other way":      {Drift, func(c *Condition) { c.Target = decimal("40") }, Sight{Facts: family()}, "8"},
		"drift of what isn't held": {Drift, func(c *Condition) { c.Group.Name = "Energy" }, Sight{Facts: family()}, "25"},
		"drift in nothing":         {Drift, nil, Sight{Facts: &Facts{}}, ""},
	} {
		rule := valid(one.kind)
		if one.change != nil {
			one.change(&rule.Condition)
		}
		switch got := rule.Condition.Observe(one.sight); {
		case (got.Value == nil) != (one.want == "") || (got.Value == nil) != (got.Missing != ""):
			t.Errorf("%s: %v, %q", name, got.Value, got.Missing)
		case got.Value != nil && !got.Value.Equal(money.MustParse(one.want)):
			t.Errorf("%s: %s, want %s", name, got.Value, one.want)
		}
	}
}

// A level of the price says the same as the percentage.
func TestLevelsOfPrices(t *testing.T) {
	for _, kind := range []Kind{Change, OffHigh} {
		for _, threshold := range []string{"8", "0.5", "33.3"} {
			for _, reference := range []string{"100", "214.38", "3", "0.0007"} {
				c := valid(kind).Condition
				w := Watch{Level: money.MustParse(threshold), Rising: true}
				price := w.OfPrice(kind, money.MustParse(reference))
				for _, step := range []int64{-1, 0, 1} {
					at := price.Level.Add(money.NewDecimal(step, -8))
					seen := c.Observe(Sight{Price: &at, Reference: decimal(reference)})
					if w.Reached(*seen.Value) != price.Reached(at) {
						t.Errorf("%s of %s: %s is %s %%, against a level of %s", kind, reference, at, seen.Value, price.Level)
					}
				}
			}
		}
	}
}

func TestNewFacts(t *testing.T) {
	known := func(text string) money.Maybe { return money.Known(money.MustParse(text)) }
	v := figures.Valuation{
		Base: "EUR", Value: known("1000"), Cash: known("200"), DayChange: known("-10"),
		Positions: []figures.Position{
			{Instrument: "nvda", Currency: "USD", Price: known("200"), Weight: known("0.5"), ValueBase: known("500"), CostBase: known("400"), UnrealisedBase: known("100")},
			{Instrument: "gift", Currency: "EUR", CostBase: known("0"), ValueBase: known("300"), UnrealisedBase: known("300")},
		},
	}
	spread := []figures.Shares{{By: figures.ByCountry, Groups: []figures.Group{{Key: "US", Share: known("0.5")}}}}
	instruments := map[market.InstrumentID]market.Instrument{"nvda": {Symbol: "NVDA", Name: "Nvidia"}}
	f := NewFacts(&ledger.Portfolio{ID: "family", Name: "Family"}, instruments, &v, spread, func(market.InstrumentID) market.State { return market.StateLive })
	if f.Gain.String() != "400" || f.Cost.String() != "400" || f.GainPercent().String() != "100" || f.DayChangePercent != nil {
		t.Errorf("%+v", f)
	}
	if h := f.Holdings[0]; h.Name != "Nvidia" || !h.Weight.Equal(money.MustParse("50")) || h.GainPercent.String() != "25" || h.State != market.StateLive {
		t.Errorf("%+v", h)
	}
	if h := f.Holdings[1]; h.Weight != nil || h.GainPercent != nil {
		t.Errorf("%+v: what isn't known became a number", h)
	}
	if g := f.Groups; len(g) != 1 || g[0].Group != (Group{By: figures.ByCountry, Name: "US"}) || !g[0].Weight.Equal(money.MustParse("50")) {
		t.Errorf("%+v", g)
	}
	v.Positions[1].ValueBase, v.Positions[1].UnrealisedBase = money.Unknown, money.Unknown
	f = NewFacts(&ledger.Portfolio{}, nil, &v, spread, func(market.InstrumentID) market.State { return "" })
	if f.Gain != nil || f.Value != nil || f.Holdings[0].Weight != nil || f.Groups[0].Weight != nil {
		t.Errorf("%+v: a part of it isn't known", f)
	}
}

func TestReplay(t *testing.T) {
	rule := valid(Price)
	rule.SnoozedUntil, rule.ExpiresAt = start.AddDate(1, 0, 0), start
	var past []Observation
	for i, close := range []string{"9", "11", "12", "9.5", "10", "8"} {
		past = append(past, Observation{At: start.AddDate(0, 0, i), Value: decimal(close)})
	}
	var days []int
	for _, event := range Replay(&rule, past, time.UTC) {
		if event.Tell {
			days = append(days, int(event.At.Sub(start).Hours())/24)
		}
	}
	if !slices.Equal(days, []int{1, 4}) {
		t.Errorf("fired on %v", days)
	}
	if events := Replay(&rule, nil, time.UTC); events != nil {
		t.Errorf("%v", events)
	}
}
