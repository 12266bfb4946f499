package httpapi

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"folioscope/internal/alert"
)

// Bad input: the answer names the place, nothing is stored, the service goes on.
func TestBadInputNamesThePlace(t *testing.T) {
	h := newHouse(t)
	activity := func(fields string) string {
		return `{"activities":[{"date":"2026-01-05","type":"buy",` + fields + `}]}`
	}
	const activities = "POST /api/v1/portfolios/portfolio-ann/activities"
	for name, c := range map[string]struct {
		route, body string
		status      int
		code, place string
	}{
		"not JSON":                {activities, `{"activities":`, 400, "invalid", ""},
		"HTML":                    {activities, `<html>`, 400, "invalid", ""},
		"two values":              {activities, `{"activities":[]}{}`, 400, "invalid", ""},
		"nothing":                 {activities, ``, 400, "invalid", ""},
		"no list":                 {activities, `{}`, 422, "invalid", ""},
		"empty list":              {activities, `{"activities":[]}`, 422, "invalid", "activities"},
		"list of texts":           {activities, `{"activities":["x"]}`, 422, "invalid", "activities[0]"},
		"null list":               {activities, `{"activities":null}`, 422, "invalid", "activities"},
		"unknown field":           {activities, activity(`"symbol":"world-etf","quantity":"1","price":"1","isin":"x"`), 422, "invalid", "activities[0].isin"},
		"number as number":        {activities, activity(`"symbol":"world-etf","quantity":1,"price":"1"`), 422, "invalid", "activities[0].quantity"},
		"price as number":         {activities, activity(`"symbol":"world-etf","quantity":"1","price":1.5`), 422, "invalid", "activities[0].price"},
		"exponent":                {activities, activity(`"symbol":"world-etf","quantity":"1e3","price":"1"`), 422, "invalid", "activities[0].quantity"},
		"letter O":                {activities, activity(`"symbol":"world-etf","quantity":"1O","price":"1"`), 422, "invalid", "activities[0].quantity"},
		"NaN":                     {activities, activity(`"symbol":"world-etf","quantity":"NaN","price":"1"`), 422, "invalid", "activities[0].quantity"},
		"blank":                   {activities, activity(`"symbol":"world-etf","quantity":" 1","price":"1"`), 422, "invalid", "activities[0].quantity"},
		"comma":                   {activities, activity(`"symbol":"world-etf","quantity":"1,5","price":"1"`), 422, "invalid", "activities[0].quantity"},
		"formula":                 {activities, activity(`"symbol":"world-etf","quantity":"=1+1","price":"1"`), 422, "invalid", "activities[0].quantity"},
		"too many digits":         {activities, activity(`"symbol":"world-etf","quantity":"` + strings.Repeat("9", 200) + `","price":"1"`), 422, "invalid", "activities[0].quantity"},
		"negative quantity":       {activities, activity(`"symbol":"world-etf","quantity":"-1","price":"1"`), 422, "invalid", "activities[0].quantity"},
		"zero quantity":           {activities, activity(`"symbol":"world-etf","quantity":"0","price":"1"`), 422, "invalid", "activities[0].quantity"},
		"negative price":          {activities, activity(`"symbol":"world-etf","quantity":"1","price":"-1"`), 422, "invalid", "activities[0].price"},
		"unknown symbol":          {activities, activity(`"symbol":"NOPE","quantity":"1","price":"1"`), 422, "invalid", "activities[0].symbol"},
		"no symbol":               {activities, activity(`"quantity":"1","price":"1"`), 422, "invalid", "activities[0].symbol"},
		"a rate as symbol":        {activities, activity(`"symbol":"fx-eur-USD","quantity":"1","price":"1"`), 422, "invalid", "activities[0].symbol"},
		"unknown account":         {activities, activity(`"account":"account-bob","symbol":"world-etf","quantity":"1","price":"1"`), 422, "invalid", "activities[0].account"},
		"no currency":             {activities, activity(`"symbol":"world-etf","quantity":"1","price":"1","currency":"eur"`), 422, "invalid", "activities[0].currency"},
		"unknown type":            {activities, `{"activities":[{"date":"2026-01-05","type":"steal","amount":"1"}]}`, 422, "invalid", "activities[0].type"},
		"no date":                 {activities, `{"activities":[{"type":"deposit","amount":"1"}]}`, 422, "invalid", "activities[0]"},
		"no such day":             {activities, `{"activities":[{"date":"2026-02-30","type":"deposit","amount":"1"}]}`, 422, "invalid", "activities[0].date"},
		"date as written by hand": {activities, `{"activities":[{"date":"5.1.2026","type":"deposit","amount":"1"}]}`, 422, "invalid", "activities[0].date"},
		"in the future":           {activities, `{"activities":[{"date":"2027-01-05","type":"deposit","amount":"1"}]}`, 422, "invalid", "activities[0].date"},
		"overselling":             {activities, `{"activities":[{"date":"2026-01-05","type":"sell","symbol":"world-etf","quantity":"5","price":"1"}]}`, 422, "invalid", "activities[0].quantity"},
		"ratio":                   {activities, `{"activities":[{"date":"2026-01-05","type":"split","symbol":"world-etf","ratio":"2"}]}`, 422, "invalid", "activities[0].ratio"},
		"long note":               {activities, activity(`"symbol":"world-etf","quantity":"1","price":"1","note":"` + strings.Repeat("x", 9000) + `"`), 422, "invalid", "activities[0].note"},
		"NUL in a note":           {activities, activity(`"symbol":"world-etf","quantity":"1","price":"1","note":"a\u0000b"`), 422, "invalid", "activities[0].note"},
		"no portfolio name":       {"POST /api/v1/portfolios", `{"base_currency":"EUR"}`, 422, "invalid", ""},
		"currency of portfolio":   {"POST /api/v1/portfolios", `{"name":"x","base_currency":"euro"}`, 422, "invalid", "base_currency"},
		"minor unit as base":      {"POST /api/v1/portfolios", `{"name":"x","base_currency":"GBX"}`, 422, "invalid", "base_currency"},
		"lot method":              {"POST /api/v1/portfolios", `{"name":"x","base_currency":"EUR","lot_method":"best"}`, 422, "invalid", "lot_method"},
		"mass assignment":         {"POST /api/v1/portfolios", `{"name":"x","base_currency":"EUR","owner_id":"owner-bob"}`, 422, "invalid", "owner_id"},
		"class":                   {"POST /api/v1/instruments", `{"symbol":"X","name":"x","currency":"EUR","asset_class":"fx"}`, 422, "invalid", "asset_class"},
		"ISIN's check digit":      {"POST /api/v1/instruments", `{"symbol":"X","name":"x","currency":"EUR","asset_class":"stock","isin":"US0378331006"}`, 422, "invalid", "isin"},
		"provider's name":         {"POST /api/v1/instruments", `{"symbol":"X","name":"x","currency":"EUR","asset_class":"stock","names":{"yahoo":"a b\r\n"}}`, 422, "invalid", "names"},
		"limit":                   {"GET /api/v1/portfolios/portfolio-ann/activities?limit=501", ``, 422, "invalid", "limit"},
		"cursor":                  {"GET /api/v1/portfolios/portfolio-ann/activities?cursor=abc", ``, 422, "invalid", "cursor"},
		"period":                  {"GET /api/v1/portfolios/portfolio-ann/history?from=2026-02-01&to=2026-01-01", ``, 422, "invalid", "from"},
		"day":                     {"GET /api/v1/portfolios/portfolio-ann/performance?from=yesterday", ``, 422, "invalid", "from"},
		"lot method of figures":   {"GET /api/v1/portfolios/portfolio-ann/performance?lot_method=best", ``, 422, "invalid", "lot_method"},
		"scope of figures":        {"GET /api/v1/portfolios/portfolio-ann/performance?lot_scope=depot", ``, 422, "invalid", "lot_scope"},
		"lot scope":               {"POST /api/v1/portfolios", `{"name":"x","base_currency":"EUR","lot_scope":"depot"}`, 422, "invalid", "lot_scope"},
		"what it becomes":         {activities, `{"activities":[{"date":"2026-01-05","type":"rename","symbol":"world-etf","to_symbol":"NOPE"}]}`, 422, "invalid", "activities[0].to_symbol"},
		"becoming itself":         {activities, `{"activities":[{"date":"2026-01-05","type":"rename","symbol":"world-etf","to_symbol":"world-etf"}]}`, 422, "invalid", "activities[0].to_symbol"},
		"share of cost":           {activities, `{"activities":[{"date":"2026-01-05","type":"spin_off","symbol":"world-etf","to_symbol":"acme-xetr","ratio":"1:4","cost_share":"1.2"}]}`, 422, "invalid", "activities[0].cost_share"},
		"no share of cost":        {activities, `{"activities":[{"date":"2026-01-05","type":"spin_off","symbol":"world-etf","to_symbol":"acme-xetr","ratio":"1:4"}]}`, 422, "invalid", "activities[0].cost_share"},
		"ratio of nothing":        {activities, `{"activities":[{"date":"2026-01-05","type":"merger","symbol":"world-etf","to_symbol":"acme-xetr","ratio":"0:1"}]}`, 422, "invalid", "activities[0].ratio"},
		"capital of nothing":      {activities, `{"activities":[{"date":"2026-01-05","type":"return_of_capital","symbol":"world-etf","amount":"5"}]}`, 422, "invalid", "activities[0].symbol"},
		"cash that stays":         {activities, `{"activities":[{"date":"2026-01-05","type":"cash_transfer","amount":"5","to_currency":"EUR","to_amount":"5"}]}`, 422, "invalid", "activities[0].to_account"},
		"a lot of letters":        {activities, activity(`"symbol":"world-etf","quantity":"1","price":"1","lots":[{"id":"b","quantity":"x"}]`), 422, "invalid", "activities[0].lots[0].quantity"},
		"a lot of nothing":        {activities, activity(`"symbol":"world-etf","quantity":"1","price":"1","lots":[{"id":"b","quantity":"0"}]`), 422, "invalid", "activities[0].lots[0].quantity"},
		"a lot without an id":     {activities, activity(`"symbol":"world-etf","quantity":"1","price":"1","lots":[{"quantity":"1"}]`), 422, "invalid", "activities[0].lots[0]"},
		"grouping":                {"GET /api/v1/portfolios/portfolio-ann/allocation?by=mood", ``, 422, "invalid", "by"},
		"sequence":                {"GET /api/v1/portfolios/portfolio-ann?sequence=x", ``, 422, "invalid", "sequence"},
		"stream of nothing":       {"GET /api/v1/stream", ``, 422, "invalid", "portfolio"},
		"stream of too many":      {"GET /api/v1/stream?portfolio=" + strings.Repeat("a,", 50), ``, 422, "invalid", "portfolio"},
		"no e-mail":               {"POST /api/v1/session", `{"password":"x"}`, 422, "invalid", ""},
		"sign-in of numbers":      {"POST /api/v1/session", `{"email":1,"password":"x"}`, 422, "invalid", "email"},
		"unknown address":         {"GET /api/v1/nothing", ``, 404, "not_found", ""},
		"wrong method":            {"PUT /api/v1/portfolios", `{}`, 405, "invalid", ""},
	} {
		t.Run(name, func(t *testing.T) {
			method, path, _ := strings.Cut(c.route, " ")
			a := h.ask("ann", method, path, c.body, once("k-"+name))
			a.t = t
			p := a.problem(c.status, c.code)
			for _, shown := range append(p.Errors, Place{Message: p.Detail}) {
				if shown.Message != sentence(shown.Message) || !strings.HasSuffix(shown.Message, ".") {
					t.Errorf("%s: not a sentence: %q", a.what, shown.Message)
				}
			}
			if c.place == "" {
				return
			}
			if len(p.Errors) == 0 || p.Errors[0].Location != c.place || p.Errors[0].Message == "" {
				t.Fatalf("%s: places %+v (%s), want %s", a.what, p.Errors, p.Detail, c.place)
			}
		})
	}
	if all := into[ActivityPage](h.ask("ann", "GET", "/api/v1/portfolios/portfolio-ann/activities", "").is(http.StatusOK)); len(all.Items) != 0 {
		t.Fatalf("stored: %+v", all.Items)
	}
	if all := into[Portfolios](h.ask("ann", "GET", "/api/v1/portfolios", "").is(http.StatusOK)); len(all.Items) != 1 {
		t.Fatalf("stored: %+v", all.Items)
	}
}

