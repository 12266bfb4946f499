package provider

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"folioscope/internal/market"
)

func TestPages(t *testing.T) {
	const value, table = "http://standin/http/value#", "http://standin/http/table.csv#csv=Close&separator=%3B&decimal=,&time=Date"
	for name, want := range map[string]string{
		value + "json=fund.values[0].nav&time=fund.values[0].on&currency=currency": "104.25 EUR×1 2026-11-18T12:00",
		value + `json=$["fund"].values[-1].nav&time=$.fund.values.1.on&unit=GBp`:   "103.9 GBP×0.01 2026-11-17T12:00",
		value + "rows=fund.values&json=nav&time=on&unit=EUR":                       "104.25 EUR×1 2026-11-18T12:00 before 103.9 on 2026-11-17",
		value + "json=fund.values[0].nav":                                          "104.25 ×1 2026-11-18T22:00", // the moment of reading
		value + "json=fund.values[2].nav&unit=EUR":                                 "SCHEMA_DRIFT",
		value + "json=fund.name&unit=EUR":                                          "EMPTY",
		value + "json=fund&unit=EUR":                                               "SCHEMA_DRIFT",
		value + "rows=fund&json=nav":                                               "SCHEMA_DRIFT",
		value + "json=fund.values[0].nav&time=fund.name":                           "SCHEMA_DRIFT",
		value + "json=fund.values[0].nav&currency=fund.name":                       "SCHEMA_DRIFT",
		table + "&currency=Currency":                                               "1042.50 GBP×0.01 2026-11-18T12:00 before 1031.00 on 2026-11-17",
		table + "&unit=GBP&layout=02.01.2006":                                      "1042.50 GBP×1 2026-11-18T12:00 before 1031.00 on 2026-11-17",
		table + "&layout=2006-01-02":                                               "SCHEMA_DRIFT",
		strings.Replace(table, "csv=Close", "csv=Last", 1):                         "SCHEMA_DRIFT",
		strings.Replace(table, "%3B", ",", 1):                                      "SCHEMA_DRIFT",
		"http://standin/http/number#json=$&unit=EUR":                               "104.25 EUR×1 2026-11-18T22:00",
		"http://standin/http/nowhere#json=$":                                       "SCHEMA_DRIFT",
		"http://standin/http/none#json=$":                                          "UNKNOWN_SYMBOL",
		"http://user:secret@standin/http/value#json=$":                             "UNKNOWN_SYMBOL",
		"file:///etc/passwd#csv=x":                                                 "UNKNOWN_SYMBOL",
		"http://standin/http/value#json=a&csv=b":                                   "UNKNOWN_SYMBOL",
		"http://standin/http/value":                                                "UNKNOWN_SYMBOL",
		"http://standin/" + strings.Repeat("x", pageNameMax) + "#json=$":           "UNKNOWN_SYMBOL",
	} {
		_, p := standin(t, HTTP)
		batch, err := p.Latest(t.Context(), []string{name}, now)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.TrimPrefix(strings.Join(lines(batch), "; "), name+" ")
		got = strings.Replace(got, "1042.5 ", "1042.50 ", 1)
		got = strings.Replace(got, "before 1031 ", "before 1031.00 ", 1)
		if got != want && (want != "SCHEMA_DRIFT" || !strings.Contains(name, "nowhere")) {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestPageHistory(t *testing.T) {
	_, p := standin(t, HTTP)
	name := asked[HTTP][1]
	bars, unit, err := p.(Historian).History(t.Context(), name, market.MustDate("2026-11-17"), market.MustDate("2026-11-17"))
	if err != nil || len(bars) != 1 || !unit.Major(bars[0].Close).Equal(bars[0].Close.Mul(unit.Factor())) || unit.Currency != "GBP" {
		t.Errorf("%v %v %v", bars, unit, err)
	}
	if bars, _, err := p.(Historian).History(t.Context(), "http://standin/http/number#json=$", 0, market.DateOf(now)); err != nil || bars != nil {
		t.Errorf("a page without days: %v, %v", bars, err)
	}
}

// The days of a period go into the address, and what follows # stays here.
func TestPageAddress(t *testing.T) {
	var asked string
	p := open(t, HTTP, options(HTTP, transport(func(r *http.Request) (*http.Response, error) {
		asked = r.URL.String()
		return body(200, "application/json", `[]`)(r)
	})))
	_, _, err := p.(Historian).History(t.Context(), "http://h/a?from={from}&to={to}&now={today}#rows=$&json=p&time=t", market.MustDate("2026-01-02"), market.MustDate("2026-03-04"))
	if err != nil || asked != "http://h/a?from=2026-01-02&to=2026-03-04&now=2026-03-04" {
		t.Errorf("asked %s, %v", asked, err)
	}
}

func TestCheckPage(t *testing.T) {
	for name, want := range map[string]string{
		"https://h/p#json=a.b[0]&unit=EUR":                   "",
		"https://h/p#csv=Close&time=Date&layout=2.1.2006":    "",
		"https://h/p#json=" + strings.Repeat("a.", 20) + "a": "at most 16 steps",
		"https://h/p#json=a[x]":                              "brackets",
		"https://h/p#json=a[0":                               "brackets",
		"https://h/p#json=a..b":                              "empty step",
		"https://h/p#json=a&unit=gbp":                        "unit needs",
		"https://h/p#json=a&price=b":                         "not known",
		"https://h/p#csv=a&separator=;;":                     "form of a query",
		"https://h/p#csv=a&separator=ab":                     "one character",
		"https://h/p#csv=a&decimal=x":                        "point or a comma",
		"https://h/p#csv=&time=b":                            "name of a column",
		"ftp://h/p#json=a":                                   "https://",
		"http://h/p#json=a":                                  "https://",
	} {
		err := CheckPage(name)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

// A table whose last line isn't ended is cut, unless the protocol says that it is whole.
func TestCutTable(t *testing.T) {
	const name = "http://h/p#csv=Close&time=Date&unit=EUR"
	for text, want := range map[string]string{
		"Date,Close\n2026-11-17,1.5\n2026-11-18,12": name + " 1.5 EUR×1 2026-11-17T12:00",
		"\ufeffdate,close\r\n2026-11-18,12\r\n":     name + " 12 EUR×1 2026-11-18T12:00",
		"Date,Close":                                name + " TRANSIENT",
		"Date,Close\n":                              name + " EMPTY",
		"Date,Close\n2026-11-18,1,2\n":              name + " SCHEMA_DRIFT",
		"":                                          name + " TRANSIENT",
	} {
		batch, err := open(t, HTTP, options(HTTP, body(200, "text/csv", text))).Latest(t.Context(), []string{name}, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(lines(batch), ""); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "Date,Close\n2026-11-18,12")
	}))
	defer server.Close()
	p, err := NewPages(Options{HTTP: server.Client(), RequestsPerMinute: unpaced})
	if err != nil {
		t.Fatal(err)
	}
	batch, err := p.Latest(t.Context(), []string{server.URL + "#csv=Close&time=Date"}, now)
	if err != nil || len(batch.Quotes) != 1 || batch.Quotes[0].Price.String() != "12" {
		t.Errorf("%v, %v", lines(batch), err)
	}
}

// A refusal of the client's tells no more than the host: the rest of an address may hold a user's own key.
func TestPageRefused(t *testing.T) {
	refusal := errors.New("leads inside")
	p := open(t, HTTP, options(HTTP, transport(func(*http.Request) (*http.Response, error) { return nil, refusal })))
	batch, err := p.Latest(t.Context(), []string{"https://h/x?mine=SECRET#json=$"}, now)
	if failed := batch.Failed["https://h/x?mine=SECRET#json=$"]; err != nil || failed == nil || failed.Outcome != Transient || failed.Error() != "http: TRANSIENT: h: ask: leads inside" {
		t.Errorf("%v, %v", failed, err)
	}
	if _, err := NewPages(Options{}); err == nil {
		t.Error("made a source of pages without a client")
	}
}
