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