func TestOversellingNamesDayAndShortfall(t *testing.T) {
	h := newHouse(t)
	h.buy("ann", "3", "10")
	sell := `{"activities":[{"date":"2026-02-02","type":"sell","symbol":"world-etf","quantity":"5","price":"11"}]}`
	p := h.ask("ann", "POST", "/api/v1/portfolios/portfolio-ann/activities", sell, once("s")).problem(http.StatusUnprocessableEntity, "invalid")
	if !strings.Contains(p.Errors[0].Message, "2026-02-02") || !strings.Contains(p.Errors[0].Message, "2") {
		t.Fatalf("%+v", p)
	}
	h.ask("ann", "PATCH", "/api/v1/portfolios/portfolio-ann", `{"allow_short":true}`).is(http.StatusOK)
	h.ask("ann", "POST", "/api/v1/portfolios/portfolio-ann/activities", sell, once("s")).is(http.StatusCreated)
}

// Shorts stay allowed while there is one, and it is named.
func TestShortsAreClosedBeforeTheyAreForbidden(t *testing.T) {
	h := newHouse(t)
	const path, forbid = "/api/v1/portfolios/portfolio-ann", `{"name":"New","allow_short":false}`
	h.ask("ann", "PATCH", path, `{"allow_short":true}`).is(http.StatusOK)
	h.ask("ann", "POST", path+"/activities", `{"activities":[{"date":"2026-01-04","type":"sell","symbol":"world-etf","quantity":"2","price":"11"}]}`, once("s")).is(http.StatusCreated)
	p := h.ask("ann", "PATCH", path, forbid).problem(http.StatusUnprocessableEntity, "invalid")
	if p.Errors[0].Location != "allow_short" || !strings.Contains(p.Errors[0].Message, "WRLD") {
		t.Fatalf("%+v", p)
	}
	if now := into[Portfolios](h.ask("ann", "GET", "/api/v1/portfolios", "").is(http.StatusOK)).Items[0]; !now.AllowShort || now.Name == "New" {
		t.Fatalf("%+v", now)
	}
	h.ask("ann", "PATCH", path, `{"allow_short":true,"closed":false}`).is(http.StatusOK)
	h.buy("ann", "2", "10")
	h.ask("ann", "PATCH", path, forbid).is(http.StatusOK)
	h.ask("ann", "PATCH", path, forbid).is(http.StatusOK)
}

