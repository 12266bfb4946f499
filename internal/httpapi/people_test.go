package httpapi

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/sqlstore"
)

// peopleHouse believes sessions for a second, as nodes do.
func peopleHouse(t *testing.T) *house {
	return newHouseAt(t, time.Now(), func(o *Options) {
		o.SessionCache, o.Sequence = time.Second, o.Store.(*sqlstore.Store).Sequence
	})
}

// streamOf opens the stream of somebody's portfolio and gives what is closed when it ends.
func (h *house) streamOf(name string) <-chan struct{} {
	h.t.Helper()
	server := httptest.NewServer(h.server)
	h.t.Cleanup(server.Close)
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, server.URL+"/api/v1/stream?portfolio=portfolio-"+name, nil)
	must(h.t, err)
	r.AddCookie(&http.Cookie{Name: h.server.cookieName(), Value: h.people[name].cookie})
	a, err := http.DefaultClient.Do(r)
	must(h.t, err)
	lines := bufio.NewScanner(a.Body)
	if !lines.Scan() {
		h.t.Fatal("no stream")
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer a.Body.Close()
		for lines.Scan() {
			continue
		}
	}()
	return ended
}

// Whoever is suspended or deleted, by an administrator or by themselves, is out at once: requests, API tokens and open streams.
func TestSuspendedAndErasedAreOutAtOnce(t *testing.T) {
	for name, act := range map[string]func(h *house){
		"suspended": func(h *house) {
			h.ask("root", "PATCH", "/api/v1/admin/users/owner-ann", `{"status":"suspended"}`).is(http.StatusOK)
		},
		"erased":        func(h *house) { h.ask("root", "DELETE", "/api/v1/admin/users/owner-ann", "").is(http.StatusNoContent) },
		"by themselves": func(h *house) { h.ask("ann", "DELETE", "/api/v1/me", "").is(http.StatusNoContent) },
	} {
		t.Run(name, func(t *testing.T) {
			h := peopleHouse(t)
			token := h.tokenOf("ann", identity.ScopeRead)
			stream := h.streamOf("ann")
			const path = "/api/v1/portfolios/portfolio-ann"
			h.ask("ann", "GET", path, "").is(http.StatusOK) // now it is believed
			h.ask("", "GET", path, "", bearer(token)).is(http.StatusOK)
			began := time.Now()
			act(h)
			h.ask("ann", "GET", path, "").problem(http.StatusUnauthorized, "unauthenticated")
			h.ask("", "GET", path, "", bearer(token)).problem(http.StatusUnauthorized, "unauthenticated")
			<-stream
			if took := time.Since(began); took > time.Second {
				t.Errorf("the stream went on for %v", took)
			}
			h.signIn("", "ann@example.com", "").problem(http.StatusUnauthorized, "unauthenticated")
			h.ask("bob", "GET", "/api/v1/portfolios/portfolio-bob", "").is(http.StatusOK)
		})
	}
}

// Whoever is signed out by an administrator is out at once everywhere, open streams included, and in again with their password. Their
// API tokens stay, as does everybody else.
func TestAdministratorsSignPeopleOut(t *testing.T) {
	h := peopleHouse(t)
	token := h.tokenOf("ann", identity.ScopeRead)
	h.signIn("phone", "ann@example.com", "").is(http.StatusOK)
	stream := h.streamOf("ann")
	const path, out = "/api/v1/portfolios/portfolio-ann", "/api/v1/admin/users/owner-ann/sessions"
	for _, device := range []string{"ann", "phone"} {
		h.ask(device, "GET", path, "").is(http.StatusOK) // now they are believed
	}
	h.ask("bob", "DELETE", out, "").problem(http.StatusForbidden, "denied")
	h.ask("ann", "GET", path, "").is(http.StatusOK)
	h.ask("root", "DELETE", out, "").is(http.StatusNoContent)
	for _, device := range []string{"ann", "phone"} {
		h.ask(device, "GET", path, "").problem(http.StatusUnauthorized, "unauthenticated")
	}
	<-stream
	h.ask("", "GET", path, "", bearer(token)).is(http.StatusOK)
	h.ask("bob", "GET", "/api/v1/portfolios/portfolio-bob", "").is(http.StatusOK)
	h.signIn("again", "ann@example.com", "").is(http.StatusOK)

	h.ask("root", "DELETE", "/api/v1/admin/users/owner-nobody/sessions", "").problem(http.StatusNotFound, "not_found")
	h.ask("root", "DELETE", "/api/v1/admin/users/owner-root/sessions", "").problem(http.StatusConflict, "conflict")
	rows, err := h.store.Audits(t.Context(), "owner-ann", 0, 100)
	must(t, err)
	if !slices.ContainsFunc(rows, func(row audit.Row) bool { return row.Action == audit.UserSignedOut && row.Actor == "owner-root" }) {
		t.Errorf("nothing of it in %+v", rows)
	}
}

