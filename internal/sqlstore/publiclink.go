package sqlstore

import (
	"context"
	"fmt"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

const (
	sqlNewPublicLink    = `INSERT INTO public_links (owner, hash, portfolio, level, created_at, expires_at, opened, opened_at) VALUES ($1, $2, $3, $4, $5, $6, 0, 0)`
	sqlCountPublicLinks = `SELECT COUNT(*) FROM public_links WHERE owner = $1 AND portfolio = $2 AND expires_at > $3`
	sqlPublicLinks      = `SELECT hash, level, created_at, expires_at, opened, opened_at FROM public_links WHERE owner = $1 AND portfolio = $2 ORDER BY created_at DESC, hash`
	sqlPublicLink       = `SELECT l.portfolio, l.level, l.created_at, l.expires_at, l.opened, l.opened_at FROM public_links l JOIN users u ON u.owner = l.owner
WHERE l.owner = $1 AND l.hash = $2 AND l.expires_at > $3 AND u.status = 'active'`
	sqlDropPublicLink   = `DELETE FROM public_links WHERE owner = $1 AND portfolio = $2 AND hash = $3`
	sqlCountOpening     = `UPDATE public_links SET opened = opened + 1, opened_at = $3 WHERE owner = $1 AND hash = $2`
	sqlErasePublicLinks = `DELETE FROM public_links WHERE owner = $1`
	sqlSweepPublicLinks = `DELETE FROM public_links WHERE expires_at < $1`

	sqlNewOpening    = `INSERT INTO public_link_openings (owner, hash, hour, opening) VALUES ($1, $2, $3, $4) ON CONFLICT (owner, hash, hour, opening) DO NOTHING`
	sqlOpening       = `SELECT COUNT(*) FROM public_link_openings WHERE owner = $1 AND hash = $2 AND hour = $3 AND opening = $4`
	sqlCountOpenings = `SELECT COUNT(*) FROM public_link_openings WHERE owner = $1 AND hash = $2 AND hour = $3`
	sqlEraseOpenings = `DELETE FROM public_link_openings WHERE owner = $1`
	sqlSweepOpenings = `DELETE FROM public_link_openings WHERE hour < $1`
)

const (
	publicLinksMax = 20  // of one portfolio, that hold: more than anybody keeps track of
	openingsMax    = 500 // of one link in an hour, by networks; each is a row in its owner's log
	openingPeriod  = time.Hour
	purposeOpening = "opening of a public link"
)

// CreatePublicLink keeps a public link; fault.NotFound where the portfolio isn't the owner's, fault.Conflict where it has too many.
func (s *Store) CreatePublicLink(ctx context.Context, l identity.PublicLink, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		var sequence int64
		if err := q.one(ctx, sqlSequence, []any{string(l.Owner), string(l.Portfolio)}, &sequence); noRow(err) {
			return errNoPortfolio()
		} else if err != nil {
			return err
		}
		var count int
		if err := q.one(ctx, sqlCountPublicLinks, []any{string(l.Owner), string(l.Portfolio), stamp(l.CreatedAt)}, &count); err != nil {
			return err
		}
		if count >= publicLinksMax {
			return fault.New(fault.Conflict, "there are %d public links already: end some first", publicLinksMax)
		}
		if _, err := q.exec(ctx, sqlNewPublicLink, string(l.Owner), l.Hash[:], string(l.Portfolio), l.Level, stamp(l.CreatedAt), stamp(l.ExpiresAt)); err != nil {
			return s.taken(err, "this link exists already")
		}
		return s.record(ctx, q, l.Owner, w)
	})
	return s.explain("create public link", err)
}

// PublicLinks gives a portfolio's public links, the newest first, those that have ended too where they aren't swept yet.
func (s *Store) PublicLinks(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) (links []identity.PublicLink, err error) {
	err = s.db.each(ctx, sqlPublicLinks, []any{string(owner), string(portfolio)}, func(row scanner) error {
		l := identity.PublicLink{Owner: owner, Portfolio: portfolio}
		var hash []byte
		var created, expires, openedAt int64
		if err := row.Scan(&hash, &l.Level, &created, &expires, &l.Opened, &openedAt); err != nil {
			return err
		}
		if copy(l.Hash[:], hash) != len(hash) {
			return errRecord
		}
		l.CreatedAt, l.ExpiresAt, l.OpenedAt = moment(created), moment(expires), moment(openedAt)
		links = append(links, l)
		return nil
	})
	return links, s.explain("list public links", err)
}

