package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Instruments are everybody's: a person adds some at once, then few; an administrator as many as they like.
func TestNewInstrumentsAreLimited(t *testing.T) {
	h := newHouse(t)
	n := 0
	add := func(name string) *reply {
		n++
		body := fmt.Sprintf(`{"symbol":"NEW%d","name":"New %d","currency":"EUR","asset_class":"stock"}`, n, n)
		return h.ask(name, "POST", "/api/v1/instruments", body, once(fmt.Sprint("k", n)))
	}
	for range newInstrumentsBurst {
		add("ann").is(http.StatusCreated)
	}
	for range newInstrumentsBurst + 1 {
		add("root").is(http.StatusCreated)
	}
	a := add("ann")
	a.problem(http.StatusTooManyRequests, "limited")
	if a.Header().Get("Retry-After") != "120" {
		t.Errorf("Retry-After %q", a.Header().Get("Retry-After"))
	}
	add("bob").is(http.StatusCreated)
	h.clock.advance(newInstrumentsInterval)
	add("ann").is(http.StatusCreated)
	add("ann").is(http.StatusTooManyRequests)
}

// A bucket that isn't full yet is not forgotten while there is room.
func TestLimiterRemembersSlowBuckets(t *testing.T) {
	l := newLimiter(1.0/60, 10, 2)
	for range 10 {
		l.allow("a", houseStart)
	}
	if l.sweep(houseStart.Add(5 * limiterForgottenAge)); l.buckets["a"] == nil {
		t.Error("forgotten, and with it what it had used up")
	}
	if l.sweep(houseStart.Add(11 * limiterForgottenAge)); l.buckets["a"] != nil {
		t.Error("kept although it is full")
	}
}

// The address of a page that prices are read from may be longer than a symbol; what can't be asked is refused with the reason.
func TestPagesAsNames(t *testing.T) {
	h := newHouse(t)
	page := "https://fund.example/prices.json?fund=" + strings.Repeat("a", 200) + "#json=data.nav&unit=EUR"
	body := `{"symbol":"%s","name":"A fund","currency":"EUR","asset_class":"fund","names":{"http":"%s"}}`
	h.ask("ann", "POST", "/api/v1/instruments", fmt.Sprintf(body, "F1", page), once("1")).is(http.StatusCreated)
	for n, bad := range []string{"file:///etc/passwd", "https://user:secret@fund.example/", strings.Repeat("x", 2000)} {
		h.ask("ann", "POST", "/api/v1/instruments", fmt.Sprintf(body, "F2", bad), once(fmt.Sprint("bad", n))).problem(http.StatusUnprocessableEntity, "invalid")
	}
}
