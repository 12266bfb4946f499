package engine

import (
	"slices"

	"folioscope/internal/alert"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// reference is what a change is counted from, and a fall: the close of Days ago, the previous one for one day, or the highest close or
// price of the window that ends with a quote. Nil where the past isn't known.
func (r *rule) reference(quote *market.Quote) *money.Decimal {
	c, today := &r.Condition, market.DateOf(quote.MarketTime.UTC())
	earlier := today - market.Date(c.Days)
	switch c.Kind {
	case alert.Change:
		if c.Days == 1 {
			earlier = today - 1 // the previous close, however long ago
		}
		for _, bar := range slices.Backward(r.past) {
			if bar.Date <= earlier {
				return &bar.Close
			}
		}
	case alert.OffHigh:
		high := quote.Price
		for _, bar := range slices.Backward(r.past) {
			if bar.Date <= earlier {
				break
			}
			if bar.Close.Cmp(high) > 0 {
				high = bar.Close
			}
		}
		return &high
	}
	return nil
}

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
