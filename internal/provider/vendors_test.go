package provider

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/provider/replaytest"
)

func TestLatestOfVendors(t *testing.T) {
	tests := []struct {
		source string
		names  []string
		want   []string
	}{
		{Frankfurter, []string{"USD", "VND", "XYZ", "usd"}, []string{
			"USD 1.1584 USD×1 2026-11-18T13:15", "VND 30514.5 VND×1 2026-11-18T13:15", "XYZ UNKNOWN_SYMBOL", "usd UNKNOWN_SYMBOL",
		}},
		{Finnhub, []string{"FRST", "VDPC.L/GBX", "NOPE", "a b", "X/gbx"}, []string{
			"FRST 312.45 ×1 2026-11-18T21:00 before 310.02", "VDPC.L/GBX 88.42 GBP×0.01 2026-11-18T16:35 before 87.9",
			"NOPE UNKNOWN_SYMBOL", "X/gbx UNKNOWN_SYMBOL", "a b UNKNOWN_SYMBOL",
		}},
		{Tiingo, []string{"FRST", "SCND-B", "NOPE", "fund:FRSTX", "fund:GONEX", "fx:eurusd", "crypto:btcusd", "crypto:nonusd"}, []string{
			"FRST 312.45 ×1 2026-11-18T21:00 before 310.02", "fx:eurusd 1.1584 USD×1 2026-11-18T21:00",
			"crypto:btcusd 91234.56 USD×1 2026-11-18T21:04", "fund:FRSTX 48.19 ×1 2026-11-17T21:00",
			"NOPE UNKNOWN_SYMBOL", "SCND-B EMPTY", "crypto:nonusd UNKNOWN_SYMBOL", "fund:GONEX UNKNOWN_SYMBOL",
		}},
		{TwelveData, []string{"FRST", "EUR/USD", "NOPE", "VDPC@XLON", "a,b"}, []string{
			"FRST 312.45 USD×1 2026-11-18T21:00 before 310.02", "EUR/USD 1.1584 USD×1 2026-11-18T21:00 before 1.1601",
			"VDPC@XLON 88.42 GBP×0.01 2026-11-18T16:35 before 87.9", "NOPE UNKNOWN_SYMBOL", "a,b UNKNOWN_SYMBOL",
		}},
		{EODHD, []string{"FRST.US", "VDPC.LSE/GBX", "EURUSD.FOREX", "NOPE.US", "a b"}, []string{
			"FRST.US 312.45 USD×1 2026-11-18T21:00 before 310.02", "VDPC.LSE/GBX 88.42 GBP×0.01 2026-11-18T16:35 before 87.9",
			"EURUSD.FOREX 1.1584 USD×1 2026-11-18T21:00 before 1.1601", "NOPE.US UNKNOWN_SYMBOL", "a b UNKNOWN_SYMBOL",
		}},
		{EODHD, []string{"FRST.US"}, []string{"FRST.US 312.45 USD×1 2026-11-18T21:00 before 310.02"}},
		{Massive, []string{"FRST", "SCND.B", "NOPE", "C:EURUSD", "X:NONUSD"}, []string{
			"FRST 312.45 ×1 2026-11-18T21:00", "SCND.B 50.5 ×1 2026-11-18T21:00", "C:EURUSD 1.1601 USD×1 2026-11-17T21:00",
			"NOPE UNKNOWN_SYMBOL", "X:NONUSD UNKNOWN_SYMBOL",
		}},
		{FRED, []string{"USD", "GBP", "INR", "VND"}, []string{
			"USD 1.1584 USD×1 2026-11-13T17:00 before 1.1571 on 2026-11-12",
			"GBP 0.8703231 GBP×1 2026-11-13T17:00 before 0.8699346 on 2026-11-12", // 1.1584 ÷ 1.3310, 1.1571 ÷ 1.3301
			"INR 107.0362 INR×1 2026-11-13T17:00 before 106.8119 on 2026-11-12",   // 1.1584 × 92.40, 1.1571 × 92.31
			"VND UNKNOWN_SYMBOL",
		}},
		{AlphaVantage, []string{"FRST", "VDPC.LON/GBX", "fx:EURUSD", "NOPE"}, []string{
			"FRST 312.45 ×1 2026-11-18T21:00 before 310.02", "VDPC.LON/GBX 88.42 GBP×0.01 2026-11-18T21:00 before 87.9",
			"fx:EURUSD 1.1584 USD×1 2026-11-18T21:00", "NOPE UNKNOWN_SYMBOL",
		}},
	}
	for _, test := range tests {
		t.Run(test.source, func(t *testing.T) {
			_, p := standin(t, test.source)
			batch, err := p.Latest(t.Context(), test.names, now)
			if err != nil {
				t.Fatal(err)
			}
			same(t, lines(batch), test.want)
		})
	}
}

