package identity

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// TokenPrefix begins every API token, so that people and scanners of leaked secrets know one.
const TokenPrefix = "fsc_"

// Bounds of API tokens.
const (
	tokenNameRunesMax = 80
	TokenAgeMax       = 366 * 24 * time.Hour
)

// NewToken is what an API token is made from.
type NewToken struct {
	Name      string
	Scopes    Scopes
	ExpiresAt time.Time
}

// IssuedToken is a new API token with the only copy of its secret.
type IssuedToken struct {
	Token  Token
	Secret string // fsc_…
}

// CreateToken makes an API token of somebody. It gives fault.Invalid for what makes no sense, and for scopes beyond the owner's role.
// Write turns the audit row and the result into what is stored, so that a repeated request gets the same token.
func (s *Service) CreateToken(ctx context.Context, session Session, n NewToken, from Request, write func(audit.Entry, IssuedToken) audit.Write) (IssuedToken, error) {
	now := s.now()
	name, err := CleanName(n.Name)
	switch {
	case err != nil:
		return IssuedToken{}, err
	case utf8.RuneCountInString(name) > tokenNameRunesMax:
		return IssuedToken{}, fault.At("name", "The name may have at most %d characters.", tokenNameRunesMax)
	case n.Scopes == 0 || n.Scopes > ScopeRead|ScopeWrite|ScopeAdmin:
		return IssuedToken{}, fault.At("scopes", "At least one scope is needed, of read, write and admin.")
	case n.Scopes.Has(ScopeAdmin) && session.Role != RoleAdmin:
		return IssuedToken{}, fault.At("scopes", "Only an admin's token may have the scope admin.")
	case !n.ExpiresAt.After(now) || n.ExpiresAt.After(now.Add(TokenAgeMax)):
		return IssuedToken{}, fault.At("expires_at", "The token has to end within %d days from now.", int(TokenAgeMax.Hours())/24)
	}
	secret, hash, err := NewSecret(s.random)
	if err != nil {
		return IssuedToken{}, err
	}
	issued := IssuedToken{
		Token:  Token{Owner: session.Owner, Hash: hash, Name: name, Scopes: n.Scopes, CreatedAt: now, ExpiresAt: n.ExpiresAt},
		Secret: TokenPrefix + OwnedToken(session.Owner, secret),
	}
	entry := audit.Entry{Actor: session.Owner, Owner: session.Owner, Action: audit.TokenCreated, Object: hash.ID(), RequestID: from.ID, Result: "ok"}
	w := write(entry, issued)
	if w.Mail, err = s.mailToOwner(ctx, session.Owner, audit.MailTokenCreated, name); err != nil {
		return IssuedToken{}, err
	}
	if err := s.store.CreateToken(ctx, issued.Token, w); err != nil {
		return IssuedToken{}, fmt.Errorf("create token: %w", err)
	}
	return issued, nil
}

// CreateTokenFor is CreateToken for an operator on the machine itself.
func (s *Service) CreateTokenFor(ctx context.Context, email string, n NewToken) (IssuedToken, error) {
	user, err := s.byEmail(ctx, email)
	if err != nil {
		return IssuedToken{}, err
	}
	return s.CreateToken(ctx, Session{Owner: user.ID, Role: user.Role}, n, Request{}, func(entry audit.Entry, _ IssuedToken) audit.Write {
		entry.Actor = "" // the operator, whoever that is
		return audit.Write{Audit: entry}
	})
}

// byEmail finds a user for an operator, who may know that there is none.
func (s *Service) byEmail(ctx context.Context, email string) (User, error) {
	email, err := NormalEmail(email)
	if err != nil {
		return User{}, err
	}
	user, err := s.store.UserByEmail(ctx, email)
	if fault.Is(err, fault.NotFound) {
		return User{}, fault.New(fault.NotFound, "Nobody has this e-mail address.")
	}
	if err != nil {
		return User{}, fmt.Errorf("find user: %w", err)
	}
	return user, nil
}

// Tokens are somebody's API tokens, the newest first; expired ones are among them.
func (s *Service) Tokens(ctx context.Context, owner ledger.OwnerID) ([]Token, error) {
	tokens, err := s.store.Tokens(ctx, owner)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return tokens, nil
}

// TokensOf is Tokens for an operator.
func (s *Service) TokensOf(ctx context.Context, email string) ([]Token, error) {
	user, err := s.byEmail(ctx, email)
	if err != nil {
		return nil, err
	}
	return s.Tokens(ctx, user.ID)
}

// RevokeToken ends one of somebody's API tokens by its id; fault.NotFound where there is none. An empty actor is the operator.
func (s *Service) RevokeToken(ctx context.Context, actor, owner ledger.OwnerID, id string, from Request) error {
	tokens, err := s.Tokens(ctx, owner)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(tokens, func(t Token) bool { return t.Hash.ID() == id })
	if at < 0 {
		return fault.New(fault.NotFound, "There is no such API token.")
	}
	entry := audit.Entry{Actor: actor, Owner: owner, Action: audit.TokenRevoked, Object: id, RequestID: from.ID, Result: "ok"}
	if err := s.store.DeleteToken(ctx, owner, tokens[at].Hash, audit.Write{Audit: entry}); err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	return nil
}

// RevokeTokenOf is RevokeToken for an operator.
func (s *Service) RevokeTokenOf(ctx context.Context, email, id string) error {
	user, err := s.byEmail(ctx, email)
	if err != nil {
		return err
	}
	return s.RevokeToken(ctx, "", user.ID, id, Request{})
}

// errToken says that an API token is none, has expired or was revoked: which of them is nobody's business who doesn't own it.
func errToken() error {
	return fault.New(fault.Unauthenticated, "This API token is not known, has expired or was revoked.")
}

func (s *Service) tokenSession(ctx context.Context, secret string) (Session, error) {
	owner, hash, ok := ParseOwnedToken(secret)
	if !ok {
		return Session{}, errToken()
	}
	session, err := s.store.TokenSession(ctx, owner, hash)
	if fault.Is(err, fault.NotFound) {
		return Session{}, errToken()
	}
	if err != nil {
		return Session{}, fmt.Errorf("read token: %w", err)
	}
	if Ended(session, s.now()) {
		return Session{}, errToken()
	}
	return s.use(ctx, session, s.store.TouchToken)
}

func (s *Service) tokenAndSequence(ctx context.Context, token string, portfolio ledger.PortfolioID) (Session, int64, error) {
	session, err := s.Session(ctx, token)
	if err != nil {
		return Session{}, 0, err
	}
	sequence, err := s.store.Sequence(ctx, session.Owner, portfolio)
	if fault.Is(err, fault.NotFound) {
		return session, 0, errNoPortfolio()
	}
	if err != nil {
		return Session{}, 0, fmt.Errorf("read sequence: %w", err)
	}
	return session, sequence, nil
}
