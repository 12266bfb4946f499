package figures

import (
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

func known(t interface{ Fatalf(string, ...any) }, what string, m money.Maybe) money.Decimal {
	x, ok := m.Get()
	if !ok {
		t.Fatalf("%s is unknown", what)
	}
	return x
}

// drawEvaluation draws a portfolio's walk under any method, scope and treatment of fees.
func drawEvaluation(t *rapid.T) (ledger.Book, *Market, evaluation) {
	book, m := drawBook(t, rapid.Bool().Draw(t, "shorts"))
	v := bookEvaluation(book, m, rapid.SampledFrom([]ledger.LotMethod{ledger.FIFO, ledger.Average, ledger.LIFO, ledger.HIFO}).Draw(t, "lot method"))
	v.rules.scope = rapid.SampledFrom([]ledger.LotScope{ledger.ScopeAccount, ledger.ScopePortfolio}).Draw(t, "scope")
	v.rules.feesInCost = rapid.Bool().Draw(t, "fees in cost")
	return book, m, v
}

func drawPeriod(t *rapid.T) period {
	from := market.Date(19000 + rapid.IntRange(-2, 45).Draw(t, "from"))
	return period{from: from, to: from + market.Date(rapid.IntRange(0, 30).Draw(t, "days")), series: true}
}

// The identity holds to the last digit: whatever the method, value − opening − paid in + taken out is what its parts sum to.
func TestIdentityAlwaysHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, _, v := drawEvaluation(t)
		out, err := v.run(drawPeriod(t))
		if err != nil {
			discardRefused(t, err)
		}
		if !out.Identity.Holds || !out.Totals.Profit.IsKnown() {
			t.Fatalf("difference %s, totals %+v, problems %v", out.Identity.Difference, out.Totals, out.Problems)
		}
		profit := out.Totals.Value.Sub(out.Totals.ValueStart).Sub(out.Totals.PaidIn).Add(out.Totals.TakenOut)
		if !known(t, "profit", profit).Equal(known(t, "profit", out.Totals.Profit)) {
			t.Fatalf("profit %s is not value less opening and flows, %s", out.Totals.Profit, profit)
		}
		value, cost := money.Known(money.Zero), money.Known(money.Zero)
		for _, p := range out.Positions {
			value, cost = value.Add(p.ValueBase), cost.Add(p.CostBase)
			quantity, lots := money.Zero, money.Known(money.Zero)
			for _, lot := range p.Lots {
				quantity, lots = quantity.Add(lot.Quantity), lots.Add(lot.Cost)
			}
			if !quantity.Equal(p.Quantity) || !p.Quantity.IsZero() && !known(t, "lots", lots).Equal(known(t, "cost", p.Cost)) {
				t.Fatalf("the lots of %s sum to %s for %s, not to %s for %s", p.Symbol, quantity, lots, p.Quantity, p.Cost)
			}
		}
		if v.rules.tracked {
			value = value.Add(out.Totals.Cash)
		}
		if !known(t, "value", value).Equal(known(t, "value", out.Totals.Value)) || !known(t, "cost", cost).Equal(known(t, "cost", out.Totals.Cost)) {
			t.Fatalf("positions sum to %s for %s, totals say %s for %s", value, cost, out.Totals.Value, out.Totals.Cost)
		}
		if last := out.Series[len(out.Series)-1]; !known(t, "series", last.Value).Equal(known(t, "value", out.Totals.Value)) {
			t.Fatalf("the series ends at %s, the total is %s", last.Value, out.Totals.Value)
		}
	})
}

// A period cut in two has the profit of both parts, and their returns chain.
func TestPeriodsAdd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, _, v := drawEvaluation(t)
		p := drawPeriod(t)
		p.to = p.from + 1 + market.Date(rapid.IntRange(0, 25).Draw(t, "longer"))
		first, second := p, p
		first.to = p.from + market.Date(rapid.IntRange(0, int(p.to-p.from)-1).Draw(t, "cut"))
		second.from = first.to + 1
		whole, err := v.run(p)
		if err != nil {
			discardRefused(t, err)
		}
		a, err := v.run(first)
		if err != nil {
			t.Fatal(err)
		}
		b, err := v.run(second)
		if err != nil {
			t.Fatal(err)
		}
		sum := a.Totals.Profit.Add(b.Totals.Profit)
		if !known(t, "profits", sum).Equal(known(t, "profit", whole.Totals.Profit)) {
			t.Fatalf("%s + %s is not %s", a.Totals.Profit, b.Totals.Profit, whole.Totals.Profit)
		}
		for name, pair := range map[string][3]money.Maybe{
			"realised": {a.Totals.Realised, b.Totals.Realised, whole.Totals.Realised}, "income": {a.Totals.Income, b.Totals.Income, whole.Totals.Income},
			"fx effect": {a.Totals.FXEffect, b.Totals.FXEffect, whole.Totals.FXEffect}, "fees": {a.Totals.Fees, b.Totals.Fees, whole.Totals.Fees},
		} {
			if !known(t, name, pair[0].Add(pair[1])).Equal(known(t, name, pair[2])) {
				t.Fatalf("%s: %s + %s is not %s", name, pair[0], pair[1], pair[2])
			}
		}
		if whole.Returns.TWR != nil && a.Returns.TWR != nil && b.Returns.TWR != nil {
			chained := (1+float64(*a.Returns.TWR))*(1+float64(*b.Returns.TWR)) - 1
			if math.Abs(chained-float64(*whole.Returns.TWR)) > 1e-9*(1+math.Abs(chained)) {
				t.Fatalf("%v and %v chain to %v, not to %v", *a.Returns.TWR, *b.Returns.TWR, chained, *whole.Returns.TWR)
			}
		}
	})
}

