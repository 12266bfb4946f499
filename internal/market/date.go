package market

import (
	"errors"
	"fmt"
	"time"
)

// Date is a calendar day without a zone, counted in days since 1970-01-01. The zero value is that day; see NoDate.
type Date int32

// NoDate is no day at all; it sorts before every other.
const NoDate Date = -1 << 31

// ErrDate says that a text is not a day written YYYY-MM-DD.
var ErrDate = errors.New("not a date")

const dateLayout = "2006-01-02"

// The years that are accepted from outside: no market data is older, and a later year is a slip of the finger.
const (
	yearMin = 1900
	yearMax = 2199
)

// ParseDate reads YYYY-MM-DD.
func ParseDate(text string) (Date, error) {
	t, err := time.Parse(dateLayout, text)
	if err != nil || t.Year() < yearMin || t.Year() > yearMax {
		return NoDate, fmt.Errorf("%w: %.20q", ErrDate, text)
	}
	return DateOf(t), nil
}

// MustDate is ParseDate for constants and tests; it panics on anything else.
func MustDate(text string) Date {
	d, err := ParseDate(text)
	if err != nil {
		panic(err)
	}
	return d
}

const secondsPerDay = 24 * 60 * 60

// DateOf is the day that a clock in t's zone shows at t.
func DateOf(t time.Time) Date {
	_, offset := t.Zone()
	seconds := t.Unix() + int64(offset)
	day := seconds / secondsPerDay
	if seconds%secondsPerDay < 0 {
		day--
	}
	return Date(day) // years are bounded
}

// NewDate is the day of a year, month and day of month.
func NewDate(year int, month time.Month, day int) Date {
	return DateOf(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
}

// Time is midnight UTC of the day.
func (d Date) Time() time.Time { return time.Unix(int64(d)*secondsPerDay, 0).UTC() }

// Year is the calendar year.
func (d Date) Year() int { return d.Time().Year() }

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday { return d.Time().Weekday() }

// String is YYYY-MM-DD.
func (d Date) String() string { return d.Time().Format(dateLayout) }

// MarshalText writes YYYY-MM-DD.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads YYYY-MM-DD.
func (d *Date) UnmarshalText(text []byte) error {
	parsed, err := ParseDate(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
