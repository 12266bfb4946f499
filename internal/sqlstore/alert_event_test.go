package sqlstore

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/audit"
	"folioscope/internal/engine"
	"folioscope/internal/notify"
)

// firing is a rule of anna's that fires.
func firing(id string, standingVersion int64) engine.Settlement {
	event := alert.Event{Kind: alert.EventFired, At: testStart, Sequence: 7, Value: number("201.5"), Subject: "Apple", Tell: true}
	return engine.Settlement{
		Rule: "r1", Version: 1, StandingVersion: standingVersion,
		After: alert.Standing{State: alert.StateFiring, Since: testStart, Through: 7, Value: number("201.5"), Held: true, FiredAt: testStart, ToldAt: testStart, Firings: 1},
		Events: []engine.Event{{Event: event, ID: id, Notice: &notify.Notice{
			Owner: "anna", ID: id, Kind: notify.NoticeAlert, At: testStart, Rule: "r1", Facts: notify.NoticeFacts{Sentence: "Price of Apple above 200 USD"},
		}}},
	}
}

// annasRule is a rule, and the lease of its partition.
func (b *bench) annasRule() engine.Lease {
	b.t.Helper()
	b.user("anna")
	b.ok(b.CreateRule(b.t.Context(), aRule("anna", "r1"), entry("anna", audit.AlertCreated)))
	return b.claim("node")[engine.PartitionOf("anna")]
}

func (b *bench) inbox() int {
	b.t.Helper()
	items, _, err := b.Notices(b.t.Context(), "anna", notify.Place{}, 100)
	b.ok(err)
	return len(items)
}

func (b *bench) alertLog(rule alert.RuleID) []engine.Logged {
	b.t.Helper()
	var filter engine.LogFilter
	if rule != "" {
		filter.Rules = []alert.RuleID{rule}
	}
	rows, _, err := b.AlertLog(b.t.Context(), "anna", filter, engine.Place{}, 100)
	b.ok(err)
	return rows
}

func TestAFiringIsSettledOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		lease := b.annasRule()
		const nodes = 50
		var won atomic.Int64
		var group sync.WaitGroup
		for n := range nodes {
			group.Go(func() {
				settled, err := b.SettleAlerts(t.Context(), lease, "anna", []engine.Settlement{firing(fmt.Sprint("e", n), 1)})
				if err != nil {
					t.Error(err)
				} else if settled[0] {
					won.Add(1)
				}
			})
		}
		group.Wait()
		if won.Load() != 1 || len(b.alertLog("")) != 1 || b.inbox() != 1 {
			t.Errorf("%d of %d nodes settled one firing; %d rows in the log, %d notices", won.Load(), nodes, len(b.alertLog("")), b.inbox())
		}
		kept := b.rule("anna", "r1")
		if kept.StandingVersion != 2 || !reflect.DeepEqual(kept.Standing, firing("", 1).After) {
			t.Errorf("the rule stands as %+v at version %d", kept.Standing, kept.StandingVersion)
		}
	})
}

func TestWhatIsNotSettled(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		lease := b.annasRule()
		lost, other := lease, firing("e3", 1)
		lost.Fence--
		changed := firing("e2", 1)
		changed.Version = 2
		other.Rule = "r9"
		for name, try := range map[string]struct {
			lease      engine.Lease
			settlement engine.Settlement
		}{
			"a lease that was lost":         {lost, firing("e1", 1)},
			"a rule of another version":     {lease, changed},
			"a standing of another version": {lease, firing("e4", 2)},
			"a rule that is gone":           {lease, other},
		} {
			settled, err := b.SettleAlerts(t.Context(), try.lease, "anna", []engine.Settlement{try.settlement})
			if err != nil || settled[0] {
				t.Errorf("%s is settled: %v, %v", name, settled, err)
			}
		}
		b.user("bob")
		if settled, err := b.SettleAlerts(t.Context(), lease, "bob", []engine.Settlement{firing("e5", 1)}); err != nil || settled[0] {
			t.Errorf("somebody else settles anna's rule: %v, %v", settled, err)
		}
		if len(b.alertLog("")) != 0 || b.inbox() != 0 {
			t.Errorf("%d rows in the log, %d notices", len(b.alertLog("")), b.inbox())
		}
		// One that isn't settled doesn't keep the others from it.
		settled, err := b.SettleAlerts(t.Context(), lease, "anna", []engine.Settlement{other, firing("e6", 1)})
		if err != nil || settled[0] || !settled[1] {
			t.Errorf("settled %v, %v", settled, err)
		}
	})
}

