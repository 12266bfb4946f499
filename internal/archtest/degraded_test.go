package archtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDegradedNamesWhatShowsIt: what is said of each thing that may be away is shown by tests, and all are there.
func TestDegradedNamesWhatShowsIt(t *testing.T) {
	const root = "../.."
	text, err := os.ReadFile(filepath.Join(root, "docs", "guide", "degraded.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if !strings.HasPrefix(line, "| ") || cells[1] == " away " {
			continue
		}
		if len(cells) != 7 {
			t.Errorf("a row that can't be read: %s", line)
			continue
		}
		rows++
		for name := range strings.SplitSeq(strings.TrimSpace(cells[5]), ", ") {
			if quoted := asvsShown.FindStringSubmatch(name); quoted == nil || !shows(root, quoted[1]) {
				t.Errorf("%q is shown by %s, which isn't there", cells[1], name)
			}
		}
	}
	if rows < 10 {
		t.Errorf("only %d rows were read", rows)
	}
}
