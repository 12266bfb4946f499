package event

import (
	"encoding/json"
	"fmt"
	"time"

	"folioscope/internal/market"
)

// timeLayout has a fixed width in UTC, so that texts sort like the times they stand for.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// Time is a time on the wire: RFC 3339 in UTC with microseconds, null where there is none.
type Time time.Time

// MarshalJSON writes the text or null.
func (t Time) MarshalJSON() ([]byte, error) { return t.AppendJSON(nil), nil }

// AppendJSON appends what MarshalJSON writes.
func (t Time) AppendJSON(dst []byte) []byte {
	if time.Time(t).IsZero() {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = appendTime(dst, time.Time(t).UTC())
	return append(dst, '"')
}

// appendTime is AppendFormat with timeLayout, in a quarter of the time: every frame has some.
func appendTime(dst []byte, t time.Time) []byte {
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(dst, timeLayout)
	}
	hour, minute, second := t.Clock()
	dst = appendDigits(appendDigits(dst, year/100), year%100)
	dst = appendDigits(append(dst, '-'), int(month))
	dst = appendDigits(append(dst, '-'), day)
	dst = appendDigits(append(dst, 'T'), hour)
	dst = appendDigits(append(dst, ':'), minute)
	dst = appendDigits(append(dst, ':'), second)
	micros := t.Nanosecond() / 1000
	dst = append(dst, '.')
	dst = appendDigits(appendDigits(appendDigits(dst, micros/10_000), micros/100%100), micros%100)
	return append(dst, 'Z')
}

// appendDigits appends a number below 100 as two digits.
func appendDigits(dst []byte, n int) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}

// UnmarshalJSON reads a text or null.
func (t *Time) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*t = Time{}
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("time: %w", err)
	}
	parsed, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return fmt.Errorf("time: %w", err)
	}
	*t = Time(parsed.UTC())
	return nil
}

// Day is a date on the wire, null for market.NoDate.
type Day market.Date

// MarshalJSON writes YYYY-MM-DD or null.
func (d Day) MarshalJSON() ([]byte, error) { return d.AppendJSON(nil), nil }

// AppendJSON appends what MarshalJSON writes.
func (d Day) AppendJSON(dst []byte) []byte {
	if market.Date(d) == market.NoDate {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	t := market.Date(d).Time()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return append(t.AppendFormat(dst, time.DateOnly), '"')
	}
	dst = appendDigits(appendDigits(dst, year/100), year%100)
	dst = appendDigits(append(dst, '-'), int(month))
	dst = appendDigits(append(dst, '-'), day)
	return append(dst, '"')
}

// UnmarshalJSON reads YYYY-MM-DD or null.
func (d *Day) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*d = Day(market.NoDate)
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("date: %w", err)
	}
	parsed, err := market.ParseDate(text)
	if err != nil {
		return err
	}
	*d = Day(parsed)
	return nil
}

// Text is a text that may be unknown: the empty one is null on the wire.
type Text string

// MarshalJSON writes the text or null.
func (s Text) MarshalJSON() ([]byte, error) { return s.AppendJSON(nil), nil }

// AppendJSON appends what MarshalJSON writes.
func (s Text) AppendJSON(dst []byte) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return appendText(dst, string(s))
}

// UnmarshalJSON reads a text or null.
func (s *Text) UnmarshalJSON(data []byte) error {
	*s = ""
	if string(data) == "null" {
		return nil
	}
	return json.Unmarshal(data, (*string)(s))
}