func TestHistoryOfVendors(t *testing.T) {
	tests := []struct {
		source, name, from, to string
		want                   []string
	}{
		{Frankfurter, "USD", "2026-11-16", "2026-11-18", []string{"USD×1", "2026-11-16 1.1577", "2026-11-17 1.1601", "2026-11-18 1.1584"}},
		{Frankfurter, "VND", "2026-11-17", "2026-11-18", []string{"VND×1", "2026-11-18 30514.5"}},
		{Tiingo, "FRST", "2026-06-08", "2026-06-10", []string{"×1", "2026-06-09 402.0", "2026-06-10 100.5"}},
		{Tiingo, "crypto:btcusd", "2026-11-16", "2026-11-30", []string{"USD×1", "2026-11-16 89990.25", "2026-11-17 90001.5"}}, // the 18th goes on
		{Tiingo, "fx:eurusd", "2026-11-16", "2026-11-30", []string{"USD×1", "2026-11-17 1.1601"}},
		{TwelveData, "FRST", "2026-11-16", "2026-11-30", []string{"USD×1", "2026-11-16 308.1", "2026-11-17 310.02"}},
		{EODHD, "FRST.US", "2026-11-16", "2026-11-30", []string{"USD×1", "2026-11-16 308.1", "2026-11-17 310.02"}},
		{Massive, "FRST", "2026-11-16", "2026-11-18", []string{"×1", "2026-11-16 308.1", "2026-11-17 310.02"}},
		{FRED, "USD", "2026-11-01", "2026-11-18", []string{"USD×1", "2026-11-12 1.1571", "2026-11-13 1.1584"}},
		{AlphaVantage, "FRST", "2026-11-17", "2026-11-18", []string{"×1", "2026-11-17 310.02"}},
		{AlphaVantage, "fx:EURUSD", "2026-11-01", "2026-11-18", []string{"USD×1", "2026-11-16 1.1577", "2026-11-17 1.1601"}},
		{AlphaVantage, "crypto:BTCUSD", "2026-11-01", "2026-11-18", []string{"USD×1", "2026-11-17 90001.5"}},
	}
	for _, test := range tests {
		t.Run(test.source+" "+test.name, func(t *testing.T) {
			_, p := standin(t, test.source)
			bars, unit, err := p.(Historian).History(t.Context(), test.name, market.MustDate(test.from), market.MustDate(test.to))
			if err != nil {
				t.Fatal(err)
			}
			got := []string{fmt.Sprintf("%s×%s", unit.Currency, unit.Factor())}
			for _, b := range bars {
				got = append(got, b.Date.String()+" "+b.Close.String())
			}
			same(t, got, test.want)
		})
	}
}

// A long history comes by the years from the ECB's rates, and from all banks' only where the ECB has none at all.
func TestFrankfurterYears(t *testing.T) {
	for name, want := range map[string]int{"USD": 3, "VND": 6} {
		var asked []string
		p := open(t, Frankfurter, options(Frankfurter, transport(func(r *http.Request) (*http.Response, error) {
			q := r.URL.Query()
			asked = append(asked, q.Get("providers")+" "+q.Get("from")+" "+q.Get("to"))
			if name == "VND" && q.Get("providers") == "ECB" {
				return body(200, "application/json", `[]`)(r)
			}
			return body(200, "application/json", fmt.Sprintf(`[{"date":"%s","base":"EUR","quote":"%s","rate":2.5}]`, q.Get("from"), name))(r)
		})))
		bars, _, err := p.(Historian).History(t.Context(), name, market.MustDate("2015-01-01"), market.MustDate("2026-11-18"))
		if err != nil || len(bars) != 3 || len(asked) != want || asked[want-1] != map[string]string{"USD": "ECB", "VND": ""}[name]+" 2025-01-08 2026-11-18" {
			t.Errorf("%s: %v, %v after %q", name, bars, err, asked)
		}
	}
}

