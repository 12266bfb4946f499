package httpapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"folioscope/internal/audit"
)

// signed has all rows numbered and signed.
func (h *house) signed() *audit.Verifier {
	h.t.Helper()
	signer, err := h.store.AuditSigner()
	must(h.t, err)
	sequencer := audit.NewSequencer(audit.SequencerOptions{Store: h.store, Signer: signer, Node: "n1", Now: h.clock.Now, Log: slog.New(slog.DiscardHandler)})
	for more := true; more; {
		more, err = sequencer.Step(h.t.Context())
		must(h.t, err)
	}
	return signer.Verifier()
}

// refusalsRecorded writes down what was refused so far.
func (h *house) refusalsRecorded() {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	cancel()
	must(h.t, h.server.RecordRefusals(ctx))
}

func TestAuditorsReadIDsAndNothingPersonal(t *testing.T) {
	h := newHouse(t)
	h.buy("ann", "3", "12.5")
	verifier := h.signed()
	for _, name := range []string{"audrey", "root"} {
		page := into[AuditRecords](h.ask(name, "GET", "/api/v1/admin/audit?limit=5&action=activity.add", "").is(http.StatusOK))
		if len(page.Items) != 1 || *page.Items[0].Actor != "owner-ann" || page.Items[0].Result != "ok" || page.Items[0].Session == nil || len(page.Actions) < 30 {
			t.Errorf("%s: %+v", name, page)
		}
	}
	var all []AuditRecord
	cursor := ""
	for {
		page := into[AuditRecords](h.ask("audrey", "GET", "/api/v1/admin/audit?limit=7&cursor="+cursor, "").is(http.StatusOK))
		all = append(all, page.Items...)
		if page.NextCursor == nil {
			break
		}
		cursor = *page.NextCursor
	}
	for i, r := range all {
		if r.Leaf != int64(len(all)-1-i) {
			t.Fatalf("row %d of %d is leaf %d", i, len(all), r.Leaf)
		}
	}
	for query, want := range map[string]int{
		"actor=owner-bob": 4, "object=portfolio-ann": 1, "actor=nobody": 0, "until=2020-01-01T00:00:00Z": 0, "from=2030-01-01T00:00:00Z": 0,
	} {
		if page := into[AuditRecords](h.ask("audrey", "GET", "/api/v1/admin/audit?limit=200&"+query, "").is(http.StatusOK)); len(page.Items) != want {
			t.Errorf("%s: %d rows, want %d", query, len(page.Items), want)
		}
	}

	a := h.ask("audrey", "GET", "/api/v1/admin/audit/export", "").is(http.StatusOK)
	lines := strings.Split(strings.TrimSpace(a.Body.String()), "\n")
	if len(lines) != len(all) || strings.Contains(a.Body.String(), "example.com") || strings.Contains(a.Body.String(), "192.0.2.") {
		t.Errorf("%d lines for %d rows: %.300s", len(lines), len(all), a.Body)
	}
	for i, line := range lines {
		var row audit.Exported
		must(t, json.Unmarshal([]byte(line), &row))
		if row.Leaf != int64(i) {
			t.Errorf("line %d is leaf %d", i, row.Leaf)
		}
	}
	rest := h.ask("audrey", "GET", "/api/v1/admin/audit/export?leaf="+strconv.Itoa(len(lines)-2), "").is(http.StatusOK)
	if n := strings.Count(rest.Body.String(), "\n"); n != 2 {
		t.Errorf("the last two rows are %d", n)
	}
	h.ask("audrey", "GET", "/api/v1/admin/audit/export?leaf=-1", "").problem(http.StatusUnprocessableEntity, "invalid")
	h.ask("audrey", "GET", "/api/v1/admin/audit?cursor=x", "").problem(http.StatusUnprocessableEntity, "invalid")

	point := into[AuditCheckpoint](h.ask("root", "GET", "/api/v1/admin/audit/checkpoint", "").is(http.StatusOK))
	c, err := verifier.Open([]byte(point.Checkpoint))
	if err != nil || c.Size != point.Rows || point.Rows != int64(len(all)) {
		t.Errorf("%+v, %v", point, err)
	}
	h.clock.advance(time.Minute)
	h.signed()
	looks := into[AuditRecords](h.ask("root", "GET", "/api/v1/admin/audit?limit=200&actor=owner-audrey", "").is(http.StatusOK))
	read, exported := 0, 0
	for _, r := range looks.Items {
		switch r.Action {
		case string(audit.AuditRead):
			read++
		case string(audit.AuditExported):
			exported++
		}
	}
	if read != 7 || exported != 2 {
		t.Errorf("%d looks and %d exports are recorded", read, exported)
	}
}

