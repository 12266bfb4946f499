// Package conformance checks the figures of evaluate against scenarios: small portfolios in Markdown with the figures that must
// come out, or the place at which they must be refused.
//
// It owns the format of these files and their comparison. It never works out a figure and never reads a portfolio itself: a
// scenario becomes a case, which figures.ReadInput reads and figures.Evaluate answers, as for everybody else. Files come from the
// fs.FS that it is given.
//
// A file is one topic. After its title (#) and some words, each scenario is a heading (##), one sentence or more, the line
// "Source:", the line "Settings:", tables under the captions **Activities**, **Prices**, **Rates**, **Valuations**, **Flows** and
// **Benchmark**, and **Expected**; or the line "Expected: refused at PLACE". **Case** with a block of JSON stands for settings and
// tables where the case itself is what is wrong. Whatever is not of this format is refused with its file and line.
package conformance

import (
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"folioscope/internal/fault"
)

// Bounds of a suite. Ours is a tenth of each.
const (
	filesMax     = 1000    // so that a wrong folder ends soon
	fileBytesMax = 1 << 20 // of one file; a topic that a person can read is far less
	scenariosMax = 500     // in one file
	rowsMax      = 5000    // in one table: 20 years of weekdays
	columnsMax   = 64      // in one table: symbols side by side
	cellBytesMax = 1000    // of one cell; also bounds the digits of a number that is compared
)

// indexName is the file of a suite that describes it and holds no scenario.
const indexName = "README.md"

// Scenario is one portfolio, and what must come out of it.
type Scenario struct {
	File   string // within the suite
	Line   int    // of its heading
	Title  string
	About  string // what it shows
	Source string // where its facts come from

	input     []byte // a case of evaluate, as JSON
	expected  []expectation
	refusedAt string // the place that the refusal must name; else empty
	refusal   int    // line of that expectation
}

// Failure is one figure that did not come out as expected.
type Failure struct {
	File     string
	Line     int // of the expectation
	Title    string
	Figure   string // empty where the case was refused, or was not
	Expected string
	Got      string
}

// String is one line for a person.
func (f Failure) String() string {
	text := f.File + ":" + strconv.Itoa(f.Line) + ": " + f.Title + ": "
	if f.Figure != "" {
		text += f.Figure + ": "
	}
	return text + "expected " + f.Expected + ", got " + f.Got
}

// Read reads all scenarios of a folder and of the folders in it, by path: every Markdown file but README.md. A file that can't be
// read, a suite without a scenario and one over a bound are a fault that names the file, and the line where there is one.
func Read(fsys fs.FS) ([]Scenario, error) {
	var all []Scenario
	files := 0
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "%s can't be read", name)
		}
		if entry.IsDir() || path.Ext(name) != ".md" || path.Base(name) == indexName {
			return nil
		}
		if files++; files > filesMax {
			return fault.New(fault.TooLarge, "more than %d files", filesMax)
		}
		scenarios, err := ReadFile(fsys, name)
		all = append(all, scenarios...)
		return err
	})
	if err == nil && len(all) == 0 {
		err = fault.New(fault.Invalid, "no scenario there")
	}
	return all, err
}

// ReadFile reads the scenarios of one file, whatever its name.
func ReadFile(fsys fs.FS, name string) ([]Scenario, error) {
	info, err := fs.Stat(fsys, name)
	if err == nil && info.Size() > fileBytesMax {
		return nil, fault.New(fault.TooLarge, "%s has more than %d bytes", name, fileBytesMax)
	}
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a file")
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "%s can't be read", name)
	}
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "%s can't be read", name)
	}
	return Parse(name, string(text))
}

// Parse reads the scenarios of one file. What is wrong is a fault.Invalid at "file:line".
func Parse(file, text string) ([]Scenario, error) {
	if len(text) > fileBytesMax {
		return nil, fault.New(fault.TooLarge, "%s has more than %d bytes", file, fileBytesMax)
	}
	drafts, err := outline(file, text)
	if err != nil {
		return nil, err
	}
	titles := make(map[string]bool, len(drafts))
	scenarios := make([]Scenario, 0, len(drafts))
	for _, d := range drafts {
		s, err := d.scenario()
		if err != nil {
			return nil, err
		}
		key := strings.ToLower(s.Title)
		if titles[key] {
			return nil, d.at(d.line, "a scenario of this title stands above")
		}
		titles[key] = true
		scenarios = append(scenarios, s)
	}
	return scenarios, nil
}
