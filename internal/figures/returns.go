package figures

import (
	"math"
	"strconv"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Float is a rate, written as a plain decimal in a JSON string.
type Float float64

// MarshalJSON writes a plain decimal in a string: as many digits as tell the double from its neighbours, no exponent.
func (f Float) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
		return []byte("null"), nil
	}
	out := strconv.AppendFloat([]byte{'"'}, float64(f), 'f', -1, 64)
	return append(out, '"'), nil
}

// rated is f as a figure, none where it is no number.
func rated(f float64) *Float {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	if f == 0 {
		f = 0 // without a sign
	}
	r := Float(f)
	return &r
}

// dayReturn is one day's link of the chain.
type dayReturn struct {
	date    market.Date
	growth  float64 // 1 + the day's return; kept whole, since 1 + (x − 1) loses what is left of x after a great loss
	rate    float64 // growth − 1
	counts  bool    // a trading day with money in it, for risk
	index   float64
	unknown bool // this day or one before it can't be known
}

// chain links days: r = (V_end + out) / (V_start + in) − 1, flows in at the start of their day, out at its end. From the first
// day that can't be known on, none is.
func chain(start money.Maybe, days []dayValue, p *problems) []dayReturn {
	links := make([]dayReturn, len(days))
	index, unknown := 1.0, false
	for i, d := range days {
		links[i] = dayReturn{date: d.date, growth: 1}
		before, ok1 := start.Add(d.in).Get()
		after, ok2 := d.value.Add(d.out).Get()
		start = d.value
		switch {
		case unknown || !ok1 || !ok2:
			unknown = true
		case before.Sign() < 0:
			unknown = true
			p.add("returns.twr", "less than nothing was invested on %s", d.date)
		case before.IsZero():
			if !after.IsZero() {
				p.add("returns.twr", "%s was gained on nothing on %s; it counts as 0", after.Reduced(), d.date)
			}
		default:
			links[i].counts = d.trading
			if !after.Equal(before) {
				links[i].growth = after.Float64() / before.Float64()
				links[i].rate = links[i].growth - 1
			}
			index *= links[i].growth
		}
		links[i].index, links[i].unknown = index, unknown
	}
	return links
}

// twr is the chain's end, and per year for periods of a year and longer.
func twr(links []dayReturn, days int) (total, annualised *Float) {
	if len(links) == 0 || links[len(links)-1].unknown {
		return nil, nil
	}
	index := links[len(links)-1].index
	total = rated(index - 1)
	if days >= daysPerYear && index >= 0 {
		annualised = rated(math.Pow(index, daysPerYear/float64(days)) - 1)
	}
	return total, annualised
}

const daysPerYear = 365

// modifiedDietz is profit / (value_start + Σ flow · share of the period left).
func modifiedDietz(profit, start money.Maybe, flows []flow, from, to market.Date) money.Maybe {
	days := money.NewDecimal(int64(to-from)+1, 0)
	weighted := start.Times(days)
	for _, f := range flows {
		weighted = weighted.Add(f.in.Times(money.NewDecimal(int64(to-f.date)+1, 0)))
		weighted = weighted.Sub(f.out.Times(money.NewDecimal(int64(to-f.date), 0)))
	}
	if x, ok := weighted.Get(); !ok || x.Sign() <= 0 {
		return money.Unknown
	}
	return profit.Times(days).Quo(weighted)
}

// drawdown is how far the chain fell from its peaks.
type drawdown struct {
	max         float64 // as a positive share
	maxDays     int     // from that peak to that low
	longestDays int     // from a peak to its recovery or to the end
	daily       []float64
	periods     []DrawdownPeriod // each fall, in order
}

// levelSlack lets a level that was reached again count as reached, although a product of doubles missed it.
const levelSlack = 1e-12

// drawdowns looks at the index, which stands at 1 on the day before from. A peak is the day its level was first reached since
// the last recovery; the low is the first day of the lowest level.
func drawdowns(links []dayReturn, from market.Date) drawdown {
	d := drawdown{daily: make([]float64, len(links))}
	peak, peakDay := 1.0, from-1
	under := false
	for i, link := range links {
		switch {
		case link.index > peak*(1+levelSlack) || under && link.index >= peak*(1-levelSlack):
			if under {
				d.longestDays = max(d.longestDays, int(link.date-peakDay))
				d.periods[len(d.periods)-1].end(link.date, true)
			}
			peak, peakDay, under = max(peak, link.index), link.date, false
		case link.index < peak*(1-levelSlack):
			fall := 1 - link.index/peak
			d.daily[i] = fall
			d.fall(peakDay, link.date, fall, !under)
			under = true
			if fall > d.max*(1+levelSlack) {
				d.max, d.maxDays = fall, int(link.date-peakDay)
			}
		}
	}
	if under {
		d.longestDays = max(d.longestDays, int(links[len(links)-1].date-peakDay))
		d.periods[len(d.periods)-1].end(links[len(links)-1].date, false)
	}
	return d
}