// A purchase or sale booked in two halves is the same as in one, and unrelated activities of a day may come in any order.
func TestHowItWasBookedChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book, m, v := drawEvaluation(t)
		p := drawPeriod(t)
		want, err := v.run(p)
		if err != nil {
			discardRefused(t, err)
		}
		other := v
		other.entries = nil
		for _, e := range v.entries {
			trade := e.Type == ledger.Buy || e.Type == ledger.Sell
			if !trade || rapid.Bool().Draw(t, "whole") {
				other.entries = append(other.entries, e)
				continue
			}
			half := *e.Activity
			quarter, rest := e.Quantity.Mul(money.MustParse("0.25")), e.Quantity.Mul(money.MustParse("0.75"))
			half.Quantity, half.Fee, half.Tax = &quarter, money.Zero, money.Zero
			other2 := *e.Activity
			other2.Quantity = &rest
			if !e.Fee.IsZero() || !e.Tax.IsZero() { // a fee belongs to the lot that it was paid for
				other.entries = append(other.entries, e)
				continue
			}
			other.entries = append(other.entries, entry{Activity: &half, index: e.index}, entry{Activity: &other2, index: e.index})
		}
		got, err := other.run(p)
		if err != nil {
			t.Fatal(err)
		}
		sameTotals(t, got, want, 1e-20)
		if v.rules.scope == ledger.ScopeAccount {
			byInstrument := slices.Clone(v.entries)
			slices.SortStableFunc(byInstrument, func(a, b entry) int {
				if a.Date != b.Date {
					return int(a.Date) - int(b.Date)
				}
				if a.Instrument < b.Instrument {
					return -1
				} else if a.Instrument > b.Instrument {
					return 1
				}
				return 0
			})
			other.entries = byInstrument
			if got, err = other.run(p); err != nil {
				t.Fatal(err)
			}
			sameTotals(t, got, want, 0)
		}
		_, _ = book, m
	})
}

func sameTotals(t *rapid.T, got, want Output, slack float64) {
	t.Helper()
	for name, pair := range map[string][2]money.Maybe{
		"value": {got.Totals.Value, want.Totals.Value}, "cost": {got.Totals.Cost, want.Totals.Cost}, "realised": {got.Totals.Realised, want.Totals.Realised},
		"unrealised": {got.Totals.Unrealised, want.Totals.Unrealised}, "profit": {got.Totals.Profit, want.Totals.Profit},
		"paid in": {got.Totals.PaidIn, want.Totals.PaidIn}, "fx effect": {got.Totals.FXEffect, want.Totals.FXEffect},
	} {
		off := known(t, name, pair[0]).Sub(known(t, name, pair[1])).Abs().Float64()
		if off > slack*math.Max(1, math.Abs(pair[1].Or(money.Zero).Float64())) {
			t.Fatalf("%s is %s, was %s", name, pair[0], pair[1])
		}
	}
}

// quotesOf are marks made on a day from the closes of a market: today's close, and the last one before it.
func quotesOf(m *Market, today market.Date) Quotes {
	quotes := Quotes{}
	for id, s := range m.Series {
		price, made, ok := s.At(today)
		if !ok {
			continue
		}
		mark := market.Mark{Quote: market.Quote{Instrument: id, Price: price, Currency: s.Currency, MarketTime: made.Time().Add(17 * time.Hour)}, PreviousDate: market.NoDate}
		if before, day, ok := s.At(made - 1); ok {
			mark.PreviousClose, mark.PreviousDate = &before, day
		}
		quotes[id] = mark
	}
	return quotes
}

// The contributions sum to the day change to the last digit, and the day change is what evaluate says of that one day.
func TestContributionsSumToTheDayChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book, m := drawBook(t, rapid.Bool().Draw(t, "shorts"))
		if len(book.Activities) == 0 {
			t.Skip("nothing held")
		}
		today := book.Activities[len(book.Activities)-1].Date + market.Date(rapid.IntRange(0, 1).Draw(t, "later"))
		h, err := Hold(book, m)
		if err != nil {
			t.Fatal(err)
		}
		v := h.Value(quotesOf(m, today), today, nil)
		sum := money.Zero
		for _, c := range v.Contributions {
			sum = sum.Add(c.Amount)
		}
		if change := known(t, "day change", v.DayChange); !sum.Equal(change) {
			t.Fatalf("contributions sum to %s, the day change is %s", sum, change)
		}
		out, err := bookEvaluation(book, m, "").run(period{from: today, to: today})
		if err != nil {
			t.Fatal(err)
		}
		if want := known(t, "value", out.Totals.Value); !known(t, "value", v.Value).Equal(want) {
			t.Fatalf("worth %s, evaluate says %s", v.Value, want)
		}
		if want := known(t, "profit", out.Totals.Profit); !sum.Equal(want) {
			t.Fatalf("day change %s, evaluate says %s: %+v", sum, want, v.Contributions)
		}
		checkPositions(t, v, h, book, m, today)
	})
}

