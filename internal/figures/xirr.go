package figures

import (
	"cmp"
	"math"
	"slices"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// XIRR is the internal rate of return: every root, and whether one of them can be called the rate.
type XIRR struct {
	Status string  `json:"status"`
	Rate   *Float  `json:"rate"`
	Roots  []Float `json:"roots"` // rising
}

// What an internal rate of return can be.
const (
	XIRROk            = "ok"             // one root above −100 %
	XIRRSeveral       = "several"        // all of them in Roots; Rate is the one nearest the Modified Dietz rate per year
	XIRRNone          = "none"           // no root
	XIRRNotMeaningful = "not_meaningful" // fewer than two flows, all of one sign, or all on one day
)

// Roots are looked for where 10^-12 < 1 + r ≤ 10^6 + 1, on the scale s = ln(1 + r).
var (
	logRateMin = math.Log(1e-12)
	logRateMax = math.Log(1e6 + 1)
)

// cashFlow is the investor's own cash on one day: paid in below 0, taken out above.
type cashFlow struct {
	date   market.Date
	amount money.Decimal
}

// term is one flow as a double, years after the first.
type term struct {
	years, amount float64
	day           int // after the first
}

// xirr finds every rate at which the flows are worth nothing on the first day. hint picks one of several roots; nil picks the
// one nearest 0.
func xirr(flows []cashFlow, hint *float64) XIRR {
	if d, ok := denseFlows(flows); ok { // most often, and one read of them
		if s, ok := d.onlyRoot(hint); ok {
			return found([]float64{s}, hint)
		}
	}
	terms := terms(flows)
	changes := 0
	for i := 1; i < len(terms); i++ {
		if (terms[i].amount < 0) != (terms[i-1].amount < 0) {
			changes++
		}
	}
	if changes == 0 { // fewer than two days, or all of one sign
		return XIRR{Status: XIRRNotMeaningful, Roots: []Float{}}
	}
	d, ok := denseTerms(terms)
	if ok {
		if s, ok := d.onlyRoot(hint); ok {
			return found([]float64{s}, hint)
		}
	}
	if changes == 1 { // exactly one root on the whole scale, by the rule of signs
		if s, ok := bracketed(terms, logRateMin, logRateMax); ok {
			return found([]float64{s}, hint)
		}
		return found(nil, hint)
	}
	if ok {
		return found(allRoots(terms, d.bounds), hint)
	}
	return found(allRoots(terms, func(middle, half float64) bound { return bounds(terms, middle, half) }), hint)
}

// found is the answer of so many roots, rising, on the scale s.
func found(logs []float64, hint *float64) XIRR {
	result := XIRR{Status: XIRRNone, Roots: make([]Float, len(logs))}
	for i, s := range logs {
		result.Roots[i] = Float(math.Expm1(s))
	}
	switch len(logs) {
	case 0:
	case 1:
		result.Status, result.Rate = XIRROk, rated(float64(result.Roots[0]))
	default:
		result.Status = XIRRSeveral
		near := 0.0
		if hint != nil && !math.IsNaN(*hint) {
			near = *hint
		}
		best := slices.MinFunc(result.Roots, func(a, b Float) int {
			return cmp.Compare(math.Abs(float64(a)-near), math.Abs(float64(b)-near))
		})
		result.Rate = rated(float64(best))
	}
	return result
}

// terms adds up the flows of one day exactly and drops what is zero.
func terms(flows []cashFlow) []term {
	flows = slices.Clone(flows)
	slices.SortStableFunc(flows, func(a, b cashFlow) int { return cmp.Compare(a.date, b.date) })
	var out []term
	var first market.Date
	for i := 0; i < len(flows); {
		day, sum := flows[i].date, money.Zero
		for ; i < len(flows) && flows[i].date == day; i++ {
			sum = sum.Add(flows[i].amount)
		}
		if sum.IsZero() {
			continue
		}
		if len(out) == 0 {
			first = day
		}
		out = append(out, term{years: float64(day-first) / daysPerYear, amount: sum.Float64(), day: int(day - first)})
	}
	return out
}

// worth is Σ amount · e^(−s·years) and its slope, scaled by a positive factor that keeps it within range.
func worth(terms []term, s float64) (value, slope float64) {
	origin := 0.0
	if s < 0 {
		origin = terms[len(terms)-1].years
	}
	for _, t := range terms {
		x := t.amount * math.Exp(-s*(t.years-origin))
		value += x
		slope -= (t.years - origin) * x
	}
	return value, slope
}

// bracketed is the root between two points of unlike sign, by Newton's steps kept inside the bracket.
func bracketed(terms []term, low, high float64) (float64, bool) {
	atLow, _ := worth(terms, low)
	atHigh, _ := worth(terms, high)
	if atHigh == 0 {
		return high, true
	}
	if atLow == 0 || (atLow < 0) == (atHigh < 0) {
		return 0, false // the lower end itself is outside
	}
	s := min(max(0, low), high)
	const stepsMax = 200 // a bracket of 41 is halved to the last bit in 60
	for range stepsMax {
		value, slope := worth(terms, s)
		if value == 0 {
			return s, true
		}
		if (value < 0) == (atLow < 0) {
			low = s
		} else {
			high = s
		}
		next := s - value/slope
		if !(next > low && next < high) {
			next = low + (high-low)/2
		}
		if next == s || high-low <= 4*math.Abs(s)*epsilon {
			return next, true
		}
		if math.Abs(next-s) <= epsilon*math.Max(math.Abs(s), epsilon) {
			return next, true
		}
		s = next
	}
	return s, true
}

const (
	epsilon      = 0x1p-52
	narrowest    = 1e-9      // of an interval on the scale s: two roots closer than that are one that touches
	touches      = 1e-13     // of the sum of all terms' sizes: what rounding leaves of a value that is 0
	intervalsMax = 1_000_000 // so that no input can make the search endless
)

// allRoots finds the roots by halving the scale until each piece provably has none or is monotone.
func allRoots(terms []term, bounds func(middle, half float64) bound) []float64 {
	var roots []float64
	type interval struct{ low, high float64 }
	stack := []interval{{logRateMin, logRateMax}}
	for n := 0; len(stack) > 0 && n < intervalsMax; n++ {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		middle, half := at.low+(at.high-at.low)/2, (at.high-at.low)/2
		b := bounds(middle, half)
		if math.Abs(b.value) > half*b.slopeMax+b.noise {
			continue
		}
		if math.Abs(b.slope) > half*b.bendMax {
			if s, ok := bracketed(terms, at.low, at.high); ok {
				roots = append(roots, s)
			}
			continue
		}
		if half < narrowest {
			if math.Abs(b.value) <= b.noise+half*b.bendMax*half {
				roots = append(roots, middle)
			}
			continue
		}
		stack = append(stack, interval{middle, at.high}, interval{at.low, middle}) // the lower first, so that roots rise
	}
	return apart(roots, bounds)
}

// apart makes one of roots, rising, between which the worth is never more than rounding leaves: where it only touches 0, each
// digit that was rounded crosses it.
func apart(roots []float64, bounds func(middle, half float64) bound) []float64 {
	var out []float64
	for i := 0; i < len(roots); {
		low, high := roots[i], roots[i]
		for i++; i < len(roots); i++ {
			b := bounds(high+(roots[i]-high)/2, 0)
			if roots[i]-high >= 4*narrowest && math.Abs(b.value) > b.noise {
				break
			}
			high = roots[i]
		}
		out = append(out, turning(low, high, bounds))
	}
	return out
}

// turning is where the slope about two points, or one, is 0; else their middle.
func turning(low, high float64, bounds func(middle, half float64) bound) float64 {
	middle := low + (high-low)/2
	low, high = low-2*narrowest, high+2*narrowest
	falls := bounds(low, 0).slope < 0
	if falls == (bounds(high, 0).slope < 0) {
		return middle
	}
	for high-low > 4*epsilon*math.Max(1, math.Abs(low)) {
		middle = low + (high-low)/2
		if (bounds(middle, 0).slope < 0) == falls {
			low = middle
		} else {
			high = middle
		}
	}
	return middle
}

// bound is what a piece of the scale can hold: value and slope in its middle, how large slope and bend can be within, and what
// rounding may leave of a value that is 0.
type bound struct{ value, slope, slopeMax, bendMax, noise float64 }

// bounds turns the terms around their centre of weight, which leaves the roots where they are and slopes small.
func bounds(terms []term, middle, half float64) bound {
	top := math.Inf(-1)
	for _, t := range terms {
		top = max(top, -middle*t.years+math.Log(math.Abs(t.amount)))
	}
	var b bound
	moment, size := 0.0, 0.0
	for _, t := range terms {
		weight := math.Exp(-middle*t.years + math.Log(math.Abs(t.amount)) - top)
		size += weight
		moment += weight * t.years
	}
	centre := moment / size
	b.noise = touches * size
	for _, t := range terms {
		weight := math.Exp(-middle*t.years + math.Log(math.Abs(t.amount)) - top)
		away := t.years - centre
		signed := math.Copysign(weight, t.amount)
		b.value += signed
		b.slope -= signed * away
		most := weight * math.Exp(half*math.Abs(away))
		b.slopeMax += most * math.Abs(away)
		b.bendMax += most * away * away
	}
	return b
}
