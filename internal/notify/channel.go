package notify

import (
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/ledger"
)

// ChannelID names a way to reach somebody.
type ChannelID = alert.ChannelID

// ChannelKind is how a channel reaches its owner.
type ChannelKind string

// The kinds of channels.
const (
	ChannelEmail    ChannelKind = "email"
	ChannelPush     ChannelKind = "push" // to a browser
	ChannelWebhook  ChannelKind = "webhook"
	ChannelTelegram ChannelKind = "telegram"
	ChannelSlack    ChannelKind = "slack"
	ChannelDiscord  ChannelKind = "discord"
	ChannelNtfy     ChannelKind = "ntfy"
	ChannelGotify   ChannelKind = "gotify"
	ChannelMatrix   ChannelKind = "matrix"
	ChannelPushover ChannelKind = "pushover"
)

// ChannelKinds is every kind.
func ChannelKinds() []ChannelKind {
	return []ChannelKind{ChannelEmail, ChannelPush, ChannelWebhook, ChannelTelegram, ChannelSlack, ChannelDiscord, ChannelNtfy, ChannelGotify, ChannelMatrix, ChannelPushover}
}

// ChannelState says whether messages go by a channel.
type ChannelState string

// The states of a channel.
const (
	ChannelOn          ChannelState = "on"
	ChannelOff         ChannelState = "off"         // by its owner
	ChannelUnconfirmed ChannelState = "unconfirmed" // an address whose link was not followed yet
	ChannelGone        ChannelState = "gone"        // the other side said that it is there no more
)

// ConfirmAgeMax is how long the link works that confirms an address.
const ConfirmAgeMax = 24 * time.Hour

// Channel is a way to reach its owner.
type Channel struct {
	Owner     ledger.OwnerID
	ID        ChannelID
	Kind      ChannelKind
	State     ChannelState
	Name      string    // what its owner calls it
	Target    string    // where it leads, sealed: an address (empty: the account's own), a URL, or a browser's subscription
	Secret    string    // what a webhook's messages are signed with, sealed; empty for other kinds
	FailingAt time.Time // since when no message got through; zero: the last one did
	CreatedAt time.Time
}
