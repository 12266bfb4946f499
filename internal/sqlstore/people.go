package sqlstore

import (
	"context"

	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

const (
	sqlTurnPeople = `UPDATE counters SET value = value + 1 WHERE name = 'people'` // who comes second waits until the first has committed
	sqlChangeUser = `UPDATE users SET role = $2, status = $3 WHERE owner = $1`
	sqlInvited    = `SELECT COUNT(*), COALESCE(MAX(used_at), 0) FROM invitations WHERE owner = $1`
	// Counts across owners: there has to be somebody who can look after the service.
	sqlSweepAdministrators = `SELECT COUNT(*) FROM users WHERE role = 'admin' AND status = 'active' AND owner <> $1`

	sqlDropSessions = `DELETE FROM sessions WHERE owner = $1`

	sqlEraseEmail       = `DELETE FROM emails WHERE email_index = $1 AND owner = $2`
	sqlErasePortfolios  = `DELETE FROM portfolios WHERE owner = $1 RETURNING id, interest`
	sqlEraseUser        = `DELETE FROM users WHERE owner = $1`
	sqlEraseKeys        = `DELETE FROM user_keys WHERE owner = $1`
	sqlEraseInvitations = `DELETE FROM invitations WHERE owner = $1`
	sqlEraseAnswers     = `DELETE FROM answers WHERE owner = $1`
	sqlEraseSnapshots   = `DELETE FROM snapshots WHERE owner = $1`
	sqlEraseAccounts    = `DELETE FROM accounts WHERE owner = $1`
	sqlEraseActivities  = `DELETE FROM activities WHERE owner = $1`
	sqlEraseDecisions   = `DELETE FROM proposal_decisions WHERE owner = $1`
	sqlEraseOwn         = `DELETE FROM own_instruments WHERE owner = $1`
	sqlEraseOwnPrices   = `DELETE FROM own_prices WHERE owner = $1`
	sqlEraseDeliveries  = `DELETE FROM deliveries WHERE owner = $1`
	sqlEraseSubjects    = `DELETE FROM subjects WHERE owner = $1`
	sqlEraseLinks       = `DELETE FROM linked_sign_ins WHERE owner = $1`
	sqlEraseGrants      = `DELETE FROM grants WHERE owner = $1`
	sqlEraseGrantLinks  = `DELETE FROM grant_links WHERE owner = $1`
	sqlEraseShares      = `DELETE FROM shared_portfolios WHERE owner = $1`
	sqlEraseLooks       = `DELETE FROM looks WHERE owner = $1`
	sqlEraseMembership  = `DELETE FROM memberships WHERE owner = $1`

	sqlEraseHousehold       = `DELETE FROM households WHERE owner = $1`
	sqlEraseMembers         = `DELETE FROM household_members WHERE owner = $1`
	sqlEraseHouseholdLinks  = `DELETE FROM household_links WHERE owner = $1`
	sqlEraseHouseholdShares = `DELETE FROM household_portfolios WHERE owner = $1`
)

// erasures empty every personal table of one owner, after users, emails and portfolios. Audit rows stay: what is personal in them can't
// be read without the key, and the tree over them stays whole.
var erasures = [...]string{
	sqlEraseKeys, sqlEraseInvitations, sqlDropSessions, sqlEraseAnswers, sqlDropFactor, sqlDropCodes, sqlDropPasskeys, sqlDropTokens, sqlDropDevices,
	sqlEraseSnapshots, sqlEraseAccounts, sqlEraseActivities, sqlEraseDecisions, sqlEraseOwn, sqlEraseOwnPrices, sqlEraseDeliveries,
	sqlEraseSubjects, sqlEraseLinks, sqlDropMailedLinks, sqlErasePublicLinks, sqlEraseOpenings,
	sqlEraseGrants, sqlEraseGrantLinks, sqlEraseShares, sqlEraseLooks,
	sqlEraseMembership, sqlEraseHousehold, sqlEraseMembers, sqlEraseHouseholdLinks, sqlEraseHouseholdShares,
	sqlEraseChannels, sqlEraseNotices, sqlEraseNoticeDeliveries, sqlEraseNoticeSettings,
	sqlEraseRules, sqlEraseAlertOwner, sqlEraseAlertEvents, sqlEraseOccurrences, sqlEraseIncidents,
}

// errLastAdministrator is the refusal that would leave nobody to look after the service.
func errLastAdministrator() error {
	return fault.New(fault.Conflict, "there is no other active administrator")
}

// ChangeUser gives a user another role or status, and tells how they are then. A suspended user has no session and no API token any
// more. Who was suspended before they accepted their invitation is invited again, not active. One write for each thing that changes.
// fault.NotFound where there is no such user, fault.Conflict where no active administrator would be left.
func (s *Store) ChangeUser(ctx context.Context, owner ledger.OwnerID, c identity.ChangeUser, writes []Write) (identity.User, error) {
	var u identity.User
	err := s.db.write(ctx, func(q queries) error {
		var err error
		if u, err = s.lookedAfter(ctx, q, owner); err != nil {
			return err
		}
		before := u
		if c.Role != "" {
			u.Role = c.Role
		}
		if c.Status != "" {
			u.Status = c.Status
		}
		if c.Status == identity.Active {
			var invitations int
			var accepted int64
			if err := q.one(ctx, sqlInvited, []any{string(owner)}, &invitations, &accepted); err != nil {
				return err
			}
			if invitations > 0 && accepted == 0 {
				u.Status = identity.Invited
			}
		}
		if administers(before) && !administers(u) {
			if err := s.othersAdminister(ctx, q, owner); err != nil {
				return err
			}
		}
		if _, err := q.exec(ctx, sqlChangeUser, string(owner), string(u.Role), string(u.Status)); err != nil {
			return err
		}
		if u.Status == identity.Suspended {
			for _, statement := range [...]string{sqlDropSessions, sqlDropTokens, sqlDropMailedLinks} {
				if _, err := q.exec(ctx, statement, string(owner)); err != nil {
					return err
				}
			}
		}
		for _, w := range writes {
			if err := s.record(ctx, q, owner, w); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return identity.User{}, s.explain("change user", err)
	}
	return u, nil
}

// SignOutUser ends every session of a user; fault.NotFound where there is no such user.
func (s *Store) SignOutUser(ctx context.Context, owner ledger.OwnerID, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		if _, err := s.readUser(ctx, q, owner); err != nil {
			return err
		}
		if _, err := q.exec(ctx, sqlDropSessions, string(owner)); err != nil {
			return err
		}
		return s.record(ctx, q, owner, w)
	})
	return s.explain("sign user out", err)
}

// EraseUser deletes a user with all that is theirs, and their key with it, without which what is left in freed pages and in the details
// of audit rows can't be read. Their e-mail is free again. The audit rows themselves stay; the write's own has no detail. fault.NotFound
// where there is no such user, fault.Conflict where no active administrator would be left.
func (s *Store) EraseUser(ctx context.Context, owner ledger.OwnerID, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		u, err := s.lookedAfter(ctx, q, owner)
		if err != nil {
			return err
		}
		if administers(u) {
			if err := s.othersAdminister(ctx, q, owner); err != nil {
				return err
			}
		}
		if err := s.erasePortfolios(ctx, q, owner); err != nil {
			return err
		}
		if err := s.uncountRules(ctx, q, owner); err != nil {
			return err
		}
		if err := s.eraseShared(ctx, q, owner, w); err != nil {
			return err
		}
		if err := s.eraseFromHousehold(ctx, q, owner, w); err != nil {
			return err
		}
		if _, err := q.exec(ctx, sqlEraseEmail, s.emailIndex(u.Email), string(owner)); err != nil {
			return err
		}
		for _, statement := range erasures {
			if _, err := q.exec(ctx, statement, string(owner)); err != nil {
				return err
			}
		}
		if _, err := q.exec(ctx, sqlEraseUser, string(owner)); err != nil {
			return err
		}
		w.Audit.Detail = "" // its key is gone
		return s.record(ctx, q, owner, w)
	})
	if err == nil {
		s.Forget(owner)
	}
	return s.explain("erase user", err)
}

