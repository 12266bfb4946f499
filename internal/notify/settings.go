package notify

import (
	"fmt"
	"time"

	"folioscope/internal/fault"
)

// DigestEvery says how often somebody gets a digest.
type DigestEvery string

// How often; weekly is on Mondays.
const (
	DigestOff    DigestEvery = "off"
	DigestDaily  DigestEvery = "daily"
	DigestWeekly DigestEvery = "weekly"
)

const (
	minutesOfDay   = 24 * 60
	localeBytesMax = 35 // of RFC 5646's longest ordinary tag
)

// Clock is a time of day, in minutes since midnight by the clock on the wall.
type Clock int

// ParseClock reads a time such as 22:30; field is named in its error.
func ParseClock(field, text string) (Clock, error) {
	at, err := time.Parse("15:04", text)
	if err != nil {
		return 0, fault.At(field, "A time of day such as 22:30 is needed.")
	}
	return Clock(at.Hour()*60 + at.Minute()), nil
}

// String is the clock as 22:30.
func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

func clockOf(t time.Time) Clock { return Clock(t.Hour()*60 + t.Minute()) }

// Settings are how somebody wants to be told. The zero value is UTC, English, amounts shown, no quiet hours and no digest.
type Settings struct {
	Zone        string // of the time zone database, such as Europe/Berlin; empty: UTC
	Locale      string // a language tag such as de-CH; numbers and dates are written as there; empty: en
	HideAmounts bool   // no message but the inbox names an amount of theirs
	QuietFrom   Clock
	QuietTo     Clock // the first minute that isn't quiet any more; as QuietFrom: there are no quiet hours
	Digest      DigestEvery
	DigestAt    Clock
}

// Validate refuses what can't be meant; its errors are of kind Invalid and name the field.
func (s Settings) Validate() error {
	if _, err := time.LoadLocation(s.Zone); err != nil || s.Zone == "Local" {
		return fault.At("zone", "There is no such time zone. A name such as Europe/Berlin is needed.")
	}
	if len(s.Locale) > localeBytesMax || s.Locale != "" && !knownLocale(s.Locale) {
		return fault.At("locale", "There is no such language. A tag such as de or en-GB is needed.")
	}
	switch s.Digest {
	case "", DigestOff, DigestDaily, DigestWeekly:
	default:
		return fault.At("digest", "Needs off, daily or weekly.")
	}
	for field, c := range map[string]Clock{"quiet_from": s.QuietFrom, "quiet_to": s.QuietTo, "digest_at": s.DigestAt} {
		if c < 0 || c >= minutesOfDay {
			return fault.At(field, "A time of day such as 22:30 is needed.")
		}
	}
	return nil
}

// Location is the time zone; UTC where this release knows none of that name any more.
func (s Settings) Location() *time.Location {
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		return time.UTC
	}
	return zone
}

// Due is when something that happens at a time may be told: then, or at the end of quiet hours. It goes by the clock on the wall, minute
// by minute, so that days with an hour more or less need no case of their own.
func (s Settings) Due(at time.Time) time.Time {
	zone := s.Location()
	if !s.quiet(clockOf(at.In(zone))) {
		return at
	}
	const longestDay = 26 * 60 // minutes
	for next := range longestDay {
		minute := at.Truncate(time.Minute).Add(time.Duration(next+1) * time.Minute)
		if !s.quiet(clockOf(minute.In(zone))) {
			return minute
		}
	}
	return at // a day that is quiet throughout can't be: there would be no quiet hours
}

func (s Settings) quiet(now Clock) bool {
	if s.QuietFrom <= s.QuietTo {
		return s.QuietFrom <= now && now < s.QuietTo
	}
	return now >= s.QuietFrom || now < s.QuietTo
}

// NextDigest is when the first digest after a time is due; zero: none is wanted.
func (s Settings) NextDigest(after time.Time) time.Time {
	if s.Digest != DigestDaily && s.Digest != DigestWeekly {
		return time.Time{}
	}
	const daysMax = 8 // a week from now at most
	local := after.In(s.Location())
	for day := range daysMax + 1 {
		due := time.Date(local.Year(), local.Month(), local.Day()+day, int(s.DigestAt)/60, int(s.DigestAt)%60, 0, 0, local.Location())
		if due.After(after) && (s.Digest == DigestDaily || due.Weekday() == time.Monday) {
			return due
		}
	}
	return time.Time{}
}
