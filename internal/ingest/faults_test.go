package ingest

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/jobs"
	"folioscope/internal/market"
	"folioscope/internal/provider"
)

// wire stands in for the network below a real adapter.
type wire struct {
	answer func(r *http.Request) (*http.Response, error)
	mutex  sync.Mutex
	calls  []time.Time
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mutex.Lock()
	// A redirect is the same call going on.
	if r.Response == nil {
		w.calls = append(w.calls, time.Now())
	}
	w.mutex.Unlock()
	return w.answer(r)
}

func answers(status int, body io.Reader, headers ...string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{}
		for n := 0; n < len(headers); n += 2 {
			h.Set(headers[n], headers[n+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(body), ContentLength: -1, Request: r, ProtoMajor: 2}, nil
	}
}

// drip gives a byte at a time, a second apart, for as long as somebody reads.
type drip struct{ ctx context.Context }

func (d drip) Read(p []byte) (int, error) {
	select {
	case <-d.ctx.Done():
		return 0, d.ctx.Err()
	case <-time.After(time.Second):
		p[0] = ' '
		return 1, nil
	}
}

// endless gives as much as anybody takes.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for n := range p {
		p[n] = ' '
	}
	return len(p), nil
}

// Whatever goes wrong between us and a source, it is asked at most three times, and then once in half a minute or when it said;
// the next source serves in the same poll.
func TestAFailingSourceIsLeftAlone(t *testing.T) {
	date := func(after time.Duration) string { return time.Now().Add(after).UTC().Format(http.TimeFormat) }
	for _, test := range []struct {
		name   string
		answer func() func(*http.Request) (*http.Response, error)
		every  time.Duration // to the second, where the source or its refusal says it; 0: at least 30 s
	}{
		{"500", func() func(*http.Request) (*http.Response, error) { return answers(500, strings.NewReader("oops")) }, 0},
		{"502", func() func(*http.Request) (*http.Response, error) { return answers(502, strings.NewReader("")) }, 0},
		{"429 with seconds", func() func(*http.Request) (*http.Response, error) {
			return answers(429, strings.NewReader("{}"), "Retry-After", "47")
		}, 47 * time.Second},
		{"429 with a date", func() func(*http.Request) (*http.Response, error) {
			return func(r *http.Request) (*http.Response, error) {
				return answers(429, strings.NewReader("{}"), "Retry-After", date(73*time.Second))(r)
			}
		}, 73 * time.Second},
		{"429 and a second", func() func(*http.Request) (*http.Response, error) {
			return answers(429, strings.NewReader("{}"), "Retry-After", "1")
		}, 0},
		{"403", func() func(*http.Request) (*http.Response, error) { return answers(403, strings.NewReader("no")) }, 15 * time.Minute},
		{"redirects in a circle", func() func(*http.Request) (*http.Response, error) {
			return func(r *http.Request) (*http.Response, error) {
				return answers(301, strings.NewReader(""), "Location", r.URL.String())(r)
			}
		}, 0},
		{"certificate has ended", func() func(*http.Request) (*http.Response, error) {
			return func(*http.Request) (*http.Response, error) {
				return nil, x509.CertificateInvalidError{Reason: x509.Expired}
			}
		}, 0},
		{"name isn't found", func() func(*http.Request) (*http.Response, error) {
			return func(*http.Request) (*http.Response, error) {
				return nil, &net.DNSError{Err: "no such host", Name: "api", IsNotFound: true}
			}
		}, 0},
		{"nobody answers", func() func(*http.Request) (*http.Response, error) {
			return func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
		}, 0},
		{"drips", func() func(*http.Request) (*http.Response, error) {
			return func(r *http.Request) (*http.Response, error) { return answers(200, drip{r.Context()})(r) }
		}, 0},
		{"never ends", func() func(*http.Request) (*http.Response, error) { return answers(200, endless{}) }, 0},
		{"a page", func() func(*http.Request) (*http.Response, error) {
			return func(r *http.Request) (*http.Response, error) {
				return answers(200, strings.NewReader("<!doctype html><p>one moment"), "Content-Type", "application/json")(r)
			}
		}, 15 * time.Minute},
		{"cut off", func() func(*http.Request) (*http.Response, error) {
			return func(r *http.Request) (*http.Response, error) {
				return answers(200, strings.NewReader(`{"bitcoin":{"usd":9`))(r)
			}
		}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := &wire{answer: test.answer()}
				first, err := provider.NewCoinGecko(provider.Options{BaseURL: "https://coins.example", HTTP: &http.Client{Transport: network}, RequestsPerMinute: 6000})
				if err != nil {
					t.Fatal(err)
				}
				second := (&source{name: "second"}).says("90000")
				bitcoin := market.Instrument{ID: "btc", Symbol: "BTC", Currency: "USD", Class: market.Crypto, Names: map[string]string{"coingecko": "bitcoin", "second": "btc"}}
				w := newWorld(t, []market.Instrument{bitcoin})
				g := w.node(t, map[string][]provider.Provider{ChainCrypto: {first, second}})
				limit(g, "coingecko", Limits{Minute: 6000})
				for start := time.Now(); time.Since(start) < time.Hour; time.Sleep(time.Second) {
					before := time.Now()
					if err := g.Poll(t.Context(), ChainCrypto); err != nil {
						t.Fatal(err)
					}
					if m := w.store.mark(t, "btc"); m.Source != "second" || !m.Fallback || m.ObservedAt.Before(before.Add(-slot)) {
						t.Fatalf("the second source isn't used: %+v", m)
					}
				}
				checkCalls(t, network.calls, test.every)
			})
		})
	}
}

