package archtest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// asvsItem is a row of docs/security/asvs.md.
type asvsItem struct {
	id, state, where string
	shownBy          []string
}

var (
	asvsRow      = regexp.MustCompile(`^\| (\d+\.\d+\.\d+) \| ([^|]+) \| (\w+) \| ([^|]*) \| ([^|]*) \|$`)
	asvsExempt   = regexp.MustCompile(`^\| (\d+\.\d+\.\d+(?:, \d+\.\d+\.\d+)*) \| [^|]+ \|$`)
	asvsShown    = regexp.MustCompile("^`([^`]+)`$")
	asvsFunction = regexp.MustCompile(`^(Test|Fuzz)`)
	asvsCounts   = regexp.MustCompile(`(?m)^\*\*(\d+ tested, \d+ by design, \d+ open)\.\*\*$`)
	asvsDocument = filepath.Join("docs", "security", "asvs.md")
)

// TestSecurityTable holds docs/security/asvs.md against the project: whatever it names as shown exists, and its numbers are right.
func TestSecurityTable(t *testing.T) {
	const root = "../.."
	text, err := os.ReadFile(filepath.Join(root, asvsDocument))
	if err != nil {
		t.Fatal(err)
	}
	items, exempt := readASVS(t, string(text))
	count := map[string]int{}
	for _, item := range items {
		count[item.state]++
		switch {
		case item.state == "tested" && len(item.shownBy) == 0:
			t.Errorf("%s is tested by nothing", item.id)
		case item.state != "tested" && item.where == "":
			t.Errorf("%s says nothing of where or why", item.id)
		case !slices.Contains([]string{"tested", "design", "open"}, item.state):
			t.Errorf("%s has the state %q", item.id, item.state)
		}
		for _, name := range item.shownBy {
			if !shows(root, name) {
				t.Errorf("%s is shown by %s, which isn't there", item.id, name)
			}
		}
	}
	want := fmt.Sprintf("%d tested, %d by design, %d open", count["tested"], count["design"], count["open"])
	if got := asvsCounts.FindStringSubmatch(string(text)); got == nil || got[1] != want {
		t.Errorf("the table counts %v, it has %s", got, want)
	}
	matchStandard(t, items, exempt)
}

// TestThreatModelNamesWhatShowsIt: every measure has a test, and all are there.
func TestThreatModelNamesWhatShowsIt(t *testing.T) {
	const root = "../.."
	text, err := os.ReadFile(filepath.Join(root, "docs", "security", "threat-model.md"))
	if err != nil {
		t.Fatal(err)
	}
	threats := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) != 4 || cells[0] == "border" {
			continue
		}
		threats++
		for name := range strings.SplitSeq(cells[3], ", ") {
			if quoted := asvsShown.FindStringSubmatch(name); quoted == nil || !shows(root, quoted[1]) {
				t.Errorf("%q is shown by %s, which isn't there", cells[1], name)
			}
		}
	}
	if threats < 10 {
		t.Errorf("only %d threats were read", threats)
	}
}

func readASVS(t *testing.T, text string) (items []asvsItem, exempt []string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := asvsExempt.FindStringSubmatch(line); m != nil {
			exempt = append(exempt, strings.Split(m[1], ", ")...)
			continue
		}
		m := asvsRow.FindStringSubmatch(line)
		if m == nil {
			if strings.HasPrefix(line, "| ") && line[2] >= '0' && line[2] <= '9' {
				t.Errorf("a row that can't be read: %s", line)
			}
			continue
		}
		item := asvsItem{id: m[1], state: m[3], where: strings.TrimSpace(m[4])}
		for name := range strings.SplitSeq(m[5], ", ") {
			if name = strings.TrimSpace(name); name == "" {
				continue
			}
			quoted := asvsShown.FindStringSubmatch(name)
			if quoted == nil {
				t.Errorf("%s: %q isn't the name of a test", item.id, name)
				continue
			}
			item.shownBy = append(item.shownBy, quoted[1])
		}
		items = append(items, item)
	}
	return items, exempt
}

// shows says whether a test is there: a file by its path, or package.TestName.
func shows(root, name string) bool {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 || !asvsFunction.MatchString(name[dot+1:]) {
		_, err := os.Stat(filepath.Join(root, name))
		return err == nil
	}
	directory := name[:dot]
	if !strings.HasPrefix(directory, "cmd/") {
		directory = filepath.Join("internal", directory)
	}
	files, _ := filepath.Glob(filepath.Join(root, directory, "*_test.go"))
	function := regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(name[dot+1:]) + `\(`)
	return slices.ContainsFunc(files, func(file string) bool {
		source, err := os.ReadFile(file)
		return err == nil && function.Match(source)
	})
}

// matchStandard compares the ids with the standard's.
func matchStandard(t *testing.T, items []asvsItem, exempt []string) {
	list, err := os.ReadFile(filepath.Join("testdata", "asvs_level2.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var applying, others []string
	for line := range strings.Lines(string(list)) {
		id, isExempt := strings.CutSuffix(strings.TrimSpace(line), " -")
		switch {
		case strings.HasPrefix(id, "#"):
		case isExempt:
			others = append(others, id)
		default:
			applying = append(applying, id)
		}
	}
	var listed []string
	for _, item := range items {
		listed = append(listed, item.id)
	}
	if !slices.Equal(listed, applying) {
		t.Errorf("%d items, want the standard's %d in their order", len(listed), len(applying))
	}
	slices.Sort(exempt)
	slices.Sort(others)
	if !slices.Equal(exempt, others) {
		t.Errorf("exempt are %v, want %v", exempt, others)
	}
}
