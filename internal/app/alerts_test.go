//go:build unix

package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/audit"
	"folioscope/internal/engine"
	"folioscope/internal/fault"
	"folioscope/internal/figures"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/live"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/notify"
)

// alertsWorld is somebody with ten shares of Acme, bought ten days ago, and what rules look at.
type alertsWorld struct {
	alertPortfolios
	t         *testing.T
	owner     ledger.OwnerID
	portfolio ledger.PortfolioID
	today     market.Date
}

func newAlertsWorld(t *testing.T) *alertsWorld {
	settings := settingsIn(t.TempDir())
	newPlace(t, settings)
	calendar, err := market.NewCalendar()
	w := &alertsWorld{t: t}
	w.ok(err)
	now := time.Now()
	w.today = market.DateOf(now.UTC())
	o := quiet(nil)
	o.Now = func() time.Time { return now }
	store, err := openStore(t.Context(), settings, calendar, o)
	w.ok(err)
	w.ok(store.PutInstruments(t.Context(), []market.Instrument{
		{ID: "acme", Symbol: "ACME", MIC: "XETR", Name: "Acme", Currency: "EUR", Class: market.Stock},
		{ID: "halved", Symbol: "HALF", MIC: "XETR", Currency: "EUR", Class: market.Stock},
	}))
	w.ok(store.Close())

	url, stop := serve(t, settings)
	me := signIn(t, url)
	path := me.portfolio("Pension")
	me.must("POST", path+"/activities", map[string]any{"activities": []map[string]string{
		{"date": (w.today - 10).String(), "type": "buy", "symbol": "acme", "quantity": "10", "price": "100"},
	}}, nil)
	var who struct{ ID ledger.OwnerID }
	me.must("GET", "/api/v1/me", nil, &who)
	w.owner, w.portfolio = who.ID, ledger.PortfolioID(strings.TrimPrefix(path, "/api/v1/portfolios/"))
	stop()

	store, err = openStore(t.Context(), settings, calendar, o)
	w.ok(err)
	n, err := newNode(t.Context(), settings, "alerts", store, calendar, o)
	if err != nil {
		t.Fatal(errors.Join(err, store.Close()))
	}
	record := journal.New(journalStore{store}, n.bus, journal.Options{Log: o.Log, Now: o.Now})
	hub := live.New(liveStore{store}, record, n.bus, calendar, live.Options{Log: o.Log, Now: o.Now})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- hub.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, n.bus.Close(), store.Close()); err != nil {
			t.Error(err)
		}
	})
	w.alertPortfolios = alertPortfolios{n, record, hub, calendar}
	for id, newest := range map[market.InstrumentID]string{"acme": "120", "halved": "60"} {
		w.ok(store.PutBars(t.Context(), id, []market.Bar{
			{Date: w.today - 10, Close: money.MustParse("100")}, {Date: w.today - 5, Close: money.MustParse("110")}, {Date: w.today - 1, Close: money.MustParse(newest)},
		}))
	}
	w.price("acme", "EUR", "125", "120")
	w.price("halved", "EUR", "62.5", "60")
	w.price(market.RateID("USD"), "USD", "1.25", "1.2")
	return w
}

func (w *alertsWorld) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *alertsWorld) price(id market.InstrumentID, currency money.Currency, now, before string) {
	w.t.Helper()
	closed := money.MustParse(before)
	at := w.o.Now()
	_, _, err := w.store.Accept(w.t.Context(), []market.Mark{{
		Quote:         market.Quote{Instrument: id, Price: money.MustParse(now), Currency: currency, Source: "yahoo", ObservedAt: at, MarketTime: at},
		PreviousClose: &closed, PreviousDate: w.today - 1,
	}})
	w.ok(err)
}

// facts waits until the newest prices are here, as the engine does.
func (w *alertsWorld) facts(asked engine.Asked) engine.Valued {
	w.t.Helper()
	var err error
	asked.Quotes, err = w.store.CurrentSequence(w.t.Context())
	w.ok(err)
	valued, err := w.Facts(w.t.Context(), w.owner, w.portfolio, asked)
	w.ok(err)
	return valued
}

