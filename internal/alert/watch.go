package alert

import "folioscope/internal/money"

// Watch is the one level that the next value has to reach to change how a rule stands; all values short of it leave the rule as it is,
// but for its last Value.
type Watch struct {
	Level  money.Decimal
	Rising bool // reached from below: by what is at Level or above it
	Strict bool // what is at Level doesn't reach it
	Always bool // any value changes it: the rule was never looked at, or is without data or in error
}

// Watch is what a rule of a kind with a level waits for; ok is false where it has ended, and for kinds without one.
func (r *Rule) Watch(s Standing) (w Watch, ok bool) {
	c := &r.Condition
	if s.Ended || !c.Kind.Level() {
		return w, false
	}
	switch {
	case s.Value == nil || s.State == StateNoData || s.State == StateError:
		return Watch{Always: true}, true
	case c.Direction == Crossing:
		rising := (s.Side == Below) != (s.State == StatePending)
		return Watch{Level: c.Threshold, Rising: rising, Strict: !rising}, true // what is at the threshold is above it
	case s.Held:
		return Watch{Level: c.rearm(), Rising: c.Direction == Below, Strict: true}, true
	case s.State == StatePending:
		return Watch{Level: c.threshold(), Rising: c.Direction == Below, Strict: true}, true
	}
	return Watch{Level: c.threshold(), Rising: c.Direction != Below}, true
}

// Reached says whether a value reaches the level.
func (w Watch) Reached(v money.Decimal) bool {
	order := v.Cmp(w.Level)
	return w.Always || order == 0 && !w.Strict || order > 0 && w.Rising || order < 0 && !w.Rising
}

// OfPrice is a watch of a kind that OfPrices as a level of the price itself. reference is the close that a change is counted from, or
// the high that a fall is; a price needs none.
func (w Watch) OfPrice(kind Kind, reference money.Decimal) Watch {
	share := w.Level.Mul(hundredth)
	switch kind {
	case Change:
		w.Level = reference.Mul(money.One.Add(share))
	case OffHigh: // the lower the price, the further under the high
		w.Level, w.Rising = reference.Mul(money.One.Sub(share)), !w.Rising
	}
	return w
}

var hundredth = money.NewDecimal(1, -2)
