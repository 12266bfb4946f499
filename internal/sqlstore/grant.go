package sqlstore

import (
	"context"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/seal"
)

const (
	sqlNewGrant      = `INSERT INTO grants (owner, portfolio, id, grantee, level, offer, created_at, offered_till, accepted_at, expires_at) VALUES ($1, $2, $3, '', $4, $5, $6, $7, 0, $8)`
	sqlNewGrantLink  = `INSERT INTO grant_links (hash, owner, portfolio, id) VALUES ($1, $2, $3, $4)`
	sqlTakeGrantLink = `DELETE FROM grant_links WHERE hash = $1 RETURNING owner, portfolio, id`
	sqlDropGrantLink = `DELETE FROM grant_links WHERE owner = $1 AND portfolio = $2 AND id = $3`
	sqlCountGrants   = `SELECT COUNT(*) FROM grants WHERE owner = $1 AND portfolio = $2`
	sqlGrants        = `SELECT ` + grantCols + ` FROM grants WHERE owner = $1 AND portfolio = $2 ORDER BY created_at, id`
	sqlGrant         = `SELECT ` + grantCols + ` FROM grants WHERE owner = $1 AND portfolio = $2 AND id = $3`
	sqlTakeGrant     = `UPDATE grants SET grantee = $4, accepted_at = $5 WHERE owner = $1 AND portfolio = $2 AND id = $3 AND grantee = '' AND offered_till > $5`
	sqlSetGrant      = `UPDATE grants SET level = $4, expires_at = $5 WHERE owner = $1 AND portfolio = $2 AND id = $3`
	sqlDropGrant     = `DELETE FROM grants WHERE owner = $1 AND portfolio = $2 AND id = $3`

	grantCols = `id, grantee, level, offer, created_at, offered_till, accepted_at, expires_at`
)

// columnOffer is sealed under the portfolio and the grant.
var columnOffer = seal.Column{Table: "grants", Name: "offer"}

func errNoGrant() error { return fault.New(fault.NotFound, "there is no such grant") }

// ending is a time that may never come, as 0.
func ending(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return stamp(t)
}

func endingAt(stored int64) time.Time {
	if stored == 0 {
		return time.Time{}
	}
	return moment(stored)
}

// A grant lies with its owner and, once accepted, as a share with its grantee. Both change in one transaction, which holds the owner
// first, so that no two of them work on the grants of one owner at once.

// OfferGrant keeps a grant that waits to be accepted by whoever shows the secret of a hash. fault.NotFound where the portfolio isn't the
// owner's, fault.TooLarge over access.GrantsMax.
func (s *Store) OfferGrant(ctx context.Context, g access.Grant, link identity.TokenHash, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		if _, err := q.exec(ctx, sqlHoldUser, string(g.Owner)); err != nil {
			return err
		}
		_, key, err := s.readPortfolio(ctx, q, g.Owner, g.Portfolio)
		if err != nil {
			return err
		}
		var count int
		if err := q.one(ctx, sqlCountGrants, []any{string(g.Owner), string(g.Portfolio)}, &count); err != nil {
			return err
		}
		if count >= access.GrantsMax {
			return fault.New(fault.TooLarge, "A portfolio is shared at most %d times. Take something back first.", access.GrantsMax)
		}
		offer := key.Seal([]byte(g.Email), columnOffer, string(g.Portfolio), string(g.ID))
		if _, err := q.exec(ctx, sqlNewGrant, string(g.Owner), string(g.Portfolio), string(g.ID), string(g.Level), offer,
			stamp(g.CreatedAt), stamp(g.OfferedTill), ending(g.ExpiresAt)); err != nil {
			return s.taken(err, "this grant exists already")
		}
		if _, err := q.exec(ctx, sqlNewGrantLink, link[:], string(g.Owner), string(g.Portfolio), string(g.ID)); err != nil {
			return s.taken(err, "this link exists already")
		}
		return s.record(ctx, q, g.Owner, w)
	})
	return s.explain("offer grant", err)
}

