package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// StepUpAgeMax is how long a password that was asked for counts for what is risky.
const StepUpAgeMax = 15 * time.Minute

// errSignIn says that nobody is signed in.
func errSignIn() error { return fault.New(fault.Unauthenticated, "Sign in first.") }

// Session is the session of a cookie's value or of an API token, fault.Unauthenticated where there is none or it has ended.
func (s *Service) Session(ctx context.Context, token string) (Session, error) {
	if secret, ok := strings.CutPrefix(token, TokenPrefix); ok {
		return s.tokenSession(ctx, secret)
	}
	owner, hash, ok := ParseOwnedToken(token)
	if !ok {
		return Session{}, errSignIn()
	}
	session, err := s.store.Session(ctx, owner, hash)
	if err != nil {
		return Session{}, signInOr(err)
	}
	return s.use(ctx, session, s.store.TouchSession)
}

// SessionAndSequence is Session together with a portfolio's sequence, in one query. It gives fault.NotFound where the session holds
// but the portfolio isn't its owner's.
func (s *Service) SessionAndSequence(ctx context.Context, token string, portfolio ledger.PortfolioID) (Session, int64, error) {
	if strings.HasPrefix(token, TokenPrefix) {
		return s.tokenAndSequence(ctx, token, portfolio)
	}
	owner, hash, ok := ParseOwnedToken(token)
	if !ok {
		return Session{}, 0, errSignIn()
	}
	session, sequence, err := s.store.SessionAndSequence(ctx, owner, hash, portfolio)
	if fault.Is(err, fault.NotFound) {
		held, err := s.Session(ctx, token)
		if err != nil {
			return Session{}, 0, err
		}
		return held, 0, errNoPortfolio() // whose it isn't is known: it is recorded
	}
	if err != nil {
		return Session{}, 0, fmt.Errorf("read session: %w", err)
	}
	session, err = s.use(ctx, session, s.store.TouchSession)
	return session, sequence, err
}

func errNoPortfolio() error { return fault.New(fault.NotFound, "There is no such portfolio.") }

func signInOr(err error) error {
	if fault.Is(err, fault.NotFound) {
		return errSignIn()
	}
	return fmt.Errorf("read session: %w", err)
}

type touch func(ctx context.Context, owner ledger.OwnerID, hash TokenHash, seen time.Time) error

// use refuses a session that has ended and notes the use of one that holds, once a minute.
func (s *Service) use(ctx context.Context, session Session, touch touch) (Session, error) {
	now := s.now()
	if Ended(session, now) {
		return Session{}, errSignIn()
	}
	session.MustEnrol = s.mustEnrol(session)
	if now.Sub(session.SeenAt) < sessionSeenEvery {
		return session, nil
	}
	if err := touch(ctx, session.Owner, session.Hash, now); err != nil && !errors.Is(err, context.Canceled) {
		// The session holds whether or not its use could be noted; the next request notes it.
		s.log.WarnContext(ctx, "session use not noted", "error", err)
	}
	return session, nil
}

// mustEnrol says whether a session's owner needs a second factor and has none, here or where they came from.
func (s *Service) mustEnrol(session Session) bool {
	return !session.SecondFactor && !session.ServiceFactor && slices.Contains(s.required, session.Role)
}

// Ended says whether a session is too old, or was unused for too long, at a time; of an API token, whether it has expired.
func Ended(session Session, now time.Time) bool {
	if session.Scopes != 0 {
		return !now.Before(session.ExpiresAt)
	}
	return now.Sub(session.CreatedAt) >= SessionAgeMax || now.Sub(session.SeenAt) >= SessionIdleMax
}

// Stepped says whether somebody showed who they are recently enough for what is risky.
func Stepped(session Session, now time.Time) bool { return now.Sub(session.SteppedAt) < StepUpAgeMax }

// StepUp asks for the password once more, and for a second factor where there is one; a passkey alone does as well. It gives the
// session a new secret: the old one is worthless from then on.
func (s *Service) StepUp(ctx context.Context, session Session, password string, second Second, from Request) (SignedIn, error) {
	user, proof, err := s.proveAgain(ctx, session, password, second, from)
	if err != nil {
		return SignedIn{}, err
	}
	return s.step(ctx, user, session, proof, from)
}

// step gives a session a new secret, for somebody who has shown again who they are.
func (s *Service) step(ctx context.Context, user User, session Session, proof proof, from Request) (SignedIn, error) {
	secret, hash, err := NewSecret(s.random)
	if err != nil {
		return SignedIn{}, err
	}
	old, now := session.Hash, s.now()
	session.Hash, session.SteppedAt, session.SeenAt, session.Origin = hash, now, now, originOf(from)
	entry := audit.Entry{Actor: user.ID, Owner: user.ID, Action: audit.SteppedUp, Object: proof.how(), RequestID: from.ID, Result: "ok"}
	if err := s.store.StepSession(ctx, old, session, proof.code, audit.Write{Audit: entry}); err != nil {
		if fault.Is(err, fault.NotFound) {
			return SignedIn{}, errSignIn()
		}
		return SignedIn{}, s.spent(ctx, user.ID, proof, from, fmt.Errorf("step session up: %w", err))
	}
	s.forgive(ctx, proof.attempt)
	return SignedIn{User: user, Session: session, Token: OwnedToken(user.ID, secret)}, nil
}

