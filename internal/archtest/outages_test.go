package archtest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// faultsCount is how many kinds of fault an installation is held against.
const faultsCount = 28

// TestEveryFaultIsShown: the page of outages has rows for every fault, each of which says how it is made, how often, what was measured, and
// names tests that are there.
func TestEveryFaultIsShown(t *testing.T) {
	const root = "../.."
	text, err := os.ReadFile(filepath.Join(root, "docs", "outages.md"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		fault := strings.TrimSpace(cells[0])
		if !strings.HasPrefix(line, "| F") {
			continue
		}
		if len(cells) != 5 || slices.ContainsFunc(cells, func(cell string) bool { return strings.TrimSpace(cell) == "" }) {
			t.Errorf("a row that lacks something: %s", line)
			continue
		}
		found = append(found, fault)
		for name := range strings.SplitSeq(strings.TrimSpace(cells[4]), ", ") {
			if quoted := asvsShown.FindStringSubmatch(name); quoted == nil || !shows(root, quoted[1]) {
				t.Errorf("%s is shown by %s, which isn't there", fault, name)
			}
		}
	}
	for n := range faultsCount {
		if fault := fmt.Sprint("F", n+1); !slices.Contains(found, fault) {
			t.Errorf("there is no row for %s", fault)
		}
	}
}
