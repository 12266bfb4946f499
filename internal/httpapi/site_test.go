package httpapi

import (
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
)

func TestSiteIsServed(t *testing.T) {
	h := newHouse(t)
	brotli, gzip := header("Accept-Encoding", "gzip, deflate, br"), header("Accept-Encoding", "gzip")
	for name, c := range map[string]struct {
		path            string
		with            with
		status          int
		body, cache     string
		encoding, ctype string
	}{
		"index in brotli":         {"/", brotli, 200, "brotli of index", "no-cache", "br", "text/html; charset=utf-8"},
		"index in gzip":           {"/", gzip, 200, "gzip of index", "no-cache", "gzip", "text/html; charset=utf-8"},
		"index plain":             {"/", nil, 200, "<!doctype html>", "no-cache", "", "text/html; charset=utf-8"},
		"brotli refused":          {"/", header("Accept-Encoding", "br;q=0, gzip;q=0.5"), 200, "gzip of index", "no-cache", "gzip", "text/html; charset=utf-8"},
		"brotli liked less":       {"/", header("Accept-Encoding", "br;q=0.1, gzip;q=0.9"), 200, "gzip of index", "no-cache", "gzip", "text/html; charset=utf-8"},
		"anything":                {"/", header("Accept-Encoding", "*"), 200, "brotli of index", "no-cache", "br", "text/html; charset=utf-8"},
		"no sense":                {"/", header("Accept-Encoding", ";;q=x,br;q=2"), 200, "<!doctype html>", "no-cache", "", "text/html; charset=utf-8"},
		"page of the dashboard":   {"/holdings/world-etf", brotli, 200, "brotli of index", "no-cache", "br", "text/html; charset=utf-8"},
		"page with a dot":         {"/holdings/BRK.B", header("Accept", "text/html"), 200, "<!doctype html>", "no-cache", "", "text/html; charset=utf-8"},
		"asset":                   {"/assets/app-1a2b3c.js", brotli, 200, "brotli of app", "public, max-age=31536000, immutable", "br", "text/javascript; charset=utf-8"},
		"asset without a gzip":    {"/assets/app-1a2b3c.js", gzip, 200, "export {};", "public, max-age=31536000, immutable", "", "text/javascript; charset=utf-8"},
		"missing asset":           {"/assets/app-old.js", header("Accept", "text/html"), 404, "There is no such file", "no-store", "", "text/plain; charset=utf-8"},
		"missing file":            {"/robots.txt", nil, 404, "There is no such file", "no-store", "", "text/plain; charset=utf-8"},
		"a twin by its name":      {"/index.html.br", nil, 404, "There is no such file", "no-store", "", "text/plain; charset=utf-8"},
		"service worker":          {"/sw.js", nil, 200, "self.skipWaiting", "no-cache", "", "text/javascript; charset=utf-8"},
		"part of an asset":        {"/assets/app-1a2b3c.js", func(r *http.Request) { r.Header.Set("Range", "bytes=0-5"); brotli(r) }, 206, "export", "public, max-age=31536000, immutable", "", "text/javascript; charset=utf-8"},
		"the API is never a page": {"/api/holdings", header("Accept", "text/html"), 404, "not_found", "no-store", "", "application/problem+json"},
		"nor is the API's root":   {"/api/", header("Accept", "text/html"), 404, "not_found", "no-store", "", "application/problem+json"},
	} {
		t.Run(name, func(t *testing.T) {
			change := []with{}
			if c.with != nil {
				change = append(change, c.with)
			}
			a := h.ask("", "GET", c.path, "", change...)
			a.t = t
			a.is(c.status)
			got := a.Header()
			if !strings.Contains(a.Body.String(), c.body) || got.Get("Cache-Control") != c.cache || got.Get("Content-Encoding") != c.encoding || got.Get("Content-Type") != c.ctype {
				t.Fatalf("%v %s", got, a.Body)
			}
		})
	}
}

func TestSiteRevalidates(t *testing.T) {
	h := newHouse(t)
	brotli := header("Accept-Encoding", "br")
	first := h.ask("", "GET", "/", "", brotli).is(http.StatusOK)
	tag := first.Header().Get("ETag")
	if tag == "" || first.Header().Get("Vary") != "Accept-Encoding" {
		t.Fatalf("%v", first.Header())
	}
	if a := h.ask("", "GET", "/", "", brotli, header("If-None-Match", `"x", `+tag)).is(http.StatusNotModified); a.Body.Len() != 0 {
		t.Fatalf("%s", a.Body)
	}
	plain := h.ask("", "GET", "/", "").is(http.StatusOK).Header().Get("ETag")
	if plain == tag {
		t.Fatal("two encodings have one tag")
	}
	h.ask("", "GET", "/", "", header("If-None-Match", plain)).is(http.StatusNotModified)
	if a := h.ask("", "HEAD", "/", "", brotli).is(http.StatusOK); a.Body.Len() != 0 || a.Header().Get("Content-Length") != "15" {
		t.Fatalf("%v %s", a.Header(), a.Body)
	}
	h.ask("", "POST", "/", "x").is(http.StatusMethodNotAllowed)
}

func TestWithoutDashboardTheAPIWorks(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Site = fstest.MapFS{".gitkeep": {}} })
	if a := h.ask("", "GET", "/", "").is(http.StatusNotImplemented); !strings.Contains(a.Body.String(), "make web") {
		t.Fatalf("%s", a.Body)
	}
	h.ask("ann", "GET", "/api/v1/me", "").is(http.StatusOK)
}

// The page of the description works under the policy: nothing inline, nothing from elsewhere, every route on it.
func TestDocsPage(t *testing.T) {
	h := newHouse(t)
	page := h.ask("", "GET", "/api/docs", "").is(http.StatusOK).Body.String()
	for _, forbidden := range []string{"<script", "<style", "style=", "onclick", "http://", "https://"} {
		if strings.Contains(page, forbidden) {
			t.Errorf("%s on the page", forbidden)
		}
	}
	for _, rt := range h.server.routes {
		if !strings.Contains(page, rt.method+" "+rt.path) {
			t.Errorf("%s is not on the page", rt.pattern())
		}
	}
}
