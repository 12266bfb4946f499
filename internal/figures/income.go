package figures

import (
	"cmp"
	"slices"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// earned is one dividend or interest as the walk booked it, in the base currency at the rate it was booked with.
type earned struct {
	date            market.Date
	instrument      market.InstrumentID // empty for interest on cash
	currency        money.Currency      // it was paid in
	gross, tax, fee money.Maybe
}

// earn tells whoever listens of income; gross is signed, since the holder of a short position pays.
func (k *bookkeeper) earn(e entry, gross money.Maybe, s sums) {
	if k.listen != nil {
		k.listen(earned{e.Date, e.Instrument, e.Currency, s.rate.Mul(gross), s.rate.Mul(s.tax), s.rate.Mul(s.fee)})
	}
}

// IncomeSum is dividends and interest in the base currency, each at the rate it was booked with, else at its day's.
type IncomeSum struct {
	Gross money.Maybe // before tax and fee; below 0 where more interest, or dividends on short positions, was paid than received
	Tax   money.Maybe // withheld, as booked with the dividend or interest itself
	Fee   money.Maybe // booked with it
	Net   money.Maybe // gross − tax − fee
}

func noIncome() IncomeSum {
	nothing := money.Known(money.Zero)
	return IncomeSum{nothing, nothing, nothing, nothing}
}

func (s *IncomeSum) add(x earned) {
	s.Gross, s.Tax, s.Fee = s.Gross.Add(x.gross), s.Tax.Add(x.tax), s.Fee.Add(x.fee)
	s.Net = s.Net.Add(x.gross.Sub(x.tax).Sub(x.fee))
}

// IncomeItem is what one instrument, or the cash in one currency, earned.
type IncomeItem struct {
	Instrument market.InstrumentID // empty for cash
	Currency   money.Currency      // that it was paid in, for cash
	IncomeSum
}

// IncomeMonth is the income of one month, within the period; its items sum to it.
type IncomeMonth struct {
	Month Month
	IncomeSum
	Items []IncomeItem // by gross falling, what is unknown last
}

// IncomeYear is the income of one calendar year, within the period; its months sum to it.
type IncomeYear struct {
	Year int
	IncomeSum
}

// Yield is what open positions paid in the twelve months up to the end of the period: dividends, and interest booked on an
// instrument, as received, whatever was held when they were. Its divisors stand at the end of the period.
type Yield struct {
	Instrument market.InstrumentID // empty for all of them together
	Gross      money.Maybe         // in the base currency
	Value      money.Maybe         // of what pays it, in the base currency
	Cost       money.Maybe         // the same
	OnValue    money.Maybe         // gross / value to 34 digits, 0.03 is 3 %; unknown where the value isn't above 0
	OnCost     money.Maybe         // gross / cost to 34 digits; unknown where the cost isn't above 0
}

func (y *Yield) divide() {
	over := func(whole money.Maybe) money.Maybe {
		if x, ok := whole.Get(); !ok || x.Sign() <= 0 {
			return money.Unknown
		}
		return y.Gross.Quo(whole)
	}
	y.OnValue, y.OnCost = over(y.Value), over(y.Cost)
}

// Earnings is the income of a period by month and year, and what the holdings at its end yield. Sums are exact.
type Earnings struct {
	Base     money.Currency
	From, To market.Date
	IncomeSum
	Months       []IncomeMonth // every month of the period, rising
	Years        []IncomeYear  // every year of it, rising
	TrailingFrom market.Date   // first of the twelve months that the yields are of; they end with the period
	Trailing     Yield         // of all open positions together; what has been sold since and cash are not in it
	Positions    []Yield       // of each open position, by instrument
	Problems     []Problem
}

// Income works out what a portfolio earned in a period, both days whole; market.NoDate as from begins with the first
// activity. Gross is evaluate's income: totals.income of the same period to the last digit.
func Income(book ledger.Book, m *Market, from, to market.Date) (Earnings, error) {
	var heard []earned
	w, err := walkBook(book, m, from, to, func(x earned) { heard = append(heard, x) })
	if err != nil {
		return Earnings{}, err
	}
	return w.earnings(heard), nil
}

// earnings is what was heard on a walk, by month and year, and what its end yields.
func (w walked) earnings(heard []earned) Earnings {
	to := w.to
	out := Earnings{Base: w.base, From: w.from, To: w.to, IncomeSum: noIncome(), TrailingFrom: monthsBefore(to, monthsPerYear) + 1}
	for month := monthOf(w.from); month <= monthOf(to); month++ {
		out.Months = append(out.Months, IncomeMonth{Month: month, IncomeSum: noIncome()})
		if n := len(out.Years); n == 0 || out.Years[n-1].Year != month.Year() {
			out.Years = append(out.Years, IncomeYear{month.Year(), noIncome()})
		}
	}
	trailing := map[market.InstrumentID]money.Maybe{}
	for _, x := range heard {
		if x.date >= w.from {
			out.add(x)
			out.Years[monthOf(x.date).Year()-out.Years[0].Year].add(x)
			out.Months[monthOf(x.date)-out.Months[0].Month].add(x)
		}
		if x.date >= out.TrailingFrom && x.instrument != "" {
			sum, ok := trailing[x.instrument]
			if !ok {
				sum = money.Known(money.Zero)
			}
			trailing[x.instrument] = sum.Add(x.gross)
		}
	}
	for i := range out.Months {
		out.Months[i].sort()
	}
	out.yields(w, trailing)
	out.Problems = w.found()
	return out
}

// add books income on a month and on what paid it.
func (m *IncomeMonth) add(x earned) {
	m.IncomeSum.add(x)
	key := IncomeItem{Instrument: x.instrument, IncomeSum: noIncome()}
	if x.instrument == "" {
		key.Currency = x.currency
	}
	at := slices.IndexFunc(m.Items, func(i IncomeItem) bool { return i.Instrument == key.Instrument && i.Currency == key.Currency })
	if at < 0 {
		at = len(m.Items)
		m.Items = append(m.Items, key)
	}
	m.Items[at].IncomeSum.add(x)
}

func (m *IncomeMonth) sort() {
	slices.SortFunc(m.Items, func(a, b IncomeItem) int {
		return cmp.Or(biggest(a.Gross, b.Gross), cmp.Compare(a.Instrument, b.Instrument), cmp.Compare(a.Currency, b.Currency))
	})
}

// biggest orders what is known by size falling, and what isn't after it.
func biggest(a, b money.Maybe) int {
	x, ok := a.Get()
	y, ok2 := b.Get()
	switch {
	case ok && ok2:
		return y.Cmp(x)
	case ok:
		return -1
	case ok2:
		return 1
	}
	return 0
}

// yields works out what the positions that are open at the end yield.
func (e *Earnings) yields(w walked, trailing map[market.InstrumentID]money.Maybe) {
	nothing := money.Known(money.Zero)
	e.Trailing = Yield{Gross: nothing, Value: nothing, Cost: nothing}
	for _, p := range w.sorted() {
		if p.lots.Quantity().IsZero() {
			continue
		}
		line := w.line(p, w.to)
		n := len(e.Positions)
		if n == 0 || e.Positions[n-1].Instrument != p.instrument {
			gross, paid := trailing[p.instrument]
			if !paid {
				gross = nothing
			}
			e.Positions = append(e.Positions, Yield{Instrument: p.instrument, Gross: gross, Value: nothing, Cost: nothing})
			n++
		}
		y := &e.Positions[n-1]
		y.Value, y.Cost = y.Value.Add(line.ValueBase), y.Cost.Add(line.CostBase)
	}
	for i := range e.Positions {
		y := &e.Positions[i]
		y.Gross = y.Gross.Named("income of", string(y.Instrument))
		y.divide()
		e.Trailing.Gross, e.Trailing.Value = e.Trailing.Gross.Add(y.Gross), e.Trailing.Value.Add(y.Value)
		e.Trailing.Cost = e.Trailing.Cost.Add(y.Cost)
	}
	all := &e.Trailing
	all.Gross, all.Value = all.Gross.Named("income of the twelve months", ""), all.Value.Named("value of the open positions", "")
	all.Cost = all.Cost.Named("cost of the open positions", "")
	all.divide()
}