func checkCalls(t *testing.T, calls []time.Time, every time.Duration) {
	t.Helper()
	least := 30 * time.Second
	first := 3
	if every > 0 {
		least, first = every, 1
	}
	for n := first; n < len(calls); n++ {
		gap := calls[n].Sub(calls[n-1])
		if gap < least || every > 0 && gap > every+2*time.Second {
			t.Errorf("call %d came %s after the one before", n, gap)
		}
	}
	if most := first + int(time.Hour/least) + 1; len(calls) > most || len(calls) < 3 {
		t.Errorf("%d calls in an hour, at most %d", len(calls), most)
	}
	t.Logf("%d calls in an hour", len(calls))
}

// A price that says it was made on a weekend belongs to the session before; it is no bar of its own, and Monday's follows on it.
func TestAPriceOfAWeekend(t *testing.T) {
	calendar, err := market.NewCalendar()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		offset := time.Until(at(t, "2026-11-20T20:50:00Z")) // a Friday, ten minutes before the close
		first := &source{name: "first"}
		w := newWorld(t, []market.Instrument{stock("A", "XNYS")}, first)
		w.Sessions, w.Now = calendar, func() time.Time { return time.Now().Add(offset) }
		step := func(price, made, next string) market.Mark {
			first.latest = func([]string, time.Time) (provider.Batch, error) {
				return provider.Batch{Quotes: []provider.Quote{quote("A", price, "USD", at(t, made))}}, nil
			}
			if _, err := w.Refresh(t.Context(), []market.InstrumentID{"A"}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(at(t, next).Sub(w.Now()))
			return w.store.mark(t, "A")
		}
		step("100", "2026-11-20T20:50:00Z", "2026-11-21T15:00:00Z")
		if m := step("101", "2026-11-21T14:59:00Z", "2026-11-23T15:00:00Z"); m.Price.String() != "101" || market.StateOf(m, stock("A", "XNYS"), calendar, at(t, "2026-11-22T12:00:00Z")) != market.StateClosed {
			t.Errorf("on Sunday: %+v", m)
		}
		m := step("102", "2026-11-23T15:00:00Z", "2026-11-23T15:01:00Z")
		if m.PreviousClose == nil || m.PreviousClose.String() != "101" || m.PreviousDate.String() != "2026-11-20" {
			t.Errorf("on Monday: %+v", m)
		}
		for _, bar := range w.store.bars["A"] {
			if weekday := bar.Date.Weekday(); weekday == time.Saturday || weekday == time.Sunday {
				t.Errorf("a bar of %s", bar.Date)
			}
		}
	})
}

