package ingest

import (
	"errors"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"folioscope/internal/provider"
)

// When a source is left alone, and for how long.
const (
	failuresMax  = 3                // calls that fail one after the other before the circuit opens
	circuitDelay = 30 * time.Second // until one call may try whether the source is back
)

// coolDown is how long to leave a source alone that refuses us and doesn't say for how long.
func coolDown(outcome provider.Outcome) time.Duration {
	switch outcome {
	case provider.RateBurst:
		return 30 * time.Second
	case provider.RateMinute:
		return time.Minute
	case provider.RateHour, provider.BadKey: // a key that is changed comes with a new start
		return time.Hour
	case provider.RateDay:
		return 6 * time.Hour
	case provider.RateMonth:
		return 24 * time.Hour
	default:
		return 15 * time.Minute // blocked
	}
}

// circuit stands between us and one source. It opens after failures in a row, or for as long as the source tells us to stay
// away. What one node learns so, the others adopt: of all of them one tries whether the source is back.
type circuit struct {
	mutex       sync.Mutex
	breaker     circuitbreaker.CircuitBreaker[any]
	notBefore   time.Time // the source's own word, or another node's
	trial       bool      // the source failed when it was last asked: the next call is a trial, which one node makes
	row         int       // failures one after the other
	lastSuccess time.Time
	lastFailure time.Time
	outcome     provider.Outcome
	calls       int64
	failures    int64
}

func newCircuit() *circuit {
	return &circuit{breaker: circuitbreaker.NewBuilder[any]().
		WithFailureThreshold(failuresMax).WithDelay(circuitDelay).WithSuccessThreshold(1).Build()}
}

// closedUntil is when the source may be asked again; not after now where it may be at once.
func (c *circuit) closedUntil(now time.Time) time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.until(now)
}

func (c *circuit) until(now time.Time) time.Time {
	until := time.Time{}
	if c.notBefore.After(now) {
		until = c.notBefore
	}
	if c.breaker.IsOpen() {
		if wait := c.breaker.RemainingDelay(); wait > 0 {
			until = later(until, now.Add(wait))
		}
	}
	return until
}

// needsTrial says whether the next call has to be claimed from the other nodes first.
func (c *circuit) needsTrial() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.trial
}

// troubled says whether the last call failed, so that no second one should be made beside the next.
func (c *circuit) troubled() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.row > 0 || c.trial
}

// leaveAlone keeps this node away until a time.
func (c *circuit) leaveAlone(until time.Time) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.notBefore = later(c.notBefore, until)
}

// adopt takes in what the other nodes know.
func (c *circuit) adopt(s SourceState, now time.Time) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch {
	case s.Failing:
		c.trial = true
		c.outcome, c.lastFailure = s.Outcome, later(c.lastFailure, s.FailedAt)
		if limit := now.Add(untilMax); s.Until.After(now) && s.Until.Before(limit) {
			c.notBefore = later(c.notBefore, s.Until)
		}
	case s.WorkedAt.After(c.lastFailure) && c.trial:
		c.breaker.Close()
		c.trial, c.row, c.notBefore = false, 0, time.Time{}
	}
	c.lastSuccess = later(c.lastSuccess, s.WorkedAt)
}

// untilMax is longer than any source makes us wait; what is stored beyond it comes from a clock that was wrong.
const untilMax = 25 * time.Hour

// allow says whether the source may be asked now. After true the caller asks, and then reports.
func (c *circuit) allow(now time.Time) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.notBefore.After(now) || !c.breaker.TryAcquirePermit() {
		return false
	}
	c.calls++
	return true
}

// report takes in how a call ended. What speaks of one instrument says nothing against the source.
func (c *circuit) report(now time.Time, err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	outcome := provider.OutcomeOf(err)
	if outcome == provider.OK || outcome.PerSymbol() {
		c.lastSuccess = now
		c.trial, c.row = false, 0
		c.breaker.RecordSuccess()
		return
	}
	c.failures++
	c.row++
	c.lastFailure, c.outcome = now, outcome
	if outcome.OpensCircuit() {
		c.breaker.Close() // the source answers, it just doesn't want us now: its own time counts, not ours
		c.stayAway(now, err)
		return
	}
	if c.trial {
		c.breaker.Open() // of a source that failed before, one call is enough
	} else {
		c.breaker.RecordFailure()
	}
	c.trial = !c.breaker.IsClosed()
}

// refuse takes in that a source answered for some names, but wants us to stay away.
func (c *circuit) refuse(now time.Time, err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.lastFailure, c.outcome = now, provider.OutcomeOf(err)
	c.stayAway(now, err)
}

func (c *circuit) stayAway(now time.Time, err error) {
	wait := retryAfter(err)
	if wait <= 0 {
		wait = coolDown(provider.OutcomeOf(err))
	}
	if c.row >= failuresMax {
		wait = max(wait, circuitDelay) // it says soon, and refuses us each time
	}
	c.trial = true
	if until := now.Add(wait); until.After(c.notBefore) {
		c.notBefore = until
	}
}

func (c *circuit) status(now time.Time) Status {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	s := Status{LastSuccess: c.lastSuccess, LastFailure: c.lastFailure, Outcome: c.outcome, Calls: c.calls, Failures: c.failures, Circuit: "closed"}
	if until := c.until(now); until.After(now) {
		s.Circuit, s.NextTry = "open", until
	} else if c.trial || !c.breaker.IsClosed() {
		s.Circuit = "half-open"
	}
	return s
}

func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*provider.Error](err); ok {
		return e.RetryAfter
	}
	return 0
}
