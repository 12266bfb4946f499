package httpapi

import (
	"context"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/identity"
)

func hashOf(secret string) identity.TokenHash { return sha256.Sum256([]byte(secret)) }

// The matrix walks every route that is registered × who asks × whose thing it is. What has to come out is worked out from the route
// and the table of access alone, so that a new route is walked the day it is added.
func TestEveryRouteRoleAndOwner(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Limits.PerAddress = -1 })
	roles := map[string]identity.Role{
		"ann": identity.RoleUser, "advia": identity.RoleAdviser, "audrey": identity.RoleAuditor, "root": identity.RoleAdmin, "": "", "gone": "", "forged": "",
	}
	h.people["forged"] = &person{cookie: "owner-ann." + strings.Repeat("x", 43), portfolio: h.people["ann"].portfolio, account: "account-ann"}
	for _, rt := range h.server.routes {
		if rt.action == access.SignIn || rt.action == access.AcceptInvitation || rt.action == access.SignOut || rt.action == access.EraseSelf {
			continue // they make and end sessions, and people; scenarios of their own
		}
		for name, role := range roles {
			for _, whose := range []string{"own", "foreign", "unknown"} {
				portfolio := map[string]string{"own": "portfolio-" + name, "foreign": h.people["bob"].portfolio, "unknown": "portfolio-of-nobody"}[whose]
				path := strings.NewReplacer("{id}", portfolio, "{account}", "account-bob", "{proposal}", "proposal-x", "{activity}", "activity-bob", "{instrument}", "world-etf",
					"{name}", "yahoo", "{mic}", "XNYS", "{day}", "2026-03-02", "{session}", "0123", "{token}", "0123", "{link}", "0123", "{passkey}", "0123", "{user}", "0123").Replace(rt.path)
				if strings.HasPrefix(rt.path, "/api/v1/instruments") {
					path = strings.ReplaceAll(rt.path, "{id}", "world-etf")
				}
				if rt.endless {
					path += "?portfolio=" + portfolio
				}
				a := h.askBriefly(name, rt, path)
				checkAccess(t, h, rt, role, whose, a)
				if whose != "own" && strings.Contains(a.Body.String(), "Secret of bob") {
					t.Errorf("%s shows what is bob's: %s", a.what, a.Body)
				}
			}
		}
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

func checkAccess(t *testing.T, h *house, rt *route, role identity.Role, whose string, a *reply) {
	t.Helper()
	subject := access.Subject{Role: role}
	if role != "" {
		subject.Owner = "them"
	}
	decision := access.May(subject, rt.action, access.Resource{Owner: subject.Owner})
	refused := a.Code == http.StatusUnauthorized || a.Code == http.StatusForbidden
	personal := rt.ofPortfolio() || rt.endless
	switch {
	case decision.SignIn:
		if a.Code != http.StatusUnauthorized {
			t.Errorf("%s (%s): %d, want 401", a.what, whose, a.Code)
		}
	case !decision.Allowed:
		if a.Code != http.StatusForbidden {
			t.Errorf("%s (%s): %d, want 403", a.what, whose, a.Code)
		}
	case personal && whose != "own":
		if a.Code != http.StatusNotFound {
			t.Errorf("%s (%s): %d %s, want 404 as for what doesn't exist", a.what, whose, a.Code, a.Body)
		}
	case personal && a.Code == http.StatusNotFound && !strings.Contains(rt.path, "/{a") && !strings.Contains(rt.path, "/{proposal}") && !strings.Contains(rt.path, "/{instrument}") && !strings.Contains(rt.path, "/{link}"):
		t.Errorf("%s (%s): %s, but it is theirs", a.what, whose, a.Body)
	case refused:
		t.Errorf("%s (%s): %d %s, but the table allows it", a.what, whose, a.Code, a.Body)
	case a.Code >= http.StatusInternalServerError && a.Code != http.StatusServiceUnavailable:
		t.Errorf("%s (%s): %d %s\n%s", a.what, whose, a.Code, a.Body, h.log)
	}
}

// Foreign and unknown portfolios must not be told apart: same status, same headers, same body but for the request's id.
func TestForeignLooksLikeUnknown(t *testing.T) {
	h := newHouse(t)
	for _, rt := range h.server.routes {
		if !rt.ofPortfolio() {
			continue
		}
		fill := func(portfolio string) string {
			return strings.NewReplacer("{id}", portfolio, "{account}", "account-bob", "{proposal}", "proposal-x", "{activity}", "a", "{instrument}", "world-etf").Replace(rt.path)
		}
		foreign, unknown := h.askBriefly("ann", rt, fill("portfolio-bob")), h.askBriefly("ann", rt, fill("portfolio-xyz"))
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