// Closes that a source adjusts come by another door than raw ones, so that nobody splices the two.
func TestAdjustedHistory(t *testing.T) {
	_, p := standin(t, Finnhub)
	if _, raw := p.(Historian); raw {
		t.Error("Finnhub's adjusted closes pass for raw ones")
	}
	for name, want := range map[string]int{"FRST": 2, "NOPE": 0} {
		bars, _, adjustment, err := p.(AdjustedHistorian).AdjustedHistory(t.Context(), name, market.MustDate("2026-11-01"), market.MustDate("2026-11-30"))
		if err != nil || len(bars) != want || adjustment != SplitAdjusted {
			t.Errorf("%s: %v, %s, %v", name, bars, adjustment, err)
		}
	}
	for source, want := range map[string]Adjustment{Finnhub: SplitAdjusted, Yahoo: Raw, Tiingo: Raw, AMFI: ""} {
		if got, ok := AdjustmentOf(open(t, source, Options{})); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", source, got, ok)
		}
	}
	server, massive := standin(t, Massive)
	server.SetMode(Massive, replaytest.FileMode+"adjusted.json")
	if bars, _, err := massive.(Historian).History(t.Context(), "FRST", 0, market.DateOf(now)); OutcomeOf(err) != SchemaDrift {
		t.Errorf("took adjusted closes for raw ones: %v, %v", bars, err)
	}
}

// action shows an action in one line.
func action(a Action) string {
	text := a.Date.String() + " " + string(a.Kind)
	if a.Kind == Split {
		return text + " " + a.New.String() + " for " + a.Old.String()
	}
	text += fmt.Sprintf(" %s %s×%s", a.Amount, a.Unit.Currency, a.Unit.Factor())
	if a.PayDate != market.NoDate {
		text += " paid " + a.PayDate.String()
	}
	return text
}

func actionLines(actions []Action) []string {
	var out []string
	for _, a := range actions {
		out = append(out, action(a))
	}
	return out
}

func TestActions(t *testing.T) {
	tests := []struct {
		source, name string
		want         []string
	}{
		{Tiingo, "FRST", []string{"2026-06-10 split 4 for 1", "2026-06-11 dividend 0.25 ×1"}},
		{TwelveData, "FRST", []string{"2026-05-07 dividend 0.21 USD×1", "2026-06-10 split 4 for 1", "2026-08-06 dividend 0.22 USD×1"}},
		{EODHD, "FRST.US", []string{"2026-05-07 dividend 0.21 USD×1 paid 2026-05-14", "2026-06-10 split 4 for 1", "2026-08-06 dividend 0.22 USD×1 paid 2026-08-13"}},
		{Massive, "FRST", []string{"2026-06-10 split 4 for 1", "2026-08-06 dividend 0.22 USD×1 paid 2026-08-13"}},
		{AlphaVantage, "FRST", []string{"2026-06-10 split 4 for 1", "2026-08-06 dividend 0.22 ×1"}},
		// 0.1 of before a 3:1 and a 1:2 split was 0.15 for a share of its day.
		{Yahoo, "SPLT", []string{"2026-06-08 dividend 0.15 USD×1", "2026-06-09 split 3 for 1", "2026-06-10 split 1 for 2"}},
	}
	for _, test := range tests {
		t.Run(test.source, func(t *testing.T) {
			_, p := standin(t, test.source)
			actions, err := p.(Actioner).Actions(t.Context(), test.name, market.MustDate("2026-05-01"), market.MustDate("2026-11-18"))
			if err != nil {
				t.Fatal(err)
			}
			same(t, actionLines(actions), test.want)
			if some, err := p.(Actioner).Actions(t.Context(), test.name, market.MustDate("2026-06-10"), market.MustDate("2026-06-10")); err != nil || len(some) != 1 {
				t.Errorf("of one day: %v, %v", actionLines(some), err)
			}
		})
	}
}

