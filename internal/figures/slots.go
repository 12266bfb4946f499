package figures

import (
	"slices"

	"folioscope/internal/market"
)

// slots are the days on which anything can change. Arrays of the kernel have one element for each.
type slots struct {
	days   []market.Date
	slotOf []int32 // of each day from the origin on: the last slot at or before it
}

// calendar is the days of one or more series. Most instruments share one, so it is compared with the slots but once.
type calendar struct {
	dates []market.Date
	at    int     // of the close that the first slot uses
	first int     // slot that has one
	alike bool    // from there on each slot is one of the dates
	held  []int32 // how many lines begin to be held at each slot less how many cease to be, where that is asked for
}

// sameDates says whether two calendars are the same.
func sameDates(a, b []market.Date) bool {
	if len(a) != len(b) {
		return false
	}
	if len(a) > 0 && &a[0] == &b[0] {
		return true
	}
	const stride = 128 // arrays of this size are compared by the machine's widest words
	for ; len(a) >= stride; a, b = a[stride:], b[stride:] {
		if *(*[stride]market.Date)(a) != *(*[stride]market.Date)(b) {
			return false
		}
	}
	return slices.Equal(a, b)
}

// layOut finds the slots: the days of closes, of rates and of activities, and the day before the period.
func (k *kernel) layOut(rates []rateCursor) {
	for i := range k.lines {
		k.lines[i].calendar = k.calendar(k.lines[i].series.Dates)
	}
	for i := range rates {
		for _, s := range []*market.Series{rates[i].base, rates[i].other} {
			if s != nil {
				k.calendar(s.Dates)
			}
		}
	}
	k.days, k.slotOf = make([]market.Date, 0, len(k.marked)), make([]int32, len(k.marked)) // the first day is one
	for day, marked := range k.marked {
		if marked {
			k.days = append(k.days, k.origin+market.Date(day))
		}
		k.slotOf[day] = int32(len(k.days) - 1)
	}
	for i := range k.calendars {
		k.calendars[i].fit(k)
	}
}

// calendar is the index of the calendar with these dates.
func (k *kernel) calendar(dates []market.Date) int {
	for i := range k.calendars {
		if sameDates(k.calendars[i].dates, dates) {
			return i
		}
	}
	k.calendars = append(k.calendars, calendar{dates: dates})
	for _, on := range dates {
		if on >= k.origin && on <= k.to {
			k.marked[on-k.origin] = true
		}
	}
	return len(k.calendars) - 1
}

func (c *calendar) fit(k *kernel) {
	series := market.Series{Dates: c.dates}
	if c.at = series.IndexAt(k.days[0]); c.at < 0 {
		c.at, c.first = 0, len(k.days)
		if len(c.dates) > 0 && c.dates[0] <= k.to {
			c.first = k.slot(c.dates[0])
		}
	}
	rest := k.days[c.first:]
	c.alike = len(c.dates)-c.at >= len(rest) && sameDates(c.dates[c.at:c.at+len(rest)], rest)
}

// slot is where a day's value stands, the number of slots for days after the last.
func (k *kernel) slot(on market.Date) int {
	if on > k.to {
		return len(k.days)
	}
	return int(k.slotOf[on-k.origin]) // every step's day is a slot
}

// closes are a line's closes, one for each slot, carried, from the first slot that has one on. Where the calendars are alike
// they are the series' own; else they are good until the next are asked for.
func (k *kernel) closes(l *kernelLine, scratch *[]int64) (closes []int64, first int) {
	c := &k.calendars[l.calendar]
	at, rest := c.at, k.days[c.first:]
	if c.alike {
		return l.series.Closes[at : at+len(rest)], c.first
	}
	if *scratch == nil {
		*scratch = make([]int64, len(k.days))
	}
	closes = (*scratch)[:len(rest)]
	for i, on := range rest {
		for at+1 < len(c.dates) && c.dates[at+1] <= on {
			at++
		}
		closes[i] = l.series.Closes[at]
	}
	return closes, c.first
}

// traded says on which slots something that was held or traded has a price of that very day.
func (k *kernel) traded() []bool {
	days := make([]bool, len(k.days))
	for i := range k.calendars {
		c := &k.calendars[i]
		if c.held == nil || len(c.dates) == 0 {
			continue
		}
		held, at := int32(0), c.at
		for slot, on := range k.days {
			held += c.held[slot]
			for at+1 < len(c.dates) && c.dates[at] < on {
				at++
			}
			if held > 0 && c.dates[at] == on {
				days[slot] = true
			}
		}
	}
	return days
}
