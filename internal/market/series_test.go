package market

import (
	"testing"

	"folioscope/internal/money"
)

func bars(t *testing.T, pairs ...string) []Bar {
	t.Helper()
	var out []Bar
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, Bar{Date: MustDate(pairs[i]), Close: money.MustParse(pairs[i+1])})
	}
	return out
}

func TestSeriesWithOneMoreClose(t *testing.T) {
	base := NewSeries("x", "EUR", bars(t, "2026-01-02", "10.5", "2026-01-05", "11.25"))
	for name, c := range map[string]struct {
		add  Bar
		want []Bar
	}{
		"a later day":           {bars(t, "2026-01-06", "12")[0], bars(t, "2026-01-02", "10.5", "2026-01-05", "11.25", "2026-01-06", "12")},
		"the last day again":    {bars(t, "2026-01-05", "13")[0], bars(t, "2026-01-02", "10.5", "2026-01-05", "13")},
		"an earlier day":        {bars(t, "2026-01-03", "14")[0], bars(t, "2026-01-02", "10.5", "2026-01-05", "11.25")},
		"finer than the others": {bars(t, "2026-01-06", "0.12345678")[0], bars(t, "2026-01-02", "10.5", "2026-01-05", "11.25", "2026-01-06", "0.12345678")},
	} {
		got := base.With(c.add)
		if got.Len() != len(c.want) {
			t.Errorf("%s: %d days, want %d", name, got.Len(), len(c.want))
			continue
		}
		for i, want := range c.want {
			if got.Dates[i] != want.Date || !got.Close(i).Equal(want.Close) {
				t.Errorf("%s: day %d is %s %s, want %s %s", name, i, got.Dates[i], got.Close(i), want.Date, want.Close)
			}
		}
	}
	if base.Len() != 2 || !base.Close(1).Equal(money.MustParse("11.25")) {
		t.Errorf("the series itself changed: %v", base)
	}
	if empty := (&Series{Instrument: "x", Currency: "EUR"}); true {
		if got := empty.With(bars(t, "2026-01-06", "12")[0]); got.Len() != 1 {
			t.Errorf("an empty series has %d days after one more", got.Len())
		}
	}
}

func TestSeriesAtNeverLooksAhead(t *testing.T) {
	s := NewSeries("x", "EUR", bars(t, "2026-01-02", "10", "2026-01-05", "11"))
	if _, _, ok := s.At(MustDate("2026-01-01")); ok {
		t.Error("a close from after the day was used")
	}
	if price, day, ok := s.At(MustDate("2026-01-04")); !ok || day != MustDate("2026-01-02") || !price.Equal(money.MustParse("10")) {
		t.Errorf("got %s of %s", price, day)
	}
}
