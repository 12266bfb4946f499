package ledger

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

var entered = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func house() Own {
	return Own{Instrument: market.Instrument{ID: OwnID("1"), Symbol: "HOUSE", Name: "The house", Currency: "EUR", Class: market.Property}}
}

func TestCheckOwn(t *testing.T) {
	shares := market.Instrument{ID: "aapl", Symbol: "AAPL"}
	book := Book{Instruments: map[market.InstrumentID]market.Instrument{"aapl": shares, "own-1": house().Instrument}, Own: map[market.InstrumentID]Own{"own-1": house()}}
	for name, c := range map[string]struct {
		change func(*Own)
		place  string
	}{
		"itself":              {func(*Own) {}, ""},
		"a new one":           {func(o *Own) { o.Instrument.ID, o.Instrument.Symbol = "own-2", "FUND II" }, ""},
		"a symbol that is":    {func(o *Own) { o.Instrument.ID = "own-2" }, "symbol"},
		"a share's symbol":    {func(o *Own) { o.Instrument.Symbol = "AAPL" }, "symbol"},
		"no symbol":           {func(o *Own) { o.Instrument.Symbol = "" }, "symbol"},
		"a blank around":      {func(o *Own) { o.Instrument.Symbol = "HOUSE " }, "symbol"},
		"an id for a symbol":  {func(o *Own) { o.Instrument.Symbol = "own-7" }, "symbol"},
		"a long symbol":       {func(o *Own) { o.Instrument.Symbol = strings.Repeat("x", SymbolRunesMax+1) }, "symbol"},
		"a name in two lines": {func(o *Own) { o.Instrument.Name = "a\nb" }, "name"},
		"no name":             {func(o *Own) { o.Instrument.Name = " " }, "name"},
		"a rate":              {func(o *Own) { o.Instrument.Class = market.FX }, "asset_class"},
		"no currency":         {func(o *Own) { o.Instrument.Currency = "" }, "currency"},
		"a long note":         {func(o *Own) { o.Note = strings.Repeat("x", NoteBytesMax+1) }, "note"},
		"a note in lines":     {func(o *Own) { o.Note = "a\nb" }, ""},
		"a long group":        {func(o *Own) { o.Group = strings.Repeat("x", OwnGroupRunesMax+1) }, "group"},
		"a long sector":       {func(o *Own) { o.Instrument.Sector = strings.Repeat("x", OwnGroupRunesMax+1) }, "sector"},
	} {
		own := house()
		c.change(&own)
		if got := placeOf(CheckOwn(book, own)); got != c.place {
			t.Errorf("%s: refused at %q, want %q", name, got, c.place)
		}
	}
	full := Book{Own: map[market.InstrumentID]Own{}}
	for i := range OwnMax {
		full.Own[OwnID(strings.Repeat("x", i+1))] = Own{}
	}
	if err := CheckOwn(full, house()); !fault.Is(err, fault.TooLarge) {
		t.Errorf("one too many: %v", err)
	}
	if err := CheckOwn(Book{Portfolio: Portfolio{Closed: true}}, house()); !fault.Is(err, fault.Invalid) {
		t.Errorf("in a closed portfolio: %v", err)
	}
}

func placeOf(err error) string {
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || len(e.Places) != 1 {
		return err.Error()
	}
	return e.Places[0].Location
}

func bar(day, price string) market.Bar {
	return market.Bar{Date: market.MustDate(day), Close: money.MustParse(price)}
}

func TestReprice(t *testing.T) {
	latest := market.MustDate("2026-03-02")
	prices, changed, err := Reprice(nil, PriceChange{Set: []market.Bar{bar("2026-02-01", "10"), bar("2026-01-01", "9")}}, latest, entered)
	if err != nil || !changed || len(prices) != 2 || prices[0].Date > prices[1].Date {
		t.Fatalf("%v, %v, %v", prices, changed, err)
	}
	later := entered.Add(time.Hour)
	same, changed, err := Reprice(prices, PriceChange{Set: []market.Bar{bar("2026-01-01", "9.00")}, Removed: []market.Date{market.MustDate("2025-01-01")}}, latest, later)
	if err != nil || changed || !slices.Equal(times(same), times(prices)) {
		t.Errorf("nothing is new, but %v, %v, %v", same, changed, err)
	}
	other, changed, err := Reprice(prices, PriceChange{Set: []market.Bar{bar("2026-01-01", "8")}, Removed: []market.Date{market.MustDate("2026-02-01")}}, latest, later)
	if err != nil || !changed || len(other) != 1 || !other[0].EnteredAt.Equal(later) || !other[0].Close.Equal(money.MustParse("8")) {
		t.Errorf("%v, %v, %v", other, changed, err)
	}
	if len(prices) != 2 || !prices[0].Close.Equal(money.MustParse("9")) {
		t.Errorf("what was given changed: %v", prices)
	}
	for _, wrong := range []struct {
		bar   market.Bar
		place string
	}{
		{bar("2026-03-03", "1"), "date"},
		{market.Bar{Date: market.MustDate(DateMin) - 1, Close: money.One}, "date"},
		{bar("2026-01-01", "0"), "price"},
		{bar("2026-01-01", "-1"), "price"},
		{bar("2026-01-01", strings.Repeat("9", 31)), "price"},
	} {
		if _, _, err := Reprice(prices, PriceChange{Set: []market.Bar{wrong.bar}}, latest, entered); placeOf(err) != wrong.place {
			t.Errorf("%v: %v", wrong.bar, err)
		}
	}
	many := make([]market.Bar, ManualPricesMax+1)
	for i := range many {
		many[i] = market.Bar{Date: latest - market.Date(i), Close: money.One}
	}
	if _, _, err := Reprice(nil, PriceChange{Set: many}, latest, entered); !fault.Is(err, fault.TooLarge) {
		t.Errorf("one too many: %v", err)
	}
}