func TestUsersSeeWhatWasDoneWithTheirs(t *testing.T) {
	h := newHouse(t)
	h.buy("ann", "3", "12.5")
	h.buy("bob", "4", "11")
	h.ask("ann", "GET", "/api/v1/admin/users", "").problem(http.StatusForbidden, "denied")
	h.ask("ann", "GET", "/api/v1/portfolios/portfolio-bob", "").problem(http.StatusNotFound, "not_found")
	h.ask("", "GET", "/api/v1/me", "").problem(http.StatusUnauthorized, "unauthenticated")
	h.people["forged"] = &person{cookie: "owner-ann." + strings.Repeat("x", 43)}
	h.ask("forged", "GET", "/api/v1/me", "").problem(http.StatusUnauthorized, "unauthenticated")
	h.refusalsRecorded()
	page := into[OwnRecords](h.ask("ann", "GET", "/api/v1/me/audit?limit=3", "").is(http.StatusOK))
	if len(page.Items) != 3 || page.NextCursor == nil {
		t.Fatalf("%+v", page)
	}
	for i, want := range []struct{ action, result string }{{"access.refuse", "not_found"}, {"access.refuse", "denied"}, {"activity.add", "ok"}} {
		if got := page.Items[i]; got.Action != want.action || got.Result != want.result || got.By != "you" || got.Place == nil {
			t.Errorf("%d: %+v, want %v", i, got, want)
		}
	}
	rest := into[OwnRecords](h.ask("ann", "GET", "/api/v1/me/audit?cursor="+*page.NextCursor, "").is(http.StatusOK))
	if len(rest.Items) != 4 || rest.NextCursor != nil {
		t.Errorf("%+v", rest)
	}
	// The forged session is nobody's: it must not show up at whom it names.
	rows, err := h.store.Audits(t.Context(), "", 0, 100)
	if err != nil || len(rows) != 1 || rows[0].Action != audit.Refused || rows[0].Result != "unauthenticated" || rows[0].Object != "self.read" {
		t.Errorf("%+v, %v", rows, err)
	}
}

// Somebody who is refused on and on fills neither memory nor the database: what finds no room is one row with a number.
func TestTooManyRefusalsAreCounted(t *testing.T) {
	h := newHouse(t)
	const asked = refusalsMax + 40
	for range asked {
		h.clock.advance(time.Second) // for the limits
		h.ask("ann", "GET", "/api/v1/admin/users", "").problem(http.StatusForbidden, "denied")
	}
	h.refusalsRecorded()
	rows, err := h.store.Audits(t.Context(), "", 0, 100)
	if err != nil || len(rows) != 1 || rows[0].Action != audit.RefusalsDropped || rows[0].Object != "40" {
		t.Errorf("%+v, %v", rows, err)
	}
	own, err := h.store.Audits(t.Context(), "owner-ann", 0, 1000)
	refused := 0
	for _, r := range own {
		if r.Action == audit.Refused {
			refused++
		}
	}
	if err != nil || refused != refusalsMax {
		t.Errorf("%d refusals, %v", refused, err)
	}
}
