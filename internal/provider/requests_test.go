package provider

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/provider/replaytest"
)

// What a source says that a batch costs is what it then asks, also when it remembers something of the time before.
func TestRequestsAreWhatIsAsked(t *testing.T) {
	many := func(prefix string, n int) (names []string) {
		for i := range n {
			names = append(names, fmt.Sprintf("%s%c%c", prefix, 'A'+i/26, 'A'+i%26))
		}
		return names
	}
	more := map[string][][]string{
		Yahoo:      {many("Y", 3), many("Y", 12), many("Y", 60)},
		Tiingo:     {many("T", 90), append(many("fund:VF", 14), "FRST", "fx:eurusd", "fx:eurgbp", "crypto:btcusd")},
		TwelveData: {{"TSCO@XLON", "VOD@XLON", "SAP@XETR", "FRST"}},
		Massive:    {many("M", 500), {"C:EURUSD", "C:EURGBP", "C:EURCHF", "X:BTCUSD", "X:ETHUSD", "X:LTCUSD", "FRST"}},
		FRED:       {{"USD"}, {"GBP", "USD", "CHF"}},
		Finnhub:    {many("F", 20)}, MFAPI: {{"101001", "101002", "101003"}}, AlphaVantage: {{"FRST", "fx:EURUSD", "crypto:BTCUSD"}},
	}
	for _, source := range all {
		server, err := replaytest.New(replaytest.Payloads(), func() time.Time { return now }, source)
		if err != nil {
			t.Fatal(err)
		}
		asked, stray := 0, 0
		p := open(t, source, options(source, transport(func(r *http.Request) (*http.Response, error) {
			if asked++; source == ECB && strings.Contains(r.URL.Path, "90d") || source == Frankfurter && strings.Contains(r.URL.Path, "v2") {
				stray++ // once a day, and only for what the first table lacks: nobody counts these
			}
			switch yahoo := source == Yahoo; {
			case yahoo && strings.HasSuffix(r.URL.Path, "/cookie"):
				resp, err := body(404, "", "")(r)
				resp.Header.Set("Set-Cookie", "A3=x; Path=/")
				return resp, err
			case yahoo && strings.HasSuffix(r.URL.Path, "/getcrumb"):
				return body(200, "text/plain", "crumb")(r)
			case yahoo && strings.HasSuffix(r.URL.Path, "/v7/finance/quote"):
				return body(200, "", `{"quoteResponse":{"result":[]}}`)(r)
			}
			return serve(server)(r)
		})))
		for n, names := range append([][]string{at("http://standin/"+source, source)}, more[source]...) {
			for range 2 { // the second time it knows more
				want := 1
				if b, ok := p.(Batching); ok {
					want = b.Requests(names)
				}
				asked, stray = 0, 0
				if _, err := p.Latest(t.Context(), names, now); err != nil && OutcomeOf(err) == Transient {
					t.Errorf("%s: %v", source, err)
				}
				if asked -= stray; asked != want {
					t.Errorf("%s, batch %d of %d names: %d requests, said %d", source, n, len(names), asked, want)
				}
			}
		}
	}
}

// Delays go by market.
func TestDelays(t *testing.T) {
	for _, test := range []struct {
		source, mic string
		want        time.Duration
	}{
		{Yahoo, "XNAS", 0}, {Yahoo, "", 0}, {Yahoo, "XTSE", 0}, {Yahoo, "XBOM", 0}, {Yahoo, "XLON", 15 * time.Minute}, {Yahoo, "XETR", 15 * time.Minute},
		{Yahoo, "XTKS", 20 * time.Minute}, {EODHD, "XLON", 20 * time.Minute}, {EODHD, "XNYS", 20 * time.Minute}, {Finnhub, "XNYS", 0},
		{Tiingo, "XNYS", 0}, {CoinGecko, "", 0},
	} {
		var got time.Duration
		if late, ok := open(t, test.source, options(test.source, body(200, "", ""))).(Delayed); ok {
			got = late.Delay(test.mic)
		}
		if got != test.want {
			t.Errorf("%s, %s: %s, want %s", test.source, test.mic, got, test.want)
		}
	}
	for _, mic := range append(yahooPrompt, yahooLater...) {
		if _, known := yahooSuffix[mic]; !known {
			t.Errorf("no market of Yahoo's is %s", mic)
		}
	}
}

// A page's address may hold somebody's key: of it, a log and an error tell the host.
func TestPagesTellTheirHostOnly(t *testing.T) {
	name := "https://prices.example/v1/" + canary + "?key=" + canary + "#json=price"
	if got := Shown(HTTP, name); got != "prices.example" {
		t.Errorf("shown: %s", got)
	}
	if got := Shown(HTTP, "http://%zz/"+canary); got != "" {
		t.Errorf("shown: %s", got)
	}
	if got := Shown(Yahoo, "VOD.L"); got != "VOD.L" {
		t.Errorf("shown: %s", got)
	}
	for _, text := range []string{`{"price":1}`, `{"price":-1}`, `{"error":"` + canary + `"}`, canary, "", "<html>" + canary, `{"price":"` + canary + `"}`} {
		for _, status := range []int{200, 302, 401, 403, 404, 429, 500} {
			p := open(t, HTTP, options(HTTP, body(status, "", text)))
			batch, err := p.Latest(t.Context(), []string{name}, now)
			_, _, historyErr := p.(Historian).History(t.Context(), name, market.DateOf(now)-30, market.DateOf(now))
			if said := fmt.Sprint(err, batch.Failed[name], historyErr); tells(said) {
				t.Errorf("status %d, %.20q: %s", status, text, said)
			}
		}
	}
}
