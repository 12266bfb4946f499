package market

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"
)

func newCalendar(t testing.TB) *Calendar {
	t.Helper()
	c, err := NewCalendar()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// utc reads "2026-11-27 18:00" as UTC.
func utc(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestAt(t *testing.T) {
	c := newCalendar(t)
	tests := []struct {
		name, mic, at    string
		open             bool
		until, lastClose string // "" is the zero time
		date             string
	}{
		{"ordinary day", "XNYS", "2026-11-18 15:00", true, "2026-11-18 21:00", "2026-11-17 21:00", "2026-11-18"},
		{"first minute", "XNYS", "2026-11-18 14:30", true, "2026-11-18 21:00", "2026-11-17 21:00", "2026-11-18"},
		{"before the first minute", "XNYS", "2026-11-18 14:29", false, "2026-11-18 14:30", "2026-11-17 21:00", "2026-11-17"},
		{"the close is closed", "XNYS", "2026-11-18 21:00", false, "2026-11-19 14:30", "2026-11-18 21:00", "2026-11-18"},
		{"weekend", "XNYS", "2026-11-22 12:00", false, "2026-11-23 14:30", "2026-11-20 21:00", "2026-11-20"},
		{"Thanksgiving", "XNYS", "2026-11-26 15:00", false, "2026-11-27 14:30", "2026-11-25 21:00", "2026-11-25"},
		{"half day, before its end", "XNYS", "2026-11-27 17:59", true, "2026-11-27 18:00", "2026-11-25 21:00", "2026-11-27"},
		{"half day, after 13:00", "XNAS", "2026-11-27 18:00", false, "2026-11-30 14:30", "2026-11-27 18:00", "2026-11-27"},
		{"London's Christmas Eve ends at 12:30", "XLON", "2026-12-24 12:29", true, "2026-12-24 12:30", "2026-12-23 16:30", "2026-12-24"},
		{"and is over then, till the 29th", "XLON", "2026-12-24 12:30", false, "2026-12-29 08:00", "2026-12-24 12:30", "2026-12-24"},
		{"New York in the gap: its clock has changed", "XNYS", "2026-03-09 13:30", true, "2026-03-09 20:00", "2026-03-06 21:00", "2026-03-09"},
		{"London in the gap: its clock hasn't", "XLON", "2026-03-09 16:29", true, "2026-03-09 16:30", "2026-03-06 16:30", "2026-03-09"},
		{"London after its change", "XLON", "2026-03-30 15:29", true, "2026-03-30 15:30", "2026-03-27 16:30", "2026-03-30"},
		{"autumn gap: London has changed, New York hasn't", "XNYS", "2026-10-26 13:30", true, "2026-10-26 20:00", "2026-10-23 20:00", "2026-10-26"},
		{"Tokyo's morning", "XTKS", "2026-11-18 02:00", true, "2026-11-18 02:30", "2026-11-17 06:30", "2026-11-18"},
		{"Tokyo's break", "XTKS", "2026-11-18 02:30", false, "2026-11-18 03:30", "2026-11-17 06:30", "2026-11-18"},
		{"Tokyo's afternoon", "XTKS", "2026-11-18 03:30", true, "2026-11-18 06:30", "2026-11-17 06:30", "2026-11-18"},
		{"Tokyo closed at 15:00 once", "XTKS", "2023-11-15 06:00", false, "2023-11-16 00:00", "2023-11-15 06:00", "2023-11-15"},
		{"Hong Kong's break", "XHKG", "2026-11-18 04:30", false, "2026-11-18 05:00", "2026-11-17 08:00", "2026-11-18"},
		{"Hong Kong's half day has no break", "XHKG", "2026-12-24 03:59", true, "2026-12-24 04:00", "2026-12-23 08:00", "2026-12-24"},
		{"Shenzhen keeps Shanghai's hours", "XSHE", "2026-11-18 04:00", false, "2026-11-18 05:00", "2026-11-17 07:00", "2026-11-18"},
		{"Sydney begins on the UTC day before", "XASX", "2026-11-17 23:30", true, "2026-11-18 05:00", "2026-11-17 05:00", "2026-11-18"},
		{"a Saturday that trades", "XBOM", "2024-01-20 05:00", true, "2024-01-20 10:00", "2024-01-19 10:00", "2024-01-20"},
		{"beyond the horizon by weekdays", "XBOM", "2027-01-26 05:00", true, "2027-01-26 10:00", "2027-01-25 10:00", "2027-01-26"},
		{"holidays unknown", "XKRX", "2026-11-18 01:00", true, "2026-11-18 06:30", "2026-11-17 06:30", "2026-11-18"},
		{"Riyadh trades on Sundays", "XSAU", "2026-11-22 08:00", true, "2026-11-22 12:00", "2026-11-19 12:00", "2026-11-22"},
		{"unknown market on a weekday", "XQQQ", "2026-11-18 03:00", true, "2026-11-21 00:00", "2026-11-18 00:00", "2026-11-18"},
		{"unknown market on a Saturday", "XQQQ", "2026-11-21 03:00", false, "2026-11-23 00:00", "2026-11-21 00:00", "2026-11-20"},
		{"no market at all", "", "2026-11-21 03:00", true, "", "", "2026-11-21"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := c.At(test.mic, utc(t, test.at))
			want := Session{Open: test.open, Date: MustDate(test.date)}
			if test.until != "" {
				want.Until, want.LastClose = utc(t, test.until), utc(t, test.lastClose)
			}
			if got.Open != want.Open || !got.Until.Equal(want.Until) || !got.LastClose.Equal(want.LastClose) || got.Date != want.Date {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestTradingTime(t *testing.T) {
	c := newCalendar(t)
	tests := []struct {
		name, mic, from, to string
		want                time.Duration
	}{
		{"inside a session", "XNYS", "2026-11-18 15:00", "2026-11-18 15:10", 10 * time.Minute},
		{"over a night", "XNYS", "2026-11-18 20:50", "2026-11-19 14:40", 20 * time.Minute},
		{"over a weekend", "XNYS", "2026-11-20 21:05", "2026-11-22 12:00", 0},
		{"over Thanksgiving and a half day", "XNYS", "2026-11-25 21:00", "2026-11-30 14:30", 3*time.Hour + 30*time.Minute},
		{"a week with the clock's change", "XNYS", "2026-03-07 00:00", "2026-03-14 00:00", 5 * 6.5 * 60 * time.Minute},
		{"over noon in Tokyo", "XTKS", "2026-11-18 02:00", "2026-11-18 04:00", time.Hour},
		{"a whole day in Hong Kong", "XHKG", "2026-11-18 00:00", "2026-11-18 10:00", 5*time.Hour + 30*time.Minute},
		{"no market", "", "2026-11-20 21:05", "2026-11-22 21:05", 48 * time.Hour},
		{"backwards", "XNYS", "2026-11-19 15:00", "2026-11-18 15:00", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := c.TradingTime(test.mic, utc(t, test.from), utc(t, test.to)); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
	if got := c.TradingTime("XNYS", time.Time{}, utc(t, "2026-11-18 15:00")); got < 1000*time.Hour || got > 400*7*time.Hour {
		t.Errorf("since ever: got %v, want the last 400 days' worth", got)
	}
}

// A walk from one change to the next must add up to what TradingTime says, at any market and time.
func TestAtAgreesWithTradingTime(t *testing.T) {
	c := newCalendar(t)
	mics := []string{"XNYS", "XLON", "XTKS", "XHKG", "XSHG", "XASX", "XNZE", "XSAU", "XBOM", "XSTU", "XQQQ"}
	rapid.Check(t, func(t *rapid.T) {
		mic := rapid.SampledFrom(mics).Draw(t, "mic")
		from := time.Unix(rapid.Int64Range(1577836800, 1924992000).Draw(t, "from"), 0).UTC()
		to := from.Add(time.Duration(rapid.Int64Range(0, 30*24*3600).Draw(t, "seconds")) * time.Second)
		var total time.Duration
		for at := from; at.Before(to); {
			s := c.At(mic, at)
			if !s.Until.After(at) {
				t.Fatalf("%s at %v: Until %v isn't later", mic, at, s.Until)
			}
			if s.LastClose.After(at) {
				t.Fatalf("%s at %v: LastClose %v is later", mic, at, s.LastClose)
			}
			end := s.Until
			if end.After(to) {
				end = to
			}
			if s.Open {
				total += end.Sub(at)
			}
			at = end
		}
		if want := c.TradingTime(mic, from, to); total != want {
			t.Fatalf("%s from %v to %v: sessions add up to %v, TradingTime is %v", mic, from, to, total, want)
		}
	})
}

func TestNamesAndHorizon(t *testing.T) {
	c := newCalendar(t)
	for mic, want := range map[string]string{"XNYS": "New York (NYSE)", "XNAS": "Nasdaq", "XLON": "London", "XQQQ": "XQQQ", "": ""} {
		if got := c.Name(mic); got != want {
			t.Errorf("Name(%q) = %q, want %q", mic, got, want)
		}
	}
	for mic, want := range map[string]Date{"XNSE": MustDate("2026-12-31"), "XNYS": MustDate("2030-12-31"), "XKRX": NoDate, "XQQQ": NoDate} {
		if got := c.Horizon(mic); got != want {
			t.Errorf("Horizon(%q) = %v, want %v", mic, got, want)
		}
	}
}

func TestParseSessionsRefuses(t *testing.T) {
	const market = "market XNYS America/New_York 1111100 2020-01-02 2030-12-31 New York\n"
	for _, text := range []string{
		"hours 2020 09:30 16:00", "market XNYS", "market XNYS Nowhere/Land 1111100 - - N", market + "hours 2020 16:00 09:30",
		market + "hours 2020 09:30 25:00", market + "hours soon 09:30 16:00", market + "closed 2020 1301", market + "shut 2020 0101",
		market + "lunch 12:00", market + "special 09:30 9h 20201127", "alias XNAS XNYS Nasdaq", market + "extra 2020 x",
	} {
		if _, err := parseSessions(text); err == nil {
			t.Errorf("accepted %q", text)
		}
	}
}

func TestTargetDay(t *testing.T) {
	for day, want := range map[string]bool{
		"2026-04-02": true, "2026-04-03": false, "2026-04-05": false, "2026-04-06": false, "2026-04-07": true,
		"2026-05-01": false, "2026-12-24": true, "2026-12-25": false, "2027-01-01": false, "2027-03-26": false,
		"2024-03-29": false, "2024-04-01": false, "2025-04-18": false, "2025-04-21": false, "2026-11-22": false, "2026-11-23": true,
	} {
		if got := TargetDay(MustDate(day)); got != want {
			t.Errorf("TargetDay(%s) = %v", day, got)
		}
	}
}

// The embedded data against the set it was made from, day by day.
func TestSessionsMatchReference(t *testing.T) {
	dir := os.Getenv("FOLIOSCOPE_REFERENCE")
	if dir == "" {
		t.Skip("skipped: no reference data")
	}
	data, err := os.ReadFile(filepath.Join(dir, "sets/calendars/exchange_sessions_2020_2030.json"))
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Calendars map[string]struct {
			TZ, Weekmask string
			From, To     string
			Regular      []struct {
				FromYear    int
				Open, Close string
			}
			Lunch         []string
			Holidays      []string
			ExtraSessions []string
			SpecialHours  map[string][2]string
		}
	}
	if err := json.Unmarshal(data, &set); err != nil {
		t.Fatal(err)
	}
	c := newCalendar(t)
	days := 0
	for mic, want := range set.Calendars {
		h := c.markets[mic]
		if h == nil {
			t.Errorf("%s is missing", mic)
			continue
		}
		if h.zone.String() != want.TZ || h.last != MustDate(want.To) {
			t.Errorf("%s: zone %s, last %s", mic, h.zone, h.last)
		}
		off, extra := strings.Join(want.Holidays, " "), strings.Join(want.ExtraSessions, " ")
		for d := MustDate(want.From); d <= MustDate(want.To); d++ {
			days++
			trades := want.Weekmask[(d.Weekday()+6)%7] == '1' && !strings.Contains(off, d.String()) || strings.Contains(extra, d.String())
			open, closes, ok := h.session(d)
			if ok != trades {
				t.Fatalf("%s %s: trades = %v", mic, d, ok)
			}
			if !ok {
				continue
			}
			hours := [2]string{want.Regular[0].Open, want.Regular[0].Close}
			for _, r := range want.Regular {
				if d.Year() >= r.FromYear {
					hours = [2]string{r.Open, r.Close}
				}
			}
			if special, ok := want.SpecialHours[d.String()]; ok {
				hours = special
			}
			if got := [2]string{open.Format("15:04"), closes.Format("15:04")}; got != hours {
				t.Fatalf("%s %s: %v, want %v", mic, d, got, hours)
			}
		}
	}
	if len(set.Calendars) != 40 || days < 140_000 {
		t.Errorf("compared %d markets, %d days", len(set.Calendars), days)
	}
	t.Logf("%d markets, %d days", len(set.Calendars), days)
}