func TestBodiesAreBounded(t *testing.T) {
	h := newHouse(t)
	huge := `{"name":"` + strings.Repeat("x", jsonBytesMax) + `","base_currency":"EUR"}`
	h.ask("ann", "POST", "/api/v1/portfolios", huge, once("k")).problem(http.StatusRequestEntityTooLarge, "too_large")
	h.ask("ann", "PATCH", "/api/v1/portfolios/portfolio-ann", huge).problem(http.StatusRequestEntityTooLarge, "too_large")
	h.ask("", "POST", "/api/v1/session", `{"email":"`+huge).problem(http.StatusRequestEntityTooLarge, "too_large")
	csv := "date,type,amount\n" + strings.Repeat("2026-01-01,deposit,1.00000000000000\n", csvBytesMax/36+1)
	h.ask("ann", "POST", "/api/v1/portfolios/portfolio-ann/imports?format=folioscope-csv", csv, once("k"), header("Content-Type", "text/csv")).problem(http.StatusRequestEntityTooLarge, "too_large")
	h.ask("ann", "POST", "/api/v1/portfolios/portfolio-ann/imports?format=folioscope-csv&dry_run=true", csv, header("Content-Type", "text/csv")).problem(http.StatusRequestEntityTooLarge, "too_large")
	deep := strings.Repeat("[", 100_000)
	h.ask("ann", "POST", "/api/v1/portfolios", deep, once("k")).problem(http.StatusBadRequest, "invalid")
}

