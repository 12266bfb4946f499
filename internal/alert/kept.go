package alert

import (
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Kept is a rule as the store keeps it, with how it stands.
type Kept struct {
	Rule            Rule
	Standing        Standing
	StandingVersion int64 // grows by 1 with each change of the standing, whoever makes it
}

// Wants are the instruments and rates whose prices a condition needs, each once. What a portfolio needs its holdings see to.
func (c *Condition) Wants() []market.InstrumentID {
	var wanted []market.InstrumentID
	if c.Instrument != "" && c.Portfolio == "" {
		wanted = append(wanted, c.Instrument)
	}
	currencies := []money.Currency{c.Base, c.Quote}
	if c.Kind == Expressed {
		currencies = ratesOf(c.Expression)
	}
	for _, currency := range currencies {
		if currency != "" && currency != market.RateBase {
			wanted = append(wanted, market.RateID(currency))
		}
	}
	return wanted
}
