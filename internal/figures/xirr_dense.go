package figures

import (
	"math"
	"math/bits"
	"slices"
)

// Flows of many days are a polynomial: Σ amount · v^day with v = (1 + r)^(−1/365), one coefficient for each calendar day.

// dense is such a polynomial. The first and the last coefficient aren't 0.
type dense struct {
	amounts   []float64
	stretches []flowStretch
}

// flowStretch is what the flows of some days come to.
type flowStretch struct{ total, positive, negative float64 }

// stretchDays is how many days make one of the first guess: about a month, so that the guess is good to 10^-4 or so.
const stretchDays = 32

// denseDaysMost bounds how many days there may be for each flow: above it most coefficients are 0.
const denseDaysMost = 4

// denseFlows adds up the flows of each day, exactly. It says no to flows that are few for their days, too large for that in
// doubles, or no more than one day's.
func denseFlows(flows []cashFlow) (d dense, ok bool) {
	if len(flows) < 2 {
		return d, false
	}
	first, last := flows[0].date, flows[len(flows)-1].date
	days := int(last-first) + 1
	if days < 2 || days > denseDaysMost*len(flows) {
		return d, false
	}
	sums := make([]float64, days)
	_, exponent, _ := flows[0].amount.Narrow()
	var seen int64
	for i := range flows {
		f := &flows[i]
		n, e, narrow := f.amount.Narrow()
		day := int(f.date - first)
		if e != exponent || !narrow || uint(day) >= uint(len(sums)) {
			return d, false // nor to flows that aren't in order
		}
		sums[day] += float64(n)
		seen |= n ^ n>>63
	}
	const exactBits = 53 // whole numbers that a double holds, and sums of them that stay below
	if bits.Len64(uint64(seen))+bits.Len(uint(len(flows))) > exactBits {
		return d, false
	}
	return newDense(sums)
}

// newDense takes what flows come to on each day.
func newDense(sums []float64) (d dense, ok bool) {
	for len(sums) > 0 && sums[0] == 0 {
		sums = sums[1:]
	}
	for len(sums) > 0 && sums[len(sums)-1] == 0 {
		sums = sums[:len(sums)-1]
	}
	d = dense{amounts: sums, stretches: make([]flowStretch, 0, len(sums)/stretchDays+1)}
	for at := 0; at < len(sums); at += stretchDays {
		d.stretches = append(d.stretches, stretchOf(sums[at:min(at+stretchDays, len(sums))]))
	}
	return d, len(sums) > 1
}

// stretchOf adds up in four sums, so that none waits for the last.
func stretchOf(days []float64) flowStretch {
	var t0, t1, t2, t3, z0, z1, z2, z3 float64
	for len(days) >= 4 {
		x := (*[4]float64)(days)
		a, b, c, d := x[0], x[1], x[2], x[3]
		t0, t1, t2, t3 = t0+a, t1+b, t2+c, t3+d
		z0, z1, z2, z3 = z0+math.Abs(a), z1+math.Abs(b), z2+math.Abs(c), z3+math.Abs(d)
		days = days[4:]
	}
	for _, x := range days {
		t0 += x
		z0 += math.Abs(x)
	}
	total, size := t0+t1+t2+t3, z0+z1+z2+z3
	return flowStretch{total: total, positive: (size + total) / 2, negative: (size - total) / 2}
}

// denseTerms is the same of flows that were added up already.
func denseTerms(terms []term) (d dense, ok bool) {
	if len(terms) < 2 {
		return d, false
	}
	days := terms[len(terms)-1].day + 1
	if days > denseDaysMost*len(terms) {
		return d, false
	}
	sums := make([]float64, days)
	for _, t := range terms {
		sums[t.day] = t.amount
	}
	return newDense(sums)
}

// onlyRoot is the one root there is on the scale s = ln(1 + r), where that can be proved at little cost: what was invested,
// grown at that rate, never falls to 0 before the last flow. Then flows discounted at any higher rate sum to less than nothing,
// and at any lower to more, or the other way round. Otherwise ok is false, and nothing is said.
func (d *dense) onlyRoot(hint *float64) (s float64, ok bool) {
	n := len(d.amounts)
	if d.amounts[0] < 0 == (d.amounts[n-1] < 0) {
		return 0, false
	}
	s, slope, ok := d.guess(hint)
	if !ok {
		return 0, false
	}
	const (
		stepsMax = 8
		near     = 1e-8 // then the next error, a product of the last two, is below that of doubles
	)
	before, step := 0.0, 0.0
	for i := range stepsMax {
		value := d.worth(s)
		if i > 0 {
			slope = (value - before) / step
		}
		if step = -value / slope; !(math.Abs(step) < 1) {
			return 0, false
		}
		s += step
		if math.Abs(step) < near {
			return s, s > logRateMin && s <= logRateMax && (d.staysInvested(s) || d.staysInvestedDaily(s))
		}
		before = value
	}
	return 0, false
}

// guess is the root of the coarse polynomial, and the slope there.
func (d *dense) guess(hint *float64) (s, slope float64, ok bool) {
	if hint != nil && *hint > -0.9 && *hint < 10 {
		s = math.Log1p(*hint)
	}
	const stepsMax = 20
	for range stepsMax {
		w := math.Exp(-s * stretchDays / daysPerYear)
		value, rise := 0.0, 0.0
		for _, stretch := range slices.Backward(d.stretches) {
			rise = rise*w + value
			value = value*w + stretch.total
		}
		slope = -rise * w * stretchDays / daysPerYear
		step := -value / slope
		if !(math.Abs(step) < 5) {
			return 0, 0, false
		}
		s += step
		if math.Abs(step) < 1e-5 {
			return s, slope, true
		}
	}
	return 0, 0, false
}

