package figures

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Figures of a period, worked out by hand.

// bookOf is a portfolio in euros; each line is an activity: date, type, instrument or -, quantity or amount, price or -,
// currency, fee, tax.
func bookOf(t *testing.T, instruments []market.Instrument, lines ...string) ledger.Book {
	t.Helper()
	book := ledger.Book{
		Portfolio: ledger.Portfolio{BaseCurrency: "EUR", LotMethod: ledger.FIFO}, Accounts: []ledger.Account{{ID: "a"}},
		Instruments: map[market.InstrumentID]market.Instrument{},
	}
	for _, i := range instruments {
		book.Instruments[i.ID] = i
	}
	var added []ledger.Activity
	for n, line := range lines {
		f := strings.Fields(line)
		a := ledger.Activity{
			ID: ledger.ActivityID(fmt.Sprint("x", n)), Account: "a", Date: market.MustDate(f[0]), Type: ledger.Type(f[1]),
			Currency: money.Currency(f[5]), Fee: *dec(f[6]), Tax: *dec(f[7]),
		}
		if f[2] != "-" {
			a.Instrument = market.InstrumentID(f[2])
		}
		if f[4] != "-" {
			a.Quantity, a.Price = dec(f[3]), dec(f[4])
		} else {
			a.Amount = dec(f[3])
		}
		added = append(added, a)
	}
	book, err := ledger.Apply(book, ledger.Changes{Added: added}, market.MustDate("2030-01-01"))
	if err != nil {
		t.Fatal(err)
	}
	return book
}

// marketOf is closes by instrument; each a list of "date close".
func marketOf(closes map[market.InstrumentID]string) *Market {
	m := &Market{Series: map[market.InstrumentID]*market.Series{}}
	for id, text := range closes {
		var bars []market.Bar
		words := strings.Fields(text)
		for i := 1; i < len(words); i += 2 {
			bars = append(bars, market.Bar{Date: market.MustDate(words[i]), Close: *dec(words[i+1])})
		}
		m.Series[id] = series(id, money.Currency(words[0]), bars...)
	}
	return m
}

func is(t *testing.T, what string, got money.Maybe, want string) {
	t.Helper()
	x, ok := got.Get()
	if want == "unknown" {
		if ok {
			t.Errorf("%s is %s, want it unknown", what, got)
		}
		return
	}
	if !ok || !x.Equal(*dec(want)) {
		t.Errorf("%s is %s, want %s", what, got, want)
	}
}

func isRate(t *testing.T, what string, got *Float, want float64) {
	t.Helper()
	if got == nil || math.Abs(float64(*got)-want) > 1e-12 {
		t.Errorf("%s is %v, want %v", what, rateText(got), want)
	}
}

var (
	dollarShare = market.Instrument{ID: "us", Symbol: "US", Currency: "USD", Class: market.Stock, Sector: "Energy", Country: "US"}
	euroFund    = market.Instrument{ID: "eu", Symbol: "EU", Currency: "EUR", Class: market.ETF, Country: "IE"}
)

