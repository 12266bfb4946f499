package ingest

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/jobs"
	"folioscope/internal/market"
	"folioscope/internal/provider"
	"folioscope/internal/provider/replaytest"
)

// secretKey is a key whose forms in an address and in text differ.
const secretKey = "CANARY/k+y&93=-which-is-long"

// pages is what a log is written to.
type pages struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (p *pages) Write(data []byte) (int, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.text.Write(data)
}

// answering is a network on which one handler answers everybody; one that panics hangs up.
type answering struct{ handler http.HandlerFunc }

func (a answering) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	w := httptest.NewRecorder()
	defer func() {
		if recover() != nil {
			answer, err = nil, &url.Error{Op: "Get", URL: r.URL.String(), Err: io.ErrUnexpectedEOF}
		}
	}()
	a.handler(w, r)
	answer = w.Result()
	answer.Request = r
	return answer, nil
}

// keyedSources are all sources, each with a key, on a network.
func keyedSources(t *testing.T, network answering) map[string]provider.Provider {
	t.Helper()
	all := map[string]provider.Provider{}
	add := func(p provider.Provider, err error) {
		if err != nil {
			t.Fatal(err)
		}
		all[p.Name()] = p
	}
	o := func(name string) provider.Options {
		return provider.Options{BaseURL: "http://standin/" + name, Key: secretKey, RequestsPerMinute: 100_000, HTTP: &http.Client{Transport: network}}
	}
	yahoo, err := provider.NewYahoo(o("yahoo"))
	add(yahoo, err)
	ecb, err := provider.NewECB(o("ecb"))
	add(ecb, err)
	amfi, err := provider.NewAMFI(o("amfi"))
	add(amfi, err)
	mfapi, err := provider.NewMFAPI(o("mfapi"))
	add(mfapi, err)
	coins, err := provider.NewCoinGecko(o("coingecko"))
	add(coins, err)
	frankfurter, err := provider.NewFrankfurter(o("frankfurter"))
	add(frankfurter, err)
	finnhub, err := provider.NewFinnhub(o("finnhub"))
	add(finnhub, err)
	tiingo, err := provider.NewTiingo(o("tiingo"))
	add(tiingo, err)
	twelve, err := provider.NewTwelveData(o("twelvedata"))
	add(twelve, err)
	eodhd, err := provider.NewEODHD(o("eodhd"))
	add(eodhd, err)
	massive, err := provider.NewMassive(o("massive"))
	add(massive, err)
	fred, err := provider.NewFRED(o("fred"))
	add(fred, err)
	alpha, err := provider.NewAlphaVantage(o("alphavantage"))
	add(alpha, err)
	page, err := provider.NewPages(o("http"))
	add(page, err)
	return all
}

// The log of whole cycles, every line of it: no key in it and no address of a page, however the sources fail and whatever of our
// question their answers repeat.
func TestTheLogOfACycleTellsNoKey(t *testing.T) {
	names := []string{"yahoo", "ecb", "amfi", "mfapi", "coingecko", "frankfurter", "finnhub", "tiingo", "twelvedata", "eodhd", "massive", "fred", "alphavantage"}
	replay, err := replaytest.New(replaytest.Payloads(), time.Now, names...)
	if err != nil {
		t.Fatal(err)
	}
	well := func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/page") {
			fmt.Fprint(w, `{"fund":{"nav":"12.5"}}`)
			return
		}
		replay.ServeHTTP(w, r)
	}
	echo := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"error":"%[1]s","message":"%[1]s","detail":"%[1]s","Information":"%[1]s","Error Message":"the key %[1]s"}`, secretKey+" of "+r.URL.String())
		}
	}
	trouble := map[string]http.HandlerFunc{
		"all well": well, "refused": echo(401), "broken": echo(500), "echoes at 200": echo(200), "spent": echo(429),
		"prose": func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "no data for ", secretKey, " at ", r.URL) },
		"redirects": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere.invalid/?"+r.URL.RawQuery, http.StatusFound)
		},
		"a bad redirect": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://%zz"+r.URL.Path+"?"+r.URL.RawQuery)
			w.WriteHeader(http.StatusFound)
		},
		"a bad redirect at home": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", r.URL.Path+"%zz?"+r.URL.RawQuery)
			w.WriteHeader(http.StatusFound)
		},
		"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	for name, answer := range trouble {
		synctest.Test(t, func(t *testing.T) {
			sources := keyedSources(t, answering{answer})
			page := "http://pages/page/value?key=" + url.QueryEscape(secretKey) + "#json=fund.nav&unit=EUR"
			wanted := []market.Instrument{
				{ID: "first", Symbol: "FRST", Currency: "USD", Class: market.Stock, Names: map[string]string{
					"yahoo": "AAPL", "finnhub": "FRST", "tiingo": "FRST", "twelvedata": "FRST", "eodhd": "FRST.US", "massive": "FRST", "alphavantage": "FRST"}},
				{ID: "paged", Symbol: "PAGE", Currency: "EUR", Class: market.Other, Names: map[string]string{"http": page}},
				{ID: "fund", Symbol: "101001", Currency: "INR", Class: market.Fund},
				{ID: "btc", Symbol: "BTC", Currency: "USD", Class: market.Crypto},
				{ID: market.RateID("USD"), Currency: "USD", Class: market.FX},
			}
			chains := map[string][]provider.Provider{}
			for _, chain := range ChainNames() {
				for _, name := range append(names, "http") {
					chains[chain] = append(chains[chain], sources[name])
				}
			}
			var log pages
			g, err := New(Options{Store: newMemory(wanted), Publisher: &hints{}, Sessions: hours{}, Chains: chains, Interval: slot,
				Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
			if err != nil {
				t.Fatal(err)
			}
			for _, kind := range g.Kinds() {
				if strings.HasPrefix(kind.Name, "poll.") && kind.Name != "poll.new" || kind.Name == "history.backfill" {
					if err := kind.Work(t.Context(), jobs.Job{}); err != nil {
						t.Fatal(err)
					}
				}
			}
			text := log.text.String()
			for _, secret := range []string{"CANARY", secretKey, url.QueryEscape(secretKey), "which-is-long", "fund.nav", "/page"} {
				if at := strings.Index(text, secret); at >= 0 {
					t.Errorf("%s tells %q: …%.300s", name, secret, text[max(at-150, 0):])
				}
			}
			if lines := strings.Count(text, "\n"); lines < 4 || !strings.Contains(text, "msg=polled") || name != "all well" && !strings.Contains(text, "level=WARN") {
				t.Errorf("%s: %d lines:\n%s", name, lines, text)
			}
			if name == "all well" {
				t.Logf("a cycle's log:\n%s", text)
			}
		})
	}
}
