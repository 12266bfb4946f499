package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"folioscope/internal/fault"
	"folioscope/internal/figures"
)

// explainFlags are what evaluate takes to tell how one figure came about.
type explainFlags struct {
	Explain string `placeholder:"FIGURE" help:"Tell how one figure came about, such as totals.profit, returns.xirr, risk.sharpe or 'positions[ABC].realised_base', instead of all figures."`
	Path    string `placeholder:"0.3.1" help:"With --explain: begin at an input of the figure, counted from 0, at an input of that, and so on."`
	Skip    int    `placeholder:"N" help:"With --explain: leave out the first inputs of a long list."`
	Depth   int    `default:"8" help:"With --explain: how many levels of steps to print."`
	JSON    bool   `name:"json" help:"With --explain: print JSON instead of text."`
}

// check sees that the flags go together.
func (f explainFlags) check() error {
	if f.Explain == "" && (f.Path != "" || f.Skip != 0 || f.JSON) {
		return fault.New(fault.Invalid, "--path, --skip and --json go with --explain FIGURE")
	}
	if f.Skip < 0 || f.Depth <= 0 {
		return fault.New(fault.Invalid, "--skip must not be less than 0, --depth not less than 1")
	}
	return nil
}

// print tells how a figure of a case came about.
func (f explainFlags) print(at console, input figures.Input) error {
	path, err := figures.ParseTrailPath(f.Path)
	if err != nil {
		return err
	}
	explained, err := figures.ExplainCase(input, f.Explain, figures.TrailView{Path: path, Skip: f.Skip, Whole: f.Path != "" || f.Skip > 0, Depth: f.Depth})
	if err != nil {
		return err
	}
	if f.JSON {
		text, err := json.Marshal(explained)
		if err != nil {
			return fmt.Errorf("write explanation: %w", err)
		}
		_, err = fmt.Fprintln(at.out, string(text))
		return err
	}
	var text strings.Builder
	if explained.Period.From <= explained.Period.To {
		fmt.Fprintf(&text, "%s, %s to %s\n\n", f.Explain, explained.Period.From, explained.Period.To)
	}
	writeNode(&text, explained.Trail, f.Path, 0)
	for i, problem := range explained.Problems {
		if i == 0 {
			fmt.Fprint(&text, "\nProblems of the case:\n")
		}
		fmt.Fprintf(&text, "  %s: %s\n", problem.Where, problem.What)
	}
	_, err = io.WriteString(at.out, text.String())
	return err
}

// writeNode writes a step as a line, and the steps below it indented.
func writeNode(text *strings.Builder, n figures.Node, path string, level int) {
	indent := strings.Repeat("  ", level)
	fmt.Fprintf(text, "%s%s = %s", indent, n.Label, nodeValue(n))
	switch {
	case n.Source != nil:
		fmt.Fprintf(text, "  (%s)", sourceText(*n.Source))
	case len(n.Inputs)+n.Omitted > 0:
		fmt.Fprintf(text, ": %s of", strings.ReplaceAll(string(n.Operation), "_", " "))
	}
	text.WriteByte('\n')
	if n.Note != "" {
		fmt.Fprintf(text, "%s  | %s\n", indent, n.Note)
	}
	for i, in := range n.Inputs {
		below := strconv.Itoa(i)
		if path != "" {
			below = path + "." + below
		}
		writeNode(text, in, below, level+1)
	}
	if n.Omitted > 0 {
		where := "--path " + path
		if path == "" {
			where = "--depth or --skip"
		}
		fmt.Fprintf(text, "%s  … %d more, see %s\n", indent, n.Omitted, where)
	}
}

func nodeValue(n figures.Node) string {
	if n.Value == nil {
		return "unknown"
	}
	return strings.TrimSpace(*n.Value + " " + n.Unit)
}

// sourceText says where an input was read.
func sourceText(s figures.Source) string {
	parts := []string{string(s.Kind)}
	for _, part := range []string{s.ID, s.Symbol, string(s.Currency), s.Name, s.Source} {
		if part != "" {
			parts[0] += " " + part
		}
	}
	if s.Field != "" {
		parts = append(parts, s.Field)
	}
	if s.Date != nil {
		parts = append(parts, s.Date.String())
	}
	return strings.Join(parts, ", ")
}
