package figures

import (
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Pulse is a valuation for whoever looks at totals often and at positions seldom: it adds up what is held in each currency
// and multiplies each sum by its rate once, where Value does so for each position. Both come to the same, to the last digit.
//
// The zero value is ready for Reset, and may be reset any number of times. It belongs to one caller at a time.
type Pulse struct {
	v      valuing
	marked []marked // of each holding
}

// crossingsMax bounds the rates that a Pulse remembers: many more pairs than people hold.
const crossingsMax = 1000

// Reset values holdings, as Value does. Marks may not change: it keeps them, and rates crossed from them
// beyond the next Reset.
func (p *Pulse) Reset(h *Holdings, today market.Date, marks Marks) {
	if p.v.crossings == nil || len(p.v.crossings) > crossingsMax {
		p.v.crossings = make(map[[2]money.Currency]crossing)
	}
	p.v.begin(h, today, marks)
	p.marked = p.marked[:0]
	for i := range h.held {
		one := &h.held[i]
		p.marked = append(p.marked, p.v.mark(one.instrument))
		p.add(one, p.marked[i])
	}
	for i := range p.v.units {
		p.v.units[i].sum(&p.v)
	}
	p.v.cashValue()
	p.v.total()
	p.v.closedToday()
	p.v.dayChange()
}

// add puts a holding into the sums of its currency, or, where something of it is unknown, into the totals by itself.
func (p *Pulse) add(one *holding, m marked) {
	d := p.v.dayOf(one, m)
	u := p.v.unit(one.currency)
	value, valued := d.value.Get()
	if valued && u.now.IsKnown() {
		p.v.any = true
		u.local.worth = u.local.worth.Add(value)
	} else {
		p.v.unvalued(one, m)
	}
	was, ok1 := d.was.Get()
	spent, ok2 := d.spent.local.Get()
	booked, ok3 := d.spent.base.Get()
	if valued && ok1 && ok2 && ok3 && u.now.IsKnown() && u.before.IsKnown() {
		u.local.value = u.local.value.Add(value)
		u.local.was = u.local.was.Add(was)
		u.local.spent = u.local.spent.Add(spent)
		u.local.booked = u.local.booked.Add(booked)
		return
	}
	price, exchange, ok := p.v.split(u, &d)
	if !ok {
		p.v.undated(one.instrument, u, &d)
		return
	}
	p.v.start = p.v.start.Add(d.was.Mul(d.rate(u)))
	p.v.prices = p.v.prices.Add(price)
	u.changed = u.changed.Add(exchange)
}

// sum puts a currency's sums into the totals.
func (u *unit) sum(v *valuing) {
	now, ok := u.now.Get()
	if !ok {
		return // nothing was added up
	}
	s := &u.local
	v.priced = v.priced.Add(s.worth.Mul(now))
	before, ok := u.before.Get()
	if !ok {
		return
	}
	v.start = v.start.Add(money.Known(s.was.Mul(before)))
	v.prices = v.prices.Add(s.value.Sub(s.was).Sub(s.spent).Mul(before))
	u.changed = u.changed.Add(s.value.Mul(now.Sub(before))).Sub(s.booked.Sub(s.spent.Mul(before)))
}

// Totals are what Value gives, without positions, contributions and problems; good until the next Reset.
func (p *Pulse) Totals() *Valuation { return &p.v.Valuation }

// Len is the number of positions.
func (p *Pulse) Len() int { return len(p.v.held) }

// Instrument and Currency are the i-th position's, by instrument rising.
func (p *Pulse) Instrument(i int) market.InstrumentID { return p.v.held[i].instrument }
func (p *Pulse) Currency(i int) money.Currency        { return p.v.held[i].currency }

// ValueBase is what the i-th position is worth in the base currency.
func (p *Pulse) ValueBase(i int) money.Maybe {
	return p.marked[i].now.Times(p.v.held[i].quantity).Mul(p.v.unit(p.v.held[i].currency).now)
}

// Position gives the i-th position with its contribution to the day change, of which the amount is 0 where it has none.
func (p *Pulse) Position(i int) (Position, Contribution) {
	one, m := &p.v.held[i], p.marked[i]
	d := p.v.dayOf(one, m)
	u := p.v.unit(one.currency)
	position := positionOf(one, u, m, d, p.v.splits[one.instrument], p.v.today)
	if total, ok := p.v.Valuation.Value.Get(); ok && total.Sign() > 0 {
		position.Weight = position.ValueBase.Quo(p.v.Valuation.Value)
	}
	c := Contribution{Kind: FromPrice, Instrument: one.instrument}
	if price, exchange, ok := p.v.split(u, &d); ok {
		position.DayChangeBase = money.Known(price.Add(exchange))
		if p.v.DayChange.IsKnown() {
			c.Amount, c.Percent = price, p.v.percent(price)
		}
	}
	return position, c
}

// Others are the contributions that aren't those of positions: of currencies, of cash, of what was sold today. They have no
// percentages; Percent gives them.
func (p *Pulse) Others() []Contribution { return p.v.Contributions }

// Percent is an amount in percent points of the value at the start of the day and what was paid in since.
func (p *Pulse) Percent(amount money.Decimal) money.Maybe { return p.v.percent(amount) }

// Invested is that value, in the base currency: where it changes, all percentages do.
func (p *Pulse) Invested() money.Maybe { return p.v.invested }

// Problems names what could not be known.
func (p *Pulse) Problems() []Problem { return p.v.problems.list }
