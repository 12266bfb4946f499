//go:build unix

package app

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"folioscope/internal/config"
	"folioscope/internal/health"
	"folioscope/internal/ingest"
	"folioscope/internal/outbound"
	"folioscope/internal/sqlstore"
)

// Beside an embedded database a node compares its clock with those of the sources, by the dates of answers that it asked for anyway; the
// doctor, who asks none, says what the node found.
func TestClockIsComparedWithTheSources(t *testing.T) {
	const behind = 5 * time.Minute
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Date", time.Now().Add(-behind).UTC().Format(http.TimeFormat))
		fmt.Fprintf(w, `{"bitcoin":{"usd":60000.5,"last_updated_at":%d}}`, time.Now().Unix())
	}))
	defer source.Close()
	settings := config.Default()
	settings.DataDir, settings.Keys.KEK = t.TempDir(), filepath.Join(t.TempDir(), "kek")
	settings.Providers["coingecko"] = config.Provider{Enabled: true, BaseURL: source.URL}
	settings.Chain = config.Chain{Crypto: []string{"coingecko"}}
	o := quiet(nil)
	if _, err := InitKeys(t.Context(), settings, o); err != nil {
		t.Fatal(err)
	}
	out, err := outbound.New(outbound.Options{})
	if err != nil {
		t.Fatal(err)
	}
	clocks := health.NewSourceClocks(o.Now)
	chain, err := chains(settings, out, clocks)
	if err != nil {
		t.Fatal(err)
	}
	if err := withStore(t.Context(), settings, o, func(store *sqlstore.Store) error {
		look := clockLook(store, clocks.Median)
		before, err := look.At(t.Context())
		if err != nil || before.Checks[0].State != health.Unknown {
			t.Errorf("before any answer: %+v, %v", before, err)
		}
		if _, err := chain[ingest.ChainCrypto][0].Latest(t.Context(), []string{"bitcoin"}, o.Now()); err != nil {
			return err
		}
		after, err := look.At(t.Context())
		if err != nil {
			return err
		}
		c := after.Checks[0]
		if c.State != health.Failing || !strings.Contains(c.Says, "ahead of that of the sources of prices") {
			t.Errorf("after it: %+v", c)
		}
		return store.PutReport(t.Context(), health.Report{Node: "node-a", At: o.Now(), Checks: after.Checks})
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range Doctor(t.Context(), settings, nil, o) {
		if c.Name == health.CheckClock && (c.State != health.Failing || c.Fix == "") {
			t.Errorf("the doctor says: %+v", c)
		}
	}
}
