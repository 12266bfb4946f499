package notify

import (
	"errors"
	"testing"
	"time"

	"folioscope/internal/fault"
)

func at(zone, text string) time.Time {
	where, err := time.LoadLocation(zone)
	if err != nil {
		panic(err)
	}
	t, err := time.ParseInLocation("2006-01-02 15:04", text, where)
	if err != nil {
		panic(err)
	}
	return t
}

func clock(text string) Clock {
	c, err := ParseClock("clock", text)
	if err != nil {
		panic(err)
	}
	return c
}

// fieldOf is the place that an error names.
func fieldOf(err error) string {
	if e, ok := errors.AsType[*fault.Error](err); ok && len(e.Places) > 0 {
		return e.Places[0].Location
	}
	return ""
}

// Quiet hours go by the clock on the wall. Berlin's clocks go from 02:00 to 03:00 on 29 March 2026 and from 03:00 to 02:00 on 25 October.
func TestQuietHoursEnd(t *testing.T) {
	for _, c := range []struct{ zone, from, to, at, due string }{
		{"Europe/Berlin", "22:00", "07:00", "2026-01-10 21:59", "2026-01-10 21:59"},
		{"Europe/Berlin", "22:00", "07:00", "2026-01-10 22:00", "2026-01-11 07:00"},
		{"Europe/Berlin", "22:00", "07:00", "2026-01-11 06:59", "2026-01-11 07:00"},
		{"Europe/Berlin", "22:00", "07:00", "2026-01-11 07:00", "2026-01-11 07:00"},
		{"Europe/Berlin", "12:30", "14:00", "2026-01-11 13:00", "2026-01-11 14:00"},
		{"Europe/Berlin", "00:00", "00:00", "2026-01-11 03:00", "2026-01-11 03:00"}, // none
		{"Europe/Berlin", "22:00", "07:00", "2026-03-28 23:00", "2026-03-29 07:00"}, // an hour less
		{"Europe/Berlin", "22:00", "02:30", "2026-03-29 01:30", "2026-03-29 03:00"}, // its end isn't on that day's clock
		{"Europe/Berlin", "22:00", "07:00", "2026-10-24 23:00", "2026-10-25 07:00"}, // an hour more
		{"America/New_York", "21:00", "08:00", "2026-11-01 00:30", "2026-11-01 08:00"},
		{"Asia/Kolkata", "23:30", "06:15", "2026-05-05 23:45", "2026-05-06 06:15"},
		{"Pacific/Chatham", "01:00", "05:45", "2026-07-01 02:10", "2026-07-01 05:45"},
	} {
		s := Settings{Zone: c.zone, QuietFrom: clock(c.from), QuietTo: clock(c.to)}
		if got := s.Due(at(c.zone, c.at)); !got.Equal(at(c.zone, c.due)) {
			t.Errorf("%s %s–%s at %s: %v, want %s", c.zone, c.from, c.to, c.at, got.In(s.Location()), c.due)
		}
	}
	// The hour that comes twice is quiet both times.
	s := Settings{Zone: "Europe/Berlin", QuietFrom: clock("22:00"), QuietTo: clock("02:30")}
	first := time.Date(2026, 10, 25, 0, 10, 0, 0, time.UTC) // 02:10 in summer
	if got := s.Due(first); !got.Equal(time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC)) {
		t.Errorf("the first 02:10: %v", got)
	}
	if second := first.Add(time.Hour); !s.Due(second).Equal(time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC)) {
		t.Errorf("the second 02:10: %v", s.Due(second))
	}
}

func TestDigestsAreDue(t *testing.T) {
	for _, c := range []struct {
		every          DigestEvery
		zone, at, want string
	}{
		{DigestDaily, "Europe/Berlin", "2026-03-28 07:29", "2026-03-28 07:30"},
		{DigestDaily, "Europe/Berlin", "2026-03-28 07:30", "2026-03-29 07:30"},
		{DigestWeekly, "Europe/Berlin", "2026-03-28 09:00", "2026-03-30 07:30"},
		{DigestWeekly, "Europe/Berlin", "2026-03-30 07:30", "2026-04-06 07:30"},
		{DigestDaily, "Asia/Tokyo", "2026-12-31 23:00", "2027-01-01 07:30"},
	} {
		s := Settings{Zone: c.zone, Digest: c.every, DigestAt: clock("07:30")}
		if got := s.NextDigest(at(c.zone, c.at)); !got.Equal(at(c.zone, c.want)) {
			t.Errorf("%s after %s: %v, want %s", c.every, c.at, got.In(s.Location()), c.want)
		}
	}
	if got := (Settings{}).NextDigest(testNow); !got.IsZero() {
		t.Errorf("nobody asked for one at %v", got)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	good := Settings{Zone: "Europe/Berlin", Locale: "de-CH", Digest: DigestWeekly}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for field, bad := range map[string]Settings{
		"zone": {Zone: "Europe/Atlantis"}, "locale": {Locale: "not a language"}, "digest": {Digest: "hourly"}, "quiet_to": {QuietTo: minutesOfDay},
	} {
		if err := bad.Validate(); !fault.Is(err, fault.Invalid) || fieldOf(err) != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if err := (Settings{Zone: "Local"}).Validate(); err == nil {
		t.Error("the server's own zone was taken")
	}
}
