package figurestest

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"folioscope/internal/fault"
	"folioscope/internal/figures"
)

// How many ledgers one run draws: what make test has time for, and what make check-long has.
const (
	ledgersShort = 1_000
	ledgersLong  = 100_000
)

// ledgers is how many are drawn; FOLIOSCOPE_LEDGERS asks for another number.
func ledgers() int {
	if n, err := strconv.Atoi(os.Getenv("FOLIOSCOPE_LEDGERS")); err == nil && n > 0 {
		return n
	}
	if os.Getenv("FOLIOSCOPE_LONG") != "" {
		return ledgersLong
	}
	return ledgersShort
}

// evaluate is what figures says of a case.
func evaluate(c *caseFile) (figures.Output, error) {
	in, err := figures.ReadInput(c.written())
	if err != nil {
		return figures.Output{}, err
	}
	return figures.Evaluate(in)
}

// tally counts what was drawn, so that nobody takes a generator that draws next to nothing for a proof.
type tally struct {
	mu                                                         sync.Mutex
	ledgers, refused, exact, open, unknown, portfolios, wanted int
	activities                                                 int
	types, rules                                               map[string]int
}

func (n *tally) add(c *caseFile, a *answer, refused, portfolio bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	count := func(into *int, is bool) {
		if is {
			*into++
		}
	}
	count(&n.refused, refused)
	if refused {
		return
	}
	n.ledgers++
	count(&n.exact, !a.inexact && a.ambiguous == "")
	count(&n.open, a.ambiguous != "")
	count(&n.unknown, a.totals["profit"] == nil)
	count(&n.portfolios, portfolio)
	n.activities += len(c.Activities)
	for _, a := range c.Activities {
		n.types[a.Type]++
	}
	n.rules[c.Method+"/"+c.Scope]++
}

func (n *tally) String() string {
	list := func(counts map[string]int) string {
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprintf("%d ledgers, %d refused; %d compared to the last digit, %d within 1e-25, %d of them with lots that the contract leaves open; "+
		"%d with an unknown profit, %d as a portfolio of the service too; %d activities: %s; by lots: %s",
		n.ledgers, n.refused, n.exact, n.ledgers-n.exact, n.open, n.unknown, n.portfolios, n.activities, list(n.types), list(n.rules))
}

// Figures agree with the oracle on everything that the contract lays down, and keep the laws, over random ledgers.
func TestLedgers(t *testing.T) {
	started, shards := time.Now(), min(runtime.GOMAXPROCS(0), 8)
	n := &tally{types: map[string]int{}, rules: map[string]int{}, wanted: ledgers()}
	checks := flag.Lookup("rapid.checks")
	before := checks.Value.String()
	if err := checks.Value.Set(strconv.Itoa((n.wanted + shards - 1) / shards)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := checks.Value.Set(before); err != nil {
			t.Error(err)
		}
	})
	t.Run("shards", func(t *testing.T) {
		for i := range shards {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				rapid.Check(t, func(t *rapid.T) { checkLedger(t, n) })
			})
		}
	})
	text := fmt.Sprintf("%s; %.0f s", n, time.Since(started).Seconds())
	t.Attr("counted", text)
	t.Log(text)
	if n.ledgers < n.wanted || n.refused*100 > n.ledgers {
		t.Errorf("of %d ledgers %d were refused", n.ledgers+n.refused, n.refused)
	}
}

// checkLedger draws one ledger and holds it against the oracle and the laws.
func checkLedger(t *rapid.T, n *tally) {
	c := drawLedger(t)
	a := solve(c)
	if d := a.totals["difference"]; d != nil && d.Sign() != 0 {
		t.Fatalf("the oracle breaks its own identity by %s\n%s", show(d), c)
	}
	got, err := evaluate(c)
	if err != nil {
		if !fault.Is(err, fault.Invalid) || !slices.ContainsFunc(refusals, func(text string) bool { return strings.Contains(err.Error(), text) }) {
			t.Fatalf("refused: %v\n%s", err, c)
		}
		n.add(c, a, true, false)
		return
	}
	if differences := compare(a, got); len(differences) > 0 {
		t.Fatalf("%s\nproblems %v\ninexact %v, open %q, mixed %v\n%s", strings.Join(differences[:min(12, len(differences))], "\n"),
			got.Problems[:min(4, len(got.Problems))], a.inexact, a.ambiguous, a.mixed, c)
	}
	lawOfOrder(t, c, got)
	lawOfHalves(t, c, got, a)
	lawOfPeriods(t, c, got, a)
	lawOfMethods(t, c, got, a)
	lawOfTheFuture(t, c, got, a)
	n.add(c, a, false, lawOfOnePath(t, c, a))
}

// refusals are what a ledger may be refused for. The generator knows the rules, so there is nothing here.
var refusals []string
