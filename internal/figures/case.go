package figures

import (
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Evaluate works out every figure of a case. It refuses what can't have happened with a fault.Invalid that names its place.
func Evaluate(in Input) (Output, error) {
	p := period{from: in.from, to: in.to, benchmark: in.benchmark, riskFree: in.riskFree.Float64(), series: in.series}
	switch {
	case in.hasFlows:
		return in.flowsOnly(p), nil
	case in.valuations != nil:
		return in.valued(p), nil
	}
	return in.evaluation().run(p)
}

// evaluation is a case's walk.
func (in *Input) evaluation() evaluation {
	return evaluation{
		rules: in.rules, rates: &caseRates{in.rules.base, in.rates}, prices: newPriceBook(in.prices, in.entries),
		currency: func(id market.InstrumentID) money.Currency { return in.units[id] }, entries: in.entries,
	}
}

// blank is an answer in which nothing is known yet.
func blank(p period) Output {
	return Output{
		Period:    Period{From: p.from, To: p.to, Days: money.NewDecimal(int64(p.days()), 0)},
		Positions: []PositionLine{}, Disposals: []Disposal{}, Problems: []Problem{},
		Returns: Returns{XIRR: XIRR{Status: XIRRNotMeaningful, Roots: []Float{}}},
	}
}

// flowsOnly works out the internal rate of return of flows as they stand.
func (in *Input) flowsOnly(p period) Output {
	out := blank(p)
	if t := in.rules.trace; t != nil {
		t.period, t.loose = p, in.flows
	}
	var hint *float64
	if len(in.flows) > 0 {
		first, last := in.flows[0].date, in.flows[0].date
		profit := money.Zero
		var flows []flow
		for _, f := range in.flows {
			first, last = min(first, f.date), max(last, f.date)
			profit = profit.Add(f.amount)
			one := flow{date: f.date, in: money.Known(money.Zero), out: money.Known(money.Zero)}
			if f.amount.Sign() < 0 {
				one.in = money.Known(f.amount.Neg())
			} else {
				one.out = money.Known(f.amount)
			}
			flows = append(flows, one)
		}
		hint = perYear(modifiedDietz(money.Known(profit), money.Known(money.Zero), flows, first, last), int(last-first)+1)
	}
	out.Returns.XIRR = xirr(in.flows, hint)
	out.Problems = append(out.Problems, Problem{Where: "totals", What: "flows alone give no more than their internal rate of return"})
	return out
}

// valued works out the figures of a portfolio of which only its worth and its flows are known.
func (in *Input) valued(p period) Output {
	out := blank(p)
	var found problems
	book := newTrack(in.rules.base)
	rates := &caseRates{in.rules.base, in.rates}
	nothing := money.Known(money.Zero)
	for _, e := range in.entries {
		rate := rates.rate(e.Currency, e.Date)
		if e.FXRate != nil {
			rate = in.rules.trace.given(e, "fx_rate", *e.FXRate)
		} else if in.rules.trace != nil {
			rate = in.rules.trace.rate(rates, e.Currency, e.Date)
		}
		if !rate.IsKnown() {
			found.add("fx."+string(e.Currency), "no rate on or before %s", e.Date)
		}
		if worth := rate.Mul(in.rules.trace.given(e, "amount", *e.Amount)); e.Amount.Sign() > 0 {
			book.addFlow(e.Date, worth, nothing)
		} else {
			book.addFlow(e.Date, nothing, worth.Neg())
		}
	}
	first := p.from
	if in.first != market.NoDate {
		first = min(first, in.first)
	}
	carried, start := nothing, nothing
	var days []dayValue
	flows := book.flowsWithin(first, p.to)
	for on := first; on <= p.to; on++ {
		day := dayValue{date: on, in: nothing, out: nothing}
		if len(flows) > 0 && flows[0].date == on {
			day.in, day.out = flows[0].in, flows[0].out
			flows = flows[1:]
		}
		carried = carried.Add(day.in).Sub(day.out)
		if i := in.valuations.IndexAt(on); i >= 0 && in.valuations.Dates[i] == on {
			carried, day.trading = in.rules.trace.valuation(in.valuations.Close(i), on), true
		}
		day.value = carried
		if on < p.from {
			start = carried
		} else {
			days = append(days, day)
		}
	}
	t := &out.Totals
	t.ValueStart, t.Value, t.PaidIn, t.TakenOut = start, carried, nothing, nothing
	within := book.flowsWithin(p.from, p.to)
	for _, f := range within {
		t.PaidIn, t.TakenOut = t.PaidIn.Add(f.in), t.TakenOut.Add(f.out)
	}
	t.named()
	t.Profit = t.Value.Sub(t.ValueStart).Sub(t.PaidIn).Add(t.TakenOut).Named("profit", "")
	if t.Profit.IsKnown() {
		out.Identity = Identity{Holds: true, Difference: nothing}
	}
	if in.rules.trace != nil {
		in.rules.trace.end(p, nil, start, days, within)
	}
	out.rates(p, start, chain(start, days, &found), days, within)
	out.Problems = append(out.Problems, found.list...)
	out.missBenchmark(p)
	return out
}
