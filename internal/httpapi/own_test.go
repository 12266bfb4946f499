package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"folioscope/internal/market"
)

const houseOfAnn = `{"symbol":"HOUSE","name":"The house","currency":"EUR","asset_class":"property","country":"DE","note":"Let to Ben"}`

// ownHouse gives ann a house, and a share in it of 1.
func (h *house) ownHouse() string {
	h.t.Helper()
	made := into[OwnCreated](h.ask("ann", "POST", annPortfolio+"/instruments", houseOfAnn, once("house")).is(http.StatusCreated))
	h.record("bought", `{"date":"2026-01-05","type":"buy","account":"Depot","symbol":"HOUSE","quantity":"1","price":"300000"}`)
	return made.Instrument.ID
}

func (h *house) enter(id, body string) PricesChanged {
	h.t.Helper()
	return into[PricesChanged](h.ask("ann", "PUT", annPortfolio+"/prices/"+id, body).is(http.StatusOK))
}

func csv(r *http.Request) { r.Header.Set("Content-Type", "text/csv") }

func TestOwnInstrumentFromBirthToEnd(t *testing.T) {
	h := newHouse(t)
	path := annPortfolio + "/instruments"
	made := into[OwnCreated](h.ask("ann", "POST", path, houseOfAnn, once("a")).is(http.StatusCreated))
	again := h.ask("ann", "POST", path, houseOfAnn, once("a")).is(http.StatusCreated)
	if again.Header().Get("Idempotency-Replayed") != "true" || into[OwnCreated](again).Instrument.ID != made.Instrument.ID || into[OwnCreated](again).Sequence != made.Sequence {
		t.Errorf("asked twice: %s", again.Body)
	}
	id := made.Instrument.ID
	if !strings.HasPrefix(id, "own-") || made.Instrument.AssetClass != "property" || *made.Instrument.Note != "Let to Ben" || made.Instrument.Used {
		t.Errorf("made %+v", made)
	}
	if p := h.ask("ann", "POST", path, houseOfAnn, once("b")).problem(http.StatusUnprocessableEntity, "invalid"); p.Errors[0].Location != "symbol" {
		t.Errorf("the same symbol: %+v", p.Errors)
	}
	for _, wrong := range []string{`"asset_class":"fx"`, `"currency":"eur"`, `"name":"  "`, `"symbol":" "`} {
		field, _, _ := strings.Cut(wrong, ":")
		body := strings.Replace(houseOfAnn, `"HOUSE"`, `"OTHER"`, 1)
		parts := strings.Split(strings.Trim(body, "{}"), ",")
		for i := range parts {
			if strings.HasPrefix(parts[i], field) {
				parts[i] = wrong
			}
		}
		h.ask("ann", "POST", path, "{"+strings.Join(parts, ",")+"}", once(wrong)).problem(http.StatusUnprocessableEntity, "invalid")
	}
	h.ask("ann", "PATCH", path+"/"+id, `{"name":"The old house"}`).problem(http.StatusPreconditionRequired, "stale")
	h.ask("ann", "PATCH", path+"/"+id, `{"name":"The old house"}`, header("If-Match", "1")).problem(http.StatusPreconditionFailed, "stale")
	changed := into[OwnCreated](h.ask("ann", "PATCH", path+"/"+id, `{"name":"The old house","note":""}`, header("If-Match", fmt.Sprint(made.Sequence))).is(http.StatusOK))
	if changed.Instrument.Name != "The old house" || changed.Instrument.Note != nil || *changed.Instrument.Country != "DE" {
		t.Errorf("changed to %+v", changed.Instrument)
	}
	h.record("bought", `{"date":"2026-01-05","type":"buy","account":"Depot","symbol":"`+id+`","quantity":"1","price":"300000"}`)
	list := into[OwnInstruments](h.ask("ann", "GET", path, "").is(http.StatusOK))
	if len(list.Items) != 1 || !list.Items[0].Used || list.Items[0].LastPrice != nil || list.Items[0].Name != "The old house" {
		t.Errorf("listed %+v", list)
	}
	h.ask("ann", "DELETE", path+"/"+id, "", header("If-Match", fmt.Sprint(list.Sequence))).problem(http.StatusConflict, "conflict")
	other := into[OwnCreated](h.ask("ann", "POST", path, strings.Replace(houseOfAnn, `"HOUSE"`, `"BARN"`, 1), once("barn")).is(http.StatusCreated))
	h.ask("ann", "DELETE", path+"/"+other.Instrument.ID, "", header("If-Match", fmt.Sprint(other.Sequence))).is(http.StatusOK)
	if list := into[OwnInstruments](h.ask("ann", "GET", path, "").is(http.StatusOK)); len(list.Items) != 1 {
		t.Errorf("after deleting %+v", list)
	}
}