// With all sources down a price is live, then delayed, then stale, and is never anything else again until one is back.
func TestAllDownGrowsStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := (&source{name: "first"}).says("100"), (&source{name: "second"}).says("100")
		w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, first, second)
		w.poll(t, ChainStock)
		first.down(provider.Transient, 0)
		second.down(provider.Blocked, 0)
		start := time.Now()
		for time.Since(start) < 2*time.Hour {
			w.poll(t, ChainStock)
			age := time.Since(start)
			want := market.StateLive
			if age > market.StaleAfter {
				want = market.StateStale
			} else if age > market.DelayedAfter {
				want = market.StateDelayed
			}
			if got := market.StateOf(w.store.mark(t, "A"), stock("A", "OPEN"), w.Sessions, time.Now()); got != want {
				t.Fatalf("after %s: %s, want %s", age, got, want)
			}
			time.Sleep(time.Minute)
		}
		first.says("101")
		time.Sleep(slot)
		w.poll(t, ChainStock)
		if got := market.StateOf(w.store.mark(t, "A"), stock("A", "OPEN"), w.Sessions, time.Now()); got != market.StateLive {
			t.Errorf("one is back: %s", got)
		}
	})
}

// What was said before is no news: no hint, no row.
func TestTheSameAgainIsNoEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := time.Now()
		first := &source{name: "first", batch: 2, latest: func([]string, time.Time) (provider.Batch, error) {
			q := quote("A", "100", "USD", made)
			return provider.Batch{Quotes: []provider.Quote{q, q, quote("B", "7", "USD", made), quote("A", "1", "USD", made), quote("somebody else's", "3", "USD", made)}}, nil
		}}
		w := newWorld(t, []market.Instrument{stock("A", "OPEN"), stock("B", "OPEN")}, first)
		for range 4 {
			w.poll(t, ChainStock)
			time.Sleep(time.Minute)
		}
		if len(w.store.raw) != 2 || len(w.hints.all) != 1 || w.store.mark(t, "A").Price.String() != "100" {
			t.Errorf("%d rows, %d hints", len(w.store.raw), len(w.hints.all))
		}
	})
}

// A clock that jumps a day ahead for an hour, and one that falls an hour back: of the true time's slots none is polled twice, and
// none is left out but the one in which the clock was set.
func TestAClockThatJumps(t *testing.T) {
	for _, jump := range []time.Duration{24 * time.Hour, -time.Hour, 5 * time.Minute, -5 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			var off time.Duration
			first := &source{name: "first"}
			first.latest = func([]string, time.Time) (provider.Batch, error) { // a source has its own clock, and an unmoved price
				return provider.Batch{Quotes: []provider.Quote{quote("A", "100", "USD", time.Now().Truncate(3*time.Hour))}}, nil
			}
			w := newWorld(t, []market.Instrument{stock("A", "OPEN")}, first)
			w.Now = func() time.Time { return time.Now().Add(off) }
			work := w.Kinds()[0].Work
			var polled []time.Time
			for n := range 60 {
				switch n {
				case 20:
					off = jump
				case 26:
					off = 0
				}
				before := first.asked()
				if err := work(t.Context(), jobs.Job{}); err != nil {
					t.Fatal(err)
				}
				switch first.asked() - before {
				case 0:
				case 1:
					polled = append(polled, time.Now())
				default:
					t.Errorf("slot %d was polled twice", n)
				}
				m := w.store.mark(t, "A")
				if state := market.StateOf(m, stock("A", "OPEN"), w.Sessions, w.Now()); (n < 20 || n > 28) && m.ObservedAt.After(time.Now()) || n > 29 && state == market.StateStale {
					t.Errorf("slot %d: %s, seen %s from now", n, state, time.Until(m.ObservedAt))
				}
				time.Sleep(slot)
			}
			if len(polled) < 60-3 {
				t.Errorf("jump of %s: %d slots of 60", jump, len(polled))
			}
			for n := 1; n < len(polled); n++ {
				if gap := polled[n].Sub(polled[n-1]); gap > 2*slot {
					t.Errorf("jump of %s: %s between two polls", jump, gap)
				}
			}
		})
	}
}

