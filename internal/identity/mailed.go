package identity

import (
	"context"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// LinkPurpose says what a link does for whoever has it.
type LinkPurpose string

// The purposes.
const (
	LinkRecovers LinkPurpose = "recover" // sets a password anew
	LinkConfirms LinkPurpose = "confirm" // makes the address that it went to its user's own
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
	// ConfirmEmail gives fault.Conflict where the address is another user's.
	ConfirmEmail(ctx context.Context, link MailedLink, now time.Time, write audit.Write) error
}

// linked is the link of a token, and its user; fault.NotFound where it does nothing, with the user where it is known whose it was.
func (s *Service) linked(ctx context.Context, token string, purpose LinkPurpose) (user User, link MailedLink, err error) {
	unknown := fault.New(fault.NotFound, "this link is unknown")
	owner, hash, ok := ParseOwnedToken(token)
	if !ok {
		return User{}, MailedLink{}, unknown
	}
	if link, err = s.store.MailedLink(ctx, owner, hash, purpose, s.now()); err != nil {
		return User{}, MailedLink{}, err
	}
	user, err = s.store.User(ctx, owner)
	if err == nil && user.Status != Active {
		err = unknown
	}
	return user, link, err
}
