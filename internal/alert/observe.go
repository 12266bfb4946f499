package alert

import (
	"math"
	"strconv"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Sight is what a condition is worked out from; each kind says what it looks at.
type Sight struct {
	Price      *money.Decimal // of the instrument: price, change, off_high
	Reference  *money.Decimal // change: the close that it is counted from; off_high: the highest close or price of the window
	Rates      Rates          // rate
	Facts      *Facts         // of the portfolio: all kinds that OfPortfolio
	Expression *Expression    // the condition's own, compiled: expression
}

// Observe is the value of a condition with a level, or why there is none. At, Sequence and Subject are the caller's to say.
//
// Sums and differences are exact, quotients have 34 significant digits, time-weighted changes are doubles to six digits after the point.
func (c *Condition) Observe(s Sight) Observation {
	switch c.Kind {
	case Price:
		return known(s.Price, "No price of it is known.")
	case Change:
		return ofReference(s, "No close is known from which it could be counted.", func(price, reference money.Decimal) money.Decimal {
			return price.Sub(reference).Mul(hundred).Quo(reference)
		})
	case OffHigh:
		return ofReference(s, "No high of it is known.", func(price, high money.Decimal) money.Decimal {
			if price.Cmp(high) > 0 {
				return money.Zero // it is at its high
			}
			return high.Sub(price).Mul(hundred).Quo(high)
		})
	case CurrencyRate:
		return known(s.Rates.Cross(c.Base, c.Quote), "The rate isn't known.")
	}
	if s.Facts == nil {
		return Observation{Missing: "The portfolio isn't known."}
	}
	if c.Kind == Expressed {
		return s.Expression.Observe(s.Facts)
	}
	return c.ofPortfolio(s.Facts)
}

// ofPortfolio is the value of a kind that takes Facts.
func (c *Condition) ofPortfolio(f *Facts) Observation {
	switch c.Kind {
	case Value:
		return known(f.Value, "The portfolio's value isn't known: a price or a rate is missing.")
	case Gain:
		if c.Unit == UnitPercent {
			return known(f.GainPercent(), "The cost of what is held isn't known, or is nothing.")
		}
		return known(f.Gain, "The cost or value of what is held isn't known.")
	case PortfolioChange:
		if c.Days == 1 {
			return known(f.DayChangePercent, "Today's change isn't known.")
		}
		return known(f.Change(c.Days), "The portfolio's past isn't known for so long.")
	case Drawdown:
		return known(f.drawdown(c.Days), "The portfolio's past isn't known.")
	case Weight:
		return known(f.weight(c), unweighed)
	case Drift:
		weight := f.weight(c)
		if weight == nil {
			return Observation{Missing: unweighed}
		}
		drift := weight.Sub(*c.Target).Abs()
		return Observation{Value: &drift}
	}
	return Observation{Missing: whyNoData}
}

const unweighed = "Its part of the portfolio isn't known."

var hundred = money.NewDecimal(100, 0)

func known(value *money.Decimal, missing string) Observation {
	if value == nil {
		return Observation{Missing: missing}
	}
	return Observation{Value: value}
}

// ofReference is how a price stands to a reference above 0.
func ofReference(s Sight, missing string, percent func(price, reference money.Decimal) money.Decimal) Observation {
	switch {
	case s.Price == nil:
		return Observation{Missing: "No price of it is known."}
	case s.Reference == nil || s.Reference.Sign() <= 0:
		return Observation{Missing: missing}
	}
	value := percent(*s.Price, *s.Reference)
	return Observation{Value: &value}
}

// GainPercent is the unrealised gain in percent of the cost; nil where either isn't known or there is no cost.
func (f *Facts) GainPercent() *money.Decimal {
	return percentOfCost(money.FromPointer(f.Gain), money.FromPointer(f.Cost))
}

// weight is that of a condition's instrument or group. What isn't held weighs 0, unless nothing can be weighed at all.
func (f *Facts) weight(c *Condition) *money.Decimal {
	if f.Value == nil || f.Value.Sign() <= 0 {
		return nil
	}
	for i := range f.Holdings {
		if h := &f.Holdings[i]; c.Instrument != "" && h.Instrument == c.Instrument {
			return h.Weight
		}
	}
	for i := range f.Groups {
		if g := &f.Groups[i]; c.Instrument == "" && g.Group == c.Group {
			return g.Weight
		}
	}
	nothing := money.Zero
	return &nothing
}

// Change is the time-weighted change over some days, in percent; nil where the index doesn't reach back so far.
func (f *Facts) Change(days int) *money.Decimal {
	if len(f.Index) == 0 {
		return nil
	}
	last := f.Index[len(f.Index)-1]
	from := f.before(last.Day - market.Date(days))
	if from < 0 {
		return nil
	}
	return percentOf(last.Level/f.Index[from].Level - 1)
}

// drawdown is how far the index is under its peak of some days, in percent.
func (f *Facts) drawdown(days int) *money.Decimal {
	if len(f.Index) == 0 {
		return nil
	}
	last := f.Index[len(f.Index)-1]
	peak := last.Level
	for _, point := range f.Index[max(0, f.before(last.Day-market.Date(days))):] {
		peak = max(peak, point.Level)
	}
	return percentOf(1 - last.Level/peak)
}

// before is the place of the last point on or before a day, −1 where there is none.
func (f *Facts) before(day market.Date) int {
	at := len(f.Index) - 1
	for at >= 0 && f.Index[at].Day > day {
		at--
	}
	return at
}

// percentPlaces is how many digits after the point a time-weighted percentage has: far more than it is good for.
const percentPlaces = 6

// percentOf is a share in percent; nil for what isn't a number.
func percentOf(share float64) *money.Decimal {
	if math.IsNaN(share) || math.IsInf(share, 0) {
		return nil
	}
	percent, err := money.Parse(strconv.FormatFloat(100*share, 'f', percentPlaces, 64))
	if err != nil {
		return nil // longer than any number that is used
	}
	return &percent
}
