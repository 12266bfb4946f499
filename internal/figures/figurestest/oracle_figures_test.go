package figurestest

import (
	"math/big"
)

// line is one position of an answer.
type line struct {
	currency                                                    string
	quantity, cost, costBase, price, value, valueBase           fraction
	unrealised, realised, income, fees, taxes, fxEffect, profit fraction
	priceDate                                                   day
	lots                                                        []*lot
	open                                                        bool
}

// dayLine is one day of an answer.
type dayLine struct {
	on             day
	value, in, out fraction
	priced         bool // some symbol that was held, or traded, has a price of its own
	twr, drawdown  *float64
}

// answer is what the oracle works out of a case.
type answer struct {
	from, to  day
	positions map[place]line
	disposals []disposal
	totals    map[string]fraction
	days      []dayLine
	rates     rates

	inexact, mixed bool
	ambiguous      string
	tracked        bool
	scale          fraction // the largest amount that occurs, for comparing what could not be exact
	scaleQuantity  fraction
}

// opening is what stood at the start of the period.
type opening struct {
	value, cash          fraction
	unrealised, fxEffect map[place]fraction
}

// period gives a case its period.
func (c *caseFile) period() (from, to day) {
	from, to = none, none
	begin := func(on day) {
		if from == none || on < from {
			from = on
		}
		to = max(to, on)
	}
	for _, a := range c.Activities {
		begin(a.Date)
	}
	for _, v := range c.Valuations {
		begin(v.Date)
	}
	all := []series{}
	for _, q := range c.Prices {
		all = append(all, q.Closes)
	}
	for _, s := range c.FX {
		all = append(all, s)
	}
	if c.Benchmark != nil {
		all = append(all, c.Benchmark.Closes)
	}
	for _, s := range all {
		for on := range s {
			to = max(to, on)
		}
	}
	if c.From != nil {
		from = *c.From
	}
	if c.To != nil {
		to = *c.To
	}
	return from, to
}

// solve works out a case with activities, day by day.
func solve(c *caseFile) *answer {
	o := newOracle(c)
	out := &answer{positions: map[place]line{}, totals: map[string]fraction{}}
	out.from, out.to = c.period()
	first := out.from
	for _, a := range c.Activities {
		first = min(first, a.Date)
	}
	var start opening
	for on := first; on <= out.to; on++ {
		if on == out.from {
			start = o.opening(on - 1)
			o.mixed = false
		}
		before := o.symbols()
		o.walk(on)
		if on >= out.from {
			out.days = append(out.days, dayLine{
				on: on, value: o.worth(on), in: o.total(paidIn, on, on), out: o.total(takenOut, on, on), priced: o.priced(on, before),
			})
		}
	}
	o.answer(out, start)
	out.work(c, start.value)
	return out
}

func (o *oracle) opening(on day) opening {
	s := opening{value: o.worth(on), cash: o.cashWorth(on), unrealised: map[place]fraction{}, fxEffect: map[place]fraction{}}
	for at, lots := range o.positions {
		s.unrealised[at], s.fxEffect[at] = o.standing(at, lots, on)
	}
	return s
}

// standing is what a position would gain if it were sold, and how much of that its currency's rate makes.
func (o *oracle) standing(at place, lots []*lot, on day) (unrealised, fx fraction) {
	cost, base := costOf(lots)
	return minus(o.worthOf(at, lots, on), base), minus(times(cost, o.rate(o.units[at.symbol], on)), base)
}

// symbols are what is held; what cancels out between accounts is not.
func (o *oracle) symbols() map[string]bool {
	held := map[string]bool{}
	for at := range o.positions {
		all := whole(0)
		for other, lots := range o.positions {
			if other.symbol == at.symbol {
				all = plus(all, quantityOf(lots))
			}
		}
		held[at.symbol] = all.Sign() != 0
	}
	return held
}

// priced says whether a symbol that is held at the end of the day has a price of that day.
func (o *oracle) priced(on day, before map[string]bool) bool {
	now := o.symbols()
	for symbol, q := range o.c.Prices {
		if _, own := q.Closes[on]; own && (now[symbol] || before[symbol] || o.traded(symbol, on)) {
			return true
		}
	}
	return false
}

// traded says whether a symbol came or went on a day, be it for a moment.
func (o *oracle) traded(symbol string, on day) bool {
	for _, a := range o.c.Activities {
		switch {
		case a.Date != on:
		case a.ToSymbol == symbol:
			return true
		case a.Symbol != symbol:
		case a.Reinvest || a.Type == "transfer" || a.Type == "buy" || a.Type == "sell" || a.Type == "deliver_in" || a.Type == "deliver_out":
			return true
		}
	}
	return false
}

// total is the sum of one kind of event over some days.
func (o *oracle) total(what sum, from, to day) fraction {
	total := whole(0)
	for _, e := range o.events {
		if e.what == what && e.on >= from && e.on <= to {
			total = plus(total, e.amount)
		}
	}
	return total
}

func (o *oracle) totalAt(what sum, at place, from, to day) fraction {
	total := whole(0)
	for _, e := range o.events {
		if e.what == what && e.at == at && e.on >= from && e.on <= to {
			total = plus(total, e.amount)
		}
	}
	return total
}

