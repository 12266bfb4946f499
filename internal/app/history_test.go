//go:build unix

package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"folioscope/internal/config"
	"folioscope/internal/ingest"
	"folioscope/internal/market"
	"folioscope/internal/sqlstore"
)

// yahooOf answers charts of AAPL as Yahoo does: closes divided by the split of 2020, with the split and a dividend beside them.
func yahooOf(t *testing.T, charts *atomic.Int64) http.Handler {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	opening := func(d market.Date) int64 {
		year, month, day := d.Time().Date()
		return time.Date(year, month, day, 9, 30, 0, 0, zone).Unix()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path != "/v8/finance/chart/AAPL" {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found, symbol may be delisted"}}}`)
			return
		}
		now := time.Now()
		today := market.DateOf(now.In(zone))
		from := today - 7
		if first, err := strconv.ParseInt(r.URL.Query().Get("period1"), 10, 64); err == nil {
			charts.Add(1)
			from = market.DateOf(time.Unix(first, 0).UTC())
		}
		var stamps []int64
		var closes []float64
		for day := from; day < today; day++ {
			if weekday := day.Weekday(); weekday != time.Saturday && weekday != time.Sunday {
				stamps, closes = append(stamps, opening(day)), append(closes, 125+float64(day%8)/4)
			}
		}
		split, paid := opening(market.MustDate("2020-08-31")), opening(market.MustDate("2020-08-07"))
		object := func(name string, at int64, value map[string]any) map[string]any {
			value["date"] = at
			return map[string]any{name: value}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"chart": map[string]any{"error": nil, "result": []any{map[string]any{
			"meta": map[string]any{"currency": "USD", "symbol": "AAPL", "regularMarketTime": now.Unix() - 60, "regularMarketPrice": 126.5, "gmtoffset": -18000,
				"exchangeTimezoneName": "America/New_York", "range": "", "currentTradingPeriod": map[string]any{"regular": map[string]any{"start": now.Unix() - 3600, "end": now.Unix() - 1800}}},
			"timestamp":  stamps,
			"indicators": map[string]any{"quote": []any{map[string]any{"close": closes}}},
			"events": map[string]any{
				"splits":    object("a", split, map[string]any{"numerator": 4, "denominator": 1, "splitRatio": "4:1"}),
				"dividends": object("b", paid, map[string]any{"amount": 0.205}),
			},
		}}}})
	})
}

// Somebody enters a purchase of years ago: within seconds its closes are there as they were traded, the portfolio's history
// is worked out with them, and the split and the dividend since then are kept. An earlier purchase brings the years before.
func TestAPurchaseOfYearsAgoBringsItsHistory(t *testing.T) {
	t.Parallel()
	var charts atomic.Int64
	yahoo := httptest.NewServer(yahooOf(t, &charts))
	defer yahoo.Close()
	settings := settingsIn(t.TempDir())
	settings.Poll.Interval = time.Second
	settings.Providers["yahoo"] = config.Provider{Enabled: true, BaseURL: yahoo.URL, RequestsPerMinute: 600}
	settings.Chain.Stock = []string{"yahoo"}
	newPlace(t, settings)
	url, _ := serve(t, settings)
	p := signIn(t, url)
	var made, portfolio struct{ ID string }
	p.must("POST", "/api/v1/instruments", map[string]any{"symbol": "AAPL", "mic": "XNAS", "name": "Apple", "currency": "USD", "asset_class": "stock"}, &made)
	p.must("POST", "/api/v1/portfolios", map[string]string{"name": "Old", "base_currency": "USD"}, &portfolio)
	path := "/api/v1/portfolios/" + portfolio.ID
	p.must("POST", path+"/accounts", map[string]string{"name": "main", "currency": "USD"}, nil)
	buy := func(day, quantity, price string) {
		t.Helper()
		p.must("POST", path+"/activities", map[string]any{"activities": []map[string]string{
			{"date": day, "type": "deposit", "amount": "100000"}, {"date": day, "type": "buy", "symbol": "AAPL", "quantity": quantity, "price": price}}}, nil)
	}
	type bars struct{ Bars [][2]string } // a day and its close
	closes := func(until func(bars) bool) (got bars, took time.Duration) {
		t.Helper()
		began := time.Now()
		for time.Since(began) < 20*time.Second {
			p.must("GET", "/api/v1/instruments/"+made.ID+"/bars", nil, &got)
			if until(got) {
				return got, time.Since(began)
			}
			time.Sleep(200 * time.Millisecond)
		}
		t.Fatalf("after %s there are %d closes and %d charts were asked for", time.Since(began), len(got.Bars), charts.Load())
		return got, 0
	}
	buy("2020-08-06", "10", "500")
	got, took := closes(func(b bars) bool { return len(b.Bars) > 0 })
	t.Logf("%d closes %s after the purchase, %d charts", len(got.Bars), took.Round(time.Millisecond), charts.Load())
	at := map[string]string{}
	for _, b := range got.Bars {
		at[b[0]] = b[1]
	}
	// 2020-08-28 is day 18502: 125 + 6/4 adjusted, four times that as traded; 2020-08-31 is day 18505.
	if at["2020-08-28"] != "506.00" || at["2020-08-31"] != "125.25" || got.Bars[0][0] > "2020-08-01" {
		t.Errorf("closes from %s: %s before the split and %s after it", got.Bars[0][0], at["2020-08-28"], at["2020-08-31"])
	}
	var history struct {
		Series []struct {
			Date  string
			Value *string
		}
	}
	p.must("GET", path+"/history?from=2020-08-06&to=2020-08-28", nil, &history)
	if last := history.Series[len(history.Series)-1]; last.Date != "2020-08-28" || last.Value == nil || *last.Value != "100060" {
		t.Errorf("history ends with %+v", last) // 95,000 in cash and ten shares at 506
	}
	buy("2018-03-05", "1", "180")
	store, err := openStore(t.Context(), settings, nil, quiet(nil)) // beside the node, whose caches hold years for some minutes
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, store)
	ids := []market.InstrumentID{market.InstrumentID(made.ID)}
	var h ingest.HistoryState
	for began := time.Now(); h.State != ingest.BackfillDone || h.WantedFrom != market.MustDate("2018-03-01"); time.Sleep(200 * time.Millisecond) {
		histories, err := store.Histories(t.Context(), ids)
		if h = histories[ids[0]]; err != nil || time.Since(began) > 20*time.Second {
			t.Fatalf("%+v, %v", h, err)
		}
	}
	if h.From > market.MustDate("2018-03-01") || h.Source != "yahoo" || h.ActionsFrom > h.WantedFrom {
		t.Errorf("%+v", h)
	}
	actions, err := store.Actions(t.Context(), ids)
	kept := actions[ids[0]]
	if err != nil || len(kept) != 2 || kept[0].Kind != market.ActionDividend || kept[0].Amount.String() != "0.82" || kept[0].Currency != "USD" || kept[1].Ratio().String() != "4" {
		t.Errorf("%+v, %v", actions, err)
	}
	series, err := store.Series(t.Context(), ids[0], market.NoDate, market.MustDate("2199-12-31"))
	if price, day, ok := series.At(market.MustDate("2018-03-05")); err != nil || !ok || day != market.MustDate("2018-03-05") || price.String() != "503.00" {
		t.Errorf("%s on %s, %v", price, day, err) // day 17595: 125 + 3/4 adjusted
	}
}

func closeStore(t *testing.T, store *sqlstore.Store) {
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}
