package replaytest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"
	"time"
	_ "time/tzdata"

	"folioscope/internal/market"
	"folioscope/internal/provider"
	"folioscope/internal/provider/replaytest"
)

// Payloads moved to any time of any day must be fresh there, with the price that was set, and never in the future.
func TestPayloadsMoveWithTime(t *testing.T) {
	for _, clock := range []string{"2027-02-03T00:10:00Z", "2027-02-03T12:00:00Z", "2027-07-03T14:05:00Z", "2027-07-03T23:50:00Z"} {
		now, err := time.Parse(time.RFC3339, clock)
		if err != nil {
			t.Fatal(err)
		}
		replay, err := replaytest.New(replaytest.Payloads(), func() time.Time { return now }, "yahoo", "ecb", "amfi", "mfapi", "coingecko")
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(replay)
		defer server.Close()
		o := func(source string) provider.Options {
			return provider.Options{BaseURL: server.URL + "/" + source, HTTP: server.Client(), RequestsPerMinute: 1_000_000}
		}
		yahoo, err := provider.NewYahoo(o("yahoo"))
		if err != nil {
			t.Fatal(err)
		}
		ecb, err := provider.NewECB(o("ecb"))
		if err != nil {
			t.Fatal(err)
		}
		amfi, err := provider.NewAMFI(o("amfi"))
		if err != nil {
			t.Fatal(err)
		}
		mfapi, err := provider.NewMFAPI(o("mfapi"))
		if err != nil {
			t.Fatal(err)
		}
		coins, err := provider.NewCoinGecko(o("coingecko"))
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			source provider.Provider
			name   string
			age    time.Duration // at most
		}{{yahoo, "AAPL", 0}, {ecb, "USD", 48 * time.Hour}, {amfi, "101001", 48 * time.Hour}, {mfapi, "101001", 48 * time.Hour}, {coins, "bitcoin", 0}} {
			steer(t, server.URL+"/_replay/"+test.source.Name()+"?name="+test.name+"&price=77.125")
			batch, err := test.source.Latest(t.Context(), []string{test.name}, now)
			if err != nil || len(batch.Quotes) != 1 {
				t.Errorf("%s at %s: %v %v", test.source.Name(), clock, err, batch.Failed)
				continue
			}
			q := batch.Quotes[0]
			if age := now.Sub(q.MarketTime); q.Price.String() != "77.125" || age < 0 || age > test.age {
				t.Errorf("%s at %s: %s of %s", test.source.Name(), clock, q.Price, q.MarketTime)
			}
		}
		bars, _, err := coins.History(t.Context(), "bitcoin", market.DateOf(now)-9, market.DateOf(now))
		if err != nil || len(bars) == 0 || bars[len(bars)-1].Date >= market.DateOf(now) {
			t.Errorf("history at %s: %v %v", clock, bars, err)
		}
	}
}

