package figures

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

func dec(text string) *money.Decimal {
	x := money.MustParse(text)
	return &x
}

func series(id market.InstrumentID, currency money.Currency, bars ...market.Bar) *market.Series {
	s := market.NewSeries(id, currency, bars)
	return &s
}

func TestQuotientIsThatOfMoney(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		any := rapid.OneOf(rapid.Int64Range(1, 99_999), rapid.Int64Range(1, math.MaxInt64))
		a, b := any.Draw(t, "a"), any.Draw(t, "b")
		p, q := int32(rapid.IntRange(0, 12).Draw(t, "places of a")), int32(rapid.IntRange(0, 12).Draw(t, "places of b"))
		got := quotient(a, p, b, q)
		n := wide{got.coefficient.low, got.coefficient.high}.decimal(got.places)
		if want := money.NewDecimal(a, -p).Quo(money.NewDecimal(b, -q)); !n.Equal(want) {
			t.Fatalf("%de-%d / %de-%d = %s, want %s", a, p, b, q, n, want)
		}
	})
}

func TestWide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		factor := wide{rapid.Uint64().Draw(t, "low"), rapid.Uint64Range(0, 1<<50).Draw(t, "high")}
		w := product(a, b).by(&factor)
		r := new(big.Int).Lsh(new(big.Int).SetUint64(factor[1]), 64)
		r.Or(r, new(big.Int).SetUint64(factor[0]))
		want := new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
		want.Mul(want, r)
		if got := w.decimal(0).String(); got != want.String() {
			t.Fatalf("%d · %d · %s = %s, want %s", a, b, r, got, want)
		}
		f, _ := new(big.Float).SetInt(want).Float64()
		if got := w.float(); math.Abs(got-f) > 1e-14*math.Abs(f) {
			t.Fatalf("%s as a double is %g", want, got)
		}
		if w.sign() != want.Sign() || w.neg().neg() != w || w.sub(w).sign() != 0 {
			t.Fatalf("sign of %s", want)
		}
		if got := double.isZero(product(a, b)); got != (a == 0 || b == 0) {
			t.Fatal("zero")
		}
	})
}

// drawBook draws a portfolio that ledger.Apply would take, with prices and rates for it.
func drawBook(t *rapid.T, shorts bool) (ledger.Book, *Market) {
	base := rapid.SampledFrom([]money.Currency{"EUR", "USD"}).Draw(t, "base")
	book := ledger.Book{
		Portfolio:   ledger.Portfolio{BaseCurrency: base, LotMethod: rapid.SampledFrom([]ledger.LotMethod{ledger.FIFO, ledger.Average}).Draw(t, "method"), AllowShort: shorts},
		Accounts:    []ledger.Account{{ID: "a"}, {ID: "b"}},
		Instruments: map[market.InstrumentID]market.Instrument{},
	}
	m := &Market{Series: map[market.InstrumentID]*market.Series{}}
	const origin, span = 19000, 60
	walk := func(id market.InstrumentID, currency money.Currency, start, gaps int) {
		var bars []market.Bar
		price := int64(start)
		for d := origin - 5; d < origin+span; d++ {
			if d == origin-5 || rapid.IntRange(0, gaps).Draw(t, "bar") > 0 {
				price = max(1, price+rapid.Int64Range(-int64(start/10)-1, int64(start/10)+1).Draw(t, "move"))
				bars = append(bars, market.Bar{Date: market.Date(d), Close: money.NewDecimal(price, -int32(rapid.SampledFrom([]int{2, 2, 2, 4}).Draw(t, "places")))})
			}
		}
		m.Series[id] = series(id, currency, bars...)
	}
	walk(market.RateID("USD"), "USD", 108, 3)
	walk(market.RateID("JPY"), "JPY", 16123, 3)
	currencies := []money.Currency{"EUR", "USD", "JPY"}
	for i := range rapid.IntRange(1, 4).Draw(t, "instruments") {
		id := market.InstrumentID(fmt.Sprintf("i%d", i))
		c := rapid.SampledFrom(currencies).Draw(t, "currency")
		book.Instruments[id] = market.Instrument{ID: id, Symbol: string(id), Currency: c, Class: market.Stock}
		walk(id, c, rapid.IntRange(50, 50000).Draw(t, "price"), 4)
	}
	for i := range rapid.IntRange(1, 25).Draw(t, "activities") {
		a := drawActivity(t, book, i)
		a.Date = market.Date(origin + rapid.IntRange(0, span-20).Draw(t, "day"))
		if after, err := ledger.Apply(book, ledger.Changes{Added: []ledger.Activity{a}}, origin+span); err == nil {
			book = after
		}
	}
	return book, m
}

