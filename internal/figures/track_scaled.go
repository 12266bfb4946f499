package figures

import (
	"math"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// bookedFlow is what came in and went out on one day in the base currency, at rates of its own.
type bookedFlow struct {
	date    market.Date
	in, out money.Decimal
}

// scaledTrack works a track's daily values out in integers; ok is false where it isn't made for them.
func scaledTrack(t *track, prices *priceBook, rates rateSource, from, to market.Date) (s *scaledDays, ok bool) {
	k := newKernel(t.base, from-1, from, to, 0, 0)
	k.trades = true
	for _, l := range t.lines {
		if !k.addLine(l, prices) {
			return nil, false
		}
	}
	for _, l := range t.cash {
		if !k.climb(&k.pots[k.potOf(l.currency)].cash, l.steps) {
			return nil, false
		}
	}
	if !k.addFlows(t.flowsWithin(from, to)) {
		return nil, false
	}
	return k.run(func(currency money.Currency) (rateCursor, bool) { return cursorOf(rates, t.base, currency) }, from)
}

// cursorOf is a currency's rate in integers.
func cursorOf(rates rateSource, base, currency money.Currency) (c rateCursor, ok bool) {
	switch r := rates.(type) {
	case *caseRates:
		series := r.series[currency]
		return rateCursor{base: series, baseAt: -1, at: -1, until: market.NoDate}, series != nil && series.Closes != nil
	case *crossRates:
		if r.market != nil {
			return marketCursor(r.market, base, currency)
		}
	}
	return c, false
}

// addLine takes one instrument's quantities. A price that is carried past a split within the period is not for here.
func (k *kernel) addLine(l *line, prices *priceBook) bool {
	if len(l.steps) == 0 || l.steps[0].date > k.to {
		return true
	}
	series := prices.series[l.instrument]
	if series == nil || series.Closes == nil {
		return false
	}
	for _, s := range prices.splits[l.instrument] {
		at := series.IndexAt(s.date)
		if s.date > k.to || at < 0 || series.Dates[at] == s.date {
			continue
		}
		if at+1 == len(series.Dates) || series.Dates[at+1] > k.origin {
			return false
		}
	}
	return k.climb(&k.lines[k.newLine(l.instrument, series, l.currency)].ladder, l.steps)
}

// climb takes how much there was after each change. What was before the period is one change on the day before it.
func (k *kernel) climb(l *ladder, steps []step) bool {
	before := small{}
	for i := range steps {
		on := max(steps[i].date, k.origin)
		if on > k.to {
			break
		}
		if i+1 < len(steps) && steps[i+1].date <= k.origin {
			continue
		}
		amount, ok := smallOf(&steps[i].quantity)
		if !ok {
			return false
		}
		by, ok := amount.plus(before.neg())
		if !ok || !l.add(on, by) {
			return false
		}
		before = amount
		k.marked[on-k.origin] = true
	}
	return true
}

// addFlows takes flows that are in the base currency already: in 63 bits where they fit, else as they are.
func (k *kernel) addFlows(flows []flow) bool {
	fit := true
	for _, f := range flows {
		in, ok1 := f.in.Get()
		out, ok2 := f.out.Get()
		if !ok1 || !ok2 {
			return false
		}
		k.marked[f.date-k.origin] = true
		k.booked = append(k.booked, bookedFlow{f.date, in, out})
		k.bookedPlaces = max(k.bookedPlaces, in.Places(), out.Places())
		if fit {
			p := &k.pots[0]
			paid, ok3 := smallOf(&in)
			taken, ok4 := smallOf(&out)
			fit = ok3 && ok4 && k.addFlow(p, f.date, paid, flowIn) && k.addFlow(p, f.date, taken, flowOut) && p.flowPlaces <= placesScaledMax
		}
	}
	if fit {
		k.booked, k.bookedPlaces = nil, 0
		return true
	}
	k.pots[0].flows, k.pots[0].flowPlaces = nil, 0
	return true
}

// bookedOn is the flows of a day at the whole's scale, where there are any; net is what goes out.
func (k *kernel) bookedOn(on market.Date, places int32, into *scaledFlow) (ok bool) {
	if k.booked[0].date != on {
		return true
	}
	f := &k.booked[0]
	k.booked = k.booked[1:]
	in, ok1 := wideOf(f.in, places)
	out, ok2 := wideOf(f.out, places)
	into.in.plus(&in)
	into.net.plus(&out)
	return ok1 && ok2
}

// wideOf is a decimal in units of 10^−places, where it leaves room to add.
func wideOf(x money.Decimal, places int32) (w wide, ok bool) {
	words, negative, ok := x.Units(places)
	w = words
	if !ok || w.bits() > wideBitsMax {
		return w, false
	}
	if negative {
		w = w.neg()
	}
	return w, true
}

// links are what the function chain gives of the days.
func (s *scaledDays) links() []dayReturn {
	links := make([]dayReturn, s.len())
	for i := range links {
		on := s.first + market.Date(i)
		slot := int(s.slotOf[on-s.origin])
		link := dayReturn{date: on, growth: 1, index: s.index[slot-s.from]}
		if s.days[slot] == on {
			if growth := s.growths[slot-s.from]; !math.IsNaN(growth) {
				link.growth, link.rate, link.counts = growth, growth-1, s.trades[slot]
			}
		}
		links[i] = link
	}
	return links
}

// dayValues are what daily gives, but for the days of trading, which links have.
func (s *scaledDays) dayValues() []dayValue {
	days := make([]dayValue, s.len())
	for i := range days {
		on := s.first + market.Date(i)
		slot := int(s.slotOf[on-s.origin])
		in, out, _ := s.flow(slot, on)
		days[i] = dayValue{date: on, value: s.value(slot), in: in, out: out}
	}
	return days
}
