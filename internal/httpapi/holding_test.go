package httpapi

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"folioscope/internal/market"
)

// The closes stay as traded; beside them is what is drawn, without a jump where the portfolio records a split.
func TestHoldingsPricesAreAdjustedForDrawing(t *testing.T) {
	h := newHouse(t)
	must(t, h.store.PutBars(t.Context(), "world-etf", []market.Bar{
		{Date: market.MustDate("2026-01-05"), Close: *dec("100")}, {Date: market.MustDate("2026-01-06"), Close: *dec("102")},
		{Date: market.MustDate("2026-01-07"), Close: *dec("51")}, {Date: market.MustDate("2026-01-08"), Close: *dec("52")},
	}))
	ids := h.record("b", `{"date":"2026-01-05","type":"buy","account":"Depot","symbol":"world-etf","quantity":"3","price":"100"}`,
		`{"date":"2026-01-07","type":"split","symbol":"world-etf","ratio":"2:1"}`,
		`{"date":"2026-01-08","type":"sell","account":"Depot","symbol":"world-etf","quantity":"1","price":"52"}`)
	path := annPortfolio + "/holdings/world-etf"
	drawn := into[HoldingPrices](h.ask("ann", "GET", path+"/prices", "").is(http.StatusOK))
	want := "[{2026-01-05 100 50} {2026-01-06 102 51} {2026-01-07 51 51} {2026-01-08 52 52}] [{2026-01-07 2:1}]"
	if got := fmt.Sprint(drawn.Prices, drawn.Splits); got != want || drawn.Currency != "EUR" {
		t.Errorf("%s, want %s", got, want)
	}
	if len(drawn.Trades) != 2 || drawn.Trades[0].ActivityID != ids[0] || *drawn.Trades[0].Quantity != "3" || *drawn.Trades[0].AdjustedQuantity != "6" || *drawn.Trades[0].AdjustedPrice != "50" ||
		drawn.Trades[1].Type != "sell" || *drawn.Trades[1].AdjustedPrice != "52" {
		t.Errorf("%+v", drawn.Trades)
	}
	if detail := into[HoldingDetail](h.ask("ann", "GET", path, "").is(http.StatusOK)); *detail.AverageCost != "50" {
		t.Errorf("average cost in other units than what is drawn: %s", *detail.AverageCost)
	}
	part := into[HoldingPrices](h.ask("ann", "GET", path+"/prices?from=2026-01-06&to=2026-01-06", "").is(http.StatusOK))
	if fmt.Sprint(part.Prices) != "[{2026-01-06 102 51}]" {
		t.Errorf("%+v", part.Prices)
	}
	bars := into[Bars](h.ask("ann", "GET", "/api/v1/instruments/world-etf/bars", "").is(http.StatusOK))
	if bars.Bars[0][1] != "100" || bars.Bars[2][1] != "51" {
		t.Errorf("raw closes: %v", bars.Bars)
	}
	h.ask("ann", "GET", annPortfolio+"/holdings/acme-xetr/prices", "").problem(http.StatusNotFound, "not_found")
	h.ask("ann", "GET", path+"/prices?from=2026-02-30", "").problem(http.StatusUnprocessableEntity, "invalid")
}

// What is sold is still answered, with what it brought.
func TestAClosedHoldingIsAnswered(t *testing.T) {
	h := newHouse(t)
	h.ask("ann", "POST", annPortfolio+"/accounts", `{"name":"Other","currency":"EUR"}`, once("a")).is(http.StatusCreated)
	path := annPortfolio + "/holdings/world-etf"
	h.ask("ann", "GET", path, "").problem(http.StatusNotFound, "not_found")
	h.record("b", `{"date":"2026-01-05","type":"buy","account":"Depot","symbol":"world-etf","quantity":"3","price":"100","fee":"1"}`,
		`{"date":"2026-01-05","type":"buy","account":"Other","symbol":"world-etf","quantity":"1","price":"100"}`,
		`{"date":"2026-01-06","type":"dividend","account":"Depot","symbol":"world-etf","amount":"5","tax":"2"}`,
		`{"date":"2026-01-07","type":"sell","account":"Depot","symbol":"world-etf","quantity":"3","price":"110"}`,
		`{"date":"2026-01-07","type":"sell","account":"Other","symbol":"world-etf","quantity":"1","price":"120"}`)
	d := into[HoldingDetail](h.ask("ann", "GET", path, "").is(http.StatusOK))
	if d.Holding.Quantity != "0" || *d.Holding.ValueBase != "0" || *d.Holding.RealisedBase != "49" || *d.Holding.IncomeBase != "5" || *d.Holding.ProfitBase != "52" ||
		*d.TaxesBase != "2" || *d.FeesBase != "1" || d.Holding.Price.State != "none" || d.AverageCost != nil || len(d.Lots) != 0 || len(d.Activities) != 5 || d.Instrument.Symbol != "WRLD" {
		t.Errorf("%+v", d)
	}
	if got := h.ask("ann", "GET", path, "").is(http.StatusOK).Body.String(); !strings.Contains(got, `"lots":[]`) || !strings.Contains(got, `"accounts":[]`) {
		t.Error(got)
	}
	if p := into[HoldingPrices](h.ask("ann", "GET", path+"/prices", "").is(http.StatusOK)); len(p.Trades) != 4 {
		t.Errorf("%+v", p)
	}
	h.ask("ann", "GET", annPortfolio+"/holdings/acme-xetr", "").problem(http.StatusNotFound, "not_found")
	h.ask("bob", "GET", path, "").problem(http.StatusNotFound, "not_found")
}
