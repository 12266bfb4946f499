package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// record appends activities and gives their ids.
func (h *house) record(key string, activities ...string) []string {
	h.t.Helper()
	body := `{"activities":[` + strings.Join(activities, ",") + `]}`
	return into[Recorded](h.ask("ann", "POST", annPortfolio+"/activities", body, once(key)).is(http.StatusCreated)).IDs
}

const annPortfolio = "/api/v1/portfolios/portfolio-ann"

// Every type of activity is recorded and read with all its fields.
func TestEveryTypeOfActivity(t *testing.T) {
	h := newHouse(t)
	second := into[Account](h.ask("ann", "POST", annPortfolio+"/accounts", `{"name":"Bank","currency":"USD"}`, once("a")).is(http.StatusCreated))
	bought := h.record("b", `{"date":"2026-01-02","type":"buy","account":"Depot","symbol":"world-etf","quantity":"10","price":"100"}`,
		`{"date":"2026-01-02","type":"buy","account":"Depot","symbol":"acme-xetr","quantity":"5","price":"20"}`)
	h.record("k",
		`{"date":"2026-01-03","type":"deposit","account":"Depot","amount":"2000"}`,
		`{"date":"2026-01-04","type":"sell","account":"Depot","symbol":"WRLD","quantity":"1","price":"101","lots":[{"id":"`+bought[0]+`","quantity":"1.00"}]}`,
		`{"date":"2026-01-05","type":"cash_transfer","account":"Depot","amount":"110","currency":"EUR","to_account":"Bank","to_currency":"USD","to_amount":"120"}`,
		`{"date":"2026-01-06","type":"spin_off","symbol":"WRLD","to_symbol":"ACME","to_mic":"XNYS","ratio":"1:4","cost_share":"0.2"}`,
		`{"date":"2026-01-07","type":"return_of_capital","account":"Depot","symbol":"WRLD","amount":"9"}`,
		`{"date":"2026-01-08","type":"merger","symbol":"acme-xetr","to_symbol":"US0378331005","ratio":"1:1","amount":"10"}`,
		`{"date":"2026-01-09","type":"rename","account":"Depot","symbol":"acme-xnys","to_symbol":"acme-xetr"}`,
		`{"date":"2026-01-10","type":"write_off","symbol":"acme-xetr"}`,
	)
	page := into[ActivityPage](h.ask("ann", "GET", annPortfolio+"/activities", "").is(http.StatusOK))
	by := map[string]Activity{}
	for _, a := range page.Items {
		by[a.Type] = a
	}
	text := func(p *string) string {
		if p == nil {
			return "null"
		}
		return *p
	}
	for _, c := range []struct{ what, got, want string }{
		{"lots of a sale", fmt.Sprint(by["sell"].Lots), "[{" + bought[0] + " 1.00}]"},
		{"no lots", fmt.Sprint(by["buy"].Lots == nil, len(by["buy"].Lots)), "false 0"},
		{"account that cash goes to", text(by["cash_transfer"].ToAccount), second.ID},
		{"currency it goes into", text(by["cash_transfer"].ToCurrency) + text(by["cash_transfer"].ToAmount), "USD120"},
		{"what is spun off", text(by["spin_off"].ToInstrumentID) + " " + text(by["spin_off"].ToSymbol) + " " + text(by["spin_off"].ToName), "acme-xnys ACME Acme Inc."},
		{"its share of cost", text(by["spin_off"].CostShare) + " " + text(by["spin_off"].Ratio), "0.2 1:4"},
		{"every account", text(by["merger"].Account), "null"},
		{"what is merged into", text(by["merger"].ToInstrumentID), "acme-xnys"},
		{"what is renamed to", text(by["rename"].ToInstrumentID), "acme-xetr"},
		{"nothing of it elsewhere", text(by["write_off"].ToInstrumentID), "null"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.what, c.got, c.want)
		}
	}
	of := into[ActivityPage](h.ask("ann", "GET", annPortfolio+"/activities?instrument_id=acme-xnys", "").is(http.StatusOK))
	if len(of.Items) != 3 {
		t.Errorf("%d activities of what others became", len(of.Items))
	}
	document := into[PortfolioDocument](h.ask("ann", "GET", annPortfolio, "").is(http.StatusOK))
	if len(document.Holdings) != 1 || document.Holdings[0].Symbol != "WRLD" || *document.Holdings[0].CostBase != "711.0" {
		t.Errorf("held: %s for %s", document.Holdings[0].Symbol, *document.Holdings[0].CostBase)
	}
}

