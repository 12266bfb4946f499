package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"folioscope/internal/config"
	"folioscope/internal/market"
)

var documented = regexp.MustCompile("(?m)^\\| `(folioscope_[a-z_]+)` \\|")

// Every family that a node shows is in the guide's table, and nothing else is: an operator can look up each, and none is a ghost.
func TestMetricsAreInTheGuide(t *testing.T) {
	names := shownMetrics(t)
	guide, err := os.ReadFile("../../docs/guide/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, m := range documented.FindAllStringSubmatch(string(guide), -1) {
		if told[m[1]] {
			t.Errorf("%s has two rows in the guide", m[1])
		}
		told[m[1]] = true
	}
	for _, name := range names {
		if !told[name] {
			t.Errorf("%s is shown and not in the guide", name)
		}
		delete(told, name)
	}
	for name := range told {
		t.Errorf("%s is in the guide and not shown", name)
	}
}

// shownMetrics are the families of a node that has every part, with figures or without.
func shownMetrics(t *testing.T) []string {
	t.Helper()
	settings := config.Default()
	settings.Listen, settings.DataDir, settings.Keys.KEK = "127.0.0.1:0", t.TempDir(), filepath.Join(t.TempDir(), "kek")
	settings.Audit.Webhook = config.AuditWebhook{URL: "https://keeper.example.test/", Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	for name := range settings.Providers {
		settings.Providers[name] = config.Provider{} // none is asked
	}
	o := quiet(func(string) {})
	if _, err := InitKeys(t.Context(), settings, o); err != nil {
		t.Fatal(err)
	}
	calendar, err := market.NewCalendar()
	if err != nil {
		t.Fatal(err)
	}
	store, err := openStore(t.Context(), settings, calendar, o)
	if err != nil {
		t.Fatal(err)
	}
	n, err := newNode(t.Context(), settings, "node-a", store, calendar, o)
	if err != nil {
		t.Fatal(errors.Join(err, store.Close()))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.run(ended); err != nil { // gives everything back
		t.Fatal(err)
	}
	return n.metrics.Families()
}
