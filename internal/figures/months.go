package figures

import (
	"fmt"
	"time"

	"folioscope/internal/market"
)

// Month is a calendar month, counted in months since the year 0.
type Month int32

// monthOf is the month that a day lies in.
func monthOf(on market.Date) Month {
	t := on.Time()
	return Month(t.Year()*monthsPerYear + int(t.Month()) - 1)
}

const monthsPerYear = 12

// Year is the calendar year.
func (m Month) Year() int { return int(m) / monthsPerYear }

// First is the month's first day.
func (m Month) First() market.Date {
	return market.NewDate(m.Year(), time.Month(int(m)%monthsPerYear+1), 1)
}

// Last is the month's last day.
func (m Month) Last() market.Date { return (m + 1).First() - 1 }

// String is YYYY-MM.
func (m Month) String() string { return fmt.Sprintf("%04d-%02d", m.Year(), int(m)%monthsPerYear+1) }

// MarshalText writes YYYY-MM.
func (m Month) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// monthsBefore is the same day of the month so many months earlier, the month's last day where it has no such day. A month's
// last day goes to a month's last day, so that windows which end with a month begin with one.
func monthsBefore(on market.Date, months int) market.Date {
	from := monthOf(on)
	to := from - Month(months)
	if on == from.Last() {
		return to.Last()
	}
	return min(to.First()+(on-from.First()), to.Last())
}

// monthEnds are the last days of the months that a period touches, its own last day in place of the last month's.
func monthEnds(from, to market.Date) []market.Date {
	var ends []market.Date
	for m := monthOf(from); m <= monthOf(to); m++ {
		ends = append(ends, min(m.Last(), to))
	}
	return ends
}
