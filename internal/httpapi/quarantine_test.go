package httpapi

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/identity"
	"folioscope/internal/ingest"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// withPrices gives a house something that brings prices in.
func withPrices(t *testing.T) (*house, *ingest.Ingest) {
	t.Helper()
	var prices *ingest.Ingest
	h := newHouse(t, func(o *Options) {
		var err error
		calendar, err := market.NewCalendar()
		must(t, err)
		prices, err = ingest.New(ingest.Options{Store: o.Store.(ingest.Store), Publisher: ingest.Hints{Bus: deafBus{}}, Sessions: calendar,
			Log: slog.New(slog.DiscardHandler), Interval: 10 * time.Minute, Now: o.Now})
		must(t, err)
		o.Prices = prices
	})
	return h, prices
}

func TestAnAdministratorDecidesOnPrices(t *testing.T) {
	h, prices := withPrices(t)
	offer := func(price string) {
		t.Helper()
		must(t, prices.Offer(t.Context(), "pushed", []ingest.Offered{{Instrument: "world-etf", Price: money.MustParse(price), Currency: "EUR", MarketTime: h.clock.Now(), PreviousDate: market.NoDate}}))
		h.clock.advance(time.Minute)
	}
	offer("100")
	offer("10000")
	page := into[HeldPrices](h.ask("root", "GET", "/api/v1/admin/quarantine", "").is(http.StatusOK))
	if len(page.Items) != 1 || page.NextCursor != nil {
		t.Fatalf("%+v", page)
	}
	held := page.Items[0]
	if held.Price != "10000" || held.LastPrice != "100" || held.Symbol != "WRLD" || held.Source != "pushed" || held.State != "waiting" || held.Reason == "" || held.DecidedAt != nil || held.DecidedPrice != nil {
		t.Errorf("%+v", held)
	}
	h.ask("root", "POST", "/api/v1/admin/quarantine/"+held.ID, `{"decision":"perhaps"}`).problem(http.StatusUnprocessableEntity, "invalid")
	h.ask("root", "POST", "/api/v1/admin/quarantine/4711", `{"decision":"accept"}`).problem(http.StatusNotFound, "not_found")
	h.ask("root", "POST", "/api/v1/admin/quarantine/x", `{"decision":"accept"}`).problem(http.StatusNotFound, "not_found")
	done := into[HeldPrice](h.ask("root", "POST", "/api/v1/admin/quarantine/"+held.ID, `{"decision":"refuse"}`).is(http.StatusOK))
	if done.State != "refused" || done.DecidedAt == nil || done.DecidedPrice != nil {
		t.Errorf("%+v", done)
	}
	h.ask("root", "POST", "/api/v1/admin/quarantine/"+held.ID, `{"decision":"accept"}`).problem(http.StatusConflict, "conflict")
	offer("5000")
	held = into[HeldPrices](h.ask("root", "GET", "/api/v1/admin/quarantine?limit=1", "").is(http.StatusOK)).Items[0]
	if done = into[HeldPrice](h.ask("root", "POST", "/api/v1/admin/quarantine/"+held.ID, `{"decision":"accept"}`).is(http.StatusOK)); done.State != "accepted" || *done.DecidedPrice != "5000" {
		t.Errorf("%+v", done)
	}
	offer("50")
	offer("50.5") // a price that moves is one row
	all := into[HeldPrices](h.ask("root", "GET", "/api/v1/admin/quarantine?state=all&limit=2", "").is(http.StatusOK))
	if len(all.Items) != 2 || all.Items[0].Price != "50.5" || all.Items[0].State != "waiting" || all.NextCursor == nil {
		t.Errorf("an error of unit confirms itself: %+v", all)
	}
	rest := into[HeldPrices](h.ask("root", "GET", "/api/v1/admin/quarantine?state=all&limit=2&cursor="+*all.NextCursor, "").is(http.StatusOK))
	if len(rest.Items) != 1 || rest.Items[0].State != "refused" {
		t.Errorf("%+v", rest)
	}
	h.ask("root", "GET", "/api/v1/admin/quarantine?cursor=x", "").problem(http.StatusUnprocessableEntity, "invalid")
	rows, err := h.store.Audits(t.Context(), "", 0, 100)
	must(t, err)
	var actions []audit.Action
	for _, row := range rows {
		if row.Action == audit.PriceAccepted || row.Action == audit.PriceRefused {
			actions = append(actions, row.Action)
		}
	}
	if len(actions) != 2 || actions[0] != audit.PriceRefused {
		t.Errorf("%v", actions)
	}
}

func TestPricesAreForAdministrators(t *testing.T) {
	h, _ := withPrices(t)
	for _, name := range []string{"ann", "advia", "audrey"} {
		h.ask(name, "GET", "/api/v1/admin/quarantine", "").problem(http.StatusForbidden, "denied")
		h.ask(name, "POST", "/api/v1/admin/quarantine/1", `{"decision":"accept"}`).problem(http.StatusForbidden, "denied")
	}
	for _, action := range []access.Action{access.ReadQuarantine, access.DecideQuarantine} {
		if !access.May(access.Subject{Owner: "root", Role: identity.RoleAdmin}, action, access.Resource{}).Allowed {
			t.Errorf("%s", action)
		}
	}
	if got := into[Refreshed](h.ask("ann", "POST", "/api/v1/instruments/world-etf/refresh", "").is(http.StatusOK)); got.Asked {
		t.Error("nobody holds it")
	}
	h.buy("ann", "1", "100")
	if got := into[Refreshed](h.ask("ann", "POST", "/api/v1/instruments/world-etf/refresh", "").is(http.StatusOK)); !got.Asked {
		t.Error("it is held")
	}
	if got := into[Refreshed](h.ask("bob", "POST", "/api/v1/instruments/world-etf/refresh", "").is(http.StatusOK)); got.Asked {
		t.Error("twice in a minute")
	}
	h.ask("ann", "POST", "/api/v1/instruments/none/refresh", "").problem(http.StatusNotFound, "not_found")
	plain := newHouse(t)
	plain.ask("root", "GET", "/api/v1/admin/quarantine", "").problem(http.StatusServiceUnavailable, "unavailable")
}