func TestSearchOfVendors(t *testing.T) {
	for source, want := range map[string]string{
		Finnhub:      `[{ FRST   FIRST SHARE INC  stock   map[finnhub:FRST]}]`,
		EODHD:        `[{ VDPC XLON GB00BH4HKS39 Vade Pence PLC GBP stock   map[eodhd:VDPC.LSE/GBX]} { VDPC   Vade Pence PLC ADR USD stock   map[eodhd:VDPC.US]}]`,
		Massive:      `[{ FRST XNAS  First Share Inc. USD stock  US map[massive:FRST]}]`,
		AlphaVantage: `[{ VDPC XLON  Vade Pence PLC GBP stock   map[alphavantage:VDPC.LON/GBX]}]`,
	} {
		_, p := standin(t, source)
		hits, err := p.(Searcher).Search(t.Context(), "vdpc")
		if err != nil {
			t.Fatal(err)
		}
		if got := found(hits); got != want {
			t.Errorf("%s: got  %s\nwant %s", source, got, want)
		}
	}
}

func figi(t *testing.T, key string) (*replaytest.Server, *OpenFIGISource) {
	t.Helper()
	server, err := replaytest.New(replaytest.Payloads(), nil, OpenFIGI)
	if err != nil {
		t.Fatal(err)
	}
	o := options(OpenFIGI, serve(server))
	o.Key = key
	g, err := NewOpenFIGI(o)
	if err != nil {
		t.Fatal(err)
	}
	g.clock = func() time.Time { return now }
	return server, g
}