// What can't be told isn't settled either: the row of the log and the standing go with it.
func TestAFiringAndItsNoticeAreOne(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		lease := b.annasRule()
		broken := firing("e1", 1)
		broken.Events = append(broken.Events, broken.Events[0]) // the log has this row already
		if settled, err := b.SettleAlerts(t.Context(), lease, "anna", []engine.Settlement{broken}); err == nil {
			t.Fatalf("settled: %v", settled)
		}
		if kept := b.rule("anna", "r1"); kept.StandingVersion != 1 || kept.Standing.State != alert.StateInactive || len(b.alertLog("")) != 0 || b.inbox() != 0 {
			t.Errorf("a part of it stays: %+v, %d rows, %d notices", kept.Standing, len(b.alertLog("")), b.inbox())
		}
	})
}

func TestAnOccurrenceIsToldOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		lease := b.annasRule()
		settle := func(id, occurrence string, version int64) {
			t.Helper()
			one := firing(id, version)
			one.Events[0].Occurrence = occurrence
			settled, err := b.SettleAlerts(t.Context(), lease, "anna", []engine.Settlement{one})
			b.ok(err)
			if !settled[0] {
				t.Fatalf("%s is not settled", id)
			}
		}
		settle("e1", "dividend:US0378331005:2026-05-11", 1)
		settle("e2", "dividend:US0378331005:2026-05-11", 2)
		settle("e3", "dividend:US0378331005:2026-08-10", 3)
		if rows := b.alertLog("r1"); len(rows) != 2 || b.inbox() != 2 {
			t.Errorf("%d rows in the log, %d notices", len(rows), b.inbox())
		}
		for occurrence, want := range map[string]bool{"dividend:US0378331005:2026-08-10": true, "dividend:US0378331005:2026-11-09": false} {
			if got, err := b.Occurred(t.Context(), "anna", "r1", occurrence); err != nil || got != want {
				t.Errorf("%s: %v, %v", occurrence, got, err)
			}
		}
		if got, err := b.Occurred(t.Context(), "anna", "r2", "dividend:US0378331005:2026-08-10"); err != nil || got {
			t.Errorf("another rule's: %v, %v", got, err)
		}
	})
}

func TestTheLogOfAlerts(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		lease := b.annasRule()
		one := firing("", 1)
		one.Events = nil
		kinds := []alert.EventKind{alert.EventFired, alert.EventHeldBack, alert.EventResolved, alert.EventNoData, alert.EventEnded}
		for i, kind := range kinds {
			event := alert.Event{Kind: kind, At: testStart.Add(time.Duration(i) * time.Minute), Sequence: int64(i), Value: number("1.50"), Subject: "Apple", Why: "It was snoozed."}
			one.Events = append(one.Events, engine.Event{Event: event, ID: fmt.Sprint("e", i)})
		}
		_, err := b.SettleAlerts(t.Context(), lease, "anna", []engine.Settlement{one})
		b.ok(err)
		var got []engine.Logged
		for place, pages := (engine.Place{}), 0; ; pages++ {
			rows, next, err := b.AlertLog(t.Context(), "anna", engine.LogFilter{Rules: []alert.RuleID{"r1"}}, place, 2)
			b.ok(err)
			got = append(got, rows...)
			if next == (engine.Place{}) {
				if pages != 2 {
					t.Errorf("%d pages", pages+1)
				}
				break
			}
			place = next
		}
		if len(got) != len(kinds) {
			t.Fatalf("%d rows", len(got))
		}
		for i, l := range got {
			want := engine.Logged{Event: one.Events[len(kinds)-1-i].Event, ID: fmt.Sprint("e", len(kinds)-1-i), Rule: "r1"}
			if !reflect.DeepEqual(l, want) {
				t.Errorf("row %d: %+v, want %+v", i, l, want)
			}
		}
		if rows := b.alertLog("r2"); len(rows) != 0 {
			t.Errorf("%d rows of another rule", len(rows))
		}
		b.user("bob")
		if rows, _, err := b.AlertLog(t.Context(), "bob", engine.LogFilter{}, engine.Place{}, 10); err != nil || len(rows) != 0 {
			t.Errorf("%d rows of somebody else, %v", len(rows), err)
		}
		b.ok(b.DeleteAlertEventsBefore(t.Context(), testStart.Add(2*time.Minute)))
		if rows := b.alertLog(""); len(rows) != 3 {
			t.Errorf("%d rows are left of %d that are newer", len(rows), 3)
		}
	})
}

