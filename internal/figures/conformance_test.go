package figures

import (
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// conformanceCase is one file: a case, and figures that must come out or the refusal that must.
type conformanceCase struct {
	Case      json.RawMessage   `json:"case"`
	CaseText  *string           `json:"case_text"`
	Expect    map[string]any    `json:"expect"`
	Error     any               `json:"expect_error"`
	Tolerance map[string]string `json:"tolerance"`
}

func (c conformanceCase) input() []byte {
	if c.CaseText != nil {
		return []byte(*c.CaseText)
	}
	return c.Case
}

// check gives what differs, nothing where all is as expected.
func (c conformanceCase) check() (differences []string) {
	in, err := ReadInput(c.input())
	var out Output
	if err == nil {
		out, err = Evaluate(in)
	}
	if c.Error != nil {
		if text, ok := c.Error.(string); err == nil || ok && !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "\n") {
			return []string{fmt.Sprintf("expected a refusal with %v, got %v", c.Error, err)}
		}
		return nil
	}
	if err != nil {
		return []string{err.Error()}
	}
	data, err := json.Marshal(out)
	if err != nil {
		return []string{err.Error()}
	}
	var doc any
	if err := json.Unmarshal(data, &doc); err != nil {
		return []string{err.Error()}
	}
	for path, want := range c.Expect {
		got, why := lookUp(doc, path)
		tolerance := "0"
		if t, ok := c.Tolerance[path]; ok {
			tolerance = t
		} else if t, ok := c.Tolerance["default"]; ok {
			tolerance = t
		}
		if why == "" {
			why = compare(want, got, tolerance)
		}
		if why != "" {
			differences = append(differences, fmt.Sprintf("%s: expected %v, got %v (%s)", path, want, got, why))
		}
	}
	slices.Sort(differences)
	return differences
}

// lookUp follows a path such as positions[symbol=A,account=main].lots[0].cost; .# is a list's length.
func lookUp(at any, path string) (any, string) {
	for path != "" {
		switch path[0] {
		case '.':
			path = path[1:]
		case '[':
			end := strings.IndexByte(path, ']')
			list, ok := at.([]any)
			if !ok {
				return nil, "not a list"
			}
			selector := path[1:end]
			path = path[end+1:]
			if i, err := strconv.Atoi(selector); err == nil {
				if i >= len(list) {
					return nil, "no such element"
				}
				at = list[i]
				continue
			}
			var hits []any
			for _, element := range list {
				fits := true
				for pair := range strings.SplitSeq(selector, ",") {
					name, want, _ := strings.Cut(pair, "=")
					text := fmt.Sprint(element.(map[string]any)[name])
					fits = fits && (text == want || compare(want, text, "0") == "")
				}
				if fits {
					hits = append(hits, element)
				}
			}
			if len(hits) != 1 {
				return nil, fmt.Sprintf("%d elements fit", len(hits))
			}
			at = hits[0]
		case '#':
			return fmt.Sprint(len(at.([]any))), ""
		default:
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			fields, ok := at.(map[string]any)
			if !ok {
				return nil, "not an object"
			}
			if at, ok = fields[path[:end]]; !ok {
				return nil, "no field " + path[:end]
			}
			path = path[end:]
		}
	}
	return at, ""
}

func compare(want, got any, tolerance string) string {
	switch want := want.(type) {
	case nil:
		if got != nil {
			return "expected null"
		}
	case bool:
		if got != want {
			return "differs"
		}
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return "another number of elements"
		}
		for i := range want {
			if why := compare(want[i], list[i], tolerance); why != "" {
				return why
			}
		}
	case string:
		if want == "*" {
			if got == nil || got == "" {
				return "expected something"
			}
			return ""
		}
		text, ok := got.(string)
		if !ok {
			return "not a text"
		}
		a, ok1 := new(big.Rat).SetString(want)
		b, ok2 := new(big.Rat).SetString(text)
		if !ok1 || !ok2 || strings.ContainsAny(text, "eE/") {
			if want != text {
				return "differs"
			}
			return ""
		}
		allowed, _ := new(big.Rat).SetString(tolerance)
		if off := a.Sub(a, b); off.Abs(off).Cmp(allowed) > 0 {
			return "off by " + off.FloatString(12)
		}
	}
	return ""
}

func runCases(t *testing.T, dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s: %v", dir, err)
	}
	passed := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c conformanceCase
		if err := json.Unmarshal(data, &c); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if differences := c.check(); len(differences) > 0 {
			t.Errorf("%s\n  %s", file, strings.Join(differences, "\n  "))
			continue
		}
		passed++
	}
	t.Logf("%d cases run, %d passed", len(files), passed)
}

func TestConformanceReference(t *testing.T) {
	dir := os.Getenv("FOLIOSCOPE_REFERENCE")
	if dir == "" {
		t.Skip("skipped: no reference data")
	}
	runCases(t, filepath.Join(dir, "conformance"))
}

// Small cases of our own, each with figures that a reader can check by hand.
func TestCases(t *testing.T) {
	runCases(t, filepath.Join("testdata", "cases"))
}
