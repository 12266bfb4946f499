package figures

import (
	"sort"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// rateCursor walks a currency's rate through days. factor turns worth into the base currency at the whole's scale.
type rateCursor struct {
	base, other   *market.Series // nil for market.RateBase
	baseAt, at    int
	inBase, known bool
	lift          int32 // power of ten beside the rate's own places
	factor        wide
	factorBits    int
	plain         bool // the factor is 1
}

func (k *kernel) cursor(p *pot, m *Market) (c rateCursor, ok bool) {
	if p.currency == k.base {
		return rateCursor{inBase: true, known: true}, true
	}
	c = rateCursor{baseAt: -1, at: -1}
	if k.base != market.RateBase {
		if c.base = m.Series[market.RateID(k.base)]; c.base == nil || c.base.Closes == nil {
			return c, false
		}
	}
	if p.currency != market.RateBase {
		if c.other = m.Series[market.RateID(p.currency)]; c.other == nil || c.other.Closes == nil {
			return c, false
		}
	}
	return c, true
}

// advance takes the cursor to a day.
func (c *rateCursor) advance(on market.Date) (ok bool) {
	if c.inBase {
		return true
	}
	changed := !c.known
	for c.base != nil && c.baseAt+1 < len(c.base.Dates) && c.base.Dates[c.baseAt+1] <= on {
		c.baseAt++
		changed = true
	}
	for c.other != nil && c.at+1 < len(c.other.Dates) && c.other.Dates[c.at+1] <= on {
		c.at++
		changed = true
	}
	if !changed {
		return true
	}
	a, aPlaces, b, bPlaces := int64(1), int32(0), int64(1), int32(0)
	if c.base != nil {
		if c.baseAt < 0 {
			return false
		}
		a, aPlaces = c.base.Closes[c.baseAt], c.base.Places
	}
	if c.other != nil {
		if c.at < 0 {
			return false
		}
		b, bPlaces = c.other.Closes[c.at], c.other.Places
	}
	if a <= 0 || b <= 0 {
		return false
	}
	rate := quotient(a, aPlaces, b, bPlaces)
	c.known = true
	return c.set(wide{rate.coefficient.low, rate.coefficient.high}, c.lift-rate.places)
}

// inBaseUnits is a worth in the base currency in units of the whole's scale.
func (c *rateCursor) inBaseUnits(worth double) wide {
	if c.plain {
		return worth.widened()
	}
	return worth.by(&c.factor)
}

// set takes a rate of coefficient · 10^lift in units of the whole's scale.
func (c *rateCursor) set(coefficient wide, lift int32) bool {
	if lift < 0 || lift >= int32(len(power10)) {
		return false
	}
	power := &power10[lift]
	if c.factorBits = coefficient.bits() + power.bits(); c.factorBits > wideBitsMax {
		return false
	}
	c.factor = double{coefficient[0], coefficient[1]}.by(power)
	c.plain = c.factor == wide{1}
	return true
}

// ratePlacesMax bounds the digits after the point of a rate: a quotient near 1 has 33 or 34, one of 1 to 10,000 has 38.
const ratePlacesMax = 38

// scaledFlow is the flows of one slot, in units of the whole's scale.
type scaledFlow struct {
	in, net wide // net: paid in less taken out so far
	slot    int
}

// out is what the i-th flows take out: what came in less what stayed.
func (s *scaledDays) out(i int) wide {
	out := s.flows[i].in.sub(s.flows[i].net)
	if i > 0 {
		out = out.add(s.flows[i-1].net)
	}
	return out
}

// sum turns each slot's worth and flows into the base currency and chains them.
func (k *kernel) sum(m *Market, from market.Date) (*Daily, bool) {
	cursors := make([]rateCursor, len(k.pots))
	scale, flows := int32(0), 0
	for i := range k.pots {
		var ok bool
		if cursors[i], ok = k.cursor(&k.pots[i], m); !ok {
			return nil, false
		}
		places := k.pots[i].places
		if !cursors[i].inBase {
			places += ratePlacesMax
		}
		scale = max(scale, places)
		flows += len(k.pots[i].flows)
	}
	s := &scaledDays{
		places: scale, first: from, from: k.slot(from - 1), offset: int(from - k.origin), slotOf: k.slotOf, last: k.to,
		values: make([]wide, len(k.slots)), flows: make([]scaledFlow, 0, min(flows, len(k.slots))),
	}
	for i := range cursors {
		c := &cursors[i]
		c.lift = scale - k.pots[i].places
		if c.inBase && !c.set(wide{1}, c.lift) {
			return nil, false
		}
	}
	next := make([]int, len(k.pots))
	var today scaledFlow
	var out wide
	for slot, on := range k.slots {
		moved := false
		for i := range k.pots {
			p, c := &k.pots[i], &cursors[i]
			has := next[i] < len(p.flows) && p.flows[next[i]].date == on
			if !has && p.worth[slot].isZero() {
				continue
			}
			if !c.inBase && !c.advance(on) {
				return nil, false
			}
			worth := p.worth[slot]
			if worth.bits()+c.factorBits > wideBitsMax {
				return nil, false
			}
			if i == 0 && c.plain {
				s.values[slot] = worth.widened()
			} else {
				s.values[slot] = s.values[slot].add(c.inBaseUnits(worth))
			}
			if has {
				if !moved {
					today, out, moved = scaledFlow{slot: slot}, wide{}, true
				}
				if !today.add(&p.flows[next[i]], &out, p.places, c) {
					return nil, false
				}
				next[i]++
			}
		}
		if slot >= s.from && s.values[slot].sign() < 0 {
			return nil, false // counts on the days between slots too
		}
		if moved {
			today.net = today.in.sub(out)
			if n := len(s.flows); n > 0 {
				today.net = today.net.add(s.flows[n-1].net)
			}
			s.flows = append(s.flows, today)
		}
	}
	return s.chain()
}

// add takes one currency's flows in; what goes out is added to out.
func (f *scaledFlow) add(flow *kernelFlow, out *wide, places int32, c *rateCursor) bool {
	if flow.in.coefficient != 0 {
		amount, ok := flow.in.decimal().Scaled(places)
		if !ok || 64+c.factorBits > wideBitsMax {
			return false
		}
		f.in = f.in.add(c.inBaseUnits(product(amount, 1)))
	}
	if flow.out.coefficient != 0 {
		amount, ok := flow.out.decimal().Scaled(places)
		if !ok || 64+c.factorBits > wideBitsMax {
			return false
		}
		*out = out.add(c.inBaseUnits(product(amount, 1)))
	}
	return true
}

// wideBitsMax bounds each part of a sum of few, so that the sum stays within 255 bits; flows summed over a lifetime of days too.
const wideBitsMax = 235

// scaledDays is a daily series in units of 10^−places, by slots.
type scaledDays struct {
	places int32
	first  market.Date // day of the period
	last   market.Date
	from   int // slot of the day before the period
	offset int // of the first day in slotOf
	slotOf []int32
	values []wide
	flows  []scaledFlow
	index  []float64 // of the chain, from the slot from on
	falls  []float64 // below the highest index so far
}

// chain links the slots as the function chain does days. One on which less than nothing is invested, or something is gained
// on nothing, is left to it.
func (s *scaledDays) chain() (*Daily, bool) {
	n := len(s.values) - s.from
	s.index, s.falls = make([]float64, n), make([]float64, n)
	next := sort.Search(len(s.flows), func(i int) bool { return s.flows[i].slot > s.from })
	index, peak := 1.0, 1.0
	s.index[0] = index
	for i := 1; i < n; i++ {
		before, after := &s.values[s.from+i-1], &s.values[s.from+i]
		if next < len(s.flows) && s.flows[next].slot == s.from+i {
			in, out := before.add(s.flows[next].in), after.add(s.out(next))
			before, after = &in, &out
			next++
		}
		if *before != *after {
			if before.sign() <= 0 {
				return nil, false
			}
			index *= after.float() / before.float()
		}
		s.index[i] = index
		if index >= peak*(1-levelSlack) {
			peak = max(peak, index)
		} else {
			s.falls[i] = 1 - index/peak
		}
	}
	return &Daily{scaled: s}, true
}

func (s *scaledDays) len() int { return int(s.last-s.first) + 1 }

// day turns one day into decimals.
func (s *scaledDays) day(i int) Day {
	slot := int(s.slotOf[s.offset+i])
	zero := money.Known(money.Zero)
	day := Day{Date: s.first + market.Date(i), Value: s.decimal(s.values[slot]), PaidIn: zero, TakenOut: zero, NetPaidIn: zero}
	if at := sort.Search(len(s.flows), func(i int) bool { return s.flows[i].slot > slot }) - 1; at >= 0 {
		f := &s.flows[at]
		day.NetPaidIn = s.decimal(f.net)
		if f.slot == slot && (i == 0 && s.offset == 0 || int(s.slotOf[s.offset+i-1]) != slot) { // not carried from the day before
			day.PaidIn, day.TakenOut = s.decimal(f.in), s.decimal(s.out(at))
		}
	}
	rate, fall := s.index[slot-s.from]-1, s.falls[slot-s.from]
	day.TWR, day.Drawdown = &rate, &fall
	return day
}

func (s *scaledDays) decimal(w wide) money.Maybe { return money.Known(w.decimal(s.places).Reduced()) }