func TestImport(t *testing.T) {
	h := newHouse(t)
	path := "/api/v1/portfolios/portfolio-ann/imports?format=folioscope-csv"
	asCSV := header("Content-Type", "text/csv; charset=utf-8")
	good := "\ufeffdate;type;symbol;quantity;price;note\r\n2026-01-05;buy;world-etf;3;100;a\r\n2026-01-05;buy;world-etf;3;100;b\r\n2026-01-09;sell;WRLD;1;101.5;\"=cmd|' /C calc'!A0\"\r\n"
	preview := into[ImportPreview](h.ask("ann", "POST", path+"&dry_run=true", good, asCSV).is(http.StatusOK))
	if preview.Rows != 3 || preview.New != 3 || preview.Duplicates != 0 || len(preview.Errors) != 0 || len(preview.Preview) != 3 || preview.Preview[2].Row != 4 || preview.Preview[2].Status != "new" {
		t.Fatalf("%+v", preview)
	}
	h.ask("ann", "POST", path, good, asCSV).problem(http.StatusUnprocessableEntity, "invalid") // needs a key
	for _, unclear := range []string{"1", "TRUE", "yes"} {
		if p := h.ask("ann", "POST", path+"&dry_run="+unclear, good, asCSV, once("k0")).problem(http.StatusUnprocessableEntity, "invalid"); p.Errors[0].Location != "dry_run" {
			t.Fatalf("dry_run=%s: %+v", unclear, p)
		}
	}
	done := into[ImportResult](h.ask("ann", "POST", path, good, asCSV, once("k1")).is(http.StatusCreated))
	if done.Added != 3 || done.Duplicates != 0 {
		t.Fatalf("%+v", done)
	}
	again := into[ImportResult](h.ask("ann", "POST", path, good, asCSV, once("k1")).is(http.StatusCreated))
	second := into[ImportResult](h.ask("ann", "POST", path, good, asCSV, once("k2")).is(http.StatusCreated))
	if again != done || second.Added != 0 || second.Duplicates != 3 || second.Sequence != done.Sequence {
		t.Fatalf("%+v, %+v, %+v", done, again, second)
	}
	bad := "date,type,symbol,quantity,price\n2026-01-05,buy,world-etf,1O,100\n2026-01-06,buy,NOPE,1,100\n2026-01-07,buy,world-etf,=1+1,100\n2026-01-08,buy,world-etf,7,7\n"
	report := into[ImportPreview](h.ask("ann", "POST", path+"&dry_run=true", bad, asCSV).is(http.StatusOK))
	if len(report.Errors) != 3 || report.Errors[0] != (ImportError{Row: 2, Column: "quantity", Message: `Not a number: "1O".`}) || report.Errors[1].Column != "symbol" || report.Errors[2].Row != 4 {
		t.Fatalf("%+v", report)
	}
	p := h.ask("ann", "POST", path, bad, asCSV, once("k3")).problem(http.StatusUnprocessableEntity, "invalid")
	if len(p.Errors) != 3 || p.Errors[0].Location != "row 2, quantity" {
		t.Fatalf("%+v", p)
	}
	page := into[ActivityPage](h.ask("ann", "GET", "/api/v1/portfolios/portfolio-ann/activities", "").is(http.StatusOK))
	if len(page.Items) != 3 || page.Sequence != done.Sequence || *page.Items[0].Note != `=cmd|' /C calc'!A0` {
		t.Fatalf("%+v", page)
	}
	h.ask("ann", "POST", path, good, once("k4")).problem(http.StatusUnsupportedMediaType, "invalid")
	h.ask("ann", "POST", strings.Replace(path, "folioscope-csv", "ofx", 1), good, asCSV, once("k5")).problem(http.StatusUnprocessableEntity, "invalid")
	oversell := "date,type,symbol,quantity,price\n2026-01-10,sell,world-etf,50,100\n"
	p = h.ask("ann", "POST", path, oversell, asCSV, once("k6")).problem(http.StatusUnprocessableEntity, "invalid")
	if p.Errors[0].Location != "row 2, quantity" || !strings.Contains(p.Errors[0].Message, "2026-01-10") {
		t.Fatalf("%+v", p)
	}
	incidents, err := h.store.Incidents(t.Context(), "owner-ann", time.Unix(0, 0))
	if err != nil || len(incidents) != 2 || incidents[0].Kind != alert.ImportFailed {
		t.Errorf("%v: two files were refused, which rules can wait for: %+v", err, incidents)
	}
}

