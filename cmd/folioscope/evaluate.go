package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

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
	data, err := io.ReadAll(io.LimitReader(in, caseBytesMax+1))
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "the case can't be read")
	}
	if len(data) > caseBytesMax {
		return fault.New(fault.TooLarge, "the case has more than %d MiB", caseBytesMax>>20)
	}
	input, err := figures.ReadInput(data)
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
	text, err := json.Marshal(output)
	if err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	_, err = fmt.Fprintln(at.out, string(text))
	return err
}
