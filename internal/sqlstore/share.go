package sqlstore

import (
	"context"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
)

// The table shared_portfolios belongs to the grantees: its owner is who was given something, its holder who gave it.
const (
	sqlNewShare    = `INSERT INTO shared_portfolios (owner, portfolio, id, holder, level, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`
	sqlCountShares = `SELECT COUNT(*) FROM shared_portfolios WHERE owner = $1`
	sqlShares      = `SELECT ` + shareCols + ` FROM shared_portfolios x WHERE x.owner = $1 ORDER BY x.portfolio`
	sqlShare       = `SELECT ` + shareCols + ` FROM shared_portfolios x WHERE x.owner = $1 AND x.portfolio = $2`
	sqlSetShare    = `UPDATE shared_portfolios SET level = $3, expires_at = $4 WHERE owner = $1 AND portfolio = $2`
	sqlDropShare   = `DELETE FROM shared_portfolios WHERE owner = $1 AND portfolio = $2`
	sqlGivenTo     = `SELECT grantee, portfolio FROM grants WHERE owner = $1 AND grantee <> ''`
	// A portfolio whose owner was suspended is nobody's to see.
	sqlSharedHead = `SELECT x.owner, x.id, x.sequence FROM portfolios x WHERE x.owner = $1 AND x.id = $2 AND (SELECT u.status FROM users u WHERE u.owner = x.owner) = 'active'`

	// What is shared with somebody's household, in the columns of a share: it has no grant of its own, and no end.
	sqlHomeShares = `SELECT m.owner, x.portfolio, '', x.holder, x.level, 0 FROM memberships m JOIN household_portfolios x ON x.owner = m.founder WHERE m.owner = $1 AND x.holder <> $1 ORDER BY x.portfolio`
	sqlHomeShare  = `SELECT m.owner, x.portfolio, '', x.holder, x.level, 0 FROM memberships m JOIN household_portfolios x ON x.owner = m.founder WHERE m.owner = $1 AND x.holder <> $1 AND x.portfolio = $2`

	shareCols = `x.owner, x.portfolio, x.id, x.holder, x.level, x.expires_at`
)

// addShare gives the grantee of a grant their side of it.
func addShare(ctx context.Context, q queries, g access.Grant) error {
	if _, err := q.exec(ctx, sqlHoldUser, string(g.Grantee)); err != nil {
		return err
	}
	var count int
	if err := q.one(ctx, sqlCountShares, []any{string(g.Grantee)}, &count); err != nil {
		return err
	}
	if count >= access.SharesMax {
		return fault.New(fault.TooLarge, "One person is given at most %d portfolios of others.", access.SharesMax)
	}
	_, err := q.exec(ctx, sqlNewShare, string(g.Grantee), string(g.Portfolio), string(g.ID), string(g.Owner), string(g.Level), ending(g.ExpiresAt))
	return err
}

// Share gives what somebody was given of one portfolio and holds at a time; fault.NotFound where that is nothing.
func (s *Store) Share(ctx context.Context, key access.ShareKey, now time.Time) (access.Share, error) {
	standing, err := s.StandingShares(ctx, []access.ShareKey{key}, now)
	if err != nil {
		return access.Share{}, err
	}
	share, ok := standing[key]
	if !ok {
		return access.Share{}, errNoPortfolio()
	}
	return share, nil
}

// Shares gives what somebody was given of others' portfolios and holds at a time.
func (s *Store) Shares(ctx context.Context, grantee ledger.OwnerID, now time.Time) ([]access.Share, error) {
	all, err := sharesOf(ctx, s.db, sqlShares, grantee)
	if err != nil {
		return nil, s.explain("list shares", err)
	}
	atHome, err := sharesOf(ctx, s.db, sqlHomeShares, grantee)
	if err == nil {
		all, err = standingOf(ctx, s.db, append(all, atHome...), now)
	}
	return all, s.explain("list shares", err)
}

// StandingShares gives those of some shares that hold at a time.
func (s *Store) StandingShares(ctx context.Context, keys []access.ShareKey, now time.Time) (map[access.ShareKey]access.Share, error) {
	pairs := make([]pair, len(keys))
	for i, key := range keys {
		pairs[i] = pair{string(key.Grantee), string(key.Portfolio)}
	}
	var found []access.Share
	for _, text := range [...]string{sqlShare, sqlHomeShare} {
		err := eachPair(ctx, s.db, text, pairs, func(row scanner) error {
			share, err := scanShare(row)
			found = append(found, share)
			return err
		})
		if err != nil {
			return nil, s.explain("look at shares", err)
		}
	}
	found, err := standingOf(ctx, s.db, found, now)
	if err != nil {
		return nil, s.explain("look at shares", err)
	}
	standing := make(map[access.ShareKey]access.Share, len(found))
	for _, share := range found {
		standing[share.ShareKey] = share
	}
	return standing, nil
}

// sharesOf is all that somebody was ever given, by a text that says in what way, and that wasn't taken back, whether or not it holds.
func sharesOf(ctx context.Context, q queries, text string, grantee ledger.OwnerID) (all []access.Share, err error) {
	err = q.each(ctx, text, []any{string(grantee)}, func(row scanner) error {
		share, err := scanShare(row)
		all = append(all, share)
		return err
	})
	return all, err
}

func scanShare(row scanner) (access.Share, error) {
	var grantee, portfolio, id, holder, level string
	var expires int64
	err := row.Scan(&grantee, &portfolio, &id, &holder, &level, &expires)
	return access.Share{
		ShareKey: access.ShareKey{Grantee: ledger.OwnerID(grantee), Portfolio: ledger.PortfolioID(portfolio)},
		Grant:    access.GrantID(id), Holder: ledger.OwnerID(holder), Level: access.Level(level), ExpiresAt: endingAt(expires),
	}, err
}

// standingOf leaves out what has expired, and portfolios that are gone or whose owner was suspended, and says how far the others are. Who
// has one in two ways has it in the way that gives more.
func standingOf(ctx context.Context, q queries, all []access.Share, now time.Time) ([]access.Share, error) {
	heads, err := sharedHeads(ctx, q, all)
	if err != nil {
		return nil, err
	}
	standing := all[:0]
	at := make(map[access.ShareKey]int, len(all))
	for _, share := range all {
		sequence, ok := heads[PortfolioKey{share.Holder, share.Portfolio}]
		if !ok || access.Expired(share.ExpiresAt, now) {
			continue
		}
		share.Sequence = sequence
		i, twice := at[share.ShareKey]
		switch {
		case !twice:
			at[share.ShareKey] = len(standing)
			standing = append(standing, share)
		case share.Level.Above(standing[i].Level):
			standing[i] = share
		}
	}
	return standing, nil
}

// sharedHeads is how far the portfolios of shares are, but for those that nobody may see.
func sharedHeads(ctx context.Context, q queries, shares []access.Share) (map[PortfolioKey]int64, error) {
	pairs := make([]pair, len(shares))
	for i, share := range shares {
		pairs[i] = pair{string(share.Holder), string(share.Portfolio)}
	}
	heads := make(map[PortfolioKey]int64, len(shares))
	err := eachPair(ctx, q, sqlSharedHead, pairs, func(row scanner) error {
		var owner, id string
		var sequence int64
		err := row.Scan(&owner, &id, &sequence)
		heads[PortfolioKey{ledger.OwnerID(owner), ledger.PortfolioID(id)}] = sequence
		return err
	})
	return heads, err
}
