package sqlstore

import (
	"context"
	"encoding/hex"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/seal"
)

const (
	sqlNewToken    = `INSERT INTO api_tokens (owner, hash, name, scopes, created_at, expires_at, seen_at) VALUES ($1, $2, $3, $4, $5, $6, 0)`
	sqlCountTokens = `SELECT COUNT(*) FROM api_tokens WHERE owner = $1`
	sqlTokens      = `SELECT hash, name, scopes, created_at, expires_at, seen_at FROM api_tokens WHERE owner = $1 ORDER BY created_at DESC`
	sqlToken       = `SELECT t.scopes, t.created_at, t.expires_at, t.seen_at, u.role, COALESCE(f.confirmed_at, 0) + (SELECT COUNT(*) FROM passkeys k WHERE k.owner = t.owner)
FROM api_tokens t JOIN users u ON u.owner = t.owner LEFT JOIN second_factors f ON f.owner = t.owner
WHERE t.owner = $1 AND t.hash = $2 AND u.status = 'active'`
	sqlTouchToken  = `UPDATE api_tokens SET seen_at = $3 WHERE owner = $1 AND hash = $2 AND seen_at < $3`
	sqlDropToken   = `DELETE FROM api_tokens WHERE owner = $1 AND hash = $2`
	sqlDropTokens  = `DELETE FROM api_tokens WHERE owner = $1`
	sqlSweepTokens = `DELETE FROM api_tokens WHERE expires_at < $1`
)

const tokensMax = 50 // of one user: more than anybody can tell apart

var columnTokenName = seal.Column{Table: "api_tokens", Name: "name"} // under the token's hash

// CreateToken keeps an API token of an existing user; fault.Conflict where there are too many.
func (s *Store) CreateToken(ctx context.Context, t identity.Token, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		key, err := s.key(ctx, q, t.Owner)
		if err != nil {
			return err
		}
		var count int
		if err := q.one(ctx, sqlCountTokens, []any{string(t.Owner)}, &count); err != nil {
			return err
		}
		if count >= tokensMax {
			return fault.New(fault.Conflict, "there are %d API tokens already: revoke some first", tokensMax)
		}
		name := key.Seal([]byte(t.Name), columnTokenName, hex.EncodeToString(t.Hash[:]))
		if _, err := q.exec(ctx, sqlNewToken, string(t.Owner), t.Hash[:], name, int64(t.Scopes), stamp(t.CreatedAt), stamp(t.ExpiresAt)); err != nil {
			return s.taken(err, "this token exists already")
		}
		return s.record(ctx, q, t.Owner, w)
	})
	return s.explain("create token", err)
}

// Tokens gives an owner's API tokens, the newest first, expired ones too where they aren't swept yet.
func (s *Store) Tokens(ctx context.Context, owner ledger.OwnerID) (tokens []identity.Token, err error) {
	key, err := s.key(ctx, s.db, owner)
	if err != nil {
		return nil, s.explain("list tokens", err)
	}
	err = s.db.each(ctx, sqlTokens, []any{string(owner)}, func(row scanner) error {
		var hash, name []byte
		var scopes, created, expires, seen int64
		if err := row.Scan(&hash, &name, &scopes, &created, &expires, &seen); err != nil {
			return err
		}
		t := identity.Token{Owner: owner, Scopes: identity.Scopes(scopes), CreatedAt: moment(created), ExpiresAt: moment(expires)}
		if copy(t.Hash[:], hash) != len(hash) {
			return errRecord
		}
		if seen > 0 {
			t.SeenAt = moment(seen)
		}
		plain, err := key.Open(name, columnTokenName, hex.EncodeToString(hash))
		t.Name = string(plain)
		tokens = append(tokens, t)
		return err
	})
	return tokens, s.explain("list tokens", err)
}

// TokenSession reads an API token as what its requests are: a session with scopes, of its owner's role of now. ExpiresAt is when the
// token ends. It gives fault.NotFound where there is none or the owner may not sign in.
func (s *Store) TokenSession(ctx context.Context, owner ledger.OwnerID, hash identity.TokenHash) (identity.Session, error) {
	var scopes, created, expires, seen, factors int64
	var role string
	err := s.db.one(ctx, sqlToken, []any{string(owner), hash[:]}, &scopes, &created, &expires, &seen, &role, &factors)
	if noRow(err) {
		return identity.Session{}, fault.New(fault.NotFound, "there is no such token")
	}
	if err != nil {
		return identity.Session{}, s.explain("read token", err)
	}
	session := sessionOf(owner, hash, role, created, seen, 0, factors)
	session.Scopes, session.ExpiresAt = identity.Scopes(scopes), moment(expires)
	return session, nil
}

// TouchToken notes a use; an earlier one than is known changes nothing.
func (s *Store) TouchToken(ctx context.Context, owner ledger.OwnerID, hash identity.TokenHash, seen time.Time) error {
	_, err := s.db.exec(ctx, sqlTouchToken, string(owner), hash[:], stamp(seen))
	return s.explain("touch token", err)
}

// DeleteToken revokes an API token; fault.NotFound where there is none.
func (s *Store) DeleteToken(ctx context.Context, owner ledger.OwnerID, hash identity.TokenHash, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		dropped, err := q.exec(ctx, sqlDropToken, string(owner), hash[:])
		if err != nil {
			return err
		}
		if dropped == 0 {
			return fault.New(fault.NotFound, "there is no such token")
		}
		return s.record(ctx, q, owner, w)
	})
	return s.explain("delete token", err)
}

// DeleteTokensBefore forgets the API tokens that expired before a time.
func (s *Store) DeleteTokensBefore(ctx context.Context, before time.Time) error {
	_, err := s.db.exec(ctx, sqlSweepTokens, stamp(before))
	return s.explain("delete old tokens", err)
}
