package figures

import (
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// ComparedDay is one day of a portfolio beside the same money in a benchmark.
type ComparedDay struct {
	Date      market.Date
	Value     money.Maybe // of the portfolio at the end of the day, in the base currency
	Benchmark money.Maybe // what the same cash flows would be worth in the benchmark
	TWR       *Float      // of the benchmark's closes alone since the start of the period, as evaluate's benchmark_twr; nil before its first
}

// Comparison is a portfolio beside a benchmark that took the same cash flows. The opening value buys units of the benchmark at
// its last close before the period, else at the one on its first day; what is paid in buys, and what is taken out sells, units at
// the close that stands at the end of that day, turned into the base currency at that day's rate. Units are quotients of 34
// digits. Closes are raw: distributions of the benchmark are not reinvested, and of its splits only those that the portfolio's
// own activities name are known.
type Comparison struct {
	Instrument     market.InstrumentID
	Base           money.Currency
	From, To       market.Date
	Days           []ComparedDay // every day of the period
	Value          money.Maybe   // at the end of the period
	BenchmarkValue money.Maybe
	Difference     money.Maybe // value − benchmark value
	Returns        Returns     // evaluate's, with BenchmarkTWR from the benchmark's closes alone and Excess
	Risk           Risk        // evaluate's, with beta, alpha and tracking error against the benchmark
	BenchmarkXIRR  XIRR        // of the same flows with the benchmark's closing value in place of the portfolio's
	Problems       []Problem
}

// Benchmark compares a portfolio with an instrument whose closes are in m, both days whole; market.NoDate as from begins with
// the first activity. Where more is taken out than the benchmark is worth, it gives what it has and goes on at 0.
func Benchmark(book ledger.Book, m *Market, id market.InstrumentID, from, to market.Date) (Comparison, error) {
	from, err := checkPeriod(book, from, to)
	if err != nil {
		return Comparison{}, err
	}
	if m == nil || m.Series[id] == nil {
		return Comparison{}, fault.At("instrument", "There are no prices of this instrument.")
	}
	w, err := walkBook(book, m, from, to, nil)
	if err != nil {
		return Comparison{}, err
	}
	rival := newRival(w, id, m.Series[id].Currency)
	out := w.figures(period{from: from, to: to, benchmark: rival.closes(), series: true}, w.start)
	c := Comparison{
		Instrument: id, Base: w.base, From: from, To: to, Value: out.Totals.Value, Returns: out.Returns, Risk: out.Risk,
		Days: make([]ComparedDay, len(out.Series)),
	}
	rival.open(w.start)
	flows := make([]flow, 0, len(w.track.flows))
	paidIn, takenOut := money.Known(money.Zero), money.Known(money.Zero)
	for i, day := range out.Series {
		taken := rival.take(day.Date, day.PaidIn, day.TakenOut)
		if !isNothing(day.PaidIn) || !isNothing(taken) {
			flows = append(flows, flow{day.Date, day.PaidIn, taken})
			paidIn, takenOut = paidIn.Add(day.PaidIn), takenOut.Add(taken)
		}
		c.Days[i] = ComparedDay{day.Date, day.Value, rival.worth(day.Date), rival.twr(day.Date)}
		c.BenchmarkValue = c.Days[i].Benchmark
	}
	c.Difference = c.Value.Sub(c.BenchmarkValue)
	same := Output{Totals: Totals{ValueStart: w.start, Value: c.BenchmarkValue}}
	profit := c.BenchmarkValue.Sub(w.start).Sub(paidIn).Add(takenOut)
	same.Returns.ModifiedDietz = modifiedDietz(profit, w.start, flows, from, to)
	c.BenchmarkXIRR = same.xirr(period{from: from, to: to}, flows)
	c.Problems = w.found()
	return c, nil
}

func isNothing(m money.Maybe) bool {
	x, ok := m.Get()
	return ok && x.IsZero()
}

// rival is the same money in a benchmark.
type rival struct {
	walked
	instrument market.InstrumentID
	currency   money.Currency
	units      money.Maybe
	prices     []money.Maybe // in the base currency at the end of each day, from the day before the period on
}

func newRival(w walked, id market.InstrumentID, currency money.Currency) *rival {
	r := &rival{walked: w, instrument: id, currency: currency, prices: make([]money.Maybe, 0, int(w.to-w.from)+2)}
	for on := w.from - 1; on <= w.to; on++ {
		price, _ := w.prices.at(id, on)
		r.prices = append(r.prices, price.Mul(w.rates.rate(currency, on)))
	}
	return r
}

func (r *rival) price(on market.Date) money.Maybe { return r.prices[on-(r.from-1)] }

// closes are the benchmark's in the base currency, one for each day that has one.
func (r *rival) closes() *market.Series {
	bars := make([]market.Bar, 0, len(r.prices))
	for i, price := range r.prices {
		if x, ok := price.Get(); ok {
			bars = append(bars, market.Bar{Date: r.from - 1 + market.Date(i), Close: x})
		}
	}
	s := market.NewSeries(r.instrument, r.base, bars)
	return &s
}

// first is what the benchmark cost before the period, else on its first day.
func (r *rival) first() money.Maybe {
	if before := r.price(r.from - 1); before.IsKnown() {
		return before
	}
	return r.price(r.from)
}

// twr is how the benchmark alone did up to a day.
func (r *rival) twr(on market.Date) *Float {
	first, ok := r.first().Get()
	last, ok2 := r.price(on).Get()
	if !ok || !ok2 || first.Sign() <= 0 {
		return nil
	}
	return rated(last.Float64()/first.Float64() - 1)
}

// open puts the opening value into the benchmark.
func (r *rival) open(worth money.Maybe) {
	r.units = money.Known(money.Zero)
	if isNothing(worth) {
		return
	}
	if r.units = worth.Quo(r.first()); r.units.IsKnown() && r.units.Or(money.Zero).Sign() < 0 {
		r.problems.add("benchmark", "the portfolio was worth less than nothing before %s; the benchmark begins at 0", r.from)
		r.units = money.Known(money.Zero)
	}
	r.check(r.from)
}

// take pays a day's money in, takes money out, and is what could be taken out.
func (r *rival) take(on market.Date, in, out money.Maybe) (taken money.Maybe) {
	if isNothing(in) && isNothing(out) {
		return out
	}
	price := r.price(on)
	r.units = r.units.Add(in.Quo(price))
	left := r.units.Sub(out.Quo(price))
	if x, ok := left.Get(); ok && x.Sign() < 0 {
		r.problems.add("benchmark", "more was taken out on %s than the benchmark was worth; it goes on at 0", on)
		out, left = r.worth(on), money.Known(money.Zero)
	}
	r.units = left
	r.check(on)
	return out
}

// check names what is missing where the units can't be known.
func (r *rival) check(on market.Date) {
	if r.units.IsKnown() {
		return
	}
	price := r.bookkeeper.price(r.instrument, on)
	if rate := r.rateOn(r.currency, on); isNothing(price) || isNothing(rate) {
		r.problems.add("benchmark", "it cost nothing on %s, so that nothing can be paid in", on)
	}
}

// worth is what the units are worth at the end of a day.
func (r *rival) worth(on market.Date) money.Maybe {
	if isNothing(r.units) {
		return r.units
	}
	return r.units.Mul(r.price(on))
}
