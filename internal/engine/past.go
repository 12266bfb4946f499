package engine

import (
	"folioscope/internal/alert"
	"folioscope/internal/market"
)

// outdated says whether a price is of a day that a rule's past isn't worked out for yet: its owner's rules are read again for it, since the
// day before has a close now, and a split may have changed the units.
func (r *rule) outdated(quote *market.Quote) bool {
	return r.Condition.Days > 0 && market.DateOf(quote.MarketTime.UTC()) > r.day
}

// begin takes a past over. The highest price that was seen of its last day stays.
func (r *rule) begin(past []market.Bar) {
	before := r.past
	r.past = past
	n := len(past)
	if n == 0 {
		return
	}
	r.day = max(r.day, past[n-1].Date)
	if last := len(before) - 1; last >= 0 && r.Condition.Kind == alert.OffHigh && before[last].Date == past[n-1].Date && before[last].Close.Cmp(past[n-1].Close) > 0 {
		past[n-1] = before[last]
	}
}

// remember notes a price that is its day's highest so far.
func (r *rule) remember(quote *market.Quote) {
	if r.Condition.Kind != alert.OffHigh {
		return
	}
	bar := market.Bar{Date: market.DateOf(quote.MarketTime.UTC()), Close: quote.Price}
	switch n := len(r.past); {
	case n == 0 || r.past[n-1].Date < bar.Date:
		r.past = append(r.past, bar)
	case r.past[n-1].Date == bar.Date && bar.Close.Cmp(r.past[n-1].Close) > 0:
		r.past[n-1] = bar
	}
}
