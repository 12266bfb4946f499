package figures

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// The laws of the figures that rest on evaluate's: whatever they show of a period sums, chains or equals what evaluate says.

func sameMaybe(t *rapid.T, what string, got, want money.Maybe) {
	t.Helper()
	x, ok := got.Get()
	y, ok2 := want.Get()
	if ok != ok2 || !x.Equal(y) {
		t.Fatalf("%s is %s, want %s", what, got, want)
	}
}

func near(t *rapid.T, what string, got, want money.Maybe, slack float64) {
	t.Helper()
	x, ok := got.Get()
	y, ok2 := want.Get()
	if ok != ok2 || math.Abs(x.Sub(y).Float64()) > slack*math.Max(1, math.Abs(y.Float64())) {
		t.Fatalf("%s is %s, want %s", what, got, want)
	}
}

func nearRate(t *rapid.T, what string, got, want *Float) {
	t.Helper()
	if (got == nil) != (want == nil) || got != nil && math.Abs(float64(*got-*want)) > 1e-9*(1+math.Abs(float64(*want))) {
		t.Fatalf("%s is %v, want %v", what, rateText(got), rateText(want))
	}
}

func rateText(f *Float) any {
	if f == nil {
		return "unknown"
	}
	return float64(*f)
}

// drawPast draws a portfolio of activities of any type with a period; now and then one of its instruments has no price for a
// while at the beginning.
func drawPast(t *rapid.T) (ledger.Book, *Market, market.Date, market.Date) {
	book, m := drawBook(t, rapid.Bool().Draw(t, "shorts"))
	book.Portfolio.LotMethod = rapid.SampledFrom([]ledger.LotMethod{ledger.FIFO, ledger.LIFO, ledger.HIFO, ledger.Average}).Draw(t, "lots")
	scope := rapid.SampledFrom([]ledger.LotScope{ledger.ScopeAccount, ledger.ScopePortfolio}).Draw(t, "scope")
	if ledger.CheckLots(book, book.Portfolio.LotMethod, scope) == nil {
		book.Portfolio.LotScope = scope
	}
	for i := range rapid.IntRange(0, 15).Draw(t, "more") {
		a := drawAny(t, book, 100+i)
		a.Date = market.Date(19000 + rapid.IntRange(0, 60).Draw(t, "day of it"))
		if after, err := ledger.Apply(book, ledger.Changes{Added: []ledger.Activity{a}}, 19000+100); err == nil {
			book = after
		}
	}
	if rapid.IntRange(0, 4).Draw(t, "late prices") == 0 {
		for _, id := range []market.InstrumentID{"i0", market.RateID("USD")} {
			s := m.Series[id]
			if cut := s.IndexAt(19000 + 20); rapid.Bool().Draw(t, "late") && cut > 0 {
				m.Series[id] = &market.Series{Instrument: id, Currency: s.Currency, Dates: s.Dates[cut:], Closes: s.Closes[cut:], Places: s.Places}
			}
		}
	}
	from := market.Date(19000 + rapid.IntRange(-2, 40).Draw(t, "from"))
	return book, m, from, from + market.Date(rapid.IntRange(0, 45).Draw(t, "days"))
}

// Contributions sum to the profit to the last digit, and each is what evaluate says of its positions.
func TestContributionsSumToTheProfit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book, m, from, to := drawPast(t)
		all, err := Performance(book, m, from, to, "")
		if err != nil {
			discardRefused(t, err)
		}
		got, err := Contributions(book, m, from, to)
		if err != nil {
			t.Fatal(err)
		}
		profit, income, costs, effect, share := got.Cash.Profit, got.Cash.Income, got.Cash.Costs, got.Cash.Currency, got.Cash.Contribution
		for _, p := range append([]ProfitPart{got.Cash}, got.Items...) {
			if p.Profit.IsKnown() && p.Currency.IsKnown() {
				sameMaybe(t, "the parts of "+string(p.Instrument), p.Price.Add(p.Currency).Add(p.Income).Sub(p.Costs), p.Profit)
			}
		}
		for _, p := range got.Items {
			profit, income, costs = profit.Add(p.Profit), income.Add(p.Income), costs.Add(p.Costs)
			effect, share = effect.Add(p.Currency), share.Add(p.Contribution)
		}
		if profit.IsKnown() || len(got.Problems) == 0 { // the whole may be known although a part isn't
			sameMaybe(t, "the sum of profits", profit, all.Totals.Profit)
			near(t, "the sum of contributions", share, all.Returns.ModifiedDietz, 1e-25)
		}
		sameMaybe(t, "the profit", got.Profit, all.Totals.Profit)
		sameMaybe(t, "the sum of incomes", income, all.Totals.Income)
		sameMaybe(t, "the sum of costs", costs, all.Totals.Fees.Add(all.Totals.Taxes))
		sameMaybe(t, "the sum of currency effects", effect, all.Totals.FXEffect)
		if price, ok := got.Cash.Price.Get(); ok && !price.IsZero() {
			t.Fatalf("cash has a price effect of %s", price)
		}
		if !got.Profit.IsKnown() && len(got.Problems) == 0 {
			t.Fatal("the profit is unknown and no problem says why")
		}
	})
}

