package market

import (
	"time"

	"folioscope/internal/money"
)

// Quote is one price of one instrument as one source gave it. None of its fields may be missing.
type Quote struct {
	Instrument InstrumentID
	Price      money.Decimal // in Currency, above 0
	Currency   money.Currency
	Source     string    // provider's name
	ObservedAt time.Time // when we asked and got it
	MarketTime time.Time // when the market made it
}

// HeldBack is a price that was refused for now, shown with its reason while the last good one stays in use.
type HeldBack struct {
	Price      money.Decimal
	Source     string
	ObservedAt time.Time
	MarketTime time.Time
	Reason     string // a sentence safe to show: "10 times the last price, waits for a second source"
}

// Mark is the latest accepted price of an instrument, with what is needed to say how good it is.
type Mark struct {
	Quote
	PreviousClose *money.Decimal // close of the last trading day before MarketTime's, nil where unknown
	PreviousDate  Date           // its day, NoDate where unknown
	Fallback      bool           // from another source than the first of its chain
	HeldBack      *HeldBack      // nil when nothing is held back
	Sequence      int64          // of the quotes' journal: grows with every accepted or held price of any instrument
}

// Bar is one trading day's raw close, as traded that day, never adjusted.
type Bar struct {
	Date  Date
	Close money.Decimal
}

// State says how good a price is. The first that applies of: none, quarantined, stale, fallback, delayed, manual, nav, closed, live.
type State string

// The states, worst first.
const (
	StateNone        State = "none"
	StateQuarantined State = "quarantined"
	StateStale       State = "stale"
	StateFallback    State = "fallback"
	StateDelayed     State = "delayed"
	StateManual      State = "manual"
	StateNAV         State = "nav"
	StateClosed      State = "closed"
	StateLive        State = "live"
)

// order is the states by badness, worst first.
var order = [...]State{StateNone, StateQuarantined, StateStale, StateFallback, StateDelayed, StateManual, StateNAV, StateClosed, StateLive}

// Worse is the worse of two states.
func Worse(a, b State) State {
	for _, s := range order {
		if a == s || b == s {
			return s
		}
	}
	return StateNone
}

// Ages at which a price changes its state, in market time.
const (
	DelayedAfter   = 11 * time.Minute // one poll of 10 min missed by a little
	StaleAfter     = 21 * time.Minute // two polls missed
	MarketLagMax   = 2 * time.Minute  // a live feed's own stamp lags less than this
	NAVStaleAfter  = 4                // trading days without a new value of a fund
	SourceManual   = "manual"         // the source of prices entered by hand
	SourceSimulate = "simulated"      // the source of the demo's market
)
