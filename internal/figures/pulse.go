package figures

import (
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Pulse is a valuation for whoever looks at totals often and at positions seldom: it adds up what is held in each currency
// and multiplies each sum by its rate once, where Value does so for each position. Where only prices changed since the last
// time, it takes those positions out of the sums and puts them back in. All come to the same, to the last digit.
//
// The zero value is ready for Reset, and may be reset any number of times. It belongs to one caller at a time.
type Pulse struct {
	v     valuing
	seen  []sight
	whole bool // each holding is in the sums of its currency, with the mark that was seen of it
}

// sight is the mark that a holding was valued with last.
type sight struct {
	instrument market.InstrumentID
	currency   money.Currency
	mark       *market.Mark
	current    bool
}

// Reset values holdings, as Value does. Holdings and marks may not change: it keeps them beyond the next Reset.
func (p *Pulse) Reset(h *Holdings, today market.Date, marks Marks) {
	if p.v.Holdings != h || p.v.today != today {
		p.v.units, p.whole = p.v.units[:0], false
	}
	p.v.begin(h, today, marks)
	p.v.crossAgain()
	p.v.rates()
	if !p.whole || !p.update() {
		p.addAll()
	}
	p.sum()
}

// Move is Reset where all is as it was the last time but the marks of some positions. It leaves the others alone.
func (p *Pulse) Move(marks Marks, positions []int) {
	rates := p.v.Rates
	p.v.begin(p.v.Holdings, p.v.today, marks)
	p.v.Rates = rates
	p.v.unrated()
	if !p.whole {
		p.addAll()
	} else {
		p.v.any = len(p.seen) > 0
		for _, i := range positions {
			if !p.move(i) {
				p.addAll()
				break
			}
		}
	}
	p.sum()
}

// sum makes totals of what is in each currency.
func (p *Pulse) sum() {
	for i := range p.v.units {
		p.v.units[i].sum(&p.v)
	}
	p.v.cashValue()
	p.v.total()
	p.v.closedToday()
	p.v.dayChange()
}

// addAll adds up from nothing.
func (p *Pulse) addAll() {
	for i := range p.v.units {
		p.v.units[i].local, p.v.units[i].summed = localSums{}, false
	}
	p.whole, p.seen, p.v.any = len(p.v.splits) == 0, p.seen[:0], false
	for i := range p.v.held {
		one := &p.v.held[i]
		mark, current := p.v.read(one.instrument)
		p.seen = append(p.seen, sight{one.instrument, one.currency, mark, current})
		p.whole = p.add(one, p.v.marked(one.instrument, mark, current)) && p.whole
	}
}

// update adds up what has another mark than before, and says whether that is all that has to be done.
func (p *Pulse) update() bool {
	for i := range p.v.units {
		if u := &p.v.units[i]; u.local.holdings > 0 && !(u.now.IsKnown() && u.before.IsKnown()) {
			return false
		}
	}
	p.v.any = len(p.seen) > 0
	for i := range p.seen {
		if !p.move(i) {
			return false
		}
	}
	return true
}

// move takes a position out of the sums and puts it back in where it has another mark; false where it doesn't fit in.
func (p *Pulse) move(i int) bool {
	s := &p.seen[i]
	mark, current := p.v.read(s.instrument)
	if mark == s.mark && current == s.current {
		return true
	}
	one := &p.v.held[i]
	before, now := p.v.dayOf(one, p.marked(i)), p.v.dayOf(one, p.v.marked(s.instrument, mark, current))
	u := p.v.unit(one.currency)
	if !u.local.add(&now) {
		return false
	}
	u.local.remove(&before)
	u.summed = false
	s.mark, s.current = mark, current
	return true
}

// add puts a holding into the sums of its currency, or, where something of it is unknown, into the totals by itself. It says
// whether all of it is in the sums.
func (p *Pulse) add(one *holding, m marked) (whole bool) {
	d := p.v.dayOf(one, m)
	u := p.v.unit(one.currency)
	value, valued := d.value.Get()
	if valued && u.now.IsKnown() {
		p.v.any = true
		if u.before.IsKnown() && u.local.add(&d) {
			return true
		}
		u.local.worth = u.local.worth.Add(value)
	} else {
		p.v.unvalued(one, m)
	}
	price, exchange, ok := p.v.split(u, &d)
	if !ok {
		p.v.undated(one.instrument, u, &d)
		return false
	}
	p.v.start = p.v.start.Add(d.was.Mul(d.rate(u)))
	p.v.prices = p.v.prices.Add(price)
	u.changed = u.changed.Add(exchange)
	return false
}

// add puts a day into the sums where all of it is known.
func (s *localSums) add(d *day) bool {
	value, ok1 := d.value.Get()
	was, ok2 := d.was.Get()
	spent, ok3 := d.spent.local.Get()
	booked, ok4 := d.spent.base.Get()
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return false
	}
	s.worth, s.value, s.was = s.worth.Add(value), s.value.Add(value), s.was.Add(was)
	s.spent, s.booked = s.spent.Add(spent), s.booked.Add(booked)
	s.holdings++
	return true
}

