package market

import (
	"testing"
	"time"

	"folioscope/internal/money"
)

func TestStateOf(t *testing.T) {
	c := newCalendar(t)
	const sameTime = "" // the market made it when we got it
	tests := []struct {
		name          string
		class         Class
		mic           string
		observed      string // UTC
		made          string
		now           string
		source        string
		fallback      bool
		held, noPrice bool
		want          State
	}{
		{name: "no price", class: Stock, mic: "XNYS", observed: "2026-11-18 15:00", now: "2026-11-18 15:01", noPrice: true, want: StateNone},
		{name: "fresh in an open market", class: Stock, mic: "XNYS", observed: "2026-11-18 15:00", now: "2026-11-18 15:10", want: StateLive},
		{name: "11 min are still live", class: Stock, mic: "XNYS", observed: "2026-11-18 15:00", now: "2026-11-18 15:11", want: StateLive},
		{name: "12 min are delayed", class: Stock, mic: "XNYS", observed: "2026-11-18 15:00", now: "2026-11-18 15:12", want: StateDelayed},
		{name: "21 min are delayed", class: Stock, mic: "XNYS", observed: "2026-11-18 15:00", now: "2026-11-18 15:21", want: StateDelayed},
		{name: "22 min are stale", class: Stock, mic: "XNYS", observed: "2026-11-18 15:00", now: "2026-11-18 15:22", want: StateStale},
		{name: "the feed's own time lags", class: Stock, mic: "XLON", made: "2026-11-18 14:45", observed: "2026-11-18 15:00", now: "2026-11-18 15:01", want: StateDelayed},
		{name: "a lag of 2 min is none", class: Stock, mic: "XLON", made: "2026-11-18 14:58", observed: "2026-11-18 15:00", now: "2026-11-18 15:01", want: StateLive},
		{name: "a lag doesn't matter once closed", class: Stock, mic: "XLON", made: "2026-11-18 16:29", observed: "2026-11-18 16:45", now: "2026-11-18 20:00", want: StateClosed},
		{name: "Friday's close on Sunday is fresh", class: Stock, mic: "XNYS", observed: "2026-11-20 21:05", now: "2026-11-22 12:00", want: StateClosed},
		{name: "Friday's close on Monday's first minutes", class: Stock, mic: "XNYS", observed: "2026-11-20 21:05", now: "2026-11-23 14:35", want: StateLive},
		{name: "Friday's close on Monday at 10 is stale", class: Stock, mic: "XNYS", observed: "2026-11-20 21:05", now: "2026-11-23 15:00", want: StateStale},
		{name: "Thursday's close on Friday at 18 is stale", class: Stock, mic: "XETR", observed: "2026-11-19 16:35", now: "2026-11-20 18:00", want: StateStale},
		{name: "and so where the source repeats it", class: Stock, mic: "XETR", made: "2026-11-19 16:35", observed: "2026-11-20 17:55", now: "2026-11-20 18:00", want: StateStale},
		{name: "yesterday's last trade while it is open is delayed", class: Stock, mic: "XETR", made: "2026-11-19 16:35", observed: "2026-11-20 09:00", now: "2026-11-20 09:01", want: StateDelayed},
		{name: "last polled before the half day's end", class: Stock, mic: "XNYS", observed: "2026-11-27 17:55", now: "2026-11-28 12:00", want: StateClosed},
		{name: "a day off doesn't age", class: Stock, mic: "XNYS", observed: "2026-11-25 20:55", now: "2026-11-27 14:31", want: StateLive},
		{name: "noon in Tokyo", class: Stock, mic: "XTKS", observed: "2026-11-18 02:29", now: "2026-11-18 03:20", want: StateClosed},
		{name: "and right after it", class: Stock, mic: "XTKS", observed: "2026-11-18 02:29", now: "2026-11-18 03:35", want: StateLive},
		{name: "New York when only its clock has changed", class: ETF, mic: "XNYS", observed: "2026-03-09 13:31", now: "2026-03-09 13:45", want: StateDelayed},
		{name: "held back", class: Stock, mic: "XNYS", observed: "2026-11-18 15:00", now: "2026-11-18 15:30", held: true, want: StateQuarantined},
		{name: "fallback", class: Stock, mic: "XNYS", observed: "2026-11-18 15:00", now: "2026-11-18 15:15", fallback: true, want: StateFallback},
		{name: "stale is worse than fallback", class: Stock, mic: "XNYS", observed: "2026-11-18 15:00", now: "2026-11-18 15:30", fallback: true, want: StateStale},
		{name: "manual never goes stale", class: Other, source: SourceManual, observed: "2025-01-18 15:00", now: "2026-11-18 15:30", want: StateManual},
		{name: "a coin on a Sunday", class: Crypto, observed: "2026-11-22 03:00", now: "2026-11-22 03:05", want: StateLive},
		{name: "a coin not asked for", class: Crypto, observed: "2026-11-22 03:00", now: "2026-11-22 03:30", want: StateStale},
		{name: "a coin whose source repeats itself", class: Crypto, made: "2026-11-20 03:00", observed: "2026-11-22 03:00", now: "2026-11-22 03:01", want: StateStale},
		{name: "a fund's value of yesterday", class: Fund, made: "2026-11-17 10:00", observed: "2026-11-17 16:00", now: "2026-11-18 12:00", want: StateNAV},
		{name: "a fund after four weekdays", class: Fund, made: "2026-11-12 10:00", observed: "2026-11-12 16:00", now: "2026-11-18 12:00", want: StateNAV},
		{name: "a fund after five weekdays", class: Fund, made: "2026-11-11 10:00", observed: "2026-11-18 11:00", now: "2026-11-18 12:00", want: StateStale},
		{name: "a fund from its second source", class: Fund, made: "2026-11-17 10:00", observed: "2026-11-17 16:00", now: "2026-11-18 12:00", fallback: true, want: StateFallback},
		{name: "Friday's fix on Monday noon", class: FX, made: "2026-11-20 13:15", observed: "2026-11-20 15:10", now: "2026-11-23 12:00", want: StateClosed},
		{name: "Friday's fix on Monday evening", class: FX, made: "2026-11-20 13:15", observed: "2026-11-20 15:10", now: "2026-11-23 19:00", want: StateStale},
		{name: "Maundy Thursday's fix on Easter Monday", class: FX, made: "2026-04-02 12:15", observed: "2026-04-06 20:00", now: "2026-04-06 20:00", want: StateClosed},
		{name: "and on the Tuesday after, in the evening", class: FX, made: "2026-04-02 12:15", observed: "2026-04-07 20:00", now: "2026-04-07 20:00", want: StateStale},
		{name: "a rate that moves", class: FX, source: SourceSimulate, observed: "2026-11-18 15:00", now: "2026-11-18 15:01", want: StateLive},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			mark := Mark{Fallback: test.fallback}
			mark.Price, mark.Source = money.One, test.source
			mark.ObservedAt = utc(t, test.observed)
			mark.MarketTime = mark.ObservedAt
			if test.made != sameTime {
				mark.MarketTime = utc(t, test.made)
			}
			if test.noPrice {
				mark = Mark{}
			}
			if test.held {
				mark.HeldBack = &HeldBack{Reason: "waits for a second source"}
			}
			got := StateOf(mark, Instrument{Class: test.class, MIC: test.mic}, c, utc(t, test.now))
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func BenchmarkStateOf(b *testing.B) {
	c := newCalendar(b)
	now := time.Date(2026, 11, 18, 15, 10, 0, 0, time.UTC)
	mark := Mark{Quote: Quote{Price: money.One, ObservedAt: now.Add(-time.Minute), MarketTime: now.Add(-time.Minute)}}
	instrument := Instrument{Class: Stock, MIC: "XNYS"}
	for b.Loop() {
		if StateOf(mark, instrument, c, now) != StateLive {
			b.Fatal("not live")
		}
	}
}
