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
	sqlNewPasskey    = `INSERT INTO passkeys (owner, id_index, body, name, counter, created_at, seen_at) VALUES ($1, $2, $3, $4, $5, $6, 0)`
	sqlPasskeys      = `SELECT id_index, body, name, counter, created_at, seen_at FROM passkeys WHERE owner = $1 ORDER BY created_at DESC, id_index`
	sqlCountPasskeys = `SELECT COUNT(*) FROM passkeys WHERE owner = $1`
	sqlNamePasskey   = `UPDATE passkeys SET name = $3 WHERE owner = $1 AND id_index = $2`
	sqlDropPasskey   = `DELETE FROM passkeys WHERE owner = $1 AND id_index = $2`
	sqlDropPasskeys  = `DELETE FROM passkeys WHERE owner = $1`
	// Counters only grow, but that $5 is 1 for a device that doesn't count: whoever comes second finds its counter spent.
	sqlUsePasskey = `UPDATE passkeys SET counter = $3, seen_at = $4 WHERE owner = $1 AND id_index = $2 AND counter < $5`

	sqlAnswerChallenge = `INSERT INTO answered_challenges (hash, ends_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING`
	sqlEndChallenges   = `DELETE FROM answered_challenges WHERE ends_at < $1`
)

const passkeysMax = 20 // of one user: more than anybody has devices

// The fields of a sealed passkey.
const (
	passkeyID     tag = 1
	passkeyKey    tag = 2
	passkeySynced tag = 3
)

// Both are sealed under the key's index.
var (
	columnPasskey     = seal.Column{Table: "passkeys", Name: "body"}
	columnPasskeyName = seal.Column{Table: "passkeys", Name: "name"}
)

// passkeyIndex finds a passkey of an owner by what its device calls it. Whether another owner has one that is called the same is
// nobody's business.
func (s *Store) passkeyIndex(owner ledger.OwnerID, id []byte) []byte {
	sum := s.root.Index("passkey of "+string(owner), string(id))
	return sum[:]
}

// Passkeys gives an owner's passkeys, the newest first.
func (s *Store) Passkeys(ctx context.Context, owner ledger.OwnerID) (keys []identity.Passkey, err error) {
	key, err := s.key(ctx, s.db, owner)
	if err != nil {
		return nil, s.explain("list passkeys", err)
	}
	err = s.db.each(ctx, sqlPasskeys, []any{string(owner)}, func(row scanner) error {
		var index, body, name []byte
		var counter, created, seen int64
		if err := row.Scan(&index, &body, &name, &counter, &created, &seen); err != nil {
			return err
		}
		p := identity.Passkey{Owner: owner, Counter: uint32(counter), CreatedAt: moment(created), SeenAt: moment(seen)} // as it was stored
		if err := openPasskey(key, &p, index, body, name); err != nil {
			return err
		}
		keys = append(keys, p)
		return nil
	})
	return keys, s.explain("list passkeys", err)
}

func sealPasskey(key *seal.Key, p identity.Passkey, index []byte) []byte {
	var r record
	r.bytes(passkeyID, p.ID)
	r.bytes(passkeyKey, p.PublicKey)
	r.flag(passkeySynced, p.Synced)
	return key.Seal(r, columnPasskey, hex.EncodeToString(index))
}

func openPasskey(key *seal.Key, p *identity.Passkey, index, body, name []byte) error {
	row := hex.EncodeToString(index)
	plain, err := key.Open(name, columnPasskeyName, row)
	if err != nil {
		return err
	}
	p.Name = string(plain)
	if plain, err = key.Open(body, columnPasskey, row); err != nil {
		return err
	}
	return fields(plain, func(t tag, value []byte) error {
		switch t {
		case passkeyID:
			p.ID = value
		case passkeyKey:
			p.PublicKey = value
		case passkeySynced:
			p.Synced = true
		default:
			return errUnknownField
		}
		return nil
	})
}

// AddPasskey keeps a passkey and uses up the challenge that it answered: fault.Unauthenticated where that happened before. The first
// second factor comes with codes for recovery, and ends every session but one; fault.Conflict where it isn't the first, is meant to be,
// or the other way round, and where there are too many.
func (s *Store) AddPasskey(ctx context.Context, a identity.AddPasskey, w Write) error {
	owner := a.Passkey.Owner
	err := s.db.write(ctx, func(q queries) error {
		if _, err := q.exec(ctx, sqlHoldUser, string(owner)); err != nil {
			return err
		}
		factors, passkeys, err := countFactors(ctx, q, owner)
		switch {
		case err != nil:
			return err
		case passkeys >= passkeysMax:
			return fault.New(fault.Conflict, "there are %d passkeys already: remove some first", passkeysMax)
		case (factors == 0) != a.First:
			return fault.New(fault.Conflict, "the second factor was changed meanwhile: try again")
		}
		if err := answer(ctx, q, a.Answered); err != nil {
			return err
		}
		key, err := s.key(ctx, q, owner)
		if err != nil {
			return err
		}
		index := s.passkeyIndex(owner, a.Passkey.ID)
		name := key.Seal([]byte(a.Passkey.Name), columnPasskeyName, hex.EncodeToString(index))
		if _, err := q.exec(ctx, sqlNewPasskey, string(owner), index, sealPasskey(key, a.Passkey, index), name, int64(a.Passkey.Counter), stamp(a.Passkey.CreatedAt)); err != nil {
			return s.taken(err, "this passkey is there already")
		}
		if a.First {
			if err := s.replaceCodes(ctx, q, owner, a.Recovery); err != nil {
				return err
			}
			if _, err := q.exec(ctx, sqlDropOtherSessions, string(owner), a.Keep[:]); err != nil {
				return err
			}
		}
		return s.record(ctx, q, owner, w)
	})
	return s.explain("add passkey", err)
}