// proveAgain asks somebody who is signed in for the password and a second factor, or for a passkey, which is both.
func (s *Service) proveAgain(ctx context.Context, session Session, password string, second Second, from Request) (User, proof, error) {
	user, err := s.User(ctx, session.Owner)
	if err != nil {
		return User{}, proof{}, err
	}
	if password == "" && len(second.Passkey) > 0 {
		both, err := s.passkeyProof(ctx, user.ID, second.Passkey, from)
		return user, both, err
	}
	attempt, err := s.attempt(ctx, user.Email, from)
	if err != nil {
		return User{}, proof{}, err
	}
	right, err := s.hasher.Verify(ctx, user.PasswordHash, password)
	if err != nil {
		s.forgive(ctx, attempt)
		return User{}, proof{}, fmt.Errorf("check password: %w", err)
	}
	if !right {
		return User{}, proof{}, s.refused(ctx, user.ID, audit.StepUpFailed, from, errWrongPassword())
	}
	s.forgive(ctx, attempt)
	shown, err := s.secondProof(ctx, user.ID, second, from)
	return user, shown, err
}

// errWrongPassword is for somebody who is signed in: they stay so.
func errWrongPassword() error { return fault.At("password", "This is not your password.") }

// ChangePassword replaces the password of somebody who shows the present one and a second factor where there is one, or a passkey.
// Every other session ends, and all API tokens unless they are to stay.
func (s *Service) ChangePassword(ctx context.Context, session Session, current string, second Second, next string, keepTokens bool, from Request) error {
	user, err := s.User(ctx, session.Owner)
	if err != nil {
		return err
	}
	if err := s.checkPassword(next, user); err != nil {
		return renamed(err, "new_password")
	}
	user, proof, err := s.proveAgain(ctx, session, current, second, from)
	if err != nil {
		return err
	}
	hash, err := s.hasher.Hash(ctx, next)
	if err != nil {
		return fmt.Errorf("hash password: %w", err)
	}
	entry := audit.Entry{Actor: user.ID, Owner: user.ID, Action: audit.PasswordChanged, Object: string(user.ID), RequestID: from.ID, Result: "ok"}
	change := ChangePassword{PasswordHash: hash, Spend: proof.code, Keep: session.Hash, KeepTokens: keepTokens}
	w := audit.Write{Audit: entry, Mail: s.mailTo(user, audit.MailPasswordChanged, "")}
	if err := s.store.ChangePassword(ctx, user.ID, change, w); err != nil {
		return s.spent(ctx, user.ID, proof, from, fmt.Errorf("change password: %w", err))
	}
	s.forgive(ctx, proof.attempt)
	return nil
}

// renamed is a refusal of a password under the name that its field has where it was asked for.
func renamed(err error, field string) error {
	if e, ok := errors.AsType[*fault.Error](err); ok && len(e.Places) == 1 {
		return fault.At(field, "%s", e.Places[0].Message)
	}
	return err
}

// Sessions are the open sessions of somebody, the latest used first.
func (s *Service) Sessions(ctx context.Context, owner ledger.OwnerID) ([]Session, error) {
	sessions, err := s.store.Sessions(ctx, owner)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	now := s.now()
	return slices.DeleteFunc(sessions, func(session Session) bool { return Ended(session, now) }), nil
}

// EndSession ends one of somebody's sessions by its id; fault.NotFound where there is none.
func (s *Service) EndSession(ctx context.Context, owner ledger.OwnerID, id string, from Request) error {
	sessions, err := s.store.Sessions(ctx, owner)
	if err != nil {
		return fmt.Errorf("list sessions: %w", err)
	}
	at := slices.IndexFunc(sessions, func(session Session) bool { return session.ID() == id })
	if at < 0 {
		return fault.New(fault.NotFound, "This session has ended already.")
	}
	entry := audit.Entry{Actor: owner, Owner: owner, Action: audit.SessionRevoked, Object: id, RequestID: from.ID, Result: "ok"}
	if err := s.store.DeleteSession(ctx, owner, sessions[at].Hash, audit.Write{Audit: entry}); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// EndOtherSessions ends all of somebody's sessions but the one that asks.
func (s *Service) EndOtherSessions(ctx context.Context, session Session, from Request) error {
	entry := audit.Entry{Actor: session.Owner, Owner: session.Owner, Action: audit.SessionRevoked, Object: "others", RequestID: from.ID, Result: "ok"}
	if err := s.store.DeleteOtherSessions(ctx, session.Owner, session.Hash, audit.Write{Audit: entry}); err != nil {
		return fmt.Errorf("end other sessions: %w", err)
	}
	return nil
}

// SignOut ends a session.
func (s *Service) SignOut(ctx context.Context, session Session, from Request) error {
	entry := audit.Entry{Actor: session.Owner, Owner: session.Owner, Session: audit.SessionName(session.Hash), Action: audit.SignOut, RequestID: from.ID, Result: "ok", Detail: from.Address}
	err := s.store.DeleteSession(ctx, session.Owner, session.Hash, audit.Write{Audit: entry})
	if err != nil && !fault.Is(err, fault.NotFound) {
		return fmt.Errorf("delete session: %w", err)
	}
	return nil
}
