package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"folioscope/internal/conformance"
	"folioscope/internal/fault"
)

// checkScenarios is `folioscope evaluate --check DIR`: each figure that is not as a scenario says goes to standard output, then
// how many scenarios passed. Scenarios that fail are an error of no kind (exit 1); a file that can't be read is one of the input
// (exit 2).
func checkScenarios(at console, place string) error {
	info, err := os.Stat(place)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "%s can't be read", place)
	}
	var scenarios []conformance.Scenario
	if info.IsDir() {
		scenarios, err = conformance.Read(os.DirFS(place))
	} else {
		scenarios, err = conformance.ReadFile(os.DirFS(filepath.Dir(place)), filepath.Base(place))
	}
	if err != nil {
		return err
	}
	passed, failed := 0, 0
	for _, s := range scenarios {
		failures := s.Check()
		if len(failures) == 0 {
			passed++
			continue
		}
		failed++
		for _, f := range failures {
			fmt.Fprintln(at.out, f)
		}
	}
	if _, err := fmt.Fprintf(at.out, "%d passed, %d failed\n", passed, failed); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	if failed > 0 {
		return errors.New("not all scenarios came out as expected")
	}
	return nil
}
