package figures

import (
	"slices"
	"time"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

// PriceGap is a stretch of days on which something was held, but had no price of its own: it was valued at the one before.
type PriceGap struct {
	Instrument market.InstrumentID
	After      market.Date  // day of the last price before it
	Before     *market.Date // day of the next price; nil where there is none up to the end of the period
}

// gapWeekdaysMax is how many weekdays in a row an instrument may go without a price before its figures say so: no exchange
// closes for longer than two weeks.
const gapWeekdaysMax = 10

// gapsNamedMax bounds how many gaps of one instrument are problems of their own; a fund that is priced once a month has them all the time.
const gapsNamedMax = 3

// PriceGaps finds where a portfolio's values of a period rest on old prices: more than ten weekdays in a row on which an
// instrument was held and had no close; by instrument, then by day. market.NoDate as from begins with the first activity.
// Days before the first price are no gap: they have no value at all, which the figures of those days say.
func PriceGaps(book ledger.Book, m *Market, from, to market.Date) ([]PriceGap, error) {
	from, err := checkPeriod(book, from, to)
	if err != nil || m == nil {
		return nil, err
	}
	suspect := false // nearly always there is none, and nothing to walk for
	for id := range book.Instruments {
		if s := m.Series[id]; s != nil && !suspect {
			eachGap(s, from, to, func(market.Date, market.Date) { suspect = true })
		}
	}
	if !suspect {
		return nil, nil
	}
	w, err := walkBook(book, m, from, to, nil)
	if err != nil {
		return nil, err
	}
	return gaps(&w.track, w.prices, from, to), nil
}

// gaps are those of everything that a track held in a period.
func gaps(t *track, prices *priceBook, from, to market.Date) []PriceGap {
	var found []PriceGap
	for _, l := range t.lines {
		s := prices.series[l.instrument]
		if s == nil {
			continue
		}
		eachGap(s, from, to, func(after, before market.Date) {
			if l.longestHeld(max(after+1, from), min(before-1, to)) <= gapWeekdaysMax {
				return
			}
			gap := PriceGap{Instrument: l.instrument, After: after}
			if before <= to {
				gap.Before = &before
			}
			found = append(found, gap)
		})
	}
	slices.SortStableFunc(found, func(a, b PriceGap) int {
		switch {
		case a.Instrument < b.Instrument:
			return -1
		case a.Instrument > b.Instrument:
			return 1
		}
		return int(a.After - b.After)
	})
	return found
}

// eachGap gives the days around each stretch of a period in which a series has no close for too long; a gap that lasts to the
// end of the period is before the day after it.
func eachGap(s *market.Series, from, to market.Date, each func(after, before market.Date)) {
	const stride = 8 // closes that are looked over at once, for nearly all lie close together
	last := s.IndexAt(to)
	for i := max(s.IndexAt(from), 0); i <= last; {
		if next := i + stride; next <= last && s.Dates[next]-s.Dates[i] <= stride+gapWeekdaysMax {
			i = next
			continue
		}
		before := to + 1
		if i < last {
			before = s.Dates[i+1]
		}
		if weekdays(max(s.Dates[i]+1, from), before-1) > gapWeekdaysMax {
			each(s.Dates[i], before)
		}
		i++
	}
}

// longestHeld is the most weekdays in a row, from a day to a day, that ended with something held.
func (l *line) longestHeld(from, to market.Date) int {
	longest, since := 0, from
	held := !l.at(from).IsZero()
	end := func(until market.Date) {
		if held {
			longest = max(longest, weekdays(since, until))
		}
	}
	for _, step := range l.steps {
		if step.date <= from || step.date > to || step.quantity.IsZero() != held {
			continue
		}
		end(step.date - 1)
		held, since = !held, step.date
	}
	end(to)
	return longest
}

// weekdays is how many days from a day to a day, both included, are not of a weekend.
func weekdays(from, to market.Date) int {
	if to < from {
		return 0
	}
	days := int(to-from) + 1
	count := days / 7 * 5
	for on := to - market.Date(days%7) + 1; on <= to; on++ {
		if day := on.Weekday(); day != time.Saturday && day != time.Sunday {
			count++
		}
	}
	return count
}

// addGaps names gaps as problems, of each instrument the first few.
func (p *problems) addGaps(found []PriceGap) {
	for i := 0; i < len(found); {
		id, first := found[i].Instrument, i
		for ; i < len(found) && found[i].Instrument == id; i++ {
			gap := found[i]
			switch {
			case i-first >= gapsNamedMax:
			case gap.Before == nil:
				p.add("prices."+string(id), "no price after %s", gap.After)
			default:
				p.add("prices."+string(id), "no price between %s and %s", gap.After, *gap.Before)
			}
		}
		if more := i - first - gapsNamedMax; more > 0 {
			p.add("prices."+string(id), "%d more gaps between prices", more)
		}
	}
}

// GapProblems are price gaps as problems, worded as the figures' own.
func GapProblems(found []PriceGap) []Problem {
	var p problems
	p.addGaps(found)
	return p.list
}
