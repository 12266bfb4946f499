package provider

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/provider/replaytest"
)

// asked is a name that each source's payloads can be asked for.
var asked = map[string][]string{
	Yahoo: {"AAPL", "VOD.L"}, ECB: {"USD", "INR"}, AMFI: {"101001", "101002", "118955"}, MFAPI: {"101001"}, CoinGecko: {"bitcoin", "pepe"},
	Frankfurter: {"USD", "VND"}, Finnhub: {"FRST", "VDPC.L/GBX"}, Tiingo: {"FRST", "fx:eurusd", "crypto:btcusd"},
	TwelveData: {"FRST", "EUR/USD", "AAPL"}, EODHD: {"FRST.US", "VDPC.LSE/GBX", "AAPL.US"}, Massive: {"FRST", "C:EURUSD", "TANH"},
	FRED: {"USD", "GBP"}, AlphaVantage: {"FRST", "fx:EURUSD"},
	HTTP: {
		"http://standin/http/value#json=fund.values[0].nav&time=fund.values[0].on&currency=currency",
		"http://standin/http/table.csv#csv=Close&time=Date&currency=Currency&separator=%3B&decimal=,",
	},
}

// at are the names of asked, for a source that has no address but in its names.
func at(base, source string) []string {
	names := slices.Clone(asked[source])
	for i, name := range names {
		names[i] = strings.Replace(name, "http://standin/http", base, 1)
	}
	return names
}

// latest asks for names; the error of the first of them counts where the batch has none.
func latest(ctx context.Context, p Provider, names []string) (Batch, error) {
	batch, err := p.Latest(ctx, names, now)
	if failed := batch.Failed[names[0]]; err == nil && failed != nil {
		return batch, failed
	}
	return batch, err
}

// everything asks a source for all it can do and reports what it believed. Every name must end up with a price above 0
// or with an error.
func everything(t testing.TB, source string, p Provider) (believed []string, failed []error) {
	t.Helper()
	names := asked[source]
	for range 2 { // the second time Yahoo goes another way
		batch, err := p.Latest(t.Context(), names, now)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		if len(batch.Quotes)+len(batch.Failed) != len(names) {
			t.Fatalf("%s: %d quotes and %d errors for %d names", source, len(batch.Quotes), len(batch.Failed), len(names))
		}
		for _, q := range batch.Quotes {
			if q.Price.Sign() <= 0 || q.PreviousClose != nil && q.PreviousClose.Sign() <= 0 || q.MarketTime.IsZero() || q.MarketTime.After(now.Add(FutureMax)) || q.HasCurrency != (q.Unit.Currency != "") {
				t.Fatalf("%s believed %s", source, line(q))
			}
			q.PreviousClose, q.PreviousDate = nil, market.NoDate // may be missing where the payload is cut
			believed = append(believed, line(q))
		}
		for _, err := range batch.Failed {
			failed = append(failed, err)
		}
	}
	if h, ok := p.(Historian); ok {
		bars, _, err := h.History(t.Context(), names[0], market.MustDate("1999-01-01"), market.MustDate("2026-12-31"))
		if err != nil {
			failed = append(failed, err)
		}
		for i, b := range bars {
			if b.Close.Sign() <= 0 || i > 0 && bars[i-1].Date >= b.Date {
				t.Fatalf("%s believed %v", source, bars)
			}
			believed = append(believed, b.Date.String()+" "+b.Close.String())
		}
	}
	if a, ok := p.(Actioner); ok {
		actions, err := a.Actions(t.Context(), names[0], market.MustDate("1999-01-01"), market.MustDate("2026-12-31"))
		if err != nil {
			failed = append(failed, err)
		}
		for i, x := range actions {
			if x.Kind == Split && (x.New.Sign() <= 0 || x.Old.Sign() <= 0) || x.Kind == Dividend && x.Amount.Sign() <= 0 || i > 0 && actions[i-1].Date > x.Date {
				t.Fatalf("%s believed %+v", source, actions)
			}
		}
	}
	if s, ok := p.(Searcher); ok {
		hits, err := s.Search(t.Context(), "x")
		if err != nil {
			failed = append(failed, err)
		}
		for _, hit := range hits {
			if hit.Symbol == "" || hit.Name == "" || hit.Class == "" {
				t.Fatalf("%s found %+v", source, hit)
			}
		}
	}
	for _, err := range failed {
		if _, ok := errors.AsType[*Error](err); !ok || len(err.Error()) > 2*causeBytesMax+200 {
			t.Fatalf("%s: not our error, or too long: %v", source, err)
		}
	}
	return believed, failed
}