// discount is v^days.
func discount(s float64, days int) float64 { return math.Exp(-s * float64(days) / daysPerYear) }

// worth is Σ amount · v^day. Eight sums run beside each other, so that none waits for the last.
func (d *dense) worth(s float64) float64 {
	const beside = 8
	a, w := d.amounts, discount(s, beside)
	var q0, q1, q2, q3, q4, q5, q6, q7 float64
	if over := len(a) % beside; over > 0 { // the last days first
		var c [beside]float64
		copy(c[:], a[len(a)-over:])
		q0, q1, q2, q3, q4, q5, q6, q7 = c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]
		a = a[:len(a)-over]
	}
	for len(a) >= beside {
		c := (*[beside]float64)(a[len(a)-beside:])
		q0, q1, q2, q3 = q0*w+c[0], q1*w+c[1], q2*w+c[2], q3*w+c[3]
		q4, q5, q6, q7 = q4*w+c[4], q5*w+c[5], q6*w+c[6], q7*w+c[7]
		a = a[:len(a)-beside]
	}
	v := discount(s, 1)
	return q0 + v*(q1+v*(q2+v*(q3+v*(q4+v*(q5+v*(q6+v*q7))))))
}

// proofSlack is what rounding, and the last digit of the root, may leave of a sum of thousands, as a share of all sizes.
const proofSlack = 1e-9

// sign turns the first flow below 0.
func (d *dense) sign() float64 {
	if d.amounts[0] > 0 {
		return -1
	}
	return 1
}

// staysInvested says whether the flows discounted at s, which sum to 0, sum to less than nothing up to each day before the last,
// or to more where the first flow is more. It looks at whole stretches and bounds what can be within, so it may say no where
// staysInvestedDaily says yes.
func (d *dense) staysInvested(s float64) bool {
	sign, last := d.sign(), len(d.stretches)-1
	if last < 2 {
		return false
	}
	w := discount(s, stretchDays)
	spread := math.Abs(1 - w) // at most so much of a stretch's size is it off where its days count as one
	most := max(1, w)
	// The first stretch day by day, then whole ones up to the last.
	size, sum, weight, v := 0.0, 0.0, sign, discount(s, 1)
	for _, x := range d.amounts[:stretchDays] {
		x *= weight
		sum += x
		if size += math.Abs(x); sum >= -proofSlack*size {
			return false
		}
		weight *= v
	}
	weight = w
	off := 0.0
	for i := 1; i < last; i++ {
		part := &d.stretches[i]
		total, rises, sizes := weight*part.total*sign, weight*part.positive, weight*(part.positive+part.negative)
		if sign < 0 {
			rises = weight * part.negative
		}
		size += sizes
		off += sizes * spread
		if sum+rises*most+off >= -proofSlack*size {
			return false
		}
		sum += total
		weight *= w
	}
	// What comes before a day of the last stretch is what comes after it, turned round.
	sum, weight = 0, sign*discount(s, len(d.amounts)-1)
	size += weight * sign * (d.stretches[last].positive + d.stretches[last].negative) / min(1, w)
	for i := len(d.amounts) - 1; i >= last*stretchDays; i-- {
		if sum += d.amounts[i] * weight; sum <= proofSlack*size {
			return false
		}
		weight /= v
	}
	return true
}

// staysInvestedDaily is the same day by day.
func (d *dense) staysInvestedDaily(s float64) bool {
	v, weight := discount(s, 1), d.sign()
	sum, size := 0.0, 0.0
	for _, x := range d.amounts[:len(d.amounts)-1] {
		x *= weight
		sum += x
		if size += math.Abs(x); sum >= -proofSlack*size {
			return false
		}
		weight *= v
	}
	return true
}

// bounds is what the function bounds gives of terms. Sizes are bounded by stretches, so it costs little more than two sums.
func (d *dense) bounds(middle, half float64) bound {
	const within = float64(stretchDays) / 2 / daysPerYear // how far a day is from the middle of its stretch at most
	// Years are counted from the end that weighs most, so that every weight is at most 1.
	last := len(d.amounts) - 1
	origin := 0.0
	if middle < 0 {
		origin = float64(last) / daysPerYear
	}
	years := func(stretch int) float64 { return float64(stretch*stretchDays)/daysPerYear + within - origin }
	size, moment := 0.0, 0.0
	for i := range d.stretches {
		weight := (d.stretches[i].positive + d.stretches[i].negative) * math.Exp(-middle*years(i))
		size += weight
		moment += weight * years(i)
	}
	var b bound
	centre := moment / size
	slack := math.Exp((math.Abs(middle) + half) * within)
	for i := range d.stretches {
		away := math.Abs(years(i) - centre)
		most := (d.stretches[i].positive + d.stretches[i].negative) * math.Exp(half*away-middle*years(i)) * slack
		away += within
		b.slopeMax += most * away
		b.bendMax += most * away * away
	}
	b.noise = size * slack * (touches + float64(last)*epsilon/16)
	var rise float64
	if middle < 0 {
		b.value, rise = d.backward(discount(-middle, 1))
	} else {
		b.value, rise = d.forward(discount(middle, 1))
	}
	// rise is Σ amount · days · weight, days counted from the origin on.
	b.slope = b.value*centre - rise/daysPerYear
	return b
}

// forward is Σ amount · v^day and Σ amount · day · v^day, for v up to 1.
func (d *dense) forward(v float64) (value, rise float64) {
	for _, x := range slices.Backward(d.amounts) {
		rise = (rise + value) * v
		value = value*v + x
	}
	return value, rise
}

// backward is the same from the last day on, which is day 0, and those before it are below.
func (d *dense) backward(v float64) (value, rise float64) {
	for _, x := range d.amounts {
		rise = (rise - value) * v
		value = value*v + x
	}
	return value, rise
}
