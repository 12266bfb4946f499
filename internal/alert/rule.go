// Package alert holds the rules with which people ask to be told something, and the state machine that each of them goes through.
//
// It owns what a condition means, when a rule fires, when it may fire again and what a history would have made of it. It never asks
// for a price, tells nobody anything and reads no clock: engine brings what it sees, notify what is told to people.
//
//	inactive ─ holds ─▶ pending ─ For is over, not snoozed ─▶ firing ─ beyond Rearm ─▶ resolved ─ holds ─▶ pending …
//	             pending ─ doesn't hold any more ─▶ inactive, or resolved where it has fired before
//	any ─ nothing known ─▶ no_data ─▶ back to where it was        any ─ can't be worked out ─▶ error ─▶ back to where it was
package alert

import (
	"time"

	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Identifiers; neither means anything to a person.
type (
	RuleID    string
	ChannelID string // a way by which its owner is told
)

// Bounds of rules. Each rule costs a little with every price, and its owner's other rules wait for it.
const (
	RulesMax           = 500                 // of one owner: more than anybody reads
	NameBytesMax       = 120                 // a line on a phone or two
	ChannelsMax        = 20                  // of one owner, and so of a rule
	CooldownMax        = 30 * 24 * time.Hour // longer is an expiry
	ForMax             = 7 * 24 * time.Hour  // longer, and what it was about is history
	DaysMax            = 1830                // five years: of what is kept of a portfolio's past in one piece
	ExpressionBytesMax = 1000                // more than a person can check by reading
	NoDataAfter        = 24 * time.Hour      // so long a rule goes without data before its owner is told
)

// Repeat says how often a rule is told.
type Repeat string

// How often.
const (
	RepeatOnce  Repeat = "once"  // the first firing ends the rule
	RepeatEach  Repeat = "each"  // each time anew, after it was armed again
	RepeatDaily Repeat = "daily" // at most once on a day of its owner's zone, and again on the next day at that time until it is armed again
)

// Rule is what its owner wants to be told.
type Rule struct {
	Owner     ledger.OwnerID
	ID        RuleID
	Version   int64  // grows by 1 with each change by its owner
	Name      string // what its owner calls it; may be empty, then its Sentence stands for it
	Condition Condition
	Repeat    Repeat
	Cooldown  time.Duration // after a firing that was told: one within it is noted as held back and not told
	For       time.Duration // so long the condition has to hold before it fires
	NoData    bool          // its owner is told where nothing was known for NoDataAfter

	ExpiresAt    time.Time   // from then on it has ended; zero for never
	SnoozedUntil time.Time   // before then it doesn't fire; what holds by then fires then. Zero where it isn't snoozed
	Channels     []ChannelID // nil for all that its owner has switched on, empty for the inbox alone
	CreatedAt    time.Time
}

// Direction is the side of a threshold.
type Direction string

// The directions. What is at a threshold is above it, and below it too: only crossing has to choose, and takes it for above.
const (
	Above    Direction = "above"    // at it or more
	Below    Direction = "below"    // at it or less
	Crossing Direction = "crossing" // from less to at it or more, or the other way
)

// Unit says what a threshold counts where a kind knows two ways.
type Unit string

// The units.
const (
	UnitAmount  Unit = "amount"  // of the portfolio's base currency
	UnitPercent Unit = "percent" // 5 is 5 %
)

// Group names a part of a portfolio by what its holdings have in common. The zero Group is none.
type Group struct {
	By   figures.By // asset_class, sector, country or currency
	Name string     // as the allocation calls it, such as "stock", "Technology", "US", "EUR"
}

// Condition is what has to be so. Which fields a kind has stands at the kinds; all others are empty.
type Condition struct {
	Kind        Kind
	Portfolio   ledger.PortfolioID  // one of its owner's own
	Instrument  market.InstrumentID // where it is about one
	Base, Quote money.Currency      // of a rate: what one unit of Base costs in Quote
	Direction   Direction
	Threshold   money.Decimal // in what its Kind counts: see Measure
	Unit        Unit
	Days        int            // the window in calendar days; 1 is since the previous close
	Group       Group          // of a weight or drift that isn't of Instrument
	Target      *money.Decimal // of a drift, in percent of the portfolio
	Rearm       *money.Decimal // on the way back, beyond it the rule is armed again; nil: at Threshold itself
	Expression  string         // what Compile takes
}

// same says whether two conditions ask for the same.
func (c *Condition) same(other *Condition) bool {
	number := func(a, b *money.Decimal) bool { return (a == nil) == (b == nil) && (a == nil || a.Equal(*b)) }
	return c.Kind == other.Kind && c.Portfolio == other.Portfolio && c.Instrument == other.Instrument && c.Base == other.Base &&
		c.Quote == other.Quote && c.Direction == other.Direction && c.Threshold.Equal(other.Threshold) && c.Unit == other.Unit &&
		c.Days == other.Days && c.Group == other.Group && c.Expression == other.Expression &&
		number(c.Target, other.Target) && number(c.Rearm, other.Rearm)
}