// believes runs a source on one body for whatever it asks.
func believes(t testing.TB, source string, e replaytest.Entry, data []byte) (believed []string, failed []error) {
	t.Helper()
	var p Provider
	switch source { // payloads name the instrument that they are about
	case Yahoo, MFAPI:
		p = open(t, source, options(source, renamed(e, data)))
	default:
		p = open(t, source, options(source, body(e.Status, e.Headers["Content-Type"], string(data))))
	}
	return everything(t, source, p)
}

// renamed answers with a payload in which the name that is asked for stands instead of the recorded one.
func renamed(e replaytest.Entry, data []byte) transport {
	recorded := filepath.Base(e.Path)
	if recorded == "latest" {
		recorded = filepath.Base(filepath.Dir(e.Path))
	}
	return func(r *http.Request) (*http.Response, error) {
		name := filepath.Base(r.URL.Path)
		if name == "latest" {
			name = filepath.Base(filepath.Dir(r.URL.Path))
		}
		text := strings.ReplaceAll(string(data), `"symbol": "`+recorded+`"`, `"symbol": "`+name+`"`)
		text = strings.ReplaceAll(text, `"scheme_code": `+recorded, `"scheme_code": `+name)
		return body(e.Status, e.Headers["Content-Type"], text)(r)
	}
}

// eachPayload goes through the embedded payloads and, where there are any, the recorded ones.
func eachPayload(t *testing.T, do func(t *testing.T, source string, e replaytest.Entry)) {
	roots := map[string]func(string) ([]replaytest.Entry, error){
		"own": func(source string) ([]replaytest.Entry, error) { return replaytest.Load(replaytest.Payloads(), source) },
	}
	if dir := os.Getenv("FOLIOSCOPE_REFERENCE"); dir != "" {
		fixtures := os.DirFS(filepath.Join(dir, "fixtures"))
		roots["reference"] = func(source string) ([]replaytest.Entry, error) { return replaytest.Load(fixtures, source) }
	}
	for root, load := range roots {
		for _, source := range all {
			if root == "reference" && source == HTTP {
				continue // users' pages were never recorded
			}
			entries, err := load(source)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				t.Run(root+"/"+source+"/"+e.File, func(t *testing.T) { do(t, source, e) })
			}
		}
	}
}

// A payload cut anywhere gives an error or some of the values that the whole one gives, never another value.
func TestCutPayloads(t *testing.T) {
	eachPayload(t, func(t *testing.T, source string, e replaytest.Entry) {
		whole, _ := believes(t, source, e, e.Body)
		known := map[string]bool{}
		for _, value := range whole {
			known[value] = true
		}
		step := max(97, len(e.Body)/400/97*97) // every 97th byte; of the largest ones 400 of these
		for n := 0; n < len(e.Body); n += step {
			some, _ := believes(t, source, e, e.Body[:n])
			for _, value := range some {
				if !known[value] {
					t.Fatalf("cut at %d: believed %q", n, value)
				}
			}
		}
	})
}

// One source's payload must mean nothing to another.
func TestForeignPayloads(t *testing.T) {
	eachPayload(t, func(t *testing.T, source string, e replaytest.Entry) {
		for _, other := range all {
			if other == source {
				continue
			}
			o := options(other, body(http.StatusOK, e.Headers["Content-Type"], string(e.Body)))
			if believed, _ := everything(t, other, open(t, other, o)); len(believed) > 0 {
				t.Errorf("%s believed %v", other, believed)
			}
		}
	})
}

