//go:build unix

package app

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	recordedFile  = "../../deploy/prometheus/recorded.test.yml"
	recordedHours = 8 // longer than any rule waits
	scrapedAt     = "# scraped at "
)

// recordings are the two scrapes of a situation.
func recordings(situation string) []string {
	const dir = "../../deploy/prometheus/testdata/"
	return []string{dir + situation + ".prom", dir + situation + "-a-minute-later.prom"}
}

// scrape is what one GET of /metrics gave.
type scrape struct {
	at      float64 // in seconds since 1970; 0: not recorded
	kinds   map[string]string
	labels  map[string][]string // of each family, in their order, without le
	samples map[string]float64  // by their text up to the value
}

var (
	sampleLine = regexp.MustCompile(`^([a-z_]+)(?:\{(.*)\})? (\S+)$`)
	labelName  = regexp.MustCompile(`([a-z_]+)="(?:[^"\\]|\\.)*"`)
)

func parseScrape(t *testing.T, text string) scrape {
	t.Helper()
	s := scrape{kinds: map[string]string{}, labels: map[string][]string{}, samples: map[string]float64{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if declared, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(declared, " ")
			s.kinds[name] = kind
			continue
		}
		if at, ok := strings.CutPrefix(line, scrapedAt); ok {
			number, _, _ := strings.Cut(at, ",")
			s.at = mustFloat(t, number)
			continue
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			if strings.HasPrefix(line, "folioscope_") {
				t.Errorf("no sample: %s", line)
			}
			continue // Go's own, some with capitals
		}
		family, labels := s.family(m[1]), labelsOf(m[2])
		if before, seen := s.labels[family]; seen && !slices.Equal(before, labels) {
			t.Errorf("%s has the labels %v and %v", family, before, labels)
		}
		s.labels[family] = labels
		s.samples[strings.TrimSuffix(line, " "+m[3])] = mustFloat(t, m[3])
	}
	return s
}

// family is the family of a sample's name, which of a histogram ends in one of three parts.
func (s scrape) family(name string) string {
	for _, part := range []string{"_bucket", "_count", "_sum"} {
		if base := strings.TrimSuffix(name, part); base != name && s.kinds[base] == "histogram" {
			return base
		}
	}
	return name
}