// Vendors' latest prices move as well, and keep the price that was set.
func TestVendorsMoveWithTime(t *testing.T) {
	now := time.Date(2027, 7, 3, 14, 5, 0, 0, time.UTC)
	replay, err := replaytest.New(replaytest.Payloads(), func() time.Time { return now }, "finnhub", "tiingo", "twelvedata", "eodhd", "frankfurter")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(replay)
	defer server.Close()
	o := func(source string) provider.Options {
		return provider.Options{BaseURL: server.URL + "/" + source, HTTP: server.Client(), RequestsPerMinute: 1_000_000}
	}
	finnhub, err := provider.NewFinnhub(o("finnhub"))
	if err != nil {
		t.Fatal(err)
	}
	tiingo, err := provider.NewTiingo(o("tiingo"))
	if err != nil {
		t.Fatal(err)
	}
	twelve, err := provider.NewTwelveData(o("twelvedata"))
	if err != nil {
		t.Fatal(err)
	}
	eodhd, err := provider.NewEODHD(o("eodhd"))
	if err != nil {
		t.Fatal(err)
	}
	frankfurter, err := provider.NewFrankfurter(o("frankfurter"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		source      provider.Provider
		name, named string // as asked for, and as the stand-in calls it
		age         time.Duration
	}{
		{finnhub, "FRST", "FRST", 0}, {tiingo, "FRST", "FRST", 0}, {tiingo, "fx:eurusd", "eurusd", 0}, {tiingo, "crypto:btcusd", "btcusd", 0},
		{twelve, "FRST", "FRST", 0}, {twelve, "VDPC@XLON", "VDPC", 0}, {eodhd, "FRST.US", "FRST.US", 0}, {frankfurter, "USD", "USD", 48 * time.Hour},
	} {
		replay.SetPrice(test.source.Name(), test.named, "77.125")
		batch, err := test.source.Latest(t.Context(), []string{test.name}, now)
		if err != nil || len(batch.Quotes) != 1 {
			t.Errorf("%s %s: %v %v", test.source.Name(), test.name, err, batch.Failed)
			continue
		}
		q := batch.Quotes[0]
		if age := now.Sub(q.MarketTime); q.Price.String() != "77.125" || age < 0 || age > test.age {
			t.Errorf("%s %s: %s of %s", test.source.Name(), test.name, q.Price, q.MarketTime)
		}
	}
}

// A source may be made to repeat what it said long ago.
func TestAge(t *testing.T) {
	now := time.Date(2027, 2, 3, 12, 0, 0, 0, time.UTC)
	replay, err := replaytest.New(replaytest.Payloads(), func() time.Time { return now }, "yahoo", "coingecko")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(replay)
	defer server.Close()
	yahoo, err := provider.NewYahoo(provider.Options{BaseURL: server.URL + "/yahoo", HTTP: server.Client(), RequestsPerMinute: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	coins, err := provider.NewCoinGecko(provider.Options{BaseURL: server.URL + "/coingecko", HTTP: server.Client(), RequestsPerMinute: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	const age = 23*time.Hour + 59*time.Minute + 45*time.Second
	for source, name := range map[provider.Provider]string{yahoo: "BTC-USD", coins: "bitcoin"} {
		steer(t, server.URL+"/_replay/"+source.Name()+"?age="+age.String())
		batch, err := source.Latest(t.Context(), []string{name}, now)
		if err != nil || len(batch.Quotes) != 1 || !batch.Quotes[0].MarketTime.Equal(now.Add(-age)) {
			t.Errorf("%s: %+v, %v", source.Name(), batch, err)
		}
	}
}

func steer(t *testing.T, address string) {
	t.Helper()
	resp, err := http.Post(address, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("%s: %s", address, resp.Status)
	}
}

// The spark answer, asked for from the second round on, moves as well.
func TestSecondRoundOfYahoo(t *testing.T) {
	now := time.Date(2027, 2, 3, 12, 0, 0, 0, time.UTC)
	replay, err := replaytest.New(replaytest.Payloads(), func() time.Time { return now }, "yahoo")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(replay)
	defer server.Close()
	yahoo, err := provider.NewYahoo(provider.Options{BaseURL: server.URL + "/yahoo", HTTP: server.Client(), RequestsPerMinute: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	replay.SetPrice("yahoo", "MSFT", "77.125")
	for round := range 2 {
		batch, err := yahoo.Latest(t.Context(), []string{"AAPL", "MSFT"}, now)
		if err != nil || len(batch.Quotes) != 2 {
			t.Fatalf("round %d: %v %v", round, err, batch.Failed)
		}
		for _, q := range batch.Quotes {
			if !q.MarketTime.Equal(now) || q.Name == "MSFT" && q.Price.String() != "77.125" {
				t.Errorf("round %d: %s %s at %s", round, q.Name, q.Price, q.MarketTime)
			}
		}
	}
	if replay.Requests("yahoo") != 3 {
		t.Errorf("%d requests, want 2 charts and a spark", replay.Requests("yahoo"))
	}
}

// A set may hold a fund's history only: its latest value is the first of it.
func TestLatestFromHistory(t *testing.T) {
	root := fstest.MapFS{
		"mfapi/manifest.json": {Data: []byte(`{"entries":[{"file":"a.json","path":"/mf/123456","status":200}]}`)},
		"mfapi/a.json":        {Data: []byte(`{"meta":{"scheme_code":123456},"data":[{"date":"18-11-2026","nav":"2"},{"date":"17-11-2026","nav":"1"}],"status":"SUCCESS"}`)},
	}
	replay, err := replaytest.New(root, nil, "mfapi")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(replay)
	defer server.Close()
	mfapi, err := provider.NewMFAPI(provider.Options{BaseURL: server.URL + "/mfapi", HTTP: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	batch, err := mfapi.Latest(t.Context(), []string{"123456"}, time.Date(2026, 11, 18, 22, 0, 0, 0, time.UTC))
	if err != nil || len(batch.Quotes) != 1 || batch.Quotes[0].Price.String() != "2" {
		t.Errorf("%+v, %v", batch, err)
	}
}

func TestUnknownSource(t *testing.T) {
	replay, err := replaytest.New(replaytest.Payloads(), nil, "ecb")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/nobody/x", "/_replay/nobody?mode=500"} {
		w := httptest.NewRecorder()
		replay.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if _, err := replaytest.New(replaytest.Payloads(), nil, "nobody"); err == nil {
		t.Error("made a source without payloads")
	}
}
