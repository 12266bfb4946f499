package alert

import (
	"slices"

	"folioscope/internal/figures"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Reference is what a change is counted from, and a fall: the close of Days before a day, the previous one for one day, or the highest close or
// price of the window that ends with a price of that day. past are closes rising by day, in that day's units; nil where they don't reach
// so far, and for other kinds.
func (c *Condition) Reference(price money.Decimal, on market.Date, past []market.Bar) *money.Decimal {
	earlier := on - market.Date(c.Days)
	switch c.Kind {
	case Change:
		if c.Days == 1 {
			earlier = on - 1 // the previous close, however long ago
		}
		for _, bar := range slices.Backward(past) {
			if bar.Date <= earlier {
				return &bar.Close
			}
		}
	case OffHigh:
		high := price
		for _, bar := range slices.Backward(past) {
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

// IndexOf is the time-weighted index of a portfolio's days, without those whose return isn't known.
func IndexOf(daily *figures.Daily) []IndexPoint {
	var points []IndexPoint
	for i := range daily.Len() {
		if day := daily.Day(i); day.TWR != nil {
			points = append(points, IndexPoint{Day: day.Date, Level: 1 + *day.TWR})
		}
	}
	return points
}
