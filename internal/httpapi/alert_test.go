package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/audit"
	"folioscope/internal/ledger"
)

const acmeAbove = `{"condition":{"kind":"price","instrument_id":"acme-xetr","direction":"above","threshold":"120.50","rearm":"118"}`

// made is somebody's new rule.
func (h *house) rule(who, body string) Alert {
	h.t.Helper()
	h.rules++
	return into[Alert](h.ask(who, "POST", "/api/v1/alerts", body, once(fmt.Sprint("rule ", h.rules))).is(http.StatusCreated))
}

func TestAlertIsMadeChangedAndDeleted(t *testing.T) {
	var changed []ledger.OwnerID
	h := newHouse(t, func(o *Options) {
		o.AlertsChanged = func(_ context.Context, owner ledger.OwnerID) { changed = append(changed, owner) }
	})
	made := h.rule("ann", acmeAbove+`,"name":"Acme is dear","cooldown_minutes":360,"expires_at":"2027-01-01T00:00:00Z","channels":[]}`)
	if made.Version != 1 || made.Sentence != "Price of Acme AG above 120.50\u00a0EUR" || made.Unit != "EUR" || *made.Condition.Threshold != "120.50" || *made.Condition.Rearm != "118" ||
		made.Repeat != "each" || made.CooldownMinutes != 360 || made.State.State != "inactive" || made.Channels == nil || made.ExpiresAt == nil {
		t.Errorf("%+v", made)
	}
	one := "/api/v1/alerts/" + made.ID
	if got := into[Alert](h.ask("ann", "GET", one, "").is(http.StatusOK)); got.Sentence != made.Sentence || got.Channels == nil || len(got.Channels) != 0 {
		t.Errorf("%+v", got)
	}
	until := h.clock.Now().Add(time.Hour).Format(time.RFC3339)
	h.ask("ann", "PATCH", one, `{"name":"x"}`).problem(http.StatusPreconditionRequired, "stale")
	got := into[Alert](h.ask("ann", "PATCH", one, `{"snoozed_until":"`+until+`","never_expires":true,"all_channels":true}`, header("If-Match", "1")).is(http.StatusOK))
	if got.Version != 2 || got.SnoozedUntil == nil || got.ExpiresAt != nil || got.Channels != nil || got.Name != made.Name || got.CooldownMinutes != 360 {
		t.Errorf("%+v", got)
	}
	h.ask("ann", "PATCH", one, `{"name":"Late"}`, header("If-Match", "1")).problem(http.StatusPreconditionFailed, "stale")
	got = into[Alert](h.ask("ann", "PATCH", one, `{"name":"","snoozed_until":"2020-01-01T00:00:00Z","condition":{"kind":"off_high","instrument_id":"acme-xnys","days":30,"direction":"above","threshold":"8"}}`,
		header("If-Match", `"2"`)).is(http.StatusOK))
	if got.Version != 3 || got.SnoozedUntil != nil || got.Name != "" || got.Sentence != "Fall of Acme Inc. from its 30-day high above 8\u00a0%" || got.Unit != "%" || got.Condition.Rearm != nil {
		t.Errorf("%+v", got)
	}
	if all := into[Alerts](h.ask("ann", "GET", "/api/v1/alerts", "").is(http.StatusOK)); len(all.Items) != 1 || all.Items[0].Version != 3 {
		t.Errorf("%+v", all)
	}
	h.ask("ann", "DELETE", one, "").is(http.StatusNoContent)
	h.ask("ann", "DELETE", one, "").problem(http.StatusNotFound, "not_found")
	h.ask("ann", "GET", one, "").problem(http.StatusNotFound, "not_found")
	if want := slices.Repeat([]ledger.OwnerID{"owner-ann"}, 4); !slices.Equal(changed, want) {
		t.Errorf("told of changes by %v", changed)
	}
	var did []audit.Action
	for _, row := range h.rowsOf("ann") {
		if strings.HasPrefix(string(row.Action), "alert.") {
			did = append(did, row.Action)
		}
	}
	if !slices.Equal(did, []audit.Action{audit.AlertCreated, audit.AlertChanged, audit.AlertChanged, audit.AlertDeleted}) {
		t.Errorf("the log has %v", did)
	}
}