// What is one's own is nowhere for anybody else: not by id, not by symbol, not in search.
func TestOwnInstrumentsAreNobodyElses(t *testing.T) {
	h := newHouse(t)
	id := h.ownHouse()
	bobs := "/api/v1/portfolios/portfolio-bob"
	for _, ask := range [][3]string{
		{"GET", annPortfolio + "/instruments", ""},
		{"PATCH", bobs + "/instruments/" + id, `{"name":"Mine"}`},
		{"DELETE", bobs + "/instruments/" + id, ""},
		{"GET", bobs + "/prices/" + id, ""},
		{"PUT", bobs + "/prices/" + id, `{"prices":[{"date":"2026-01-05","price":"1"}]}`},
		{"DELETE", bobs + "/prices/" + id + "?date=2026-01-05", ""},
		{"GET", bobs + "/holdings/" + id, ""},
		{"GET", bobs + "/holdings/" + id + "/prices", ""},
		{"GET", "/api/v1/instruments/" + id, ""},
		{"GET", "/api/v1/instruments/" + id + "/bars", ""},
	} {
		h.ask("bob", ask[0], ask[1], ask[2], header("If-Match", "1")).problem(http.StatusNotFound, "not_found")
	}
	for _, symbol := range []string{"HOUSE", id} {
		h.ask("bob", "POST", bobs+"/activities", `{"activities":[{"date":"2026-01-05","type":"buy","symbol":"`+symbol+`","quantity":"1","price":"1"}]}`, once(symbol)).problem(http.StatusUnprocessableEntity, "invalid")
	}
	h.ask("bob", "POST", bobs+"/prices", "date,symbol,price\n2026-01-05,HOUSE,1\n", once("csv"), csv).problem(http.StatusUnprocessableEntity, "invalid")
	if found := into[Instruments](h.ask("bob", "GET", "/api/v1/instruments?q=house", "").is(http.StatusOK)); len(found.Items) != 0 {
		t.Errorf("found %+v", found)
	}
	if strings.Contains(h.log.String(), "The house") || strings.Contains(h.log.String(), "300000") {
		t.Error("the log tells of it")
	}
}

func TestPricesByHand(t *testing.T) {
	h := newHouse(t)
	id := h.ownHouse()
	document := func() Holding {
		t.Helper()
		holdings := into[PortfolioDocument](h.ask("ann", "GET", annPortfolio, "").is(http.StatusOK)).Holdings
		if len(holdings) != 1 {
			t.Fatalf("%+v", holdings)
		}
		return holdings[0]
	}
	if before := document(); before.Price.State != "none" || before.Value != nil || before.CostBase == nil {
		t.Errorf("without a price %+v", before)
	}
	done := h.enter(id, `{"prices":[{"date":"2026-01-10","price":"310000"},{"date":"2026-01-01","price":"305000"}]}`)
	now := document()
	if done.Added != 2 || now.Price.State != "manual" || *now.Price.Source != "manual" || *now.Price.Amount != "310000" || *now.ValueBase != "310000" ||
		now.Price.MarketTime.Format("2006-01-02") != "2026-01-10" || now.Price.ObservedAt == nil || *now.Price.PreviousClose != "305000" {
		t.Errorf("%+v, %+v", done, now.Price)
	}
	if same := h.enter(id, `{"prices":[{"date":"2026-01-10","price":"310000.00"}]}`); same.Same != 1 || same.Sequence != done.Sequence {
		t.Errorf("the same again: %+v", same)
	}
	if other := h.enter(id, `{"prices":[{"date":"2026-01-10","price":"320000"}]}`); other.Replaced != 1 || *document().Price.Amount != "320000" {
		t.Errorf("another: %+v", other)
	}
	drawn := into[HoldingPrices](h.ask("ann", "GET", annPortfolio+"/holdings/"+id+"/prices", "").is(http.StatusOK))
	if got := fmt.Sprint(drawn.Prices); got != "[{2026-01-01 305000 305000} {2026-01-10 320000 320000}]" {
		t.Errorf("drawn %s", got)
	}
	history := into[History](h.ask("ann", "GET", annPortfolio+"/history?from=2026-01-05&to=2026-01-11", "").is(http.StatusOK))
	if first, last := history.Series[0], history.Series[len(history.Series)-1]; *first.Value != "305000" || *last.Value != "320000" {
		t.Errorf("history from %s to %s", *first.Value, *last.Value)
	}
	if whole := into[History](h.ask("ann", "GET", annPortfolio+"/history?from=2026-01-05&to=2026-03-01", "").is(http.StatusOK)); len(whole.Gaps) != 0 {
		t.Errorf("a house that nobody valued for weeks is no gap: %+v", whole.Gaps)
	}
	why := h.ask("ann", "GET", annPortfolio+"/performance?from=2026-01-06&to=2026-01-11&explain=totals.value", "").is(http.StatusOK).Body.String()
	if !strings.Contains(why, `"source":"manual"`) {
		t.Errorf("the trail names no source: %s", why)
	}
	list := into[ManualPrices](h.ask("ann", "GET", annPortfolio+"/prices/"+id, "").is(http.StatusOK))
	if len(list.Items) != 2 || list.Items[0].Date != "2026-01-10" || list.Items[0].Superseded || !list.Own || list.Currency != "EUR" {
		t.Errorf("listed %+v", list)
	}
	h.ask("ann", "DELETE", annPortfolio+"/prices/"+id+"?date=2026-01-10", "").is(http.StatusOK)
	h.ask("ann", "DELETE", annPortfolio+"/prices/"+id+"?date=2026-01-10", "").problem(http.StatusNotFound, "not_found")
	if *document().Price.Amount != "305000" {
		t.Errorf("after deleting %+v", document().Price)
	}
	for body, place := range map[string]string{
		`{"prices":[{"date":"2026-01-10","price":"1"},{"date":"2026-01-10","price":"1"}]}`: "prices[1].date",
		`{"prices":[{"date":"2036-01-10","price":"1"}]}`:                                   "prices[0].date",
		`{"prices":[{"date":"2026-02-30","price":"1"}]}`:                                   "prices[0].date",
		`{"prices":[{"date":"2026-01-10","price":"0"}]}`:                                   "prices[0].price",
	} {
		if p := h.ask("ann", "PUT", annPortfolio+"/prices/"+id, body).problem(http.StatusUnprocessableEntity, "invalid"); p.Errors[0].Location != place {
			t.Errorf("%s: %+v, want %s", body, p.Errors, place)
		}
	}
	h.ask("ann", "PUT", annPortfolio+"/prices/world-etf", `{"prices":[{"date":"2026-01-10","price":"1"}]}`).problem(http.StatusNotFound, "not_found")
}

