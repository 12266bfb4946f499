//go:build unix

package app

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// person is somebody signed in at a node.
type person struct {
	t      testing.TB
	url    string
	cookie string
	bearer string // an API token, in place of the cookie
}

// sign gives a request the person's credential.
func (p *person) sign(r *http.Request) {
	if p.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+p.bearer)
		return
	}
	r.Header.Set("Cookie", p.cookie)
}

const (
	personEmail    = "reader@example.test"
	personPassword = "long enough for a test 7"
)

func signIn(t testing.TB, url string) *person {
	t.Helper()
	return signInAs(t, url, personEmail)
}

func signInAs(t testing.TB, url, email string) *person {
	t.Helper()
	p := &person{t: t, url: url}
	p.must("POST", "/api/v1/session", map[string]string{"email": email, "password": personPassword}, nil)
	return p
}

// must is one request that has to succeed; every one that creates gets a key of its own.
func (p *person) must(method, path string, body, answer any) {
	p.t.Helper()
	status, text := p.ask(method, path, body)
	if status < 200 || status > 299 {
		p.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	if answer != nil {
		if err := json.Unmarshal(text, answer); err != nil {
			p.t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
}

func (p *person) ask(method, path string, body any) (status int, text []byte) {
	p.t.Helper()
	r := p.send(method, path, body)
	for _, c := range (&http.Response{Header: r.header}).Cookies() {
		if strings.HasSuffix(c.Name, "folioscope") { // the session's
			p.cookie = c.Name + "=" + c.Value
		}
	}
	return r.status, r.body
}

// portfolio makes one with an account and gives its path.
func (p *person) portfolio(name string) (path string) {
	p.t.Helper()
	var made struct{ ID string }
	p.must("POST", "/api/v1/portfolios", map[string]string{"name": name, "base_currency": "EUR"}, &made)
	path = "/api/v1/portfolios/" + made.ID
	p.must("POST", path+"/accounts", map[string]string{"name": "main", "currency": "EUR"}, nil)
	return path
}

// coin makes a portfolio that holds one, and gives its path.
func (p *person) coin(name string) (path string) {
	p.t.Helper()
	p.must("POST", "/api/v1/instruments", map[string]any{"symbol": "BTC", "name": "Bitcoin", "currency": "USD", "asset_class": "crypto", "names": map[string]string{"coingecko": "bitcoin"}}, nil)
	path = p.portfolio(name)
	p.must("POST", path+"/activities", map[string]any{"activities": []map[string]string{
		{"date": "2026-01-02", "type": "deposit", "amount": "100000"}, {"date": "2026-01-05", "type": "buy", "symbol": "BTC", "quantity": "1", "price": "50000", "currency": "USD", "fx_rate": "0.9"}}}, nil)
	return path
}