// AcceptGrant gives somebody what was offered, once, in place of what they had of the portfolio. A link that is unknown, used, too old
// or meant for another e-mail gives fault.NotFound and stays what it was; one's own gives fault.Invalid. Write says what travels with it.
func (s *Store) AcceptGrant(ctx context.Context, link identity.TokenHash, grantee ledger.OwnerID, email string, now time.Time, write func(access.Grant) Write) (g access.Grant, err error) {
	err = s.db.write(ctx, func(q queries) error {
		var owner, portfolio, id string
		if err := q.one(ctx, sqlTakeGrantLink, []any{link[:]}, &owner, &portfolio, &id); noRow(err) {
			return errNoGrant()
		} else if err != nil {
			return err
		}
		if g, err = s.heldGrant(ctx, q, ledger.OwnerID(owner), ledger.PortfolioID(portfolio), access.GrantID(id)); err != nil {
			return err
		}
		switch {
		case g.Email != "" && g.Email != email, access.Expired(g.ExpiresAt, now):
			return errNoGrant()
		case g.Owner == grantee:
			return fault.New(fault.Invalid, "This is your own portfolio. The link is for somebody else.")
		}
		heads, err := sharedHeads(ctx, q, []access.Share{{ShareKey: access.ShareKey{Portfolio: g.Portfolio}, Holder: g.Owner}})
		if err != nil {
			return err
		}
		if len(heads) == 0 {
			return errNoGrant()
		}
		if err := s.dropGrantsTo(ctx, q, g.Owner, g.Portfolio, grantee); err != nil {
			return err
		}
		taken, err := q.exec(ctx, sqlTakeGrant, owner, portfolio, id, string(grantee), stamp(now))
		if err != nil {
			return err
		}
		if taken == 0 {
			return errNoGrant()
		}
		g.Grantee, g.AcceptedAt = grantee, now
		if err := addShare(ctx, q, g); err != nil {
			return err
		}
		return s.record(ctx, q, g.Owner, write(g))
	})
	return g, s.explain("accept grant", err)
}

// heldGrant reads a grant that nobody else changes until the transaction ends.
func (s *Store) heldGrant(ctx context.Context, q queries, owner ledger.OwnerID, portfolio ledger.PortfolioID, id access.GrantID) (access.Grant, error) {
	if _, err := q.exec(ctx, sqlHoldUser, string(owner)); err != nil {
		return access.Grant{}, err
	}
	return s.grant(ctx, q, owner, portfolio, id)
}

// dropGrantsTo takes back all that somebody was given of a portfolio.
func (s *Store) dropGrantsTo(ctx context.Context, q queries, owner ledger.OwnerID, portfolio ledger.PortfolioID, grantee ledger.OwnerID) error {
	all, err := s.grants(ctx, q, sqlGrants, owner, portfolio)
	if err != nil {
		return err
	}
	for _, g := range all {
		if g.Grantee != grantee {
			continue
		}
		if err := dropGrant(ctx, q, g); err != nil {
			return err
		}
	}
	return nil
}

func dropGrant(ctx context.Context, q queries, g access.Grant) error {
	for _, statement := range [...]string{sqlDropGrant, sqlDropGrantLink} {
		if _, err := q.exec(ctx, statement, string(g.Owner), string(g.Portfolio), string(g.ID)); err != nil {
			return err
		}
	}
	if g.Grantee == "" {
		return nil
	}
	_, err := q.exec(ctx, sqlDropShare, string(g.Grantee), string(g.Portfolio))
	return err
}