// countFactors counts the second factors that are in use, and the passkeys among them.
func countFactors(ctx context.Context, q queries, owner ledger.OwnerID) (factors, passkeys int, err error) {
	if err := q.one(ctx, sqlFactorIsOn, []any{string(owner)}, &factors); err != nil {
		return 0, 0, err
	}
	err = q.one(ctx, sqlCountPasskeys, []any{string(owner)}, &passkeys)
	return factors + passkeys, passkeys, err
}

// answer uses up a challenge.
func answer(ctx context.Context, q queries, a identity.Answered) error {
	kept, err := q.exec(ctx, sqlAnswerChallenge, a.Challenge[:], stamp(a.EndsAt))
	if err == nil && kept == 0 {
		return fault.New(fault.Unauthenticated, "this challenge was answered already")
	}
	return err
}

// usePasskey uses up a passkey's answer: fault.Unauthenticated where its challenge was answered before, a newer signature was seen, or
// the passkey is gone.
func (s *Store) usePasskey(ctx context.Context, q queries, owner ledger.OwnerID, used *identity.UsedPasskey) error {
	if err := answer(ctx, q, used.Answered); err != nil {
		return err
	}
	counter := int64(used.Counter)
	changed, err := q.exec(ctx, sqlUsePasskey, string(owner), s.passkeyIndex(owner, used.ID), counter, stamp(used.At), max(counter, 1))
	if err == nil && changed == 0 {
		return fault.New(fault.Unauthenticated, "this passkey has signed anew, or is gone")
	}
	return err
}

// RenamePasskey calls a passkey otherwise; fault.NotFound where there is none.
func (s *Store) RenamePasskey(ctx context.Context, owner ledger.OwnerID, id []byte, name string, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		key, err := s.key(ctx, q, owner)
		if err != nil {
			return err
		}
		index := s.passkeyIndex(owner, id)
		changed, err := q.exec(ctx, sqlNamePasskey, string(owner), index, key.Seal([]byte(name), columnPasskeyName, hex.EncodeToString(index)))
		if err != nil {
			return err
		}
		if changed == 0 {
			return fault.New(fault.NotFound, "there is no such passkey")
		}
		return s.record(ctx, q, owner, w)
	})
	return s.explain("rename passkey", err)
}

// DeletePasskey forgets a passkey, and codes for recovery with the last second factor, and ends every session but one. It gives
// fault.NotFound where there is none, and fault.Conflict where a second factor has to be left and none would be.
func (s *Store) DeletePasskey(ctx context.Context, owner ledger.OwnerID, d identity.DropPasskey, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		if _, err := q.exec(ctx, sqlHoldUser, string(owner)); err != nil {
			return err
		}
		dropped, err := q.exec(ctx, sqlDropPasskey, string(owner), s.passkeyIndex(owner, d.ID))
		if err != nil {
			return err
		}
		if dropped == 0 {
			return fault.New(fault.NotFound, "there is no such passkey")
		}
		if err := s.factorDropped(ctx, q, owner, d.Required, d.Keep); err != nil {
			return err
		}
		return s.record(ctx, q, owner, w)
	})
	return s.explain("delete passkey", err)
}

// factorDropped refuses that the last second factor goes where one has to be left, forgets codes for recovery with the last one, and
// ends every session but one.
func (s *Store) factorDropped(ctx context.Context, q queries, owner ledger.OwnerID, required bool, keep identity.TokenHash) error {
	left, _, err := countFactors(ctx, q, owner)
	switch {
	case err != nil:
		return err
	case left == 0 && required:
		return fault.New(fault.Conflict, "this is the last second factor, and one is needed")
	case left == 0:
		if err := s.replaceCodes(ctx, q, owner, nil); err != nil {
			return err
		}
	}
	_, err = q.exec(ctx, sqlDropOtherSessions, string(owner), keep[:])
	return err
}

// DeleteFactors forgets every second factor with its codes, and ends every session; fault.NotFound where there is none.
func (s *Store) DeleteFactors(ctx context.Context, owner ledger.OwnerID, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		if _, err := q.exec(ctx, sqlHoldUser, string(owner)); err != nil {
			return err
		}
		app, err := q.exec(ctx, sqlDropFactor, string(owner))
		if err != nil {
			return err
		}
		passkeys, err := q.exec(ctx, sqlDropPasskeys, string(owner))
		if err != nil {
			return err
		}
		if app+passkeys == 0 {
			return fault.New(fault.NotFound, "there is no second factor")
		}
		if err := s.factorDropped(ctx, q, owner, false, identity.TokenHash{}); err != nil {
			return err
		}
		return s.record(ctx, q, owner, w)
	})
	return s.explain("delete second factors", err)
}

// PruneChallenges forgets the answered challenges that would have ended by themselves before a time.
func (s *Store) PruneChallenges(ctx context.Context, before time.Time) error {
	_, err := s.db.exec(ctx, sqlEndChallenges, stamp(before))
	return s.explain("prune challenges", err)
}
