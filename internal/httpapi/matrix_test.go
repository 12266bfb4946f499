package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"folioscope/internal/identity"
)

func hashOf(secret string) identity.TokenHash { return sha256.Sum256([]byte(secret)) }

// relation is what somebody has to do with a portfolio.
type relation string

// The relations. What somebody holds is one of the levels; with all others they are strangers.
const (
	relOwn            relation = "own"
	relHousehold      relation = "household"
	relExpired        relation = "expired"
	relRevoked        relation = "revoked"
	relForeign        relation = "foreign"
	relUnknown        relation = "unknown"
	relErasedOwner    relation = "erased owner"
	relSuspendedOwner relation = "suspended owner"
)

// rising are the relations that give something, each more than the one before.
var rising = []relation{"percentages", "view", "edit", "manage", relOwn}

// rank is how much a relation gives, less than 0 where that is nothing.
func rank(has relation) int {
	if has == relHousehold {
		has = "view" // what the world's household was given
	}
	return slices.Index(rising, has)
}

var strangers = []relation{relExpired, relRevoked, relForeign, relUnknown, relErasedOwner, relSuspendedOwner}

// row is a line of the table of routes.
type row struct{ who, level, token string }

// table reads testdata/routes.txt, by method and path.
func table(t *testing.T) map[string]row {
	t.Helper()
	text, err := os.ReadFile("testdata/routes.txt")
	must(t, err)
	rows := map[string]row{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		if len(fields) != 5 {
			t.Fatalf("routes.txt: %q", line)
		}
		rows[fields[0]+" "+fields[1]] = row{fields[2], fields[3], fields[4]}
	}
	return rows
}

// want is the status that somebody is turned away with, 0 where they aren't. Role is empty for nobody, scopes for a browser.
func (r row) want(inPath bool, role identity.Role, scopes []string, has relation) int {
	stranger, found := slices.Contains(strangers, has), http.StatusNotFound
	switch {
	case r.who == "anyone":
		return 0
	case role == "":
		return http.StatusUnauthorized
	case r.who == "founder": // of the household, which none of the callers is
		return http.StatusForbidden
	case inPath && stranger:
		return found
	case r.who != "people" && !slices.Contains(strings.Split(r.who, "+"), string(role)), len(scopes) > 0 && !slices.Contains(scopes, r.token):
		return http.StatusForbidden
	case r.level == "-":
		return 0
	case stranger:
		return found
	case r.level == "given" && has == relOwn, r.level != "given" && rank(has) < rank(relation(r.level)):
		return http.StatusForbidden
	}
	return 0
}

// turnedAway is the status that an answer turns somebody away with, 0 where they got through to what the route does. Whoever is only
// asked for the password once more got through.
func (a *reply) turnedAway() int {
	var p Problem
	if a.Code >= 400 {
		must(a.t, json.Unmarshal(a.Body.Bytes(), &p))
	}
	switch {
	case a.Code == http.StatusUnauthorized, a.Code == http.StatusForbidden && p.StepUp == "", a.Code == http.StatusNotFound && p.Detail == "There is no such portfolio.":
		return a.Code
	case a.Code >= http.StatusInternalServerError && a.Code != http.StatusServiceUnavailable:
		a.t.Errorf("%s: %d %s", a.what, a.Code, a.Body)
	}
	return 0
}

// The matrix: every route × who asks × with what × what they have to do with the portfolio, each held against the table of routes. No
// answer may show what is in a portfolio that isn't the caller's to see, nor an amount to whom only percentages were given.
func TestEveryRouteRoleAndOwner(t *testing.T) {
	w := newSharedWorld(t)
	rows := table(t)
	cells, outcomes := 0, map[int]int{}
	for _, rt := range w.server.routes {
		line, ok := rows[rt.pattern()]
		if !ok {
			t.Errorf("testdata/routes.txt doesn't say who may %s", rt.pattern())
			continue
		}
		delete(rows, rt.pattern())
		relations := []relation{relOwn}
		if rt.ofPortfolio() || rt.endless {
			relations = slices.Concat(rising, []relation{relHousehold}, strangers)
		}
		for _, who := range w.callers {
			for _, has := range relations {
				target := w.estateOf(who.name, has)
				a := w.askBriefly("", rt, rt.at(target.places), who.sign)
				a.what = fmt.Sprintf("%s with %s of %s: %s", who.name, who.with, has, a.what)
				cells++
				got, want := a.turnedAway(), line.want(rt.ofPortfolio(), who.role, who.scopes, has)
				outcomes[got]++
				if got != want {
					t.Errorf("%s: %d %s, want %d", a.what, a.Code, a.Body, want)
				}
				w.checkBytes(a, rt, has, target, got == 0)
				if got == 0 {
					w.restore(rt, who, has)
				}
			}
		}
	}
	for pattern := range rows {
		t.Errorf("testdata/routes.txt has %s, which is no route", pattern)
	}
	t.Logf("%d routes × %d callers × up to %d relations: %d cells; %d let through, %d answered 401, %d 403, %d 404; amounts shown in %d, foreign bytes in %d", len(w.server.routes), len(w.callers),
		len(rising)+1+len(strangers), cells, outcomes[0], outcomes[http.StatusUnauthorized], outcomes[http.StatusForbidden], outcomes[http.StatusNotFound], w.shown, w.leaks)
	if w.shown < 300 {
		t.Errorf("amounts were found in %d answers only: the search for them shows little", w.shown)
	}
}

