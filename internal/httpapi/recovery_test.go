package httpapi

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/identity"
	"folioscope/internal/notify"
)

// workOnRecoveries lets the house work on what was asked for.
func (h *house) workOnRecoveries() {
	h.t.Helper()
	service, ok := h.server.identity.(*identity.Service)
	if !ok {
		h.t.Fatalf("people are %T", h.server.identity)
	}
	ended, cancel := context.WithCancel(h.t.Context())
	cancel()
	must(h.t, service.WorkOnRecoveries(ended))
}

// linkOf is the token of the newest waiting mail, which has to be of a kind.
func linkOf(t *testing.T, waiting []notify.Delivery, kind audit.MailKind) string {
	t.Helper()
	if len(waiting) == 0 || waiting[0].Mail.Kind != kind {
		t.Fatalf("waiting: %+v", waiting)
	}
	return waiting[0].Mail.Path[strings.LastIndexByte(waiting[0].Mail.Path, '/')+1:]
}

// Whatever address is asked for, the answer is the same to the byte.
func TestAskingForRecoveryTellsNothing(t *testing.T) {
	h, waiting := newPostOffice(t)
	if ways := into[RecoveryWays](h.ask("", "GET", "/api/v1/recovery", "").is(http.StatusOK)); !ways.Mail {
		t.Errorf("%+v", ways)
	}
	seen := map[string]string{}
	for _, email := range []string{"ann@example.com", "nobody@example.com", "gone@example.com", "ANN@EXAMPLE.COM"} {
		a := h.ask("", "POST", "/api/v1/recovery", `{"email":"`+email+`"}`).is(http.StatusAccepted)
		delete(a.Header(), requestIDHeader)
		if a.Body.Len() != 0 {
			t.Errorf("%s: %s", email, a.Body)
		}
		var all strings.Builder
		must(t, a.Header().Write(&all))
		seen[all.String()] = email
	}
	if len(seen) != 1 {
		t.Errorf("answers differ: %v", seen)
	}
	h.workOnRecoveries()
	all := waiting()
	if len(all) != 2 || all[0].Owner != "owner-ann" || all[1].Owner != "owner-ann" {
		t.Fatalf("mails: %+v", all)
	}
	h.ask("", "POST", "/api/v1/recovery", `{"email":"no address"}`).problem(http.StatusUnprocessableEntity, "invalid")
	for range 30 {
		h.ask("", "POST", "/api/v1/recovery", `{"email":"nobody@example.com"}`)
	}
	if a := h.ask("", "POST", "/api/v1/recovery", `{"email":"nobody@example.com"}`); a.Code != http.StatusTooManyRequests || a.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", a.Code, a.Header())
	}
}

// A new password by a link is felt at once: sessions that were believed from memory end.
func TestRecoveringSignsEverybodyElseOut(t *testing.T) {
	h, waiting := newPostOffice(t)
	h.server.sessions = newSessionCache(time.Second)
	h.server.options.Sequence = h.store.Sequence
	token := h.tokenOf("ann", identity.ScopeRead)
	h.ask("ann", "GET", "/api/v1/portfolios/portfolio-ann", "").is(http.StatusOK)
	h.ask("", "GET", "/api/v1/portfolios/portfolio-ann", "", bearer(token)).is(http.StatusOK)
	h.ask("", "POST", "/api/v1/recovery", `{"email":"ann@example.com"}`).is(http.StatusAccepted)
	h.workOnRecoveries()
	link := linkOf(t, waiting(), audit.MailRecovery)
	confirm := func(link, next string) *reply {
		return h.ask("", "POST", "/api/v1/recovery/confirm", `{"token":"`+link+`","new_password":"`+next+`"}`)
	}
	if p := confirm(link, "short").problem(http.StatusUnprocessableEntity, "invalid"); len(p.Errors) != 1 || p.Errors[0].Location != "new_password" {
		t.Errorf("%+v", p)
	}
	confirm("owner-ann."+strings.Repeat("x", 43), "four words will do nicely").problem(http.StatusNotFound, "not_found")
	confirm(link, "four words will do nicely").is(http.StatusNoContent)
	confirm(link, "four words will do nicely").problem(http.StatusNotFound, "not_found")
	h.ask("ann", "GET", "/api/v1/portfolios/portfolio-ann", "").problem(http.StatusUnauthorized, "unauthenticated")
	h.ask("", "GET", "/api/v1/portfolios/portfolio-ann", "", bearer(token)).problem(http.StatusUnauthorized, "unauthenticated")
	if strings.Contains(h.log.String(), link) || strings.Contains(h.log.String(), "four words") {
		t.Error("a secret is in the log")
	}
	rows, err := h.store.Audits(t.Context(), "owner-ann", 0, 100)
	must(t, err)
	var acts []string
	for _, row := range rows {
		acts = append(acts, string(row.Action)+" "+row.Result)
	}
	for _, want := range []string{"recovery.ask ok", "recovery.use ok"} {
		if !strings.Contains(strings.Join(acts, "\n"), want) {
			t.Errorf("no %s in %v", want, acts)
		}
	}
}

func TestWithoutMailAnOperatorIsNamed(t *testing.T) {
	h := newHouse(t)
	if ways := into[RecoveryWays](h.ask("", "GET", "/api/v1/recovery", "").is(http.StatusOK)); ways.Mail {
		t.Errorf("%+v", ways)
	}
	if p := h.ask("", "POST", "/api/v1/recovery", `{"email":"ann@example.com"}`).problem(http.StatusConflict, "conflict"); !strings.Contains(p.Detail, "whoever runs it") {
		t.Errorf("%+v", p)
	}
}
