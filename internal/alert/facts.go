package alert

import (
	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Facts is what a portfolio looks like now. What isn't known is nil; percents are percents (5 is 5 %).
type Facts struct {
	Portfolio        ledger.PortfolioID
	Name             string
	Base             money.Currency
	Value            *money.Decimal // with cash; nil where a part of it isn't known: what is missing is no fall
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
	Weight           *money.Decimal // percent of Value
	Price            *money.Decimal
	Value            *money.Decimal // in the portfolio's base currency
	GainPercent      *money.Decimal // unrealised, of its cost in the base currency
	DayChangePercent *money.Decimal // of its price
	State            market.State   // of its price
}

// NewFacts are the facts of a valuation and of how it is spread. Rates and Index are left to the caller, who knows of more than one
// portfolio; so is the state of a price.
func NewFacts(
	portfolio *ledger.Portfolio, instruments map[market.InstrumentID]market.Instrument, v *figures.Valuation, spread []figures.Shares,
	state func(market.InstrumentID) market.State,
) *Facts {
	f := &Facts{
		Portfolio: portfolio.ID, Name: portfolio.Name, Base: v.Base, Value: v.Value.Pointer(), Cash: v.Cash.Pointer(),
		DayChange: v.DayChange.Pointer(), DayChangePercent: v.DayChangePercent.Pointer(), Holdings: make([]Holding, len(v.Positions)),
	}
	whole := v.Value.IsKnown() && v.Cash.IsKnown()
	for i := range v.Positions {
		whole = whole && v.Positions[i].ValueBase.IsKnown()
	}
	if !whole {
		f.Value = nil
	}
	weight := func(share money.Maybe) *money.Decimal {
		if !whole {
			return nil
		}
		return share.Times(hundred).Pointer()
	}
	cost, gain := money.Known(money.Zero), money.Known(money.Zero)
	for i := range v.Positions {
		p := &v.Positions[i]
		cost, gain = cost.Add(p.CostBase), gain.Add(p.UnrealisedBase)
		instrument := instruments[p.Instrument]
		f.Holdings[i] = Holding{
			Instrument: p.Instrument, Symbol: instrument.Symbol, Name: instrument.Name, Currency: p.Currency,
			Weight: weight(p.Weight), Price: p.Price.Pointer(), Value: p.ValueBase.Pointer(),
			GainPercent: percentOfCost(p.UnrealisedBase, p.CostBase), DayChangePercent: p.DayChangePercent.Pointer(), State: state(p.Instrument),
		}
	}
	f.Cost, f.Gain = cost.Pointer(), gain.Pointer()
	for _, shares := range spread {
		for _, group := range shares.Groups {
			f.Groups = append(f.Groups, GroupWeight{Group: Group{By: shares.By, Name: group.Key}, Weight: weight(group.Share)})
		}
	}
	return f
}

// percentOfCost is a gain in percent of a cost above 0; nil where either isn't known, or there is no such cost.
func percentOfCost(gain, cost money.Maybe) *money.Decimal {
	if paid, ok := cost.Get(); !ok || paid.Sign() <= 0 {
		return nil
	}
	return gain.Times(hundred).Quo(cost).Pointer()
}

// GroupWeight is how much of a portfolio is in one group.
type GroupWeight struct {
	Group
	Weight *money.Decimal // percent of Value
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
