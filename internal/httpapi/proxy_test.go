package httpapi

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	spoofed    = "203.0.113.99" // what somebody claims to be
	spoofedURL = "http://evil.example/"
)

// claims are the headers with which proxies and their networks say who a client is and what it asked for.
var claims = map[string]string{
	"X-Forwarded-For": spoofed, "Forwarded": "for=" + spoofed + ";host=evil.example;proto=http;by=" + spoofed, "X-Real-Ip": spoofed, "X-Client-Ip": spoofed,
	"Client-Ip": spoofed, "True-Client-Ip": spoofed, "Cf-Connecting-Ip": spoofed, "Fastly-Client-Ip": spoofed, "X-Cluster-Client-Ip": spoofed,
	"X-Original-Forwarded-For": spoofed, "X-Remote-Addr": spoofed, "X-Envoy-External-Address": spoofed, "Via": "1.1 evil.example",
	"X-Forwarded-Host": "evil.example", "X-Forwarded-Server": "evil.example", "X-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-Protocol": "http",
	"X-Forwarded-Scheme": "http", "X-Url-Scheme": "http", "Front-End-Https": "off", "X-Forwarded-Ssl": "off", "X-Forwarded-Port": "8080", "X-Forwarded-Prefix": "/evil",
	"X-Original-Url": spoofedURL, "X-Rewrite-Url": spoofedURL, "X-Http-Method-Override": "DELETE", "X-Forwarded-User": "admin", "Remote-User": "admin",
}

func claiming(r *http.Request) {
	for name, value := range claims {
		r.Header.Set(name, value)
	}
}

func from(peer string) with { return func(r *http.Request) { r.RemoteAddr = peer } }

// signInFrom signs Ann in and gives the address that her audit row has.
func (h *house) signInFrom(more ...with) string {
	h.t.Helper()
	body := fmt.Sprintf(`{"email":%q,"password":%q}`, h.people["ann"].email, housePassword)
	h.ask("", "POST", "/api/v1/session", body, more...).is(http.StatusOK)
	page := into[OwnRecords](h.ask("ann", "GET", "/api/v1/me/audit?limit=1", "").is(http.StatusOK))
	if len(page.Items) != 1 || page.Items[0].Action != "session.create" || page.Items[0].Place == nil {
		h.t.Fatalf("%+v", page.Items)
	}
	return *page.Items[0].Place
}

// What a peer claims that nobody trusts changes nothing: no answer, no address in the audit log, no limit.
func TestClaimsOfStrangersChangeNothing(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	stranger := from("198.51.100.7:4000")
	plain := func(a *reply) string {
		var all strings.Builder
		fmt.Fprintln(&all, a.Code)
		for _, name := range slices.Sorted(maps.Keys(a.Header())) {
			if name != requestIDHeader && name != "Date" && name != "Set-Cookie" {
				fmt.Fprintln(&all, name, a.Header()[name])
			}
		}
		body := a.Body.String()
		for _, id := range a.Header()[requestIDHeader] {
			body = strings.ReplaceAll(body, id, "ID")
		}
		return all.String() + body
	}
	for _, ask := range []struct{ who, method, path, accept string }{
		{"", "GET", "/", "text/html"}, {"", "GET", "/portfolios", "text/html"}, {"ann", "GET", "/api/v1/me", ""}, {"ann", "GET", "/api/v1/portfolios", ""},
		{"ann", "GET", "/api/v1/portfolios/" + h.people["ann"].portfolio, ""}, {"", "GET", "/api/v1/me", ""}, {"", "GET", "/healthz", ""}, {"", "GET", "/api/openapi.json", ""},
		{"", "GET", "/api/v1/nothing", ""}, {"ann", "DELETE", "/api/v1/nothing", ""},
	} {
		as := header("Accept", ask.accept)
		before := plain(h.ask(ask.who, ask.method, ask.path, "", stranger, as))
		if after := plain(h.ask(ask.who, ask.method, ask.path, "", stranger, as, claiming)); after != before {
			t.Errorf("%s %s as %q:\n%s\nwithout the claims\n%s", ask.method, ask.path, ask.who, after, before)
		}
	}
	if got := h.signInFrom(stranger, claiming); got != "198.51.100.7" {
		t.Errorf("the audit row says %s", got)
	}
	h = newHouse(t, func(o *Options) { o.Limits = Limits{PerAddress: 1, PerAddrBurst: 3} })
	for n, name := range slices.Sorted(maps.Keys(claims)) {
		ask := func(i int) *reply {
			return h.ask("", "GET", "/api/v1/me", "", from(fmt.Sprintf("198.51.100.%d:4000", n)), header(name, strings.ReplaceAll(claims[name], spoofed, fmt.Sprint("203.0.113.", i))))
		}
		for i := range 3 {
			ask(i).is(http.StatusUnauthorized)
		}
		ask(3).problem(http.StatusTooManyRequests, "limited")
	}
}

