package notify

import (
	"time"

	"folioscope/internal/ledger"
)

// NoticeJobKind is the kind of job that sends one notice by one channel.
const NoticeJobKind = "notice.send"

// NoticeJob is all that such a job knows.
type NoticeJob struct {
	Owner   ledger.OwnerID `json:"owner"`
	Notice  string         `json:"notice"`
	Channel ChannelID      `json:"channel"`
}

// Place is a place in an inbox: after the notice of that time and id. The zero value is before the newest.
type Place struct {
	At time.Time
	ID string
}

// Message is a notice on its way by one channel, with all that is needed to write and send it.
type Message struct {
	Notice   Notice
	Channel  Channel // off where it was deleted, or its owner suspended
	Settings Settings
	Reader   Reader

	State     State
	Tries     int
	DueAt     time.Time
	CreatedAt time.Time
}

// Reader is who gets a message.
type Reader struct {
	Address string // of their account; empty: it isn't confirmed
}
