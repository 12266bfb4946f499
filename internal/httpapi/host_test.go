package httpapi

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

// Only names that are known to be this server's are answered, where any are known.
func TestForeignHostsAreRefused(t *testing.T) {
	public := Options{PublicURL: "https://Folio.example:8443"}
	loopback := Options{RedirectLoopback: true}
	proxied := Options{PublicURL: "https://folio.example", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	for _, c := range []struct {
		options Options
		host    string
		path    string
		known   bool
	}{
		{public, "folio.example:8443", "/", true},
		{public, "FOLIO.example.", "/", true},
		{public, "192.0.2.7:8443", "/api/v1/me", true},
		{public, "[2001:db8::7]:8443", "/", true},
		{public, "localhost:8443", "/", true},
		{public, "evil.example", "/", false},
		{public, "evil.example", "/healthz", true},
		{public, "evil.example", "/readyz", true},
		{public, "folio.example.evil.example", "/", false},
		{public, "xfolio.example", "/", false},
		{public, "192.0.2.7.evil.example", "/", false},
		{public, "", "/", false},
		{loopback, "localhost:8080", "/", true},
		{loopback, "app.localhost:8080", "/", true},
		{loopback, "127.0.0.1:8080", "/", true},
		{loopback, "[::1]:8080", "/api/v1/me", true},
		{loopback, "rebound.example:8080", "/api/v1/me", false},
		{loopback, "notlocalhost", "/", false},
		{proxied, "folioscope:8080", "/", true},
		{Options{}, "nas.home.arpa", "/", true},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, nil)
		r.Host = c.host
		if got := (&Server{options: c.options}).knownHost(r); got != c.known {
			t.Errorf("%+v %q %s: %t", c.options.PublicURL, c.host, c.path, got)
		}
	}
}