func TestHostileBodies(t *testing.T) {
	deep := strings.Repeat(`{"chart":`, 100_000)
	deepXML := strings.Repeat(`<Cube time="2026-11-18">`, 100_000)
	chart := func(meta string) string {
		return `{"chart":{"result":[{"meta":{"symbol":"AAPL","regularMarketTime":1795035600,` + meta + `}}]}}`
	}
	coin := func(price, at string) string { return `{"bitcoin":{"usd":` + price + `,"last_updated_at":` + at + `}}` }
	nav := func(value, date string) string {
		return "Scheme Code;Net Asset Value;Date\n101001;" + value + ";" + date + "\n"
	}
	fund := func(code, date, value string) string {
		return `{"meta":{"scheme_code":` + code + `},"data":[{"date":"` + date + `","nav":` + value + `}],"status":"SUCCESS"}`
	}
	cube := func(date, currency, rate string) string {
		return `<E><Cube time="` + date + `"><Cube currency="` + currency + `" rate="` + rate + `"/></Cube></E>`
	}
	const html = "<!DOCTYPE html><html><body>Are you a robot?</body></html>"
	tests := []struct {
		source, name, body string
		want               Outcome
	}{
		{Yahoo, "page", html, Blocked},
		{Yahoo, "deep", deep, SchemaDrift},
		{Yahoo, "no currency", chart(`"regularMarketPrice":1`), Empty},
		{Yahoo, "wrong currency", chart(`"currency":"usd","regularMarketPrice":1`), SchemaDrift},
		{Yahoo, "pounds in lower case", chart(`"currency":"gbp","regularMarketPrice":1`), SchemaDrift},
		{Yahoo, "no price", chart(`"currency":"USD"`), Empty},
		{Yahoo, "null", chart(`"currency":"USD","regularMarketPrice":null`), Empty},
		{Yahoo, "zero", chart(`"currency":"USD","regularMarketPrice":0`), Empty},
		{Yahoo, "negative", chart(`"currency":"USD","regularMarketPrice":-3.5`), Empty},
		{Yahoo, "NaN", chart(`"currency":"USD","regularMarketPrice":NaN`), SchemaDrift},
		{Yahoo, "NaN in quotes", chart(`"currency":"USD","regularMarketPrice":"NaN"`), SchemaDrift},
		{Yahoo, "endless digits", chart(`"currency":"USD","regularMarketPrice":1` + strings.Repeat("0", 1000)), Empty},
		{Yahoo, "another symbol", strings.Replace(chart(`"currency":"USD","regularMarketPrice":1`), "AAPL", "MSFT", 1), SchemaDrift},
		{Yahoo, "from the future", strings.Replace(chart(`"currency":"USD","regularMarketPrice":1`), "1795035600", "1795135600", 1), SchemaDrift},
		{Yahoo, "time beyond all", strings.Replace(chart(`"currency":"USD","regularMarketPrice":1`), "1795035600", "9223372036854775807", 1), Empty},
		{Yahoo, "a list", `[]`, SchemaDrift},
		{Yahoo, "nothing", ``, Transient},
		{Yahoo, "closes without times", strings.Replace(chart(`"currency":"USD"`), "}}]}}", `},"timestamp":[1795012200],"indicators":{"quote":[{"close":[1,2]}]}}]}}`, 1), Empty},
		{Yahoo, "quota at 200", "Edge: Too Many Requests", RateHour},
		{ECB, "page", html, Transient},
		{ECB, "deep and never closed", deepXML, SchemaDrift},
		{ECB, "no rates", `<E></E>`, SchemaDrift},
		{ECB, "zero", cube("2026-11-18", "USD", "0"), SchemaDrift},
		{ECB, "not a number", cube("2026-11-18", "USD", "NaN"), SchemaDrift},
		{ECB, "wrong currency", cube("2026-11-18", "dollar", "1.1"), SchemaDrift},
		{ECB, "wrong date", cube("18/11/2026", "USD", "1.1"), SchemaDrift},
		{ECB, "from the future", cube("2026-11-20", "USD", "1.1"), SchemaDrift},
		{ECB, "an entity", `<!DOCTYPE x [<!ENTITY a "aaaa">]><E>&a;</E>`, SchemaDrift},
		{ECB, "JSON", `{}`, SchemaDrift},
		{AMFI, "page", html, Transient},
		{AMFI, "nothing", ``, Transient},
		{AMFI, "other columns", "Code;NAV;Date\n101001;1;18-Nov-2026\n", SchemaDrift},
		{AMFI, "a column twice", "Scheme Code;Net Asset Value;Date;Date\n", SchemaDrift},
		{AMFI, "a column more than the header", "Scheme Code;Net Asset Value;Date\n101001;x;1;18-Nov-2026\n", SchemaDrift},
		{AMFI, "most rows in another layout", nav("1", "18-Nov-2026") + "101002;x;1;18-Nov-2026\n101003;x;1;18-Nov-2026\n", SchemaDrift},
		{AMFI, "cut before the name", "Scheme Code;Net Asset Value;Date\n101009;1;18-Nov-2026\n1010", Transient},
		{AMFI, "not there", "Scheme Code;Net Asset Value;Date\n101009;1;18-Nov-2026\n", UnknownSymbol},
		{AMFI, "N.A.", nav("N.A.", "18-Nov-2026"), Empty},
		{AMFI, "dash", nav("-", "18-Nov-2026"), Empty},
		{AMFI, "zero", nav("0.0000", "18-Nov-2026"), Empty},
		{AMFI, "negative", nav("-1", "18-Nov-2026"), Empty},
		{AMFI, "NaN", nav("NaN", "18-Nov-2026"), Empty},
		{AMFI, "wrong date", nav("1", "2026-11-18"), Empty},
		{AMFI, "from the future", nav("1", "20-Nov-2026"), SchemaDrift},
		{MFAPI, "page", html, Blocked},
		{MFAPI, "another scheme", fund("101002", "18-11-2026", `"1"`), SchemaDrift},
		{MFAPI, "N.A.", fund("101001", "18-11-2026", `"N.A."`), Empty},
		{MFAPI, "a number", fund("101001", "18-11-2026", `1.5`), SchemaDrift},
		{MFAPI, "zero", fund("101001", "18-11-2026", `"0"`), Empty},
		{MFAPI, "wrong date", fund("101001", "2026-11-18", `"1"`), SchemaDrift},
		{MFAPI, "status", `{"status":"ERROR"}`, SchemaDrift},
		{CoinGecko, "page", html, Blocked},
		{CoinGecko, "empty", `{}`, UnknownSymbol},
		{CoinGecko, "zero", coin("0", "1795014240"), Empty},
		{CoinGecko, "negative", coin("-1", "1795014240"), Empty},
		{CoinGecko, "null", coin("null", "1795014240"), Empty},
		{CoinGecko, "NaN", coin("NaN", "1795014240"), SchemaDrift},
		{CoinGecko, "a text", coin(`"NA"`, "1795014240"), SchemaDrift},
		{CoinGecko, "no time", coin("1", "null"), SchemaDrift},
		{CoinGecko, "from the future", coin("1", "1795114240"), SchemaDrift},
		{CoinGecko, "quota at 200", `{"status":{"error_code":429,"error_message":"slow down"}}`, RateMinute},
		{CoinGecko, "deep", strings.Repeat("[", 100_000), SchemaDrift},
	}
	for _, test := range tests {
		t.Run(test.source+" "+test.name, func(t *testing.T) {
			p := open(t, test.source, options(test.source, body(http.StatusOK, "", test.body)))
			name := asked[test.source][0]
			batch, err := p.Latest(t.Context(), []string{name}, now)
			if len(batch.Quotes) > 0 {
				t.Fatalf("believed %s", line(batch.Quotes[0]))
			}
			if err == nil {
				err = batch.Failed[name]
			}
			if got := OutcomeOf(err); got != test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestTroubleOnTheWire(t *testing.T) {
	bomb := gzipped(t, bytes.Repeat([]byte(" "), amfiBytesMax+1))
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   Outcome
	}{
		{"status 500", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "oops", 500) }, Transient},
		{"hangs", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, Transient},
		{"hangs in the middle of the body", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, `{"bitcoin":`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, Transient},
		{"drips", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				fmt.Fprint(w, " ")
				w.(http.Flusher).Flush()
				time.Sleep(5 * time.Millisecond)
			}
		}, Transient},
		{"breaks off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"bitcoin":{"usd":1,"last_updated_at":1795014240}}`)
		}, Transient},
		{"gzip bomb", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb)
		}, SchemaDrift},
		{"gzip that isn't", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, `{"bitcoin":{"usd":1,"last_updated_at":1795014240}}`)
		}, Transient},
		{"unknown encoding", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			fmt.Fprint(w, `{}`)
		}, SchemaDrift},
		{"redirects for ever", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
		}, Transient},
		{"redirects to another scheme", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://"+r.Host+r.URL.Path, http.StatusFound)
		}, Transient},
		{"forbidden", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, Blocked},
		{"a wrong address", func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }, SchemaDrift},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(test.answer)
			defer server.Close()
			for _, source := range all {
				o := Options{BaseURL: server.URL, RequestsPerMinute: unpaced, Key: "SECRETKEY"}
				p := open(t, source, o)
				if strings.HasPrefix(test.name, "hangs") || test.name == "drips" {
					setDeadline(p, 100*time.Millisecond)
				}
				_, err := latest(t.Context(), p, at(server.URL, source)[:1])
				batchErr, _ := errors.AsType[*Error](err)
				want := test.want
				if source == HTTP && test.name == "a wrong address" {
					want = UnknownSymbol // a page's address is the name
				}
				if batchErr == nil || batchErr.Outcome != want {
					t.Errorf("%s: got %v, want %s", source, batchErr, want)
					continue
				}
				if text := batchErr.Error(); strings.Contains(text, "SECRETKEY") || strings.Contains(text, "?") || strings.Contains(text, "http://") {
					t.Errorf("tells too much: %s", text)
				}
			}
		})
	}
}

