package engine

import (
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/notify"
)

// Settlement is what became of one rule: how it stands now, and what that came of. It is whole or nothing, and only where the rule and
// its standing are still at the versions that it was worked out from.
type Settlement struct {
	Rule            alert.RuleID
	Version         int64
	StandingVersion int64
	After           alert.Standing
	Events          []Event
}

// Event is a row of an owner's log, and what they are told of it.
type Event struct {
	alert.Event
	ID     string
	Notice *notify.Notice // nil where nobody is told
}

// Logged is a row of the log as its owner sees it. Tell says whether they were told.
type Logged struct {
	alert.Event
	ID   string
	Rule alert.RuleID
}

// Place is a place in the log.
type Place struct {
	At time.Time
	ID string
}

// LogFilter leaves of the log what is so; what is left out leaves all.
type LogFilter struct {
	Rules    []alert.RuleID // nil: all; at most alert.RulesMax
	Kind     alert.EventKind
	Delivery notify.State // how one of the messages stands
}

// Empty says whether it leaves everything.
func (f LogFilter) Empty() bool { return f.Rules == nil && f.Kind == "" && f.Delivery == "" }
