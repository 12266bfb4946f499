package provider

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"folioscope/internal/market"
	"folioscope/internal/outbound"
	"folioscope/internal/provider/replaytest"
)

// now is when the payloads of replaytest were as fresh as they are.
var now = time.Date(2026, 11, 18, 22, 0, 0, 0, time.UTC)

// full is what all sources of this package but AMFI and the ECB can do.
type full interface {
	Provider
	Historian
	Searcher
}

// transport answers without a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// serve is a transport through a handler.
func serve(h http.Handler) transport {
	return func(r *http.Request) (*http.Response, error) {
		w := &recorder{header: http.Header{}, status: http.StatusOK}
		h.ServeHTTP(w, r)
		return &http.Response{StatusCode: w.status, Header: w.header, Body: io.NopCloser(&w.body), Request: r}, nil
	}
}

type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

// body is a transport that always gives one body.
func body(status int, contentType, text string) transport {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{"Content-Type": {contentType}}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
	}
}

const unpaced = 1_000_000 // requests per minute

func options(source string, t http.RoundTripper) Options {
	o := Options{BaseURL: "http://standin/" + source, HTTP: &http.Client{Transport: t}, RequestsPerMinute: unpaced}
	if source == FRED {
		o.Key = "TESTKEY123" // without one it reads other tables
	}
	return o
}