func TestIdentify(t *testing.T) {
	server, g := figi(t, "")
	wanted := []Identifier{
		{Kind: "name", Value: "x"}, {Kind: ISIN, Value: "US0378331005", MIC: "XNAS"}, {Kind: CUSIP, Value: "000000000"}, {Kind: FIGI, Value: "x"},
	}
	found, failed, err := g.Identify(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 4 || len(found[1]) != 2 || found[1][1].FIGI != "BBG000TEST33" || found[1][0].Class != market.Stock || found[2] != nil {
		t.Errorf("found %+v", found)
	}
	if failed[0] == nil || failed[3] == nil || len(failed) != 2 {
		t.Errorf("failed %v", failed)
	}
	if _, _, err := g.Identify(t.Context(), wanted[:2]); OutcomeOf(err) != SchemaDrift {
		t.Errorf("three answers for one identifier: %v", err)
	}
	hits, err := g.Find(t.Context(), "first")
	if err != nil || len(hits) != 1 || hits[0].Name != "FIRST SHARE INC" {
		t.Errorf("found %+v, %v", hits, err)
	}
	for file, want := range map[string]Outcome{"body.txt": SchemaDrift, "key.txt": BadKey, "many.txt": SchemaDrift, "limit.txt": RateMinute} {
		server.SetMode(OpenFIGI, replaytest.FileMode+replaytest.Mode(file))
		_, _, err := g.Identify(t.Context(), wanted[1:2])
		failed, _ := errors.AsType[*Error](err)
		if failed == nil || failed.Outcome != want || want == RateMinute && failed.RetryAfter != 37*time.Second {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// A plan's number of identifiers goes into one request, and the answers keep their places over several.
func TestIdentifyInParts(t *testing.T) {
	requests := 0
	g, err := NewOpenFIGI(options(OpenFIGI, transport(func(r *http.Request) (*http.Response, error) {
		requests++
		var all []string
		for n := range min(figiJobsMax, 23-(requests-1)*figiJobsMax) {
			all = append(all, fmt.Sprintf(`{"data":[{"figi":"BBG%09d"}]}`, (requests-1)*figiJobsMax+n))
		}
		return body(200, "application/json", "["+strings.Join(all, ",")+"]")(r)
	})))
	if err != nil {
		t.Fatal(err)
	}
	wanted := make([]Identifier, 23)
	for i := range wanted {
		wanted[i] = Identifier{Kind: SEDOL, Value: fmt.Sprint(i)}
	}
	found, failed, err := g.Identify(t.Context(), wanted)
	if err != nil || len(failed) > 0 || requests != 3 {
		t.Fatalf("%d requests: %v, %v", requests, failed, err)
	}
	for i, listings := range found {
		if len(listings) != 1 || listings[0].FIGI != fmt.Sprintf("BBG%09d", i) {
			t.Errorf("%d: %v", i, listings)
		}
	}
}

// A next page is asked for at our own address, whatever host the answer names.
func TestNextPage(t *testing.T) {
	var asked []string
	p := open(t, Massive, options(Massive, transport(func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.URL.Host+r.URL.Path+" "+r.URL.Query().Get("cursor"))
		next := `,"next_url":"https://elsewhere.example/v2/aggs/next?cursor=abc"`
		if len(asked) > 1 {
			next = ""
		}
		return body(200, "application/json", fmt.Sprintf(`{"status":"OK","results":[{"c":%d,"t":%d}]%s}`, len(asked), 1794805200000+86400000*len(asked), next))(r)
	})))
	bars, _, err := p.(Historian).History(t.Context(), "FRST", market.MustDate("2026-11-16"), market.MustDate("2026-11-18"))
	if err != nil || len(bars) != 1 { // the second day is today
		t.Errorf("%v, %v", bars, err)
	}
	same(t, asked, []string{"standin/massive/v2/aggs/ticker/FRST/range/1/day/2026-11-16/2026-11-18 ", "standin/massive/v2/aggs/next abc"})
}

// All shares come in one request a day, and from the day before where there is none yet.
func TestMassiveAsksOnceADay(t *testing.T) {
	var days []string
	server, err := replaytest.New(replaytest.Payloads(), nil, Massive)
	if err != nil {
		t.Fatal(err)
	}
	p := open(t, Massive, options(Massive, transport(func(r *http.Request) (*http.Response, error) {
		days = append(days, r.URL.Path[len(r.URL.Path)-10:])
		if len(days) == 1 {
			return body(403, "application/json", `{"status":"NOT_AUTHORIZED","message":"Your plan doesn't include this data timeframe."}`)(r)
		}
		r.URL.Path = "/massive/v2/aggs/grouped/locale/us/market/stocks/2026-11-18"
		return serve(server)(r)
	})))
	for range 3 {
		if batch, err := p.Latest(t.Context(), []string{"FRST"}, now.Add(24*time.Hour)); err != nil || len(batch.Quotes) != 1 {
			t.Fatalf("%v, %v", batch, err)
		}
	}
	if len(days) < 2 || days[0] != "2026-11-19" || days[1] != "2026-11-18" {
		t.Errorf("asked for %v", days)
	}
}

// Every name costs one credit of Twelve Data's minute.
func TestNamesCost(t *testing.T) {
	o := options(TwelveData, body(200, "application/json", `{}`))
	o.RequestsPerMinute = 0
	p := open(t, TwelveData, o)
	names := strings.Split("A B C D E F G H", " ")
	if _, err := p.Latest(t.Context(), names, now); err != nil {
		t.Fatal(err)
	}
	_, err := p.Latest(t.Context(), names, now)
	failed, _ := errors.AsType[*Error](err)
	if failed == nil || failed.Outcome != RateMinute || failed.RetryAfter < 30*time.Second {
		t.Errorf("a second batch in the same minute: %v", err)
	}
}

// Where many names are new at once, their units come from quotes; a crumb that ran out is fetched once more.
func TestYahooQuotes(t *testing.T) {
	var asked []string
	stale := true
	answers := func(r *http.Request) (*http.Response, error) {
		path := strings.TrimPrefix(r.URL.Path, "/yahoo")
		asked = append(asked, path)
		switch path {
		case "/cookie":
			answer, _ := body(404, "text/html", "<html></html>")(r)
			answer.Header.Set("Set-Cookie", "A3=secret; Domain=.yahoo.com; Path=/; Secure")
			return answer, nil
		case "/v1/test/getcrumb":
			if r.Header.Get("Cookie") != "A3=secret" {
				t.Errorf("asked for a crumb with %q", r.Header.Get("Cookie"))
			}
			return body(200, "text/plain", "CRUMB")(r)
		case "/v7/finance/quote":
			if stale {
				stale = false
				return body(401, "application/json", `{"finance":{"result":null,"error":{"code":"Unauthorized","description":"Invalid Crumb"}}}`)(r)
			}
			if r.URL.Query().Get("crumb") != "CRUMB" || r.Header.Get("Cookie") != "A3=secret" {
				t.Errorf("asked %s with %q", r.URL, r.Header.Get("Cookie"))
			}
			return body(200, "application/json", `{"quoteResponse":{"error":null,"result":[
				{"symbol":"A","quoteType":"EQUITY","currency":"GBp","regularMarketPrice":88.42,"regularMarketTime":1795019700,"regularMarketPreviousClose":87.9},
				{"symbol":"B","quoteType":"NONE"},{"symbol":"C","quoteType":"EQUITY","currency":"USD","regularMarketTime":1795019700},
				{"symbol":"D","quoteType":"EQUITY","currency":"USD","regularMarketPrice":5,"regularMarketTime":1795019700}]}}`)(r)
		}
		return body(404, "application/json", `{}`)(r)
	}
	p := open(t, Yahoo, options(Yahoo, transport(answers)))
	names := strings.Split("A B C D E F G /", " ")
	batch, err := p.Latest(t.Context(), names, now)
	if err != nil {
		t.Fatal(err)
	}
	same(t, lines(batch), []string{
		"A 88.42 GBP×0.01 2026-11-18T16:35 before 87.9", "D 5 USD×1 2026-11-18T16:35", "/ UNKNOWN_SYMBOL", "B UNKNOWN_SYMBOL",
		"C EMPTY", "E UNKNOWN_SYMBOL", "F UNKNOWN_SYMBOL", "G UNKNOWN_SYMBOL",
	})
	quote, crumb, cookie := "/v7/finance/quote", "/v1/test/getcrumb", "/cookie"
	same(t, asked, []string{cookie, crumb, quote, cookie, crumb, quote})
}

// Without a crumb, charts tell the units, and a crumb isn't asked for again soon.
func TestYahooWithoutCrumb(t *testing.T) {
	crumbs, charts := 0, 0
	p := open(t, Yahoo, options(Yahoo, transport(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/cookie") {
			crumbs++
			return body(200, "text/html", "<html>consent</html>")(r)
		}
		charts++
		return body(404, "application/json", `{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found, symbol may be delisted"}}}`)(r)
	})))
	names := strings.Split("A B C D E F G H", " ")
	for range 2 {
		if _, err := p.Latest(t.Context(), names, now); err != nil {
			t.Fatal(err)
		}
	}
	if crumbs != 1 || charts != 16 {
		t.Errorf("%d crumbs, %d charts", crumbs, charts)
	}
}