// Rules are their owner's, about what is their own.
func TestAlertsAreOnesOwn(t *testing.T) {
	h := newHouse(t)
	made := h.rule("ann", acmeAbove+`}`)
	one := "/api/v1/alerts/" + made.ID
	for _, other := range []string{"bob", "root", "audrey"} {
		h.ask(other, "GET", one, "").problem(http.StatusNotFound, "not_found")
		h.ask(other, "PATCH", one, `{"name":"Mine"}`, header("If-Match", "1")).problem(http.StatusNotFound, "not_found")
		h.ask(other, "DELETE", one, "").problem(http.StatusNotFound, "not_found")
		if all := into[Alerts](h.ask(other, "GET", "/api/v1/alerts", "").is(http.StatusOK)); len(all.Items) != 0 {
			t.Errorf("%s sees %+v", other, all)
		}
	}
	h.rule("ann", `{"condition":{"kind":"value","portfolio_id":"portfolio-ann","direction":"below","threshold":"1000"}}`)
	for portfolio, whose := range map[string]string{"portfolio-bob": "another's", "nowhere": "nobody's"} {
		p := h.ask("ann", "POST", "/api/v1/alerts", `{"condition":{"kind":"value","portfolio_id":"`+portfolio+`","direction":"below","threshold":"1000"}}`, once(whose)).problem(http.StatusUnprocessableEntity, "invalid")
		if len(p.Errors) != 1 || !strings.HasSuffix(p.Errors[0].Location, "condition.portfolio_id") || strings.Contains(p.Detail, "Secret") {
			t.Errorf("%s: %+v", whose, p)
		}
	}
}

// What can't be a rule is refused with its place.
func TestBadAlertsAreRefused(t *testing.T) {
	h := newHouse(t)
	for body, place := range map[string]string{
		`{}`:                            "body",
		`{"condition":{"kind":"moon"}}`: "condition.kind",
		`{"condition":{"kind":"price","instrument_id":"acme-xetr","direction":"above","threshold":"NaN"}}`:                               "condition.threshold",
		`{"condition":{"kind":"price","instrument_id":"acme-xetr","direction":"above","threshold":"1e400"}}`:                             "condition.threshold",
		`{"condition":{"kind":"price","instrument_id":"acme-xetr","direction":"above","threshold":"Infinity"}}`:                          "condition.threshold",
		`{"condition":{"kind":"price","instrument_id":"acme-xetr","direction":"above","threshold":"1","rearm":"-Inf"}}`:                  "condition.rearm",
		`{"condition":{"kind":"price","instrument_id":"acme-xetr","direction":"above","threshold":"1` + strings.Repeat("0", 40) + `"}}`:  "condition.threshold",
		`{"condition":{"kind":"price","instrument_id":"acme-xetr","direction":"above","threshold":"-1"}}`:                                "condition.threshold",
		`{"condition":{"kind":"price","instrument_id":"acme-xetr","direction":"above","threshold":"1","rearm":"2"}}`:                     "condition.rearm",
		`{"condition":{"kind":"price","instrument_id":"nothing","direction":"above","threshold":"1"}}`:                                   "condition.instrument_id",
		`{"condition":{"kind":"weight","portfolio_id":"portfolio-ann","instrument_id":"acme-xetr","direction":"above","threshold":"1"}}`: "condition.instrument_id",
		`{"condition":{"kind":"price","instrument_id":"acme-xetr","direction":"above","threshold":"1","days":4000}}`:                     "condition.days",
		acmeAbove + `,"cooldown_minutes":100000}`:                                "cooldown_minutes",
		acmeAbove + `,"expires_at":"2020-01-01T00:00:00Z"}`:                      "expires_at",
		acmeAbove + `,"expires_at":"2040-01-01T00:00:00Z","never_expires":true}`: "never_expires",
		acmeAbove + `,"channels":[],"all_channels":true}`:                        "all_channels",
		acmeAbove + `,"name":"` + strings.Repeat("x", 200) + `"}`:                "name",
	} {
		p := h.ask("ann", "POST", "/api/v1/alerts", body, once(body[:min(len(body), 200)])).problem(http.StatusUnprocessableEntity, "invalid")
		if !slices.ContainsFunc(p.Errors, func(e Place) bool { return strings.HasSuffix(e.Location, place) }) {
			t.Errorf("%s: %+v", body, p)
		}
	}
	if all := into[Alerts](h.ask("ann", "GET", "/api/v1/alerts", "").is(http.StatusOK)); len(all.Items) != 0 {
		t.Errorf("%+v", all)
	}
}

// Whoever makes rules without end is told where that ends; nobody else notices.
func TestOnePersonHasSoManyRules(t *testing.T) {
	h := newHouse(t)
	const tries = 10_000
	made := 0
	for i := range tries {
		h.clock.advance(10 * time.Millisecond) // no faster than anybody may ask
		a := h.ask("ann", "POST", "/api/v1/alerts", acmeAbove+`}`, once(fmt.Sprint(i)))
		if i < alert.RulesMax {
			a.is(http.StatusCreated)
			made++
			continue
		}
		if p := a.problem(http.StatusRequestEntityTooLarge, "too_large"); !strings.Contains(p.Detail, fmt.Sprint("at most ", alert.RulesMax, " rules")) {
			t.Fatalf("%+v", p)
		}
	}
	if all := into[Alerts](h.ask("ann", "GET", "/api/v1/alerts", "").is(http.StatusOK)); len(all.Items) != alert.RulesMax || made != alert.RulesMax {
		t.Errorf("%d rules of %d tries", len(all.Items), tries)
	}
	h.rule("bob", acmeAbove+`}`)
}
