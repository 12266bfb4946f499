package httpapi

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/event"
	"folioscope/internal/identity"
	"folioscope/internal/money"
)

const annLinks = "/api/v1/portfolios/portfolio-ann/links"

// linked makes a public link of ann's portfolio and gives its path in the API.
func (h *house) linked(level, key string) (path string, link NewPublicLink) {
	h.t.Helper()
	link = into[NewPublicLink](h.ask("ann", "POST", annLinks, `{"level":"`+level+`"}`, once(key)).is(http.StatusCreated))
	token, ok := strings.CutPrefix(link.URL, "https://folio.example/public/")
	if !ok || link.Level != level || link.Opened != 0 || link.ExpiresAt.Sub(link.CreatedAt) != identity.PublicLinkAgeDefault {
		h.t.Fatalf("%+v", link)
	}
	return "/api/v1/public/" + token, link
}

// Whoever has a link sees what its level says, whoever they are, and of a link that only shows percents no amount at all.
func TestPublicLinkShowsItsLevel(t *testing.T) {
	h := newHouse(t)
	h.enter(h.ownHouse(), `{"prices":[{"date":"2026-01-10","price":"310000"},{"date":"2026-01-01","price":"305000"}]}`)
	percents, _ := h.linked("percentages", "one")
	amounts, _ := h.linked("view", "two")
	for _, name := range []string{"", "bob", "ann", "gone"} {
		a := h.ask(name, "GET", percents, "").is(http.StatusOK)
		if a.Header().Get("X-Robots-Tag") != "noindex, nofollow" || a.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%v", a.Header())
		}
		p := into[PublicPortfolio](a)
		if p.Name != "Secret of ann" || len(p.Holdings) != 1 || *p.Holdings[0].Weight != "1" || p.Holdings[0].Symbol != "HOUSE" || len(p.Allocation) != 1 || p.Allocation[0].Label != "Property" || p.Allocation[0].Share != "1" {
			t.Errorf("%s", a.Body)
		}
		for _, amount := range []string{"310000", "305000", "300000", "5000", "EUR", "Ben"} {
			if strings.Contains(a.Body.String(), amount) {
				t.Errorf("an amount: %s in %s", amount, a.Body)
			}
		}
		if p := into[PublicPortfolio](h.ask(name, "GET", amounts, "").is(http.StatusOK)); *p.Value != "310000" || *p.BaseCurrency != "EUR" || *p.Holdings[0].Value != "310000" {
			t.Errorf("%+v", p)
		}
	}
}

// A link ends when it was revoked, at its time, and with its owner; it is then as one that never was.
func TestPublicLinkEnds(t *testing.T) {
	unknown := func(h *house, path string) {
		h.t.Helper()
		never := path[:len(path)-3] + "xyz"
		a, b := h.ask("", "GET", path, "").problem(http.StatusNotFound, "not_found"), h.ask("", "GET", never, "").problem(http.StatusNotFound, "not_found")
		if a.Detail != b.Detail {
			h.t.Errorf("%q, %q", a.Detail, b.Detail)
		}
	}
	for name, end := range map[string]func(h *house, link NewPublicLink){
		"revoked": func(h *house, link NewPublicLink) {
			h.ask("bob", "DELETE", annLinks+"/"+link.ID, "").problem(http.StatusNotFound, "not_found")
			h.ask("ann", "DELETE", annLinks+"/"+link.ID, "").is(http.StatusNoContent)
			h.ask("ann", "DELETE", annLinks+"/"+link.ID, "").problem(http.StatusNotFound, "not_found")
		},
		"expired": func(h *house, _ NewPublicLink) { h.clock.advance(identity.PublicLinkAgeDefault) },
		"suspended": func(h *house, _ NewPublicLink) {
			h.ask("root", "PATCH", "/api/v1/admin/users/owner-ann", `{"status":"suspended"}`).is(http.StatusOK)
		},
		"erased": func(h *house, _ NewPublicLink) { h.ask("ann", "DELETE", "/api/v1/me", "").is(http.StatusNoContent) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			path, link := h.linked("view", "one")
			h.ask("", "GET", path, "").is(http.StatusOK)
			end(h, link)
			unknown(h, path)
		})
	}
}

