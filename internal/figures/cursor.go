package figures

import (
	"math"
	"math/bits"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// wideBitsMax bounds each part of a sum of few, so that the sum stays within 255 bits; flows summed over a lifetime of days too.
const wideBitsMax = 235

// factorBitsMax leaves room for an amount of 63 bits.
const factorBitsMax = wideBitsMax - 64

// rateCursor walks a currency's rate through days: the close of base by that of other. factor turns worth into the base
// currency at the whole's scale.
type rateCursor struct {
	base, other *market.Series // nil for 1
	baseAt, at  int            // −1 before the first
	inBase      bool
	until       market.Date // the rate's next day: advance must be called from there on
	lift        int32       // power of ten beside the rate's own places
	factor      wide        // of at most factorBitsMax
}

// marketCursor is a currency's rate in a market, where each is quoted against market.RateBase.
func marketCursor(m *Market, base, currency money.Currency) (c rateCursor, ok bool) {
	c = rateCursor{baseAt: -1, at: -1, until: market.NoDate}
	if base != market.RateBase {
		if c.base = m.Series[market.RateID(base)]; c.base == nil || c.base.Closes == nil {
			return c, false
		}
	}
	if currency != market.RateBase {
		if c.other = m.Series[market.RateID(currency)]; c.other == nil || c.other.Closes == nil {
			return c, false
		}
	}
	return c, true
}

// ratePlacesMax bounds the digits after the point of a quotient: one near 1 has 33 or 34, one of 1 to 10,000 has 38.
const ratePlacesMax = 38

// places is how many digits after the point a rate has at most.
func (c *rateCursor) places() int32 {
	switch {
	case c.inBase:
		return 0
	case c.other == nil:
		return c.base.Places
	}
	return ratePlacesMax
}

// advance takes the cursor to a day.
func (c *rateCursor) advance(on market.Date) (ok bool) {
	c.until = math.MaxInt32
	a, aPlaces, ok1 := c.close(c.base, &c.baseAt, on)
	b, bPlaces, ok2 := c.close(c.other, &c.at, on)
	if !ok1 || !ok2 || a <= 0 || b <= 0 {
		return false
	}
	if c.other == nil {
		return c.set(double{low: uint64(a)}, aPlaces)
	}
	rate := quotient(a, aPlaces, b, bPlaces)
	return c.set(rate.coefficient, rate.places)
}

// close takes one of the two series to a day.
func (c *rateCursor) close(s *market.Series, at *int, on market.Date) (close int64, places int32, ok bool) {
	if s == nil {
		return 1, 0, true
	}
	i := *at
	for i+1 < len(s.Dates) && s.Dates[i+1] <= on {
		i++
	}
	if *at = i; i < 0 {
		return 0, 0, false
	}
	if i+1 < len(s.Dates) {
		c.until = min(c.until, s.Dates[i+1])
	}
	return s.Closes[i], s.Places, true
}

// set takes a rate of coefficient · 10^−places in units of the whole's scale.
func (c *rateCursor) set(coefficient double, places int32) bool {
	lift := c.lift - places
	if lift < 0 || lift >= int32(len(power10)) {
		return false
	}
	if lift < int32(len(powers)) {
		unit := uint64(powers[lift])
		high0, low := bits.Mul64(coefficient.low, unit)
		high, middle := bits.Mul64(coefficient.high, unit)
		middle, carry := bits.Add64(middle, high0, 0)
		c.factor = wide{low, middle, high + carry}
		return c.factor[2]>>(factorBitsMax-128) == 0
	}

	c.factor = wide{}
	if coefficient.bits()+power10[lift].bits() > factorBitsMax {
		return false
	}
	c.factor = coefficient.by(&power10[lift])
	return true
}
