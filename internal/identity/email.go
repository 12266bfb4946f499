package identity

import (
	"context"
	"fmt"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// EmailLinkAgeMax is how long a link that confirms an address works: who changes it may read that mail elsewhere, and later.
const EmailLinkAgeMax = 24 * time.Hour

// Bounds of asking for such links: nobody fills strangers' mailboxes.
const (
	emailMailsMax    = 3              // of one user in one go, wherever to
	emailMailsRefill = 12 * time.Hour // then one more each
)

const confirmPath = "/confirm-email/"

// AskEmail mails a link to an address, which becomes the user's own once they follow it; for the one they have, it shows that mail
// arrives there. Whether the address is somebody else's isn't told here, but to who reads its mail.
func (s *Service) AskEmail(ctx context.Context, session Session, email string, from Request) error {
	if !s.mail {
		return fault.New(fault.Conflict, "This server sends no mail, so addresses can't be confirmed here.")
	}
	email, err := NormalEmail(email)
	if err != nil {
		return err
	}
	user, err := s.User(ctx, session.Owner)
	if err != nil {
		return err
	}
	if err := s.TakeAddressMail(ctx, user.ID); err != nil {
		return err
	}
	secret, hash, err := NewSecret(s.random)
	if err != nil {
		return err
	}
	link := MailedLink{Owner: user.ID, Hash: hash, Purpose: LinkConfirms, Address: email, ExpiresAt: s.now().Add(EmailLinkAgeMax)}
	entry := audit.Entry{Actor: user.ID, Owner: user.ID, Session: audit.SessionName(session.Hash), Action: audit.EmailAsked, Object: string(user.ID), RequestID: from.ID, Result: "ok", Detail: from.Address}
	mail := audit.Mail{Kind: audit.MailConfirmEmail, Address: email, Name: user.Name, Path: confirmPath + OwnedToken(user.ID, secret)}
	if err := s.store.CreateMailedLink(ctx, link, audit.Write{Audit: entry, Mail: []audit.Mail{mail}}); err != nil {
		return fmt.Errorf("create link: %w", err)
	}
	return nil
}

// TakeAddressMail counts a mail that a user has sent to an address of their choice, and refuses one too many.
func (s *Service) TakeAddressMail(ctx context.Context, user ledger.OwnerID) error {
	wait, err := s.store.TakeAttempts(ctx, s.now(), []Take{{Key: "address mails of " + string(user), Max: emailMailsMax, Refill: emailMailsRefill}})
	if err != nil {
		return fmt.Errorf("count mails: %w", err)
	}
	if wait > 0 {
		return tooOften(wait)
	}
	return nil
}

// ConfirmEmail makes the address that a link went to its user's own. Where it is another than before, the one before is told, and other
// links that were mailed end. A token that is unknown, used or expired gives fault.NotFound, an address of somebody else fault.Conflict.
func (s *Service) ConfirmEmail(ctx context.Context, token string, from Request) error {
	attempt, err := s.attempt(ctx, "", from)
	if err != nil {
		return err
	}
	user, link, err := s.linked(ctx, token, LinkConfirms)
	if fault.Is(err, fault.NotFound) {
		return s.refused(ctx, user.ID, audit.EmailRefused, from, errEmailLink())
	}
	s.forgive(ctx, attempt)
	if err != nil {
		return fmt.Errorf("read link: %w", err)
	}
	entry := audit.Entry{Actor: user.ID, Owner: user.ID, Action: audit.EmailConfirmed, Object: string(user.ID), RequestID: from.ID, Result: "ok", Detail: from.Address}
	w := audit.Write{Audit: entry}
	if link.Address != user.Email {
		w.Audit.Action, w.Mail = audit.EmailChanged, s.mailTo(user, audit.MailEmailChanged, "")
	}
	err = s.store.ConfirmEmail(ctx, link, s.now(), w)
	switch {
	case fault.Is(err, fault.NotFound): // another was faster
		return s.refused(ctx, user.ID, audit.EmailRefused, from, errEmailLink())
	case fault.Is(err, fault.Conflict):
		return s.refused(ctx, user.ID, audit.EmailRefused, from, fault.New(fault.Conflict, "Another account here has this address already."))
	case err != nil:
		return fmt.Errorf("confirm address: %w", err)
	}
	return nil
}

func errEmailLink() error {
	return fault.New(fault.NotFound, "This link was used, is older than %d hours, or was never one. Ask for a new one.", int(EmailLinkAgeMax.Hours()))
}
