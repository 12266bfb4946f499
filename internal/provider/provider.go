// Package provider asks market data sources for prices, one file per source, and hands back what they said in one shape.
//
// It owns the sources' wire formats: addresses, paging, names, errors, units and rounding of float noise. Every answer is
// bounded in size and time and classified before it is decoded; requests are paced to each source's budget. The package
// never stores a price, decides which one is right, or retries: that is the business of whoever asks.
package provider

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Outcome says how a request to a source ended, in the words that all sources share.
type Outcome string

// The outcomes. Only UnknownSymbol, NotEntitled and Empty speak of one name; BadKey, Blocked and the Rate ones concern
// the whole source; SchemaDrift is for an administrator to look at.
const (
	OK            Outcome = "OK"
	Empty         Outcome = "EMPTY"          // the source knows the name but has no value for it
	UnknownSymbol Outcome = "UNKNOWN_SYMBOL" // the source doesn't know the name
	NotEntitled   Outcome = "NOT_ENTITLED"   // the plan doesn't cover the name
	BadKey        Outcome = "BAD_KEY"
	RateBurst     Outcome = "RATE_BURST"
	RateMinute    Outcome = "RATE_MINUTE"
	RateHour      Outcome = "RATE_HOUR"
	RateDay       Outcome = "RATE_DAY"
	RateMonth     Outcome = "RATE_MONTH"
	Blocked       Outcome = "BLOCKED"      // refused as a client: challenge page, ban
	Transient     Outcome = "TRANSIENT"    // try again later: network, 5xx, maintenance
	SchemaDrift   Outcome = "SCHEMA_DRIFT" // the answer isn't in the shape we know
)

// PerSymbol says whether the outcome speaks of one name only, so that the others of the batch and the source are fine.
func (o Outcome) PerSymbol() bool { return o == UnknownSymbol || o == NotEntitled || o == Empty }

// RateLimited says whether the source (or our own budget for it) wants us to wait.
func (o Outcome) RateLimited() bool { return strings.HasPrefix(string(o), "RATE_") }

// OpensCircuit says whether to leave the source alone for a while: it refuses us, whatever we ask.
func (o Outcome) OpensCircuit() bool { return o == BadKey || o == Blocked || o.RateLimited() }

// Error is a request that didn't end well. Its text never holds a key or the query of an address.
type Error struct {
	Provider   string
	Outcome    Outcome
	RetryAfter time.Duration // how long the source asked us to wait, 0 where it said nothing
	Symbol     string        // the source's name for the instrument, empty where the error concerns the whole request
	Cause      error
}

// Error is "yahoo: UNKNOWN_SYMBOL: AAPL: cause".
func (e *Error) Error() string {
	text := e.Provider + ": " + string(e.Outcome)
	if e.Symbol != "" {
		text += ": " + e.Symbol
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// OutcomeOf is OK for nil, the outcome of the first *Error in the chain, and Transient for any other error.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return OK
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Outcome
	}
	return Transient
}

// of is the same failure of another name: the source failed before that one was asked for.
func (e *Error) of(symbol string) *Error {
	other := *e
	other.Symbol = symbol
	return &other
}

// Quote is one price as a source gave it. Price and PreviousClose are above 0 and in Unit, not yet in its major currency.
type Quote struct {
	Name          string // the source's name for the instrument, exactly as it was asked for
	Price         money.Decimal
	Unit          money.Unit // the zero value where HasCurrency is false
	HasCurrency   bool       // false where the source doesn't say: the instrument's own currency is then meant
	MarketTime    time.Time  // when the market made the price, UTC
	PreviousClose *money.Decimal
	PreviousDate  market.Date // NoDate where unknown
}

// Batch is what came of asking for several names: each of them is either among Quotes or in Failed.
type Batch struct {
	Quotes []Quote
	Failed map[string]*Error // per name
}

// Provider is a source of latest prices. Its methods may be called at the same time from many goroutines.
type Provider interface {
	// Name is the source's name as configuration, Instrument.Names and Quote.Source write it.
	Name() string
	// Classes are the asset classes that it can price.
	Classes() []market.Class
	// BatchMax is how many names Latest takes at once.
	BatchMax() int
	// Latest asks for the latest prices. The error, always an *Error, concerns the whole batch; then Batch is empty.
	// now bounds what is believed: a price from the future is SchemaDrift.
	Latest(ctx context.Context, names []string, now time.Time) (Batch, error)
}

// Historian is a source of raw daily closes.
type Historian interface {
	// History gives the closes from one day to another, both included, rising by date, each as traded that day, in unit.
	// A day still in progress isn't part of it. No bars and no error means that there were none.
	History(ctx context.Context, name string, from, to market.Date) (bars []market.Bar, unit money.Unit, err error)
}

// Searcher finds instruments by text. What comes has no ID; fields that the source doesn't tell are empty.
type Searcher interface {
	Search(ctx context.Context, query string) ([]market.Instrument, error)
}

// Options configure a source.
type Options struct {
	BaseURL           string       // scheme, host and an optional path; empty: the source's public address
	Key               string       // sent in a header wherever the source reads one there, and never told; empty: none
	HTTP              *http.Client // judges every address; redirects are the source's own business
	RequestsPerMinute int          // 0: the source's own default budget; above: this budget instead, without any per hour
}

// FutureMax is how far a source's clock may be ahead of ours before its price is refused.
const FutureMax = 5 * time.Minute
