package ingest

import (
	"net/http/httptest"
	"testing"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/provider"
	"folioscope/internal/provider/replaytest"
)

// The real adapters against a stand-in for their sources: crypto by coingecko, then yahoo; an Indian fund by amfi, then mfapi.
func TestRealSourcesTakeOverFromEachOther(t *testing.T) {
	replay, err := replaytest.New(replaytest.Payloads(), time.Now, "coingecko", "yahoo", "amfi", "mfapi")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(replay)
	defer server.Close()
	options := func(name string) provider.Options {
		return provider.Options{BaseURL: server.URL + "/" + name, HTTP: server.Client(), RequestsPerMinute: 600}
	}
	coingecko, err1 := provider.NewCoinGecko(options("coingecko"))
	yahoo, err2 := provider.NewYahoo(options("yahoo"))
	amfi, err3 := provider.NewAMFI(options("amfi"))
	mfapi, err4 := provider.NewMFAPI(options("mfapi"))
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Fatal(err)
		}
	}
	bitcoin := market.Instrument{ID: "btc", Symbol: "BTC", Currency: "USD", Class: market.Crypto, Names: map[string]string{"coingecko": "bitcoin", "yahoo": "BTC-USD"}}
	scheme := market.Instrument{ID: "fund", Symbol: "101001", Currency: "INR", Class: market.Fund}
	w := newWorld(t, []market.Instrument{bitcoin, scheme})
	chains := map[string][]provider.Provider{ChainCrypto: {coingecko, yahoo}, ChainFund: {amfi, mfapi, yahoo}}
	node := func() *Ingest { // its circuits are closed, and it asks for funds in every sixth slot
		g := w.node(t, chains)
		g.Interval = 100 * time.Millisecond
		for _, gate := range g.gates {
			gate.ration = rationOf(gate.source, Limits{Minute: 600})
		}
		return g
	}
	poll := func(g *Ingest) (btc, fund market.Mark) {
		t.Helper()
		for _, chain := range []string{ChainCrypto, ChainFund} {
			if err := g.Poll(t.Context(), chain); err != nil {
				t.Fatal(err)
			}
		}
		return w.store.mark(t, "btc"), w.store.mark(t, "fund")
	}
	replay.SetPrice("coingecko", "bitcoin", "90000")
	replay.SetPrice("yahoo", "BTC-USD", "90500")
	if btc, fund := poll(node()); btc.Source != "coingecko" || btc.Fallback || btc.Price.String() != "90000" || fund.Source != "amfi" || fund.Fallback || fund.Currency != "INR" {
		t.Fatalf("first choices: %+v %+v", btc, fund)
	}
	time.Sleep(1100 * time.Millisecond) // sources count in whole seconds
	replay.SetMode("coingecko", replaytest.Failing)
	replay.SetMode("amfi", replaytest.HTML)
	replay.SetPrice("mfapi", "101001", "130.5")
	second := node()
	btc, _ := poll(second)
	if btc.Source != "yahoo" || !btc.Fallback || btc.Price.String() != "90500" {
		t.Errorf("second choice: %+v", btc)
	}
	failing, requests := "", replay.Requests("coingecko")
	for _, s := range second.Status() {
		if s.Circuit == "open" {
			failing += s.Name + " "
		}
	}
	if failing != "amfi coingecko " {
		t.Errorf("left alone: %q", failing)
	}
	if fund := w.store.mark(t, "fund"); fund.Source != "mfapi" || !fund.Fallback {
		t.Errorf("second choice: %+v", fund)
	}
	replay.SetMode("yahoo", replaytest.Limited)
	replay.SetMode("mfapi", replaytest.Cut)
	last := w.store.sequence
	for range 5 {
		poll(second)
	}
	if w.store.sequence != last || replay.Requests("coingecko") != requests {
		t.Errorf("all down: sequence %d after %d, %d further calls", w.store.sequence, last, replay.Requests("coingecko")-requests)
	}
}