// checkPositions holds a valuation's parts against evaluate since the beginning, and its allocations against its value.
func checkPositions(t *rapid.T, v Valuation, h *Holdings, book ledger.Book, m *Market, today market.Date) {
	all, err := Performance(book, m, market.NoDate, today, "")
	if err != nil {
		t.Fatal(err)
	}
	profit, quantity := map[market.InstrumentID]money.Maybe{}, map[market.InstrumentID]money.Decimal{}
	for _, line := range all.Positions {
		if _, ok := profit[line.Instrument]; !ok {
			profit[line.Instrument] = money.Known(money.Zero)
		}
		profit[line.Instrument] = profit[line.Instrument].Add(line.ProfitBase)
		quantity[line.Instrument] = quantity[line.Instrument].Add(line.Quantity)
	}
	weights, value := 0.0, money.Zero
	for _, p := range v.Positions {
		if !p.Quantity.Equal(quantity[p.Instrument]) {
			t.Fatalf("%s: %s held, evaluate says %s", p.Instrument, p.Quantity, quantity[p.Instrument])
		}
		value = value.Add(known(t, "value", p.ValueBase))
		weights += p.Weight.Or(money.Zero).Float64()
		lots := money.Zero
		for _, lot := range h.Lots(p.Instrument) {
			lots = lots.Add(lot.Quantity)
		}
		if !lots.Equal(p.Quantity) {
			t.Fatalf("%s: lots of %s, quantity %s", p.Instrument, lots, p.Quantity)
		}
	}
	if total := known(t, "value", v.Value); !value.Add(known(t, "cash", v.Cash)).Equal(total) {
		t.Fatalf("positions %s and cash %s are not %s", value, v.Cash, total)
	}
	for _, by := range []By{ByClass, BySector, ByCountry, ByCurrency, ByAccount} {
		shares, err := Allocation(v, h, book, by)
		if err != nil {
			t.Fatal(err)
		}
		sum := money.Zero
		for _, g := range shares.Groups {
			items := money.Zero
			for _, item := range g.Items {
				items = items.Add(item.Value)
			}
			if !items.Equal(g.Value) {
				t.Fatalf("by %s: %s is %s, its items %s", by, g.Key, g.Value, items)
			}
			sum = sum.Add(g.Value)
		}
		if !sum.Equal(known(t, "value", v.Value)) {
			t.Fatalf("by %s: groups sum to %s of %s", by, sum, v.Value)
		}
	}
	snapshot, err := ReadSnapshot(h.Snapshot())
	if err != nil || len(snapshot.Positions) != len(v.Positions) {
		t.Fatalf("snapshot: %+v %v", snapshot, err)
	}
	for _, p := range snapshot.Positions {
		if !p.Quantity.Equal(quantity[p.Instrument]) {
			t.Fatalf("snapshot of %s: %s, held %s", p.Instrument, p.Quantity, quantity[p.Instrument])
		}
	}
}

// What comes after a day never changes the figures of it.
func TestTheFutureDoesNotChangeThePast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book, m := drawBook(t, true)
		p := drawPeriod(t)
		v := bookEvaluation(book, m, "")
		want, err := v.run(p)
		if err != nil {
			t.Fatal(err)
		}
		cut := book
		cut.Activities = slices.Clone(book.Activities)
		cut.Activities = slices.DeleteFunc(cut.Activities, func(a ledger.Activity) bool { return a.Date > p.to })
		short := bookEvaluation(cut, m, "")
		short.rules.tracked = v.rules.tracked
		past := &Market{Series: map[market.InstrumentID]*market.Series{}}
		for _, id := range slices.Sorted(maps.Keys(m.Series)) {
			var bars []market.Bar
			for i := range m.Series[id].Len() {
				if m.Series[id].Dates[i] <= p.to {
					bars = append(bars, market.Bar{Date: m.Series[id].Dates[i], Close: m.Series[id].Close(i)})
				}
			}
			past.Series[id] = series(id, m.Series[id].Currency, bars...)
		}
		short.rates, short.prices = newCrossRates(short.rules.base, past), newPriceBook(past.Series, short.entries)
		got, err := short.run(p)
		if err != nil {
			t.Fatal(err)
		}
		sameTotals(t, got, want, 0)
	})
}

// discardRefused draws another case where evaluate refuses this one for a reason that it names, such as a dividend of a short
// position that is reinvested. Any other error fails the law.
func discardRefused(t *rapid.T, err error) {
	t.Helper()
	if !fault.Is(err, fault.Invalid) {
		t.Fatal(err)
	}
	t.Skip(err.Error())
}
