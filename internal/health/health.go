// Package health says how an installation is doing, in one kind of check for the doctor's command, the status page and what
// administrators are told.
//
// It owns what is looked at, what of it is trouble, the sentence for it and what mends it. It mends nothing itself, and no check names a
// person or what is theirs: a check is read by whoever looks after the machines.
package health

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"folioscope/internal/fault"
)

// State is what a check found.
type State string

// The states, from the best to the worst.
const (
	OK      State = "ok"
	Unknown State = "unknown" // nobody can tell, which may be as it should be
	Warning State = "warning" // nothing is lost yet
	Failing State = "failing"
)

// States are all states.
func States() []State { return []State{OK, Unknown, Warning, Failing} }

// Rank orders states: the larger the worse.
func (s State) Rank() int { return slices.Index(States(), s) }

// Check is what came of a look at one thing.
type Check struct {
	Name  string `json:"name"` // of a short list, such as "disk"; of one of several with its own: "source ecb"
	State State  `json:"state"`
	Says  string `json:"says"` // a sentence
	Fix   string `json:"fix"`  // what to do; empty where nothing is to be done
}

// Measure is a figure that a look came by, for /metrics.
type Measure struct {
	Name  string // one of Measures
	Label string // the value of its label, where it has one
	Value float64
}

// Found is all that one look came by.
type Found struct {
	Checks   []Check
	Measures []Measure
}

func found(checks ...Check) Found { return Found{Checks: checks} }

func (f Found) with(name string, value float64) Found {
	f.Measures = append(f.Measures, Measure{Name: name, Value: value})
	return f
}

// Look is one thing to look at.
type Look struct {
	Name string
	Fix  string // what mends it where At fails
	At   func(ctx context.Context) (Found, error)
}

// lookWaitMax is how long one look may take: longer than any part that works, shorter than an operator waits.
const lookWaitMax = 10 * time.Second

// Examine looks at everything at once. A look that fails, or that doesn't come back in time, is a failing check of its name. The worst
// come first, else the order is that of the looks.
func Examine(ctx context.Context, log *slog.Logger, looks []Look) Found {
	each := make([]Found, len(looks))
	var under sync.WaitGroup
	for n, look := range looks {
		under.Go(func() { each[n] = look.do(ctx, log) })
	}
	under.Wait()
	var all Found
	for _, f := range each {
		all.Checks = append(all.Checks, f.Checks...)
		all.Measures = append(all.Measures, f.Measures...)
	}
	sortWorstFirst(all.Checks)
	return all
}

func sortWorstFirst(checks []Check) {
	slices.SortStableFunc(checks, func(a, b Check) int { return b.State.Rank() - a.State.Rank() })
}

func (l Look) do(ctx context.Context, log *slog.Logger) Found {
	ctx, cancel := context.WithTimeout(ctx, lookWaitMax)
	defer cancel()
	f, err := l.At(ctx)
	if err == nil {
		return f
	}
	if fault.KindOf(err) == fault.Internal && !errors.Is(err, context.DeadlineExceeded) {
		log.ErrorContext(ctx, "a part can't be looked at", "check", l.Name, "error", err)
	}
	return found(Check{Name: l.Name, State: Failing, Says: sentence(reason(err)), Fix: l.Fix})
}

func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:] + "."
}

// reason is why something failed in words that are safe to show.
func reason(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer within " + lookWaitMax.String()
	}
	if known, ok := errors.AsType[*fault.Error](err); ok {
		return strings.TrimSuffix(known.Message, ".")
	}
	return "it can't be looked at, and the log says why"
}

// Worst is the worst state of some checks, OK where there are none. What is unknown is no trouble.
func Worst(checks []Check) State {
	worst := OK
	for _, c := range checks {
		if c.State.Rank() > worst.Rank() && c.State != Unknown {
			worst = c.State
		}
	}
	return worst
}

// span is a time in whole units of the largest size that fits: "26 hours".
func span(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if d >= 2*unit.length {
			return count(int(d/unit.length), unit.name, unit.name+"s")
		}
	}
	return count(int(d/time.Second), "second", "seconds")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
