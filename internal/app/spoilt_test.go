//go:build unix

package app

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"folioscope/internal/money"
	"folioscope/internal/provider/replaytest"
)

// spoilt is something that a source does wrong. What it says of the price would fire rules, if it were believed.
type spoilt struct {
	name   string
	price  func(good money.Decimal) string // in the place of the good one; nil: one that is as likely as any
	age    time.Duration                   // of the price; below zero: from the future
	status int                             // zero: 200
	body   func(f *feed, body string) string
	file   int // of the source's recorded payloads, from 1, as it was recorded; zero: none
}

// likely is a price that nobody can tell from a good one.
func likely(good money.Decimal) money.Decimal { return good.Mul(money.MustParse("1.01")) }

// spoils are the faults that were made, but those of a connection that says no price: these leave nothing to believe.
func spoils() (all []spoilt) {
	for _, word := range []string{"NaN", `"NaN"`, "Infinity", "-Infinity", "1e400", "-1e400", "0", "-0", "0.000", `""`, "null", "true", "[]", "{}", "N/A", "1,5", "0x7f", "1.2.3", "12 USD"} {
		all = append(all, spoilt{name: "a price of " + word, price: func(money.Decimal) string { return word }})
	}
	for _, factor := range []string{"-1", "10", "0.1", "100", "0.01", "0.25", "1.3", "0.7", "7.12345678901234567891"} {
		all = append(all, spoilt{name: factor + " times the price", price: func(good money.Decimal) string { return good.Mul(money.MustParse(factor)).String() }})
	}
	const days = 4 * 24 * time.Hour
	return append(all,
		spoilt{name: "of days ago", age: days}, spoilt{name: "of the future", age: -days},
		spoilt{name: "with status 500", status: http.StatusInternalServerError}, spoilt{name: "with status 503", status: http.StatusServiceUnavailable},
		spoilt{name: "with status 429", status: http.StatusTooManyRequests}, spoilt{name: "with status 403", status: http.StatusForbidden},
		spoilt{name: "cut", body: func(f *feed, body string) string { return body[:strings.Index(body, f.said())+len(f.said())] }},
		spoilt{name: "a page", body: func(f *feed, _ string) string { return "<!doctype html><p>" + f.said() }},
		spoilt{name: "nothing", body: func(*feed, string) string { return "" }},
		spoilt{name: "deeply nested", body: func(_ *feed, body string) string {
			if strings.HasPrefix(body, "<") {
				return strings.Repeat("<a>", 100_000) + body
			}
			return strings.Repeat("[", 100_000) + body
		}},
		spoilt{name: "unreadable", body: func(f *feed, body string) string { return strings.ReplaceAll(body, f.said(), "\xff\xfe"+f.said()) }},
		spoilt{name: "of another source", body: func(f *feed, _ string) string { return f.foreign }},
		spoilt{name: "in another currency", body: func(_ *feed, body string) string {
			return strings.NewReplacer("USD", "CHF", `"usd"`, `"chf"`, "GBP", "CHF").Replace(body)
		}},
		spoilt{name: "of another symbol", body: func(f *feed, body string) string {
			return strings.NewReplacer(f.called, strings.Repeat("7", len(f.called)), strings.ToLower(f.called), "another").Replace(body)
		}},
	)
}

// said is what a feed's source says of its price.
func (f *feed) said() string { return f.price.String() }

// front stands before the stand-in for the sources and spoils what they say.
type front struct {
	replay *replaytest.Server

	mu     sync.Mutex
	fault  *spoilt // nil: none
	played map[string]bool
	feeds  []*feed
}

// spoil says what goes wrong from now on, at all sources.
func (f *front) spoil(fault *spoilt) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.played = fault, make(map[string]bool)
	for _, feed := range f.feeds {
		price := feed.good
		if fault.price == nil && fault.file == 0 {
			price = likely(price)
		}
		f.set(feed, price, fault.age)
	}
	for i, feed := range f.feeds {
		other := f.feeds[(i+1)%len(f.feeds)]
		feed.foreign = strings.ReplaceAll(other.last, other.good.String(), feed.said())
	}
}

// say has all sources say so many times their good price.
func (f *front) say(factor money.Decimal) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = nil
	for _, feed := range f.feeds {
		f.set(feed, feed.good.Mul(factor), 0)
	}
}

func (f *front) set(feed *feed, price money.Decimal, age time.Duration) {
	feed.price = price
	f.replay.SetPrice(feed.source, feed.called, feed.said())
	f.replay.SetAge(feed.source, age)
}

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	f.replay.ServeHTTP(answer, r)
	source, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	body, status := answer.Body.String(), answer.Code
	f.mu.Lock()
	if i := slices.IndexFunc(f.feeds, func(feed *feed) bool { return feed.source == source }); f.fault != nil {
		status, body = f.faulty(f.feeds[i], status, body)
	} else if f.feeds[i].price.Equal(f.feeds[i].good) {
		f.feeds[i].last = body
	}
	f.mu.Unlock()
	maps.Copy(w.Header(), answer.Header())
	w.Header().Del("Content-Length")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // who has left needs no answer
}

// faulty is an answer with the fault in it. An answer that has no place for it stays good.
func (f *front) faulty(feed *feed, status int, body string) (int, string) {
	fault := f.fault
	if fault.file > 0 {
		if fault.file > len(feed.recorded) {
			return status, body
		}
		e := feed.recorded[fault.file-1]
		f.played[feed.source] = true
		return e.Status, string(e.Body)
	}
	if !strings.Contains(body, feed.said()) {
		return status, body
	}
	bad := body
	switch {
	case fault.price != nil:
		bad = strings.ReplaceAll(body, feed.said(), fault.price(feed.good))
	case fault.body != nil:
		bad = fault.body(feed, body)
	}
	if fault.status != 0 {
		status = fault.status
	}
	if bad == body && fault.status == 0 && fault.age == 0 { // a likely price, and nothing wrong with it
		return status, strings.ReplaceAll(body, feed.said(), feed.good.String())
	}
	f.played[feed.source] = true
	return status, bad
}