// A lot method may be changed at any time, to specific only where each sale names its lots; the figures follow.
func TestLotMethodIsChanged(t *testing.T) {
	h := newHouse(t)
	ids := h.record("b", `{"date":"2026-01-02","type":"buy","symbol":"world-etf","quantity":"10","price":"100"}`,
		`{"date":"2026-01-03","type":"buy","symbol":"world-etf","quantity":"10","price":"120"}`,
		`{"date":"2026-01-04","type":"sell","symbol":"world-etf","quantity":"5","price":"130"}`)
	cost := func(method string) string {
		t.Helper()
		p := into[Portfolio](h.ask("ann", "PATCH", annPortfolio, `{"lot_method":"`+method+`"}`).is(http.StatusOK))
		if p.LotMethod != method || p.LotScope != "account" {
			t.Fatalf("%+v", p)
		}
		document := into[PortfolioDocument](h.ask("ann", "GET", fmt.Sprintf("%s?sequence=%d", annPortfolio, p.Sequence), "").is(http.StatusOK))
		return *document.Holdings[0].CostBase
	}
	for method, want := range map[string]string{"lifo": "1600", "hifo": "1600", "average": "1650", "fifo": "1700"} {
		if got := cost(method); got != want {
			t.Errorf("%s leaves a cost of %s, want %s", method, got, want)
		}
	}
	refused := h.ask("ann", "PATCH", annPortfolio, `{"lot_method":"specific"}`).problem(http.StatusUnprocessableEntity, "invalid")
	if refused.Errors[0].Location != "lot_method" || refused.Errors[0].Message != "The sale of WRLD on 2026-01-04 names no lots." || refused.Errors[0].ActivityID != ids[2] {
		t.Fatalf("%+v", refused)
	}
	asked := h.ask("ann", "GET", annPortfolio+"/performance?lot_method=specific", "").problem(http.StatusUnprocessableEntity, "invalid")
	if asked.Errors[0] != refused.Errors[0] {
		t.Fatalf("%+v", asked)
	}
	beside := into[LotMethods](h.ask("ann", "GET", annPortfolio+"/lot-methods", "").is(http.StatusOK))
	if len(beside.Items) != 10 {
		t.Fatalf("%+v", beside)
	}
	current := 0
	for _, item := range beside.Items {
		if item.Current {
			current++
		}
		if (item.LotMethod == "specific") != (item.Reason != nil) || item.Reason != nil && (*item.Reason != refused.Errors[0].Message || item.Profit != nil || len(item.Positions) != 0) {
			t.Errorf("%+v", item)
		}
		if item.Reason != nil && *item.ActivityID != ids[2] || item.Reason == nil && item.ActivityID != nil {
			t.Errorf("the activity that is in the way: %+v", item)
		}
		if item.Reason == nil && (len(item.Positions) != 1 || item.Positions[0].Quantity != "15" || *item.Positions[0].CostBase != *item.Cost) {
			t.Errorf("%+v", item)
		}
		if item.LotMethod == "lifo" && (*item.Realised != "50" || *item.Cost != "1600" || item.Positions[0].Lots != 2) {
			t.Errorf("%+v", item)
		}
	}
	if current != 1 {
		t.Errorf("%d current", current)
	}

	sale := func(quantity, lots string) string {
		return `{"date":"2026-01-04","type":"sell","symbol":"world-etf","quantity":"` + quantity + `","price":"130"` + lots + `}`
	}
	named := func(id, quantity string) string { return `,"lots":[{"id":"` + id + `","quantity":"` + quantity + `"}]` }
	sequence := into[ActivityPage](h.ask("ann", "GET", annPortfolio+"/activities", "").is(http.StatusOK)).Sequence
	h.ask("ann", "PUT", annPortfolio+"/activities/"+ids[2], sale("5", named(ids[1], "5")), header("If-Match", quotedNumber(sequence))).is(http.StatusOK)
	if got := cost("specific"); got != "1600" {
		t.Errorf("the named lot leaves a cost of %s", got)
	}
	for name, c := range map[string]struct{ body, says string }{
		"names none":        {sale("1", ""), "names no lots"},
		"not that much":     {sale("6", named(ids[1], "6")), "takes more of lot"},
		"not there":         {sale("1", named("nothing", "1")), "takes more of lot"},
		"of a sale":         {sale("1", named(ids[2], "1")), "takes more of lot"},
		"don't add up":      {sale("2", named(ids[0], "1")), "sum to 1, not to 2"},
		"more than is held": {sale("16", named(ids[0], "15")), "1 too few"},
	} {
		p := h.ask("ann", "POST", annPortfolio+"/activities", `{"activities":[`+c.body+`]}`, once(name)).problem(http.StatusUnprocessableEntity, "invalid")
		if !strings.HasPrefix(p.Errors[0].Location, "activities[0].") || !strings.Contains(p.Errors[0].Message, c.says) {
			t.Errorf("%s: %+v", name, p)
		}
	}
	twice := `{"activities":[` + sale("5", named(ids[1], "5")) + `,` + sale("1", named(ids[1], "1")) + `]}`
	if p := h.ask("ann", "POST", annPortfolio+"/activities", twice, once("twice")).problem(http.StatusUnprocessableEntity, "invalid"); p.Errors[0].Location != "activities[1].lots" {
		t.Errorf("a lot taken twice: %+v", p)
	}
	sequence = into[ActivityPage](h.ask("ann", "GET", annPortfolio+"/activities", "").is(http.StatusOK)).Sequence
	p := h.ask("ann", "DELETE", annPortfolio+"/activities/"+ids[1], "", header("If-Match", quotedNumber(sequence))).problem(http.StatusUnprocessableEntity, "invalid")
	if !strings.Contains(p.Errors[0].Message, "2026-01-04") {
		t.Errorf("voiding a lot that a sale took: %+v", p)
	}
}