// The days on which clocks change, the leap day and the year's end, in five zones: one poll in every slot of the open time and none
// beside it but for the close and its confirmation.
func TestSlotsOverChangesOfClocks(t *testing.T) {
	calendar, err := market.NewCalendar()
	if err != nil {
		t.Fatal(err)
	}
	mark := func(seen time.Time) *market.Mark {
		return &market.Mark{Quote: market.Quote{ObservedAt: seen, MarketTime: seen}}
	}
	for _, test := range []struct {
		mic, from string // a UTC day, or a time, and the 24 hours after it
		want      string // the polls' UTC times: first, last in the open time, and how many in all
	}{
		{"XNYS", "2026-03-06", "14:30 20:50 41"}, {"XNYS", "2026-03-09", "13:30 19:50 41"}, {"XNYS", "2026-11-02", "14:30 20:50 41"},
		{"XLON", "2026-03-27", "08:00 16:20 53"}, {"XLON", "2026-03-30", "07:00 15:20 53"}, {"XLON", "2026-10-26", "08:00 16:20 53"},
		{"XETR", "2026-03-30", "07:00 15:20 53"}, {"XTKS", "2026-03-30", "00:00 06:20 35"}, {"XBOM", "2026-03-30", "03:50 09:50 39"},
		{"XNYS", "2028-02-29", "14:30 20:50 41"}, {"XNYS", "2026-12-31", "14:30 20:50 41"}, {"XNYS", "2027-01-01", "- - 0"},
		{"XNYS", "2026-11-27", "14:30 17:50 23"}, {"XLON", "2026-12-24", "08:00 12:20 29"},
		{"XETR", "2026-10-23", "07:00 15:20 53"}, {"XETR", "2026-10-26", "08:00 16:20 53"}, {"XTSE", "2026-03-09", "13:30 19:50 41"},
		{"XTSE", "2026-11-02", "14:30 20:50 41"}, {"XASX", "2026-04-02T12:00:00Z", "- - 0"}, {"XASX", "2026-04-06T12:00:00Z", "00:00 05:50 38"},
		{"XASX", "2026-10-01T12:00:00Z", "00:00 05:50 38"}, {"XASX", "2026-10-04T12:00:00Z", "23:00 04:50 38"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			w.Sessions = calendar
			if len(test.from) == len("2006-01-02") {
				test.from += "T00:00:00Z"
			}
			begin := at(t, test.from)
			seen := begin.Add(-time.Minute) // confirmed late on the day before
			if session := calendar.At(test.mic, begin); !session.LastClose.IsZero() {
				seen = session.LastClose.Add(confirmAfter + time.Minute)
			}
			first, last, polls := "-", "-", 0
			for n := range 144 {
				now := begin.Add(time.Duration(n) * slot)
				if now.Before(seen) || !w.due(stock("A", test.mic), mark(seen), Asked{Tried: seen, Settled: seen}, 0, now) {
					continue
				}
				seen = now
				polls++
				if calendar.At(test.mic, now).Open {
					last = now.Format("15:04")
					if first == "-" {
						first = last
					}
				}
			}
			if got := fmt.Sprintf("%s %s %d", first, last, polls); got != test.want {
				t.Errorf("%s on %s: %s, want %s", test.mic, test.from, got, test.want)
			}
		})
	}
}
