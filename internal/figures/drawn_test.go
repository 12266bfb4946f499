package figures

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

func ratio(text string) *ledger.Ratio {
	r, err := ledger.ParseRatio(text)
	if err != nil {
		panic(err)
	}
	return &r
}

func number(text string) *money.Decimal {
	x := money.MustParse(text)
	return &x
}

func closes(at ...string) *market.Series {
	var bars []market.Bar
	for i := 0; i < len(at); i += 2 {
		bars = append(bars, market.Bar{Date: market.MustDate(at[i]), Close: money.MustParse(at[i+1])})
	}
	s := market.NewSeries("abc", "EUR", bars)
	return &s
}

func TestASplitLeavesNoJumpInWhatIsDrawn(t *testing.T) {
	activity := func(date string, kind ledger.Type, account, quantity, price string, split *ledger.Ratio) ledger.Activity {
		a := ledger.Activity{Date: market.MustDate(date), Type: kind, Account: ledger.AccountID(account), Instrument: "abc", Currency: "EUR", Ratio: split}
		if quantity != "" {
			a.Quantity, a.Price = number(quantity), number(price)
		}
		return a
	}
	book := ledger.Book{Activities: []ledger.Activity{
		activity("2026-01-01", ledger.Buy, "a", "3", "100", nil),
		activity("2026-01-03", ledger.Buy, "a", "1", "102", nil), // before the split of its day
		activity("2026-01-03", ledger.Split, "a", "", "", ratio("2:1")),
		activity("2026-01-03", ledger.Split, "b", "", "", ratio("2:1")), // the same split, booked for each account
		activity("2026-01-03", ledger.Sell, "a", "1", "51", nil),
		activity("2026-01-05", ledger.Split, "", "", "", ratio("1:4")),
		activity("2026-01-09", ledger.Split, "", "", "", ratio("10:1")), // later than the day that is drawn for
	}}
	raw := closes("2026-01-01", "100", "2026-01-02", "102", "2026-01-03", "51", "2026-01-04", "51", "2026-01-05", "204")
	d := Draw(book, "abc", raw, market.NoDate, market.MustDate("2026-01-08"), market.MustDate("2026-01-08"))
	text := ""
	for _, p := range d.Prices {
		text += fmt.Sprintf("%s %s→%s\n", p.Date, p.Close, p.Adjusted)
	}
	for _, s := range d.Splits {
		text += fmt.Sprintf("%s %s\n", s.Date, s.Ratio)
	}
	for _, x := range d.Trades {
		text += fmt.Sprintf("%s %s %s at %s\n", x.Activity.Date, x.Activity.Type, x.Quantity, x.Price)
	}
	const want = `2026-01-01 100→200
2026-01-02 102→204
2026-01-03 51→204
2026-01-04 51→204
2026-01-05 204→204
2026-01-03 2:1
2026-01-05 1:4
2026-01-01 buy 1.5 at 200
2026-01-03 buy 0.5 at 204
2026-01-03 sell 0.25 at 204
`
	if text != want {
		t.Errorf("drawn:\n%s\nwant:\n%s", text, want)
	}
	if got := Draw(book, "abc", raw, market.MustDate("2026-01-02"), market.MustDate("2026-01-03"), market.MustDate("2026-01-04")); len(got.Prices) != 2 || len(got.Splits) != 1 || got.Prices[0].Adjusted.String() != "51" {
		t.Errorf("a part of it on an earlier day: %+v", got)
	}
	if none := Draw(book, "other", nil, market.NoDate, 0, 0); len(none.Prices)+len(none.Splits)+len(none.Trades) != 0 {
		t.Errorf("of something else: %+v", none)
	}
}

// Whatever was split: closes that move by the splits alone are drawn as a level line, and trades are worth what they were.
func TestDrawnPricesMoveByNothingButTheMarket(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		price := money.MustParse("1048576")
		day := market.MustDate("2026-01-01")
		bars := []market.Bar{{Date: day, Close: price}}
		book := ledger.Book{Activities: []ledger.Activity{{Date: day, Type: ledger.Buy, Instrument: "abc", Currency: "EUR", Quantity: number("64"), Price: number("1048576")}}}
		for _, text := range rapid.SliceOfN(rapid.SampledFrom([]string{"2:1", "1:2", "4:1", "1:8", "5:2"}), 0, 8).Draw(t, "splits") {
			day += market.Date(rapid.IntRange(1, 9).Draw(t, "days"))
			r := ratio(text)
			price = r.Unapply(price)
			bars = append(bars, market.Bar{Date: day, Close: price})
			book.Activities = append(book.Activities, ledger.Activity{Date: day, Type: ledger.Split, Instrument: "abc", Currency: "EUR", Ratio: r})
		}
		series := market.NewSeries("abc", "EUR", bars)
		d := Draw(book, "abc", &series, market.NoDate, day, day)
		for i, p := range d.Prices {
			if !p.Adjusted.Equal(price) || !p.Close.Equal(bars[i].Close) {
				t.Fatalf("%s: %s is drawn as %s, want %s", p.Date, p.Close, p.Adjusted, price)
			}
		}
		bought := d.Trades[0]
		if worth := bought.Quantity.Mul(*bought.Price); !worth.Equal(money.MustParse("67108864")) {
			t.Fatalf("worth %s", worth)
		}
	})
}