// A report has all funds of a few days.
func TestAMFIReport(t *testing.T) {
	text := "Scheme Code;Scheme Name;ISIN Div Payout/ISIN Growth;ISIN Div Reinvestment;Net Asset Value;Repurchase Price;Sale Price;Date\n\n" +
		"101001;First;INF001A01010;;128.1;;;16-Nov-2026\n101001;First;INF001A01010;;127.9;;;17-Nov-2026\n101002;Second;;;N.A.;;;17-Nov-2026\n"
	var asked url.Values
	p := open(t, AMFI, options(AMFI, transport(func(r *http.Request) (*http.Response, error) {
		asked = r.URL.Query()
		return body(200, "text/plain", text)(r)
	}))).(*AMFISource)
	bars, unit, err := p.Report(t.Context(), []string{"101001", "INF001A01010", "101002", "101003"}, market.MustDate("2026-11-17"), market.MustDate("2026-11-18"))
	if err != nil || fmt.Sprint(bars, unit.Currency) != fmt.Sprint(map[string]any{"101001": bars["101001"], "INF001A01010": bars["101001"]}, "INR") || len(bars["101001"]) != 1 || bars["101001"][0].Close.String() != "127.9" {
		t.Errorf("%v, %v", bars, err)
	}
	if asked.Get("frmdt") != "17-Nov-2026" || asked.Get("todt") != "18-Nov-2026" {
		t.Errorf("asked for %v", asked)
	}
	if _, _, err := p.Report(t.Context(), nil, market.MustDate("2026-11-01"), market.MustDate("2026-11-18")); err == nil {
		t.Error("took three weeks")
	}
}

