package provider

import (
	"testing"

	"folioscope/internal/provider/replaytest"
)

// fuzz feeds bodies to a source; everything fails the test where it believes what can't be.
func fuzz(f *testing.F, source string) {
	entries, err := replaytest.Load(replaytest.Payloads(), source)
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		f.Add(e.Status, e.Body)
	}
	f.Fuzz(func(t *testing.T, status int, data []byte) {
		if status < 100 || status > 599 {
			status = 200
		}
		everything(t, source, open(t, source, options(source, body(status, "", string(data)))))
	})
}

func FuzzYahoo(f *testing.F)     { fuzz(f, Yahoo) }
func FuzzECB(f *testing.F)       { fuzz(f, ECB) }
func FuzzAMFI(f *testing.F)      { fuzz(f, AMFI) }
func FuzzMFAPI(f *testing.F)     { fuzz(f, MFAPI) }
func FuzzCoinGecko(f *testing.F) { fuzz(f, CoinGecko) }

func FuzzFrankfurter(f *testing.F)  { fuzz(f, Frankfurter) }
func FuzzFinnhub(f *testing.F)      { fuzz(f, Finnhub) }
func FuzzTiingo(f *testing.F)       { fuzz(f, Tiingo) }
func FuzzTwelveData(f *testing.F)   { fuzz(f, TwelveData) }
func FuzzEODHD(f *testing.F)        { fuzz(f, EODHD) }
func FuzzMassive(f *testing.F)      { fuzz(f, Massive) }
func FuzzFRED(f *testing.F)         { fuzz(f, FRED) }
func FuzzAlphaVantage(f *testing.F) { fuzz(f, AlphaVantage) }

// FuzzPage feeds pages, and what to read there.
func FuzzPage(f *testing.F) {
	for _, name := range asked[HTTP] {
		f.Add(name, []byte(`{"fund":{"values":[{"nav":"1","on":"2026-11-18"}]},"currency":"EUR"}`))
	}
	f.Add("http://h/#rows=$&json=a[-1][\"b.c\"]&time=t&layout=2.1.2006", []byte("[{}]"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		p := open(t, HTTP, options(HTTP, body(200, "", string(data))))
		batch, err := p.Latest(t.Context(), []string{name}, now)
		if err != nil || len(batch.Quotes)+len(batch.Failed) != 1 {
			t.Fatalf("%v, %v", lines(batch), err)
		}
		for _, q := range batch.Quotes {
			if q.Price.Sign() <= 0 || q.MarketTime.After(now.Add(FutureMax)) {
				t.Fatalf("believed %s", line(q))
			}
		}
	})
}

// FuzzOpenFIGI feeds answers about identifiers.
func FuzzOpenFIGI(f *testing.F) {
	entries, err := replaytest.Load(replaytest.Payloads(), OpenFIGI)
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		f.Add(e.Body)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := NewOpenFIGI(options(OpenFIGI, body(200, "", string(data))))
		if err != nil {
			t.Fatal(err)
		}
		found, _, err := g.Identify(t.Context(), []Identifier{{Kind: ISIN, Value: "US0378331005"}})
		if err == nil && len(found) != 1 {
			t.Fatalf("%d answers", len(found))
		}
		if _, err := g.Find(t.Context(), "x"); err != nil && OutcomeOf(err) == OK {
			t.Fatal(err)
		}
	})
}
