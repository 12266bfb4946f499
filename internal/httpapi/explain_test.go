package httpapi

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"folioscope/internal/market"
)

// explained asks how a figure came about.
func (h *house) explained(figure, more string) Explanation {
	h.t.Helper()
	return into[Explanation](h.ask("ann", "GET", annPortfolio+"/performance?explain="+url.QueryEscape(figure)+more, "").is(http.StatusOK))
}

func TestAFigureTellsHowItCameAbout(t *testing.T) {
	h := newHouse(t)
	must(t, h.store.PutBars(t.Context(), "world-etf", []market.Bar{{Date: market.MustDate("2026-01-05"), Close: *dec("100")}, {Date: market.MustDate("2026-02-02"), Close: *dec("120")}}))
	ids := h.record("b", `{"date":"2026-01-05","type":"buy","account":"Depot","symbol":"world-etf","quantity":"3","price":"100","fee":"2"}`)

	value := h.explained("totals.value", "")
	if value.Figure != "totals.value" || *value.Value != "360" || value.Unit != "EUR" || value.Period.From != "2026-01-05" || value.Trail.Operation != "sum" || value.Trail.Note == "" {
		t.Fatalf("%+v", value)
	}
	position := value.Trail.Inputs[0]
	if position.Label != "value of WRLD" || position.Operation != "product" || len(position.Inputs) != 2 {
		t.Fatalf("%+v", position)
	}
	price, quantity := position.Inputs[0], position.Inputs[1].Inputs[0]
	if price.Source == nil || price.Source.Kind != "price" || price.Source.Symbol != "WRLD" || price.Source.Date != "2026-02-02" || *price.Value != "120" {
		t.Errorf("%+v", price)
	}
	if quantity.Source == nil || quantity.Source.ID != ids[0] || quantity.Source.Field != "quantity" || quantity.Label != "quantity of 2026-01-05 purchase of WRLD" {
		t.Errorf("%+v", quantity)
	}

	top := h.explained("positions[WRLD].cost_base", "&depth=1")
	if len(top.Trail.Inputs) != 1 || top.Trail.Inputs[0].Omitted != 2 || len(top.Trail.Inputs[0].Inputs) != 0 {
		t.Fatalf("%+v", top.Trail)
	}
	lot := h.explained("positions[WRLD].cost_base", "&path=0").Trail
	if *lot.Value != "302" || len(lot.Inputs) != 2 || lot.Inputs[1].Source.Field != "fee" {
		t.Errorf("%+v", lot)
	}
	if rest := h.explained("positions[WRLD].cost_base", "&path=0&skip=1").Trail; len(rest.Inputs) != 1 || rest.Inputs[0].Source.Field != "fee" || rest.Omitted != 1 {
		t.Errorf("%+v", rest)
	}
	if twr := h.explained("returns.twr", ""); twr.Trail.Operation != "chain" || len(twr.Trail.Inputs) != 1 || !strings.Contains(twr.Trail.Note, "paid in counts from the start of its day") {
		t.Errorf("%+v", twr)
	}
	if average := h.explained("totals.cost", "&lot_method=average"); *average.Value != "302" {
		t.Errorf("%+v", average)
	}
}

func TestExplanationsAreAskedForByName(t *testing.T) {
	h := newHouse(t)
	h.buy("ann", "3", "100")
	for query, field := range map[string]string{
		"explain=":                                             "explain",
		"explain=totals.nonsense":                              "explain",
		"explain=positions[XXX].cost":                          "explain",
		"explain=totals.value&path=x":                          "path",
		"explain=totals.value&path=9":                          "path",
		"explain=totals.value&skip=-1":                         "skip",
		"explain=totals.value&depth=all":                       "depth",
		"explain=" + strings.Repeat("x", explainedFigureMax+1): "explain",
	} {
		p := h.ask("ann", "GET", annPortfolio+"/performance?"+query, "").problem(http.StatusUnprocessableEntity, "invalid")
		if len(p.Errors) != 1 || p.Errors[0].Location != field {
			t.Errorf("%s: %+v", query, p)
		}
	}
	h.server.explaining = newRoom(1, 0)
	leave, _ := h.server.explaining.enter(t.Context())
	h.ask("ann", "GET", annPortfolio+"/performance?explain=totals.value", "").problem(http.StatusTooManyRequests, "limited")
	leave()
	h.ask("ann", "GET", annPortfolio+"/performance?explain=totals.value", "").is(http.StatusOK)
}
