package market

import "time"

// TargetDay says whether the euro's payment system TARGET is open, which is when the ECB fixes rates: weekdays without
// 1 January, Good Friday, Easter Monday, 1 May, 25 and 26 December (ECB, since 2002).
func TargetDay(d Date) bool {
	t := d.Time()
	switch t.Weekday() {
	case time.Saturday, time.Sunday:
		return false
	}
	switch month, day := t.Month(), t.Day(); {
	case month == time.January && day == 1, month == time.May && day == 1, month == time.December && (day == 25 || day == 26):
		return false
	}
	easter := easterSunday(t.Year())
	return d != easter-2 && d != easter+1
}

// easterSunday is the western Easter by the anonymous Gregorian computus.
func easterSunday(year int) Date {
	a, b, c := year%19, year/100, year%100
	d, e := b/4, b%4
	g := (8*b + 13) / 25
	h := (19*a + b - d - g + 15) % 30
	i, k := c/4, c%4
	l := (32 + 2*e + 2*i - h - k) % 7
	m := (a + 11*h + 19*l) / 433
	month := (h + l - 7*m + 90) / 25
	day := (h + l - 7*m + 33*month + 19) % 32
	return NewDate(year, time.Month(month), day)
}

// The daily fix is out at about 16:00 Frankfurt time; from half past six on its absence is the source's fault. Without
// the zone's clock changes at hand these are the winter's hours in UTC, and in summer an hour later on the wall.
const fixOutAfterUTC = 17*time.Hour + 30*time.Minute

// lastFixDue is the day of the latest fix that must be out at a time.
func lastFixDue(now time.Time) Date {
	day := DateOf(now.UTC().Add(-fixOutAfterUTC))
	for !TargetDay(day) {
		day--
	}
	return day
}
