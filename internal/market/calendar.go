package market

import "time"

// Sessions says when markets trade. Calendar implements it from data; the demo has markets of its own.
type Sessions interface {
	// At gives the state of a market at t: whether it trades, and when that changes next (zero where unknown).
	// A MIC that is unknown trades on weekdays around the clock; an empty MIC always trades.
	At(mic string, t time.Time) Session
	// TradingTime is how long the market was open between two times.
	TradingTime(mic string, from, to time.Time) time.Duration
	// Name is the market's name for people, the MIC itself where unknown.
	Name(mic string) string
}

// Session is the state of a market at one time.
type Session struct {
	Open      bool
	Until     time.Time // when Open changes, zero where unknown
	LastClose time.Time // end of the last session at or before the time asked for, zero where it never closes
	Date      Date      // the trading day that is open, or the last that was
}