// remove takes out a day that was put in. What came with digits that are gone goes with them.
func (s *localSums) remove(d *day) {
	value, was := d.value.Or(money.Zero), d.was.Or(money.Zero)
	s.worth, s.value, s.was = s.worth.Sub(value).Reduced(), s.value.Sub(value).Reduced(), s.was.Sub(was).Reduced()
	s.spent, s.booked = s.spent.Sub(d.spent.local.Or(money.Zero)), s.booked.Sub(d.spent.base.Or(money.Zero))
	s.holdings--
}

// sum puts a currency's sums into the totals.
func (u *unit) sum(v *valuing) {
	if !u.summed {
		u.summed, u.base = true, u.local.inBase(u.now, u.before)
	}
	v.priced, v.start = v.priced.Add(u.base.worth), v.start.Add(u.base.start)
	v.prices, u.changed = v.prices.Add(u.base.prices), u.changed.Add(u.base.changed)
}

// inBase multiplies sums by rates; where these are unknown, nothing was added up.
func (s *localSums) inBase(rate, rateBefore money.Maybe) (b baseSums) {
	b.start = money.Known(money.Zero)
	now, ok := rate.Get()
	if !ok {
		return b
	}
	b.worth = s.worth.Mul(now)
	before, ok := rateBefore.Get()
	if !ok {
		return b
	}
	b.start = money.Known(s.was.Mul(before))
	b.prices = s.value.Sub(s.was).Sub(s.spent).Mul(before)
	b.changed = s.value.Mul(now.Sub(before)).Sub(s.booked.Sub(s.spent.Mul(before)))
	return b
}

// Totals are what Value gives, without positions, contributions and problems; good until the next Reset.
func (p *Pulse) Totals() *Valuation { return &p.v.Valuation }

// Len is the number of positions.
func (p *Pulse) Len() int { return len(p.seen) }

// Instrument and Currency are the i-th position's, by instrument rising.
func (p *Pulse) Instrument(i int) market.InstrumentID { return p.seen[i].instrument }
func (p *Pulse) Currency(i int) money.Currency        { return p.seen[i].currency }

// marked is what the i-th position's mark says.
func (p *Pulse) marked(i int) marked {
	s := &p.seen[i]
	return p.v.marked(s.instrument, s.mark, s.current)
}

// ValueBase is what the i-th position is worth in the base currency.
func (p *Pulse) ValueBase(i int) money.Maybe {
	one := &p.v.held[i]
	return p.marked(i).now.Times(one.quantity).Mul(p.v.unit(one.currency).now)
}

// Position gives the i-th position with its contribution to the day change, of which the amount is 0 where it has none.
func (p *Pulse) Position(i int) (Position, Contribution) {
	one, m := &p.v.held[i], p.marked(i)
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
