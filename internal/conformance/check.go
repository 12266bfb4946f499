package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"folioscope/internal/fault"
	"folioscope/internal/figures"
)

// Check works the scenario out and gives each figure that is not as expected, in the order of its table.
func (s Scenario) Check() []Failure {
	in, err := figures.ReadInput(s.input)
	var out figures.Output
	if err == nil {
		out, err = figures.Evaluate(in)
	}
	if s.refusedAt != "" {
		if refusedAt(err, s.refusedAt) {
			return nil
		}
		got := "figures"
		if err != nil {
			got = "refused at " + err.Error()
		}
		return []Failure{s.failure(s.refusal, "", "refused at "+s.refusedAt, got)}
	}
	if err != nil {
		return []Failure{s.failure(s.Line, "", "figures", "refused at "+err.Error())}
	}
	answer, err := asAnswered(out)
	if err != nil {
		return []Failure{s.failure(s.Line, "", "figures", err.Error())}
	}
	var failures []Failure
	for _, e := range s.expected {
		got, err := find(answer, e.steps)
		if err == nil && e.holds(got) {
			continue
		}
		text := shown(got)
		if err != nil {
			text = err.Error()
		}
		failures = append(failures, s.failure(e.line, e.figure, e.text(), text))
	}
	return failures
}

func (s Scenario) failure(line int, figure, expected, got string) Failure {
	return Failure{File: s.File, Line: line, Title: s.Title, Figure: figure, Expected: expected, Got: got}
}

// text is what is expected, for a person.
func (e expectation) text() string {
	text := strings.Join(e.wants, ", ")
	if e.isList {
		text = "[" + text + "]"
	}
	if e.tolerance.Sign() > 0 {
		text += " ± " + strings.TrimRight(e.tolerance.FloatString(30), "0")
	}
	return text
}

// refusedAt says whether an error is a refusal of the input that names a place.
func refusedAt(err error, place string) bool {
	refusal, ok := errors.AsType[*fault.Error](err)
	return ok && refusal.Kind == fault.Invalid && len(refusal.Places) == 1 && refusal.Places[0].Location == place
}

// asAnswered is an answer as its readers get it: what is compared is what evaluate prints.
func asAnswered(out figures.Output) (any, error) {
	data, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("write figures: %w", err)
	}
	var answer any
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fmt.Errorf("read figures: %w", err)
	}
	return answer, nil
}