func TestAdministratorsLookAfterPeople(t *testing.T) {
	h := newHouse(t)
	user := func(name string) string { return "/api/v1/admin/users/owner-" + name }
	changed := into[AdminUser](h.ask("root", "PATCH", user("bob"), `{"role":"adviser"}`).is(http.StatusOK))
	if changed.Role != "adviser" || changed.Status != "active" || changed.Email != "bob@example.com" {
		t.Errorf("%+v", changed)
	}
	if me := into[User](h.ask("bob", "GET", "/api/v1/me", "").is(http.StatusOK)); me.Role != "adviser" {
		t.Errorf("a session that goes on: %+v", me)
	}
	h.ask("root", "PATCH", user("gone"), `{"status":"active"}`).is(http.StatusOK)
	h.signIn("back", "gone@example.com", "").is(http.StatusOK)

	h.ask("root", "PATCH", user("bob"), `{}`).problem(http.StatusUnprocessableEntity, "invalid")
	h.ask("root", "PATCH", user("bob"), `{"role":"king"}`).problem(http.StatusUnprocessableEntity, "invalid")
	h.ask("root", "PATCH", user("bob"), `{"status":"invited"}`).problem(http.StatusUnprocessableEntity, "invalid")
	h.ask("root", "PATCH", user("bob"), `{"status":"suspended","created_at":"2020-01-01T00:00:00Z"}`).problem(http.StatusUnprocessableEntity, "invalid")
	h.ask("root", "PATCH", user("nobody"), `{"status":"suspended"}`).problem(http.StatusNotFound, "not_found")
	h.ask("root", "DELETE", user("nobody"), "").problem(http.StatusNotFound, "not_found")

	// Nobody does it to themselves here, and the last administrator stays.
	for _, body := range []string{`{"role":"user"}`, `{"status":"suspended"}`} {
		h.ask("root", "PATCH", user("root"), body).problem(http.StatusConflict, "conflict")
	}
	h.ask("root", "DELETE", user("root"), "").problem(http.StatusConflict, "conflict")
	if p := h.ask("root", "DELETE", "/api/v1/me", "").problem(http.StatusConflict, "conflict"); !strings.Contains(p.Detail, "the last one") {
		t.Errorf("%+v", p)
	}
	h.ask("root", "PATCH", user("ann"), `{"role":"admin"}`).is(http.StatusOK)
	h.ask("root", "DELETE", "/api/v1/me", "").is(http.StatusNoContent)
	if _, err := h.store.User(t.Context(), "owner-root"); err == nil {
		t.Error("they are still there")
	}

	// An old password isn't enough.
	h.clock.advance(identity.StepUpAgeMax)
	for _, method := range []string{"PATCH", "DELETE"} {
		if p := h.ask("ann", method, user("bob"), map[string]string{"PATCH": `{"role":"user"}`}[method]).problem(http.StatusForbidden, "denied"); p.StepUp != "password" {
			t.Errorf("%+v", p)
		}
	}
	if p := h.ask("bob", "DELETE", "/api/v1/me", "").problem(http.StatusForbidden, "denied"); p.StepUp != "password" {
		t.Errorf("%+v", p)
	}

	// Each is in the log of whom it was done to.
	for owner, action := range map[ledger.OwnerID]audit.Action{"owner-bob": audit.RoleChanged, "owner-gone": audit.UserActivated, "owner-root": audit.UserErased} {
		rows, err := h.store.Audits(t.Context(), owner, 0, 100)
		must(t, err)
		found := false
		for _, row := range rows {
			found = found || row.Action == action && row.Actor == "owner-root" && row.Object == string(owner)
		}
		if !found {
			t.Errorf("%s: no row of %s", owner, action)
		}
	}
}
