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
	sqlMembership        = `SELECT founder FROM memberships WHERE owner = $1`
	sqlNewMembership     = `INSERT INTO memberships (owner, founder) VALUES ($1, $2)`
	sqlNewHousehold      = `INSERT INTO households (owner, name, created_at) VALUES ($1, $2, $3)`
	sqlHousehold         = `SELECT name, created_at FROM households WHERE owner = $1`
	sqlNewMember         = `INSERT INTO household_members (owner, id, member, offered_till, joined_at) VALUES ($1, $2, $3, $4, $5)`
	sqlMembers           = `SELECT id, member, offered_till, joined_at FROM household_members WHERE owner = $1 ORDER BY CASE WHEN joined_at = 0 THEN 1 ELSE 0 END, joined_at, offered_till, id`
	sqlMemberJoins       = `UPDATE household_members SET member = $3, joined_at = $4 WHERE owner = $1 AND id = $2 AND member = '' AND offered_till > $4`
	sqlDropMember        = `DELETE FROM household_members WHERE owner = $1 AND id = $2`
	sqlNewHouseholdLink  = `INSERT INTO household_links (hash, owner, id) VALUES ($1, $2, $3)`
	sqlTakeHouseholdLink = `DELETE FROM household_links WHERE hash = $1 RETURNING owner, id`
	sqlDropHouseholdLink = `DELETE FROM household_links WHERE owner = $1 AND id = $2`
	sqlShareAtHome       = `INSERT INTO household_portfolios (owner, portfolio, holder, level) VALUES ($1, $2, $3, $4) ON CONFLICT (owner, portfolio) DO UPDATE SET level = excluded.level`
	sqlSharedAtHome      = `SELECT portfolio, holder, level FROM household_portfolios WHERE owner = $1 ORDER BY portfolio`
	sqlUnshareAtHome     = `DELETE FROM household_portfolios WHERE owner = $1 AND portfolio = $2 AND holder = $3`
	sqlUnshareAllAtHome  = `DELETE FROM household_portfolios WHERE owner = $1 AND holder = $2`
)

// columnHousehold is sealed under the founder alone.
var columnHousehold = seal.Column{Table: "households", Name: "name"}

// A household lies with its founder. Whatever changes one holds the founder first, so that no two changes of it work at once, and only
// then believes what it reads of it.

func errNoHousehold() error { return fault.New(fault.NotFound, "You are in no household.") }

func errNoMember() error { return fault.New(fault.NotFound, "there is no such member") }

func errOtherHousehold() error {
	return fault.New(fault.Conflict, "You are in a household already, and everybody is in one at most. Leave that one first.")
}

// FoundHousehold makes a household, whose founder is its only member; fault.Conflict for whoever is in one.
func (s *Store) FoundHousehold(ctx context.Context, h access.Household, id access.MemberID, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		if _, err := q.exec(ctx, sqlHoldUser, string(h.Founder)); err != nil {
			return err
		}
		if err := becomesMember(ctx, q, h.Founder, h.Founder); err != nil {
			return err
		}
		key, err := s.key(ctx, q, h.Founder)
		if err != nil {
			return err
		}
		name := key.Seal([]byte(h.Name), columnHousehold)
		if _, err := q.exec(ctx, sqlNewHousehold, string(h.Founder), name, stamp(h.CreatedAt)); err != nil {
			return err
		}
		if _, err := q.exec(ctx, sqlNewMember, string(h.Founder), string(id), string(h.Founder), stamp(h.CreatedAt), stamp(h.CreatedAt)); err != nil {
			return err
		}
		return s.record(ctx, q, h.Founder, w)
	})
	return s.explain("found household", err)
}

// becomesMember says under somebody which household is theirs; fault.Conflict where they have one.
func becomesMember(ctx context.Context, q queries, person, founder ledger.OwnerID) error {
	if _, err := q.exec(ctx, sqlHoldUser, string(person)); err != nil {
		return err
	}
	if _, err := membership(ctx, q, person); err == nil {
		return errOtherHousehold()
	} else if !fault.Is(err, fault.NotFound) {
		return err
	}
	_, err := q.exec(ctx, sqlNewMembership, string(person), string(founder))
	return err
}

// membership is whose household somebody is in; fault.NotFound where they are in none.
func membership(ctx context.Context, q queries, person ledger.OwnerID) (founder ledger.OwnerID, err error) {
	err = q.one(ctx, sqlMembership, []any{string(person)}, (*string)(&founder))
	if noRow(err) {
		return "", errNoHousehold()
	}
	return founder, err
}

