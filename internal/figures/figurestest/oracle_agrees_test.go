package figurestest

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"folioscope/internal/fault"
	"folioscope/internal/figures"
)

// evaluate is what figures says of a case.
func evaluate(c *caseFile) (figures.Output, error) {
	in, err := figures.ReadInput(c.written())
	if err != nil {
		return figures.Output{}, err
	}
	return figures.Evaluate(in)
}

// Figures agree with the oracle on everything that the contract lays down.
func TestOracleAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawLedger(t)
		want := solve(c)
		if d := want.totals["difference"]; d != nil && d.Sign() != 0 {
			t.Fatalf("the oracle breaks its own identity by %s\n%s", show(d), c)
		}
		got, err := evaluate(c)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatal(err)
			}
			t.Fatalf("refused: %v\n%s", err, c)
		}
		if differences := compare(want, got); len(differences) > 0 {
			t.Fatalf("%s\nproblems %v\ninexact %v, ambiguous %q, mixed %v\n%s", strings.Join(differences[:min(12, len(differences))], "\n"), got.Problems[:min(4, len(got.Problems))],
				want.inexact, want.ambiguous, want.mixed, c)
		}
	})
}
