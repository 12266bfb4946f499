package archtest

import (
	"os"
	"path/filepath"
	"slices"
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

// TestEveryDegradedStateHasARunbook: whoever looks after an installation finds what to do for each thing that may be away.
func TestEveryDegradedStateHasARunbook(t *testing.T) {
	guide := filepath.Join("../..", "docs", "guide")
	away := firstCells(t, filepath.Join(guide, "degraded.md"), "# When something is away")
	runbooks := firstCells(t, filepath.Join(guide, "operations.md"), "## Runbooks")
	for _, what := range away {
		if !slices.Contains(runbooks, what) {
			t.Errorf("operations.md has no runbook for %q", what)
		}
	}
	if len(away) < 10 {
		t.Errorf("only %d rows were read", len(away))
	}
}

// firstCells gives the first cell of each row of the first table below a heading.
func firstCells(t *testing.T, path, heading string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, below, found := strings.Cut("\n"+string(text), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no %q", path, heading)
	}
	var cells []string
	for line := range strings.Lines(below) {
		switch {
		case strings.HasPrefix(line, "| away ") || strings.HasPrefix(line, "|---"):
		case strings.HasPrefix(line, "| "):
			cells = append(cells, strings.TrimSpace(strings.Split(line, "|")[1]))
		case len(cells) > 0:
			return cells
		}
	}
	return cells
}
