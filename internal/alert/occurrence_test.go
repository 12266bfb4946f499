package alert

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

func TestOccurrences(t *testing.T) {
	day := func(n int) market.Date { return market.DateOf(start) + market.Date(n) }
	dividend := func(ex, pay, observed int) market.Action {
		a := market.Action{
			Instrument: "nvda", Kind: market.ActionDividend, Date: day(ex), PayDate: market.NoDate, Amount: money.MustParse("0.04"), Currency: "USD",
			ObservedAt: start.AddDate(0, 0, observed),
		}
		if pay != 0 {
			a.PayDate = day(pay)
		}
		return a
	}
	incident := func(kind Kind, minute int) Incident {
		return Incident{ID: "1", Kind: kind, At: start.Add(time.Duration(minute) * time.Minute), Says: "row 7: this is not a date"}
	}
	for name, one := range map[string]struct {
		kind  Kind
		scene Scene
		want  []string
	}{
		"announced":                   {Dividend, Scene{Actions: of(dividend(10, 0, 1))}, []string{"announced:nvda/dividend/2026-11-12"}},
		"known before the rule was":   {Dividend, Scene{Actions: of(dividend(10, 0, -1))}, nil},
		"told of a while after":       {Dividend, Scene{Actions: of(dividend(-5, 0, 1))}, []string{"announced:nvda/dividend/2026-10-28"}},
		"history that was backfilled": {Dividend, Scene{Actions: of(dividend(-400, -390, 1))}, nil},
		"paid today":                  {Dividend, Scene{Actions: of(dividend(-20, 2, -30))}, []string{"paid:nvda/dividend/2026-10-13"}},
		"paid before the rule was":    {Dividend, Scene{Actions: of(dividend(-20, -1, -30))}, nil},
		"paid tomorrow":               {Dividend, Scene{Actions: of(dividend(-20, 3, -30))}, nil},
		"announced and paid": {
			Dividend, Scene{Actions: of(dividend(-1, 1, 1))},
			[]string{"announced:nvda/dividend/2026-11-01", "paid:nvda/dividend/2026-11-01"},
		},
		"a split is no dividend": {Dividend, Scene{Actions: of(market.Action{Instrument: "nvda", Kind: market.ActionSplit, Date: day(10), ObservedAt: start.AddDate(0, 0, 1)})}, nil},
		"of what isn't held":     {Dividend, Scene{Names: map[market.InstrumentID]string{"asml": "ASML"}, Actions: of(dividend(10, 0, 1))}, nil},

		"ex-date in ten days": {ExDate, Scene{Actions: of(dividend(12, 0, -30))}, []string{"ex_date:nvda/dividend/2026-11-14"}},
		"ex-date in eleven":   {ExDate, Scene{Actions: of(dividend(13, 0, -30))}, nil},
		"ex-date today":       {ExDate, Scene{Actions: of(dividend(2, 0, -30))}, []string{"ex_date:nvda/dividend/2026-11-04"}},
		"ex-date yesterday":   {ExDate, Scene{Actions: of(dividend(1, 0, -30))}, nil},
		"stale":               {Stale, Scene{Ages: aged(10 * time.Hour)}, []string{"stale:nvda:1762074000000000"}},
		"not yet stale":       {Stale, Scene{Ages: aged(10*time.Hour - 1)}, nil},
		"of no known age":     {Stale, Scene{}, nil},
		"an import":           {ImportFailed, Scene{Incidents: []Incident{incident(ImportFailed, 1), incident(SignIn, 1)}}, []string{"import_failed:1"}},
		"an import before":    {ImportFailed, Scene{Incidents: []Incident{incident(ImportFailed, -1)}}, nil},
		"a sign-in":           {SignIn, Scene{Incidents: []Incident{incident(SignIn, 1)}}, []string{"sign_in:1"}},
		"levels have none":    {Price, Scene{Incidents: []Incident{incident(SignIn, 1)}, Ages: aged(time.Hour)}, nil},
	} {
		rule := valid(one.kind)
		rule.CreatedAt = start
		scene := one.scene
		scene.Now, scene.Zone = start.AddDate(0, 0, 2), time.UTC
		if scene.Names == nil {
			scene.Names = map[market.InstrumentID]string{"nvda": "Nvidia"}
		}
		var got []string
		for _, seen := range rule.Occurrences(scene) {
			got = append(got, seen.Occurrence)
			if _, events := rule.Step(Begin(start, 0), seen, time.UTC); len(events) != 1 || !events[0].Tell || events[0].Subject == "" {
				t.Errorf("%s: %+v", name, events)
			}
		}
		if !slices.Equal(got, one.want) {
			t.Errorf("%s: %q, want %q", name, got, one.want)
		}
	}
}

func of(actions ...market.Action) map[market.InstrumentID][]market.Action {
	return map[market.InstrumentID][]market.Action{"nvda": actions}
}

func aged(traded time.Duration) map[market.InstrumentID]Age {
	return map[market.InstrumentID]Age{"nvda": {ObservedAt: time.Date(2025, 11, 2, 9, 0, 0, 0, time.UTC), Traded: traded}}
}

// Which day it is, the owner's clock says.
func TestExDatesByTheOwnersDay(t *testing.T) {
	auckland, err := time.LoadLocation("Pacific/Auckland")
	if err != nil {
		t.Fatal(err)
	}
	rule := valid(ExDate)
	rule.Condition.Threshold = money.One
	scene := Scene{
		Now: time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC), Names: map[market.InstrumentID]string{"nvda": "Nvidia"},
		Actions: of(market.Action{Instrument: "nvda", Kind: market.ActionDividend, Date: market.MustDate("2026-11-04"), Amount: money.One, Currency: "USD"}),
	}
	for zone, want := range map[*time.Location]string{time.UTC: "[]", auckland: "[Nvidia: 1\u00a0USD a share, ex-date 2026-11-04]"} {
		scene.Zone = zone
		subjects := []string{}
		for _, seen := range rule.Occurrences(scene) {
			subjects = append(subjects, seen.Subject)
		}
		if got := fmt.Sprint(subjects); got != want {
			t.Errorf("%s: %s, want %s", zone, got, want)
		}
	}
}
