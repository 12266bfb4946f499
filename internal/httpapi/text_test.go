package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"folioscope/internal/audit"
)

// hidden are characters that disorder what stands around them: controls, and marks that turn the direction of writing.
var hidden = []string{"\\u0000", "\\u001b", "\\u0085", "\\u2028", "\\u061c", "\\u200e", "\\u200f", "\\u202a", "\\u202e", "\\u2066", "\\u2069"}

// Whatever is named or noted: hidden characters are refused at their field, and nothing is changed. What a table would take for a formula
// is a text like any other.
func TestHiddenCharactersAreRefused(t *testing.T) {
	h := newHouse(t)
	const own = `"symbol":"NTH","name":"House","currency":"EUR","asset_class":"property"`
	for n, c := range []struct{ who, route, body, field string }{
		{"ann", "POST /api/v1/portfolios/portfolio-ann/activities", `{"activities":[{"date":"2026-01-05","type":"deposit","amount":"1","note":"TEXT"}]}`, "activities[0].note"},
		{"ann", "POST /api/v1/portfolios", `{"name":"TEXT","base_currency":"EUR"}`, "name"},
		{"ann", "PATCH /api/v1/portfolios/portfolio-ann", `{"name":"TEXT"}`, "name"},
		{"ann", "POST /api/v1/portfolios/portfolio-ann/accounts", `{"name":"TEXT","currency":"EUR"}`, "name"},
		{"ann", "PATCH /api/v1/portfolios/portfolio-ann/accounts/account-ann", `{"name":"TEXT"}`, "name"},
		{"ann", "POST /api/v1/portfolios/portfolio-ann/instruments", strings.Replace("{"+own+"}", "NTH", "TEXT", 1), "symbol"},
		{"ann", "POST /api/v1/portfolios/portfolio-ann/instruments", strings.Replace("{"+own+"}", "House", "TEXT", 1), "name"},
		{"ann", "POST /api/v1/portfolios/portfolio-ann/instruments", "{" + own + `,"group":"TEXT"}`, "group"},
		{"ann", "POST /api/v1/portfolios/portfolio-ann/instruments", "{" + own + `,"sector":"TEXT"}`, "sector"},
		{"ann", "POST /api/v1/portfolios/portfolio-ann/instruments", "{" + own + `,"note":"TEXT"}`, "note"},
		{"ann", "POST /api/v1/instruments", `{"symbol":"TEXT","name":"X","currency":"EUR","asset_class":"stock"}`, "symbol"},
		{"ann", "POST /api/v1/instruments", `{"symbol":"NTH","name":"TEXT","currency":"EUR","asset_class":"stock"}`, "name"},
		{"ann", "POST /api/v1/instruments", `{"symbol":"NTH","name":"X","currency":"EUR","asset_class":"stock","sector":"TEXT"}`, "sector"},
		{"root", "PATCH /api/v1/admin/instruments/world-etf", `{"symbol":"TEXT"}`, "symbol"},
		{"root", "PATCH /api/v1/admin/instruments/world-etf", `{"name":"TEXT"}`, "name"},
		{"root", "PATCH /api/v1/admin/instruments/world-etf", `{"sector":"TEXT"}`, "sector"},
		{"ann", "POST /api/v1/me/tokens", `{"name":"TEXT","scopes":["read"],"expires_at":"2026-09-01T00:00:00Z"}`, "name"},
		{"root", "POST /api/v1/admin/invitations", `{"email":"new@example.com","name":"TEXT","role":"user"}`, "name"},
		{"root", "POST /api/v1/admin/invitations", `{"email":"TEXT@example.com","name":"X","role":"user"}`, "email"},
	} {
		method, path, _ := strings.Cut(c.route, " ")
		version := ""
		if c.who == "root" && method == http.MethodPatch {
			version = strconv.FormatInt(into[InstrumentRecord](h.ask("root", "GET", path, "")).Version, 10)
		}
		ask := func(text string) *reply {
			body := strings.NewReplacer("TEXT", text, "NTH", strconv.Itoa(n)).Replace(c.body)
			return h.ask(c.who, method, path, body, once("text-"+strconv.Itoa(len(h.log.String()))), header("If-Match", version))
		}
		before := len(h.auditsOf(c.who))
		for _, mark := range hidden {
			p := ask("a"+mark+"b").problem(http.StatusUnprocessableEntity, "invalid")
			if len(p.Errors) != 1 || p.Errors[0].Location != c.field {
				t.Errorf("%s with %s in %s: %+v", c.route, mark, c.field, p)
			}
		}
		if after := len(h.auditsOf(c.who)); after != before {
			t.Errorf("%s: %d changes were made", c.route, after-before)
		}
		if c.field == "email" || c.field == "symbol" {
			continue
		}
		if a := ask("=cmd(" + strconv.Itoa(n) + ")"); a.Code >= 300 {
			t.Errorf("%s refuses a text in %s: %s", c.route, c.field, a.Body)
		}
	}
}

// auditsOf is what is recorded of somebody.
func (h *house) auditsOf(name string) []audit.Row {
	h.t.Helper()
	rows, err := h.store.Audits(h.t.Context(), h.people[name].id, 0, 1000)
	must(h.t, err)
	return rows
}
