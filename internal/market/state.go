package market

import "time"

// Ages beside those in quote.go.
const (
	unmovedMax = 24 * time.Hour // without a new price in a market that never closes: its source repeats itself
	fixLiveMax = DelayedAfter   // a rate younger than this comes from a feed that moves, not from the daily fix
)

// StateOf says how good a price is: the first that applies of none, quarantined, stale, fallback, delayed, manual, nav,
// closed and live.
//
//   - stale: asked for successfully longer ago than StaleAfter of the market's open time; or made before the market's last
//     whole session; or, for a fund, older than NAVStaleAfter weekdays; or, for a rate, older than the last fix that is due.
//   - delayed: the market is open and the price was got longer ago than DelayedAfter, or was made more than MarketLagMax of
//     open time before it was got.
//   - manual prices never go stale: nobody polls them, and their age is shown.
func StateOf(mark Mark, instrument Instrument, sessions Sessions, now time.Time) State {
	switch {
	case mark.Price.Sign() <= 0 || mark.ObservedAt.IsZero():
		return StateNone
	case mark.HeldBack != nil:
		return StateQuarantined
	case mark.Source == SourceManual:
		return StateManual
	}
	state := stateByClass(mark, instrument, sessions, now)
	if mark.Fallback && state != StateStale {
		return StateFallback
	}
	return state
}

// stateByClass leaves out what has nothing to do with age.
func stateByClass(mark Mark, instrument Instrument, sessions Sessions, now time.Time) State {
	switch instrument.Class {
	case Fund:
		if weekdaysAfter(DateOf(mark.MarketTime.UTC()), DateOf(now.UTC())) > NAVStaleAfter {
			return StateStale
		}
		return StateNAV
	case FX:
		return fixState(mark, now)
	}
	return tradedState(mark, instrument.MIC, sessions, now)
}

// fixState is the state of a rate: rates are fixed once a day, and the last fix is what there is until the next.
func fixState(mark Mark, now time.Time) State {
	switch {
	case now.Sub(mark.MarketTime) <= fixLiveMax && now.Sub(mark.ObservedAt) <= fixLiveMax:
		return StateLive
	case DateOf(mark.MarketTime.UTC()) < lastFixDue(now):
		return StateStale
	}
	return StateClosed
}

// tradedState is the state of what is traded on an exchange, or around the clock where mic is empty.
func tradedState(mark Mark, mic string, sessions Sessions, now time.Time) State {
	var unasked time.Duration
	if now.Sub(mark.ObservedAt) > DelayedAfter { // open time is never longer than time
		unasked = sessions.TradingTime(mic, mark.ObservedAt, now)
	}
	session := sessions.At(mic, now)
	switch {
	case unasked > StaleAfter, unmoved(mark, mic, sessions, session, now):
		return StateStale
	case !session.Open:
		return StateClosed
	case unasked > DelayedAfter:
		return StateDelayed
	case mark.ObservedAt.Sub(mark.MarketTime) > MarketLagMax && sessions.TradingTime(mic, mark.MarketTime, mark.ObservedAt) > MarketLagMax:
		return StateDelayed
	}
	return StateLive
}

// unmoved says whether a price was made before the last whole session: the market has traded since, but the source
// still repeats what it said.
func unmoved(mark Mark, mic string, sessions Sessions, session Session, now time.Time) bool {
	end := session.LastClose
	if end.IsZero() {
		return now.Sub(mark.MarketTime) > unmovedMax
	}
	if !mark.MarketTime.Before(end) {
		return false
	}
	before := sessions.At(mic, end.Add(-time.Nanosecond)).LastClose
	if before.IsZero() {
		return false
	}
	if !mark.MarketTime.After(before) {
		return true
	}
	whole := sessions.TradingTime(mic, before, end)
	return whole > 0 && sessions.TradingTime(mic, mark.MarketTime, end) >= whole
}

// weekdaysAfter counts Mondays to Fridays after one day, up to and with another; it stops once it is past NAVStaleAfter.
func weekdaysAfter(from, to Date) int {
	n := 0
	for d := from + 1; d <= to && n <= NAVStaleAfter; d++ {
		if w := d.Weekday(); w != time.Saturday && w != time.Sunday {
			n++
		}
	}
	return n
}
