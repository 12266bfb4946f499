//go:build unix

package app

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
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

var (
	// selector is a family as PromQL selects from it: the function over it, its name, its matchers and its range.
	selector  = regexp.MustCompile(`(?:\b([a-z_]+)\()?\b((?:folioscope|process|go)_[a-z_]*[a-z])\b(?:\{((?:[^}"]|"[^"]*")*)\})?(\[[0-9a-z]+\])?`)
	matched   = regexp.MustCompile(`([a-z_]+) *(?:=|=~|!=|!~) *"`)
	grouped   = regexp.MustCompile(`\b(?:by|without|on) \(([a-z_, ]*)\)`)
	recorded  = regexp.MustCompile(`\bfolioscope:[a-z_:0-9]+`)
	recording = regexp.MustCompile(`(?m)^ +- record: (\S+)$`)
	alerting  = regexp.MustCompile(`(?m)^ +- alert: (\S+)$`)
	firing    = regexp.MustCompile(`(?m)^ +- alertname: (\S+)\n +eval_time: \S+\n +exp_alerts:\n +- exp_labels`)
)

// What the alerting rules, their tests and the dashboards ask for is there, so that none of them keeps still since it asks for nothing;
// and there is a test in which each alert fires.
func TestRulesAndDashboardsAskForWhatIsShown(t *testing.T) {
	all := allRecorded(t)
	const rulesFile, testFile = "../../deploy/prometheus/folioscope.rules.yml", "../../deploy/prometheus/folioscope.test.yml"
	read := func(path string) string {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	records := map[string]bool{}
	for _, m := range recording.FindAllStringSubmatch(read(rulesFile), -1) {
		records[m[1]] = true
	}
	boards, err := filepath.Glob("../../deploy/grafana/*.json")
	if err != nil || len(boards) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	for _, path := range append(boards, rulesFile, testFile) {
		text := read(path)
		if filepath.Ext(path) == ".json" && !json.Valid([]byte(text)) {
			t.Errorf("%s is no JSON", path)
		}
		asked := 0
		for line := range strings.Lines(strings.ReplaceAll(text, `\"`, `"`)) { // JSON's quotes
			asked += checkAsked(t, path, line, all)
		}
		if asked == 0 {
			t.Errorf("%s asks for nothing", path)
		}
		for _, name := range recorded.FindAllString(text, -1) {
			if !records[name] {
				t.Errorf("%s asks for %s, which no rule records", path, name)
			}
		}
	}
	fires := map[string]bool{}
	for _, m := range firing.FindAllStringSubmatch(read(testFile), -1) {
		fires[m[1]] = true
	}
	for _, m := range alerting.FindAllStringSubmatch(read(rulesFile), -1) {
		if !fires[m[1]] {
			t.Errorf("no test lets %s fire", m[1])
		}
	}
}

// checkAsked holds what a line selects against what nodes show: the name, the kind that the function over it is for, the labels that are
// matched and grouped by. It gives how much was selected.
func checkAsked(t *testing.T, path, line string, all scrape) int {
	t.Helper()
	known := []string{"le", "instance", "job"}
	selections := selector.FindAllStringSubmatch(line, -1)
	for _, m := range selections {
		function, name, matchers, over := m[1], m[2], m[3], m[4]
		family := all.family(name)
		kind, labels := all.kinds[family], all.labels[family]
		known = append(known, labels...)
		switch counts := function == "rate" || function == "increase"; {
		case kind == "":
			t.Errorf("%s asks for %s, which no node shows", path, name)
		case kind == "histogram" && family == name:
			t.Errorf("%s asks for %s, of which only its parts are shown", path, name)
		case over != "" && counts == (kind == "gauge"):
			t.Errorf("%s asks for %s(%s), which is a %s", path, function, name, kind)
		}
		var matches []string
		for _, label := range matched.FindAllStringSubmatch(matchers, -1) {
			matches = append(matches, label[1])
			if !slices.Contains(labels, label[1]) && !slices.Contains(known[:3], label[1]) {
				t.Errorf("%s asks for %s by its label %s, which it has not: %v", path, name, label[1], labels)
			}
		}
		if strings.Contains(line, "- series:") {
			for _, label := range labels {
				if !slices.Contains(matches, label) {
					t.Errorf("%s has a series of %s without its label %s", path, name, label)
				}
			}
		}
	}
	for _, m := range grouped.FindAllStringSubmatch(line, -1) {
		for label := range strings.SplitSeq(m[1], ", ") {
			if len(selections) > 0 && !slices.Contains(known, label) {
				t.Errorf("%s groups by %s, which nothing has in %s", path, label, strings.TrimSpace(line))
			}
		}
	}
	return len(selections)
}
