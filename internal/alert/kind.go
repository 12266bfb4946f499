package alert

import "slices"

// Kind is what a condition looks at.
type Kind string

// Kinds with a level: a value that is above or below a threshold.
const (
	Price           Kind = "price"            // of an instrument, in its currency
	Change          Kind = "change"           // of an instrument's price over Days, in percent
	OffHigh         Kind = "off_high"         // how far an instrument's price is under the highest close or price of Days, in percent
	CurrencyRate    Kind = "rate"             // what one unit of Base costs in Quote
	Value           Kind = "value"            // of a portfolio with its cash, in its base currency
	Gain            Kind = "gain"             // of what a portfolio holds over its cost, unrealised; in its base currency or in percent of the cost
	PortfolioChange Kind = "portfolio_change" // over Days, in percent: 1 is the day's change, more is time-weighted
	Drawdown        Kind = "drawdown"         // how far a portfolio is under the peak of Days, time-weighted, in percent
	Weight          Kind = "weight"           // of an instrument or group in a portfolio, in percent of its value
	Drift           Kind = "drift"            // how far such a weight is from Target, either way, in percentage points
	Expressed       Kind = "expression"       // 1 where the Expression is true of a portfolio, 0 where it isn't
)

// Kinds of what happens: each occurrence has a key, and is told once.
const (
	Dividend     Kind = "dividend"      // of an instrument or of whatever a portfolio holds: announced, and paid
	ExDate       Kind = "ex_date"       // of such a dividend, within Threshold days
	Stale        Kind = "stale"         // an instrument, or one that a portfolio holds, had no new price for Threshold hours of its market's time
	ImportFailed Kind = "import_failed" // of any of its owner's portfolios
	SignIn       Kind = "sign_in"       // from a browser that wasn't seen before, or a second factor that was refused several times
)

// Kinds are all of them, in the order in which people are offered them.
func Kinds() []Kind {
	return []Kind{
		Price, Change, OffHigh, CurrencyRate, Value, Gain, PortfolioChange, Drawdown, Weight, Drift, Dividend, ExDate, Stale,
		ImportFailed, SignIn, Expressed,
	}
}

// Measure is what a kind's threshold counts.
type Measure string

// The measures.
const (
	InPriceCurrency Measure = "price_currency" // the instrument's
	InQuote         Measure = "quote"          // Condition.Quote
	InBaseCurrency  Measure = "base_currency"  // the portfolio's
	InPercent       Measure = "percent"        // 5 is 5 %
	InPoints        Measure = "points"         // percentage points
	InDays          Measure = "days"
	InHours         Measure = "hours"
	InNothing       Measure = "" // it has no threshold
)

// subject is what a kind is about.
type subject uint8

const (
	ofNothing    subject = iota
	ofInstrument         // Instrument
	ofEither             // Instrument, or whatever Portfolio holds
	ofPair               // Base and Quote
	ofPortfolio          // Portfolio
	ofPart               // Portfolio, and in it Instrument or Group
)

// shape is what a kind has.
type shape struct {
	about   subject
	measure Measure
	days    bool
	units   bool // knows amount and percent
	level   bool
}

var shapes = map[Kind]shape{
	Price:           {about: ofInstrument, measure: InPriceCurrency, level: true},
	Change:          {about: ofInstrument, measure: InPercent, days: true, level: true},
	OffHigh:         {about: ofInstrument, measure: InPercent, days: true, level: true},
	CurrencyRate:    {about: ofPair, measure: InQuote, level: true},
	Value:           {about: ofPortfolio, measure: InBaseCurrency, level: true},
	Gain:            {about: ofPortfolio, measure: InBaseCurrency, units: true, level: true},
	PortfolioChange: {about: ofPortfolio, measure: InPercent, days: true, level: true},
	Drawdown:        {about: ofPortfolio, measure: InPercent, days: true, level: true},
	Weight:          {about: ofPart, measure: InPercent, level: true},
	Drift:           {about: ofPart, measure: InPoints, level: true},
	Expressed:       {about: ofPortfolio, level: true},
	Dividend:        {about: ofEither},
	ExDate:          {about: ofEither, measure: InDays},
	Stale:           {about: ofEither, measure: InHours},
	ImportFailed:    {},
	SignIn:          {},
}

// Level says whether a kind has a value that is above or below something; what has none happens.
func (k Kind) Level() bool { return shapes[k].level }

// OfPrices says whether one instrument's prices alone decide, so that its thresholds can be sorted.
func (k Kind) OfPrices() bool { return k.Level() && shapes[k].about == ofInstrument }

// OfPortfolio says whether it takes Facts of a portfolio.
func (k Kind) OfPortfolio() bool {
	return k.Level() && slices.Contains([]subject{ofPortfolio, ofPart}, shapes[k].about)
}

// Measure is what a condition's Threshold, Rearm and value count.
func (c *Condition) Measure() Measure {
	if c.Unit == UnitPercent {
		return InPercent
	}
	return shapes[c.Kind].measure
}

// Personal says whether a condition's values are amounts of its owner's, which messages may have to leave out.
func (c *Condition) Personal() bool { return c.Measure() == InBaseCurrency }
