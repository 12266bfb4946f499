package sqlstore

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/seal"
)

const (
	sqlNewSession = `INSERT INTO sessions (owner, hash, created_at, seen_at, stepped_at, origin, service, service_factor) VALUES `
	// The sum is above 0 where there is a second factor: an app that was confirmed, or passkeys.
	sqlSession = `SELECT s.created_at, s.seen_at, s.stepped_at, u.role, COALESCE(f.confirmed_at, 0) + (SELECT COUNT(*) FROM passkeys k WHERE k.owner = s.owner), s.service, s.service_factor
FROM sessions s JOIN users u ON u.owner = s.owner LEFT JOIN second_factors f ON f.owner = s.owner
WHERE s.owner = $1 AND s.hash = $2 AND u.status = 'active'`
	// The hot path: one query for every dashboard read.
	sqlSessionAndSequence = `SELECT s.created_at, s.seen_at, s.stepped_at, u.role, COALESCE(f.confirmed_at, 0) + (SELECT COUNT(*) FROM passkeys k WHERE k.owner = s.owner), s.service, s.service_factor, COALESCE(p.sequence, -1)
FROM sessions s JOIN users u ON u.owner = s.owner LEFT JOIN second_factors f ON f.owner = s.owner LEFT JOIN portfolios p ON p.owner = s.owner AND p.id = $3
WHERE s.owner = $1 AND s.hash = $2 AND u.status = 'active'`
	sqlTouchSession = `UPDATE sessions SET seen_at = $3 WHERE owner = $1 AND hash = $2 AND seen_at < $3`
	sqlDropSession  = `DELETE FROM sessions WHERE owner = $1 AND hash = $2`
	sqlSessions     = `SELECT hash, created_at, seen_at, stepped_at, origin FROM sessions WHERE owner = $1 ORDER BY seen_at DESC LIMIT $2`
	sqlStepSession  = `UPDATE sessions SET hash = $3, stepped_at = $4, seen_at = $4, origin = $5 WHERE owner = $1 AND hash = $2`
	// $2 is the one to keep.
	sqlDropOtherSessions = `DELETE FROM sessions WHERE owner = $1 AND hash <> $2`
	sqlSweepSessions     = `DELETE FROM sessions WHERE seen_at < $1`
)

const (
	sessionColumns    = 8
	sessionsListedMax = 100 // of one user: the latest used
)

// The fields of a session's sealed origin.
const (
	originDevice tag = 1
	originPlace  tag = 2
)

var columnOrigin = seal.Column{Table: "sessions", Name: "origin"} // under the session's hash

// CreateSession stores a session of an existing user; its Role is not kept, that is the user's own.
func (s *Store) CreateSession(ctx context.Context, session identity.Session, w Write) error {
	return s.OpenSession(ctx, session, nil, nil, w)
}

// OpenSession stores a session, uses up the code that it was opened with and remembers the browser, or nothing of it:
// fault.Unauthenticated where the code was used before. Without a second factor the code is nil, and without a browser the device.
func (s *Store) OpenSession(ctx context.Context, session identity.Session, code *identity.Spend, device *identity.Device, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		key, err := s.key(ctx, q, session.Owner)
		if err != nil {
			return err
		}
		if err := s.spend(ctx, q, session.Owner, code); err != nil {
			return err
		}
		if err := insertRows(ctx, q, sqlNewSession, sessionColumns, "", sealSession(key, &session)); err != nil {
			return s.taken(err, "this session exists already")
		}
		told := w // another try begins without what this one tells
		if device != nil {
			isNew, err := see(ctx, q, session.Owner, device.Hash, session.CreatedAt)
			if err != nil {
				return err
			}
			if isNew {
				told.Mail, told.Incident = slices.Concat(w.Mail, device.Notice), audit.IncidentNewBrowser
			}
		}
		return s.record(ctx, q, session.Owner, told)
	})
	return s.explain("create session", err)
}

// sealSession is a session's row.
func sealSession(key *seal.Key, session *identity.Session) []any {
	factor := 0
	if session.ServiceFactor {
		factor = 1
	}
	return []any{string(session.Owner), session.Hash[:], stamp(session.CreatedAt), stamp(session.SeenAt), stamp(session.SteppedAt),
		sealOrigin(key, session.Hash, session.Origin), session.Service, factor}
}

// Session reads a session with its owner's role of now; fault.NotFound where there is none or the owner may not sign in.
func (s *Store) Session(ctx context.Context, owner ledger.OwnerID, hash identity.TokenHash) (identity.Session, error) {
	var created, seen, stepped, factors, factor int64
	var role, service string
	err := s.db.one(ctx, sqlSession, []any{string(owner), hash[:]}, &created, &seen, &stepped, &role, &factors, &service, &factor)
	if noRow(err) {
		return identity.Session{}, fault.New(fault.NotFound, "there is no such session")
	}
	if err != nil {
		return identity.Session{}, s.explain("read session", err)
	}
	session := sessionOf(owner, hash, role, created, seen, stepped, factors)
	session.Service, session.ServiceFactor = service, factor > 0
	return session, nil
}