func TestPrintedNumber(t *testing.T) {
	for text, want := range map[string]string{
		"148.85001": "148.85", "186.74001": "186.74", "312.45001": "312.45", "20.86750": "20.8675", "1.09710": "1.0971",
		"12345.67891": "12345.67891", "305.10001": "305.1", "185.92000": "185.92", "7": "7", "1e3": "1000", "NaN": "", "0x1p2": "", "": "",
	} {
		got, err := printedNumber(text)
		if (err != nil) != (want == "") || err == nil && got.String() != want {
			t.Errorf("printedNumber(%s) = %v, %v; want %s", text, got, err, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	at := time.Date(2026, 11, 18, 22, 0, 0, 0, time.UTC)
	date := at.Format(http.TimeFormat)
	for _, test := range []struct {
		header map[string]string
		want   time.Duration
	}{
		{map[string]string{"Retry-After": "53"}, 53 * time.Second},
		{map[string]string{"Retry-After": "0", "Ratelimit-Reset": "9"}, 0},
		{map[string]string{"Retry-After": "999999999"}, retryAfterMax},
		{map[string]string{"Retry-After": "-5"}, 0},
		{map[string]string{"Retry-After": at.Add(time.Minute).Format(http.TimeFormat)}, time.Minute},
		{map[string]string{"Retry-After": at.Add(-time.Minute).Format(http.TimeFormat)}, 0},
		{map[string]string{"Ratelimit-Reset": "37", "Ratelimit-Remaining": "0"}, 37 * time.Second},
		{map[string]string{"Ratelimit-Reset": "37", "Ratelimit-Remaining": "3"}, 0},
		{map[string]string{"X-Ratelimit-Reset": fmt.Sprint(at.Unix() + 42)}, 42 * time.Second},
		{map[string]string{"X-Ratelimit-Reset": fmt.Sprint(at.Unix() + 52), "Date": at.Add(10 * time.Second).Format(http.TimeFormat)}, 42 * time.Second},
		{map[string]string{"X-Ratelimit-Reset": "soon"}, 0},
		{nil, 0},
	} {
		h := http.Header{}
		for key, value := range test.header {
			h.Set(key, value)
		}
		if got := retryAfter(h, at); got != test.want {
			t.Errorf("%v: %v, want %v", test.header, got, test.want)
		}
		if h.Get("Date") == "" {
			h.Set("Date", date)
			if got := retryAfter(h, at.Add(-time.Hour)); got != test.want { // our clock is an hour late
				t.Errorf("%v by the server's clock: %v, want %v", test.header, got, test.want)
			}
		}
	}
}

func TestQuotas(t *testing.T) {
	for _, source := range all {
		quotas := open(t, source, Options{}).(Rationed).Quotas()
		if len(quotas) == 0 {
			t.Errorf("%s: no quotas", source)
		}
		for _, q := range quotas {
			if q.Max < 1 || !q.Outcome.RateLimited() || q.Reset != nil && !q.Reset(now).After(now) {
				t.Errorf("%s: %+v", source, q)
			}
		}
	}
	// A day in New York begins an hour later once summer time has ended.
	for text, want := range map[string]string{"2026-10-31T12:00:00Z": "2026-11-01T04:00:00Z", "2026-11-01T12:00:00Z": "2026-11-02T05:00:00Z"} {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		if got := nextDay(newYorkZone())(at).Format(time.RFC3339); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
