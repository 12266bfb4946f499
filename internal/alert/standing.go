package alert

import (
	"time"

	"folioscope/internal/money"
)

// State is where a rule is on its way.
type State string

// The states.
const (
	StateInactive State = "inactive" // armed, has never fired
	StatePending  State = "pending"  // holds, and waits for the end of For or of a snooze
	StateFiring   State = "firing"   // has fired, and isn't armed again
	StateResolved State = "resolved" // has fired, and is armed again
	StateNoData   State = "no_data"  // what it is about isn't known
	StateError    State = "error"    // it can't be worked out
)

// Standing is how a rule stands. One that was never looked at has no Value.
type Standing struct {
	State   State
	Since   time.Time      // when State began
	Through int64          // the sequence of the quotes' journal that it has seen
	Value   *money.Decimal // the last known one, to 18 digits after the point
	ValueAt time.Time      // when that was; zero where it isn't known
	Side    Direction      // of Crossing: where the value was, Above or Below; empty before the first one
	Held    bool           // it fired and isn't armed again, whatever State says meanwhile

	FiredAt   time.Time // the last firing, told or held back
	ToldAt    time.Time // the last one that was told
	TroubleAt time.Time // when no data or an error was last noted
	Firings   int64     // told and held back
	Ended     bool      // once, or expired: nothing changes it any more
	Why       string    // of StateNoData and StateError: a sentence that is safe to show
}

// Begin is how a rule stands that was just made, when the quotes' journal was at a sequence: what came before isn't its to see.
func Begin(at time.Time, through int64) Standing {
	return Standing{State: StateInactive, Since: at, Through: through}
}

// Resume is how a rule stands after its owner changed it from before. It goes on as it stood where what it waits for is the same, and
// begins anew where that is another, or where it had ended and is to be told more often or for longer.
func (r *Rule) Resume(before *Rule, standing Standing, at time.Time, through int64) Standing {
	reopened := standing.Ended && (r.Repeat != before.Repeat || !r.ExpiresAt.Equal(before.ExpiresAt))
	if reopened || !r.Condition.same(&before.Condition) {
		return Begin(at, through)
	}
	return standing
}

// Observation is what was seen at one time: a Value, that it is Missing, that it can't be worked out, or an Occurrence.
type Observation struct {
	At       time.Time      // when it was accepted; of a price its quote's ObservedAt, so that a replay sees the same
	Sequence int64          // of the quotes' journal; 0 for what no quote brought, such as an activity: that always counts
	Value    *money.Decimal // in the Condition's Measure

	Missing    string // why there is no value: a sentence that is safe to show
	Error      string // why it can't be worked out: a sentence that is safe to show
	Occurrence string // the key of what happened; the same key never fires twice, which the store sees to
	Subject    string // the name of what it is about, for the text
}

// EventKind is what a rule did.
type EventKind string

// The kinds of events.
const (
	EventFired    EventKind = "fired"
	EventHeldBack EventKind = "held_back" // fired, but not told: cooldown, the same day, or snoozed
	EventResolved EventKind = "resolved"  // armed again
	EventNoData   EventKind = "no_data"   // nothing known for NoDataAfter
	EventError    EventKind = "error"
	EventEnded    EventKind = "ended"
)

// Event is something that a rule did, as its log has it.
type Event struct {
	Kind       EventKind
	At         time.Time
	Sequence   int64
	Value      *money.Decimal
	Occurrence string
	Subject    string
	Why        string // of no data, errors, what was held back and what ended: a sentence that is safe to show
	Tell       bool   // its owner is to be told
}