// In scope portfolio a sale takes the oldest lots wherever they are.
func TestLotScopeIsChanged(t *testing.T) {
	h := newHouse(t)
	h.ask("ann", "POST", annPortfolio+"/accounts", `{"name":"Other","currency":"EUR"}`, once("a")).is(http.StatusCreated)
	h.record("b", `{"date":"2026-01-02","type":"buy","account":"Depot","symbol":"world-etf","quantity":"10","price":"100"}`,
		`{"date":"2026-01-03","type":"buy","account":"Other","symbol":"world-etf","quantity":"10","price":"120"}`,
		`{"date":"2026-01-04","type":"sell","account":"Other","symbol":"world-etf","quantity":"4","price":"130"}`)
	type performance struct {
		Totals    struct{ Realised, Cost string }
		Positions []struct{ Account string }
	}
	figures := func(query string) performance {
		t.Helper()
		var got performance
		must(t, json.Unmarshal(h.ask("ann", "GET", annPortfolio+"/performance"+query, "").is(http.StatusOK).Body.Bytes(), &got))
		return got
	}
	if got := figures(""); got.Totals.Realised != "40" || len(got.Positions) != 2 {
		t.Errorf("by account: %+v", got)
	}
	if got := figures("?lot_scope=portfolio"); got.Totals.Realised != "120" || len(got.Positions) != 1 || got.Positions[0].Account != "*" {
		t.Errorf("asked for: %+v", got)
	}
	if p := into[Portfolio](h.ask("ann", "PATCH", annPortfolio, `{"lot_scope":"portfolio"}`).is(http.StatusOK)); p.LotScope != "portfolio" || p.LotMethod != "fifo" {
		t.Fatalf("%+v", p)
	}
	if got := figures(""); got.Totals.Realised != "120" {
		t.Errorf("of the portfolio: %+v", got)
	}
	if got := figures("?lot_scope=account&lot_method=average"); got.Totals.Realised != "40" {
		t.Errorf("asked for: %+v", got)
	}
	if all := into[Portfolios](h.ask("ann", "GET", "/api/v1/portfolios", "").is(http.StatusOK)).Items; all[0].LotScope != "portfolio" {
		t.Errorf("%+v", all)
	}
	document := into[PortfolioDocument](h.ask("ann", "GET", annPortfolio, "").is(http.StatusOK))
	if accounts := document.Holdings[0].Accounts; len(accounts) != 2 || *document.Holdings[0].CostBase != "1800" {
		t.Errorf("held: %+v", document.Holdings[0])
	}
	spread := into[Allocation](h.ask("ann", "GET", annPortfolio+"/allocation?by=account", "").is(http.StatusOK))
	detail := into[HoldingDetail](h.ask("ann", "GET", annPortfolio+"/holdings/world-etf", "").is(http.StatusOK))
	if len(detail.Lots) != 2 || detail.Lots[0].AccountName != "Depot" || detail.Lots[1].AccountName != "Other" {
		t.Errorf("lots: %+v, spread %+v", detail.Lots, spread)
	}
	made := into[Portfolio](h.ask("ann", "POST", "/api/v1/portfolios", `{"name":"New","base_currency":"EUR","lot_method":"specific","lot_scope":"portfolio"}`, once("p")).is(http.StatusCreated))
	if made.LotMethod != "specific" || made.LotScope != "portfolio" {
		t.Errorf("%+v", made)
	}
}

