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

// LinkedSignIn is what somebody signs in with at another service: issuer and subject, never an e-mail address. All but the time is
// sealed at rest.
type LinkedSignIn struct {
	Owner     ledger.OwnerID
	Index     TokenHash // finds it; the store's
	Issuer    string
	Subject   string
	Email     string // as the service had it when it was linked, to be told apart; may be empty
	CreatedAt time.Time
}

// ID names a linked sign-in to its owner.
func (l LinkedSignIn) ID() string { return l.Index.ID() }

// linkStore is what linked sign-ins want of the store.
type linkStore interface {
	OwnerOfSubject(ctx context.Context, issuer, subject string) (ledger.OwnerID, error)
	CreateLinkedUser(ctx context.Context, user User, link LinkedSignIn, write audit.Write) error
	LinkSignIn(ctx context.Context, link LinkedSignIn, write audit.Write) error
	LinkedSignIns(ctx context.Context, owner ledger.OwnerID) ([]LinkedSignIn, error)
	UnlinkSignIn(ctx context.Context, owner ledger.OwnerID, unlink Unlink, write audit.Write) error
	// Vouch is what only this installation's nodes can work out of a text for a purpose.
	Vouch(purpose, text string) [32]byte
}

// Unlink ends a linked sign-in, and the sessions that were opened through its service.
type Unlink struct {
	Index   TokenHash
	Service string    // whose sessions end; empty: of a service that is no longer there
	Keep    TokenHash // the session that stays
	Issuers []string  // of the services there are: a link to another is no way in
}

// LinkedSignIns are what somebody signs in with at other services, the oldest first, each with the service's name and label. The name
// is empty where the service is no longer there.
func (s *Service) LinkedSignIns(ctx context.Context, owner ledger.OwnerID) ([]LinkedAt, error) {
	links, err := s.store.LinkedSignIns(ctx, owner)
	if err != nil {
		return nil, fmt.Errorf("list linked sign-ins: %w", err)
	}
	out := make([]LinkedAt, len(links))
	for i, link := range links {
		out[i] = LinkedAt{LinkedSignIn: link, Label: link.Issuer}
		if service := s.serviceOf(link.Issuer); service != nil {
			out[i].Service, out[i].Label = service.Name, service.Label
		}
	}
	return out, nil
}

// LinkedAt is a linked sign-in as its owner is shown it.
type LinkedAt struct {
	LinkedSignIn
	Service, Label string
}

// UnlinkSignIn ends one of somebody's linked sign-ins by its id, with the sessions that were opened through its service. It gives
// fault.NotFound where there is none, and fault.Conflict where nothing else would be left to sign in with.
func (s *Service) UnlinkSignIn(ctx context.Context, session Session, id string, from Request) error {
	links, err := s.LinkedSignIns(ctx, session.Owner)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(links, func(link LinkedAt) bool { return link.ID() == id })
	if at < 0 {
		return errNotLinked()
	}
	unlink := Unlink{Index: links[at].Index, Service: links[at].Service, Keep: session.Hash}
	for _, service := range s.services {
		unlink.Issuers = append(unlink.Issuers, service.OpenID.Issuer())
	}
	entry := audit.Entry{Actor: session.Owner, Owner: session.Owner, Session: audit.SessionName(session.Hash), Action: audit.SignInUnlinked, Object: id, RequestID: from.ID, Result: "ok", Detail: from.Address}
	err = s.store.UnlinkSignIn(ctx, session.Owner, unlink, audit.Write{Audit: entry})
	switch {
	case fault.Is(err, fault.NotFound):
		return errNotLinked()
	case fault.Is(err, fault.Conflict):
		return fault.New(fault.Conflict, "This is the only way left for you to sign in. Set a password or link another one first.")
	case err != nil:
		return fmt.Errorf("unlink sign-in: %w", err)
	}
	return nil
}

func errNotLinked() error { return fault.New(fault.NotFound, "This sign-in isn't linked any more.") }
