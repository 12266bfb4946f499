package figurestest

import (
	"errors"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// asBook is a case as the service has it: a portfolio and a market whose rates are quoted against EUR. Only rates with a reciprocal that
// has an end mean the same in both, and only EUR itself needs no second quotient.
func (c *caseFile) asBook() (ledger.Book, *figures.Market, bool) {
	book := ledger.Book{
		Portfolio:   ledger.Portfolio{BaseCurrency: money.Currency(c.Base), LotMethod: ledger.LotMethod(c.Method), LotScope: ledger.LotScope(c.Scope), AllowShort: true},
		Instruments: map[market.InstrumentID]market.Instrument{},
	}
	m := &figures.Market{Series: map[market.InstrumentID]*market.Series{}}
	if c.Base != string(market.RateBase) || !*c.FeesInCost || c.Benchmark != nil || c.RiskFree != "" {
		return book, m, false
	}
	for code, s := range c.FX {
		var bars []market.Bar
		for _, on := range slices.Sorted(maps.Keys(s)) {
			inverse := per(whole(1), number(s[on]))
			if places, end := inverse.FloatPrec(); !end || places > 20 {
				return book, m, false
			}
			bars = append(bars, market.Bar{Date: date(on), Close: money.MustParse(plain(inverse))})
		}
		rates := market.NewSeries(market.RateID(money.Currency(code)), money.Currency(code), bars)
		m.Series[market.RateID(money.Currency(code))] = &rates
	}
	for symbol, q := range c.Prices {
		currency, factor := major(q.Currency)
		var bars []market.Bar
		for _, on := range slices.Sorted(maps.Keys(q.Closes)) {
			bars = append(bars, market.Bar{Date: date(on), Close: money.MustParse(plain(times(number(q.Closes[on]), factor)))})
		}
		prices := market.NewSeries(market.InstrumentID(symbol), money.Currency(currency), bars)
		m.Series[market.InstrumentID(symbol)] = &prices
	}
	o := newOracle(c)
	for symbol, unit := range o.units {
		book.Instruments[market.InstrumentID(symbol)] = market.Instrument{ID: market.InstrumentID(symbol), Symbol: symbol, Currency: money.Currency(unit)}
	}
	for _, a := range inOrder(c.Activities) {
		book.Activities = append(book.Activities, o.asActivity(a))
	}
	return book, m, true
}

func date(on day) market.Date { return market.DateOf(time.Unix(int64(on)*86400, 0).UTC()) }

// asActivity is an activity with what the reader of cases fills in, in major units.
func (o *oracle) asActivity(a *activity) ledger.Activity {
	b := o.booked(a)
	_, factor := major(a.Currency)
	given := func(text string, by fraction) *money.Decimal {
		if text == "" {
			return nil
		}
		x := money.MustParse(plain(times(number(text), by)))
		return &x
	}
	out := ledger.Activity{
		ID: ledger.ActivityID(a.ID), Date: date(a.Date), Type: ledger.Type(a.Type), Account: ledger.AccountID(b.account), Instrument: market.InstrumentID(a.Symbol),
		Quantity: given(a.Quantity, whole(1)), Price: given(a.Price, factor), Amount: given(a.Amount, factor), Currency: money.Currency(b.currency),
		Fee: money.MustParse(plain(b.fee)), Tax: money.MustParse(plain(b.tax)), ToAccount: ledger.AccountID(a.ToAccount), Reinvest: a.Reinvest, Refund: a.Refund,
		ToInstrument: market.InstrumentID(a.ToSymbol), CostShare: given(a.CostShare, whole(1)),
	}
	if a.FXRate != "" {
		out.FXRate = given(plain(b.rate), whole(1))
	}
	if a.Account == "" && out.Type.OfEveryAccount() {
		out.Account = ""
	}
	if a.Ratio != "" {
		r, err := ledger.ParseRatio(a.Ratio)
		if err != nil {
			panic(err)
		}
		out.Ratio = &r
	}
	if a.ToCurrency != "" {
		currency, factor := major(a.ToCurrency)
		out.ToCurrency, out.ToAmount = money.Currency(currency), given(a.ToAmount, factor)
	}
	for _, l := range a.Lots {
		out.Lots = append(out.Lots, ledger.Choice{ID: ledger.ActivityID(l.ID), Quantity: money.MustParse(l.Quantity)})
	}
	return out
}

// lawOfOnePath: the service's figures of a portfolio are those of the case: its performance, its history by whichever kernel, and
// what it is worth from its snapshot of holdings and the marks of the day.
func lawOfOnePath(t *rapid.T, c *caseFile, a *answer) (done bool) {
	book, m, ok := c.asBook()
	if !ok {
		return false
	}
	from, to := date(a.from), date(a.to)
	got, err := figures.Performance(book, m, from, to, "")
	if err != nil {
		t.Fatalf("performance: %v\n%s", err, c)
	}
	history, err := figures.History(book, m, from, to)
	if err != nil {
		t.Fatalf("history: %v\n%s", err, c)
	}
	got.Series = nil
	for i := range history.Len() {
		d := history.Day(i)
		got.Series = append(got.Series, figures.DayLine{Date: d.Date, Value: d.Value, PaidIn: d.PaidIn, TakenOut: d.TakenOut, TWR: (*figures.Float)(d.TWR), Drawdown: (*figures.Float)(d.Drawdown)})
	}
	if differences := compare(a, got); len(differences) > 0 {
		t.Fatalf("of a portfolio: %v\n%s", differences[:min(8, len(differences))], c)
	}
	lawOfMarks(t, c, a, book, m)
	return true
}

// lawOfMarks: holdings up to a day at its closes are worth what evaluate says.
func lawOfMarks(t *rapid.T, c *caseFile, a *answer, book ledger.Book, m *figures.Market) {
	today := date(a.to)
	book.Activities = slices.DeleteFunc(slices.Clone(book.Activities), func(x ledger.Activity) bool { return x.Date > today })
	quotes := figures.Quotes{}
	for id, s := range m.Series {
		if price, made, ok := s.At(today); ok {
			quotes[id] = market.Mark{
				Quote:        market.Quote{Instrument: id, Price: price, Currency: s.Currency, MarketTime: made.Time().Add(17 * time.Hour)},
				PreviousDate: market.NoDate,
			}
		}
	}
	h, err := figures.Hold(book, m)
	if err != nil {
		t.Fatalf("hold: %v\n%s", err, c)
	}
	if !slices.ContainsFunc(c.Activities, func(x *activity) bool { return x.Type == "deposit" && x.Date <= a.to }) && a.tracked {
		return // cash is tracked only from a later deposit on
	}
	v := h.Value(quotes, today, nil)
	check := &comparison{want: a}
	// What one account owes and another has of a symbol without a price is listed, and leaves the sum of nothing else unknown.
	if want := a.totals["value"]; want != nil && (v.Value.IsKnown() || want.Sign() != 0) {
		check.amount("value from marks", a.totals["value"], v.Value)
	}
	quantities := map[string]fraction{}
	for at, l := range a.positions {
		if quantities[at.symbol] == nil {
			quantities[at.symbol] = whole(0)
		}
		quantities[at.symbol] = plus(quantities[at.symbol], l.quantity)
	}
	snapshot, err := figures.ReadSnapshot(h.Snapshot())
	if errors.Is(err, money.ErrRange) {
		return // products of awkward numbers are longer than any number that is read
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range snapshot.Positions {
		want := quantities[string(p.Instrument)]
		if want == nil {
			want = whole(0)
		}
		check.same("quantity in the snapshot of "+string(p.Instrument), want, exact(p.Quantity), a.scaleQuantity)
	}
	if len(check.differences) > 0 {
		t.Fatalf("%v\n%s", check.differences, c)
	}
}