func drawActivity(t *rapid.T, book ledger.Book, i int) ledger.Activity {
	number := func(label string, most int64, places int32) *money.Decimal {
		x := money.NewDecimal(rapid.Int64Range(1, most).Draw(t, label), -places)
		return &x
	}
	a := ledger.Activity{
		ID:      ledger.ActivityID(fmt.Sprintf("x%d", i)),
		Account: rapid.SampledFrom([]ledger.AccountID{"a", "b"}).Draw(t, "account"),
		Type: rapid.SampledFrom([]ledger.Type{
			ledger.Buy, ledger.Buy, ledger.Buy, ledger.Sell, ledger.Sell, ledger.DeliverIn, ledger.DeliverOut, ledger.Transfer, ledger.Dividend,
			ledger.Dividend, ledger.Interest, ledger.Fee, ledger.Tax, ledger.Split, ledger.Deposit, ledger.Withdrawal,
		}).Draw(t, "type"),
	}
	if rapid.IntRange(0, 3).Draw(t, "fee") == 0 {
		a.Fee, a.Tax = *number("fee", 999, 2), *number("tax", 999, 2)
	}
	instrument := market.InstrumentID(fmt.Sprintf("i%d", rapid.IntRange(0, len(book.Instruments)-1).Draw(t, "instrument")))
	switch a.Type {
	case ledger.Deposit, ledger.Withdrawal, ledger.Interest, ledger.Fee, ledger.Tax:
		a.Amount = number("amount", 999_999, 2)
		a.Currency = rapid.SampledFrom([]money.Currency{"EUR", "USD", "JPY"}).Draw(t, "currency")
		a.Refund = (a.Type == ledger.Fee || a.Type == ledger.Tax) && rapid.Bool().Draw(t, "refund")
		if a.Type == ledger.Interest && rapid.Bool().Draw(t, "paid") {
			*a.Amount = a.Amount.Neg()
		}
	case ledger.Dividend:
		a.Instrument, a.Amount = instrument, number("amount", 99_999, 2)
		if rapid.IntRange(0, 4).Draw(t, "reinvest") == 0 {
			a.Reinvest, a.Quantity, a.Fee, a.Tax = true, number("quantity", 9_999, 3), money.Zero, money.Zero
		}
	case ledger.Split:
		a.Instrument, a.Account = instrument, ""
		a.Ratio = &ledger.Ratio{New: *number("new", 4, 0), Old: *number("old", 2, 0)}
	default:
		a.Instrument, a.Quantity, a.Price = instrument, number("quantity", 99_999, 3), number("price", 99_999, 2)
		if a.Type == ledger.Transfer {
			a.Price = nil
			a.ToAccount = map[ledger.AccountID]ledger.AccountID{"a": "b", "b": "a"}[a.Account]
		}
		if rapid.IntRange(0, 5).Draw(t, "booked rate") == 0 {
			a.FXRate = number("fx", 99_999, 4)
		}
	}
	return a
}

// The kernel's series is that of decimals, to the last digit.
func TestKernelIsExact(t *testing.T) {
	taken, drawn := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		book, m := drawBook(t, false)
		from := market.Date(19000 + rapid.IntRange(-3, 40).Draw(t, "from"))
		to := from + market.Date(rapid.IntRange(0, 30).Draw(t, "days"))
		want, err := historyExact(bookEvaluation(book, m, ""), from, to)
		if err != nil {
			t.Fatal(err)
		}
		drawn++
		got, ok := historyScaled(book, m, from, to)
		if !ok {
			return
		}
		taken++
		if got.Len() != want.Len() {
			t.Fatalf("%d days, want %d", got.Len(), want.Len())
		}
		same := func(a, b money.Maybe) bool {
			x, ok1 := a.Get()
			y, ok2 := b.Get()
			return ok1 && ok2 && x.Equal(y)
		}
		for i := range want.Len() {
			a, b := got.Day(i), want.Day(i)
			if a.Date != b.Date || !same(a.Value, b.Value) || !same(a.PaidIn, b.PaidIn) || !same(a.TakenOut, b.TakenOut) || !same(a.NetPaidIn, b.NetPaidIn) {
				t.Fatalf("day %d: %+v, want %+v", i, a, b)
			}
			if b.TWR == nil || math.Abs(*a.TWR-*b.TWR) > 1e-9*(1+math.Abs(*b.TWR)) || math.Abs(*a.Drawdown-*b.Drawdown) > 1e-9 {
				t.Fatalf("day %d: twr %v %v, want %v %v", i, *a.TWR, *a.Drawdown, b.TWR, b.Drawdown)
			}
		}
	})
	t.Logf("the kernel took %d of %d portfolios", taken, drawn)
	if taken*4 < drawn {
		t.Errorf("the kernel took only %d of %d portfolios", taken, drawn)
	}
}