// Household reads the household that somebody is in; fault.NotFound where they are in none.
func (s *Store) Household(ctx context.Context, person ledger.OwnerID) (access.Household, error) {
	founder, err := membership(ctx, s.db, person)
	if err != nil {
		return access.Household{}, s.explain("read household", err)
	}
	h, err := s.household(ctx, s.db, founder)
	return h, s.explain("read household", err)
}

// household reads the household of a founder.
func (s *Store) household(ctx context.Context, q queries, founder ledger.OwnerID) (access.Household, error) {
	h := access.Household{Founder: founder}
	var name []byte
	var created int64
	if err := q.one(ctx, sqlHousehold, []any{string(founder)}, &name, &created); noRow(err) {
		return h, errNoHousehold()
	} else if err != nil {
		return h, err
	}
	key, err := s.key(ctx, q, founder)
	if err != nil {
		return h, err
	}
	plain, err := key.Open(name, columnHousehold)
	if err != nil {
		return h, err
	}
	h.Name, h.CreatedAt = string(plain), moment(created)
	err = q.each(ctx, sqlMembers, []any{string(founder)}, func(row scanner) error {
		var id, person string
		var offered, joined int64
		err := row.Scan(&id, &person, &offered, &joined)
		h.Members = append(h.Members, access.Member{ID: access.MemberID(id), Person: ledger.OwnerID(person), OfferedTill: moment(offered), JoinedAt: endingAt(joined)})
		return err
	})
	if err != nil {
		return h, err
	}
	err = q.each(ctx, sqlSharedAtHome, []any{string(founder)}, func(row scanner) error {
		var portfolio, holder, level string
		err := row.Scan(&portfolio, &holder, &level)
		h.Shares = append(h.Shares, access.HouseholdShare{Holder: ledger.OwnerID(holder), Portfolio: ledger.PortfolioID(portfolio), Level: access.Level(level)})
		return err
	})
	return h, err
}

// heldHousehold reads the household that somebody is in, which nobody else changes until the transaction ends.
func (s *Store) heldHousehold(ctx context.Context, q queries, person ledger.OwnerID) (access.Household, error) {
	before, err := membership(ctx, q, person)
	if err != nil {
		return access.Household{}, err
	}
	if _, err := q.exec(ctx, sqlHoldUser, string(before)); err != nil {
		return access.Household{}, err
	}
	founder, err := membership(ctx, q, person)
	if err != nil {
		return access.Household{}, err
	}
	if founder != before {
		return access.Household{}, errNoHousehold() // they moved within this moment
	}
	return s.household(ctx, q, founder)
}

// foundedBy is heldHousehold for what only founders do.
func (s *Store) foundedBy(ctx context.Context, q queries, founder ledger.OwnerID) (access.Household, error) {
	h, err := s.heldHousehold(ctx, q, founder)
	if err == nil && h.Founder != founder {
		return h, fault.New(fault.Denied, "Only who founded the household may do this.")
	}
	return h, err
}

// InviteToHousehold keeps an invitation for whoever shows the secret of a hash. fault.NotFound where somebody is in no household,
// fault.Denied where they didn't found it, fault.TooLarge over access.MembersMax.
func (s *Store) InviteToHousehold(ctx context.Context, founder ledger.OwnerID, m access.Member, link identity.TokenHash, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		h, err := s.foundedBy(ctx, q, founder)
		if err != nil {
			return err
		}
		if len(h.Members) >= access.MembersMax {
			return fault.New(fault.TooLarge, "A household has at most %d members and invitations. Remove one first.", access.MembersMax)
		}
		if _, err := q.exec(ctx, sqlNewMember, string(founder), string(m.ID), "", stamp(m.OfferedTill), int64(0)); err != nil {
			return s.taken(err, "this invitation exists already")
		}
		if _, err := q.exec(ctx, sqlNewHouseholdLink, link[:], string(founder), string(m.ID)); err != nil {
			return s.taken(err, "this link exists already")
		}
		return s.record(ctx, q, founder, w)
	})
	return s.explain("invite to household", err)
}

