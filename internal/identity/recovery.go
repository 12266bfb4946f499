package identity

import (
	"context"
	"fmt"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// RecoveryAgeMax is how long a link to set a password anew works: mail takes minutes, and who reads it later asks again.
const RecoveryAgeMax = 30 * time.Minute

// Bounds of asking for such links.
const (
	recoveryAsksMax     = 20              // from one address in one go: an office behind one
	recoveryAsksRefill  = 3 * time.Minute // then one more each
	recoveryMailsMax    = 3               // to one account in one go
	recoveryMailsRefill = 12 * time.Hour  // then one more each: five in a day at most

	recoveriesWaitingMax = 256              // requests that wait for their turn; more are told to come back
	recoveryWorkMax      = 10 * time.Second // for one of them
	recoveriesDrainMax   = 5 * time.Second  // for all that wait when the node stops
)

const recoveryPath = "/recover/"

// askedRecovery is somebody's request for a link.
type askedRecovery struct {
	email string
	from  Request
}

// AskRecovery asks for a link by mail to set a password anew. Whether the address is anybody's shows nowhere: the request is counted
// and waits in line, the same for every address, and nobody waits for what WorkOnRecoveries does about it.
func (s *Service) AskRecovery(ctx context.Context, email string, from Request) error {
	if !s.mail {
		return fault.New(fault.Conflict, "This server sends no mail. Ask whoever runs it for a link to set a new password.")
	}
	email, err := NormalEmail(email)
	if err != nil {
		return err
	}
	wait, err := s.store.TakeAttempts(ctx, s.now(), []Take{{Key: "recovery address " + from.Address, Max: recoveryAsksMax, Refill: recoveryAsksRefill}})
	if err != nil {
		return fmt.Errorf("count attempt: %w", err)
	}
	if wait > 0 {
		return tooOften(wait)
	}
	select {
	case s.recoveries <- askedRecovery{email, from}:
		return nil
	default:
		return fault.New(fault.Unavailable, "Too many people ask for this at the moment. Try again in a minute.")
	}
}

// WorkOnRecoveries sends the links that are asked for, one after the other, until ctx ends; then those that wait, for a few seconds.
func (s *Service) WorkOnRecoveries(ctx context.Context) error {
	for {
		select {
		case asked := <-s.recoveries:
			s.workOn(context.WithoutCancel(ctx), asked)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), recoveriesDrainMax)
			defer cancel()
			for last.Err() == nil {
				select {
				case asked := <-s.recoveries:
					s.workOn(last, asked)
				default:
					return nil
				}
			}
			return nil
		}
	}
}

func (s *Service) workOn(ctx context.Context, asked askedRecovery) {
	ctx, cancel := context.WithTimeout(ctx, recoveryWorkMax)
	defer cancel()
	if err := s.answerRecovery(ctx, asked); err != nil {
		s.log.WarnContext(ctx, "a link to set a password anew was not made; they have to ask again", "request_id", asked.from.ID, "error", err)
	}
}

// answerRecovery mails a link to whom the address is, unless there is nobody, they may not have one, or they had enough. Which of
// them it was is in the audit alone.
func (s *Service) answerRecovery(ctx context.Context, asked askedRecovery) error {
	user, err := s.store.UserByEmail(ctx, asked.email)
	switch {
	case fault.Is(err, fault.NotFound):
		return s.noRecovery(ctx, "", fault.NotFound, asked.from)
	case err != nil:
		return fmt.Errorf("find user: %w", err)
	case !recoversByMail(user):
		return s.noRecovery(ctx, user.ID, fault.Denied, asked.from)
	}
	wait, err := s.store.TakeAttempts(ctx, s.now(), []Take{{Key: "recovery mails to " + string(user.ID), Max: recoveryMailsMax, Refill: recoveryMailsRefill}})
	if err != nil {
		return fmt.Errorf("count mails: %w", err)
	}
	if wait > 0 {
		return s.noRecovery(ctx, user.ID, fault.Limited, asked.from)
	}
	_, err = s.makeRecovery(ctx, user, user.Email, asked.from)
	return err
}

// recoversByMail says whether a link to somebody's address may open their account: it was shown that the address is theirs, and they
// have a password. Whoever signs in at another service alone is recovered there.
func recoversByMail(user User) bool {
	return user.Status == Active && !user.ConfirmedAt.IsZero() && user.PasswordHash != ""
}