func setDeadline(p Provider, d time.Duration) {
	p.(interface{ itself() *source }).itself().deadline = d
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestModesOfTheStandIn(t *testing.T) {
	for mode, want := range map[replaytest.Mode]Outcome{
		replaytest.Failing: Transient, replaytest.Limited: RateMinute, replaytest.Hanging: Transient, replaytest.Cut: Transient, replaytest.Huge: SchemaDrift,
	} {
		replay, err := replaytest.New(replaytest.Payloads(), nil, all...)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(replay)
		defer server.Close()
		for _, source := range all {
			replay.SetMode(source, mode)
			p := open(t, source, Options{BaseURL: server.URL + "/" + source, RequestsPerMinute: unpaced, Key: "TESTKEY123"})
			if mode == replaytest.Hanging {
				setDeadline(p, 50*time.Millisecond)
			}
			_, err := latest(t.Context(), p, at(server.URL+"/"+source, source)[:1])
			want := want
			if (source == Yahoo || source == Tiingo) && mode == replaytest.Limited {
				want = RateHour
			}
			if got := OutcomeOf(err); got != want {
				t.Errorf("%s in mode %s: got %v, want %s", source, mode, err, want)
			}
		}
	}
}

// Closes that don't fit their days are no history.
func TestUnevenHistory(t *testing.T) {
	text := `{"chart":{"result":[{"meta":{"symbol":"AAPL","currency":"USD"},"timestamp":[1795012200],"indicators":{"quote":[{"close":[1,2]}]}}]}}`
	p := open(t, Yahoo, options(Yahoo, body(http.StatusOK, "", text)))
	bars, _, err := p.(Historian).History(t.Context(), "AAPL", 0, market.DateOf(now))
	if OutcomeOf(err) != SchemaDrift || len(bars) > 0 {
		t.Errorf("got %v, %v", bars, err)
	}
}

// A redirect from https to http is not followed, whoever listens there.
func TestRedirectKeepsItsScheme(t *testing.T) {
	followed := false
	open := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed = true }))
	defer open.Close()
	sealed := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, open.URL, http.StatusFound)
	}))
	defer sealed.Close()
	p, err := NewECB(Options{BaseURL: sealed.URL, HTTP: sealed.Client()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Latest(t.Context(), []string{"USD"}, now); OutcomeOf(err) != Transient || followed {
		t.Errorf("followed: %v, %v", followed, err)
	}
}

// Once the source itself fails, the names that are left aren't asked for.
func TestTheRestIsLeftAlone(t *testing.T) {
	for _, source := range []string{Yahoo, MFAPI} {
		server, _ := standin(t, source)
		requests := 0
		p := open(t, source, options(source, transport(func(r *http.Request) (*http.Response, error) {
			if requests++; requests > 1 {
				server.SetMode(source, replaytest.Limited)
			}
			return serve(server)(r)
		})))
		names := []string{asked[source][0], "100001", "100002", "100003"}
		batch, err := p.Latest(t.Context(), names, now)
		if err != nil || len(batch.Quotes) != 1 || len(batch.Failed) != 3 || requests != 2 {
			t.Errorf("%s: %v, %v after %d requests", source, lines(batch), err, requests)
		}
		for name, failed := range batch.Failed {
			if !failed.Outcome.RateLimited() || failed.Symbol != name {
				t.Errorf("%s: %v for %s", source, failed, name)
			}
		}
	}
}

func TestGzipIsRead(t *testing.T) {
	packed := gzipped(t, []byte(`{"bitcoin":{"usd":1.5,"last_updated_at":1795014240}}`))
	p := open(t, CoinGecko, options(CoinGecko, transport(func(r *http.Request) (*http.Response, error) {
		if r.Header.Get("Accept-Encoding") != "gzip" || r.Header.Get("User-Agent") != userAgent {
			t.Errorf("headers %v", r.Header)
		}
		h := http.Header{"Content-Encoding": {"gzip"}}
		return &http.Response{StatusCode: 200, Header: h, Body: io.NopCloser(bytes.NewReader(packed)), Request: r}, nil
	})))
	batch, err := p.Latest(t.Context(), []string{"bitcoin"}, now)
	if err != nil || len(batch.Quotes) != 1 || batch.Quotes[0].Price.String() != "1.5" {
		t.Errorf("got %v, %v", lines(batch), err)
	}
}

// The key goes to the source in a header, and not along with a redirect to somebody else.
func TestKeyStaysAtHome(t *testing.T) {
	var abroad http.Header
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		abroad = r.Header
		fmt.Fprint(w, `{"bitcoin":{"usd":1.5,"last_updated_at":1795014240}}`)
	}))
	defer elsewhere.Close()
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Cg-Demo-Api-Key") != "SECRETKEY" || strings.Contains(r.URL.String(), "SECRETKEY") {
			t.Errorf("asked %s with %v", r.URL, r.Header)
		}
		http.Redirect(w, r, elsewhere.URL, http.StatusFound)
	}))
	defer home.Close()
	p := open(t, CoinGecko, Options{BaseURL: home.URL, Key: "SECRETKEY", HTTP: asking(t, home.URL, elsewhere.URL)})
	if _, err := p.Latest(t.Context(), []string{"bitcoin"}, now); err != nil {
		t.Fatal(err)
	}
	if abroad == nil || abroad.Get("X-Cg-Demo-Api-Key") != "" {
		t.Errorf("abroad: %v", abroad)
	}
}

func TestBudget(t *testing.T) {
	asked := 0
	o := options(ECB, transport(func(r *http.Request) (*http.Response, error) {
		asked++
		return body(200, "text/xml", `<E><Cube time="2026-11-18"><Cube currency="USD" rate="1.1"/></Cube></E>`)(r)
	}))
	o.RequestsPerMinute = 1
	p := open(t, ECB, o)
	_, _ = p.Latest(t.Context(), []string{"USD"}, now)
	_, err := p.Latest(t.Context(), []string{"USD"}, now)
	failed, _ := errors.AsType[*Error](err)
	if failed == nil || failed.Outcome != RateMinute || failed.RetryAfter < 30*time.Second || failed.RetryAfter > time.Minute || !failed.Outcome.OpensCircuit() {
		t.Errorf("got %v", err)
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

func TestCallerLeaves(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, source := range all {
		_, p := standin(t, source)
		setDeadline(p, time.Second)
		replay := open(t, source, options(source, transport(func(r *http.Request) (*http.Response, error) { return nil, r.Context().Err() })))
		if _, err := latest(ctx, replay, asked[source][:1]); OutcomeOf(err) != Transient || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", source, err)
		}
	}
}