// lookedAfter is a user whom nobody else changes until the transaction ends.
func (s *Store) lookedAfter(ctx context.Context, q queries, owner ledger.OwnerID) (identity.User, error) {
	if _, err := q.exec(ctx, sqlTurnPeople); err != nil {
		return identity.User{}, err
	}
	if _, err := q.exec(ctx, sqlHoldUser, string(owner)); err != nil {
		return identity.User{}, err
	}
	return s.readUser(ctx, q, owner)
}

func administers(u identity.User) bool {
	return u.Role == identity.RoleAdmin && u.Status == identity.Active
}

// othersAdminister refuses where somebody is the only one who can look after the service.
func (s *Store) othersAdminister(ctx context.Context, q queries, owner ledger.OwnerID) error {
	var others int
	if err := q.one(ctx, sqlSweepAdministrators, []any{string(owner)}, &others); err != nil {
		return err
	}
	if others == 0 {
		return errLastAdministrator()
	}
	return nil
}

// erasePortfolios deletes the heads of an owner's portfolios, which nobody can append to from then on, and takes what they held out of
// the counts.
func (s *Store) erasePortfolios(ctx context.Context, q queries, owner ledger.OwnerID) error {
	key, err := s.key(ctx, q, owner)
	if err != nil {
		return err
	}
	deltas := make(map[market.InstrumentID]int)
	err = q.each(ctx, sqlErasePortfolios, []any{string(owner)}, func(row scanner) error {
		var portfolio string
		var sealed []byte
		if err := row.Scan(&portfolio, &sealed); err != nil {
			return err
		}
		wanted, err := openInterest(key, ledger.PortfolioID(portfolio), sealed)
		for id := range wanted {
			deltas[id]--
		}
		return err
	})
	if err != nil {
		return err
	}
	return countInterest(ctx, q, deltas)
}

// Forget drops a user's key from memory. It is asked of every node when a user's sessions end: whoever was erased is read by none then.
func (s *Store) Forget(owner ledger.OwnerID) {
	s.keys.Drop(owner)
}
