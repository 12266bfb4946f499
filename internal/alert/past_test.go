package alert

import (
	"testing"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// What a change and a fall are counted from, at the edges of their windows.
func TestReference(t *testing.T) {
	bar := func(on market.Date, price string) market.Bar {
		return market.Bar{Date: on, Close: money.MustParse(price)}
	}
	past := []market.Bar{bar(100, "50"), bar(101, "60"), bar(104, "40"), bar(105, "45")}
	for name, one := range map[string]struct {
		kind Kind
		days int
		on   market.Date
		past []market.Bar
		want string
	}{
		"the previous close":                 {Change, 1, 105, past, "40"},
		"the previous close, days ago":       {Change, 1, 110, past, "45"},
		"the close of that day":              {Change, 4, 105, past, "60"},
		"the close before a day without one": {Change, 2, 105, past, "60"},
		"a past too short":                   {Change, 6, 105, past, ""},
		"no past":                            {Change, 1, 105, nil, ""},
		"the high of the window":             {OffHigh, 5, 105, past, "60"},
		"the day at the window's edge":       {OffHigh, 4, 105, past, "47"},
		"a price that is its own high":       {OffHigh, 30, 105, nil, "47"},
		"a kind that needs none":             {Price, 0, 105, past, ""},
	} {
		c := Condition{Kind: one.kind, Days: one.days}
		got := c.Reference(money.MustParse("47"), one.on, one.past)
		if (got == nil) != (one.want == "") || got != nil && !got.Equal(money.MustParse(one.want)) {
			t.Errorf("%s: %v, want %q", name, got, one.want)
		}
	}
}
