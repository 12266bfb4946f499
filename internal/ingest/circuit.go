package ingest

import (
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

// circuit stands between us and one source. It opens after failures in a row, or for as long as the source tells us to stay away.
type circuit struct {
	mutex       sync.Mutex
	breaker     circuitbreaker.CircuitBreaker[any]
	notBefore   time.Time // the source's own word
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
		c.breaker.RecordSuccess()
		return
	}
	c.failures++
	c.lastFailure, c.outcome = now, outcome
	if outcome.OpensCircuit() {
		c.stayAway(now, err)
		if c.breaker.IsClosed() {
			return // the source answers, it just doesn't want us now: its own time counts, not ours
		}
	}
	c.breaker.RecordFailure()
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
	if until := now.Add(wait); until.After(c.notBefore) {
		c.notBefore = until
	}
}

func (c *circuit) status(now time.Time) Status {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	s := Status{LastSuccess: c.lastSuccess, LastFailure: c.lastFailure, Outcome: c.outcome, Calls: c.calls, Failures: c.failures, Circuit: "closed"}
	switch {
	case c.notBefore.After(now):
		s.Circuit, s.NextTry = "open", c.notBefore
	case c.breaker.IsOpen() && c.breaker.RemainingDelay() > 0:
		s.Circuit, s.NextTry = "open", now.Add(c.breaker.RemainingDelay())
	case !c.breaker.IsClosed():
		s.Circuit = "half-open"
	}
	return s
}