// A source's close of a day goes before what was entered, and the other days stay.
func TestPricesByHandBesideASource(t *testing.T) {
	h := newHouse(t)
	must(t, h.store.PutBars(t.Context(), "world-etf", []market.Bar{{Date: market.MustDate("2026-01-06"), Close: *dec("102")}}))
	h.buy("ann", "1", "100")
	h.enter("world-etf", `{"prices":[{"date":"2026-01-06","price":"1"},{"date":"2026-01-07","price":"103"}]}`)
	drawn := into[HoldingPrices](h.ask("ann", "GET", annPortfolio+"/holdings/world-etf/prices", "").is(http.StatusOK))
	if got := fmt.Sprint(drawn.Prices); got != "[{2026-01-06 102 102} {2026-01-07 103 103}]" {
		t.Errorf("drawn %s", got)
	}
	list := into[ManualPrices](h.ask("ann", "GET", annPortfolio+"/prices/world-etf", "").is(http.StatusOK))
	if list.Items[0].Superseded || !list.Items[1].Superseded || list.Own {
		t.Errorf("listed %+v", list.Items)
	}
	bars := into[Bars](h.ask("ann", "GET", "/api/v1/instruments/world-etf/bars", "").is(http.StatusOK))
	if len(bars.Bars) != 1 {
		t.Errorf("everybody sees %v", bars.Bars)
	}
}

func TestPricesByFile(t *testing.T) {
	h := newHouse(t)
	id := h.ownHouse()
	path := annPortfolio + "/prices"
	file := "date,symbol,price\n2026-01-10,HOUSE,310000\n2026-01-11,HOUSE,311000\n"
	done := into[PricesChanged](h.ask("ann", "POST", path, file, once("f1"), csv).is(http.StatusCreated))
	if done.Added != 2 || done.Replaced != 0 {
		t.Errorf("%+v", done)
	}
	if again := into[PricesChanged](h.ask("ann", "POST", path, file, once("f1"), csv).is(http.StatusCreated)); again != done {
		t.Errorf("the same request: %+v", again)
	}
	if same := into[PricesChanged](h.ask("ann", "POST", path, file, once("f2"), csv).is(http.StatusCreated)); same.Same != 2 || same.Sequence != done.Sequence {
		t.Errorf("the same file: %+v", same)
	}
	if short := into[PricesChanged](h.ask("ann", "POST", path+"?instrument_id="+id, "date;price\n2026-01-12;312000\n", once("f3"), csv).is(http.StatusCreated)); short.Added != 1 {
		t.Errorf("without a symbol: %+v", short)
	}
	wrong := h.ask("ann", "POST", path, "date,symbol,price\n2026-01-13,HOUSE,1\n2026-01-14,BARN,2\n2026-01-15,HOUSE,x\n", once("f4"), csv).problem(http.StatusUnprocessableEntity, "invalid")
	if len(wrong.Errors) != 2 || wrong.Errors[0].Location != "row 3, symbol" || wrong.Errors[1].Location != "row 4, price" {
		t.Errorf("%+v", wrong.Errors)
	}
	if list := into[ManualPrices](h.ask("ann", "GET", path+"/"+id, "").is(http.StatusOK)); len(list.Items) != 3 {
		t.Errorf("half of a file is there: %+v", list.Items)
	}
	h.ask("ann", "POST", path, file, csv).problem(http.StatusUnprocessableEntity, "invalid") // no key
	h.ask("ann", "POST", path, file, once("f5")).problem(http.StatusUnsupportedMediaType, "invalid")
	h.ask("ann", "POST", path+"?instrument_id=nope", file, once("f6"), csv).problem(http.StatusUnprocessableEntity, "invalid")
}
