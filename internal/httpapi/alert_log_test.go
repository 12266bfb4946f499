package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/engine"
	"folioscope/internal/notify"
)

// settled has ann's rule do something, as the engine settles it.
func (h *house) settled(rule Alert, standingVersion int64, event alert.Event, id string) {
	h.t.Helper()
	now := h.clock.Now()
	held, err := h.store.ClaimPartitions(h.t.Context(), engine.Claim{Node: "node", Now: now, Until: now.Add(10 * time.Second), Latest: now.Add(time.Hour)})
	must(h.t, err)
	lease := engine.Lease{}
	for _, one := range held {
		if one.Partition == engine.PartitionOf("owner-ann") {
			lease = one
		}
	}
	happened := engine.Event{Event: event, ID: id}
	if event.Tell {
		happened.Notice = &notify.Notice{Owner: "owner-ann", ID: id, Kind: notify.NoticeAlert, At: event.At, Rule: alert.RuleID(rule.ID)}
	}
	done, err := h.store.SettleAlerts(h.t.Context(), lease, "owner-ann", []engine.Settlement{{
		Rule: alert.RuleID(rule.ID), Version: rule.Version, StandingVersion: standingVersion, After: alert.Standing{State: alert.StateFiring, Since: event.At, FiredAt: event.At, Firings: 1, Value: event.Value},
		Events: []engine.Event{happened},
	}})
	must(h.t, err)
	if len(done) != 1 || !done[0] {
		h.t.Fatal("it was not settled")
	}
}

func TestAlertLogSaysWhatRulesDid(t *testing.T) {
	h := newHouse(t)
	rule := h.rule("ann", acmeAbove+`}`)
	at := h.clock.Now()
	h.settled(rule, 1, alert.Event{Kind: alert.EventFired, At: at, Value: dec("121.25"), Tell: true}, "e1")
	h.settled(rule, 2, alert.Event{Kind: alert.EventNoData, At: at.Add(time.Minute), Why: "There is no price."}, "e2")

	got := into[AlertLog](h.ask("ann", "GET", "/api/v1/alerts/log?limit=1", "").is(http.StatusOK))
	if len(got.Items) != 1 || got.NextCursor == nil || got.Items[0].Kind != "no_data" || text(got.Items[0].Why) != "There is no price." || got.Items[0].Told {
		t.Fatalf("%+v", got)
	}
	got = into[AlertLog](h.ask("ann", "GET", "/api/v1/alerts/log?cursor="+*got.NextCursor, "").is(http.StatusOK))
	if len(got.Items) != 1 || got.NextCursor != nil {
		t.Fatalf("%+v", got)
	}
	fired := got.Items[0]
	if fired.Kind != "fired" || text(fired.Value) != "121.25" || fired.Unit != "EUR" || !fired.Told || text(fired.Rule) != "Price of Acme AG above 120.50\u00a0EUR" || fired.Personal || len(fired.Deliveries) != 0 {
		t.Errorf("%+v", fired)
	}
	one := into[Alert](h.ask("ann", "GET", "/api/v1/alerts/"+rule.ID, "").is(http.StatusOK))
	if one.State.State != "firing" || one.State.FiredAt == nil {
		t.Errorf("%+v", one.State)
	}
	if other := into[AlertLog](h.ask("bob", "GET", "/api/v1/alerts/log", "").is(http.StatusOK)); len(other.Items) != 0 {
		t.Errorf("bob sees %+v", other)
	}
	h.ask("ann", "DELETE", "/api/v1/alerts/"+rule.ID, "").is(http.StatusNoContent)
	for _, entry := range into[AlertLog](h.ask("ann", "GET", fmt.Sprintf("/api/v1/alerts/log?rule=%s", rule.ID), "").is(http.StatusOK)).Items {
		if entry.Rule != nil || entry.RuleID != rule.ID {
			t.Errorf("of a rule that is gone: %+v", entry)
		}
	}
	h.ask("ann", "GET", "/api/v1/alerts/log?cursor=nonsense", "").problem(http.StatusUnprocessableEntity, "invalid")
}

func TestAlertLogIsFiltered(t *testing.T) {
	h := newHouse(t)
	rule := h.rule("ann", acmeAbove+`}`)
	value := h.rule("ann", `{"condition":{"kind":"value","portfolio_id":"portfolio-ann","direction":"above","threshold":"100"}}`)
	at := h.clock.Now()
	h.settled(rule, 1, alert.Event{Kind: alert.EventFired, At: at, Value: dec("121.25"), Tell: true}, "price")
	h.settled(rule, 2, alert.Event{Kind: alert.EventNoData, At: at.Add(time.Minute), Why: "There is no price."}, "gone")
	h.settled(value, 1, alert.Event{Kind: alert.EventFired, At: at.Add(2 * time.Minute), Value: dec("101"), Tell: true}, "value")
	for query, want := range map[string]string{
		"":                                   "value gone price",
		"kind=fired":                         "value price",
		"kind=fired&rule=" + rule.ID:         "price",
		"portfolio=portfolio-ann":            "value",
		"portfolio=portfolio-bob":            "",
		"portfolio=portfolio-ann&kind=error": "",
		"portfolio=portfolio-ann&rule=" + rule.ID:  "",
		"portfolio=portfolio-ann&rule=" + value.ID: "value",
		"state=failed": "",
	} {
		var got []string
		for _, entry := range into[AlertLog](h.ask("ann", "GET", "/api/v1/alerts/log?"+query, "").is(http.StatusOK)).Items {
			got = append(got, entry.ID)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q leaves %v, want %q", query, got, want)
		}
	}
	for _, query := range []string{"kind=fires", "state=told"} {
		h.ask("ann", "GET", "/api/v1/alerts/log?"+query, "").problem(http.StatusUnprocessableEntity, "invalid")
	}
	for _, query := range []string{"portfolio=portfolio-ann", "rule=" + rule.ID} {
		if other := into[AlertLog](h.ask("bob", "GET", "/api/v1/alerts/log?"+query, "").is(http.StatusOK)); len(other.Items) != 0 {
			t.Errorf("bob sees %+v", other)
		}
	}
}

// The list says until when prices were looked at, and why where nobody knows.
func TestAlertListSaysUntilWhenItWasEvaluated(t *testing.T) {
	h := newHouse(t)
	list := func() Alerts { return into[Alerts](h.ask("ann", "GET", "/api/v1/alerts", "").is(http.StatusOK)) }
	if got := list(); got.EvaluatedAt != nil || text(got.EvaluatedWhy) != whyUnevaluated {
		t.Errorf("without an engine: %v, %s", got.EvaluatedAt, text(got.EvaluatedWhy))
	}
	now := h.clock.Now()
	_, err := h.store.ClaimPartitions(t.Context(), engine.Claim{Node: "node", Now: now, Until: now.Add(10 * time.Second), Latest: now.Add(time.Hour)})
	must(t, err)
	if got := list(); got.EvaluatedAt == nil || got.EvaluatedWhy != nil {
		t.Errorf("with one: %v, %s", got.EvaluatedAt, text(got.EvaluatedWhy))
	}
}
