package market

import (
	"testing"

	"pgregory.net/rapid"

	"folioscope/internal/money"
)

// drawBars gives closes of some of thirty days, rising, all of one price.
func drawBars(t *rapid.T, name string, price int64) []Bar {
	var out []Bar
	for day, there := range rapid.SliceOfN(rapid.Bool(), 30, 30).Draw(t, name) {
		if there {
			out = append(out, Bar{Date: MustDate("2026-01-01") + Date(day), Close: money.NewDecimal(price, 0)})
		}
	}
	return out
}

// Every day that either has is there once and in order; where both have it, the series' own close stays.
func TestFillLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		source, hand := drawBars(t, "source", 1), drawBars(t, "hand", 2)
		series := NewSeries("x", "EUR", source)
		filled := series.Fill("x", "EUR", hand)
		want := map[Date]int64{}
		for _, b := range hand {
			want[b.Date] = 2
		}
		for _, b := range source {
			want[b.Date] = 1
		}
		if filled.Len() != len(want) {
			t.Fatalf("%d days, want %d", filled.Len(), len(want))
		}
		for i := range filled.Len() {
			if i > 0 && filled.Dates[i] <= filled.Dates[i-1] {
				t.Fatalf("%s follows %s", filled.Dates[i], filled.Dates[i-1])
			}
			if price := filled.Close(i); !price.Equal(money.NewDecimal(want[filled.Dates[i]], 0)) {
				t.Fatalf("%s is %s, want %d", filled.Dates[i], price, want[filled.Dates[i]])
			}
		}
		if series.Len() != len(source) {
			t.Fatal("the series itself changed")
		}
		again := filled.Fill("x", "EUR", hand)
		if again.Len() != filled.Len() {
			t.Fatalf("filled twice it has %d days, not %d", again.Len(), filled.Len())
		}
	})
}

func TestFillNothing(t *testing.T) {
	hand := bars(t, "2026-01-02", "0.5")
	var none *Series
	if got := none.Fill("x", "EUR", hand); got.Len() != 1 || got.Instrument != "x" || got.Currency != "EUR" {
		t.Errorf("%+v", got)
	}
	if none.Fill("x", "EUR", nil) != nil {
		t.Error("a series of nothing")
	}
	s := NewSeries("x", "EUR", hand)
	if s.Fill("x", "EUR", nil) != &s {
		t.Error("without bars it is another series")
	}
}
