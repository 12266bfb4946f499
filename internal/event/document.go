package event

import (
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Document is what a portfolio is worth and why: the answer of GET /api/v1/portfolios/{id} and the stream's `snapshot`.
// Amounts are exact and in the base currency unless their name says otherwise; weights, shares and percents are rounded to
// 8 places half to even. A pointer is nil, and null on the wire, where a figure can't be known; Problems says why.
type Document struct {
	ID               ledger.PortfolioID `json:"id"`
	Name             string             `json:"name"`
	Sequence         int64              `json:"sequence"` // of the portfolio's journal
	BaseCurrency     money.Currency     `json:"base_currency"`
	Value            *money.Decimal     `json:"value"`
	Cash             *money.Decimal     `json:"cash"` // 0 where cash is not tracked
	CashTracked      bool               `json:"cash_tracked"`
	DayChange        *money.Decimal     `json:"day_change"`
	DayChangePercent *money.Decimal     `json:"day_change_percent"` // percent points
	State            market.State       `json:"state"`              // the worst of the holdings'
	StaleShare       money.Decimal      `json:"stale_share"`        // share of value whose price is stale or worse
	AsOf             Time               `json:"as_of"`              // when the newest price in it was observed
	Simulated        bool               `json:"simulated"`          // some price comes from a simulated market
	Holdings         []Holding          `json:"holdings"`           // open positions, by worth
	Contributions    []Contribution     `json:"contributions"`      // sum exactly to DayChange, biggest first
	Markets          []Market           `json:"markets"`
	Rates            []Rate             `json:"rates"`
	Problems         []Problem          `json:"problems"`
}

// Holding is one open position.
type Holding struct {
	InstrumentID     market.InstrumentID `json:"instrument_id"`
	Symbol           string              `json:"symbol"`
	MIC              Text                `json:"mic"`
	Name             string              `json:"name"`
	AssetClass       market.Class        `json:"asset_class"`
	Currency         money.Currency      `json:"currency"`
	Sector           Text                `json:"sector"`
	Country          Text                `json:"country"`
	Quantity         money.Decimal       `json:"quantity"`
	Price            Price               `json:"price"`
	Value            *money.Decimal      `json:"value"` // in the price's currency
	ValueBase        *money.Decimal      `json:"value_base"`
	Weight           *money.Decimal      `json:"weight"`
	DayChangeBase    *money.Decimal      `json:"day_change_base"`
	DayChangePercent *money.Decimal      `json:"day_change_percent"` // of the price in its own currency
	CostBase         *money.Decimal      `json:"cost_base"`
	UnrealisedBase   *money.Decimal      `json:"unrealised_base"`
	RealisedBase     *money.Decimal      `json:"realised_base"`
	IncomeBase       *money.Decimal      `json:"income_base"`
	ProfitBase       *money.Decimal      `json:"profit_base"`
	Accounts         []ledger.AccountID  `json:"accounts"`
}

// Price is a price with everything that says how good it is. Without a price State is none and the rest null.
type Price struct {
	Amount        *money.Decimal `json:"amount"`
	Currency      Text           `json:"currency"`
	Source        Text           `json:"source"`
	ObservedAt    Time           `json:"observed_at"`
	MarketTime    Time           `json:"market_time"`
	State         market.State   `json:"state"`
	PreviousClose *money.Decimal `json:"previous_close"`
	PreviousDate  Day            `json:"previous_date"`
	HeldBack      *HeldBack      `json:"held_back,omitempty"`
}

// HeldBack is a price that was refused for now.
type HeldBack struct {
	Amount money.Decimal `json:"amount"`
	Reason string        `json:"reason"`
}

// ContributionKind says what moved the value.
type ContributionKind string

// The kinds of contributions to a day's change.
const (
	ContributionPrice    ContributionKind = "price"    // the price of one instrument
	ContributionCurrency ContributionKind = "currency" // one currency's rate
	ContributionCash     ContributionKind = "cash"     // cash that is held in a currency
)

// Contribution is one reason for the day's change.
type Contribution struct {
	Kind         ContributionKind    `json:"kind"`
	InstrumentID market.InstrumentID `json:"instrument_id,omitempty"`
	Currency     money.Currency      `json:"currency,omitempty"`
	Label        string              `json:"label"`
	Amount       money.Decimal       `json:"amount"`
	Percent      *money.Decimal      `json:"percent"` // by how much the price or rate moved, percent points
}

// Market is a market that something held trades on.
type Market struct {
	MIC   string `json:"mic"`
	Name  string `json:"name"`
	State string `json:"state"` // open or closed
	Until Time   `json:"until"` // when that changes
}

// Rate is an exchange rate that was used: base units for 1 unit.
type Rate struct {
	Currency money.Currency `json:"currency"`
	Rate     money.Decimal  `json:"rate"`
	AsOf     Time           `json:"as_of"`
	Source   string         `json:"source"`
}

// Problem says why a figure is missing or doubtful.
type Problem struct {
	Where string `json:"where"`
	What  string `json:"what"`
}

// Delta is what changed since the frame before: the stream's `delta`. Holdings are whole and replace those of the same
// instrument. Any price changes every weight, so that those of holdings that are left out follow: ValueBase / Value, to 8
// places half to even, null where Value is not above 0. Contributions replace those of the same kind, instrument and
// currency; one of 0 is gone, and all are where DayChange is null. Their order is by size falling, then by kind, instrument
// and currency rising. The other fields replace the document's; markets and rates that are nil did not change.
type Delta struct {
	ID               ledger.PortfolioID `json:"id"`
	Sequence         int64              `json:"sequence"`
	Value            *money.Decimal     `json:"value"`
	Cash             *money.Decimal     `json:"cash"`
	DayChange        *money.Decimal     `json:"day_change"`
	DayChangePercent *money.Decimal     `json:"day_change_percent"`
	State            market.State       `json:"state"`
	StaleShare       money.Decimal      `json:"stale_share"`
	AsOf             Time               `json:"as_of"`
	Holdings         []Holding          `json:"holdings"`
	Contributions    []Contribution     `json:"contributions"`
	Markets          []Market           `json:"markets,omitempty"`
	Rates            []Rate             `json:"rates,omitempty"`
}

// Connection says how well this node is connected to the market, in one word for people.
type Connection string

// The qualities of connection, best first; simulated stands for itself.
const (
	ConnectionLive      Connection = "live"
	ConnectionClosed    Connection = "closed"
	ConnectionDelayed   Connection = "delayed"
	ConnectionStale     Connection = "stale"
	ConnectionSimulated Connection = "simulated"
)

// Status is the stream's `status`, sent at the start and with every change of connection quality.
type Status struct {
	ID         ledger.PortfolioID `json:"id"`
	Connection Connection         `json:"connection"`
	State      market.State       `json:"state"`
	StaleShare money.Decimal      `json:"stale_share"`
	AsOf       Time               `json:"as_of"`
	Detail     string             `json:"detail"`
}