// What the kernel makes of a walk is what decimals make of it, to the last bit of every rate: short positions too.
func TestScaledTrackIsExact(t *testing.T) {
	taken, drawn := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		book, m := drawBook(t, true)
		from := market.Date(19000 + rapid.IntRange(-3, 40).Draw(t, "from"))
		to := from + market.Date(rapid.IntRange(0, 30).Draw(t, "days"))
		w, _, err := bookEvaluation(book, m, "").walk(from, to, nil)
		if err != nil {
			t.Fatal(err)
		}
		drawn++
		got, ok := scaledTrack(&w.track, w.prices, w.rates, from, to)
		if !ok {
			return
		}
		taken++
		var found problems
		days := daily(&w.track, w.prices, w.rates, from, to, &found)
		links := chain(w.start, days, &found)
		if len(found.list) > 0 {
			t.Fatalf("the kernel takes what has problems: %v", found.list)
		}
		if got := got.links(); !slices.Equal(got, links) {
			t.Fatalf("links %+v, want %+v", got, links)
		}
		for i, day := range got.dayValues() {
			want := days[i]
			for name, pair := range map[string][2]money.Maybe{"value": {day.value, want.value}, "in": {day.in, want.in}, "out": {day.out, want.out}} {
				x, ok1 := pair[0].Get()
				y, ok2 := pair[1].Get()
				if !ok1 || !ok2 || !x.Equal(y) {
					t.Fatalf("%s: %s is %s, want %s", day.date, name, pair[0], pair[1])
				}
			}
		}
	})
	t.Logf("the kernel took %d of %d walks", taken, drawn)
	if taken*4 < drawn {
		t.Errorf("the kernel took only %d of %d walks", taken, drawn)
	}
}

// benchBook is 10,000 activities on 50 instruments over 20 years of trading days.
func benchBook(currencies []money.Currency) (ledger.Book, *Market, market.Date, market.Date) {
	from := market.NewDate(2004, 1, 1)
	to := market.NewDate(2023, 12, 31)
	book := ledger.Book{Portfolio: ledger.Portfolio{BaseCurrency: "EUR"}, Instruments: map[market.InstrumentID]market.Instrument{}}
	m := &Market{Series: map[market.InstrumentID]*market.Series{}}
	seed := uint64(1)
	random := func(n int64) int64 {
		seed = seed*6364136223846793005 + 1442695040888963407
		return int64(seed>>33) % n
	}
	walk := func(start, step int64, places int32) []market.Bar {
		var bars []market.Bar
		for d := from - 7; d <= to; d++ {
			if w := d.Weekday(); w != time.Saturday && w != time.Sunday {
				start = max(start/2, start+random(2*step+1)-step)
				bars = append(bars, market.Bar{Date: d, Close: money.NewDecimal(start, -places)})
			}
		}
		return bars
	}
	for _, c := range currencies {
		if c != "EUR" {
			m.Series[market.RateID(c)] = series(market.RateID(c), c, walk(11000, 50, 4)...)
		}
	}
	var ids []market.InstrumentID
	for i := range 50 {
		id := market.InstrumentID(fmt.Sprintf("instrument-%02d", i))
		c := currencies[i%len(currencies)]
		book.Instruments[id] = market.Instrument{ID: id, Currency: c}
		m.Series[id] = series(id, c, walk(10000, 100, 2)...)
		ids = append(ids, id)
	}
	const activities = 10_000
	span := int64(to - from)
	for i := range int64(activities) {
		id := ids[random(50)]
		quantity, price := money.NewDecimal(100+random(100_000), -3), money.NewDecimal(9000+random(2000), -2)
		a := ledger.Activity{
			ID: ledger.ActivityID(fmt.Sprint(i)), Date: weekday(from + market.Date(i*span/activities)), Type: ledger.Buy, Account: "a", Instrument: id,
			Quantity: &quantity, Price: &price, Currency: book.Instruments[id].Currency, Fee: money.NewDecimal(random(500), -2), Position: i,
		}
		if i > 500 && i%5 == 0 { // sells little, so that nothing is oversold
			a.Type, quantity = ledger.Sell, money.NewDecimal(100+random(1000), -3)
		}
		book.Activities = append(book.Activities, a)
	}
	return book, m, from, to
}

// weekday is a day, or the Friday before a weekend's.
func weekday(d market.Date) market.Date {
	for d.Weekday() == time.Saturday || d.Weekday() == time.Sunday {
		d--
	}
	return d
}

// BenchmarkRatioHistory is the daily exact series with its chained return against one read of the same prices, in turn.
func BenchmarkRatioHistory(b *testing.B) {
	for _, c := range []struct {
		name       string
		currencies []money.Currency
	}{{"one currency", []money.Currency{"EUR"}}, {"three currencies", []money.Currency{"EUR", "USD", "GBP"}}} {
		b.Run(c.name, func(b *testing.B) {
			book, m, from, to := benchBook(c.currencies)
			var closes [][]int64
			for _, s := range m.Series {
				closes = append(closes, s.Closes)
			}
			kernel, floor := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
			sum := int64(0)
			for b.Loop() {
				begun := time.Now()
				for _, one := range closes {
					for _, x := range one {
						sum += x
					}
				}
				floor = min(floor, time.Since(begun))
				begun = time.Now()
				d, ok := historyScaled(book, m, from, to)
				kernel = min(kernel, time.Since(begun))
				if !ok || d.Len() != int(to-from)+1 {
					b.Fatal("the kernel doesn't take it")
				}
			}
			if sum == 0 {
				b.Fatal("nothing read")
			}
			b.ReportMetric(float64(kernel)/float64(floor), "x-floor")
			b.ReportMetric(float64(floor.Microseconds()), "floor-us")
			b.ReportMetric(float64(kernel.Microseconds()), "kernel-us")
		})
	}
}