func TestKeyIsForOneRequest(t *testing.T) {
	h := newHouse(t)
	make := func(name, key string, more ...with) *reply {
		return h.ask("ann", "POST", "/api/v1/portfolios", `{"name":"`+name+`","base_currency":"EUR"}`, append(more, once(key))...)
	}
	first := make("One", "k").is(http.StatusCreated)
	if again := make("One", "k").is(http.StatusCreated); again.Body.String() != first.Body.String() {
		t.Fatalf("%s, then %s", first.Body, again.Body)
	}
	if p := make("Two", "k").problem(http.StatusUnprocessableEntity, "invalid"); p.Errors[0].Location != "Idempotency-Key" {
		t.Fatalf("%+v", p)
	}
	h.ask("bob", "POST", "/api/v1/portfolios", `{"name":"One","base_currency":"EUR"}`, once("k")).is(http.StatusCreated)
	h.ask("ann", "POST", "/api/v1/portfolios", `{"name":"One","base_currency":"EUR"}`).problem(http.StatusUnprocessableEntity, "invalid")
	for _, key := range []string{"", strings.Repeat("k", 256), "ümlaut", "tab\t"} {
		make("Three", key).problem(http.StatusUnprocessableEntity, "invalid")
	}
	make("", "later").is(http.StatusUnprocessableEntity)
	make("Four", "later").is(http.StatusCreated) // what was refused may be sent again
	if all := into[Portfolios](h.ask("ann", "GET", "/api/v1/portfolios", "").is(http.StatusOK)); len(all.Items) != 3 {
		t.Fatalf("%+v", all)
	}
}