func sessionOf(owner ledger.OwnerID, hash identity.TokenHash, role string, created, seen, stepped, factors int64) identity.Session {
	return identity.Session{
		Owner: owner, Hash: hash, Role: identity.Role(role), CreatedAt: moment(created), SeenAt: moment(seen), SteppedAt: moment(stepped), SecondFactor: factors > 0,
	}
}

func sealOrigin(key *seal.Key, hash identity.TokenHash, origin identity.Origin) string {
	var r record
	r.text(originDevice, origin.Device)
	r.text(originPlace, origin.Place)
	return base64.RawStdEncoding.EncodeToString(key.Seal(r, columnOrigin, hex.EncodeToString(hash[:])))
}

// openOrigin reads an origin; sessions of earlier releases have none.
func openOrigin(key *seal.Key, hash identity.TokenHash, sealed string) (origin identity.Origin, err error) {
	if sealed == "" {
		return origin, nil
	}
	data, err := base64.RawStdEncoding.DecodeString(sealed)
	if err != nil {
		return origin, fmt.Errorf("origin: %w", err)
	}
	plain, err := key.Open(data, columnOrigin, hex.EncodeToString(hash[:]))
	if err != nil {
		return origin, err
	}
	return origin, fields(plain, func(t tag, value []byte) error {
		switch t {
		case originDevice:
			origin.Device = string(value)
		case originPlace:
			origin.Place = string(value)
		default:
			return errUnknownField
		}
		return nil
	})
}

// Sessions gives an owner's sessions with their origins, the latest used first, ended ones too where they aren't swept yet.
func (s *Store) Sessions(ctx context.Context, owner ledger.OwnerID) (sessions []identity.Session, err error) {
	key, err := s.key(ctx, s.db, owner)
	if err != nil {
		return nil, s.explain("list sessions", err)
	}
	err = s.db.each(ctx, sqlSessions, []any{string(owner), sessionsListedMax}, func(row scanner) error {
		var hash []byte
		var created, seen, stepped int64
		var origin string
		if err := row.Scan(&hash, &created, &seen, &stepped, &origin); err != nil {
			return err
		}
		session := identity.Session{Owner: owner, CreatedAt: moment(created), SeenAt: moment(seen), SteppedAt: moment(stepped)}
		if copy(session.Hash[:], hash) != len(hash) {
			return errRecord
		}
		var err error
		session.Origin, err = openOrigin(key, session.Hash, origin)
		sessions = append(sessions, session)
		return err
	})
	return sessions, s.explain("list sessions", err)
}

// StepSession gives a session a new hash after its owner has shown once more who they are, and uses up the code of the second factor.
// fault.NotFound where there is no such session, fault.Unauthenticated where the code was used before.
func (s *Store) StepSession(ctx context.Context, old identity.TokenHash, session identity.Session, code *identity.Spend, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		key, err := s.key(ctx, q, session.Owner)
		if err != nil {
			return err
		}
		if err := s.spend(ctx, q, session.Owner, code); err != nil {
			return err
		}
		changed, err := q.exec(ctx, sqlStepSession, string(session.Owner), old[:], session.Hash[:], stamp(session.SteppedAt), sealOrigin(key, session.Hash, session.Origin))
		if err != nil {
			return err
		}
		if changed == 0 {
			return fault.New(fault.NotFound, "there is no such session")
		}
		return s.record(ctx, q, session.Owner, w)
	})
	return s.explain("step session up", err)
}

// DeleteOtherSessions ends every session of an owner but one.
func (s *Store) DeleteOtherSessions(ctx context.Context, owner ledger.OwnerID, keep identity.TokenHash, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		if _, err := q.exec(ctx, sqlDropOtherSessions, string(owner), keep[:]); err != nil {
			return err
		}
		return s.record(ctx, q, owner, w)
	})
	return s.explain("delete other sessions", err)
}

// SessionAndSequence reads a session and how far a portfolio of its owner is, in one query. Without such a session it gives
// fault.Unauthenticated; with one, but without such a portfolio, the session and fault.NotFound.
func (s *Store) SessionAndSequence(ctx context.Context, owner ledger.OwnerID, hash identity.TokenHash, portfolio ledger.PortfolioID) (identity.Session, int64, error) {
	var created, seen, stepped, factors, factor, sequence int64
	var role, service string
	err := s.db.one(ctx, sqlSessionAndSequence, []any{string(owner), hash[:], string(portfolio)}, &created, &seen, &stepped, &role, &factors, &service, &factor, &sequence)
	if noRow(err) {
		return identity.Session{}, 0, fault.New(fault.Unauthenticated, "sign in first")
	}
	if err != nil {
		return identity.Session{}, 0, s.explain("read session", err)
	}
	session := sessionOf(owner, hash, role, created, seen, stepped, factors)
	session.Service, session.ServiceFactor = service, factor > 0
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
