package identity

import (
	"context"
	"fmt"

	"folioscope/internal/audit"
	"folioscope/internal/ledger"
)

// SendsMail says whether this installation sends mail: only then people ask for links themselves.
func (s *Service) SendsMail() bool { return s.mail }

// mailTo is a mail to somebody about their account; none where this installation sends no mail.
func (s *Service) mailTo(user User, kind audit.MailKind, what string) []audit.Mail {
	if !s.mail {
		return nil
	}
	return []audit.Mail{{Kind: kind, Address: user.Email, Name: user.Name, What: what}}
}

// mailToOwner is mailTo for who is known by id alone.
func (s *Service) mailToOwner(ctx context.Context, owner ledger.OwnerID, kind audit.MailKind, what string) ([]audit.Mail, error) {
	if !s.mail {
		return nil, nil
	}
	user, err := s.store.User(ctx, owner)
	if err != nil {
		return nil, fmt.Errorf("read user: %w", err)
	}
	return s.mailTo(user, kind, what), nil
}

// Second factors as mails name them.
const (
	factorApp  = "an authenticator app"
	factorsAll = "all that there were"
)

// factorPasskey is a passkey as mails name it.
func factorPasskey(name string) string { return "the passkey “" + name + "”" }
