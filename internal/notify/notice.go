package notify

import (
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/ledger"
	"folioscope/internal/money"
)

// NoticeKind says what a notice is about.
type NoticeKind string

// The kinds of notices.
const (
	NoticeAlert    NoticeKind = "alert"    // one of its owner's rules fired
	NoticeOperator NoticeKind = "operator" // the service wants somebody who looks after it
	NoticeDigest   NoticeKind = "digest"   // a day or a week of its owner's portfolios; goes by e-mail alone
	NoticeTest     NoticeKind = "test"     // asked for with a channel's button; in no inbox
)

// MessagesHourMax is how many notices go out to one person by channels in an hour of the clock: one a minute. Nobody reads more, and services
// shut out who sends more. What is over lies in the inbox alone, and at the end of the hour one notice says how much that is.
const MessagesHourMax = 60

// Notice is what one person is told: a row of their inbox, and a message by each of the channels.
type Notice struct {
	Owner    ledger.OwnerID
	ID       string // the same notice has the same id, so that it is told once; empty: a new one
	Kind     NoticeKind
	At       time.Time
	Rule     alert.RuleID      // that fired; empty otherwise
	Urgent   bool              // doesn't wait for the end of quiet hours
	Channels []alert.ChannelID // nil: all that are on; empty: the inbox alone
	Facts    NoticeFacts

	ReadAt time.Time // zero: not yet; set by reading alone
}

// NoticeFacts is what a notice says, sealed at rest. Words are made of it at delivery, as its reader wants them then.
type NoticeFacts struct {
	Rule         string         `json:"rule,omitempty"`     // what its owner calls the rule; may be empty
	Sentence     string         `json:"sentence,omitempty"` // the rule's condition, without amounts only if it has none
	Kind         alert.Kind     `json:"kind,omitempty"`
	Subject      string         `json:"subject,omitempty"` // the name of what it is about
	Value        *money.Decimal `json:"value,omitempty"`
	Threshold    *money.Decimal `json:"threshold,omitempty"`
	Unit         string         `json:"unit,omitempty"`     // of both: a currency, "%", "points", "hours", "days" or nothing
	Personal     bool           `json:"personal,omitempty"` // both are amounts of theirs: left out of messages where amounts are hidden
	PortfolioID  string         `json:"portfolio_id,omitempty"`
	InstrumentID string         `json:"instrument_id,omitempty"`
	Text         string         `json:"text,omitempty"` // of operators: what is wrong
	Fix          string         `json:"fix,omitempty"`  // and what to do
	Digest       *Digest        `json:"digest,omitempty"`
	More         int            `json:"more,omitempty"` // alerts that lie in the inbox alone, since MessagesHourMax went out
}

// Told is a delivery as its owner's log shows it.
type Told struct {
	Channel ChannelID
	Kind    ChannelKind
	State   State
	Outcome Outcome // of the last try; empty before the first
	Tries   int
	DueAt   time.Time
	TriedAt time.Time // zero before the first try
}

// Item is a notice in an inbox, with what became of its messages.
type Item struct {
	Notice
	Told []Told
}