// Who stops allowing short positions once they are covered goes on with the same instrument as before.
func TestPastShortPositionsAreNoHindrance(t *testing.T) {
	h := newHouse(t)
	h.ask("ann", "PATCH", annPortfolio, `{"allow_short":true}`).is(http.StatusOK)
	ids := h.record("b", `{"date":"2026-01-02","type":"sell","symbol":"world-etf","quantity":"4","price":"100"}`,
		`{"date":"2026-01-03","type":"buy","symbol":"world-etf","quantity":"10","price":"90"}`)
	h.ask("ann", "PATCH", annPortfolio, `{"allow_short":false}`).is(http.StatusOK)
	h.record("c", `{"date":"2026-01-04","type":"buy","symbol":"world-etf","quantity":"1","price":"95"}`,
		`{"date":"2026-01-05","type":"sell","symbol":"world-etf","quantity":"7","price":"95"}`)
	p := h.ask("ann", "POST", annPortfolio+"/activities", `{"activities":[{"date":"2026-01-02","type":"sell","symbol":"world-etf","quantity":"1","price":"95"}]}`, once("d")).
		problem(http.StatusUnprocessableEntity, "invalid")
	if p.Errors[0].Location != "activities[0].quantity" {
		t.Errorf("a new one: %+v", p)
	}
	sequence := into[ActivityPage](h.ask("ann", "GET", annPortfolio+"/activities", "").is(http.StatusOK)).Sequence
	p = h.ask("ann", "PUT", annPortfolio+"/activities/"+ids[0], `{"date":"2026-01-02","type":"sell","symbol":"world-etf","quantity":"5","price":"100"}`, header("If-Match", quotedNumber(sequence))).
		problem(http.StatusUnprocessableEntity, "invalid")
	if p.Errors[0].Location != "quantity" {
		t.Errorf("a deeper one: %+v", p)
	}
}
