package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/event"
	"folioscope/internal/ingest"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/provider"
)

// scriptedSource answers every name with one price, or fails as a whole.
type scriptedSource struct {
	name  string
	mutex sync.Mutex
	fails provider.Outcome
	price string
	lacks map[string]provider.Outcome
}

func (s *scriptedSource) Name() string            { return s.name }
func (s *scriptedSource) Classes() []market.Class { return []market.Class{market.Stock, market.ETF} }
func (s *scriptedSource) BatchMax() int           { return 10 }

func (s *scriptedSource) becomes(outcome provider.Outcome) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.fails = outcome
}

func (s *scriptedSource) Latest(_ context.Context, names []string, now time.Time) (provider.Batch, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.fails != "" {
		return provider.Batch{}, &provider.Error{Provider: s.name, Outcome: s.fails, Cause: errors.New("a page instead of prices")}
	}
	b := provider.Batch{Failed: map[string]*provider.Error{}}
	for _, name := range names {
		if outcome := s.lacks[name]; outcome != "" {
			b.Failed[name] = &provider.Error{Provider: s.name, Outcome: outcome, Symbol: name}
			continue
		}
		b.Quotes = append(b.Quotes, provider.Quote{Name: name, Price: money.MustParse(s.price), Unit: money.Unit{Currency: "EUR"}, HasCurrency: true, MarketTime: now, PreviousDate: market.NoDate})
	}
	return b, nil
}

// withSources gives a house two sources for stocks and one that is switched off.
func withSources(t *testing.T) (*house, *ingest.Ingest, *scriptedSource, *scriptedSource) {
	t.Helper()
	first, second := &scriptedSource{name: "finnhub", price: "100"}, &scriptedSource{name: "tiingo", price: "100.5"}
	var prices *ingest.Ingest
	bus := &quotesBus{}
	h := newHouse(t, func(o *Options) {
		calendar, err := market.NewCalendar()
		must(t, err)
		prices, err = ingest.New(ingest.Options{Store: o.Store.(ingest.Store), Publisher: ingest.Hints{Bus: bus}, Sessions: calendar,
			Log: slog.New(slog.DiscardHandler), Interval: 10 * time.Minute, Now: o.Now,
			Chains:   map[string][]provider.Provider{ingest.ChainStock: {first, second}},
			Settings: []ingest.Setting{{Name: "finnhub", Enabled: true, NeedsKey: true, HasKey: true}, {Name: "tiingo", Enabled: true, NeedsKey: true}, {Name: "yahoo"}},
		})
		must(t, err)
		o.Prices = prices
	})
	_, err := bus.Subscribe(event.QuotesAcceptedAll, func(subject string, payload []byte) { _ = h.bus.Publish(t.Context(), subject, payload) }, nil)
	must(t, err)
	must(t, h.store.PutInstruments(t.Context(), []market.Instrument{{ID: "both", Symbol: "BOTH", MIC: "XETR", Name: "Known to both", Currency: "EUR", Class: market.Stock,
		Names: map[string]string{"finnhub": "BOTH", "tiingo": "both"}}}))
	return h, prices, first, second
}

func (h *house) hold(name, instrument string) {
	h.t.Helper()
	h.ask(name, "POST", "/api/v1/portfolios/"+h.people[name].portfolio+"/activities",
		`{"activities":[{"date":"2026-01-05","type":"buy","symbol":"`+instrument+`","quantity":"1","price":"90"}]}`, once("hold-"+instrument)).is(http.StatusCreated)
}

