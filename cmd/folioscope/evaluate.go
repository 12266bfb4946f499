package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"folioscope/internal/fault"
	"folioscope/internal/figures"
)

// caseBytesMax bounds a case: 100,000 activities with 20 years of prices of 50 instruments take a third of it.
const caseBytesMax = 128 << 20

// evaluateCommand is `folioscope evaluate`: the figures of the service, without one.
type evaluateCommand struct {
	Case  string `arg:"" optional:"" placeholder:"CASE" help:"A file with one portfolio as JSON; - reads standard input."`
	Check string `placeholder:"DIR" help:"Check the scenarios of a folder, such as docs/conformance, or of one file instead."`
	explainFlags
}

// Run prints the figures of a case as one JSON object. A case that can't be used prints nothing but the reason.
func (c evaluateCommand) Run(at console) error {
	switch {
	case (c.Case == "") == (c.Check == ""):
		return fault.New(fault.Invalid, "evaluate takes either a CASE or --check DIR")
	case c.Check != "":
		return checkScenarios(at, c.Check)
	}
	if err := c.explainFlags.check(); err != nil {
		return err
	}
	in := at.in
	if c.Case != "-" {
		file, err := os.Open(c.Case)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "the case can't be read")
		}
		defer file.Close()
		in = file
	}
	text, err := readCase(in)
	if err != nil {
		return err
	}
	defer collectLate(len(text))()
	input, err := figures.ReadCase(text)
	if err != nil {
		return err
	}
	if c.Explain != "" {
		return c.print(at, input)
	}
	output, err := figures.Evaluate(input)
	if err != nil {
		return err
	}
	answer, err := output.AppendJSON(nil)
	if err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	_, err = at.out.Write(append(answer, '\n'))
	return err
}

// readCase reads a whole case, without copies where it is a file, whose size is known.
func readCase(in io.Reader) (string, error) {
	var text strings.Builder
	if file, ok := in.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() && info.Size() <= caseBytesMax {
			text.Grow(int(info.Size()) + bytes.MinRead)
		}
	}
	switch n, err := io.Copy(&text, io.LimitReader(in, caseBytesMax+1)); {
	case err != nil:
		return "", fault.Wrap(fault.Invalid, err, "the case can't be read")
	case n > caseBytesMax:
		return "", fault.New(fault.TooLarge, "the case has more than %d MiB", caseBytesMax>>20)
	}
	return text.String(), nil
}

// Nearly all that a case makes is kept to the end, so of an ordinary one the memory is collected when it gets short, not before.
// What is longer is collected as usual.
const (
	ordinaryCaseBytesMax = 12 << 20 // what 100,000 activities take
	memoryBytesUsual     = 144 << 20
)

// collectLate gives what sets memory back to how it was.
func collectLate(caseBytes int) (usual func()) {
	if caseBytes > ordinaryCaseBytesMax {
		return func() {}
	}
	limit, percent := debug.SetMemoryLimit(memoryBytesUsual), debug.SetGCPercent(-1)
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}
