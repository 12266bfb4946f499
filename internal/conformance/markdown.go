package conformance

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"folioscope/internal/fault"
)

// captions are the names of a scenario's parts.
var captions = []string{"Activities", "Prices", "Rates", "Valuations", "Flows", "Benchmark", "Case", "Expected"}

// draft is a scenario as it stands in its file: lines and tables, not yet understood.
type draft struct {
	file  string
	line  int
	title string
	about []string
	lines map[string]textLine // Source, Settings, Expected
	parts map[string]table    // by caption
	json  textLine            // of Case
}

type textLine struct {
	line int // 0: not there
	text string
}

// table is a caption's rows, the first of which is the header.
type table struct {
	line int
	rows []row
}

type row struct {
	line  int
	cells []string
}

// at is what is wrong with a line of the scenario's file.
func (d *draft) at(line int, format string, args ...any) error {
	return wrong(d.file, line, format, args...)
}

func wrong(file string, line int, format string, args ...any) error {
	return fault.At(file+":"+strconv.Itoa(line), format, args...)
}

// outliner goes through a file line by line.
type outliner struct {
	file    string
	drafts  []*draft
	caption string // the table or block that lines belong to
	titled  bool   // the file's own heading was seen
	fenced  bool   // within a block
	broken  bool   // a blank line came after the table's rows
}

// outline cuts a file into its scenarios.
func outline(file, text string) ([]*draft, error) {
	if !utf8.ValidString(text) {
		return nil, wrong(file, 1, "not UTF-8")
	}
	o := &outliner{file: file}
	number := 0
	for line := range strings.Lines(text) {
		number++
		if err := o.take(number, strings.TrimRight(line, "\r\n \t")); err != nil {
			return nil, err
		}
	}
	switch {
	case o.fenced:
		return nil, wrong(file, number, "the block has no end")
	case !o.titled:
		return nil, wrong(file, 1, "no title; a file begins with one #")
	case len(o.drafts) == 0:
		return nil, wrong(file, 1, "no scenario; each begins with ##")
	}
	return o.drafts, nil
}

func (o *outliner) take(number int, line string) error {
	if o.fenced {
		return o.block(number, line)
	}
	switch {
	case strings.HasPrefix(line, "#"):
		return o.heading(number, line)
	case !o.titled && line != "":
		return wrong(o.file, number, "no title; a file begins with one #")
	case len(o.drafts) == 0:
		return nil // words about the topic
	case line == "":
		o.broken = true
		return nil
	case strings.HasPrefix(line, "```"):
		return o.block(number, line)
	case strings.HasPrefix(line, "|"):
		return o.row(number, line)
	case strings.HasPrefix(line, "**"):
		return o.captioned(number, line)
	}
	return o.words(number, line)
}

func (o *outliner) heading(number int, line string) error {
	title, isScenario := strings.CutPrefix(line, "## ")
	if topic, isTopic := strings.CutPrefix(line, "# "); isTopic && !o.titled && strings.TrimSpace(topic) != "" {
		o.titled = true
		return nil
	}
	title = strings.TrimSpace(title)
	switch {
	case !isScenario || title == "":
		return wrong(o.file, number, "not a heading of this format: %.60q", line)
	case !o.titled:
		return wrong(o.file, number, "no title; a file begins with one #")
	case len(o.drafts) >= scenariosMax:
		return wrong(o.file, number, "more than %d scenarios", scenariosMax)
	}
	o.caption = ""
	o.drafts = append(o.drafts, &draft{
		file: o.file, line: number, title: title, lines: map[string]textLine{}, parts: map[string]table{},
	})
	return nil
}

func (o *outliner) now() *draft { return o.drafts[len(o.drafts)-1] }

func (o *outliner) captioned(number int, line string) error {
	name := strings.TrimSuffix(strings.TrimPrefix(line, "**"), "**")
	d := o.now()
	if line != "**"+name+"**" || !slices.Contains(captions, name) {
		return wrong(o.file, number, "not a caption of this format: %.60q", line)
	}
	if _, twice := d.parts[name]; twice {
		return wrong(o.file, number, "%s was given twice", name)
	}
	d.parts[name] = table{line: number}
	o.caption, o.broken = name, false
	return nil
}

func (o *outliner) row(number int, line string) error {
	d := o.now()
	part, ok := d.parts[o.caption]
	switch {
	case !ok || o.caption == "Case":
		return wrong(o.file, number, "a table without a caption")
	case o.broken && len(part.rows) > 0:
		return wrong(o.file, number, "%s has two tables", o.caption)
	case len(part.rows) > rowsMax:
		return wrong(o.file, number, "more than %d rows", rowsMax)
	case len(line) < 2 || !strings.HasSuffix(line, "|"):
		return wrong(o.file, number, "a row ends with |")
	}
	cells := strings.Split(line[1:len(line)-1], "|")
	if len(cells) > columnsMax {
		return wrong(o.file, number, "more than %d columns", columnsMax)
	}
	for i := range cells {
		if cells[i] = strings.TrimSpace(cells[i]); len(cells[i]) > cellBytesMax {
			return wrong(o.file, number, "a cell of more than %d bytes", cellBytesMax)
		}
	}
	o.broken = false
	part.rows = append(part.rows, row{number, cells})
	if header := part.rows[0]; len(cells) != len(header.cells) {
		return wrong(o.file, number, "%d cells under %d columns", len(cells), len(header.cells))
	}
	if isRule(cells) != (len(part.rows) == 2) {
		return wrong(o.file, number, "the second row of a table, and no other, is its rule (| --- |)")
	}
	d.parts[o.caption] = part
	return nil
}

// isRule says whether a row is the one of dashes below a header.
func isRule(cells []string) bool {
	for _, cell := range cells {
		if dashes := strings.Trim(cell, ":"); len(dashes) < 3 || strings.Trim(dashes, "-") != "" {
			return false
		}
	}
	return true
}

func (o *outliner) block(number int, line string) error {
	d := o.now()
	switch {
	case o.fenced && line == "```":
		o.fenced, o.caption = false, ""
	case o.fenced:
		d.json.text += line + "\n"
	case o.caption != "Case" || line != "```json" || d.json.line != 0:
		return wrong(o.file, number, "a block that is not the JSON of a **Case**")
	default:
		o.fenced, d.json.line = true, number
	}
	return nil
}

// words takes a line of prose, or one of the three that mean something.
func (o *outliner) words(number int, line string) error {
	d := o.now()
	name, text, labelled := strings.Cut(line, ":")
	if !labelled || name == "" || strings.ContainsFunc(name, func(r rune) bool { return r < 'A' || r > 'z' || r > 'Z' && r < 'a' }) {
		if o.caption != "" && !o.broken {
			return wrong(o.file, number, "not a row of %s: %.60q", o.caption, line)
		}
		if len(d.lines) == 0 {
			d.about = append(d.about, line)
		}
		return nil
	}
	if name != "Source" && name != "Settings" && name != "Expected" {
		return wrong(o.file, number, "not a line of this format: %.60q", line)
	}
	if _, twice := d.lines[name]; twice {
		return wrong(o.file, number, "%s was given twice", name)
	}
	d.lines[name] = textLine{number, strings.TrimSpace(text)}
	return nil
}