// Of what a trusted proxy says one thing counts: the last address in X-Forwarded-For that no trusted proxy has.
func TestATrustedProxySaysTheAddressAlone(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	for name, c := range map[string]struct {
		more []with
		want string
	}{
		"nothing":                       {nil, "10.0.0.1"},
		"an address":                    {[]with{header("X-Forwarded-For", "198.51.100.7")}, "198.51.100.7"},
		"what the client wrote before":  {[]with{header("X-Forwarded-For", spoofed+", 198.51.100.7")}, "198.51.100.7"},
		"two proxies of ours":           {[]with{header("X-Forwarded-For", spoofed+", 198.51.100.7, 10.0.0.9")}, "198.51.100.7"},
		"two headers":                   {[]with{func(r *http.Request) { r.Header["X-Forwarded-For"] = []string{spoofed, "198.51.100.7"} }}, "198.51.100.7"},
		"an address of ours made up":    {[]with{header("X-Forwarded-For", "10.9.9.9, 198.51.100.7")}, "198.51.100.7"},
		"nonsense at the end":           {[]with{header("X-Forwarded-For", spoofed+", unknown")}, "10.0.0.1"},
		"every other header besides":    {[]with{claiming, header("X-Forwarded-For", "198.51.100.7")}, "198.51.100.7"},
		"every other header by itself":  {[]with{claiming, func(r *http.Request) { r.Header.Del("X-Forwarded-For") }}, "10.0.0.1"},
		"an address of IPv4 as of IPv6": {[]with{header("X-Forwarded-For", "::ffff:198.51.100.7")}, "198.51.100.7"},
	} {
		if got := h.signInFrom(append([]with{from("10.0.0.1:4000")}, c.more...)...); got != c.want {
			t.Errorf("%s: the audit row says %s, want %s", name, got, c.want)
		}
		h.clock.advance(time.Minute) // so that this sign-in's row is the newest
	}
}

// The PROXY protocol, with which load balancers say in front of a connection who it is of, isn't spoken: such a connection ends.
func TestNoProxyProtocol(t *testing.T) {
	l := serve(t, serving("127.0.0.1:0", func(s *Serving) { s.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a request came through: %s from %s", r.URL, r.RemoteAddr)
	}))
	for name, preamble := range map[string]string{
		"version 1": "PROXY TCP4 " + spoofed + " 127.0.0.1 4000 443\r\n",
		"version 2": "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xcb\x00\x71\x63\x7f\x00\x00\x01\x0f\xa0\x01\xbb",
	} {
		conn, err := net.Dial("tcp", l.listeners[0].Addr().String())
		must(t, err)
		must(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		_, err = io.WriteString(conn, preamble+"GET /api/v1/me HTTP/1.1\r\nHost: folio.example\r\n\r\n")
		must(t, err)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || answer.StatusCode != http.StatusBadRequest || !answer.Close {
			t.Errorf("%s: %+v, %v", name, answer, err)
		}
		must(t, conn.Close())
	}
}
