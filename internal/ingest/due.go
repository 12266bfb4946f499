package ingest

import (
	"time"

	"folioscope/internal/market"
)

const (
	settleFor      = 45 * time.Minute // after the close: sources are up to 20 minutes late, and closing auctions take some
	slowPolls      = 6                // values of a day are asked for in every sixth slot: hourly at the usual interval
	fixPublished   = 16 * time.Hour   // Frankfurt time of day from which the day's fix may be out
	fixWatchedTill = 19 * time.Hour   // and until which its absence is looked after in every slot
)

// due says whether an instrument is worth asking for now. mark is nil where it never had a price; asked is when a source last
// settled it on this node, zero where none did.
func (g *Ingest) due(i market.Instrument, mark *market.Mark, asked, now time.Time) bool {
	if mark == nil {
		return true
	}
	// A poll comes a little early or late in its slot, so the pace is a little less than whole slots.
	slow := now.Sub(asked) >= slowPolls*g.Interval-g.Interval/2
	switch i.Class {
	case market.Crypto:
		return true
	case market.Fund:
		return slow // its value of the day may come at any hour, and at whichever source
	case market.FX:
		return slow || g.fixAwaited(mark, now)
	}
	session := g.Sessions.At(i.MIC, now)
	switch {
	case session.Open, session.LastClose.IsZero():
		return true
	case now.Sub(session.LastClose) <= settleFor:
		return true
	default: // closed for long: once more if nobody asked since, so that the close is known after a night without power
		return later(asked, mark.ObservedAt).Before(session.LastClose)
	}
}

// fixAwaited says whether the ECB's fix of today is due and not there.
func (g *Ingest) fixAwaited(mark *market.Mark, now time.Time) bool {
	local := now.In(g.frankfurt)
	today := market.DateOf(local)
	sinceMidnight := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute
	return market.TargetDay(today) && sinceMidnight >= fixPublished && sinceMidnight < fixWatchedTill &&
		market.DateOf(mark.MarketTime.In(g.frankfurt)) < today
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
