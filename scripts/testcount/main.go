// Command testcount reads what go test -json prints, shows one line for each package, what a test counted (its attribute "counted") and everything that a failed test said,
// and writes how many tests passed, failed and were skipped into a file:
//
//	go test -json ./... | go run ./scripts/testcount FILE
//
// It never decides what a failure means: the caller reads the counts.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// lineBytesMax is the longest event that is read: a test may print a whole document in one line.
const lineBytesMax = 16 << 20

// event is the part of go test's events that is used here; go doc test2json has them all.
type event struct {
	Action     string
	Package    string
	ImportPath string // of a package that did not build
	Test       string
	Elapsed    float64 // seconds
	Output     string
	Key, Value string // of an attribute that a test set
}

// counts are of tests and subtests. A package that fails without a failed test (it did not build, or it exited) counts as one.
type counts struct{ passed, failed, skipped int }

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: testcount FILE < events")
		os.Exit(2)
	}
	total, err := follow(os.Stdin, os.Stdout)
	if err == nil {
		text := fmt.Sprintf("%d %d %d\n", total.passed, total.failed, total.skipped)
		err = os.WriteFile(os.Args[1], []byte(text), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testcount:", err)
		os.Exit(1)
	}
}

// follow prints as the events come, so that a run that hangs shows where.
func follow(events io.Reader, out io.Writer) (counts, error) {
	var total counts
	said := map[string][]string{}   // what each running test printed
	failedTests := map[string]int{} // by package
	passedTests := map[string]int{} // by package
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, lineBytesMax)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(out, lines.Text()) // the go command's own words
			continue
		}
		key := e.Package + " " + e.Test
		switch e.Action {
		case "output":
			if !strings.HasPrefix(e.Output, "=== ") {
				said[key] = append(said[key], e.Output)
			}
		case "attr":
			if e.Key == "counted" { // how much a random test went through, which tells what its pass is worth
				fmt.Fprintf(out, "      %s: %s\n", e.Test, e.Value)
			}
		case "build-output":
			fmt.Fprint(out, e.Output)
		case "pass", "fail", "skip":
			if e.Test == "" {
				finishPackage(out, e, said[key], failedTests[e.Package], passedTests[e.Package], &total)
			} else {
				finishTest(out, e, said[key], failedTests, passedTests, &total)
			}
			delete(said, key)
		}
	}
	return total, lines.Err()
}

func finishTest(out io.Writer, e event, said []string, failedTests, passedTests map[string]int, total *counts) {
	switch e.Action {
	case "pass":
		total.passed++
		passedTests[e.Package]++
	case "skip":
		total.skipped++
	case "fail":
		total.failed++
		failedTests[e.Package]++
		fmt.Fprintf(out, "--- %s %s\n%s", e.Package, e.Test, strings.Join(said, ""))
	}
}

func finishPackage(out io.Writer, e event, said []string, failed, passed int, total *counts) {
	switch e.Action {
	case "skip": // no test files
	case "fail":
		if failed == 0 {
			total.failed++
			fmt.Fprint(out, strings.Join(said, ""))
		}
		fmt.Fprintf(out, "FAIL  %s  %.1f s, %d failed\n", e.Package, e.Elapsed, max(failed, 1))
	default:
		fmt.Fprintf(out, "ok    %s  %.1f s, %d passed\n", e.Package, e.Elapsed, passed)
	}
}
