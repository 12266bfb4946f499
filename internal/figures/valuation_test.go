package figures

import (
	"testing"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

var now = time.Date(2024, 3, 15, 16, 0, 0, 0, time.UTC)

const apple, fund market.InstrumentID = "apple", "fund"

func twoHoldings() (ledger.Book, *Market) {
	book := ledger.Book{
		Portfolio: ledger.Portfolio{BaseCurrency: "EUR", LotMethod: ledger.FIFO, Sequence: 7},
		Accounts:  []ledger.Account{{ID: "a"}, {ID: "b"}},
		Instruments: map[market.InstrumentID]market.Instrument{
			apple: {ID: apple, Symbol: "AAPL", Currency: "USD", Class: market.Stock, Sector: "Technology", Country: "US"},
			fund:  {ID: fund, Symbol: "FUND", Currency: "EUR", Class: market.Fund},
		},
		Activities: []ledger.Activity{
			{ID: "1", Date: market.MustDate("2024-01-02"), Type: ledger.Buy, Account: "a", Instrument: apple, Quantity: dec("10"), Price: dec("100"), Currency: "USD"},
			{ID: "2", Date: market.MustDate("2024-01-03"), Type: ledger.Buy, Account: "b", Instrument: fund, Quantity: dec("4"), Price: dec("50"), Currency: "EUR", Fee: *dec("2")},
			{ID: "3", Date: market.MustDate("2024-01-04"), Type: ledger.Transfer, Account: "a", ToAccount: "b", Instrument: apple, Quantity: dec("4"), Currency: "USD"},
		},
	}
	usd := market.RateID("USD")
	return book, &Market{Series: map[market.InstrumentID]*market.Series{
		usd: series(usd, "USD", market.Bar{Date: market.MustDate("2024-01-02"), Close: money.MustParse("1.25")}),
	}}
}

func quote(id market.InstrumentID, price, previous string, at time.Time) market.Mark {
	m := market.Mark{Quote: market.Quote{Instrument: id, Price: money.MustParse(price), MarketTime: at}, PreviousDate: market.NoDate}
	if previous != "" {
		m.PreviousClose, m.PreviousDate = dec(previous), market.DateOf(at)-1
	}
	return m
}

func hold2(t *testing.T) (*Holdings, ledger.Book) {
	t.Helper()
	book, m := twoHoldings()
	h, err := Hold(book, m)
	if err != nil {
		t.Fatal(err)
	}
	return h, book
}

func equal(t *testing.T, what string, got money.Maybe, want string) {
	t.Helper()
	if want == "" {
		if got.IsKnown() {
			t.Errorf("%s is %s, want unknown", what, got)
		}
		return
	}
	if x, ok := got.Get(); !ok || !x.Equal(money.MustParse(want)) {
		t.Errorf("%s is %s, want %s", what, got, want)
	}
}

func TestValueToday(t *testing.T) {
	h, book := hold2(t)
	usd := market.RateID("USD")
	v := h.Value(Quotes{
		apple: quote(apple, "120", "115", now), fund: quote(fund, "55", "54", now), usd: quote(usd, "1.6", "1.25", now),
	}, market.DateOf(now), nil)
	equal(t, "value", v.Value, "970") // 10·120/1.6 + 4·55
	equal(t, "day change", v.DayChange, "-166")
	equal(t, "day change percent", v.DayChangePercent, money.MustParse("-16600").Quo(money.MustParse("1136")).String())
	if v.CashTracked || len(v.Problems) != 0 || len(v.Positions) != 2 || len(v.Contributions) != 3 {
		t.Fatalf("%+v", v)
	}
	p := v.Positions[0]
	if p.Instrument != apple || len(p.Accounts) != 2 {
		t.Errorf("the biggest position is %+v", p)
	}
	equal(t, "cost", p.Cost, "1000")
	equal(t, "cost in base", p.CostBase, "800")
	equal(t, "unrealised", p.UnrealisedBase, "-50")
	equal(t, "fx effect", p.FXEffectBase, "-175") // 1000 · (0.625 − 0.8)
	equal(t, "day change of the price", p.DayChangePercent, money.MustParse("500").Quo(money.MustParse("115")).String())
	equal(t, "fund's cost with its fee", v.Positions[1].CostBase, "202")
	for i, want := range []struct {
		kind   ContributionKind
		amount string
	}{{FromCurrency, "-210"}, {FromPrice, "40"}, {FromPrice, "4"}} {
		if c := v.Contributions[i]; c.Kind != want.kind || !c.Amount.Equal(money.MustParse(want.amount)) {
			t.Errorf("contribution %d is %+v, want %+v", i, c, want)
		}
	}
	shares, err := Allocation(v, h, book, ByAccount)
	if err != nil || len(shares.Groups) != 2 || shares.Groups[0].Key != "b" || !shares.Groups[0].Value.Equal(money.MustParse("520")) {
		t.Errorf("by account: %+v %v", shares, err)
	}
	if _, err := Allocation(v, h, book, "shoe_size"); !fault.Is(err, fault.Invalid) {
		t.Errorf("by shoe size: %v", err)
	}
	lots := h.Lots(apple)
	if len(lots) != 2 || lots[0].Opened != market.MustDate("2024-01-02") || lots[1].Account != "b" {
		t.Errorf("lots: %+v", lots)
	}
}

func TestValueLeavesOutWhatIsUnknown(t *testing.T) {
	h, book := hold2(t)
	today := market.DateOf(now)
	usd := market.RateID("USD")
	full := func() Quotes {
		return Quotes{apple: quote(apple, "120", "115", now), fund: quote(fund, "55", "54", now), usd: quote(usd, "1.6", "1.6", now)}
	}
	for _, c := range []struct {
		name    string
		change  func(Quotes)
		value   string
		day     string
		problem string
	}{
		{"all there", func(Quotes) {}, "970", "35.25", ""},
		{"no price", func(q Quotes) { delete(q, apple) }, "220", "4", "prices.apple"},
		{"no rate", func(q Quotes) { delete(q, usd) }, "220", "4", "fx.USD"},
		{"nothing", func(q Quotes) { clear(q) }, "", "", "prices.apple"},
		{"no previous close", func(q Quotes) { q[apple] = quote(apple, "120", "", now) }, "970", "4", "day_change.apple"},
		{"a price of yesterday", func(q Quotes) { q[apple] = quote(apple, "120", "1", now.Add(-24*time.Hour)) }, "970", "4", ""},
	} {
		quotes := full()
		c.change(quotes)
		v := h.Value(quotes, today, nil)
		equal(t, c.name+": value", v.Value, c.value)
		equal(t, c.name+": day change", v.DayChange, c.day)
		found := c.problem == ""
		for _, p := range v.Problems {
			found = found || p.Where == c.problem
		}
		if !found || c.problem == "" && len(v.Problems) > 0 {
			t.Errorf("%s: problems are %v, want %q", c.name, v.Problems, c.problem)
		}
		shares, err := Allocation(v, h, book, ByCurrency)
		if err != nil || (c.value == "220") != (len(shares.Unvalued) == 1) {
			t.Errorf("%s: allocation %+v %v", c.name, shares, err)
		}
	}
}

func TestHoldWithoutRatesKeepsCostsUnknown(t *testing.T) {
	book, _ := twoHoldings()
	h, err := Hold(book, &Market{})
	if err != nil {
		t.Fatal(err)
	}
	usd := market.RateID("USD")
	v := h.Value(Quotes{apple: quote(apple, "120", "115", now), fund: quote(fund, "55", "54", now), usd: quote(usd, "1.6", "1.6", now)}, market.DateOf(now), nil)
	equal(t, "value", v.Value, "970")
	equal(t, "cost", v.Positions[0].CostBase, "")
	equal(t, "unrealised", v.Positions[0].UnrealisedBase, "")
	equal(t, "cost in its currency", v.Positions[0].Cost, "1000")
	if len(v.Problems) == 0 {
		t.Error("nobody says why")
	}
}

func TestSplitAfterTheMark(t *testing.T) {
	book, m := twoHoldings()
	today := market.DateOf(now)
	book.Activities = append(book.Activities, ledger.Activity{
		ID: "4", Date: today, Type: ledger.Split, Instrument: fund, Ratio: &ledger.Ratio{New: money.MustParse("2"), Old: money.One}, Currency: "EUR",
	})
	h, err := Hold(book, m)
	if err != nil {
		t.Fatal(err)
	}
	before := h.Value(Quotes{fund: quote(fund, "55", "54", now.Add(-24*time.Hour))}, today, nil) // yesterday's price, carried past the split
	equal(t, "value at the carried price", before.Value, "220")
	equal(t, "day change", before.DayChange, "0")
	after := h.Value(Quotes{fund: quote(fund, "28", "55", now)}, today, nil) // today's price is after the split, its previous close before
	equal(t, "value", after.Value, "224")
	equal(t, "day change", after.DayChange, "4")
}

// After midnight the last session's change is still shown, and what was bought in it has no more than its own part.
func TestPurchaseInTheSessionShown(t *testing.T) {
	book, m := twoHoldings()
	today := market.DateOf(now)
	book.Activities = append(book.Activities, ledger.Activity{
		ID: "4", Date: today, Type: ledger.Buy, Account: "a", Instrument: fund, Quantity: dec("10"), Price: dec("54.5"), Currency: "EUR",
	})
	h, err := Hold(book, m)
	if err != nil {
		t.Fatal(err)
	}
	quotes := Quotes{fund: quote(fund, "55", "54", now)}
	current := func(market.Mark) bool { return true }
	for _, day := range []market.Date{today, today + 1, today + 2} {
		v := h.Value(quotes, day, current)
		equal(t, "day change", v.DayChange, "9") // 4 · 1 and 10 · 0.5
	}
}

func TestEmptyPortfolio(t *testing.T) {
	book, m := twoHoldings()
	book.Activities = nil
	h, err := Hold(book, m)
	if err != nil {
		t.Fatal(err)
	}
	v := h.Value(nil, market.DateOf(now), nil)
	equal(t, "value", v.Value, "0")
	equal(t, "day change", v.DayChange, "0")
	equal(t, "day change percent", v.DayChangePercent, "")
	out, err := Performance(book, m, market.NoDate, market.DateOf(now), "")
	if err != nil || len(out.Positions) != 0 {
		t.Errorf("performance: %+v %v", out, err)
	}
	d, err := History(book, m, market.NoDate, market.DateOf(now))
	if err != nil || d.Len() != 1 {
		t.Errorf("history: %v", err)
	}
	if _, err := History(book, m, market.DateOf(now), market.DateOf(now)-1); !fault.Is(err, fault.Invalid) {
		t.Errorf("a period that ends before it begins: %v", err)
	}
}
