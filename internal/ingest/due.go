package ingest

import (
	"fmt"
	"slices"
	"time"

	"folioscope/internal/market"
)

// When a market is asked after. A slot comes every Interval; due says which instruments it is for.
const (
	closeAfter    = 5 * time.Minute  // after the close and the source's delay, for the last price of the day
	lateFor       = 25 * time.Minute // after the close a source that is late without saying so is asked on, until its price is the close's
	confirmAfter  = 90 * time.Minute // after the close once more: closing auctions and corrections are in by then
	confirmFor    = 3 * time.Hour    // how long a confirmation that failed is tried for in every slot
	giveUpAfter   = 12 * time.Hour   // a confirmation that is still missing then isn't worth a poll any more
	tryAgainAfter = time.Hour        // for what has no answer outside of these times
	closeSettled  = 2 * time.Minute  // a last price this short before the close is the close's
	openLateMax   = 10 * time.Minute // after the open a late source isn't asked: longer, and prices of the day before would look stale

	// Below this the interval is for trying sources out: what has a time of day is asked for in every sixth slot then, and quotas
	// are spent without a thought for the rest of the day.
	pacedBelow = time.Minute
	pacedSlots = 6
)

// The ECB fixes at about 16:00 Frankfurt time.
const (
	fixPublished   = 16*time.Hour + 5*time.Minute // from then on the day's fix may be out
	fixWatchedTill = 18*time.Hour + 30*time.Minute
)

// due says whether an instrument is worth asking for now. mark is nil where it never had a price; delay is how much later than
// the market its source is.
func (g *Ingest) due(i market.Instrument, mark *market.Mark, asked Asked, delay time.Duration, now time.Time) bool {
	waited := now.Sub(asked.Tried) >= tryAgainAfter || asked.Tried.After(now.Add(skewMax))
	if mark == nil {
		return waited || i.MIC == "" && i.Class != market.Fund && i.Class != market.FX || i.MIC != "" && g.Sessions.At(i.MIC, now).Open
	}
	if i.Delisted {
		return false // the last price stays
	}
	// A wrong clock may have left a time from the future; it says nothing.
	if asked.Settled.After(now.Add(skewMax)) {
		asked.Settled = time.Time{}
	}
	seen := later(asked.Settled, mark.ObservedAt)
	switch {
	case i.Class == market.Crypto:
		return true
	case i.Class != market.Fund && i.Class != market.FX:
		return g.tradedDue(i, *mark, seen, delay, now, waited)
	case g.Interval < pacedBelow:
		return now.Sub(asked.Settled) >= pacedSlots*g.Interval-g.Interval/2 // a poll comes a little early or late in its slot
	case i.Class == market.Fund:
		return g.navDue(i, *mark, seen, now, waited)
	default:
		return g.fixDue(*mark, now, waited)
	}
}

// tradedDue is about what an exchange trades: in every slot while it is open, once for the close, once to confirm it.
func (g *Ingest) tradedDue(i market.Instrument, mark market.Mark, seen time.Time, delay time.Duration, now time.Time, waited bool) bool {
	session := g.Sessions.At(i.MIC, now)
	end := session.LastClose
	switch {
	case end.IsZero():
		return true
	case session.Open:
		// A source that is late has nothing of a session that has just begun.
		return delay <= 0 || seen.Before(end) || g.Sessions.TradingTime(i.MIC, end, now) >= min(delay, openLateMax, g.Interval)
	case delay > 0 && now.Sub(end) < delay:
		return true // it is still open as the source sees it
	}
	closed := now.Sub(end) - delay
	switch {
	case closed < closeAfter:
		return false
	case seen.Before(end.Add(delay + closeAfter)): // the close itself is missing
		return closed < confirmFor || waited
	case closed < lateFor && delay == 0 && mark.MarketTime.Before(end.Add(-closeSettled)):
		return true
	case closed < confirmAfter || !seen.Before(end.Add(delay+confirmAfter)):
		return false
	}
	return closed < confirmFor || closed < giveUpAfter && waited
}

// clocks are the times of day when values of funds come out at a place.
type clocks struct {
	zone *time.Location
	at   []clock
}

// clock is a time of day at which the value of that day, or of the one before, may be out.
type clock struct {
	minute    int
	dayBefore bool
}

// navPlaces are the places that differ in when values of funds come out.
type navPlaces struct{ india, america, europe clocks }

// newNAVPlaces: India's funds are published until midnight, some the next morning (AMFI); those of the United States in the
// evening; the others once a day, and what came late is seen in the morning.
func newNAVPlaces(frankfurt *time.Location) (navPlaces, error) {
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	if err != nil {
		return navPlaces{}, fmt.Errorf("load the zone of India's funds: %w", err)
	}
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		return navPlaces{}, fmt.Errorf("load the zone of America's funds: %w", err)
	}
	return navPlaces{
		india:   clocks{kolkata, []clock{{9*60 + 30, true}, {21*60 + 30, false}, {23*60 + 30, false}}},
		america: clocks{newYork, []clock{{9 * 60, true}, {18*60 + 30, false}, {19*60 + 45, false}, {21 * 60, false}}},
		europe:  clocks{frankfurt, []clock{{9 * 60, true}, {20 * 60, false}, {22 * 60, false}}},
	}, nil
}

// navDue is about funds: their values come out once a day, at times that depend on where they are.
func (g *Ingest) navDue(i market.Instrument, mark market.Mark, seen, now time.Time, waited bool) bool {
	check, of, ok := g.navClocks(i).last(now)
	if !ok || market.DateOf(mark.MarketTime.UTC()) >= of {
		return false
	}
	return seen.Before(check) && (waited || now.Sub(check) < g.Interval+g.Interval/2)
}

// navClocks are the times of a fund's place, which its currency or country tells.
func (g *Ingest) navClocks(i market.Instrument) clocks {
	switch {
	case i.Currency == "INR" || i.Country == "IN":
		return g.nav.india
	case i.Currency == "USD" && i.Country != "LU" && i.Country != "IE":
		return g.nav.america
	}
	return g.nav.europe
}

// last is the latest of the times at or before now, and the day whose value it is about.
func (c clocks) last(now time.Time) (check time.Time, of market.Date, ok bool) {
	const daysBack = 4 // over a weekend
	today := market.DateOf(now.In(c.zone))
	for day := today; day > today-daysBack; day-- {
		for _, clock := range slices.Backward(c.at) {
			of := day
			if clock.dayBefore {
				of--
			}
			if w := of.Weekday(); w == time.Saturday || w == time.Sunday {
				continue
			}
			year, month, date := day.Time().Date()
			if check := time.Date(year, month, date, 0, clock.minute, 0, 0, c.zone); !check.After(now) {
				return check, of, true
			}
		}
	}
	return time.Time{}, market.NoDate, false
}

// fixDue is about rates: the day's fix is looked for in every slot from when it may be out until it is there.
func (g *Ingest) fixDue(mark market.Mark, now time.Time, waited bool) bool {
	local := now.In(g.frankfurt)
	today := market.DateOf(local)
	sinceMidnight := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute
	last := today
	if sinceMidnight < fixPublished {
		last--
	}
	for !market.TargetDay(last) {
		last--
	}
	// A rate that moves may have been seen that day already: the fix comes after.
	year, month, date := last.Time().Date()
	published := time.Date(year, month, date, 0, int(fixPublished/time.Minute), 0, 0, g.frankfurt)
	if market.DateOf(mark.MarketTime.In(g.frankfurt)) >= last && !mark.ObservedAt.Before(published) {
		return false
	}
	return waited || last == today && sinceMidnight < fixWatchedTill
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
