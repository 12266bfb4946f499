package figures

import (
	"math"
	"slices"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// period is what a walk is looked at for.
type period struct {
	from, to  market.Date
	benchmark *market.Series
	riskFree  float64
	series    bool
}

func (p period) days() int { return int(p.to-p.from) + 1 }

// evaluation is a walk with everything that its figures rest on.
type evaluation struct {
	rules    rules
	rates    rateSource
	prices   *priceBook
	currency func(market.InstrumentID) money.Currency
	entries  []entry // by date, then by order of entry
}

// run works out every figure of a period. Activities after it are walked too, so that an impossible one is always refused.
func (v evaluation) run(p period) (Output, error) {
	w, rest, err := v.walk(p.from, p.to, nil)
	if err != nil {
		return Output{}, err
	}
	out := w.figures(p, w.start)
	out.missBenchmark(p)
	for _, e := range rest {
		if err := w.apply(e); err != nil {
			return Output{}, err
		}
	}
	return out, nil
}

// figures is everything at the end of a period.
func (k *bookkeeper) figures(p period, start money.Maybe) Output {
	out, flows := k.amounts(p, start)
	links, days := k.linked(p, start, flows)
	out.rates(p, start, links, days, flows)
	k.problems.addGaps(k.gaps(p.from, p.to))
	out.Problems = k.problems.list
	if out.Problems == nil {
		out.Problems = []Problem{}
	}
	return out
}

// linked is the chain of a period's days, and the days themselves where they are asked for: in integers where those are made for
// it and nobody asks how a figure came about.
func (k *bookkeeper) linked(p period, start money.Maybe, flows []flow) ([]dayReturn, []dayValue) {
	if k.trace == nil {
		if s, ok := scaledTrack(&k.track, k.prices, k.rates, p.from, p.to); ok {
			var days []dayValue
			if p.series {
				days = s.dayValues()
			}
			return s.links(), days
		}
	}
	days := daily(&k.track, k.prices, k.rates, p.from, p.to, &k.problems)
	if k.trace != nil {
		k.trace.end(p, k, start, days, flows)
	}
	return chain(start, days, &k.problems), days
}

// amounts is positions, disposals, totals and the identity at the end of a period, with the flows within it.
func (k *bookkeeper) amounts(p period, start money.Maybe) (Output, []flow) {
	out := Output{
		Period:    Period{From: p.from, To: p.to, Days: money.NewDecimal(int64(p.days()), 0)},
		Positions: []PositionLine{}, Disposals: slices.Clip(k.disposals),
	}
	if out.Disposals == nil {
		out.Disposals = []Disposal{}
	}
	nothing := money.Known(money.Zero)
	t := Totals{
		Value: nothing, Cost: nothing, Unrealised: nothing, Realised: nothing, FXEffect: nothing,
		Income: k.income, Fees: k.fees, Taxes: k.taxes, PaidIn: nothing, TakenOut: nothing, ValueStart: start,
	}
	parts := k.income.Sub(k.fees).Sub(k.taxes) // what the profit is made of
	for _, position := range k.sorted() {
		line := k.line(position, p.to)
		t.Value = t.Value.Add(line.ValueBase)
		t.Cost = t.Cost.Add(line.CostBase)
		t.Unrealised = t.Unrealised.Add(line.UnrealisedBase)
		t.Realised = t.Realised.Add(line.RealisedBase)
		t.Income = t.Income.Add(line.IncomeBase)
		t.Fees, t.Taxes = t.Fees.Add(line.FeesBase), t.Taxes.Add(line.TaxesBase)
		t.FXEffect = t.FXEffect.Add(line.FXEffectBase)
		parts = parts.Add(line.ProfitBase)
		if !line.Quantity.IsZero() || position.closed >= p.from {
			out.Positions = append(out.Positions, line)
		}
	}
	if k.tracked {
		t.Cash = k.cashWorth(p.to).Named("cash", "")
		t.Value = t.Value.Add(t.Cash)
		exchange := k.exchanged(t.Cash)
		t.FXEffect = t.FXEffect.Add(exchange)
		parts = parts.Add(exchange)
	}
	flows := k.track.flowsWithin(p.from, p.to)
	for _, f := range flows {
		t.PaidIn, t.TakenOut = t.PaidIn.Add(f.in), t.TakenOut.Add(f.out)
	}
	t.named()
	t.Profit = t.Value.Sub(t.ValueStart).Sub(t.PaidIn).Add(t.TakenOut).Named("profit", "")
	out.Totals = t
	difference := t.Profit.Sub(parts.Named("sum of its parts", "")).Reduced()
	out.Identity = Identity{Holds: difference.IsKnown() && difference.Or(money.One).IsZero(), Difference: difference}
	return out, flows
}

// line is a position's figures at the end of a day.
func (k *bookkeeper) line(p *position, on market.Date) PositionLine {
	nothing := money.Known(money.Zero)
	total, quantity, name := p.lots.Total(), p.lots.Quantity(), k.label(p)
	total.Local, total.Base = total.Local.Named("cost of", name), total.Base.Named("cost of", name)
	line := PositionLine{
		Symbol: string(p.instrument), Account: string(p.account), Currency: p.currency, Quantity: quantity.Reduced(),
		Cost: total.Local, CostBase: total.Base, Value: nothing, ValueBase: nothing, UnrealisedBase: nothing, AverageCost: money.Unknown,
		RealisedBase: p.realised.Named("realised gain of", name), IncomeBase: p.income.Named("income of", name),
		FeesBase: p.fees.Named("fees of", name), TaxesBase: p.taxes.Named("taxes of", name), Lots: []LotLine{},
	}
	fx := p.fxEffect.Sub(p.startFX)
	price, made := k.prices.at(p.instrument, on)
	if made != market.NoDate {
		line.PriceDate = &made
	}
	if !quantity.IsZero() {
		price = k.price(p.instrument, on)
		held := k.quantity(p)
		rate := k.rateOn(p.currency, on)
		line.AverageCost = total.Local.Quo(held)
		line.Value = price.Mul(held)
		line.ValueBase = line.Value.Mul(rate).Named("value of", name)
		line.UnrealisedBase = line.ValueBase.Sub(total.Base).Named("unrealised gain of", name)
		fx = fx.Add(total.Local.Mul(rate).Sub(total.Base)).Sub(total.StartFX)
		for _, lot := range p.lots.All() {
			line.Lots = append(line.Lots, LotLine{
				Opened: lot.Opened, Quantity: lot.Quantity.Reduced(), Cost: lot.Carried.Local, ID: string(lot.ID),
				UnitCost: lot.Carried.Local.Quo(money.Known(lot.Quantity)),
			})
		}
	}
	line.Price, line.FXEffectBase = price, fx.Named("currency's part in the gains of", name)
	line.ProfitBase = line.RealisedBase.Sub(p.started.Named("what of it had arisen before the period", "")).Add(line.UnrealisedBase).
		Add(line.IncomeBase).Sub(p.outside.Named("fees and taxes outside of cost of", name))
	if !quantity.IsZero() {
		line.ProfitBase = line.ProfitBase.Sub(total.Start.Named("unrealised gain at the start of", name))
	}
	line.ProfitBase = line.ProfitBase.Named("profit of", name)
	return line
}

// rates fills in returns, risk and series.
func (o *Output) rates(p period, start money.Maybe, links []dayReturn, days []dayValue, flows []flow) {
	r := &o.Returns
	r.TWR, r.TWRAnnualised = twr(links, p.days())
	r.ModifiedDietz = modifiedDietz(o.Totals.Profit, start, flows, p.from, p.to)
	if invested, ok := start.Add(o.Totals.PaidIn).Get(); ok && !invested.IsZero() {
		r.Simple = o.Totals.Profit.Quo(money.Known(invested))
	}
	r.XIRR = o.xirr(p, flows)
	r.BenchmarkTWR = benchmarkTWR(p.benchmark, p.from, p.to)
	if r.TWR != nil && r.BenchmarkTWR != nil {
		r.Excess = rated(float64(*r.TWR) - float64(*r.BenchmarkTWR))
	}
	o.Risk = risk(links, p.from, r.TWRAnnualised, p.riskFree, p.benchmark)
	if p.series {
		falls := drawdowns(links, p.from)
		for i, d := range days {
			line := DayLine{Date: d.date, Value: d.value, PaidIn: d.in, TakenOut: d.out}
			if !links[i].unknown {
				line.TWR, line.Drawdown = rated(links[i].index-1), rated(falls.daily[i])
			}
			o.Series = append(o.Series, line)
		}
	}
}

// missBenchmark says why a benchmark that is there gives no rate.
func (o *Output) missBenchmark(p period) {
	if p.benchmark != nil && o.Returns.BenchmarkTWR == nil {
		o.Problems = append(o.Problems, Problem{Where: "benchmark", What: "no close above 0 on or before " + p.from.String()})
	}
}

// xirr is the opening value paid in, the flows, and the closing value taken out; without one of them there is no saying.
func (o *Output) xirr(p period, flows []flow) XIRR {
	unknown := XIRR{Status: XIRRNotMeaningful, Roots: []Float{}}
	start, ok := o.Totals.ValueStart.Get()
	end, ok2 := o.Totals.Value.Get()
	if !ok || !ok2 {
		return unknown
	}
	cash := make([]cashFlow, 0, len(flows)+2)
	cash = append(cash, cashFlow{p.from, start.Neg()})
	for _, f := range flows {
		net, ok := f.out.Sub(f.in).Get()
		if !ok {
			return unknown
		}
		cash = append(cash, cashFlow{f.date, net})
	}
	cash = append(cash, cashFlow{p.to, end})
	return xirr(cash, perYear(o.Returns.ModifiedDietz, p.days()))
}

// perYear is a rate of a period as one of a year.
func perYear(rate money.Maybe, days int) *float64 {
	x, ok := rate.Get()
	if !ok || x.Cmp(money.One.Neg()) < 0 {
		return nil
	}
	y := math.Pow(1+x.Float64(), daysPerYear/float64(days)) - 1
	return &y
}

// order sorts entries by date; those of one day keep their order.
func order(entries []entry) {
	for i := 1; i < len(entries); i++ {
		if entries[i].Date < entries[i-1].Date {
			slices.SortStableFunc(entries, func(a, b entry) int { return int(a.Date) - int(b.Date) })
			return
		}
	}
}

// trackedCash says whether any activity moves cash in or out, so that cash is tracked.
func trackedCash(entries []entry) bool {
	return slices.ContainsFunc(entries, func(e entry) bool { return e.Type == ledger.Deposit || e.Type == ledger.Withdrawal })
}