// Each network counts once an hour, and each time is in the owner's log before anything is shown.
func TestOpeningsAreCountedAndRecorded(t *testing.T) {
	h := newHouse(t)
	path, link := h.linked("percentages", "one")
	for _, address := range []string{"198.51.100.1", "198.51.100.1", "198.51.100.2", "198.51.100.1"} {
		h.ask("", "GET", path, "", from(address+":1234")).is(http.StatusOK)
	}
	h.clock.advance(time.Hour)
	h.ask("", "GET", path, "", from("198.51.100.1:1234")).is(http.StatusOK)
	list := into[PublicLinks](h.ask("ann", "GET", annLinks, "").is(http.StatusOK)).Items
	if len(list) != 1 || list[0].Opened != 3 || list[0].OpenedAt == nil || list[0].ID != link.ID {
		t.Errorf("%+v", list)
	}
	rows, err := h.store.Audits(t.Context(), "owner-ann", 0, 100)
	must(t, err)
	opened := 0
	for _, row := range rows {
		if row.Action == audit.LinkOpened {
			opened++
			if row.Object != link.ID || row.Actor != "" || !strings.HasPrefix(row.Detail, "198.51.100.") {
				t.Errorf("%+v", row)
			}
		}
	}
	if opened != 3 {
		t.Errorf("%d rows", opened)
	}
}

func TestNewPublicLinksAreChecked(t *testing.T) {
	h := newHouse(t)
	for _, body := range []string{`{"level":"edit"}`, `{"level":""}`, `{}`, `{"level":"view","expires_at":"2020-01-01T00:00:00Z"}`, `{"level":"view","expires_at":"2040-01-01T00:00:00Z"}`} {
		h.ask("ann", "POST", annLinks, body, once("bad")).problem(http.StatusUnprocessableEntity, "invalid")
	}
	h.ask("bob", "POST", annLinks, `{"level":"view"}`, once("foreign")).problem(http.StatusNotFound, "not_found")
	for i := range 20 {
		h.linked("view", "link"+string(rune('a'+i)))
	}
	h.ask("ann", "POST", annLinks, `{"level":"view"}`, once("more")).problem(http.StatusConflict, "conflict")
	for _, token := range []string{"x", "owner-ann.x", strings.Repeat("x", 150), "owner-ann." + strings.Repeat("x", 43)} {
		h.ask("", "GET", "/api/v1/public/"+token, "").problem(http.StatusNotFound, "not_found")
	}
}

// Whoever comes on and on from one address has to wait; others don't.
func TestPublicLooksAreLimitedByAddress(t *testing.T) {
	h := newHouse(t)
	path, _ := h.linked("view", "one")
	for range publicLooksBurst {
		h.ask("", "GET", path, "", from("198.51.100.1:1234")).is(http.StatusOK)
	}
	h.ask("", "GET", path, "", from("198.51.100.1:1234")).problem(http.StatusTooManyRequests, "limited")
	h.ask("", "GET", path, "", from("198.51.100.2:1234")).is(http.StatusOK)
	h.clock.advance(publicLooksInterval)
	h.ask("", "GET", path, "", from("198.51.100.1:1234")).is(http.StatusOK)
}

// Exact shares of two holdings would say how many of each there are.
func TestPublicSharesAreCoarse(t *testing.T) {
	third, percent := money.MustParse("0.333333333333333333"), money.MustParse("1.23456")
	d := event.Document{DayChangePercent: &percent, Holdings: []event.Holding{{Weight: &third, DayChangePercent: &percent}}}
	for _, amounts := range []bool{false, true} {
		if p := publicOf(&d, amounts); *p.Holdings[0].Weight != "0.3333" || *p.Holdings[0].DayChangePercent != "1.23" || *p.DayChangePercent != "1.23" {
			t.Errorf("%s", marshal(p))
		}
	}
}
