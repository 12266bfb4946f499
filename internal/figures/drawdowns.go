package figures

import (
	"cmp"
	"slices"

	"folioscope/internal/market"
)

// DrawdownPeriod is one fall of the TWR index from a peak until that level is reached again.
type DrawdownPeriod struct {
	From  market.Date  // the peak: the day its level was first reached since the last recovery
	Low   market.Date  // the first day of the lowest level
	To    *market.Date // the day the peak's level was reached again; nil where it hasn't been by the end
	Depth float64      // the largest fall below the peak, as a positive share of it: 0.25 is a quarter
	Days  int          // from the peak to the recovery, or to the end of the period
}

// fall notes a day below its peak; fresh is the first one.
func (d *drawdown) fall(peak, on market.Date, depth float64, fresh bool) {
	if fresh {
		d.periods = append(d.periods, DrawdownPeriod{From: peak, Low: on, Depth: depth})
		return
	}
	if p := &d.periods[len(d.periods)-1]; depth > p.Depth*(1+levelSlack) {
		p.Low, p.Depth = on, depth
	}
}

// end closes a fall on the day of its recovery, or leaves it open on the last day.
func (p *DrawdownPeriod) end(on market.Date, recovered bool) {
	p.Days = int(on - p.From)
	if recovered {
		p.To = &on
	}
}

// drawdownsMax bounds how many falls are listed: more than a table shows.
const drawdownsMax = 10

// deepest is the deepest falls first, of two alike the earlier one.
func deepest(periods []DrawdownPeriod) []DrawdownPeriod {
	sorted := slices.Clone(periods)
	slices.SortStableFunc(sorted, func(a, b DrawdownPeriod) int { return cmp.Compare(b.Depth, a.Depth) })
	return sorted[:min(len(sorted), drawdownsMax)]
}
