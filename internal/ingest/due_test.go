package ingest

import (
	"testing"
	"testing/synctest"
	"time"
	_ "time/tzdata"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

func TestWhatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		now := time.Now()
		w.Sessions = hours{closed: now.Add(-10 * time.Hour)}
		ago := func(d time.Duration) *market.Mark {
			return &market.Mark{Quote: market.Quote{ObservedAt: now.Add(-d), MarketTime: now.Add(-d)}}
		}
		crypto := stock("BTC", "")
		crypto.Class = market.Crypto
		gone := stock("GONE", "OPEN")
		gone.Delisted = true
		for _, test := range []struct {
			name   string
			i      market.Instrument
			mark   *market.Mark
			closed time.Duration // ago
			asked  time.Duration // ago, 0: never
			tried  time.Duration // ago, 0: never
			delay  time.Duration
			want   bool
		}{
			{"never had a price, market shut", stock("A", "SHUT"), nil, 10 * time.Hour, 0, 0, 0, true},
			{"never had a price, market shut, looked for in the last slot", stock("A", "SHUT"), nil, 10 * time.Hour, 0, slot, 0, false},
			{"never had a price, market shut, looked for an hour ago", stock("A", "SHUT"), nil, 10 * time.Hour, 0, time.Hour, 0, true},
			{"never had a price, market open", stock("A", "OPEN"), nil, 10 * time.Hour, 0, slot, 0, true},
			{"market open", stock("A", "OPEN"), ago(time.Minute), 0, time.Minute, time.Minute, 0, true},
			{"just closed", stock("A", "SHUT"), ago(4 * time.Minute), 4 * time.Minute, 14 * time.Minute, 14 * time.Minute, 0, false},
			{"the close is in", stock("A", "SHUT"), ago(15 * time.Minute), 5 * time.Minute, 15 * time.Minute, 15 * time.Minute, 0, true},
			{"the close was seen", stock("A", "SHUT"), ago(10 * time.Minute), 20 * time.Minute, 10 * time.Minute, 10 * time.Minute, 0, false},
			{"open as a late source sees it", stock("A", "SHUT"), ago(10 * time.Minute), 10 * time.Minute, 10 * time.Minute, 10 * time.Minute, 15 * time.Minute, true},
			{"the close of a late source isn't in", stock("A", "SHUT"), ago(10 * time.Minute), 18 * time.Minute, 10 * time.Minute, 10 * time.Minute, 15 * time.Minute, false},
			{"the close of a late source is in", stock("A", "SHUT"), ago(10 * time.Minute), 20 * time.Minute, 10 * time.Minute, 10 * time.Minute, 15 * time.Minute, true},
			{"to be confirmed", stock("A", "SHUT"), ago(80 * time.Minute), 90 * time.Minute, 80 * time.Minute, 80 * time.Minute, 0, true},
			{"confirmed", stock("A", "SHUT"), ago(9 * time.Hour), 10 * time.Hour, 8 * time.Hour, 8 * time.Hour, 0, false},
			{"the confirmation failed, an hour ago", stock("A", "SHUT"), ago(9*time.Hour + 50*time.Minute), 10 * time.Hour, 9*time.Hour + 50*time.Minute, time.Hour, 0, true},
			{"the confirmation failed, just now", stock("A", "SHUT"), ago(9*time.Hour + 50*time.Minute), 10 * time.Hour, 9*time.Hour + 50*time.Minute, slot, 0, false},
			{"the confirmation failed, a day ago", stock("A", "SHUT"), ago(23*time.Hour + 50*time.Minute), 24 * time.Hour, 23*time.Hour + 50*time.Minute, time.Hour, 0, false},
			{"the close is missing after a night without power", stock("A", "SHUT"), ago(25 * time.Hour), 24 * time.Hour, 25 * time.Hour, 25 * time.Hour, 0, true},
			{"a time from the future says nothing", stock("A", "SHUT"), ago(25 * time.Hour), 24 * time.Hour, -48 * time.Hour, -48 * time.Hour, 0, true},
			{"delisted, market open", gone, ago(24 * time.Hour), 0, 24 * time.Hour, 24 * time.Hour, 0, false},
			{"crypto", crypto, ago(time.Second), 0, time.Second, time.Second, 0, true},
		} {
			w.Sessions = hours{closed: now.Add(-test.closed)}
			var a Asked
			if test.asked != 0 {
				a.Settled = now.Add(-test.asked)
			}
			if test.tried != 0 {
				a.Tried = now.Add(-test.tried)
			}
			if got := w.due(test.i, test.mark, a, test.delay, now); got != test.want {
				t.Errorf("%s: %v", test.name, got)
			}
		}
	})
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// The ECB's fix comes at about 16:00 Frankfurt time on TARGET days: it is looked for in every slot until it is there.
func TestTheDaysFixIsAwaited(t *testing.T) {
	w := newWorld(t, nil)
	rate := market.Instrument{ID: "fx-eur-USD", Currency: "USD", Class: market.FX}
	for _, test := range []struct {
		name, now, fix, seen, tried string
		want                        bool
	}{
		{"15:30 in Frankfurt", "2026-07-01T13:30:00Z", "2026-06-30T14:15:00Z", "2026-06-30T14:20:00Z", "2026-07-01T10:00:00Z", false},
		{"16:10", "2026-07-01T14:10:00Z", "2026-06-30T14:15:00Z", "2026-06-30T14:20:00Z", "2026-07-01T14:00:00Z", true},
		{"it is there", "2026-07-01T14:30:00Z", "2026-07-01T14:15:00Z", "2026-07-01T14:20:00Z", "2026-07-01T14:20:00Z", false},
		{"another source moved since this morning", "2026-07-01T14:30:00Z", "2026-07-01T09:15:00Z", "2026-07-01T09:15:00Z", "2026-07-01T14:20:00Z", true},
		{"15:10: winter time", "2026-01-07T14:10:00Z", "2026-01-06T15:15:00Z", "2026-01-06T15:20:00Z", "2026-01-06T15:20:00Z", false},
		{"16:10: winter time", "2026-01-07T15:10:00Z", "2026-01-06T15:15:00Z", "2026-01-06T15:20:00Z", "2026-01-06T15:20:00Z", true},
		{"late, asked in the last slot", "2026-07-01T20:00:00Z", "2026-06-30T14:15:00Z", "2026-06-30T14:20:00Z", "2026-07-01T19:50:00Z", false},
		{"late, asked an hour ago", "2026-07-01T20:00:00Z", "2026-06-30T14:15:00Z", "2026-06-30T14:20:00Z", "2026-07-01T19:00:00Z", true},
		{"a Saturday with Friday's", "2026-07-04T14:10:00Z", "2026-07-03T14:15:00Z", "2026-07-03T14:20:00Z", "2026-07-03T14:20:00Z", false},
		{"a Saturday without Friday's", "2026-07-04T09:10:00Z", "2026-07-02T14:15:00Z", "2026-07-02T14:20:00Z", "2026-07-04T08:00:00Z", true},
		{"Good Friday", "2026-04-03T14:10:00Z", "2026-04-02T14:15:00Z", "2026-04-02T14:20:00Z", "2026-04-02T14:20:00Z", false},
	} {
		mark := &market.Mark{Quote: market.Quote{MarketTime: at(t, test.fix), ObservedAt: at(t, test.seen)}}
		asked := Asked{Tried: at(t, test.tried), Settled: at(t, test.seen)}
		if got := w.due(rate, mark, asked, 0, at(t, test.now)); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// Values of funds are asked for when they come out at the fund's place, and not again once they are there.
func TestFundsWaitForTheirValue(t *testing.T) {
	w := newWorld(t, nil)
	fund := func(currency, country string) market.Instrument {
		return market.Instrument{ID: "f", Currency: money.Currency(currency), Class: market.Fund, Country: country}
	}
	for _, test := range []struct {
		name  string
		i     market.Instrument
		now   string
		value string // its day
		seen  string
		tried string
		want  bool
	}{
		{"India, 21:00", fund("INR", "IN"), "2026-07-01T15:30:00Z", "2026-06-30T10:00:00Z", "2026-07-01T04:10:00Z", "2026-07-01T04:10:00Z", false},
		{"India, 21:30", fund("INR", "IN"), "2026-07-01T16:00:00Z", "2026-06-30T10:00:00Z", "2026-07-01T04:10:00Z", "2026-07-01T04:10:00Z", true},
		{"India, 21:40, not out at 21:30", fund("INR", "IN"), "2026-07-01T16:10:00Z", "2026-06-30T10:00:00Z", "2026-07-01T16:00:00Z", "2026-07-01T16:00:00Z", false},
		{"India, 23:30, not out at 21:30", fund("INR", "IN"), "2026-07-01T18:00:00Z", "2026-06-30T10:00:00Z", "2026-07-01T16:00:00Z", "2026-07-01T16:00:00Z", true},
		{"India, 23:30, there since 21:30", fund("INR", "IN"), "2026-07-01T18:00:00Z", "2026-07-01T10:00:00Z", "2026-07-01T16:00:00Z", "2026-07-01T16:00:00Z", false},
		{"India, Saturday morning, Friday's is missing", fund("INR", "IN"), "2026-07-04T04:00:00Z", "2026-07-02T10:00:00Z", "2026-07-03T18:00:00Z", "2026-07-03T18:00:00Z", true},
		{"India, Saturday evening", fund("INR", "IN"), "2026-07-04T18:00:00Z", "2026-07-02T10:00:00Z", "2026-07-04T04:00:00Z", "2026-07-04T04:00:00Z", false},
		{"America, 18:30 in summer", fund("USD", "US"), "2026-07-01T22:30:00Z", "2026-06-30T20:00:00Z", "2026-07-01T13:00:00Z", "2026-07-01T13:00:00Z", true},
		{"America, 17:30 in winter", fund("USD", "US"), "2026-01-07T22:30:00Z", "2026-01-06T21:00:00Z", "2026-01-07T14:00:00Z", "2026-01-07T14:00:00Z", false},
		{"a fund of Luxembourg in dollars, 20:00 in Frankfurt", fund("USD", "LU"), "2026-07-01T18:00:00Z", "2026-06-29T12:00:00Z", "2026-07-01T07:00:00Z", "2026-07-01T07:00:00Z", true},
		{"its sources failed in the last slot", fund("EUR", "LU"), "2026-07-01T18:30:00Z", "2026-06-29T12:00:00Z", "2026-07-01T07:00:00Z", "2026-07-01T18:20:00Z", false},
		{"its sources failed an hour ago", fund("EUR", "LU"), "2026-07-01T19:00:00Z", "2026-06-29T12:00:00Z", "2026-07-01T07:00:00Z", "2026-07-01T18:00:00Z", true},
	} {
		mark := &market.Mark{Quote: market.Quote{MarketTime: at(t, test.value), ObservedAt: at(t, test.seen)}}
		if got := w.due(test.i, mark, Asked{Tried: at(t, test.tried), Settled: at(t, test.seen)}, 0, at(t, test.now)); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
