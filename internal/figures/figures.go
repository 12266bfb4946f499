// Package figures works out what a portfolio is worth and how it did: positions, cost, income, returns, allocation, daily series.
//
// It owns every figure that is shown or written anywhere, as the contract of `evaluate` defines it. Sums, differences and
// products are exact; quotients carry 34 significant digits; rates are doubles. What can't be known is unknown and named in
// the problems, never 0 and a rate never 1. It never fetches, stores or rounds anything and asks no clock.
package figures

import (
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Market is the past: raw daily closes of instruments and of currencies' rates (under market.RateID), as traded, never adjusted.
type Market struct {
	Series map[market.InstrumentID]*market.Series
}

// Quotes is the present: the latest accepted mark of each instrument and of each currency's rate (under market.RateID).
type Quotes map[market.InstrumentID]market.Mark

// Problem is a figure that can't be known, or only in part, and why. Both texts are safe to show.
type Problem struct {
	Where string `json:"where"` // such as "prices.VWCE" or "fx.USD"
	What  string `json:"what"`
}

// Position is one holding at current marks, all its accounts together.
type Position struct {
	Instrument       market.InstrumentID
	Currency         money.Currency // of price, value and cost
	Quantity         money.Decimal  // below 0 for a short position
	Accounts         []ledger.AccountID
	Price            money.Maybe // after any split since it was made
	PreviousClose    money.Maybe
	Value            money.Maybe
	ValueBase        money.Maybe
	Weight           money.Maybe // share of the value of what can be valued, 0.25 is a quarter
	Cost             money.Maybe
	CostBase         money.Maybe
	AverageCost      money.Maybe // cost per unit
	UnrealisedBase   money.Maybe
	RealisedBase     money.Maybe // since the beginning, as are the next five
	IncomeBase       money.Maybe // gross
	FeesBase         money.Maybe
	TaxesBase        money.Maybe
	FXEffectBase     money.Maybe // an "of which" of realised and unrealised
	ProfitBase       money.Maybe // realised + unrealised + income − what of fees and taxes is outside cost
	DayChangeBase    money.Maybe // price, currency and today's trades; net of what was paid and received
	DayChangePercent money.Maybe // of the price in its own currency, in percent points; unknown without a previous close
}

// Lot is a part of a position that was opened at once.
type Lot struct {
	ID       ledger.ActivityID
	Opened   market.Date
	Account  ledger.AccountID
	Quantity money.Decimal
	UnitCost money.Maybe
	Cost     money.Maybe
	CostBase money.Maybe
}

// ContributionKind says what a part of the day change comes from.
type ContributionKind string

// The kinds of contributions.
const (
	FromPrice    ContributionKind = "price"    // an instrument's price, at yesterday's rate, with the effect of today's trades and dividends
	FromCurrency ContributionKind = "currency" // a currency's rate, on everything held in it, cash too
	FromCash     ContributionKind = "cash"     // interest, fees and taxes not tied to an instrument
)

// Contribution is one part of the day change. All parts of a valuation sum to its day change to the last digit.
type Contribution struct {
	Kind       ContributionKind
	Instrument market.InstrumentID // FromPrice
	Currency   money.Currency      // FromCurrency, FromCash
	Amount     money.Decimal       // in the base currency
	Percent    money.Maybe         // of the value at the start of the day, in percent points
}

// CashBalance is the cash of one account in one currency.
type CashBalance struct {
	Account  ledger.AccountID
	Currency money.Currency
	Amount   money.Decimal
}

// Rate is one exchange rate that went into a valuation.
type Rate struct {
	Currency money.Currency
	Rate     money.Maybe // base units for 1 Currency
	Previous money.Maybe // the same at the previous close
}

// Valuation is a portfolio at current marks. Value, DayChange and the weights are of what can be valued; Problems names the rest.
type Valuation struct {
	Base             money.Currency
	Value            money.Maybe // positions and cash; unknown only where nothing that is held can be valued
	Cash             money.Maybe // in the base currency; 0 where cash is not tracked
	CashTracked      bool
	CashBalances     []CashBalance
	DayChange        money.Maybe
	DayChangePercent money.Maybe    // of the value at the start of the day and what was paid in today, in percent points
	Positions        []Position     // open ones, by value falling, those without a value last
	Contributions    []Contribution // biggest first; none where DayChange is unknown
	Rates            []Rate         // of every foreign currency held
	Problems         []Problem
}

// Day is one day of a portfolio's daily series, in the base currency.
type Day struct {
	Date      market.Date
	Value     money.Maybe // at the end of the day
	PaidIn    money.Maybe // that day alone
	TakenOut  money.Maybe // that day alone
	NetPaidIn money.Maybe // paid in less taken out since the beginning of the portfolio
	TWR       *float64    // since the start of the period; nil where a day up to here can't be known
	Drawdown  *float64    // share below the highest level so far, 0 or more
}

// By names what an allocation is grouped by.
type By string

// The groupings.
const (
	ByClass    By = "asset_class"
	BySector   By = "sector"
	ByCountry  By = "country"
	ByCurrency By = "currency"
	ByAccount  By = "account"
)

// Shares is how a portfolio's value is spread. The groups sum to Value to the last digit, and a group's items to the group.
type Shares struct {
	By       By
	Base     money.Currency
	Value    money.Maybe
	Groups   []Group               // by value falling
	Unvalued []market.InstrumentID // held, but without a value
}

// Group is one share, such as a sector. An empty key holds what has no such property.
type Group struct {
	Key   string // a class, sector, country, currency or account id
	Value money.Decimal
	Share money.Maybe // of the whole, 0.25 is a quarter; unknown where the whole is 0 or less
	Items []Item
}

// Item is one holding's part of a group.
type Item struct {
	Instrument       market.InstrumentID // empty for cash
	Currency         money.Currency      // of the instrument or the cash
	Value            money.Decimal
	Share            money.Maybe // of the whole
	DayChangePercent money.Maybe // of its price, percent points
	ReturnPercent    money.Maybe // unrealised over cost, percent points
}