func (s *Service) noRecovery(ctx context.Context, owner ledger.OwnerID, why fault.Kind, from Request) error {
	entry := audit.Entry{Owner: owner, Action: audit.RecoveryAsked, Object: string(owner), RequestID: from.ID, Result: string(why), Detail: from.Address}
	if err := s.store.RecordAudit(ctx, entry); err != nil {
		return fmt.Errorf("record refusal: %w", err)
	}
	return nil
}

// makeRecovery makes a link and gives its path. Address is where it is mailed to; empty where an operator hands it over.
func (s *Service) makeRecovery(ctx context.Context, user User, address string, from Request) (path string, err error) {
	secret, hash, err := NewSecret(s.random)
	if err != nil {
		return "", err
	}
	path = recoveryPath + OwnedToken(user.ID, secret)
	link := MailedLink{Owner: user.ID, Hash: hash, Purpose: LinkRecovers, Address: address, ExpiresAt: s.now().Add(RecoveryAgeMax)}
	entry := audit.Entry{Owner: user.ID, Action: audit.RecoveryAsked, Object: string(user.ID), RequestID: from.ID, Result: "ok", Detail: from.Address}
	w := audit.Write{Audit: entry}
	if address != "" {
		w.Mail = []audit.Mail{{Kind: audit.MailRecovery, Address: address, Name: user.Name, Path: path}}
	}
	if err := s.store.CreateMailedLink(ctx, link, w); err != nil {
		return "", fmt.Errorf("create link: %w", err)
	}
	return path, nil
}

// RecoverOf makes a link for an operator to hand over, and gives its path. It gives fault.Conflict for somebody who may not sign in.
func (s *Service) RecoverOf(ctx context.Context, email string) (path string, err error) {
	user, err := s.byEmail(ctx, email)
	if err != nil {
		return "", err
	}
	switch user.Status {
	case Suspended:
		return "", fault.New(fault.Conflict, "They are suspended. Let them in again first.")
	case Invited:
		return "", fault.New(fault.Conflict, "They have not accepted their invitation yet.")
	}
	return s.makeRecovery(ctx, user, "", Request{})
}

// Recover sets a password by the token of a link, and tells whose. A second factor is still asked for: NeedsCode. All that opened the
// account before ends: sessions, API tokens, other links. A token that is unknown, used or expired gives fault.NotFound.
func (s *Service) Recover(ctx context.Context, token, next string, second Second, from Request) (ledger.OwnerID, error) {
	attempt, err := s.attempt(ctx, "", from)
	if err != nil {
		return "", err
	}
	user, link, err := s.linked(ctx, token, LinkRecovers)
	if fault.Is(err, fault.NotFound) {
		return "", s.refused(ctx, user.ID, audit.RecoveryRefused, from, errRecovery())
	}
	s.forgive(ctx, attempt)
	if err != nil {
		return "", fmt.Errorf("read link: %w", err)
	}
	if err := s.checkPassword(next, user); err != nil {
		return "", renamed(err, "new_password")
	}
	proof, err := s.secondProof(ctx, user.ID, second, from)
	if err != nil {
		return "", err
	}
	hash, err := s.hasher.Hash(ctx, next)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	entry := audit.Entry{Actor: user.ID, Owner: user.ID, Action: audit.Recovered, Object: string(user.ID), RequestID: from.ID, Result: "ok", Detail: from.Address}
	recovery := Recovery{Link: link.Hash, PasswordHash: hash, Spend: proof.code, At: s.now()}
	err = s.store.Recover(ctx, user.ID, recovery, audit.Write{Audit: entry, Mail: s.mailTo(user, audit.MailRecovered, "")})
	switch {
	case fault.Is(err, fault.NotFound): // another was faster
		return "", s.refused(ctx, user.ID, audit.RecoveryRefused, from, errRecovery())
	case err != nil:
		return "", s.spent(ctx, user.ID, proof, from, fmt.Errorf("recover: %w", err))
	}
	s.forgive(ctx, proof.attempt)
	return user.ID, nil
}

func errRecovery() error {
	return fault.New(fault.NotFound, "This link was used, is older than %d minutes, or was never one. Ask for a new one.", int(RecoveryAgeMax.Minutes()))
}
