package alert

import (
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Facts is what a portfolio looks like now. What isn't known is nil; percents are percents (5 is 5 %).
type Facts struct {
	Portfolio        ledger.PortfolioID
	Name             string
	Base             money.Currency
	Value            *money.Decimal // with cash
	Cash             *money.Decimal
	Cost             *money.Decimal // of what is held
	Gain             *money.Decimal // unrealised: what is held less its Cost
	DayChange        *money.Decimal
	DayChangePercent *money.Decimal
	Holdings         []Holding
	Groups           []GroupWeight
	Rates            Rates
	Index            []IndexPoint // time-weighted, rising by day, the last one is now; only of the days that rules ask for
}

// Holding is one holding of a portfolio.
type Holding struct {
	Instrument       market.InstrumentID
	Symbol, Name     string
	Currency         money.Currency // of Price
	Weight           *money.Decimal // percent of what can be valued
	Price            *money.Decimal
	Value            *money.Decimal // in the portfolio's base currency
	GainPercent      *money.Decimal // unrealised, of its cost in the base currency
	DayChangePercent *money.Decimal // of its price
	State            market.State   // of its price
}

// GroupWeight is how much of a portfolio is in one group.
type GroupWeight struct {
	Group
	Weight *money.Decimal // percent of what can be valued
}

// IndexPoint is a portfolio's time-weighted index at the end of a day: 1 at its beginning.
type IndexPoint struct {
	Day   market.Date
	Level float64
}

// Rates are units of a currency for 1 EUR, as market.RateID quotes them; EUR itself needs none.
type Rates map[money.Currency]money.Decimal

// Cross is what one unit of base costs in quote, to 34 significant digits; nil where a rate isn't known.
func (r Rates) Cross(base, quote money.Currency) *money.Decimal {
	per := func(c money.Currency) (money.Decimal, bool) {
		if c == market.RateBase {
			return money.One, true
		}
		rate, ok := r[c]
		return rate, ok && rate.Sign() > 0
	}
	from, ok := per(base)
	to, ok2 := per(quote)
	if !ok || !ok2 {
		return nil
	}
	crossed := to.Quo(from)
	return &crossed
}
