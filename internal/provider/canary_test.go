package provider

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/provider/replaytest"
)

// canary is a key whose forms in an address and in text differ.
const canary = "CANARY/k+y&93=-which-is-longer-than-what-errors-quote-of-a-field"

// keyed are the sources that take a key.
var keyed = []string{CoinGecko, Finnhub, Tiingo, TwelveData, EODHD, Massive, FRED, AlphaVantage}

// tells says whether a text holds the key in any form.
func tells(text string) bool {
	return strings.Contains(text, canary) || strings.Contains(text, url.QueryEscape(canary)) || strings.Contains(text, url.PathEscape(canary)) || strings.Contains(text, "CANARY")
}

// allErrors asks a source for everything and gives the texts of all that went wrong, in every way that a log prints them.
func allErrors(t *testing.T, p Provider, source, base string) []string {
	t.Helper()
	var texts []string
	note := func(err error) {
		if err == nil {
			return
		}
		for ; err != nil; err = errors.Unwrap(err) {
			texts = append(texts, err.Error(), fmt.Sprintf("%v %+v %#v", err, err, err))
			if failed, ok := errors.AsType[*Error](err); ok {
				texts = append(texts, failed.Symbol, fmt.Sprintf("%+v", *failed))
			}
		}
	}
	names := at(base, source)
	from, to := market.DateOf(now)-30, market.DateOf(now)
	batch, err := p.Latest(t.Context(), names, now)
	note(err)
	for name, failed := range batch.Failed {
		texts = append(texts, name)
		note(failed)
	}
	if h, ok := p.(Historian); ok {
		_, _, err := h.History(t.Context(), names[0], from, to)
		note(err)
	}
	if h, ok := p.(AdjustedHistorian); ok {
		_, _, _, err := h.AdjustedHistory(t.Context(), names[0], from, to)
		note(err)
	}
	if a, ok := p.(Actioner); ok {
		_, err := a.Actions(t.Context(), names[0], from, to)
		note(err)
	}
	if s, ok := p.(Searcher); ok {
		_, err := s.Search(t.Context(), "x")
		note(err)
	}
	return texts
}

// No key in an error: for every payload, as it is and with the key repeated wherever a text stands in it.
func TestCanary(t *testing.T) {
	checked := 0
	eachPayload(t, func(t *testing.T, source string, e replaytest.Entry) {
		echo := strings.NewReplacer("TESTKEY123", canary, "TESTKEY", canary, "API", canary+" API", "api", "api "+url.QueryEscape(canary), `": "`, `": "`+canary).Replace(string(e.Body))
		for _, data := range []string{string(e.Body), echo, canary, `{"error":"` + canary + `"}`} {
			for _, status := range []int{e.Status, http.StatusOK, http.StatusForbidden} {
				o := options(source, body(status, e.Headers["Content-Type"], data))
				o.Key = canary
				for _, text := range allErrors(t, open(t, source, o), source, "http://standin/http") {
					if checked++; source != HTTP && tells(text) {
						t.Fatalf("%s tells its key: %s", source, text)
					}
				}
			}
		}
	})
	t.Logf("%d texts", checked)
}

// A network that fails tells its addresses, and redirects repeat them.
func TestCanaryOnTheWire(t *testing.T) {
	var abroad []*http.Request
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		abroad = append(abroad, r)
		fmt.Fprint(w, `{}`)
	}))
	defer elsewhere.Close()
	for name, answer := range map[string]http.HandlerFunc{
		"hangs":      func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"breaks off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"bad location": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "http://%zz/?"+r.URL.RawQuery)
			w.WriteHeader(302)
		},
		"redirects": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+"/?"+r.URL.RawQuery, http.StatusFound)
		},
		"redirects plainly": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL+"/", http.StatusFound) },
		"redirects to ftp": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "ftp://x/?"+r.URL.RawQuery, http.StatusFound)
		},
		"redirects for ever": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"x?"+r.URL.RawQuery, http.StatusFound)
		},
	} {
		home := httptest.NewServer(answer)
		for _, source := range keyed {
			p := open(t, source, Options{BaseURL: home.URL, Key: canary, HTTP: asking(t, home.URL, elsewhere.URL), RequestsPerMinute: unpaced})
			setDeadline(p, 50*time.Millisecond)
			for _, text := range allErrors(t, p, source, home.URL) {
				if tells(text) {
					t.Errorf("%s %s: %s", source, name, text)
				}
			}
		}
		home.Close()
		for _, source := range keyed { // nobody there any more
			p := open(t, source, Options{BaseURL: home.URL, Key: canary, RequestsPerMinute: unpaced})
			for _, text := range allErrors(t, p, source, home.URL) {
				if tells(text) || strings.Contains(text, "?") {
					t.Errorf("%s %s: %s", source, name, text)
				}
			}
		}
	}
	if len(abroad) == 0 {
		t.Error("no redirect was followed")
	}
	for _, r := range abroad {
		if text := fmt.Sprint(r.URL, r.Header); tells(text) {
			t.Errorf("the key went abroad: %s", text)
		}
	}
}

// Each key goes where the source reads it, and in a header wherever that is possible.
func TestWhereKeysGo(t *testing.T) {
	for source, want := range map[string]string{
		CoinGecko: "X-Cg-Demo-Api-Key: " + canary, Finnhub: "X-Finnhub-Token: " + canary, Tiingo: "Authorization: Token " + canary,
		TwelveData: "Authorization: apikey " + canary, Massive: "Authorization: Bearer " + canary,
		EODHD: "api_token", FRED: "api_key", AlphaVantage: "apikey", OpenFIGI: "X-Openfigi-Apikey: " + canary,
	} {
		asked := 0
		o := options(source, transport(func(r *http.Request) (*http.Response, error) {
			asked++
			header, value, inHeader := strings.Cut(want, ": ")
			if inHeader && (r.Header.Get(header) != value || tells(r.URL.String())) {
				t.Errorf("%s: asked %s with %v", source, r.URL, r.Header)
			}
			if !inHeader && (r.URL.Query().Get(want) != canary || tells(fmt.Sprint(r.Header))) {
				t.Errorf("%s: asked %s with %v", source, r.URL, r.Header)
			}
			return body(200, "application/json", `{}`)(r)
		}))
		o.Key = canary
		if source == OpenFIGI {
			g, err := NewOpenFIGI(o)
			if err != nil {
				t.Fatal(err)
			}
			_, _, _ = g.Identify(t.Context(), []Identifier{{Kind: ISIN, Value: "US0378331005"}})
		} else {
			allErrors(t, open(t, source, o), source, "")
		}
		if asked == 0 {
			t.Errorf("%s: nothing asked", source)
		}
	}
}
