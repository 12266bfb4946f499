package market

import (
	"testing"
	"time"

	"folioscope/internal/fault"
)

func TestOverrides(t *testing.T) {
	c := newCalendar(t)
	changed := c.With([]Override{
		{MIC: "XNYS", Day: MustDate("2026-11-18"), Closed: true, Note: "a day of mourning"},
		{MIC: "XLON", Day: MustDate("2026-11-21"), Opens: 9 * 60, Closes: 12 * 60}, // a Saturday
		{MIC: "XNYS", Day: MustDate("2026-11-26"), Opens: 10 * 60, Closes: 13 * 60},
		{MIC: "XTKS", Day: MustDate("2026-11-18"), Opens: 9 * 60, Closes: 11 * 60}, // ends before the break
		{MIC: "XQQQ", Day: MustDate("2026-11-18"), Closed: true},
		{MIC: "XNYS", Day: MustDate("2026-11-19"), Opens: 5, Closes: 3},
	})
	for _, test := range []struct {
		name, mic, at string
		open, before  bool
	}{
		{"closed", "XNYS", "2026-11-18 15:00", false, true},
		{"the day after", "XNYS", "2026-11-19 15:00", true, true},
		{"a market of its own with the same hours", "XNAS", "2026-11-18 15:00", true, true},
		{"open on a Saturday", "XLON", "2026-11-21 11:59", true, false},
		{"until noon", "XLON", "2026-11-21 12:00", false, false},
		{"open on Thanksgiving", "XNYS", "2026-11-26 15:30", true, false},
		{"from ten", "XNYS", "2026-11-26 14:59", false, false},
		{"a short morning", "XTKS", "2026-11-18 02:15", false, true},
		{"an unknown market", "XQQQ", "2026-11-18 15:00", true, true},
	} {
		if got := changed.At(test.mic, utc(t, test.at)).Open; got != test.open {
			t.Errorf("%s: open is %v", test.name, got)
		}
		if got := c.At(test.mic, utc(t, test.at)).Open; got != test.before {
			t.Errorf("%s: the calendar without overrides says %v", test.name, got)
		}
	}
	if got := changed.TradingTime("XNYS", utc(t, "2026-11-18 00:00"), utc(t, "2026-11-19 00:00")); got != 0 {
		t.Errorf("%s of trading on a day off", got)
	}
	if got := changed.At("XNYS", utc(t, "2026-11-18 15:00")).LastClose; !got.Equal(utc(t, "2026-11-17 21:00")) {
		t.Errorf("closed at %s", got)
	}
	if got := changed.TradingTime("XLON", utc(t, "2026-11-21 00:00"), utc(t, "2026-11-22 00:00")); got != 3*time.Hour {
		t.Errorf("%s on the Saturday", got)
	}
}

func TestOverridesAreChecked(t *testing.T) {
	day := MustDate("2026-11-18")
	for name, o := range map[string]Override{
		"no market":         {Day: day, Closed: true},
		"no day":            {MIC: "XNYS", Day: NoDate, Closed: true},
		"hours while shut":  {MIC: "XNYS", Day: day, Closed: true, Opens: 1, Closes: 2},
		"no hours":          {MIC: "XNYS", Day: day},
		"hours reversed":    {MIC: "XNYS", Day: day, Opens: 600, Closes: 540},
		"more than a day":   {MIC: "XNYS", Day: day, Opens: 600, Closes: 24*60 + 1},
		"too long a note":   {MIC: "XNYS", Day: day, Closed: true, Note: string(make([]byte, overrideNoteMax+1))},
		"a hidden mark":     {MIC: "XNYS", Day: day, Closed: true, Note: "a\u202eb"},
		"before the day is": {MIC: "XNYS", Day: day, Opens: -1, Closes: 60},
	} {
		if err := o.Check(); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (Override{MIC: "XNYS", Day: day, Opens: 0, Closes: 24 * 60}).Check(); err != nil {
		t.Error(err)
	}
}