func sourceNamed(t *testing.T, all Sources, name string) Source {
	t.Helper()
	for _, s := range all.Items {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no %s in %+v", name, all.Items)
	return Source{}
}

func TestAnAdministratorSeesWhichSourceFails(t *testing.T) {
	h, prices, first, _ := withSources(t)
	h.hold("ann", "both")
	h.hold("ann", "world-etf") // no source has a name for it
	must(t, prices.Poll(t.Context(), ingest.ChainStock))
	all := into[Sources](h.ask("root", "GET", "/api/v1/admin/providers", "").is(http.StatusOK))
	if s := sourceNamed(t, all, "finnhub"); !s.Enabled || s.Serves != 1 || s.Circuit != "closed" || s.Calls != 1 || s.Failed != 0 || s.MedianMS == nil || s.Chains[0] != (SourcePlace{"stock", 1}) || s.LastSuccess == nil {
		t.Errorf("%+v", s)
	}
	if s := all.Items[len(all.Items)-1]; s.Name != "yahoo" || s.Enabled || s.Circuit != "none" {
		t.Errorf("what is switched off comes last: %+v", s)
	}
	if all.UnservedCount != 1 || all.Unserved[0].Symbol != "WRLD" {
		t.Errorf("unserved: %+v", all.Unserved)
	}
	first.becomes(provider.SchemaDrift)
	for range 3 { // three calls in a row open the circuit
		h.clock.advance(11 * time.Minute)
		must(t, prices.Poll(t.Context(), ingest.ChainStock))
	}
	all = into[Sources](h.ask("root", "GET", "/api/v1/admin/providers", "").is(http.StatusOK))
	if s := sourceNamed(t, all, "finnhub"); s.Circuit != "open" || s.NextTry == nil || s.Replaced != 1 || s.Serves != 0 || *s.LastOutcome != "SCHEMA_DRIFT" || s.Failed != 3 {
		t.Errorf("%+v", s)
	}
	if s := sourceNamed(t, all, "tiingo"); s.StandsIn != 1 {
		t.Errorf("%+v", s)
	}
	codes := []string{}
	for _, w := range all.Warnings {
		codes = append(codes, w.Code)
		if w.Text == "" || strings.Contains(w.Text, "%!") {
			t.Errorf("%+v", w)
		}
	}
	if got := strings.Join(codes, " "); got != "schema_drift no_key unserved" {
		t.Errorf("%s", got)
	}
	for _, name := range []string{"ann", "advia", "audrey"} {
		h.ask(name, "GET", "/api/v1/admin/providers", "").problem(http.StatusForbidden, "denied")
		h.ask(name, "POST", "/api/v1/admin/providers/finnhub/test", "").problem(http.StatusForbidden, "denied")
	}
}

func TestAnAdministratorTestsASource(t *testing.T) {
	h, _, first, _ := withSources(t)
	h.hold("ann", "both")
	done := into[SourceTest](h.ask("root", "POST", "/api/v1/admin/providers/finnhub/test", "").is(http.StatusOK))
	if !done.Asked || *done.Outcome != "OK" || *done.Price != "100" || *done.Currency != "EUR" || done.Name != "BOTH" || done.Text != "Finnhub answers as it should." {
		t.Errorf("%+v", done)
	}
	h.ask("root", "POST", "/api/v1/admin/providers/finnhub/test", "").problem(http.StatusTooManyRequests, "limited")
	h.ask("root", "POST", "/api/v1/admin/providers/yahoo/test", "").problem(http.StatusNotFound, "not_found")
	first.becomes(provider.Blocked)
	h.clock.advance(time.Minute)
	done = into[SourceTest](h.ask("root", "POST", "/api/v1/admin/providers/finnhub/test", "").is(http.StatusOK))
	if !done.Asked || *done.Outcome != "BLOCKED" || done.Price != nil || *done.Detail != "a page instead of prices" {
		t.Errorf("%+v", done)
	}
	h.clock.advance(time.Minute)
	done = into[SourceTest](h.ask("root", "POST", "/api/v1/admin/providers/finnhub/test", "").is(http.StatusOK))
	if done.Asked || done.NextTry == nil || done.Outcome != nil {
		t.Errorf("%+v", done)
	}
	rows, err := h.store.Audits(t.Context(), "", 0, 100)
	must(t, err)
	tested := 0
	for _, row := range rows {
		if row.Action == audit.SourceTested && row.Object == "finnhub" {
			tested++
		}
	}
	if tested != 3 {
		t.Errorf("%d audit rows of 3 tests", tested)
	}
}

func TestWarningsSayWhatToDo(t *testing.T) {
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	today := market.DateOf(now)
	drifted := ingest.SourceHealth{Status: ingest.Status{Name: "ecb", Circuit: "open", Outcome: provider.BadKey}, Setting: ingest.Setting{Name: "ecb", Enabled: true}}
	drifted.Today.Outcomes = map[ingest.Outcome]int64{provider.SchemaDrift: 2}
	got := warningsOf(ingest.Health{Sources: []ingest.SourceHealth{drifted}, UnservedCount: 2, Held: 1, Horizons: []ingest.Horizon{
		{MIC: "ZZZZ", Name: "Nowhere", Last: market.NoDate}, {MIC: "XNYS", Name: "New York", Last: today - 1}, {MIC: "XETR", Name: "Xetra", Last: today + 5}}}, now)
	want := []string{
		"bad_key: ECB refuses our key. Set another one and start the node again.",
		"schema_drift: ECB answered 2 times in the last day in a shape that isn't known. Its format may have changed: look for a newer version.",
		"unserved: 2 instruments are held, and no source has a price for them. Give a name at a source, or switch one on.",
		"held: 1 price is held back. The last good ones stay in use until you decide.",
		"calendar_ends: The days off of Nowhere aren't known: every weekday counts as a trading day.",
		"calendar_ends: The days off of New York are known up to 2026-11-22 only: since then every weekday counts as a trading day.",
		"calendar_ends: The days off of Xetra are known up to 2026-11-28 only. A newer version knows more.",
	}
	for n, w := range got {
		if text := w.Code + ": " + w.Text; n >= len(want) || text != want[n] {
			t.Errorf("%s", text)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d warnings", len(got))
	}
}

// keptCalendar is a calendar over the house's store, as the node's own is.
type keptCalendar struct {
	*house
	*market.Calendar
}

func (c keptCalendar) Markets() []string { return c.MICs() }

func (c keptCalendar) Overrides(ctx context.Context) ([]market.Override, error) {
	return c.store.CalendarOverrides(ctx)
}

func (c keptCalendar) PutOverride(ctx context.Context, o market.Override, write audit.Write) error {
	return c.store.PutCalendarOverride(ctx, o, write)
}

func (c keptCalendar) DeleteOverride(ctx context.Context, mic string, day market.Date, write audit.Write) error {
	return c.store.DeleteCalendarOverride(ctx, mic, day, write)
}

func (c keptCalendar) Day(mic string, day market.Date) (time.Time, time.Time, bool) {
	overrides, err := c.store.CalendarOverrides(context.Background())
	must(c.t, err)
	return c.With(overrides).Day(mic, day)
}

func TestAnAdministratorChangesDaysOfMarkets(t *testing.T) {
	h := newHouse(t)
	calendar, err := market.NewCalendar()
	must(t, err)
	h.server.options.Calendar = keptCalendar{h, calendar}
	const day = "/api/v1/admin/calendar/XNYS/2026-11-27"
	before := into[CalendarDay](h.ask("root", "GET", day, "").is(http.StatusOK))
	if before.Closed || *before.Opens != "09:30" || *before.Closes != "13:00" || before.Override != nil {
		t.Errorf("the day after Thanksgiving: %+v", before)
	}
	after := into[CalendarDay](h.ask("root", "PUT", day, `{"closed":true,"note":"Storm"}`).is(http.StatusOK))
	if !after.Closed || after.Opens != nil || after.Override == nil || after.Override.Note != "Storm" {
		t.Errorf("%+v", after)
	}
	after = into[CalendarDay](h.ask("root", "PUT", day, `{"closed":false,"opens":"10:00","closes":"24:00"}`).is(http.StatusOK))
	if after.Closed || *after.Opens != "10:00" || *after.Closes != "24:00" {
		t.Errorf("%+v", after)
	}
	list := into[MarketCalendar](h.ask("root", "GET", "/api/v1/admin/calendar", "").is(http.StatusOK))
	if len(list.Overrides) != 1 || list.Overrides[0].Day != "2026-11-27" || len(list.Markets) < 40 || list.Markets[0].KnownTo == nil {
		t.Errorf("%+v", list.Overrides)
	}
	for body, field := range map[string]string{
		`{"closed":false}`: "opens", `{"closed":false,"opens":"9:30","closes":"16:00"}`: "opens", `{"closed":false,"opens":"10:00","closes":"09:00"}`: "opens",
		`{"closed":true,"opens":"10:00"}`: "opens", `{"closed":false,"opens":"10:00","closes":"25:00"}`: "closes",
	} {
		if answer := h.ask("root", "PUT", day, body); answer.Code != http.StatusUnprocessableEntity || !strings.Contains(answer.Body.String(), field) {
			t.Errorf("%s: %d %s", body, answer.Code, answer.Body)
		}
	}
	h.ask("root", "PUT", "/api/v1/admin/calendar/ZZZZ/2026-11-27", `{"closed":true}`).problem(http.StatusNotFound, "not_found")
	h.ask("root", "PUT", "/api/v1/admin/calendar/XNYS/tomorrow", `{"closed":true}`).problem(http.StatusUnprocessableEntity, "invalid")
	h.ask("ann", "PUT", day, `{"closed":true}`).problem(http.StatusForbidden, "denied")
	after = into[CalendarDay](h.ask("root", "DELETE", day, "").is(http.StatusOK))
	if after.Override != nil || *after.Closes != "13:00" {
		t.Errorf("%+v", after)
	}
	rows, err := h.store.Audits(t.Context(), "", 0, 100)
	must(t, err)
	changes := 0
	for _, row := range rows {
		if row.Action == audit.CalendarChanged && row.Object == "XNYS 2026-11-27" {
			changes++
		}
	}
	if changes != 3 {
		t.Errorf("%d audit rows of 3 changes", changes)
	}
	plain := newHouse(t)
	plain.ask("root", "GET", "/api/v1/admin/calendar", "").problem(http.StatusServiceUnavailable, "unavailable")
}