// labelsOf are the names of labels, sorted, without those that tell buckets apart.
func labelsOf(text string) []string {
	names := []string{}
	for _, m := range labelName.FindAllStringSubmatch(text, -1) {
		if m[1] != "le" {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	return names
}

func mustFloat(t *testing.T, text string) float64 {
	t.Helper()
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// recordedScrapes reads what was recorded of a situation.
func recordedScrapes(t *testing.T, situation string) (first, later scrape) {
	t.Helper()
	var read []scrape
	for _, path := range recordings(situation) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		read = append(read, parseScrape(t, string(text)))
	}
	return read[0], read[1]
}

// allRecorded is every family that was recorded, with its kind and labels.
func allRecorded(t *testing.T) scrape {
	t.Helper()
	all := scrape{kinds: map[string]string{}, labels: map[string][]string{}}
	for _, s := range []situation{healthy, troubled} {
		first, later := recordedScrapes(t, s.name)
		for _, one := range []scrape{first, later} {
			maps.Copy(all.kinds, one.kinds)
			maps.Copy(all.labels, one.labels)
		}
	}
	return all
}

// What was recorded is what a node shows today: each family with its kind and its labels. And the series that promtool lets the rules
// judge are those recordings: with -record they are recorded anew first.
func TestRecordedMetricsAreANodes(t *testing.T) {
	if *record {
		for _, s := range []situation{healthy, troubled} {
			t.Run(s.name, func(t *testing.T) { recordSituation(t, s) })
		}
		if err := os.WriteFile(recordedFile, []byte(recordedTests(t)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all := allRecorded(t)
	for _, name := range shownMetrics(t) {
		if all.kinds[name] == "" {
			t.Errorf("%s was not recorded", name)
		}
	}
	settings := settingsIn(t.TempDir())
	newPlace(t, settings)
	url, _ := serve(t, settings)
	signIn(t, url).portfolio("any")
	shown := parseScrape(t, recordedPart(scraped{url, http.DefaultClient}.metrics(t)))
	if len(shown.samples) == 0 {
		t.Error("a node shows nothing")
	}
	for name, labels := range shown.labels {
		if shown.kinds[name] != all.kinds[name] || !slices.Equal(labels, all.labels[name]) {
			t.Errorf("a node shows %s %s with the labels %v, recorded was %s with %v", shown.kinds[name], name, labels, all.kinds[name], all.labels[name])
		}
	}
	text, err := os.ReadFile(recordedFile)
	if err != nil || string(text) != recordedTests(t) {
		t.Errorf("%s is not made from the recordings (%v): go test ./internal/app -run TestRecordedMetrics -record", recordedFile, err)
	}
}

// recordedTests are promtool's tests on the recordings. After the second scrape counters go on as fast as in the minute before, all else
// stays as it was. What is a time is told by how far away it is, since promtool's time begins at 0.
func recordedTests(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	out.WriteString("# Made by go test ./internal/app -run TestRecordedMetrics -record from testdata, see its README: don't edit.\nrule_files: [folioscope.rules.yml]\nevaluation_interval: 1m\ntests:\n")
	for _, s := range []situation{healthy, troubled} {
		first, later := recordedScrapes(t, s.name)
		fmt.Fprintf(&out, "  - name: %s\n    interval: 1m\n    input_series:\n      - {series: 'up{instance=\"node-a\",job=\"folioscope\"}', values: '1x%d'}\n", s.name, recordedHours*60)
		for _, series := range slices.Sorted(maps.Keys(later.samples)) {
			if slices.Contains(ruled(t), later.family(nameOf(series))) {
				fmt.Fprintf(&out, "      - {series: '%s', values: '%s'}\n", scrapedSeries(series), goingOn(series, first, later))
			}
		}
		fmt.Fprintf(&out, "    promql_expr_test:\n      - expr: group by (alertname) (ALERTS{alertstate=\"firing\"})\n        eval_time: %dh\n        exp_samples:", recordedHours)
		if len(s.fires) == 0 {
			out.WriteString(" []")
		}
		out.WriteString("\n")
		for _, alert := range s.fires {
			fmt.Fprintf(&out, "          - {labels: '{alertname=\"%s\"}', value: 1}\n", alert)
		}
	}
	return out.String()
}

// ruled are the families that the alerting rules ask for.
func ruled(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../deploy/prometheus/folioscope.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	all := allRecorded(t)
	var names []string
	for _, m := range selector.FindAllStringSubmatch(string(text), -1) {
		names = append(names, all.family(m[2]))
	}
	return names
}

func nameOf(series string) string {
	name, _, _ := strings.Cut(series, "{")
	return name
}

// scrapedSeries is a sample's series as Prometheus keeps it, with where it is from.
func scrapedSeries(sample string) string {
	name, labels, _ := strings.Cut(strings.TrimSuffix(sample, "}"), "{")
	if labels != "" {
		labels += ","
	}
	return name + "{" + labels + `instance="node-a",job="folioscope"}`
}

// goingOn is the series of a sample in promtool's words, from the second scrape on.
func goingOn(series string, first, later scrape) string {
	const minutes = recordedHours * 60
	family := later.family(nameOf(series))
	value, change := later.samples[series], later.samples[series]-first.samples[series]
	switch {
	case family == metricExamined: // a node that looked within the minute does so in each
		if change > 0 {
			change = 60
		}
		return fmt.Sprintf("%s+%sx%d", plain(value-later.at), plain(change), minutes)
	case strings.HasSuffix(family, "_ends_seconds"), strings.HasSuffix(family, "_start_time_seconds"):
		return fmt.Sprintf("%sx%d", plain(value-later.at), minutes)
	case later.kinds[family] == "gauge":
		return fmt.Sprintf("%sx%d", plain(value), minutes)
	}
	return fmt.Sprintf("%s+%sx%d", plain(value), plain(change), minutes)
}

// plain is a number to the microsecond, without an exponent.
func plain(value float64) string {
	const micro = 1e6
	return strconv.FormatFloat(math.Round(value*micro)/micro, 'f', -1, 64)
}