// Income is evaluate's, its months and years sum to it, and what positions yield sums to the whole's yield.
func TestIncomeSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book, m, from, to := drawPast(t)
		all, err := Performance(book, m, from, to, "")
		if err != nil {
			discardRefused(t, err)
		}
		got, err := Income(book, m, from, to)
		if err != nil {
			t.Fatal(err)
		}
		sameMaybe(t, "gross", got.Gross, all.Totals.Income)
		sameMaybe(t, "net", got.Net, got.Gross.Sub(got.Tax).Sub(got.Fee))
		months, years := noIncome(), noIncome()
		plus := func(a *IncomeSum, b IncomeSum) {
			*a = IncomeSum{a.Gross.Add(b.Gross), a.Tax.Add(b.Tax), a.Fee.Add(b.Fee), a.Net.Add(b.Net)}
		}
		for i, month := range got.Months {
			items := noIncome()
			for _, item := range month.Items {
				plus(&items, item.IncomeSum)
			}
			sameMaybe(t, "the items of "+month.Month.String(), items.Net, month.Net)
			plus(&months, month.IncomeSum)
			if i > 0 && month.Month != got.Months[i-1].Month+1 {
				t.Fatalf("%s follows %s", month.Month, got.Months[i-1].Month)
			}
		}
		for _, year := range got.Years {
			plus(&years, year.IncomeSum)
		}
		for name, sum := range map[string]IncomeSum{"months": months, "years": years} {
			sameMaybe(t, "the gross of all "+name, sum.Gross, got.Gross)
			sameMaybe(t, "the tax of all "+name, sum.Tax, got.Tax)
			sameMaybe(t, "the net of all "+name, sum.Net, got.Net)
		}
		gross, value, cost := money.Known(money.Zero), money.Known(money.Zero), money.Known(money.Zero)
		for _, y := range got.Positions {
			gross, value, cost = gross.Add(y.Gross), value.Add(y.Value), cost.Add(y.Cost)
			if y.OnValue.IsKnown() {
				near(t, "the yield of "+string(y.Instrument), y.OnValue.Mul(y.Value), y.Gross, 1e-25)
			}
		}
		sameMaybe(t, "trailing gross", got.Trailing.Gross, gross)
		sameMaybe(t, "trailing value", got.Trailing.Value, value)
		sameMaybe(t, "trailing cost", got.Trailing.Cost, all.Totals.Cost)
		if bookEvaluation(book, m, "").rules.tracked {
			value = value.Add(all.Totals.Cash)
		}
		sameMaybe(t, "value", value, all.Totals.Value)
	})
}

// Months chain to years, years to the period's twr, each is evaluate's twr of its days, and so is each rolling window.
func TestReturnsChain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book, m, from, to := drawPast(t)
		all, err := Performance(book, m, from, to, "")
		if err != nil {
			discardRefused(t, err)
		}
		got, err := CalendarReturns(book, m, from, to)
		if err != nil {
			t.Fatal(err)
		}
		chained := func(returns []*Float) *Float {
			index := 1.0
			for _, r := range returns {
				if r == nil {
					return nil
				}
				index *= 1 + float64(*r)
			}
			return rated(index - 1)
		}
		twr := func(from, to market.Date) *Float {
			out, err := Performance(book, m, from, to, "")
			if err != nil {
				t.Fatal(err)
			}
			return out.Returns.TWR
		}
		var months, years []*Float
		for _, month := range got.Months {
			months = append(months, month.Return)
			nearRate(t, month.Month.String(), month.Return, twr(max(month.Month.First(), from), min(month.Month.Last(), to)))
		}
		for _, year := range got.Years {
			var of []*Float
			for _, month := range got.Months {
				if month.Month.Year() == year.Year {
					of = append(of, month.Return)
				}
			}
			nearRate(t, "the chain of a year's months", chained(of), year.Return)
			years = append(years, year.Return)
		}
		nearRate(t, "the chain of months", chained(months), all.Returns.TWR)
		nearRate(t, "the chain of years", chained(years), all.Returns.TWR)
		for _, month := range got.Months {
			if month.Return != nil && (*month.Return > *got.BestMonth.Return || *month.Return < *got.WorstMonth.Return) {
				t.Fatalf("%s is beyond the best or worst month", month.Month)
			}
		}
		if all.Risk.MaxDrawdown != nil {
			checkFalls(t, got.Drawdowns, all.Risk, from)
		} else if len(got.Problems) == 0 {
			t.Fatal("a day can't be known and no problem says why")
		}
	})
}