// 10 for 1,000 dollars and a fee of 5 at 0.80 cost 804 euros; at 1.00 and 110 each they are worth 1,100. 201 of the gain is the
// dollar's (1,005 · 0.20), 99 the price's (95 at 1.00, and the fee's 4, which is listed with the costs).
func TestContributionsByHand(t *testing.T) {
	book := bookOf(t, []market.Instrument{dollarShare, euroFund},
		"2024-01-02 deposit  -  2000 -   USD 0 0",
		"2024-01-02 buy      us 10   100 USD 5 0",
		"2024-02-01 dividend us 20   -   USD 0 3",
		"2024-02-01 interest -  10   -   USD 0 0",
		"2024-02-01 fee      -  4    -   EUR 0 0",
	)
	m := marketOf(map[market.InstrumentID]string{
		"us": "USD 2024-01-02 100 2024-02-01 110", market.RateID("USD"): "USD 2024-01-02 1.25 2024-02-01 1",
	})
	got, err := Contributions(book, m, market.NoDate, market.MustDate("2024-02-01"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Items) != 1 || len(got.Problems) != 2 { // a month without a close or a rate is a gap
		t.Fatalf("%+v", got)
	}
	us := got.Items[0]
	is(t, "price", us.Price, "99")
	is(t, "currency", us.Currency, "201")
	is(t, "income", us.Income, "20")
	is(t, "costs", us.Costs, "7")
	is(t, "profit", us.Profit, "313")
	// 995 dollars stayed from 0.80 to 1.00: 199.
	is(t, "cash by currency", got.Cash.Currency, "199")
	is(t, "cash by interest", got.Cash.Income, "10")
	is(t, "costs of the account", got.Cash.Costs, "4")
	is(t, "profit of cash", got.Cash.Profit, "205")
	is(t, "price of cash", got.Cash.Price, "0")
	is(t, "profit", got.Profit, "518")
	// 1,600 euros were in it all the time.
	is(t, "contribution", us.Contribution, "0.195625")
	is(t, "contribution of cash", got.Cash.Contribution, "0.128125")
}

func TestIncomeByHand(t *testing.T) {
	book := bookOf(t, []market.Instrument{dollarShare, euroFund},
		"2023-01-02 buy      us 10 100 USD 5 0",
		"2023-01-02 buy      eu 5  40  EUR 0 0",
		"2023-02-20 dividend us 8  -   USD 0 1",
		"2023-02-20 dividend eu 3  -   EUR 1 0",
		"2024-02-01 dividend us 20 -   USD 0 3",
		"2024-02-02 interest -  -6 -   EUR 0 0",
	)
	m := marketOf(map[market.InstrumentID]string{
		"us": "USD 2023-01-02 100 2024-02-01 110", "eu": "EUR 2023-01-02 40", market.RateID("USD"): "USD 2023-01-02 1.25 2024-02-01 1",
	})
	got, err := Income(book, m, market.MustDate("2023-02-01"), market.MustDate("2024-02-20"))
	if err != nil {
		t.Fatal(err)
	}
	is(t, "gross", got.Gross, "23.4")
	is(t, "tax", got.Tax, "3.8")
	is(t, "fee", got.Fee, "1")
	is(t, "net", got.Net, "18.6")
	if len(got.Months) != 13 || len(got.Years) != 2 || got.TrailingFrom != market.MustDate("2023-02-21") {
		t.Fatalf("%d months, %d years, trailing from %s", len(got.Months), len(got.Years), got.TrailingFrom)
	}
	first, last := got.Months[0], got.Months[12]
	is(t, "February 2023", first.Gross, "9.4")
	if len(first.Items) != 2 || first.Items[0].Instrument != "us" || last.Items[1].Currency != "EUR" || last.Items[1].Instrument != "" {
		t.Fatalf("%+v %+v", first.Items, last.Items)
	}
	is(t, "February 2023 of us", first.Items[0].Gross, "6.4")
	is(t, "February 2024", last.Gross, "14")
	is(t, "2024", got.Years[1].Net, "11")
	// The dividends of 20 February 2023 are a day too old, and interest on cash is no yield of a holding.
	is(t, "trailing", got.Trailing.Gross, "20")
	is(t, "trailing yield", got.Trailing.OnValue, "0.01538461538461538461538461538461538") // 20 / 1,300
	is(t, "trailing yield on cost", got.Trailing.OnCost, "0.01992031872509960159362549800796813")
	is(t, "yield of eu", got.Positions[0].OnValue, "0")
	is(t, "yield of us", got.Positions[1].OnValue, "0.01818181818181818181818181818181818")
}

// A month's end on which nothing is known leaves that month open, and no other.
func TestCalendarReturnsByHand(t *testing.T) {
	book := bookOf(t, []market.Instrument{euroFund}, "2022-12-30 buy eu 10 100 EUR 0 0", "2023-03-15 buy eu 10 99 EUR 0 0")
	m := marketOf(map[market.InstrumentID]string{"eu": "EUR 2022-12-30 100 2023-01-31 110 2023-02-28 99 2023-03-31 104.5 2023-05-31 121 2023-08-31 60.5 2023-12-29 121 2024-01-31 133.1"})
	got, err := CalendarReturns(book, m, market.MustDate("2023-01-01"), market.MustDate("2024-01-31"))
	if err != nil {
		t.Fatal(err)
	}
	isRate(t, "January", got.Months[0].Return, 0.1)
	isRate(t, "February", got.Months[1].Return, -0.1)
	isRate(t, "March", got.Months[2].Return, 104.5/99-1)
	isRate(t, "April", got.Months[3].Return, 0)
	isRate(t, "2023", got.Years[0].Return, 0.21)
	isRate(t, "2024", got.Years[1].Return, 0.1)
	if !got.Years[0].Complete || got.Years[1].Complete {
		t.Error("2023 is complete, 2024 is not")
	}
	if best, worst := got.BestMonth, got.WorstMonth; best.Month.String() != "2023-12" || worst.Month.String() != "2023-08" {
		t.Errorf("best %s, worst %s", best.Month, worst.Month)
	}
	if best, worst := got.BestDay, got.WorstDay; best.Date.String() != "2023-12-29" || worst.Date.String() != "2023-08-31" || worst.Return != -0.5 {
		t.Errorf("best %+v, worst %+v", best, worst)
	}
	one := got.Rolling[0].Points
	if len(one) != 2 || one[0].Date.String() != "2023-12-31" || one[1].Date.String() != "2024-01-31" || len(got.Rolling[1].Points) != 0 {
		t.Fatalf("%+v", got.Rolling)
	}
	isRate(t, "twelve months up to January", one[1].Return, 0.21)
	isRate(t, "the same a year", one[1].Annualised, 0.21)
	falls := got.Drawdowns
	if len(falls) != 2 {
		t.Fatalf("%+v", falls)
	}
	if f := falls[0]; f.From.String() != "2023-05-31" || f.Low.String() != "2023-08-31" || f.To.String() != "2023-12-29" || f.Depth != 0.5 || f.Days != 212 {
		t.Errorf("%+v", f)
	}
	if f := falls[1]; f.From.String() != "2023-01-31" || f.Low.String() != "2023-02-28" || f.To.String() != "2023-05-31" || math.Abs(f.Depth-0.1) > 1e-12 {
		t.Errorf("%+v", f)
	}
	got, err = CalendarReturns(book, m, market.MustDate("2023-12-01"), market.MustDate("2023-12-29"))
	if err != nil || len(got.Rolling[0].Points) != 1 {
		t.Fatalf("a window may begin with the first activity: %+v %v", got.Rolling, err)
	}
	isRate(t, "twelve months up to the day", got.Rolling[0].Points[0].Return, 0.21)
	got, err = CalendarReturns(book, m, market.MustDate("2023-08-26"), market.MustDate("2023-09-10"))
	if err != nil || got.BestDay == nil || got.BestDay.Date.String() != "2023-08-31" || got.BestDay.Return != -0.5 {
		t.Fatalf("the best of one trading day: %+v %v", got.BestDay, err)
	}
	late := marketOf(map[market.InstrumentID]string{"eu": "EUR 2023-01-31 110 2023-02-28 99"})
	got, err = CalendarReturns(book, late, market.MustDate("2023-01-01"), market.MustDate("2023-03-14"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Months[0].Return != nil || got.Years[0].Return != nil || len(got.Problems) == 0 || len(got.Drawdowns) != 0 {
		t.Errorf("January is %v without a price at its beginning: %v", got.Months[0].Return, got.Problems)
	}
	isRate(t, "February", got.Months[1].Return, -0.1)
	var missing []string
	for _, p := range got.Problems {
		if p.Where == "prices.eu" {
			missing = append(missing, p.What)
		}
	}
	if want := "no price on or before 2023-01-30|no price between 2023-01-31 and 2023-02-28"; strings.Join(missing, "|") != want {
		t.Errorf("problems %q, want %s", missing, want)
	}
}

func TestMonthsBefore(t *testing.T) {
	for _, c := range []struct {
		on     string
		months int
		want   string
	}{
		{"2024-03-15", 1, "2024-02-15"}, {"2024-03-30", 1, "2024-02-29"}, {"2024-02-29", 12, "2023-02-28"}, {"2023-02-28", 12, "2022-02-28"},
		{"2025-02-28", 12, "2024-02-29"}, {"2024-04-30", 1, "2024-03-31"}, {"2024-01-31", 60, "2019-01-31"},
	} {
		if got := monthsBefore(market.MustDate(c.on), c.months); got.String() != c.want {
			t.Errorf("%d months before %s is %s, want %s", c.months, c.on, got, c.want)
		}
	}
}

func TestExposureByHand(t *testing.T) {
	book := bookOf(t, []market.Instrument{dollarShare, euroFund},
		"2024-01-02 deposit -  1000 -   EUR 0 0",
		"2024-01-02 buy     us 5    100 USD 0 0",
		"2024-02-05 buy     eu 5    40  EUR 0 0",
	)
	m := marketOf(map[market.InstrumentID]string{
		"us": "USD 2024-01-02 100 2024-02-01 120", "eu": "EUR 2024-02-09 40", market.RateID("USD"): "USD 2024-01-02 1",
	})
	for by, want := range map[By]string{ // the shares were paid with 500 dollars that the account owes
		ByCurrency: "EUR 1000 1, USD 0 0", BySector: "Energy 500 0.5, cash 500 0.5", ByClass: "cash 500 0.5, stock 500 0.5", ByCountry: "US 500 0.5, cash 500 0.5",
	} {
		got, err := Exposure(book, m, by, market.NoDate, market.MustDate("2024-02-10"))
		if err != nil {
			t.Fatal(err)
		}
		var text []string
		for _, s := range got.Points[0].Shares {
			text = append(text, fmt.Sprintf("%s %s %s", s.Key, s.Value, s.Share))
		}
		if got := strings.Join(text, ", "); got != want {
			t.Errorf("by %s: %s, want %s", by, got, want)
		}
		if len(got.Points) != 2 || got.Points[0].Date.String() != "2024-01-31" || got.Points[1].Date.String() != "2024-02-10" {
			t.Fatalf("%+v", got.Points)
		}
		is(t, "value at the end", got.Points[1].Value, "1100")
	}
	got, err := Exposure(book, marketOf(map[market.InstrumentID]string{"us": "USD 2024-01-02 100"}), BySector, market.NoDate, market.MustDate("2024-02-10"))
	if err != nil {
		t.Fatal(err)
	}
	last := got.Points[1]
	is(t, "value", last.Value, "unknown")
	is(t, "cash in another currency without a rate", last.Shares[len(last.Shares)-1].Value, "unknown")
	if len(got.Problems) < 2 {
		t.Errorf("%v", got.Problems)
	}
	if _, err := Exposure(book, m, ByAccount, market.NoDate, market.MustDate("2024-02-10")); err == nil {
		t.Error("by account is taken")
	}
}

// 1,000 buys 20 of the benchmark at 50; 600 taken out sells 10 at 60; the other 10 end at 55.
func TestBenchmarkByHand(t *testing.T) {
	book := bookOf(t, []market.Instrument{euroFund}, "2024-01-02 buy eu 10 100 EUR 0 0", "2024-01-04 sell eu 5 120 EUR 0 0")
	closes := map[market.InstrumentID]string{
		"eu": "EUR 2024-01-02 100 2024-01-04 120 2024-01-05 130", "other": "USD 2024-01-01 40 2024-01-02 40 2024-01-04 60 2024-01-05 55",
		market.RateID("USD"): "USD 2024-01-01 0.8 2024-01-04 1",
	}
	m := marketOf(closes)
	got, err := Benchmark(book, m, "other", market.NoDate, market.MustDate("2024-01-05"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"1000", "1000", "600", "550"} {
		is(t, fmt.Sprint("day ", i), got.Days[i].Benchmark, want)
	}
	is(t, "value", got.Value, "650")
	is(t, "difference", got.Difference, "100")
	isRate(t, "benchmark twr", got.Returns.BenchmarkTWR, 0.1)
	isRate(t, "benchmark twr of the third day", got.Days[2].TWR, 0.2)
	if len(got.Problems) != 0 {
		t.Errorf("%v", got.Problems)
	}
	year := bookOf(t, []market.Instrument{euroFund}, "2022-01-03 buy eu 10 100 EUR 0 0", "2023-01-03 sell eu 5 120 EUR 0 0")
	lost := marketOf(map[market.InstrumentID]string{"eu": "EUR 2022-01-03 100 2023-01-03 120", "other": "EUR 2022-01-03 40 2023-01-03 8 2023-01-04 9"})
	got, err = Benchmark(year, lost, "other", market.NoDate, market.MustDate("2023-01-04"))
	if err != nil {
		t.Fatal(err)
	}
	is(t, "a benchmark of which all was taken out", got.BenchmarkValue, "0")
	isRate(t, "its internal rate: 1,000 became 200", got.BenchmarkXIRR.Rate, -0.8)
	if !slices.ContainsFunc(got.Problems, func(p Problem) bool {
		return p.Where == "benchmark" && strings.Contains(p.What, "more was taken out on 2023-01-03")
	}) {
		t.Errorf("%v", got.Problems)
	}
	closes["other"] = "USD 2024-01-04 8"
	got, err = Benchmark(book, marketOf(closes), "other", market.NoDate, market.MustDate("2024-01-05"))
	if err != nil {
		t.Fatal(err)
	}
	is(t, "a benchmark without a price", got.BenchmarkValue, "unknown")
	if len(got.Problems) == 0 || got.Problems[0].Where != "prices.other" {
		t.Errorf("%v", got.Problems)
	}
	if _, err := Benchmark(book, m, "nothing", market.NoDate, market.MustDate("2024-01-05")); err == nil {
		t.Error("compared with nothing")
	}
}

// What was valued at an old price is named; what wasn't held then isn't.
func TestPriceGapsByHand(t *testing.T) {
	book := bookOf(t, []market.Instrument{euroFund}, "2024-01-02 buy eu 10 100 EUR 0 0", "2024-03-12 sell eu 10 100 EUR 0 0", "2024-06-03 buy eu 1 100 EUR 0 0")
	for name, c := range map[string]struct{ closes, want string }{
		"two weeks are nobody's business": {"2024-01-02 100 2024-01-17 1 2024-01-31 1 2024-02-14 1 2024-02-28 1 2024-03-12 1 2024-06-03 1 2024-06-17 1", ""},
		"eleven weekdays are":             {"2024-01-02 100 2024-01-18 1 2024-01-31 1 2024-02-14 1 2024-02-28 1 2024-03-12 1 2024-06-03 1 2024-06-17 1", "prices.eu: no price between 2024-01-02 and 2024-01-18"},
		"to the end":                      {"2024-01-02 100 2024-01-17 1 2024-01-31 1 2024-02-14 1 2024-02-28 1 2024-03-12 1 2024-06-03 1", "prices.eu: no price after 2024-06-03"},
		"many":                            {"2024-01-02 100 2024-01-20 1 2024-02-06 1 2024-02-23 1 2024-06-03 1 2024-06-28 1", "prices.eu: no price between 2024-01-02 and 2024-01-20, prices.eu: no price between 2024-01-20 and 2024-02-06, prices.eu: no price between 2024-02-06 and 2024-02-23, prices.eu: 2 more gaps between prices"},
	} {
		m := marketOf(map[market.InstrumentID]string{"eu": "EUR " + c.closes})
		to := market.MustDate("2024-06-28")
		found, err := PriceGaps(book, m, market.NoDate, to)
		if err != nil {
			t.Fatal(err)
		}
		text := func(all []Problem) string {
			var lines []string
			for _, p := range all {
				lines = append(lines, p.Where+": "+p.What)
			}
			return strings.Join(lines, ", ")
		}
		if got := text(GapProblems(found)); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
		out, err := Performance(book, m, market.NoDate, to, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := text(out.Problems); got != c.want {
			t.Errorf("%s: performance says %s", name, got)
		}
	}
}

// A gap among many closes is found, and only days on which something was held count: ten of them are no gap, eleven are.
func TestPriceGapsAmongDailyCloses(t *testing.T) {
	var closes []string
	for on := market.MustDate("2024-01-01"); on <= market.MustDate("2024-04-30"); on++ {
		if on <= market.MustDate("2024-02-16") || on >= market.MustDate("2024-03-08") { // 14 weekdays between
			closes = append(closes, on.String(), "10")
		}
	}
	m := marketOf(map[market.InstrumentID]string{"eu": "EUR " + strings.Join(closes, " ")})
	for sold, want := range map[string]int{"2024-03-02": 0, "2024-03-04": 0, "2024-03-05": 1, "2024-04-01": 1} {
		book := bookOf(t, []market.Instrument{euroFund}, "2024-01-02 buy eu 1 10 EUR 0 0", sold+" sell eu 1 10 EUR 0 0")
		found, err := PriceGaps(book, m, market.NoDate, market.MustDate("2024-04-30"))
		if err != nil || len(found) != want {
			t.Errorf("sold on %s: %+v %v, want %d", sold, found, err, want)
		}
	}
}

// A rate that stood still is named like a price, once for all that is held in its currency.
func TestRateGaps(t *testing.T) {
	book := bookOf(t, []market.Instrument{dollarShare, euroFund}, "2024-01-02 buy us 1 10 USD 0 0", "2024-01-02 buy eu 1 10 EUR 0 0", "2024-01-02 deposit - 50 - USD 0 0")
	days := "2024-01-02 10 2024-01-12 10 2024-01-22 10 2024-02-01 10 2024-02-09 10"
	m := marketOf(map[market.InstrumentID]string{
		"us": "USD " + days, "eu": "EUR " + days, market.RateID("USD"): "USD 2024-01-02 1 2024-02-01 1", market.RateID("GBP"): "GBP 2024-01-02 1",
	})
	out, err := Performance(book, m, market.NoDate, market.MustDate("2024-02-09"), "")
	if err != nil {
		t.Fatal(err)
	}
	if want := (Problem{Where: "fx.USD", What: "no rate between 2024-01-02 and 2024-02-01"}); len(out.Problems) != 1 || out.Problems[0] != want {
		t.Errorf("%v, want %v", out.Problems, want)
	}
	found, err := PriceGaps(book, m, market.NoDate, market.MustDate("2024-02-09"))
	if err != nil || len(found) != 1 || found[0].Currency != "USD" || found[0].Instrument != "" {
		t.Errorf("%+v %v", found, err)
	}
}

// A month of debts is one problem, not thirty.
func TestDebtIsAProblemOnce(t *testing.T) {
	book := bookOf(t, nil, "2024-01-02 deposit - 10 - EUR 0 0", "2024-01-03 withdrawal - 20 - EUR 0 0")
	got, err := CalendarReturns(book, &Market{}, market.NoDate, market.MustDate("2024-02-10"))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Problems) != 2 || got.Problems[0].Where != "returns.twr" || got.Months[0].Return != nil {
		t.Errorf("%v, January %v", got.Problems, got.Months[0].Return)
	}
}