func (s *Store) grants(ctx context.Context, q queries, text string, owner ledger.OwnerID, portfolio ledger.PortfolioID, more ...any) ([]access.Grant, error) {
	var all []access.Grant
	var offers [][]byte
	err := q.each(ctx, text, append([]any{string(owner), string(portfolio)}, more...), func(row scanner) error {
		g := access.Grant{Owner: owner, Portfolio: portfolio}
		var id, grantee, level string
		var offer []byte
		var created, offered, accepted, expires int64
		err := row.Scan(&id, &grantee, &level, &offer, &created, &offered, &accepted, &expires)
		g.ID, g.Grantee, g.Level = access.GrantID(id), ledger.OwnerID(grantee), access.Level(level)
		g.CreatedAt, g.OfferedTill, g.AcceptedAt, g.ExpiresAt = moment(created), moment(offered), endingAt(accepted), endingAt(expires)
		all, offers = append(all, g), append(offers, offer)
		return err
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	key, err := s.key(ctx, q, owner)
	if err != nil {
		return nil, err
	}
	for i := range all {
		email, err := key.Open(offers[i], columnOffer, string(portfolio), string(all[i].ID))
		if err != nil {
			return nil, err
		}
		all[i].Email = string(email)
	}
	return all, nil
}

func (s *Store) grant(ctx context.Context, q queries, owner ledger.OwnerID, portfolio ledger.PortfolioID, id access.GrantID) (access.Grant, error) {
	found, err := s.grants(ctx, q, sqlGrant, owner, portfolio, string(id))
	if err != nil {
		return access.Grant{}, err
	}
	if len(found) == 0 {
		return access.Grant{}, errNoGrant()
	}
	return found[0], nil
}

// Grants gives what a portfolio's owner gave and offers others, the oldest first, also what has expired.
func (s *Store) Grants(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) ([]access.Grant, error) {
	all, err := s.grants(ctx, s.db, sqlGrants, owner, portfolio)
	return all, s.explain("list grants", err)
}

// Grant reads one; fault.NotFound where there is none.
func (s *Store) Grant(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, id access.GrantID) (access.Grant, error) {
	g, err := s.grant(ctx, s.db, owner, portfolio, id)
	return g, s.explain("read grant", err)
}

// ChangeGrant lets change set a grant's level and end, for its owner and its grantee at once, and gives it as it is then; what change
// refuses stays as it was. fault.NotFound where there is no such grant.
func (s *Store) ChangeGrant(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, id access.GrantID, change func(*access.Grant) error, w Write) (g access.Grant, err error) {
	err = s.db.write(ctx, func(q queries) error {
		if g, err = s.heldGrant(ctx, q, owner, portfolio, id); err != nil {
			return err
		}
		if err := change(&g); err != nil {
			return err
		}
		if _, err := q.exec(ctx, sqlSetGrant, string(owner), string(portfolio), string(id), string(g.Level), ending(g.ExpiresAt)); err != nil {
			return err
		}
		if _, err := q.exec(ctx, sqlSetShare, string(g.Grantee), string(portfolio), string(g.Level), ending(g.ExpiresAt)); err != nil {
			return err
		}
		return s.record(ctx, q, owner, w)
	})
	return g, s.explain("change grant", err)
}

// DeleteGrant takes a grant back, or an offer with its link, unless may refuses, and gives what it was. fault.NotFound where there is none.
func (s *Store) DeleteGrant(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, id access.GrantID, may func(access.Grant) error, w Write) (g access.Grant, err error) {
	err = s.db.write(ctx, func(q queries) error {
		if g, err = s.heldGrant(ctx, q, owner, portfolio, id); err != nil {
			return err
		}
		if err := may(g); err != nil {
			return err
		}
		if err := dropGrant(ctx, q, g); err != nil {
			return err
		}
		return s.record(ctx, q, owner, w)
	})
	return g, s.explain("delete grant", err)
}

// LeaveShare gives back what somebody was given of a portfolio; fault.NotFound where that is nothing.
func (s *Store) LeaveShare(ctx context.Context, share access.Share, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		g, err := s.heldGrant(ctx, q, share.Holder, share.Portfolio, share.Grant)
		if err != nil {
			return err
		}
		if g.Grantee != share.Grantee {
			return errNoGrant()
		}
		if err := dropGrant(ctx, q, g); err != nil {
			return err
		}
		return s.record(ctx, q, share.Holder, w)
	})
	return s.explain("leave share", err)
}

// eraseShared takes out of others' tables what they gave somebody, who is being erased, and what that one gave them. Those who gave
// something find it in their log.
func (s *Store) eraseShared(ctx context.Context, q queries, owner ledger.OwnerID, w Write) error {
	received, err := sharesOf(ctx, q, sqlShares, owner)
	if err != nil {
		return err
	}
	for _, share := range received {
		if _, err := q.exec(ctx, sqlDropGrant, string(share.Holder), string(share.Portfolio), string(share.Grant)); err != nil {
			return err
		}
		gone := audit.Entry{Actor: w.Audit.Actor, Owner: share.Holder, Action: audit.GrantGivenBack, Object: string(share.Portfolio), RequestID: w.Audit.RequestID, Result: "ok"}
		if err := s.audit(ctx, q, gone); err != nil {
			return err
		}
	}
	var given []access.ShareKey
	err = q.each(ctx, sqlGivenTo, []any{string(owner)}, func(row scanner) error {
		var grantee, portfolio string
		err := row.Scan(&grantee, &portfolio)
		given = append(given, access.ShareKey{Grantee: ledger.OwnerID(grantee), Portfolio: ledger.PortfolioID(portfolio)})
		return err
	})
	if err != nil {
		return err
	}
	for _, key := range given {
		if _, err := q.exec(ctx, sqlDropShare, string(key.Grantee), string(key.Portfolio)); err != nil {
			return err
		}
	}
	return nil
}
