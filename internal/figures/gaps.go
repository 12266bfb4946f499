package figures

import (
	"cmp"
	"slices"
	"time"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// PriceGap is a stretch of days on which something was held, but it, or its currency's rate, had no price of its own: it was
// valued at the one before.
type PriceGap struct {
	Instrument market.InstrumentID // empty for a rate
	Currency   money.Currency      // of a rate, empty for an instrument
	After      market.Date         // day of the last price before it
	Before     *market.Date        // day of the next price; nil where there is none up to the end of the period
}

// gapWeekdaysMax is how many weekdays in a row an instrument may go without a price before its figures say so: no exchange
// closes for longer than two weeks.
const gapWeekdaysMax = 10

// gapsNamedMax bounds how many gaps of one thing are problems of their own; a fund that is priced once a month has them all the time.
const gapsNamedMax = 3

// PriceGaps finds where a portfolio's values of a period rest on old prices: more than ten weekdays in a row on which an
// instrument was held and it or its currency had no close; rates first, then by instrument and day. market.NoDate as from begins with the first activity.
// Days before the first price are no gap: they have no value at all, which the figures of those days say.
func PriceGaps(book ledger.Book, m *Market, from, to market.Date) ([]PriceGap, error) {
	from, err := checkPeriod(book, from, to)
	if err != nil || m == nil {
		return nil, err
	}
	suspect := false // nearly always there is none, and nothing to walk for
	for _, s := range m.Series {
		if s != nil && !suspect {
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
	return w.gaps(from, to), nil
}

// gaps are those of everything that was held in a period, cash too.
func (k *bookkeeper) gaps(from, to market.Date) []PriceGap {
	var found []PriceGap
	look := func(l *line, s *market.Series, gap PriceGap) {
		eachGap(s, from, to, func(after, before market.Date) {
			if l.longestHeld(max(after+1, from), min(before-1, to)) <= gapWeekdaysMax {
				return
			}
			one := gap
			if one.After = after; before <= to {
				one.Before = &before
			}
			found = append(found, one)
		})
	}
	for _, lines := range [...][]*line{k.track.lines, k.track.cash} {
		for _, l := range lines {
			if s := k.prices.series[l.instrument]; s != nil && l.instrument != "" {
				look(l, s, PriceGap{Instrument: l.instrument})
			}
			for _, s := range k.rates.quoted(l.currency) {
				look(l, s, PriceGap{Currency: l.currency})
			}
		}
	}
	slices.SortStableFunc(found, func(a, b PriceGap) int {
		return cmp.Or(cmp.Compare(a.Instrument, b.Instrument), cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.After, b.After))
	})
	return slices.CompactFunc(found, PriceGap.same) // a rate's are found for everything in its currency
}

// same says whether another gap is of the same thing and begins on the same day.
func (g PriceGap) same(o PriceGap) bool {
	return g.Instrument == o.Instrument && g.Currency == o.Currency && g.After == o.After
}

// eachGap gives the days around each stretch of a period in which a series has no close for too long; a gap that lasts to the
// end of the period is before the day after it. What is valued only now and then has none.
func eachGap(s *market.Series, from, to market.Date, each func(after, before market.Date)) {
	if s.Sparse {
		return
	}
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

// addGaps names gaps as problems, of each thing the first few.
func (p *problems) addGaps(found []PriceGap) {
	for i := 0; i < len(found); {
		what, first := found[i], i
		where, noun := "prices."+string(what.Instrument), "price"
		if what.Instrument == "" {
			where, noun = "fx."+string(what.Currency), "rate"
		}
		for ; i < len(found) && found[i].Instrument == what.Instrument && found[i].Currency == what.Currency; i++ {
			gap := found[i]
			switch {
			case i-first >= gapsNamedMax:
			case gap.Before == nil:
				p.add(where, "no %s after %s", noun, gap.After)
			default:
				p.add(where, "no %s between %s and %s", noun, gap.After, *gap.Before)
			}
		}
		if more := i - first - gapsNamedMax; more > 0 {
			p.add(where, "%d more gaps between %ss", more, noun)
		}
	}
}

// GapProblems are price gaps as problems, worded as the figures' own.
func GapProblems(found []PriceGap) []Problem {
	var p problems
	p.addGaps(found)
	return p.list
}