// asking gives the client that the product asks addresses of the settings with.
func asking(t testing.TB, addresses ...string) *http.Client {
	t.Helper()
	out, err := outbound.New(outbound.Options{})
	if err != nil {
		t.Fatal(err)
	}
	client := out.Operator(addresses...)
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// open makes a source of a name; one without a client asks as the product does.
func open(t testing.TB, source string, o Options) Provider {
	t.Helper()
	if o.HTTP == nil {
		o.HTTP = asking(t, o.BaseURL)
	}
	var p Provider
	var err error
	switch source {
	case Yahoo:
		p, err = NewYahoo(o)
	case ECB:
		p, err = NewECB(o)
	case AMFI:
		p, err = NewAMFI(o)
	case MFAPI:
		p, err = NewMFAPI(o)
	case CoinGecko:
		p, err = NewCoinGecko(o)
	case Frankfurter:
		p, err = NewFrankfurter(o)
	case Finnhub:
		p, err = NewFinnhub(o)
	case Tiingo:
		p, err = NewTiingo(o)
	case TwelveData:
		p, err = NewTwelveData(o)
	case EODHD:
		p, err = NewEODHD(o)
	case Massive:
		p, err = NewMassive(o)
	case FRED:
		p, err = NewFRED(o)
	case AlphaVantage:
		p, err = NewAlphaVantage(o)
	case HTTP:
		p, err = NewPages(o)
	default:
		t.Fatalf("no source is called %q", source)
	}
	if err != nil {
		t.Fatal(err)
	}
	setClock(p, func() time.Time { return now })
	return p
}

func setClock(p Provider, clock func() time.Time) {
	p.(interface{ itself() *source }).itself().clock = clock
}

// all are the sources of prices.
var all = []string{
	Yahoo, ECB, AMFI, MFAPI, CoinGecko, Frankfurter, Finnhub, Tiingo, TwelveData, EODHD, Massive, FRED, AlphaVantage, HTTP,
}

// standin is a server of the embedded payloads and a source that asks it.
func standin(t testing.TB, source string) (*replaytest.Server, Provider) {
	t.Helper()
	server, err := replaytest.New(replaytest.Payloads(), nil, source)
	if err != nil {
		t.Fatal(err)
	}
	return server, open(t, source, options(source, serve(server)))
}

// line shows a quote in one line.
func line(q Quote) string {
	text := fmt.Sprintf("%s %s %s×%s %s", q.Name, q.Price, q.Unit.Currency, q.Unit.Factor(), q.MarketTime.Format("2006-01-02T15:04"))
	if q.PreviousClose != nil {
		text += " before " + q.PreviousClose.String()
	}
	if q.PreviousDate != market.NoDate {
		text += " on " + q.PreviousDate.String()
	}
	return text
}

func lines(b Batch) []string {
	var out []string
	for _, q := range b.Quotes {
		out = append(out, line(q))
	}
	for _, name := range slices.Sorted(maps.Keys(b.Failed)) {
		out = append(out, name+" "+string(b.Failed[name].Outcome))
	}
	return out
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestLatest(t *testing.T) {
	tests := []struct {
		source string
		names  []string
		want   []string
	}{
		{Yahoo, []string{"AAPL", "VOD.L", "BTC-USD", "NOPE", "a/b"}, []string{
			"AAPL 312.45 USD×1 2026-11-18T21:00 before 308.1 on 2026-11-16",
			"VOD.L 88.42 GBP×0.01 2026-11-18T16:35 before 87.9 on 2026-11-17",
			"BTC-USD 91234.56 USD×1 2026-11-18T15:04 before 90001.5 on 2026-11-17",
			"NOPE UNKNOWN_SYMBOL", "a/b UNKNOWN_SYMBOL",
		}},
		{ECB, []string{"USD", "JPY", "VND", "usd"}, []string{
			"USD 1.1584 USD×1 2026-11-18T13:15 before 1.1601 on 2026-11-17",
			"JPY 178.25 JPY×1 2026-11-18T13:15 before 178.9 on 2026-11-17",
			"VND UNKNOWN_SYMBOL", "usd UNKNOWN_SYMBOL",
		}},
		{AMFI, []string{"101001", "INF001A01036", "101003", "101004", "101005", "999999"}, []string{
			"101001 128.4075 INR×1 2026-11-18T10:00",
			"INF001A01036 119.02 INR×1 2026-11-18T10:00",
			"101005 15.5 INR×1 2026-11-13T10:00",
			"101003 EMPTY", "101004 EMPTY", "999999 UNKNOWN_SYMBOL",
		}},
		{MFAPI, []string{"101001", "999999", "999998", "abc"}, []string{
			"101001 128.4075 INR×1 2026-11-18T10:00",
			"999998 UNKNOWN_SYMBOL", "999999 UNKNOWN_SYMBOL", "abc UNKNOWN_SYMBOL",
		}},
		{CoinGecko, []string{"bitcoin", "bitcoin/eur", "bitcoin/gbp", "pepe", "dead-coin", "nothing"}, []string{
			"bitcoin 91234.56 USD×1 2026-11-18T15:04",
			"bitcoin/eur 78759.123456789 EUR×1 2026-11-18T15:04",
			"pepe 0.0000042 USD×1 2026-11-18T15:04",
			"bitcoin/gbp EMPTY", "dead-coin EMPTY", "nothing UNKNOWN_SYMBOL",
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

// The first request for a name tells its unit; after that names travel together.
func TestYahooBatchesWhatItKnows(t *testing.T) {
	server, p := standin(t, Yahoo)
	names := []string{"AAPL", "MSFT"}
	for i, want := range [][]string{
		{"AAPL 312.45 USD×1 2026-11-18T21:00 before 308.1 on 2026-11-16", "MSFT 501.2 USD×1 2026-11-18T21:00 before 499.03 on 2026-11-17"},
		{"AAPL 312.45 USD×1 2026-11-18T20:55 before 310.02", "MSFT 501.2 USD×1 2026-11-18T21:00 before 499.03"},
	} {
		batch, err := p.Latest(t.Context(), names, now)
		if err != nil {
			t.Fatal(err)
		}
		same(t, lines(batch), want)
		if got, want := server.Requests(Yahoo), 2+i; got != want {
			t.Errorf("round %d: %d requests, want %d", i, got, want)
		}
	}
	if _, err := p.Latest(t.Context(), names, now.Add(25*time.Hour)); err != nil || server.Requests(Yahoo) != 5 {
		t.Errorf("a day later: %d requests, %v; want a chart for each name again", server.Requests(Yahoo), err)
	}
}

func TestECBRemembersTheFixBefore(t *testing.T) {
	server, p := standin(t, ECB)
	for range 3 {
		if _, err := p.Latest(t.Context(), []string{"USD"}, now); err != nil {
			t.Fatal(err)
		}
	}
	if got := server.Requests(ECB); got != 4 {
		t.Errorf("%d requests, want 3 for the latest and 1 for the fix before", got)
	}
}

func TestHistory(t *testing.T) {
	tests := []struct {
		source, name, from, to string
		want                   []string
	}{
		{Yahoo, "AAPL", "2026-11-01", "2026-11-18", []string{"USD×1", "2026-11-16 308.1", "2026-11-18 312.45"}},
		// 33.33 came after a 3:1 and before a 1:2 split: 33.333332 × 3 ÷ 2.
		{Yahoo, "SPLT", "2026-06-01", "2026-06-30", []string{"USD×1", "2026-06-08 50", "2026-06-09 12.5625", "2026-06-10 50.25", "2026-06-11 50.5"}},
		{Yahoo, "BTC-USD", "2026-11-01", "2026-11-30", []string{"USD×1", "2026-11-17 90001.5"}}, // the 18th goes on
		{ECB, "USD", "2026-11-17", "2026-11-30", []string{"USD×1", "2026-11-17 1.1601", "2026-11-18 1.1584"}},
		{ECB, "INR", "1999-01-01", "2026-11-17", []string{"INR×1", "2008-12-31 67.424", "2026-11-17 103.62"}},
		{ECB, "SKK", "1999-01-01", "2026-11-17", []string{"SKK×1", "1999-01-04 42.991", "2008-12-31 30.126"}},
		{MFAPI, "101001", "2026-11-14", "2026-11-18", []string{"INR×1", "2026-11-17 127.9", "2026-11-18 128.4075"}},
		{CoinGecko, "bitcoin", "2026-11-01", "2026-11-30", []string{"USD×1", "2026-11-15 89000.1", "2026-11-17 90001.5"}},
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

func TestHistoryOfNothing(t *testing.T) {
	server, p := standin(t, Yahoo)
	server.SetMode(Yahoo, replaytest.FileMode+"empty.json")
	bars, _, err := p.(Historian).History(t.Context(), "AAPL", market.MustDate("2000-01-01"), market.MustDate("2000-01-02"))
	if err != nil || len(bars) != 0 {
		t.Errorf("got %v, %v", bars, err)
	}
}

// found is what a search tells of instruments.
func found(hits []market.Instrument) string {
	texts := make([]string, len(hits))
	for n, i := range hits {
		texts[n] = fmt.Sprint("{", i.ID, " ", i.Symbol, " ", i.MIC, " ", i.ISIN, " ", i.Name, " ", i.Currency, " ", i.Class, " ", i.Sector, " ", i.Country, " ", i.Names, "}")
	}
	return fmt.Sprint(texts)
}

func TestSearch(t *testing.T) {
	for source, want := range map[string]string{
		Yahoo:     `[{ VOD XLON  Vodafone Group Public Limited Company  stock   map[yahoo:VOD.L]}]`,
		MFAPI:     `[{ 101001   First House Equity Fund - Direct Plan - Growth INR fund  IN map[amfi:101001 mfapi:101001]}]`,
		CoinGecko: `[{ BTC   Bitcoin USD crypto   map[coingecko:bitcoin]}]`,
	} {
		_, p := standin(t, source)
		hits, err := p.(full).Search(t.Context(), "whatever")
		if err != nil {
			t.Fatal(err)
		}
		if got := found(hits); got != want {
			t.Errorf("%s: got  %s\nwant %s", source, got, want)
		}
	}
}

func TestErrorPayloads(t *testing.T) {
	names := map[string]string{Yahoo: "AAPL", ECB: "USD", AMFI: "101001", MFAPI: "101001", CoinGecko: "bitcoin"}
	for source, all := range asked {
		if names[source] == "" {
			names[source] = all[0]
		}
	}
	tests := []struct {
		source, file string
		want         Outcome
		retryAfter   time.Duration
	}{
		{Yahoo, "unknown.json", UnknownSymbol, 0},
		{Yahoo, "empty.json", Empty, 0},
		{Yahoo, "limit.txt", RateHour, 15 * time.Minute},
		{ECB, "maintenance.html", Transient, 0},
		{AMFI, "maintenance.html", Transient, 0},
		{MFAPI, "gateway.html", Transient, 0},
		{MFAPI, "missing.json", UnknownSymbol, 0},
		{CoinGecko, "missing.json", UnknownSymbol, 0},
		{CoinGecko, "limit.json", RateMinute, 53 * time.Second},
		{CoinGecko, "plan.json", NotEntitled, 0},
		{CoinGecko, "key.json", BadKey, 0},

		{Frankfurter, "unknown.json", UnknownSymbol, 0},
		{Frankfurter, "invalid.json", UnknownSymbol, 0},
		{Frankfurter, "deadline.json", Transient, 0},
		{Frankfurter, "gateway.html", Transient, 0},
		{Finnhub, "zeros.json", UnknownSymbol, 0},
		{Finnhub, "key.json", BadKey, 0},
		{Finnhub, "access.json", NotEntitled, 0},
		{Finnhub, "limit.json", RateMinute, 42 * time.Second},
		{Finnhub, "burst.json", RateBurst, 0},
		{Tiingo, "missing.json", UnknownSymbol, 0},
		{Tiingo, "missing.txt", UnknownSymbol, 0},
		{Tiingo, "token.json", BadKey, 0},
		{Tiingo, "plan.json", NotEntitled, 0},
		{Tiingo, "hour.txt", RateHour, time.Hour}, // it is 22:00
		{Tiingo, "day.json", RateDay, 7 * time.Hour},
		{Tiingo, "month.txt", RateMonth, 12*24*time.Hour + 2*time.Hour},
		{TwelveData, "key.json", BadKey, 0},
		{TwelveData, "plan.json", NotEntitled, 0},
		{TwelveData, "plan404.json", NotEntitled, 0},
		{TwelveData, "symbol.json", UnknownSymbol, 0},
		{TwelveData, "minute.json", RateMinute, time.Minute},
		{TwelveData, "day.json", RateDay, 2 * time.Hour},
		{TwelveData, "nodata.json", Empty, 0},
		{TwelveData, "down.json", Transient, 0},
		{EODHD, "key.txt", BadKey, 0},
		{EODHD, "day.txt", RateDay, 2 * time.Hour},
		{EODHD, "plan.txt", NotEntitled, 0},
		{EODHD, "missing.txt", UnknownSymbol, 0},
		{EODHD, "limit.html", RateMinute, 30 * time.Second},
		{Massive, "key.json", BadKey, 0},
		{Massive, "key200.json", BadKey, 0},
		{Massive, "plan.json", NotEntitled, 0},
		{Massive, "limit.json", RateMinute, 0},
		{Massive, "missing.json", UnknownSymbol, 0},
		{Massive, "none.json", Empty, 0},
		{FRED, "key.json", BadKey, 0},
		{FRED, "series.json", UnknownSymbol, 0},
		{FRED, "limit.json", RateMinute, 0},
		{AlphaVantage, "empty.json", UnknownSymbol, 0},
		{AlphaVantage, "invalid.json", UnknownSymbol, 0},
		{AlphaVantage, "key.json", BadKey, 0},
		{AlphaVantage, "burst.json", RateBurst, 0},
		{AlphaVantage, "day.json", RateDay, 7 * time.Hour},
		{AlphaVantage, "note.json", RateMinute, 0},
		{AlphaVantage, "premium.json", NotEntitled, 0},
		{HTTP, "missing.json", UnknownSymbol, 0},
		{HTTP, "nodata.txt", UnknownSymbol, 0},
		{HTTP, "limit.txt", RateDay, 0},
		{HTTP, "key.json", BadKey, 0},
		{HTTP, "key.txt", BadKey, 0},
		{HTTP, "plan.txt", NotEntitled, 0},
		{HTTP, "challenge.html", Blocked, 0},
		{HTTP, "down.html", Transient, 0},
		{HTTP, "wait.json", RateMinute, 17 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.source+" "+test.file, func(t *testing.T) {
			server, _ := standin(t, test.source)
			o := options(test.source, serve(server))
			o.Key = "TESTKEY123"
			p := open(t, test.source, o)
			server.SetMode(test.source, replaytest.FileMode+replaytest.Mode(test.file))
			name := names[test.source]
			batch, err := p.Latest(t.Context(), []string{name}, now)
			failed := batch.Failed[name]
			if err != nil {
				failed, _ = errors.AsType[*Error](err)
			}
			if failed == nil || len(batch.Quotes) > 0 {
				t.Fatalf("no error: %v", lines(batch))
			}
			if failed.Outcome != test.want || failed.RetryAfter != test.retryAfter {
				t.Errorf("got %v after %v, want %s after %v", failed, failed.RetryAfter, test.want, test.retryAfter)
			}
			if strings.Contains(failed.Error(), "TESTKEY123") || strings.Contains(failed.Error(), "?") {
				t.Errorf("tells too much: %v", failed)
			}
			if OutcomeOf(fmt.Errorf("poll: %w", failed)) != test.want {
				t.Errorf("OutcomeOf a wrapped error is another")
			}
		})
	}
}

func TestNameFor(t *testing.T) {
	named := map[string]string{"yahoo": "0P0000ABCD.L", "amfi": "118955", "coingecko": "wrapped-thing"}
	tests := []struct {
		provider string
		i        market.Instrument
		want     string // "" means none
	}{
		{Yahoo, market.Instrument{Symbol: "AAPL", MIC: "XNAS", Class: market.Stock}, "AAPL"},
		{Yahoo, market.Instrument{Symbol: "BRK.B", MIC: "XNYS", Class: market.Stock}, "BRK-B"},
		{Yahoo, market.Instrument{Symbol: "VOD", MIC: "XLON", Class: market.Stock}, "VOD.L"},
		{Yahoo, market.Instrument{Symbol: "BT.A", MIC: "XLON", Class: market.Stock}, "BT-A.L"},
		{Yahoo, market.Instrument{Symbol: "NG.", MIC: "XLON", Class: market.Stock}, "NG.L"},
		{Yahoo, market.Instrument{Symbol: "NOVO B", MIC: "XCSE", Class: market.Stock}, "NOVO-B.CO"},
		{Yahoo, market.Instrument{Symbol: "5", MIC: "XHKG", Class: market.Stock}, "0005.HK"},
		{Yahoo, market.Instrument{Symbol: "VWCE", MIC: "XETR", Class: market.ETF}, "VWCE.DE"},
		{Yahoo, market.Instrument{Symbol: "ABC", MIC: "ZZZZ", Class: market.Stock}, ""},
		{Yahoo, market.Instrument{Symbol: "FUND", Class: market.Fund, Names: named}, "0P0000ABCD.L"},
		{Yahoo, market.Instrument{Symbol: "BTC", Class: market.Crypto, Currency: "EUR"}, "BTC-EUR"},
		{Yahoo, market.Instrument{ID: market.RateID("USD"), Class: market.FX, Currency: "USD"}, "EURUSD=X"},
		{ECB, market.Instrument{ID: market.RateID("USD"), Class: market.FX, Currency: "USD"}, "USD"},
		{ECB, market.Instrument{Symbol: "AAPL", Class: market.Stock, Currency: "USD"}, ""},
		{AMFI, market.Instrument{Class: market.Fund, Names: named}, "118955"},
		{MFAPI, market.Instrument{Class: market.Fund, Names: named}, "118955"},
		{AMFI, market.Instrument{Class: market.Fund, Currency: "INR", ISIN: "INF179K01UT0"}, "INF179K01UT0"},
		{MFAPI, market.Instrument{Class: market.Fund, Currency: "INR", ISIN: "INF179K01UT0"}, ""},
		{MFAPI, market.Instrument{Class: market.Fund, Currency: "INR", Symbol: "122639"}, "122639"},
		{AMFI, market.Instrument{Class: market.Stock, Currency: "INR", Symbol: "500325", MIC: "XBOM"}, ""},
		{CoinGecko, market.Instrument{Symbol: "BTC", Class: market.Crypto, Currency: "USD"}, "bitcoin"},
		{CoinGecko, market.Instrument{Symbol: "ETH-EUR", Class: market.Crypto, Currency: "EUR"}, "ethereum/eur"},
		{CoinGecko, market.Instrument{Symbol: "XYZ", Class: market.Crypto, Currency: "USD"}, ""},
		{CoinGecko, market.Instrument{Symbol: "XYZ", Class: market.Crypto, Currency: "USD", Names: named}, "wrapped-thing"},
		{Finnhub, market.Instrument{Symbol: "AAPL", MIC: "XNAS"}, ""},
		{Finnhub, market.Instrument{Symbol: "BRK-B", MIC: "XNYS", Class: market.Stock}, "BRK.B"},
		{Finnhub, market.Instrument{Symbol: "VOD", MIC: "XLON", Class: market.Stock}, ""},
		{Finnhub, market.Instrument{Symbol: "VOD", MIC: "XLON", Class: market.Stock, Names: map[string]string{"finnhub": "VOD.L/GBX"}}, "VOD.L/GBX"},
		{Tiingo, market.Instrument{Symbol: "BRK.B", MIC: "XNYS", Class: market.Stock}, "BRK-B"},
		{Tiingo, market.Instrument{Symbol: "VFIAX", Class: market.Fund, Currency: "USD"}, "fund:VFIAX"},
		{Tiingo, market.Instrument{Symbol: "VFIA", Class: market.Fund, Currency: "USD"}, ""},
		{Tiingo, market.Instrument{ID: market.RateID("USD"), Class: market.FX, Currency: "USD"}, "fx:eurusd"},
		{Tiingo, market.Instrument{Symbol: "BTC-EUR", Class: market.Crypto, Currency: "EUR"}, "crypto:btceur"},
		{TwelveData, market.Instrument{Symbol: "TSCO", MIC: "XLON", Class: market.Stock}, "TSCO@XLON"},
		{TwelveData, market.Instrument{ID: market.RateID("USD"), Class: market.FX, Currency: "USD"}, "EUR/USD"},
		{EODHD, market.Instrument{Symbol: "TSCO", MIC: "XLON", Class: market.Stock, Currency: "GBP"}, "TSCO.LSE/GBX"},
		{EODHD, market.Instrument{Symbol: "VWRD", MIC: "XLON", Class: market.ETF, Currency: "USD"}, "VWRD.LSE"},
		{EODHD, market.Instrument{Symbol: "AAPL", MIC: "XNAS", Class: market.Stock, Currency: "USD"}, "AAPL.US"},
		{EODHD, market.Instrument{Class: market.Fund, ISIN: "IE00B03HCZ61", Currency: "EUR"}, "IE00B03HCZ61.EUFUND"},
		{EODHD, market.Instrument{ID: market.RateID("USD"), Class: market.FX, Currency: "USD"}, "EURUSD.FOREX"},
		{Massive, market.Instrument{Symbol: "BRK.B", MIC: "XNYS", Class: market.Stock}, "BRK.B"},
		{Massive, market.Instrument{Symbol: "SAP", MIC: "XETR", Class: market.Stock}, ""},
		{Massive, market.Instrument{ID: market.RateID("USD"), Class: market.FX, Currency: "USD"}, "C:EURUSD"},
		{AlphaVantage, market.Instrument{Symbol: "TSCO", MIC: "XLON", Class: market.Stock, Currency: "GBP"}, "TSCO.LON/GBX"},
		{AlphaVantage, market.Instrument{Symbol: "NPN", MIC: "XJSE", Class: market.Stock, Currency: "ZAR"}, ""},
		{Frankfurter, market.Instrument{ID: market.RateID("VND"), Class: market.FX, Currency: "VND"}, "VND"},
		{FRED, market.Instrument{ID: market.RateID("USD"), Class: market.FX, Currency: "USD"}, "USD"},
		{OpenFIGI, market.Instrument{Symbol: "AAPL", MIC: "XNAS", Class: market.Stock}, ""},
		{HTTP, market.Instrument{Symbol: "AAPL", MIC: "XNAS", Class: market.Stock}, ""},
		{HTTP, market.Instrument{Symbol: "A B", ISIN: "X", Names: map[string]string{"http": "https://h/{symbol}?i={isin}#json=p"}}, "https://h/A+B?i=X#json=p"},
	}
	for _, test := range tests {
		got, ok := NameFor(test.provider, test.i)
		if got != test.want || ok != (test.want != "") {
			t.Errorf("NameFor(%s, %s %s) = %q, %v; want %q", test.provider, test.i.Symbol, test.i.MIC, got, ok, test.want)
		}
	}
}

func TestFloatNumber(t *testing.T) {
	for text, want := range map[string]string{
		"129.0399932861328":   "129.04",    // a 32-bit float, widened
		"1.1220825910568237":  "1.1220826", // likewise
		"38915.87109375":      "38915.87",
		"312.45":              "312.45",
		"0.30000000000000004": "0.3", // noise of a 64-bit float
		"78759.12345678901":   "78759.123456789",
		"123456789.12":        "123456789.12",
		"4.2e-06":             "0.0000042",
		"1.5E3":               "1500",
		"700000":              "700000",
		"-2.5":                "-2.5",
		"1e400":               "",
		"1e31":                "",
		"NaN":                 "",
		"Infinity":            "",
		"":                    "",
		"0x10":                "",
	} {
		got, err := floatNumber(text)
		if (err != nil) != (want == "") || err == nil && got.String() != want {
			t.Errorf("floatNumber(%s) = %v, %v; want %s", text, got, err, want)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, base := range []string{"ftp://x", "//x", "http://", "http://x?key=1", "http://user:pass@x", "http://%zz"} {
		if _, err := NewECB(Options{BaseURL: base, HTTP: &http.Client{}}); err == nil {
			t.Errorf("accepted %q", base)
		} else if strings.Contains(err.Error(), "pass@") {
			t.Errorf("tells the password: %v", err)
		}
	}
	for _, source := range all {
		p := open(t, source, Options{})
		if p.Name() != source || p.BatchMax() < 1 || len(p.Classes()) == 0 {
			t.Errorf("%s: %q, %d, %v", source, p.Name(), p.BatchMax(), p.Classes())
		}
	}
}
