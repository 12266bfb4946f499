package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// How numbers are read. Sources that send strings mean them to the digit. Those that send JSON numbers often pass a
// binary float through, so that 129.04 arrives as 129.0399932861328. The rule for these, in order:
//
//  1. at most floatDigitsPlain significant digits: taken as written;
//  2. exactly a 32-bit float: the shortest decimal that makes the same 32-bit float (129.04);
//  3. else at most floatDigitsMax significant digits, which every decimal survives in a 64-bit float.
const (
	floatDigitsPlain = 9
	floatDigitsMax   = 15
	singleDigits     = 7 // significant digits that survive in a 32-bit float
	exponentMax      = 30
)

var errNumber = errors.New("not a number")

// exactNumber reads a JSON number or a plain decimal to the digit, exponents included.
func exactNumber(text string) (money.Decimal, error) {
	mantissa, exponentText, scientific := strings.Cut(strings.ToLower(text), "e")
	if !scientific {
		return money.Parse(text)
	}
	exponent, err := strconv.Atoi(exponentText)
	if err != nil || exponent < -exponentMax || exponent > exponentMax {
		return money.Decimal{}, fmt.Errorf("%w: %.40q", errNumber, text)
	}
	x, err := money.Parse(mantissa)
	if err != nil {
		return money.Decimal{}, err
	}
	return money.Parse(x.Mul(money.NewDecimal(1, int32(exponent))).Reduced().String())
}

// floatNumber reads a number that came through a binary float, by the rule above.
func floatNumber(text string) (money.Decimal, error) {
	if significantDigits(text) <= floatDigitsPlain {
		return exactNumber(text)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return money.Decimal{}, fmt.Errorf("%w: %.40q", errNumber, text)
	}
	if float64(float32(f)) == f {
		return exactNumber(strconv.FormatFloat(f, 'f', -1, 32))
	}
	if significantDigits(text) <= floatDigitsMax {
		return exactNumber(text)
	}
	x, err := exactNumber(strconv.FormatFloat(f, 'e', floatDigitsMax-1, 64))
	return x.Reduced(), err
}

// printedNumber reads a text that somebody printed with a fixed number of places. One that is just how a 32-bit float prints
// with those places, such as 148.85001, means the shortest decimal of that float.
func printedNumber(text string) (money.Decimal, error) {
	_, fraction, pointed := strings.Cut(text, ".")
	f, err := strconv.ParseFloat(text, 64)
	if !pointed || err != nil || strings.ContainsAny(text, "eExX_") {
		return exactNumber(text)
	}
	if single := float32(f); strconv.FormatFloat(float64(single), 'f', len(fraction), 64) == text {
		if short := strconv.FormatFloat(float64(single), 'f', -1, 32); significantDigits(short) < significantDigits(text) {
			return exactNumber(short)
		}
	}
	return exactNumber(text)
}

// figure is a number that a source writes in quotes or not, or a word such as "NA" in its place, or null.
type figure struct {
	text   string
	quoted bool
}

// UnmarshalJSON takes a number, a string or null.
func (f *figure) UnmarshalJSON(data []byte) error {
	switch {
	case len(data) == 0 || string(data) == "null":
		*f = figure{}
		return nil
	case data[0] == '"':
		f.quoted = true
		return json.Unmarshal(data, &f.text)
	case data[0] == '-' || data[0] >= '0' && data[0] <= '9':
		*f = figure{text: string(data)}
		return nil
	}
	return fmt.Errorf("%w: %.40q", errNumber, data)
}

// number is the value, whatever its sign.
func (f figure) number() (money.Decimal, error) {
	if f.quoted {
		x, err := printedNumber(strings.TrimSpace(f.text))
		return x.Reduced(), err
	}
	return floatNumber(f.text)
}

// price is a price above 0; ok is false for null, 0, less, and what is no number.
func (f figure) price() (price money.Decimal, ok bool) {
	price, err := f.number()
	return price, err == nil && price.Sign() > 0
}

// whole is a whole number.
func (f figure) whole() (int64, bool) {
	n, err := strconv.ParseInt(f.text, 10, 64)
	return n, err == nil
}

// seconds is a time from seconds since 1970; ok is false where it is none, 0 or absurd.
func (f figure) seconds() (time.Time, bool) {
	n, ok := f.whole()
	at, sane := unixTime(n)
	return at, ok && sane && n > 0
}

// significantDigits counts the digits of a number's mantissa without leading zeros.
func significantDigits(text string) int {
	mantissa, _, _ := strings.Cut(strings.ToLower(text), "e")
	digits := strings.TrimLeft(strings.Replace(strings.TrimPrefix(mantissa, "-"), ".", "", 1), "0")
	return len(digits)
}

// floatPrice is a price above 0 that came through a binary float; ok is false for null, 0, less, and what is no number.
func floatPrice(n *json.Number) (price money.Decimal, ok bool) {
	if n == nil {
		return money.Decimal{}, false
	}
	price, err := floatNumber(n.String())
	return price, err == nil && price.Sign() > 0
}

// exactPrice is a price above 0 written as text; ok is false for "", "N.A.", "-", 0, less, and what is no number.
func exactPrice(text string) (price money.Decimal, ok bool) {
	price, err := exactNumber(strings.TrimSpace(text))
	return price, err == nil && price.Sign() > 0
}

// roundSignificant keeps so many significant digits, at least all before the point, and no zeros after the last.
func roundSignificant(x money.Decimal, digits int) money.Decimal {
	whole, fraction, _ := strings.Cut(x.Abs().String(), ".")
	places := digits - len(whole)
	if whole == "0" {
		places = digits + len(fraction) - len(strings.TrimLeft(fraction, "0"))
	}
	if places >= len(fraction) {
		return x.Reduced()
	}
	return x.Round(int32(max(places, 0))).Reduced()
}

// The seconds between which market times are believed: 1900-01-01 to 2199-12-31, the years that market.Date takes.
const (
	unixSecondsMin = -2208988800
	unixSecondsMax = 7258118399
)

// unixTime is a time from seconds since 1970; ok is false where it is absurd.
func unixTime(seconds int64) (time.Time, bool) {
	return time.Unix(seconds, 0).UTC(), seconds > unixSecondsMin && seconds < unixSecondsMax
}

// clockTime reads a moment that a source wrote with its offset.
func clockTime(text string) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.Year() < 1900 || at.Year() > 2199 {
		return time.Time{}, false
	}
	return at.UTC(), true
}

// dayOf reads the day at the beginning of a date or a time, as the source's clock showed it.
func dayOf(text string) (market.Date, bool) {
	day, err := market.ParseDate(text[:min(len(text), len("2006-01-02"))])
	return day, err == nil
}

// newYorkZone is where the United States' exchanges close.
func newYorkZone() *time.Location { return zoneOr("America/New_York", -5) }

// closingTime is 16:00 in New York of a day, for a price that comes without a time of day; now where that is yet to come.
func closingTime(day market.Date, now time.Time) time.Time {
	at := timeOn(day, 16, 0, newYorkZone())
	if at.After(now) && market.DateOf(now.In(newYorkZone())) == day {
		return now.UTC()
	}
	return at
}

// timeOn is a clock time of a day in a zone.
func timeOn(day market.Date, hour, minute int, zone *time.Location) time.Time {
	year, month, date := day.Time().Date()
	return time.Date(year, month, date, hour, minute, 0, 0, zone).UTC()
}
