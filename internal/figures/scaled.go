package figures

import (
	"math"
	"math/bits"
	"slices"
	"sort"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// placesScaledMax bounds the digits after the point of worth in one currency, so that a unit of it is a power of ten in 63 bits.
const placesScaledMax = 18

// run values what was taken at each slot and chains it. rates gives the rates of a currency that isn't the base.
func (k *kernel) run(rates func(money.Currency) (rateCursor, bool), from market.Date) (*scaledDays, bool) {
	cursors := make([]rateCursor, len(k.pots))
	for i := range k.pots {
		if k.pots[i].currency == k.base {
			cursors[i] = rateCursor{inBase: true, until: math.MaxInt32}
			continue
		}
		var ok bool
		if cursors[i], ok = rates(k.pots[i].currency); !ok {
			return nil, false
		}
	}
	k.layOut(cursors)
	if !k.scale() {
		return nil, false
	}
	w := workspace{changes: make([]int64, len(k.days))}
	for i := range k.pots {
		if !k.fill(i, &w) && !k.fillWide(i, &w) {
			return nil, false
		}
	}
	s := &scaledDays{first: from, last: k.to, from: k.slot(from - 1), origin: k.origin, slots: k.slots}
	if k.trades {
		s.growths, s.trades = make([]float64, len(k.days)), k.traded()
	}
	if len(k.pots) == 1 && k.pots[0].narrow != nil && len(k.booked) == 0 {
		return s, k.sumNarrow(s)
	}
	return s, k.sumWide(s, cursors)
}

// scale finds for each currency the digits after the point that all its sums need.
func (k *kernel) scale() bool {
	for i := range k.lines {
		l := &k.lines[i]
		p := &k.pots[l.pot]
		p.places = max(p.places, l.places+l.series.Places)
	}
	for i := range k.pots {
		p := &k.pots[i]
		p.places = max(p.places, p.cash.places, p.flowPlaces)
		if p.places > placesScaledMax {
			return false
		}
	}
	return true
}

// changes puts what a ladder changes by at each slot into an array of zeros, in units of 10^−places. least is the first slot at which there can be anything; most is the size of the largest amount.
func (k *kernel) changes(l *ladder, places int32, least int, into []int64) (most uint64, ok bool) {
	unit, amount := powers[places], int64(0)
	high, most := bits.Mul64(uint64(l.most), uint64(unit))
	if high != 0 || most > ladderMax {
		return 0, false
	}
	for _, step := range l.steps {
		if step.date > k.to {
			break
		}
		slot := k.slotOf[step.date-k.origin] // every step's day is a slot
		change := step.change * unit
		if amount += change; int(slot) < least && amount != 0 {
			return 0, false // held before its first close
		}
		into[slot] += change
	}
	return most, true
}

// workspace is what filling uses again and again.
type workspace struct {
	changes []int64 // of a line at each slot
	closes  []int64 // of a line at each slot, where they aren't the series' own
}

// fill adds up a currency's worth in 64 bits; ok is false where they may not be enough.
func (k *kernel) fill(at int, w *workspace) (ok bool) {
	p := &k.pots[at]
	worth := make([]int64, len(k.days))
	clear(w.changes)
	bound := uint64(0) // of a sum's size
	enough := func(size, unit uint64) bool {
		high, low := bits.Mul64(size, unit)
		sum, carry := bits.Add64(bound, low, 0)
		bound = sum
		return high|carry == 0 && sum <= math.MaxInt64
	}
	for i := range k.lines {
		l := &k.lines[i]
		if l.pot != at {
			continue
		}
		closes, first := k.closes(l, &w.closes)
		most, ok := k.changes(&l.ladder, p.places-l.series.Places-l.places, first, w.changes)
		if !ok {
			return false
		}
		seen := addProducts(worth[first:], closes, w.changes[first:])
		clear(w.changes)
		if !enough(uint64(seen), most) { // what was added up is of no use then
			return false
		}
		k.hold(l)
	}
	most, ok := k.changes(&p.cash, p.places-p.cash.places, 0, w.changes)
	if !ok || !enough(most, 1) {
		return false
	}
	if most > 0 {
		amount := int64(0)
		for i, change := range w.changes {
			amount += change
			worth[i] += amount
		}
	}
	p.narrow = worth
	return true
}

// addProducts adds amount · price to each sum, the amount being what the changes come to. The bits of what it gives are those
// of all prices.
func addProducts(sums, prices, changes []int64) (seen int64) {
	prices, changes = prices[:len(sums)], changes[:len(sums)]
	amount := int64(0)
	for i := range sums {
		amount += changes[i]
		seen |= prices[i]
		sums[i] += amount * prices[i]
	}
	return seen
}

// fillWide adds up a currency's worth in 128 bits.
func (k *kernel) fillWide(at int, w *workspace) bool {
	p := &k.pots[at]
	clear(w.changes)
	p.worth = make([]double, len(k.days))
	for i := range k.lines {
		l := &k.lines[i]
		if l.pot != at {
			continue
		}
		closes, first := k.closes(l, &w.closes)
		most, ok := k.changes(&l.ladder, p.places-l.series.Places-l.places, first, w.changes)
		if !ok || len(closes) > 0 && (slices.Min(closes) < 0 || bits.Len64(most)+bits.Len64(uint64(slices.Max(closes))) > productBitsMax) {
			return false
		}
		amount := int64(0)
		sums, changes := p.worth[first:], w.changes[first:]
		for i := range sums {
			amount += changes[i]
			sums[i] = sums[i].add(product(amount, closes[i]))
		}
		clear(w.changes)
		k.hold(l)
	}
	_, ok := k.changes(&p.cash, p.places-p.cash.places, 0, w.changes)
	amount := int64(0)
	for i, change := range w.changes {
		amount += change
		p.worth[i] = p.worth[i].add(doubled(amount))
	}
	return ok
}

// productBitsMax keeps sums of up to 2^17 products within 127 bits.
const productBitsMax = 110

// hold notes on which slots a line is held or traded.
func (k *kernel) hold(l *kernelLine) {
	if !k.trades {
		return
	}
	c := &k.calendars[l.calendar]
	if c.held == nil {
		c.held = make([]int32, len(k.days)+1)
	}
	amount := int64(0)
	for i, step := range l.steps {
		if step.date > k.to {
			break
		}
		slot := k.slot(step.date)
		amount += step.change
		c.held[slot]++
		switch {
		case amount == 0:
			c.held[slot+1]--
		case i+1 < len(l.steps) && l.steps[i+1].date != step.date:
			c.held[k.slot(l.steps[i+1].date)]--
		case i+1 < len(l.steps):
			c.held[slot+1]-- // the next step of the day goes on
		}
	}
}

// sumNarrow chains what is in the base currency alone, and in 64 bits.
func (k *kernel) sumNarrow(s *scaledDays) bool {
	p := &k.pots[0]
	s.places, s.narrow, s.narrowFlows = p.places, p.narrow, p.flows
	c := s.chain(len(k.days))
	unit, net, last := powers[p.places-p.flowPlaces], int64(0), int64(0)
	for slot, value := range p.narrow {
		before, after := last, value
		last = value
		if p.flows != nil {
			f := &p.flows[k.days[slot]-k.origin]
			in, out, ok := f[flowIn], f[flowOut], true
			if unit != 1 {
				var ok1, ok2 bool
				in, ok1 = times(in, unit)
				out, ok2 = times(out, unit)
				ok = ok1 && ok2
			}
			stays, ok3 := plus(in, -out)
			var ok4, ok5, ok6 bool
			net, ok4 = plus(net, stays)
			before, ok5 = plus(before, in)
			after, ok6 = plus(after, out)
			if !(ok && ok3 && ok4 && ok5 && ok6) {
				return false
			}
			f[flowIn], f[flowOut] = in, net
		}
		if slot <= s.from {
			if slot == s.from && value < 0 {
				return false
			}
			continue
		}
		x, y := float64(before), float64(after)
		if s.growths != nil {
			x, y = s.nearest(before), s.nearest(after)
		}
		if value < 0 || !c.link(slot-s.from, x, y) {
			return false
		}
	}
	return true
}

// sumWide turns each slot's worth and flows into the base currency, in 256 bits, and chains them.
func (k *kernel) sumWide(s *scaledDays, cursors []rateCursor) bool {
	flowing := 0
	for i := range k.pots {
		s.places = max(s.places, k.pots[i].places+cursors[i].places())
		if k.pots[i].flows != nil {
			flowing = len(k.days)
		}
	}
	s.places, flowing = max(s.places, k.bookedPlaces), max(flowing, len(k.booked))
	for i := range cursors {
		c := &cursors[i]
		c.lift = s.places - k.pots[i].places
		if c.inBase && !c.set(double{low: 1}, 0) {
			return false
		}
	}
	s.values, s.flows = make([]wide, len(k.days)), make([]scaledFlow, 0, flowing)
	c := s.chain(len(k.days))
	var net, none wide
	last := 0.0
	for slot, on := range k.days {
		value := &s.values[slot]
		var flow scaledFlow // net is what goes out as yet
		for i := range k.pots {
			if !k.addSlot(slot, on, &k.pots[i], &cursors[i], value, &flow) {
				return false
			}
		}
		if len(k.booked) > 0 && !k.bookedOn(on, s.places, &flow) {
			return false
		}
		after := s.wideDouble(value)
		before := last
		last = after
		if flow.in != none || flow.net != none {
			out := flow.net
			net.plus(&flow.in)
			if flow.in != none && slot > 0 {
				first := flow.in
				first.plus(&s.values[slot-1])
				before = s.wideDouble(&first)
			}
			if out != none {
				then := value.add(out)
				after = s.wideDouble(&then)
				net = net.sub(out)
			}
			flow.date, flow.net = on, net
			s.flows = append(s.flows, flow)
		}
		if slot >= s.from && value.sign() < 0 || slot > s.from && !c.link(slot-s.from, before, after) {
			return false
		}
	}
	return true
}

// addSlot adds one currency's worth and flows of one slot.
func (k *kernel) addSlot(slot int, on market.Date, p *pot, c *rateCursor, value *wide, into *scaledFlow) bool {
	var flow kernelFlow
	if p.flows != nil {
		flow = p.flows[on-k.origin]
	}
	flows := flow[flowIn] | flow[flowOut]
	var worth double
	if p.narrow != nil {
		worth = doubled(p.narrow[slot])
	} else {
		worth = p.worth[slot]
	}
	if flows == 0 && worth.isZero() {
		return true
	}
	if on >= c.until && !c.advance(on) {
		return false
	}
	if !worth.isZero() {
		if !worth.isSmall() && worth.bits()+c.factor.bits() > wideBitsMax {
			return false
		}
		value.increase(worth, &c.factor)
	}
	if flows == 0 {
		return true
	}
	unit := powers[p.places-p.flowPlaces]
	in, ok1 := times(flow[flowIn], unit)
	out, ok2 := times(flow[flowOut], unit)
	if in != 0 {
		into.in.increase(doubled(in), &c.factor)
	}
	if out != 0 {
		into.net.increase(doubled(out), &c.factor)
	}
	return ok1 && ok2
}

// scaledDays is a daily series in units of 10^−places, by slots.
type scaledDays struct {
	places int32
	first  market.Date // day of the period
	last   market.Date
	from   int // slot of the day before the period
	origin market.Date
	slots

	narrow      []int64      // values of the slots, and
	narrowFlows []kernelFlow // flows by day, out being what was paid in less taken out by then: set on the days of slots
	values      []wide       // or where 64 bits aren't enough
	flows       []scaledFlow

	index   []float64 // of the chain, from the slot from on
	falls   []float64 // below the highest index so far
	growths []float64 // of each slot's day, from the slot from on, no number on nothing invested; where they are asked for
	trades  []bool    // slots on which something held or traded has a price of that very day, where they are asked for
}

// scaledFlow is the flows of one day.
type scaledFlow struct {
	in, net wide // net: paid in less taken out so far
	date    market.Date
}

// chaining links the slots as the function chain does days.
type chaining struct {
	*scaledDays
	at, peak float64
}

func (s *scaledDays) chain(slots int) chaining {
	both := make([]float64, 2*(slots-s.from))
	s.index, s.falls = both[:slots-s.from], both[slots-s.from:]
	s.index[0] = 1
	if s.growths != nil {
		s.growths = s.growths[:slots-s.from]
	}
	return chaining{scaledDays: s, at: 1, peak: 1}
}

// link is the day of a slot: what was invested at its start, and what there was at its end. One on which less than nothing is
// invested, or something is gained on nothing, is left to decimals.
func (c *chaining) link(i int, before, after float64) bool {
	if before > 0 {
		growth := after / before
		c.at *= growth
		if c.growths != nil {
			c.growths[i] = growth
		}
	} else if before != 0 || after != 0 {
		return false
	} else if c.growths != nil {
		c.growths[i] = math.NaN()
	}
	c.index[i] = c.at
	if c.at >= c.peak*(1-levelSlack) {
		if c.at > c.peak {
			c.peak = c.at
		}
	} else {
		c.falls[i] = 1 - c.at/c.peak
	}
	return true
}

// nearest is the double nearest to an amount, as Decimal.Float64 is, where figures beside the daily series come of it. That alone
// takes a near one at any scale, since only quotients of two are looked at.
func (s *scaledDays) nearest(n int64) float64 { return money.NewDecimal(n, -s.places).Float64() }

// wideDouble is the same of 256 bits.
func (s *scaledDays) wideDouble(w *wide) float64 {
	if s.growths == nil {
		return w.float()
	}
	return w.decimal(s.places).Float64()
}

func (s *scaledDays) len() int { return int(s.last-s.first) + 1 }

// day turns one day into decimals.
func (s *scaledDays) day(i int) Day {
	on := s.first + market.Date(i)
	slot := int(s.slotOf[on-s.origin])
	day := Day{Date: on, Value: s.value(slot)}
	day.PaidIn, day.TakenOut, day.NetPaidIn = s.flow(slot, on)
	rate, fall := s.index[slot-s.from]-1, s.falls[slot-s.from]
	day.TWR, day.Drawdown = &rate, &fall
	return day
}

// value is what everything was worth at a slot.
func (s *scaledDays) value(slot int) money.Maybe {
	if s.narrow != nil {
		return s.small(s.narrow[slot])
	}
	return s.decimal(s.values[slot])
}

// flow is what came in and went out on a day, and what was paid in less taken out by its end.
func (s *scaledDays) flow(slot int, on market.Date) (in, out, net money.Maybe) {
	in = money.Known(money.Zero)
	out, net = in, in
	if s.narrow != nil {
		if s.narrowFlows == nil {
			return in, out, net
		}
		f, before := s.narrowFlows[s.days[slot]-s.origin], int64(0)
		if slot > 0 {
			before = s.narrowFlows[s.days[slot-1]-s.origin][flowOut]
		}
		if net = s.small(f[flowOut]); s.days[slot] == on {
			in, out = s.small(f[flowIn]), s.small(f[flowIn]-(f[flowOut]-before))
		}
		return in, out, net
	}
	if at := sort.Search(len(s.flows), func(i int) bool { return s.flows[i].date > on }) - 1; at >= 0 {
		f, before := &s.flows[at], wide{}
		if at > 0 {
			before = s.flows[at-1].net
		}
		if net = s.decimal(f.net); f.date == on {
			in, out = s.decimal(f.in), s.decimal(f.in.sub(f.net).add(before))
		}
	}
	return in, out, net
}

func (s *scaledDays) decimal(w wide) money.Maybe { return money.Known(w.decimal(s.places).Reduced()) }

func (s *scaledDays) small(n int64) money.Maybe {
	return money.Known(money.NewDecimal(n, -s.places).Reduced())
}
