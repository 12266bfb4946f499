package httpapi

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// pathForms are ways to write an address that a guard and a router could read differently.
var pathForms = []string{
	"/api//v1/portfolios/portfolio-ann", "//api/v1/portfolios/portfolio-ann", "/api/v1/portfolios//portfolio-ann", "/api/v1/portfolios/portfolio-ann//accounts",
	"/api/v1/./portfolios/portfolio-ann", "/api/v1/x/../portfolios/portfolio-ann", "/api/v1/portfolios/portfolio-ann/.", "/api/v1/portfolios/portfolio-bob/../portfolio-ann",
	"/api/v1/portfolios/portfolio%2Dann", "/api/v1/portfolios%2fportfolio-ann", "/api/v1/portfolios/..%2fportfolio-ann", "/api/v1/portfolios/%2e%2e/portfolios/portfolio-ann", "/%61pi/v1/portfolios/portfolio-ann",
	"/api/v1/portfolios/portfolio-ann;x=1", "/api/v1/portfolios/portfolio-ann%00", "/api/v1/portfolios/portfolio-ann%0a", "/api/v1\\portfolios\\portfolio-ann",
	"/API/v1/portfolios/portfolio-ann", "/api/v1/Portfolios/portfolio-ann", "/api/v1/portfolios/Portfolio-ann", "/api/v1/portfolios/portfolio-ann/", "/api/v1/portfolios/portfolio-ann.", "/api/v1/portfolios/portfolio-ann%20",
	"/api/v1/portfolios/{id}", "/api/v1/portfolios/:id", "/api/v1/portfolios/*",
}

func TestPathFormsReachNothing(t *testing.T) {
	h := newHouse(t)
	for _, form := range pathForms {
		for _, name := range []string{"ann", "bob", ""} {
			a := h.askRaw(name, form)
			if a.Code == http.StatusOK && strings.Contains(a.Body.String(), "Secret of") || a.Code < 400 && strings.HasPrefix(strings.ToLower(strings.TrimLeft(form, "/")), "api") && a.Header().Get("Content-Type") != "text/html; charset=utf-8" {
				t.Errorf("%s reaches something: %d %s", a.what, a.Code, a.Body)
			}
			if a.Code >= 300 && a.Code < 400 {
				t.Errorf("%s is sent on to %s", a.what, a.Header().Get("Location"))
			}
		}
	}
}

func (h *house) askRaw(name, target string) *reply {
	r := httptest.NewRequestWithContext(h.t.Context(), http.MethodGet, "https://folio.example/", nil)
	parsed, err := url.ParseRequestURI(target)
	if err != nil {
		parsed = &url.URL{Path: target}
	}
	if strings.HasPrefix(target, "//") {
		parsed = &url.URL{Path: target}
	}
	r.URL, r.RequestURI = parsed, target
	if p := h.people[name]; p != nil {
		r.AddCookie(&http.Cookie{Name: h.server.cookieName(), Value: p.cookie})
	}
	w := httptest.NewRecorder()
	h.server.ServeHTTP(w, r)
	return &reply{h.t, w, name + " GET " + target}
}

// Whatever is asked for: nobody gets what is somebody else's, and nothing breaks.
func FuzzPath(f *testing.F) {
	for _, form := range pathForms {
		f.Add(form)
	}
	f.Add("/api/v1/portfolios/portfolio-bob")
	f.Add("/api/v1/portfolios/portfolio-bob/accounts?x=%2f")
	h := newHouse(f, func(o *Options) { o.Limits = Limits{PerUser: -1, PerAddress: -1} })
	f.Fuzz(func(t *testing.T, target string) {
		if !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "/api/v1/stream") {
			target = "/" + target
		}
		own := *h
		own.t = t
		a := own.askRaw("ann", target)
		if strings.Contains(a.Body.String(), "Secret of bob") || a.Code == http.StatusInternalServerError {
			t.Fatalf("%q: %d %s", target, a.Code, a.Body)
		}
		if a.Header().Get("Content-Security-Policy") != contentPolicy {
			t.Fatalf("%q: %v", target, a.Header())
		}
	})
}
