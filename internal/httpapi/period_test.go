package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"folioscope/internal/market"
)

// furnishPast gives ann ten of a fund and two dividends, over two months of prices with a hole in them.
func furnishPast(h *house) {
	h.t.Helper()
	bars := func(closes ...string) (all []market.Bar) {
		for i := 0; i < len(closes); i += 2 {
			all = append(all, market.Bar{Date: market.MustDate(closes[i]), Close: *dec(closes[i+1])})
		}
		return all
	}
	must(h.t, h.store.PutBars(h.t.Context(), "world-etf", bars("2026-01-05", "100", "2026-01-14", "90", "2026-01-28", "110", "2026-02-27", "121")))
	must(h.t, h.store.PutBars(h.t.Context(), "acme-xnys", bars("2026-01-05", "50", "2026-02-27", "60")))
	must(h.t, h.store.PutBars(h.t.Context(), market.RateID("USD"), bars("2026-01-02", "1.25", "2026-02-27", "1")))
	h.buy("ann", "10", "100")
	h.ask("ann", "POST", "/api/v1/portfolios/portfolio-ann/activities", `{"activities":[
		{"date":"2026-01-20","type":"dividend","symbol":"world-etf","amount":"8","tax":"2"},
		{"date":"2026-02-20","type":"dividend","symbol":"world-etf","amount":"12","tax":"3"}]}`, once("dividends")).is(http.StatusCreated)
}

func text(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

func TestFiguresOfPeriodsAreServed(t *testing.T) {
	h := newHouse(t)
	furnishPast(h)
	path := "/api/v1/portfolios/portfolio-ann"

	income := into[Income](h.ask("ann", "GET", path+"/income", "").is(http.StatusOK))
	if text(income.Gross) != "20" || text(income.Tax) != "5" || text(income.Net) != "15" || len(income.Months) != 3 || len(income.Years) != 1 || income.Years[0].Year != "2026" {
		t.Errorf("%+v", income)
	}
	if first := income.Months[0]; first.Month != "2026-01" || text(first.Gross) != "8" || len(first.Items) != 1 || first.Items[0].Symbol != "WRLD" {
		t.Errorf("%+v", first)
	}
	if text(income.Trailing.Yield) != "0.01652892561983471074380165289256198" || text(income.Trailing.YieldOnCost) != "0.02" || income.Trailing.From != "2025-03-03" {
		t.Errorf("%+v", income.Trailing)
	}
	if len(income.Positions) != 1 || text(income.Positions[0].TrailingGross) != "20" {
		t.Errorf("%+v", income.Positions)
	}

	returns := into[PeriodReturns](h.ask("ann", "GET", path+"/returns?to=2026-02-28", "").is(http.StatusOK))
	if len(returns.Months) != 2 || len(returns.Years) != 1 || returns.Years[0].Complete || len(returns.Rolling) != 3 || returns.BestDay.Date != "2026-01-28" || returns.WorstDay.Date != "2026-01-14" {
		t.Errorf("%+v", returns)
	}
	if len(returns.Drawdowns) != 1 || returns.Drawdowns[0].From != "2026-01-04" || text(returns.Drawdowns[0].To) != "2026-01-28" || returns.BestMonth.Month != "2026-02" {
		t.Errorf("%+v", returns.Drawdowns)
	}

	parts := into[PeriodContribution](h.ask("ann", "GET", path+"/contribution", "").is(http.StatusOK))
	if text(parts.Profit) != "225" || len(parts.Items) != 1 || text(parts.Items[0].Price) != "210" || text(parts.Items[0].Income) != "20" || text(parts.Items[0].Costs) != "5" || text(parts.Cash.Profit) != "0" {
		t.Errorf("%+v", parts)
	}
	if text(parts.Items[0].ShareOfProfit) != "1" {
		t.Errorf("%+v", parts.Items[0])
	}

	exposure := into[Exposure](h.ask("ann", "GET", path+"/exposure?by=asset_class", "").is(http.StatusOK))
	if len(exposure.Points) != 3 || exposure.Points[1].Date != "2026-02-28" || text(exposure.Points[1].Value) != "1210" || text(exposure.Points[1].Shares[0].Share) != "1" || exposure.Points[1].Shares[0].Label != "ETFs" {
		t.Errorf("%+v", exposure)
	}

	beside := into[BenchmarkComparison](h.ask("ann", "GET", path+"/benchmark?instrument=acme-xnys", "").is(http.StatusOK))
	// 1,000 buys 25 at 50 dollars of 0.80; 6 and 9 are taken out at 40, which leaves 24.625 at 60.
	if text(beside.BenchmarkValue) != "1477.5" || text(beside.Difference) != "-267.5" || text(beside.BenchmarkTWR) != "0.5" || beside.BenchmarkXIRRStatus != "ok" || len(beside.Points) != 57 {
		t.Errorf("%s %s %s %s, %d points", text(beside.BenchmarkValue), text(beside.Difference), text(beside.BenchmarkTWR), beside.BenchmarkXIRRStatus, len(beside.Points))
	}
	h.ask("ann", "GET", path+"/benchmark?instrument=acme-xetr", "").problem(http.StatusUnprocessableEntity, "invalid") // no prices
	h.ask("ann", "GET", path+"/benchmark?instrument=fx-eur-USD", "").problem(http.StatusNotFound, "not_found")
	h.ask("ann", "GET", path+"/benchmark", "").problem(http.StatusUnprocessableEntity, "invalid")
	h.ask("ann", "GET", path+"/exposure?by=account", "").problem(http.StatusUnprocessableEntity, "invalid")

	history := into[History](h.ask("ann", "GET", path+"/history", "").is(http.StatusOK))
	if len(history.Gaps) != 1 || history.Gaps[0].After != "2026-01-28" || text(history.Gaps[0].Before) != "2026-02-27" || history.Gaps[0].Symbol != "WRLD" {
		t.Errorf("%+v", history.Gaps)
	}
	if len(history.Problems) != 1 || history.Problems[0].Where != "prices.world-etf" || !strings.Contains(history.Problems[0].What, "between") {
		t.Errorf("%+v", history.Problems)
	}
}

// A portfolio with nothing in it has figures of nothing, not errors.
func TestFiguresOfPeriodsOfNothing(t *testing.T) {
	h := newHouse(t)
	furnishPast(h)
	for _, name := range []string{"income", "returns", "contribution", "exposure", "benchmark?instrument=world-etf"} {
		a := h.ask("bob", "GET", "/api/v1/portfolios/portfolio-bob/"+name, "").is(http.StatusOK)
		if strings.Contains(a.Body.String(), `"problems":null`) || strings.Contains(a.Body.String(), `:null,"problems"`) && name == "exposure" {
			t.Errorf("%s: %s", name, a.Body)
		}
		h.ask("bob", "GET", "/api/v1/portfolios/portfolio-ann/"+name, "").problem(http.StatusNotFound, "not_found")
	}
}