// While the first request with a key is being answered, the second is told to come back; nothing is created twice.
func TestKeyInFlight(t *testing.T) {
	h := newHouse(t)
	arrived, proceed := make(chan struct{}), make(chan struct{})
	done := make(chan *reply)
	body := `{"name":"Slow","base_currency":"EUR"}`
	slow := &slowStore{Store: h.server.store, arrived: arrived, proceed: proceed}
	h.server.store = slow
	go func() { done <- h.ask("ann", "POST", "/api/v1/portfolios", body, once("k")) }()
	<-arrived
	a := h.ask("ann", "POST", "/api/v1/portfolios", body, once("k"))
	a.problem(http.StatusConflict, "conflict")
	if a.Header().Get("Retry-After") == "" {
		t.Fatal("no Retry-After")
	}
	close(proceed)
	(<-done).is(http.StatusCreated)
	h.ask("ann", "POST", "/api/v1/portfolios", body, once("k")).is(http.StatusCreated)
	if all := into[Portfolios](h.ask("ann", "GET", "/api/v1/portfolios", "").is(http.StatusOK)); len(all.Items) != 2 {
		t.Fatalf("%+v", all)
	}
}

func TestRequestsAreLimited(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Limits = Limits{PerUser: 1, PerUserBurst: 3, PerAddress: 1, PerAddrBurst: 5} })
	for i := range 3 {
		h.ask("ann", "GET", "/api/v1/me", "").is(http.StatusOK)
		_ = i
	}
	a := h.ask("ann", "GET", "/api/v1/me", "")
	a.problem(http.StatusTooManyRequests, "limited")
	if a.Header().Get("Retry-After") != "1" {
		t.Fatalf("Retry-After %q", a.Header().Get("Retry-After"))
	}
	h.ask("bob", "GET", "/api/v1/me", "").is(http.StatusOK)
	h.ask("bob", "GET", "/api/v1/me", "").problem(http.StatusTooManyRequests, "limited") // their address is the same
	h.ask("bob", "GET", "/api/v1/me", "", func(r *http.Request) { r.RemoteAddr = "198.51.100.7:1" }).is(http.StatusOK)
	h.ask("", "GET", "/healthz", "").is(http.StatusOK)
	h.ask("bob", "GET", "/api/v1/me", "", header("X-Forwarded-For", "203.0.113.9")).problem(http.StatusTooManyRequests, "limited") // nobody trusts it
}