func times(prices []ManualPrice) (all []time.Time) {
	for _, p := range prices {
		all = append(all, p.EnteredAt)
	}
	return all
}

// In whatever order days are priced, the same prices are there; and what was entered and deleted leaves nothing.
func TestRepriceInAnyOrder(t *testing.T) {
	latest := market.MustDate("2026-03-02")
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.SliceOfNDistinct(rapid.IntRange(0, 30), 1, 12, rapid.ID[int]).Draw(t, "days")
		order := rapid.Permutation(days).Draw(t, "order")
		price := func(day int) market.Bar {
			return market.Bar{Date: latest - market.Date(day), Close: money.NewDecimal(int64(100+day), 0)}
		}
		apply := func(prices []ManualPrice, c PriceChange) []ManualPrice {
			after, _, err := Reprice(prices, c, latest, entered)
			if err != nil {
				t.Fatal(err)
			}
			return after
		}
		var one, other []ManualPrice
		for i := range days {
			one = apply(one, PriceChange{Set: []market.Bar{price(days[i])}})
			other = apply(other, PriceChange{Set: []market.Bar{price(order[i])}})
		}
		if !samePrices(one, other) {
			t.Fatalf("%v in one order, %v in the other", one, other)
		}
		more := apply(one, PriceChange{Set: []market.Bar{price(31)}})
		if back := apply(more, PriceChange{Removed: []market.Date{latest - 31}}); !samePrices(one, back) {
			t.Fatalf("%v before, %v after it was deleted", one, back)
		}
	})
}

func samePrices(a, b []ManualPrice) bool {
	return slices.EqualFunc(a, b, func(x, y ManualPrice) bool { return x.Date == y.Date && x.Close.Equal(y.Close) })
}

func TestManualMark(t *testing.T) {
	i := house().Instrument
	if ManualMark(i, nil, nil) != nil {
		t.Error("a mark of no price")
	}
	at := func(day string, entered time.Time) *market.Mark {
		return ManualMark(i, []ManualPrice{{Bar: bar("2026-01-01", "1"), EnteredAt: entered}, {Bar: bar(day, "2"), EnteredAt: entered}}, nil)
	}
	for name, c := range map[string]struct{ day, want string }{
		"of a day gone by":             {"2026-02-27", "2026-02-27T12:00:00Z"},
		"of today, this morning":       {"2026-03-02", "2026-03-02T09:00:00Z"},
		"of tomorrow, in the Far East": {"2026-03-03", "2026-03-03T00:00:00Z"},
	} {
		mark := at(c.day, entered)
		if got := mark.MarketTime.Format(time.RFC3339); got != c.want || mark.Source != market.SourceManual || !mark.ObservedAt.Equal(entered) {
			t.Errorf("%s: made at %s, want %s", name, got, c.want)
		}
		if mark.PreviousClose != nil {
			t.Errorf("%s: a close before that nobody gave", name)
		}
	}
	series := market.NewSeries(i.ID, "EUR", []market.Bar{bar("2026-02-20", "1.5"), bar("2026-02-27", "2"), bar("2026-02-28", "3")})
	mark := ManualMark(i, []ManualPrice{{Bar: bar("2026-02-27", "2"), EnteredAt: entered}}, &series)
	if mark.PreviousClose == nil || !mark.PreviousClose.Equal(money.MustParse("1.5")) || mark.PreviousDate != market.MustDate("2026-02-20") {
		t.Errorf("the close before is %v of %v", mark.PreviousClose, mark.PreviousDate)
	}
}