// JoinHousehold lets somebody in by a link, once. One that is unknown, used, too old or of a suspended founder gives fault.NotFound and
// stays what it was; fault.Conflict for whoever is in a household. Write says what travels with it.
func (s *Store) JoinHousehold(ctx context.Context, link identity.TokenHash, person ledger.OwnerID, now time.Time, write func(access.Household, access.MemberID) Write) (h access.Household, err error) {
	err = s.db.write(ctx, func(q queries) error {
		var owner, id string
		if err := q.one(ctx, sqlTakeHouseholdLink, []any{link[:]}, &owner, &id); noRow(err) {
			return errNoMember()
		} else if err != nil {
			return err
		}
		founder := ledger.OwnerID(owner)
		if _, err := q.exec(ctx, sqlHoldUser, owner); err != nil {
			return err
		}
		if u, err := s.readUser(ctx, q, founder); err != nil {
			return err
		} else if u.Status != identity.Active {
			return errNoMember()
		}
		if err := becomesMember(ctx, q, person, founder); err != nil {
			return err
		}
		joined, err := q.exec(ctx, sqlMemberJoins, owner, id, string(person), stamp(now))
		if err != nil {
			return err
		}
		if joined == 0 {
			return errNoMember()
		}
		if h, err = s.household(ctx, q, founder); err != nil {
			return err
		}
		return s.record(ctx, q, founder, write(h, access.MemberID(id)))
	})
	return h, s.explain("join household", err)
}

// RemoveMember takes somebody out of a household with all that they share with it, or an invitation back, and gives the household as it
// was. fault.NotFound where there is no such member, fault.Conflict for the founder, without whom there is no household.
func (s *Store) RemoveMember(ctx context.Context, founder ledger.OwnerID, id access.MemberID, w Write) (h access.Household, err error) {
	err = s.db.write(ctx, func(q queries) error {
		if h, err = s.foundedBy(ctx, q, founder); err != nil {
			return err
		}
		for _, m := range h.Members {
			if m.ID != id {
				continue
			}
			if err := removeMember(ctx, q, founder, m); err != nil {
				return err
			}
			if err := s.record(ctx, q, founder, w); err != nil || m.Person == "" {
				return err
			}
			return s.recordForMember(ctx, q, m.Person, w.Audit)
		}
		return errNoMember()
	})
	return h, s.explain("remove member", err)
}

// LeaveHousehold takes somebody out of the household that they are in, and gives it as it was; the row is in its founder's log. It gives
// fault.NotFound where they are in none, fault.Conflict for the founder.
func (s *Store) LeaveHousehold(ctx context.Context, person ledger.OwnerID, write func(access.Household, access.MemberID) Write) (h access.Household, err error) {
	err = s.db.write(ctx, func(q queries) error {
		if h, err = s.heldHousehold(ctx, q, person); err != nil {
			return err
		}
		m := memberOf(h, person)
		if err := removeMember(ctx, q, h.Founder, m); err != nil {
			return err
		}
		return s.record(ctx, q, h.Founder, write(h, m.ID))
	})
	return h, s.explain("leave household", err)
}

func memberOf(h access.Household, person ledger.OwnerID) access.Member {
	for _, m := range h.Members {
		if m.Person == person {
			return m
		}
	}
	panic("sqlstore: a membership without its member") // both are written together
}

func removeMember(ctx context.Context, q queries, founder ledger.OwnerID, m access.Member) error {
	if m.Person == founder {
		return fault.New(fault.Conflict, "Who founded a household doesn't leave it, but dissolves it.")
	}
	for _, statement := range [...]string{sqlDropMember, sqlDropHouseholdLink} {
		if _, err := q.exec(ctx, statement, string(founder), string(m.ID)); err != nil {
			return err
		}
	}
	if m.Person == "" {
		return nil
	}
	if _, err := q.exec(ctx, sqlUnshareAllAtHome, string(founder), string(m.Person)); err != nil {
		return err
	}
	_, err := q.exec(ctx, sqlEraseMembership, string(m.Person))
	return err
}

// recordForMember writes what a founder did into the log of a member too, who isn't told from where.
func (s *Store) recordForMember(ctx context.Context, q queries, member ledger.OwnerID, done audit.Entry) error {
	return s.audit(ctx, q, audit.Entry{Actor: done.Actor, Owner: member, Action: done.Action, Object: done.Object, RequestID: done.RequestID, Result: done.Result})
}

