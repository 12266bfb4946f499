package httpapi

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write golden files anew")

// golden compares with a file under testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		must(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if got != string(want) {
		t.Fatalf("%s differs (go test -update writes it anew):\n%s", name, got)
	}
}

// The headers of every route, one by one, as they are for somebody who isn't signed in, who asks for too much and who may.
func TestHeadersOfEveryRoute(t *testing.T) {
	h := newHouse(t)
	same := ""
	var out strings.Builder
	for _, rt := range append(slices.Clone(h.server.routes), &route{method: "GET", path: "/"}, &route{method: "GET", path: "/assets/app-1a2b3c.js"}, &route{method: "GET", path: "/assets/none.js"},
		&route{method: "GET", path: "/holdings"}, &route{method: "GET", path: "/api/none"}, &route{method: "GET", path: "/a//b"}) {
		path := rt.at(places{portfolio: "portfolio-root", account: "account-root"})
		if rt.method == http.MethodDelete && path == "/api/v1/session" {
			continue // last
		}
		for _, name := range []string{"", "root"} {
			a := h.askBriefly(name, rt, path)
			fixed, own := split(a.Header())
			if same == "" {
				same = fixed
				fmt.Fprintf(&out, "on every answer\n%s\n", fixed)
			}
			if fixed != same {
				t.Errorf("%s: other security headers:\n%s", a.what, fixed)
			}
			fmt.Fprintf(&out, "%s %s as %q: %d\n%s", rt.method, rt.path, name, a.Code, own)
		}
	}
	golden(t, "headers.txt", out.String())
}

// split parts the headers that are the same everywhere from those of one answer; values that change are left out.
func split(h http.Header) (fixed, own string) {
	for _, name := range slices.Sorted(mapKeys(h)) {
		line := fmt.Sprintf("  %s: %s\n", name, strings.Join(h[name], " | "))
		switch {
		case name == requestIDHeader:
			fixed += "  " + name + ": …\n"
		case len(fixedHeaders[name]) > 0 || name == "Strict-Transport-Security":
			fixed += line
		case name == "Etag":
			own += "  Etag: …\n"
		case name == "Content-Length":
		default:
			own += line
		}
	}
	return fixed, own
}

func mapKeys(h http.Header) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for name := range h {
			if !yield(name) {
				return
			}
		}
	}
}

// The policy is what the dashboard was tried with, word for word.
func TestContentPolicy(t *testing.T) {
	const want = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
		"manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'; trusted-types svelte-trusted-html app-sw"
	if got := newHouse(t).ask("", "GET", "/", "").Header().Get("Content-Security-Policy"); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

// Plain loopback: no HSTS, and a cookie that every browser keeps.
func TestPlainLoopback(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Secure, o.RedirectLoopback = false, true })
	at := func(host string) with { return func(r *http.Request) { r.Host = host } }
	in := h.ask("", "POST", "/api/v1/session", `{"email":"ann@example.com","password":"`+housePassword+`"}`, at("localhost:8080")).is(http.StatusOK)
	if c := in.Result().Cookies()[0]; c.Name != "folioscope" || c.Secure || !c.HttpOnly || in.Header().Get("Strict-Transport-Security") != "" {
		t.Fatalf("%+v", c)
	}
	html := header("Accept", "text/html,*/*")
	for host, want := range map[string]string{
		"127.0.0.1:8080": "http://localhost:8080/holdings?x=1", "[::1]:8080": "http://localhost:8080/holdings?x=1", "127.0.0.1": "http://localhost/holdings?x=1",
		"localhost:8080": "", "127.0.0.1:80@evil.example": "", "127.0.0.1:80/x": "", "10.0.0.1:8080": "", "evil.example": "",
	} {
		a := h.ask("", "GET", "/holdings?x=1", "", html, at(host))
		if got := a.Header().Get("Location"); got != want {
			t.Errorf("%s: to %q, want %q", host, got, want)
		}
	}
	for _, path := range []string{"/api/v1/me", "/healthz", "/readyz", "/metrics"} {
		if a := h.ask("ann", "GET", path, "", html, at("127.0.0.1:8080")); a.Header().Get("Location") != "" || a.Code != http.StatusOK {
			t.Errorf("%s: %d to %q", path, a.Code, a.Header().Get("Location"))
		}
	}
	if a := h.ask("", "GET", "/holdings", "", at("127.0.0.1:8080"), header("Accept", "*/*")); a.Code != http.StatusOK {
		t.Errorf("not a page: %d", a.Code)
	}
}
