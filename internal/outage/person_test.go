//go:build linux

package outage

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// How clients retry: three times at most, each wait longer and at random.
const (
	retriesMax     = 3
	retryWait      = 150 * time.Millisecond
	retryAfterMax  = 2 * time.Second // what a server's Retry-After counts at most here
	attemptTimeout = 5 * time.Second
)

// person is somebody signed in, with a client of their own. Whatever they write bears their canary, and whatever they read is looked
// through for those of others.
type person struct {
	place  *place
	number int // -1: the keeper
	canary string
	cookie string
	client *http.Client
	tally  *tally  // nil: nobody counts
	sees   *person // whose canary is theirs to see too, or nil
}

var canaries = regexp.MustCompile(`canary-(-?\d+)-`)

func (p *place) signIn(number int) *person {
	p.t.Helper()
	return p.signedIn(number, fmt.Sprintf("person%d@example.test", number))
}

func (p *place) signInAs(email string) *person {
	p.t.Helper()
	return p.signedIn(-1, email)
}

func (p *place) signedIn(number int, email string) *person {
	p.t.Helper()
	one := &person{place: p, number: number, canary: fmt.Sprintf("canary-%d-%s", number, rand.Text()[:8])}
	one.client = &http.Client{Transport: p.transport(number%2 == 0)}
	p.t.Cleanup(one.client.CloseIdleConnections)
	a := one.try(p.front.url, "POST", "/api/v1/session", nil, map[string]string{"email": email, "password": password})
	if a.status != http.StatusOK {
		p.t.Fatalf("sign in as %s: %s", email, a)
	}
	return one
}

// answer is what came of one request.
type answer struct {
	status int // 0: none came, so that it may or may not have been done
	header http.Header
	body   []byte
	err    error
}

// String is what is said of an answer that wasn't wanted.
func (a answer) String() string { return fmt.Sprintf("%d %.300s %v", a.status, a.body, a.err) }

func (a answer) done() bool { return a.status >= 200 && a.status < 300 }

// passing says whether an answer is one that clients try again after.
func (a answer) passing() bool {
	switch a.status {
	case 0, http.StatusConflict, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// into reads a body.
func (a answer) into(p *place, value any) {
	p.t.Helper()
	if err := json.Unmarshal(a.body, value); err != nil {
		p.t.Errorf("%v in %s", err, a)
	}
}

// try is one request, once.
func (one *person) try(base, method, path string, headers map[string]string, body any) (a answer) {
	ctx, cancel := context.WithTimeout(context.Background(), attemptTimeout)
	defer cancel()
	kind, data := "application/json", []byte(nil)
	switch b := body.(type) {
	case nil:
	case []byte:
		kind, data = "text/csv", b
	default:
		if data, a.err = json.Marshal(body); a.err != nil {
			return a
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(data))
	if err != nil {
		return answer{err: err}
	}
	if body != nil {
		request.Header.Set("Content-Type", kind)
	}
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	if one.cookie != "" {
		request.Header.Set("Cookie", one.cookie)
	}
	response, err := one.client.Do(request)
	if err != nil {
		return answer{err: err}
	}
	defer response.Body.Close()
	a = answer{status: response.StatusCode, header: response.Header}
	if a.body, err = io.ReadAll(response.Body); err != nil {
		return answer{err: err}
	}
	for _, c := range response.Cookies() {
		if strings.HasSuffix(c.Name, "folioscope") { // the session's
			one.cookie = c.Name + "=" + c.Value
		}
	}
	one.inspect(method, path, a)
	return a
}

// inspect holds an answer against what all answers have to be.
func (one *person) inspect(method, path string, a answer) {
	one.strangers(path, a.body)
	if a.status < http.StatusBadRequest {
		return
	}
	if kind := a.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/problem+json") {
		one.place.t.Errorf("I10: %s %s: an error as %q: %s", method, path, kind, a)
	}
	if (a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable) && a.header.Get("Retry-After") == "" {
		one.place.t.Errorf("I10: %s %s: no Retry-After: %s", method, path, a)
	}
}

// strangers looks for what others wrote.
func (one *person) strangers(where string, text []byte) {
	for _, found := range canaries.FindAllSubmatch(text, -1) {
		if number := string(found[1]); number != strconv.Itoa(one.number) && (one.sees == nil || number != strconv.Itoa(one.sees.number)) {
			one.place.t.Errorf("I8: person %d sees %q at %s", one.number, found[0], where)
		}
	}
}

// ask is one request as clients make it, through the load balancer, tried again where that may help.
func (one *person) ask(method, path string, headers map[string]string, body any) (a answer) {
	began := time.Now()
	for attempt := 0; ; attempt++ {
		from := time.Now()
		a = one.try(one.place.front.url, method, path, headers, body)
		one.tally.attempt(method, from, a)
		if !a.passing() || attempt == retriesMax {
			break
		}
		time.Sleep(waitAfter(a, attempt))
	}
	one.tally.request(method, path, began, a)
	return a
}

func waitAfter(a answer, attempt int) time.Duration {
	wait := retryWait << attempt
	if seconds, err := strconv.Atoi(a.header.Get("Retry-After")); err == nil {
		wait = max(wait, min(time.Duration(seconds)*time.Second, retryAfterMax))
	}
	return wait + mathrand.N(wait)
}

// once is a request that creates, with a key.
func (one *person) once(path, key string, body any) answer {
	return one.ask("POST", path, map[string]string{"Idempotency-Key": key}, body)
}

// must is a request that has to succeed.
func (one *person) must(method, path string, body, value any) {
	one.place.t.Helper()
	a := one.ask(method, path, map[string]string{"Idempotency-Key": rand.Text()}, body)
	if !a.done() {
		one.place.t.Fatalf("%s %s: %s", method, path, a)
	}
	if value != nil {
		a.into(one.place, value)
	}
}

// portfolio makes one with an account. It has to work at any time, like every other change.
func (one *person) portfolio(name string) (path string, err error) {
	a := one.once("/api/v1/portfolios", "portfolio "+name, map[string]string{"name": one.canary + " " + name, "base_currency": "USD"})
	var made struct{ ID string }
	if !a.done() {
		return "", errors.New("make a portfolio: " + a.String())
	}
	a.into(one.place, &made)
	path = "/api/v1/portfolios/" + made.ID
	a = one.once(path+"/accounts", "account "+name, map[string]string{"name": "main", "currency": "USD"})
	if !a.done() {
		return "", errors.New("make an account: " + a.String())
	}
	return path, nil
}

// document is what a portfolio's page shows, as far as it is looked at.
type document struct {
	Sequence int64
	Cash     string
	Holdings []holding
}

type holding struct {
	InstrumentID string `json:"instrument_id"`
	Quantity     string
	CostBase     *string `json:"cost_base"`
	Price        *struct{ Amount string }
}

// document reads a portfolio at one node, whether it is ready or not; nil where that fails.
func (one *person) document(n *node, path string) *document {
	return one.readable(one.try("http://"+n.address, "GET", path, nil, nil))
}

// readable is the document of an answer; nil where there was none.
func (one *person) readable(a answer) *document {
	if a.status != http.StatusOK {
		if !a.passing() {
			one.place.t.Errorf("a portfolio can't be read: %s", a)
		}
		return nil
	}
	var d document
	a.into(one.place, &d)
	return &d
}