// DissolveHousehold ends a household with all that is shared with it, and gives it as it was. fault.NotFound where somebody is in none,
// fault.Denied where they didn't found it.
func (s *Store) DissolveHousehold(ctx context.Context, founder ledger.OwnerID, w Write) (h access.Household, err error) {
	err = s.db.write(ctx, func(q queries) error {
		if h, err = s.foundedBy(ctx, q, founder); err != nil {
			return err
		}
		if err := dissolve(ctx, q, h); err != nil {
			return err
		}
		for _, person := range h.People() {
			if person == founder {
				continue
			}
			if err := s.recordForMember(ctx, q, person, w.Audit); err != nil {
				return err
			}
		}
		return s.record(ctx, q, founder, w)
	})
	return h, s.explain("dissolve household", err)
}

func dissolve(ctx context.Context, q queries, h access.Household) error {
	for _, person := range h.People() {
		if _, err := q.exec(ctx, sqlEraseMembership, string(person)); err != nil {
			return err
		}
	}
	for _, statement := range [...]string{sqlEraseHousehold, sqlEraseMembers, sqlEraseHouseholdLinks, sqlEraseHouseholdShares} {
		if _, err := q.exec(ctx, statement, string(h.Founder)); err != nil {
			return err
		}
	}
	return nil
}

// ShareWithHousehold lets the household of a portfolio's owner see it, in place of what it saw before, and gives the household as it was.
// fault.NotFound where the owner is in none or the portfolio isn't theirs, fault.TooLarge over access.HouseholdSharesMax.
func (s *Store) ShareWithHousehold(ctx context.Context, share access.HouseholdShare, w Write) (h access.Household, err error) {
	err = s.db.write(ctx, func(q queries) error {
		if h, err = s.heldHousehold(ctx, q, share.Holder); err != nil {
			return err
		}
		if _, _, err := s.readPortfolio(ctx, q, share.Holder, share.Portfolio); err != nil {
			return err
		}
		_, known := sharedAtHome(h, share.Portfolio)
		if !known && len(h.Shares) >= access.HouseholdSharesMax {
			return fault.New(fault.TooLarge, "At most %d portfolios are shared with a household.", access.HouseholdSharesMax)
		}
		if _, err := q.exec(ctx, sqlShareAtHome, string(h.Founder), string(share.Portfolio), string(share.Holder), string(share.Level)); err != nil {
			return err
		}
		return s.record(ctx, q, share.Holder, w)
	})
	return h, s.explain("share with household", err)
}

func sharedAtHome(h access.Household, portfolio ledger.PortfolioID) (access.HouseholdShare, bool) {
	for _, share := range h.Shares {
		if share.Portfolio == portfolio {
			return share, true
		}
	}
	return access.HouseholdShare{}, false
}

// UnshareWithHousehold takes a portfolio back from its owner's household, and gives the household as it was; fault.NotFound where it
// doesn't have it.
func (s *Store) UnshareWithHousehold(ctx context.Context, holder ledger.OwnerID, portfolio ledger.PortfolioID, w Write) (h access.Household, err error) {
	err = s.db.write(ctx, func(q queries) error {
		if h, err = s.heldHousehold(ctx, q, holder); err != nil {
			return err
		}
		gone, err := q.exec(ctx, sqlUnshareAtHome, string(h.Founder), string(portfolio), string(holder))
		if err != nil {
			return err
		}
		if gone == 0 {
			return fault.New(fault.NotFound, "This portfolio isn't shared with the household.")
		}
		return s.record(ctx, q, holder, w)
	})
	return h, s.explain("unshare with household", err)
}

// eraseFromHousehold takes somebody who is being erased out of their household, or dissolves it where it is theirs. A founder who stays
// finds it in their log.
func (s *Store) eraseFromHousehold(ctx context.Context, q queries, owner ledger.OwnerID, w Write) error {
	h, err := s.heldHousehold(ctx, q, owner)
	switch {
	case fault.Is(err, fault.NotFound):
		return nil
	case err != nil:
		return err
	case h.Founder == owner:
		return dissolve(ctx, q, h)
	}
	m := memberOf(h, owner)
	if err := removeMember(ctx, q, h.Founder, m); err != nil {
		return err
	}
	return s.audit(ctx, q, audit.Entry{Actor: w.Audit.Actor, Owner: h.Founder, Action: audit.HouseholdLeft, Object: string(m.ID), RequestID: w.Audit.RequestID, Result: w.Audit.Result})
}
