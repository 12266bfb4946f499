package sqlstore

import (
	"context"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

const (
	sqlNewSession = `INSERT INTO sessions (owner, hash, created_at, seen_at, stepped_at) VALUES ($1, $2, $3, $4, $5)`
	sqlSession    = `SELECT s.created_at, s.seen_at, s.stepped_at, u.role FROM sessions s JOIN users u ON u.owner = s.owner
WHERE s.owner = $1 AND s.hash = $2 AND u.status = 'active'`
	// The hot path: one query for every dashboard read.
	sqlSessionAndSequence = `SELECT s.created_at, s.seen_at, s.stepped_at, u.role, COALESCE(p.sequence, -1)
FROM sessions s JOIN users u ON u.owner = s.owner LEFT JOIN portfolios p ON p.owner = s.owner AND p.id = $3
WHERE s.owner = $1 AND s.hash = $2 AND u.status = 'active'`
	sqlTouchSession  = `UPDATE sessions SET seen_at = $3 WHERE owner = $1 AND hash = $2 AND seen_at < $3`
	sqlDropSession   = `DELETE FROM sessions WHERE owner = $1 AND hash = $2`
	sqlSweepSessions = `DELETE FROM sessions WHERE seen_at < $1`
)

// CreateSession stores a session of an existing user; its Role is not kept, that is the user's own.
func (s *Store) CreateSession(ctx context.Context, session identity.Session, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		if _, err := s.key(ctx, q, session.Owner); err != nil {
			return err
		}
		if _, err := q.exec(ctx, sqlNewSession, string(session.Owner), session.Hash[:], stamp(session.CreatedAt), stamp(session.SeenAt), stamp(session.SteppedAt)); err != nil {
			return s.taken(err, "this session exists already")
		}
		return s.record(ctx, q, session.Owner, w)
	})
	return s.explain("create session", err)
}

// Session reads a session with its owner's role of now; fault.NotFound where there is none or the owner may not sign in.
func (s *Store) Session(ctx context.Context, owner ledger.OwnerID, hash identity.TokenHash) (identity.Session, error) {
	var created, seen, stepped int64
	var role string
	err := s.db.one(ctx, sqlSession, []any{string(owner), hash[:]}, &created, &seen, &stepped, &role)
	if noRow(err) {
		return identity.Session{}, fault.New(fault.NotFound, "there is no such session")
	}
	if err != nil {
		return identity.Session{}, s.explain("read session", err)
	}
	return sessionOf(owner, hash, role, created, seen, stepped), nil
}

func sessionOf(owner ledger.OwnerID, hash identity.TokenHash, role string, created, seen, stepped int64) identity.Session {
	return identity.Session{Owner: owner, Hash: hash, Role: identity.Role(role), CreatedAt: moment(created), SeenAt: moment(seen), SteppedAt: moment(stepped)}
}

// SessionAndSequence reads a session and how far a portfolio of its owner is, in one query. Without such a session it gives
// fault.Unauthenticated; with one, but without such a portfolio, the session and fault.NotFound.
func (s *Store) SessionAndSequence(ctx context.Context, owner ledger.OwnerID, hash identity.TokenHash, portfolio ledger.PortfolioID) (identity.Session, int64, error) {
	var created, seen, stepped, sequence int64
	var role string
	err := s.db.one(ctx, sqlSessionAndSequence, []any{string(owner), hash[:], string(portfolio)}, &created, &seen, &stepped, &role, &sequence)
	if noRow(err) {
		return identity.Session{}, 0, fault.New(fault.Unauthenticated, "sign in first")
	}
	if err != nil {
		return identity.Session{}, 0, s.explain("read session", err)
	}
	session := sessionOf(owner, hash, role, created, seen, stepped)
	if sequence < 0 {
		return session, 0, errNoPortfolio()
	}
	return session, sequence, nil
}

// Sequence is how far a portfolio is, fault.NotFound where it isn't the owner's: the hot path while the session is known.
func (s *Store) Sequence(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) (sequence int64, err error) {
	err = s.db.one(ctx, sqlSequence, []any{string(owner), string(portfolio)}, &sequence)
	if noRow(err) {
		return 0, errNoPortfolio()
	}
	return sequence, s.explain("read sequence", err)
}

// TouchSession notes a use; an earlier one than is known changes nothing.
func (s *Store) TouchSession(ctx context.Context, owner ledger.OwnerID, hash identity.TokenHash, seen time.Time) error {
	_, err := s.db.exec(ctx, sqlTouchSession, string(owner), hash[:], stamp(seen))
	return s.explain("touch session", err)
}

// DeleteSession ends a session; fault.NotFound where there is none.
func (s *Store) DeleteSession(ctx context.Context, owner ledger.OwnerID, hash identity.TokenHash, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		dropped, err := q.exec(ctx, sqlDropSession, string(owner), hash[:])
		if err != nil {
			return err
		}
		if dropped == 0 {
			return fault.New(fault.NotFound, "there is no such session")
		}
		return s.record(ctx, q, owner, w)
	})
	return s.explain("delete session", err)
}

// DeleteSessionsBefore ends the sessions that were last used before a time.
func (s *Store) DeleteSessionsBefore(ctx context.Context, before time.Time) error {
	_, err := s.db.exec(ctx, sqlSweepSessions, stamp(before))
	return s.explain("delete old sessions", err)
}