func TestFactsOfAPortfolio(t *testing.T) {
	t.Parallel()
	w := newAlertsWorld(t)
	valued := w.facts(engine.Asked{Days: 30, Rates: []money.Currency{"EUR", "USD"}})
	f := valued.Facts
	is := func(what string, got *money.Decimal, want string) {
		t.Helper()
		if got == nil || !got.Equal(money.MustParse(want)) {
			t.Errorf("%s is %v, want %s", what, got, want)
		}
	}
	is("the value", f.Value, "1250")
	is("the gain", f.Gain, "250")
	is("the gain in percent", f.GainPercent(), "25")
	is("the change of the day", f.DayChange, "50")
	is("the rate", f.Rates.Cross("EUR", "USD"), "1.25")
	is("the change of five days", f.Change(5), "13.636364") // 125 / 110
	if len(f.Holdings) != 1 || f.Holdings[0].Instrument != "acme" || f.Holdings[0].State == "" {
		t.Fatalf("holdings: %+v", f.Holdings)
	}
	is("the weight", f.Holdings[0].Weight, "100")
	if !slices.ContainsFunc(f.Groups, func(g alert.GroupWeight) bool {
		return g.Group == alert.Group{By: figures.ByClass, Name: "stock"} && g.Weight != nil
	}) {
		t.Errorf("groups: %+v", f.Groups)
	}
	if !slices.Contains(valued.Needs, "acme") || !slices.Contains(valued.Needs, market.RateID("USD")) || slices.Contains(valued.Needs, market.RateID("EUR")) {
		t.Errorf("it changes with %v", valued.Needs)
	}
	if first, last := f.Index[0].Day, f.Index[len(f.Index)-1].Day; first != w.today-10 || last != w.today {
		t.Errorf("the index is from %s to %s", first, last)
	}
	if short := w.facts(engine.Asked{}); short.Facts.Index != nil || short.Facts.Rates.Cross("EUR", "USD") != nil {
		t.Errorf("what nobody asked for: %+v", short.Facts)
	}
	if _, err := w.Facts(t.Context(), w.owner, "nowhere", engine.Asked{}); !fault.Is(err, fault.NotFound) {
		t.Errorf("a portfolio that isn't there: %v", err)
	}
}

// Closes are in the units of today, and end with the price of now.
func TestPastOfAnInstrument(t *testing.T) {
	t.Parallel()
	w := newAlertsWorld(t)
	w.facts(engine.Asked{}) // so that prices are here
	_, _, err := w.store.PutActions(t.Context(), "halved", []market.Action{
		{Kind: market.ActionSplit, Date: w.today - 3, PayDate: market.NoDate, New: money.NewDecimal(2, 0), Old: money.One, Source: "tests", ObservedAt: w.o.Now()},
	})
	w.ok(err)
	for id, want := range map[market.InstrumentID][]string{"acme": {"100", "110", "120", "125"}, "halved": {"50", "55", "60", "62.5"}} {
		bars, err := w.past(t.Context(), id, 30)
		w.ok(err)
		var got []string
		for _, bar := range bars {
			got = append(got, bar.Close.Reduced().String())
		}
		if !slices.Equal(got, want) || bars[len(bars)-1].Date != w.today {
			t.Errorf("%s: %v until %s, want %v", id, got, bars[len(bars)-1].Date, want)
		}
	}
}

func TestScenesOfRules(t *testing.T) {
	t.Parallel()
	w := newAlertsWorld(t)
	w.facts(engine.Asked{})
	ctx := t.Context()
	_, _, err := w.store.PutActions(ctx, "acme", []market.Action{
		{Kind: market.ActionDividend, Date: w.today + 2, PayDate: market.NoDate, Amount: money.One, Currency: "EUR", Source: "tests", ObservedAt: w.o.Now()},
	})
	w.ok(err)
	w.ok(w.store.SetNoticeSettings(ctx, w.owner, notify.Settings{}, w.o.Now(), audit.Write{
		Audit: audit.Entry{Owner: w.owner, Actor: w.owner, Action: audit.NoticesSet, RequestID: "r1", Result: "ok"}, Incident: audit.IncidentImportRefused,
	}))
	scene := func(c alert.Condition) alert.Scene {
		t.Helper()
		s, err := w.Scene(ctx, w.owner, &alert.Rule{Owner: w.owner, Condition: c, CreatedAt: w.o.Now().Add(-time.Minute)})
		w.ok(err)
		return s
	}
	if s := scene(alert.Condition{Kind: alert.ExDate, Portfolio: w.portfolio}); len(s.Actions["acme"]) != 1 || s.Names["acme"] != "Acme" || len(s.Names) != 1 {
		t.Errorf("dividends of what is held: %+v", s)
	}
	if s := scene(alert.Condition{Kind: alert.Stale, Instrument: "halved"}); len(s.Ages) != 1 || !s.Ages["halved"].ObservedAt.Equal(w.o.Now().Truncate(time.Microsecond)) || s.Names["halved"] != "HALF" {
		t.Errorf("the age of a price: %+v", s)
	}
	if s := scene(alert.Condition{Kind: alert.ImportFailed}); len(s.Incidents) != 1 || s.Incidents[0].Kind != alert.ImportFailed {
		t.Errorf("what happened: %+v", s)
	}
	if _, err := w.Scene(ctx, w.owner, &alert.Rule{Owner: w.owner, Condition: alert.Condition{Kind: alert.Dividend, Portfolio: "nowhere"}}); !fault.Is(err, fault.NotFound) {
		t.Errorf("a portfolio that isn't there: %v", err)
	}
}