// answer fills in positions, disposals and totals at the end of the period.
func (o *oracle) answer(out *answer, start opening) {
	lines := map[place]bool{}
	for at := range o.positions {
		lines[at] = true
	}
	for _, e := range o.events {
		if e.what == closed && e.on >= out.from && e.on <= out.to {
			lines[e.at] = true
		}
	}
	t := out.totals
	unrealised, fx, cost := whole(0), o.total(fxEffect, out.from, out.to), whole(0)
	for at := range lines {
		l := o.line(at, out, start)
		out.positions[at] = l
		unrealised, cost = plus(unrealised, l.unrealised), plus(cost, l.costBase)
		if l.open {
			_, standing := o.standing(at, o.positions[at], out.to)
			fx = plus(fx, standing)
		}
	}
	began := whole(0)
	for at := range start.unrealised {
		began, fx = plus(began, start.unrealised[at]), minus(fx, start.fxEffect[at])
	}
	t["cost"], t["unrealised"], t["value"], t["value_start"] = cost, unrealised, o.worth(out.to), start.value
	for name, what := range map[string]sum{"realised": realised, "income": income, "fees": fees, "taxes": taxes, "paid_in": paidIn, "taken_out": takenOut} {
		t[name] = o.total(what, out.from, out.to)
	}
	parts := minus(plus(t["realised"], unrealised, t["income"]), plus(began, o.total(outside, out.from, out.to)))
	if o.tracked {
		t["cash"] = o.cashWorth(out.to)
		exchange := minus(minus(t["cash"], start.cash), o.total(moved, out.from, out.to))
		fx, parts = plus(fx, exchange), plus(parts, exchange)
	}
	t["fx_effect"] = fx
	t["profit"] = minus(plus(t["value"], t["taken_out"]), plus(t["value_start"], t["paid_in"]))
	t["difference"] = minus(t["profit"], parts)
	for _, d := range o.disposals {
		if d.on >= out.from && d.on <= out.to {
			out.disposals = append(out.disposals, d)
		}
	}
	out.inexact, out.ambiguous, out.mixed, out.tracked = o.inexact, o.ambiguous, o.mixed, o.tracked
	o.scales(out, start)
}

func (o *oracle) line(at place, out *answer, start opening) line {
	lots := o.positions[at]
	l := line{
		currency: o.units[at.symbol], quantity: quantityOf(lots), lots: lots, open: len(lots) > 0,
		value: whole(0), valueBase: whole(0), unrealised: whole(0), fxEffect: o.totalAt(fxEffect, at, out.from, out.to),
		realised: o.totalAt(realised, at, out.from, out.to), income: o.totalAt(income, at, out.from, out.to),
		fees: o.totalAt(fees, at, out.from, out.to), taxes: o.totalAt(taxes, at, out.from, out.to),
	}
	if o.method() == "average" {
		o.average(lots)
	}
	l.cost, l.costBase = costOf(lots)
	l.price, l.priceDate = o.price(at.symbol, out.to)
	if l.open {
		l.value, l.valueBase = times(l.quantity, l.price), o.worthOf(at, lots, out.to)
		var fx fraction
		l.unrealised, fx = o.standing(at, lots, out.to)
		l.fxEffect = plus(l.fxEffect, fx)
	}
	l.profit = minus(plus(l.realised, l.unrealised, l.income), o.totalAt(outside, at, out.from, out.to))
	if before, ok := start.unrealised[at]; ok {
		l.profit, l.fxEffect = minus(l.profit, before), minus(l.fxEffect, start.fxEffect[at])
	}
	return l
}

// scales finds the largest numbers that took part.
func (o *oracle) scales(out *answer, start opening) {
	out.scale, out.scaleQuantity = new(big.Rat), new(big.Rat)
	see := func(into *fraction, x fraction) {
		if x != nil && compareSize(x, *into) > 0 {
			*into = new(big.Rat).Abs(x)
		}
	}
	for _, e := range o.events {
		see(&out.scale, e.amount)
	}
	for _, d := range out.days {
		see(&out.scale, d.value)
	}
	for _, x := range out.totals {
		see(&out.scale, x)
	}
	for _, x := range start.unrealised {
		see(&out.scale, x)
	}
	for _, d := range o.disposals {
		see(&out.scale, d.proceeds)
		see(&out.scale, d.cost)
		see(&out.scaleQuantity, d.quantity)
	}
	for _, l := range out.positions {
		see(&out.scale, l.value)
		for _, lot := range l.lots {
			see(&out.scale, lot.cost)
			see(&out.scale, lot.base)
			see(&out.scaleQuantity, lot.quantity)
		}
	}
	for _, a := range o.c.Activities {
		see(&out.scaleQuantity, number(a.Quantity))
		b := o.booked(a)
		see(&out.scale, b.gross)
	}
}

func scaleOf(x, y fraction) fraction {
	if compareSize(x, y) > 0 {
		return new(big.Rat).Abs(x)
	}
	return new(big.Rat).Abs(y)
}

// tolerated is how far numbers may differ, as a share of the largest that took part, where the order of rounding shows.
var tolerated = number("0.0000000000000000000000001")

func near(x, y, scale fraction) bool {
	off := new(big.Rat).Sub(x, y)
	return compareSize(off, new(big.Rat).Mul(tolerated, scale)) <= 0
}
