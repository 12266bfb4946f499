package ingest

import (
	"slices"
	"time"

	"folioscope/internal/market"
)

// silentAgain is in how many days a day without a close is asked for again: funds are late by some days, a source may mend a
// hole within a month, and after that it is a day off that our calendar doesn't know, or before the instrument's first day.
var silentAgain = [...]market.Date{1, 3, 30}

// neverAgain is after every day on which anything is asked.
const neverAgain = market.Date(1<<31 - 1)

// tradingDays are the days from first to last on which an instrument should have a close.
func (g *Ingest) tradingDays(i market.Instrument, first, last market.Date) []market.Date {
	var days []market.Date
	for day := first; day <= last; day++ {
		if g.tradesOn(i, day) {
			days = append(days, day)
		}
	}
	return days
}

// tradesOn says whether an instrument should have a close on a day: coins on every one, rates where the ECB fixes them, what an
// exchange trades where its calendar says so, and funds on weekdays.
func (g *Ingest) tradesOn(i market.Instrument, day market.Date) bool {
	calendar, known := g.Sessions.(interface {
		TradingDay(mic string, day market.Date) bool
	})
	switch {
	case i.Class == market.Crypto:
		return true
	case i.Class == market.FX:
		return market.TargetDay(day)
	case i.MIC != "" && known:
		return calendar.TradingDay(i.MIC, day)
	}
	weekday := day.Weekday()
	return weekday != time.Saturday && weekday != time.Sunday
}

// missingDays are the trading days without a close, rising. Those on which no source had one lately aren't among them.
func missingDays(trading []market.Date, series *market.Series, silent []Silence, today market.Date) []market.Date {
	var missing []market.Date
	n, q := 0, 0
	for _, day := range trading {
		for n < series.Len() && series.Dates[n] < day {
			n++
		}
		for q < len(silent) && silent[q].Until < day {
			q++
		}
		switch {
		case n < series.Len() && series.Dates[n] == day:
		case q < len(silent) && silent[q].From <= day && silent[q].Again > today:
		default:
			missing = append(missing, day)
		}
	}
	return missing
}

// keepSilent notes days that were asked for in vain, and forgets those of which a close is known by now. Both trading and silent
// rise; days that follow on each other and were asked for as often become one silence.
func keepSilent(trading []market.Date, series *market.Series, silent []Silence, inVain []market.Date, today market.Date) []Silence {
	var kept []Silence
	joins := false
	n, q, v := 0, 0, 0
	for _, day := range trading {
		for n < series.Len() && series.Dates[n] < day {
			n++
		}
		for q < len(silent) && silent[q].Until < day {
			q++
		}
		for v < len(inVain) && inVain[v] < day {
			v++
		}
		known := q < len(silent) && silent[q].From <= day
		asked := v < len(inVain) && inVain[v] == day
		if n < series.Len() && series.Dates[n] == day || !known && !asked {
			joins = false
			continue
		}
		next := Silence{From: day, Until: day}
		if known {
			next.Tries, next.Again = silent[q].Tries, silent[q].Again
		}
		if asked {
			next.Tries++
			next.Again = neverAgain
			if next.Tries <= len(silentAgain) {
				next.Again = today + silentAgain[next.Tries-1]
			}
		}
		if last := len(kept) - 1; joins && kept[last].Tries == next.Tries && kept[last].Again == next.Again {
			kept[last].Until = day
		} else {
			kept = append(kept, next)
		}
		joins = true
	}
	return kept
}

// lastingRun says whether some of the days follow on each other long enough that another source may have what one hasn't; a
// single day is more likely a day off that the calendar doesn't know.
func lastingRun(trading, days []market.Date) bool {
	const runMin = 8 // trading days: longer than any holiday
	run, at := 0, 0
	for _, day := range days {
		next, _ := slices.BinarySearch(trading, day)
		if run > 0 && next == at+1 {
			run++
		} else {
			run = 1
		}
		if at = next; run >= runMin {
			return true
		}
	}
	return false
}