// DeletePublicLink ends a public link; fault.NotFound where the portfolio has none of this hash.
func (s *Store) DeletePublicLink(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, hash identity.TokenHash, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		dropped, err := q.exec(ctx, sqlDropPublicLink, string(owner), string(portfolio), hash[:])
		if err != nil {
			return err
		}
		if dropped == 0 {
			return fault.New(fault.NotFound, "there is no such public link")
		}
		return s.record(ctx, q, owner, w)
	})
	return s.explain("delete public link", err)
}

// OpenPublicLink gives a public link that holds now. The first opening from a network in an hour is counted and recorded by the write
// before anything is shown; the audit entry's object is the store's. It gives fault.NotFound where there is no such link, where it has
// ended or its owner may not sign in, and fault.Limited where too many networks opened it within the hour.
func (s *Store) OpenPublicLink(ctx context.Context, owner ledger.OwnerID, hash identity.TokenHash, network string, now time.Time, w Write) (identity.PublicLink, error) {
	link, err := s.readPublicLink(ctx, s.db, owner, hash, now)
	if err != nil {
		return identity.PublicLink{}, s.explain("open public link", err)
	}
	hour := stamp(now.Truncate(openingPeriod))
	opening := s.root.Index(purposeOpening, fmt.Sprintf("%s %x %d %s", owner, hash, hour, network))
	arguments := []any{string(owner), hash[:], hour, opening[:]}
	var seen int
	if err := s.db.one(ctx, sqlOpening, arguments, &seen); err != nil {
		return identity.PublicLink{}, s.explain("open public link", err)
	}
	if seen > 0 {
		return link, nil
	}
	w.Audit.Object = hash.ID()
	err = s.db.write(ctx, func(q queries) error {
		if link, err = s.readPublicLink(ctx, q, owner, hash, now); err != nil {
			return err
		}
		var openings int
		if err := q.one(ctx, sqlCountOpenings, []any{string(owner), hash[:], hour}, &openings); err != nil {
			return err
		}
		if openings >= openingsMax {
			return fault.New(fault.Limited, "this link was opened from %d networks within the hour", openingsMax)
		}
		added, err := q.exec(ctx, sqlNewOpening, arguments...)
		if err != nil || added == 0 { // somebody of the same network was first
			return err
		}
		if _, err := q.exec(ctx, sqlCountOpening, string(owner), hash[:], stamp(now)); err != nil {
			return err
		}
		return s.record(ctx, q, owner, w)
	})
	if err != nil {
		return identity.PublicLink{}, s.explain("open public link", err)
	}
	return link, nil
}

func (s *Store) readPublicLink(ctx context.Context, q queries, owner ledger.OwnerID, hash identity.TokenHash, now time.Time) (identity.PublicLink, error) {
	link := identity.PublicLink{Owner: owner, Hash: hash}
	var portfolio string
	var created, expires, openedAt int64
	err := q.one(ctx, sqlPublicLink, []any{string(owner), hash[:], stamp(now)}, &portfolio, &link.Level, &created, &expires, &link.Opened, &openedAt)
	if noRow(err) {
		return link, fault.New(fault.NotFound, "there is no such public link")
	}
	link.Portfolio, link.CreatedAt, link.ExpiresAt, link.OpenedAt = ledger.PortfolioID(portfolio), moment(created), moment(expires), moment(openedAt)
	return link, err
}

// DeletePublicLinksBefore forgets the public links that ended before a time.
func (s *Store) DeletePublicLinksBefore(ctx context.Context, before time.Time) error {
	_, err := s.db.exec(ctx, sqlSweepPublicLinks, stamp(before))
	return s.explain("delete old public links", err)
}

// PruneOpenings forgets who opened which public link in the hours before this one.
func (s *Store) PruneOpenings(ctx context.Context, now time.Time) error {
	_, err := s.db.exec(ctx, sqlSweepOpenings, stamp(now.Truncate(openingPeriod)))
	return s.explain("prune openings", err)
}
