package identity

import (
	"context"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/ledger"
)

// LinkPurpose says what a link does for whoever has it.
type LinkPurpose string

// The purposes.
const (
	LinkRecovers LinkPurpose = "recover" // sets a password anew
)

// MailedLink is a link that somebody was sent, or was handed by an operator. It works once and until it expires.
type MailedLink struct {
	Owner     ledger.OwnerID
	Hash      TokenHash
	Purpose   LinkPurpose
	Address   string // where it went; sealed at rest; empty where an operator hands it over
	ExpiresAt time.Time
}

// Recovery is a new password by a link.
type Recovery struct {
	Link         TokenHash
	PasswordHash string
	Spend        *Spend // nil without a second factor
	At           time.Time
}

// mailedLinkStore is what links want of the store.
type mailedLinkStore interface {
	CreateMailedLink(ctx context.Context, link MailedLink, write audit.Write) error
	MailedLink(ctx context.Context, owner ledger.OwnerID, hash TokenHash, purpose LinkPurpose, now time.Time) (MailedLink, error)
	Recover(ctx context.Context, owner ledger.OwnerID, recovery Recovery, write audit.Write) error
}
