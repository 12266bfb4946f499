package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/live"
)

// lostIdentity can't ask who anybody is.
type lostIdentity struct{ Identity }

var errLost = fault.Wrap(fault.Unavailable, errors.New("nobody listens"), "the database can't be reached")

func (lostIdentity) Session(context.Context, string) (identity.Session, error) {
	return identity.Session{}, errLost
}

func (lostIdentity) SessionAndSequence(context.Context, string, ledger.PortfolioID) (identity.Session, int64, error) {
	return identity.Session{}, 0, errLost
}

// lose takes from a server what it asks who somebody is.
func (h *house) lose() { h.server.identity = lostIdentity{h.server.identity} }

// Every route × who asks × with what × what they have to do with the portfolio, while it can't be asked who anybody is but all else still
// works: nobody gets through but to what is answered from memory, of what is their own.
func TestNobodyGetsFurtherWhileTheDatabaseIsAway(t *testing.T) {
	w := newSharedWorld(t)
	relations := slices.Concat(rising, []relation{relHousehold}, strangers)
	for _, who := range w.callers {
		for _, path := range []string{"/api/v1/me", "/api/v1/portfolios"} {
			w.ask("", "GET", path, "", who.sign)
		}
		for _, has := range relations {
			w.ask("", "GET", "/api/v1/portfolios/"+w.estateOf(who.name, has).portfolio, "", who.sign)
		}
	}
	w.lose()
	through := 0
	for _, rt := range w.server.routes {
		if access.Open(rt.action) {
			continue
		}
		for _, who := range w.callers {
			for _, has := range relations {
				if !rt.ofPortfolio() && !rt.endless && has != relOwn {
					continue
				}
				target := w.estateOf(who.name, has)
				a := w.askBriefly("", rt, rt.at(target.places), who.sign)
				a.what = fmt.Sprintf("%s with %s of %s: %s", who.name, who.with, has, a.what)
				may := rt.fromMemory() && who.role != "" && has == relOwn && (len(who.scopes) == 0 || slices.Equal(who.scopes, []string{"read"}))
				if said := a.Header().Get(awayHeader) == live.AwayDatabase; may && !said || !may && a.Code < 400 {
					t.Errorf("%s: %d %s", a.what, a.Code, a.Body)
				}
				if may {
					through++
				}
				w.checkBytes(a, rt, has, target, may)
			}
		}
	}
	if through == 0 || w.leaks > 0 {
		t.Errorf("%d got through, %d leaks", through, w.leaks)
	}
	w.clock.advance(rememberedMax)
	for _, who := range w.callers {
		if a := w.ask("", "GET", "/api/v1/portfolios/"+w.estateOf(who.name, relOwn).portfolio, "", who.sign); a.Code < 400 {
			t.Errorf("%s with %s is answered after %s", who.name, who.with, rememberedMax)
		}
	}
}

// What is answered from memory is at the sequence that was asked for or seen, and who was signed out, wherever and however, isn't in it.
func TestWhatIsRemembered(t *testing.T) {
	h := newHouse(t)
	path := "/api/v1/portfolios/" + h.people["ann"].portfolio
	read := func() int { return h.ask("ann", "GET", path, "").Code }
	known := h.server.identity
	t.Run("no look before", func(t *testing.T) {
		h.lose()
		defer func() { h.server.identity = known }()
		if got := read(); got != http.StatusServiceUnavailable {
			t.Error(got)
		}
	})
	t.Run("signed out elsewhere", func(t *testing.T) {
		if got := read(); got != http.StatusOK {
			t.Fatal(got)
		}
		session := identity.Session{Owner: "owner-ann", Hash: hashOf(strings.TrimPrefix(h.people["ann"].cookie, "owner-ann."))}
		must(t, h.store.DeleteSession(t.Context(), session.Owner, session.Hash, audit.Write{Audit: audit.Entry{Owner: session.Owner, Action: audit.SignOut, Result: "ok"}}))
		must(t, h.server.lookAtRemembered(t.Context()))
		h.lose()
		defer func() { h.server.identity = known }()
		if got := read(); got != http.StatusServiceUnavailable {
			t.Error(got)
		}
		h.sessionOf("owner-ann")
	})
	t.Run("revoked by a hint", func(t *testing.T) {
		if got := read(); got != http.StatusOK {
			t.Fatal(got)
		}
		h.server.Forget("owner-ann")
		h.lose()
		defer func() { h.server.identity = known }()
		if got := read(); got != http.StatusServiceUnavailable {
			t.Error(got)
		}
	})
	t.Run("in use by a look now and then", func(t *testing.T) {
		if got := read(); got != http.StatusOK {
			t.Fatal(got)
		}
		for range 3 {
			h.clock.advance(rememberedMax - time.Minute)
			if got := read(); got != http.StatusOK {
				t.Fatal(got)
			}
			must(t, h.server.lookAtRemembered(t.Context()))
		}
		h.lose()
		defer func() { h.server.identity = known }()
		if got := read(); got != http.StatusOK {
			t.Error(got)
		}
		h.clock.advance(identity.SessionIdleMax)
		if got := read(); got == http.StatusOK {
			t.Error("a session is older than it may be")
		}
	})
	t.Run("changes", func(t *testing.T) {
		h.server.options.Away = func() []string { return []string{live.AwayDatabase} }
		defer func() { h.server.options.Away = nil }()
		for _, method := range []string{"POST", "PATCH", "PUT", "DELETE"} {
			for _, rt := range h.server.routes {
				if rt.method != method {
					continue
				}
				a := h.ask("ann", rt.method, rt.at(places{portfolio: h.people["ann"].portfolio}), "", once("away"))
				if p := a.problem(http.StatusServiceUnavailable, "unavailable"); p.Detail != awayDetail || a.Header().Get("Retry-After") == "" {
					t.Errorf("%s: %s", a.what, a.Body)
				}
			}
		}
	})
}

// What is remembered has a bound.
func TestMemoryHasBounds(t *testing.T) {
	m, now := newMemory(), time.Unix(1_800_000_000, 0)
	for n := range rememberedSessionsMax + 10 {
		m.note(fmt.Sprint("token-", n), identity.Session{Owner: "o"}, "p", 1, now)
	}
	for n := range rememberedOwnMax + 10 {
		m.note("token-1", identity.Session{Owner: "o"}, ledger.PortfolioID(fmt.Sprint("p-", n)), 1, now)
	}
	m.keep("token-1", "/long", make([]byte, keptBytesMax+1))
	for n := range keptAnswersMax + 10 {
		m.keep("token-1", fmt.Sprint("/", n), []byte("x"))
	}
	if len(m.sessions) != rememberedSessionsMax {
		t.Errorf("%d sessions", len(m.sessions))
	}
	for _, one := range m.sessions {
		if len(one.own) > rememberedOwnMax || len(one.kept) > keptAnswersMax {
			t.Errorf("%d portfolios, %d answers", len(one.own), len(one.kept))
		}
	}
	m.note("late", identity.Session{Owner: "o"}, "p", 1, now.Add(rememberedMax))
	if len(m.sessions) != 1 {
		t.Errorf("%d sessions after nobody came for long", len(m.sessions))
	}
}