// checkFalls holds drawdowns against the risk figures of the same days.
func checkFalls(t *rapid.T, falls []DrawdownPeriod, risk Risk, from market.Date) {
	deepest, longest := 0.0, 0
	for i, fall := range falls {
		deepest, longest = max(deepest, fall.Depth), max(longest, fall.Days)
		if i > 0 && fall.Depth > falls[i-1].Depth || fall.From >= fall.Low || fall.From < from-1 || fall.To != nil && *fall.To <= fall.Low {
			t.Fatalf("fall %d of %+v", i, falls)
		}
		if fall.To != nil && int(*fall.To-fall.From) != fall.Days {
			t.Fatalf("from %s to %s in %d days", fall.From, *fall.To, fall.Days)
		}
	}
	if math.Abs(deepest-float64(*risk.MaxDrawdown)) > 1e-9 {
		t.Fatalf("deepest fall %v, max drawdown %v", deepest, *risk.MaxDrawdown)
	}
	if len(falls) < drawdownsMax && longest != int(risk.LongestDrawdownDays.Float64()) {
		t.Fatalf("longest fall %d days, risk says %s", longest, risk.LongestDrawdownDays)
	}
	if len(falls) > 0 && int(falls[0].Low-falls[0].From) != int(risk.MaxDrawdownDays.Float64()) {
		t.Fatalf("%d days to the low, risk says %s", falls[0].Low-falls[0].From, risk.MaxDrawdownDays)
	}
}

// Exposure is evaluate's value of each day, spread whole.
func TestExposureSharesSumToOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book, m, from, to := drawPast(t)
		for id, i := range book.Instruments {
			i.Sector, i.Country = map[bool]string{true: "Energy"}[id == "i1"], map[bool]string{true: "FR", false: "JP"}[id == "i0"]
			book.Instruments[id] = i
		}
		by := rapid.SampledFrom([]By{ByClass, BySector, ByCountry, ByCurrency}).Draw(t, "by")
		got, err := Exposure(book, m, by, from, to)
		if err != nil {
			discardRefused(t, err)
		}
		if got.Points[len(got.Points)-1].Date != to || got.Points[0].Date < from {
			t.Fatalf("points from %s to %s", got.Points[0].Date, got.Points[len(got.Points)-1].Date)
		}
		for _, point := range got.Points {
			all, err := Performance(book, m, point.Date, point.Date, "")
			if err != nil {
				t.Fatal(err)
			}
			sameMaybe(t, "value", point.Value, all.Totals.Value)
			value, share := money.Known(money.Zero), money.Known(money.Zero)
			for _, one := range point.Shares {
				value, share = value.Add(one.Value), share.Add(one.Share)
			}
			sameMaybe(t, "the sum of groups", value, point.Value)
			if x, ok := point.Value.Get(); ok && x.Sign() > 0 {
				near(t, "the sum of shares", share, money.Known(money.One), 1e-25)
			}
		}
	})
}

// A portfolio of one instrument, bought and sold at its closes, is what it is compared with.
func TestBenchmarkWithItselfIsThePortfolio(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book, m := drawBook(t, false)
		from := market.Date(19000 + rapid.IntRange(-2, 40).Draw(t, "from"))
		to := from + market.Date(rapid.IntRange(0, 45).Draw(t, "days"))
		var held money.Decimal
		activities := book.Activities
		book.Activities, book.Portfolio.AllowShort = nil, false
		for _, a := range activities {
			price, _, ok := m.Series["i0"].At(a.Date)
			if a.Instrument != "i0" || a.Type != ledger.Buy && a.Type != ledger.Sell || !ok {
				continue
			}
			if a.Type == ledger.Sell {
				if a.Quantity.Cmp(held) >= 0 {
					continue
				}
				held = held.Sub(*a.Quantity)
			} else {
				held = held.Add(*a.Quantity)
			}
			a.Price, a.Amount, a.FXRate, a.Fee, a.Tax = &price, nil, nil, money.Zero, money.Zero
			book.Activities = append(book.Activities, a)
		}
		got, err := Benchmark(book, m, "i0", from, to)
		if err != nil {
			t.Fatal(err)
		}
		for _, day := range got.Days {
			near(t, "the benchmark on "+day.Date.String(), day.Benchmark, day.Value, 1e-20)
		}
		near(t, "the difference", got.Difference, got.Value.Sub(got.Value), 1e-18)
		if got.BenchmarkXIRR.Status == XIRROk && got.Returns.XIRR.Status == XIRROk {
			nearRate(t, "xirr", got.BenchmarkXIRR.Rate, got.Returns.XIRR.Rate)
		}
	})
}
