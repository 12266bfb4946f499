package identity

import (
	"context"
	"fmt"
	"slices"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// How long public links hold.
const (
	PublicLinkAgeMax     = 366 * 24 * time.Hour
	PublicLinkAgeDefault = 30 * 24 * time.Hour
)

// PublicLink is a link with which anybody may look at a portfolio until it ends.
type PublicLink struct {
	Owner     ledger.OwnerID
	Portfolio ledger.PortfolioID
	Hash      TokenHash // of the secret in the address
	Level     string    // what is shown, as package access has it
	CreatedAt time.Time
	ExpiresAt time.Time
	Opened    int64     // how often, once an hour for each network
	OpenedAt  time.Time // the last time; zero: never
}

// ID names a public link to its owner.
func (l PublicLink) ID() string { return l.Hash.ID() }

// IssuedPublicLink is a new link with the only copy of its token.
type IssuedPublicLink struct {
	Link  PublicLink
	Token string // goes into the address, after /public/
}

// publicLinkStore is what public links want of the store.
type publicLinkStore interface {
	CreatePublicLink(ctx context.Context, link PublicLink, write audit.Write) error
	PublicLinks(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) ([]PublicLink, error)
	DeletePublicLink(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, hash TokenHash, write audit.Write) error
	OpenPublicLink(ctx context.Context, owner ledger.OwnerID, hash TokenHash, network string, now time.Time, write audit.Write) (PublicLink, error)
}

// NewPublicLink is what a public link is made from.
type NewPublicLink struct {
	Portfolio ledger.PortfolioID
	Level     string
	ExpiresAt time.Time // zero: after PublicLinkAgeDefault
}

// CreatePublicLink makes a public link of a portfolio of its owner, who asks. Write turns the audit row and the result into what is
// stored, so that a repeated request gets the same link.
func (s *Service) CreatePublicLink(ctx context.Context, owner ledger.OwnerID, n NewPublicLink, from Request, write func(audit.Entry, IssuedPublicLink) audit.Write) (IssuedPublicLink, error) {
	now := s.now()
	if n.ExpiresAt.IsZero() {
		n.ExpiresAt = now.Add(PublicLinkAgeDefault)
	}
	if !n.ExpiresAt.After(now) || n.ExpiresAt.After(now.Add(PublicLinkAgeMax)) {
		return IssuedPublicLink{}, fault.At("expires_at", "A public link ends within a year.")
	}
	secret, hash, err := NewSecret(s.random)
	if err != nil {
		return IssuedPublicLink{}, err
	}
	link := PublicLink{Owner: owner, Portfolio: n.Portfolio, Hash: hash, Level: n.Level, CreatedAt: now, ExpiresAt: n.ExpiresAt}
	issued := IssuedPublicLink{Link: link, Token: OwnedToken(owner, secret)}
	entry := audit.Entry{Actor: owner, Owner: owner, Action: audit.LinkCreated, Object: link.ID(), RequestID: from.ID, Result: "ok", Detail: from.Address}
	if err := s.store.CreatePublicLink(ctx, link, write(entry, issued)); err != nil {
		return IssuedPublicLink{}, fmt.Errorf("create public link: %w", err)
	}
	return issued, nil
}

// PublicLinks are a portfolio's public links, the newest first; those that have ended are among them.
func (s *Service) PublicLinks(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) ([]PublicLink, error) {
	links, err := s.store.PublicLinks(ctx, owner, portfolio)
	if err != nil {
		return nil, fmt.Errorf("list public links: %w", err)
	}
	return links, nil
}

// RevokePublicLink ends a public link by its id; fault.NotFound where there is none.
func (s *Service) RevokePublicLink(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, id string, from Request) error {
	links, err := s.PublicLinks(ctx, owner, portfolio)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(links, func(l PublicLink) bool { return l.ID() == id })
	if at < 0 {
		return fault.New(fault.NotFound, "There is no such public link.")
	}
	entry := audit.Entry{Actor: owner, Owner: owner, Action: audit.LinkRevoked, Object: id, RequestID: from.ID, Result: "ok", Detail: from.Address}
	if err := s.store.DeletePublicLink(ctx, owner, portfolio, links[at].Hash, audit.Write{Audit: entry}); err != nil {
		return fmt.Errorf("revoke public link: %w", err)
	}
	return nil
}

// OpenPublicLink finds what a public link shows to whoever has its token. One that is unknown, was revoked or has ended gives the same
// fault.NotFound.
func (s *Service) OpenPublicLink(ctx context.Context, token string, from Request) (PublicLink, error) {
	owner, hash, ok := ParseOwnedToken(token)
	if !ok {
		return PublicLink{}, errPublicLink()
	}
	entry := audit.Entry{Owner: owner, Action: audit.LinkOpened, RequestID: from.ID, Result: "ok", Detail: from.Address}
	link, err := s.store.OpenPublicLink(ctx, owner, hash, from.Address, s.now(), audit.Write{Audit: entry})
	switch {
	case fault.Is(err, fault.NotFound):
		return PublicLink{}, errPublicLink()
	case fault.Is(err, fault.Limited):
		return PublicLink{}, fault.New(fault.Limited, "This link is opened from too many places at once. Try again in an hour.")
	case err != nil:
		return PublicLink{}, fmt.Errorf("open public link: %w", err)
	}
	return link, nil
}

func errPublicLink() error {
	return fault.New(fault.NotFound, "This link is unknown or has ended. Ask whoever gave it to you for a new one.")
}