func TestTheLogOfAlertsIsFiltered(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		lease := b.annasRule()
		b.queued()
		b.channelOf("anna", "hook", notify.ChannelWebhook)
		one := firing("told", 1)
		for i, kind := range []alert.EventKind{alert.EventResolved, alert.EventNoData} {
			one.Events = append(one.Events, engine.Event{Event: alert.Event{Kind: kind, At: testStart.Add(time.Duration(i+1) * time.Minute)}, ID: string(kind)})
		}
		_, err := b.SettleAlerts(t.Context(), lease, "anna", []engine.Settlement{one})
		b.ok(err)
		none, another := []alert.RuleID{}, []alert.RuleID{"r2", "r3"}
		for name, try := range map[string]struct {
			filter engine.LogFilter
			want   []string
		}{
			"nothing":                     {engine.LogFilter{}, []string{"no_data", "resolved", "told"}},
			"a kind":                      {engine.LogFilter{Kind: alert.EventNoData}, []string{"no_data"}},
			"a state of its messages":     {engine.LogFilter{Delivery: notify.Waiting}, []string{"told"}},
			"a state that none is in":     {engine.LogFilter{Delivery: notify.Dead}, nil},
			"rules":                       {engine.LogFilter{Rules: []alert.RuleID{"r2", "r1"}}, []string{"no_data", "resolved", "told"}},
			"other rules":                 {engine.LogFilter{Rules: another}, nil},
			"none of the rules":           {engine.LogFilter{Rules: none}, nil},
			"a rule, a kind and messages": {engine.LogFilter{Rules: []alert.RuleID{"r1"}, Kind: alert.EventFired, Delivery: notify.Waiting}, []string{"told"}},
		} {
			rows, next, err := b.AlertLog(t.Context(), "anna", try.filter, engine.Place{}, 10)
			b.ok(err)
			var got []string
			for _, row := range rows {
				got = append(got, row.ID)
			}
			if !slices.Equal(got, try.want) || next != (engine.Place{}) {
				t.Errorf("%s: %v, want %v; goes on at %v", name, got, try.want, next)
			}
		}
		b.user("bob")
		if rows, _, err := b.AlertLog(t.Context(), "bob", engine.LogFilter{Delivery: notify.Waiting}, engine.Place{}, 10); err != nil || len(rows) != 0 {
			t.Errorf("%d rows of somebody else, %v", len(rows), err)
		}
	})
}

// What is rare is found behind a page that holds nothing.
func TestAFilterLooksAtSoMuchOfTheLog(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		lease := b.annasRule()
		one := firing("rare", 1)
		for i := range alertLogLookMax {
			one.Events = append(one.Events, engine.Event{Event: alert.Event{Kind: alert.EventHeldBack, At: testStart.Add(time.Duration(i+1) * time.Second)}, ID: fmt.Sprint("e", i)})
		}
		_, err := b.SettleAlerts(t.Context(), lease, "anna", []engine.Settlement{one})
		b.ok(err)
		rare := engine.LogFilter{Kind: alert.EventFired}
		rows, next, err := b.AlertLog(t.Context(), "anna", rare, engine.Place{}, 10)
		b.ok(err)
		if len(rows) != 0 || next != (engine.Place{At: testStart.Add(time.Second), ID: "e0"}) {
			t.Fatalf("%d rows, goes on at %v", len(rows), next)
		}
		if rows, next, err = b.AlertLog(t.Context(), "anna", rare, next, 10); err != nil || len(rows) != 1 || next != (engine.Place{}) {
			t.Errorf("%d rows, goes on at %v, %v", len(rows), next, err)
		}
	})
}