func TestRequestsOfOtherSitesAreRefused(t *testing.T) {
	h := newHouse(t)
	body := `{"name":"x","base_currency":"EUR"}`
	for _, from := range []with{header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Site", "same-site"), header("Origin", "https://evil.example"), header("Origin", "null")} {
		h.ask("ann", "POST", "/api/v1/portfolios", body, once("k"), from).problem(http.StatusForbidden, "denied")
	}
	h.ask("ann", "POST", "/api/v1/portfolios", body, once("k"), header("Sec-Fetch-Site", "same-origin"), header("Origin", "https://folio.example")).is(http.StatusCreated)
}

func TestPanicIsAnswered(t *testing.T) {
	h := newHouse(t)
	h.server.store = nil
	p := h.ask("ann", "GET", "/api/v1/portfolios", "").problem(http.StatusInternalServerError, "internal")
	if strings.Contains(p.Detail, "nil") || !strings.Contains(h.log.String(), p.RequestID) {
		t.Fatalf("%+v\n%s", p, h.log)
	}
}

// What people are shown has a capital and a full stop, wherever it was written; names stay as they are.
func TestMessagesAreSentences(t *testing.T) {
	for message, want := range map[string]string{
		"must not be negative: -1":      "Must not be negative: -1.",
		"There is no such portfolio.":   "There is no such portfolio.",
		`not a number: "1O"`:            `Not a number: "1O".`,
		"activities[3].price is wrong":  "activities[3].price is wrong.",
		"iShares Core is not held":      "iShares Core is not held.",
		"row 2, quantity: not a number": "Row 2, quantity: not a number.",
		"":                              "",
	} {
		if got := sentence(message); got != want {
			t.Errorf("%q is shown as %q, want %q", message, got, want)
		}
	}
	h := newHouse(t)
	if p := h.ask("ann", "GET", "/api/v1/portfolios/portfolio-bob", "").problem(http.StatusNotFound, "not_found"); p.Detail != "There is no such portfolio." {
		t.Errorf("%q", p.Detail)
	}
	body := `{"activities":[{"date":"2026-01-05","type":"buy","symbol":"world-etf","quantity":"1","price":"-1"},{"date":"2026-01-05","type":"buy","symbol":"NOPE","quantity":"1","price":"1"}]}`
	p := h.ask("ann", "POST", "/api/v1/portfolios/portfolio-ann/activities", body, once("k")).problem(http.StatusUnprocessableEntity, "invalid")
	if want := `activities[1].symbol: No instrument is called "NOPE".`; p.Detail != want || p.Errors[0].Message != `No instrument is called "NOPE".` {
		t.Errorf("%+v", p)
	}
}

// A compressed body would be taken for text that is broken; the answer says what is wrong instead.
func TestCompressedBodiesAreRefused(t *testing.T) {
	h := newHouse(t)
	body := `{"name":"x","base_currency":"EUR"}`
	for _, coding := range []string{"gzip", "br", "identity, gzip"} {
		p := h.ask("ann", "POST", "/api/v1/portfolios", body, once("k"), header("Content-Encoding", coding)).problem(http.StatusUnsupportedMediaType, "invalid")
		if !strings.Contains(p.Detail, "compressed") {
			t.Errorf("%+v", p)
		}
	}
	h.ask("ann", "POST", "/api/v1/portfolios", body, once("k"), header("Content-Encoding", "Identity")).is(http.StatusCreated)
}

// cutBody ends before it is complete.
type cutBody struct{ io.Reader }

func (cutBody) Close() error { return nil }

func TestCutBodyIsRefused(t *testing.T) {
	h := newHouse(t)
	a := h.ask("ann", "POST", "/api/v1/portfolios", "x", once("k"), func(r *http.Request) {
		r.Body = cutBody{io.MultiReader(strings.NewReader(`{"name":"x",`), failing{})}
	})
	a.problem(http.StatusBadRequest, "invalid")
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, fmt.Errorf("read: %w", io.ErrUnexpectedEOF) }