// askBriefly sends an empty, well-formed request; a stream is left as soon as it has begun.
func (h *house) askBriefly(name string, rt *route, path string, more ...with) *reply {
	h.t.Helper()
	ctx := h.t.Context()
	if rt.endless {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
	}
	r := httptest.NewRequestWithContext(ctx, rt.method, "https://folio.example"+path, nil)
	if p := h.people[name]; p != nil {
		r.AddCookie(&http.Cookie{Name: h.server.cookieName(), Value: p.cookie})
	}
	for _, f := range more {
		f(r)
	}
	w := httptest.NewRecorder()
	h.server.ServeHTTP(w, r)
	return &reply{h.t, w, name + " " + rt.method + " " + path}
}

// Foreign and unknown portfolios must not be told apart: same status, same headers, same body but for the request's id.
func TestForeignLooksLikeUnknown(t *testing.T) {
	h := newHouse(t)
	for _, rt := range h.server.routes {
		if !rt.ofPortfolio() {
			continue
		}
		foreign, unknown := h.askBriefly("ann", rt, rt.at(places{portfolio: "portfolio-bob"})), h.askBriefly("ann", rt, rt.at(places{portfolio: "portfolio-xyz"}))
		clean := func(a *reply) string { return strings.ReplaceAll(a.Body.String(), a.Header()[requestIDHeader][0], "") }
		if foreign.Code != unknown.Code || clean(foreign) != clean(unknown) {
			t.Errorf("%s: %d %s, unknown: %d %s", foreign.what, foreign.Code, foreign.Body, unknown.Code, unknown.Body)
		}
	}
}

// A route without a policy doesn't get into a server.
func TestRouteWithoutPolicyIsRefused(t *testing.T) {
	h := newHouse(t)
	h.server.handle(route{method: "GET", path: "/api/v1/forgotten"}, func(http.ResponseWriter, *http.Request) {})
	if len(h.server.mistakes) != 1 || !strings.Contains(h.server.mistakes[0].Error(), "GET /api/v1/forgotten has no policy") {
		t.Fatalf("mistakes: %v", h.server.mistakes)
	}
	h.ask("ann", "GET", "/api/v1/forgotten", "").is(http.StatusNotFound)
}

// The description and the routes are the same list, both ways.
func TestDescriptionIsTheRoutes(t *testing.T) {
	h := newHouse(t)
	var described, served []string
	for path, item := range h.server.api.OpenAPI().Paths {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			if operationOf(item, method) != nil {
				described = append(described, method+" "+path)
			}
		}
	}
	for _, rt := range h.server.routes {
		served = append(served, rt.pattern())
	}
	slices.Sort(described)
	slices.Sort(served)
	if !slices.Equal(described, served) {
		t.Fatalf("described\n%s\nserved\n%s", strings.Join(described, "\n"), strings.Join(served, "\n"))
	}
}

// Every route of the contract is there.
func TestContractRoutesAreServed(t *testing.T) {
	h := newHouse(t)
	contract := `GET /healthz
GET /readyz
GET /metrics
GET /api/openapi.json
GET /api/docs
POST /api/v1/session
DELETE /api/v1/session
GET /api/v1/me
POST /api/v1/session/step-up
POST /api/v1/me/password
GET /api/v1/me/sessions
DELETE /api/v1/me/sessions
DELETE /api/v1/me/sessions/{session}
GET /api/v1/me/second-factor
POST /api/v1/me/second-factor
POST /api/v1/me/second-factor/confirm
POST /api/v1/me/second-factor/recovery-codes
DELETE /api/v1/me/second-factor
GET /api/v1/me/tokens
POST /api/v1/me/tokens
DELETE /api/v1/me/tokens/{token}
GET /api/v1/portfolios
POST /api/v1/portfolios
GET /api/v1/portfolios/{id}
PATCH /api/v1/portfolios/{id}
GET /api/v1/portfolios/{id}/accounts
POST /api/v1/portfolios/{id}/accounts
PATCH /api/v1/portfolios/{id}/accounts/{account}
GET /api/v1/portfolios/{id}/holdings/{instrument}
GET /api/v1/portfolios/{id}/activities
POST /api/v1/portfolios/{id}/activities
PUT /api/v1/portfolios/{id}/activities/{activity}
DELETE /api/v1/portfolios/{id}/activities/{activity}
GET /api/v1/portfolios/{id}/proposals
POST /api/v1/portfolios/{id}/proposals/accept
POST /api/v1/portfolios/{id}/proposals/{proposal}/accept
POST /api/v1/portfolios/{id}/proposals/{proposal}/ignore
POST /api/v1/portfolios/{id}/proposals/{proposal}/restore
POST /api/v1/portfolios/{id}/imports
GET /api/v1/portfolios/{id}/performance
GET /api/v1/portfolios/{id}/history
GET /api/v1/portfolios/{id}/allocation
GET /api/v1/stream
GET /api/v1/instruments
POST /api/v1/instruments
GET /api/v1/instruments/{id}
GET /api/v1/instruments/{id}/bars
GET /api/v1/admin/users
POST /api/v1/admin/invitations
GET /api/v1/admin/quarantine
POST /api/v1/admin/quarantine/{id}
GET /api/v1/admin/providers
POST /api/v1/admin/providers/{name}/test
GET /api/v1/admin/calendar
GET /api/v1/admin/calendar/{mic}/{day}
PUT /api/v1/admin/calendar/{mic}/{day}
DELETE /api/v1/admin/calendar/{mic}/{day}
POST /api/v1/instruments/{id}/refresh
GET /api/v1/portfolios/{id}/data
POST /api/v1/invitations/accept`
	for line := range strings.SplitSeq(contract, "\n") {
		if !slices.ContainsFunc(h.server.routes, func(rt *route) bool { return rt.pattern() == line }) {
			t.Errorf("%s is missing", line)
		}
	}
}
