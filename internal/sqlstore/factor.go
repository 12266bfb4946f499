package sqlstore

import (
	"bytes"
	"context"

	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/seal"
)

const (
	sqlFactor     = `SELECT seed, pending, confirmed_at, counter FROM second_factors WHERE owner = $1`
	sqlCodesLeft  = `SELECT COUNT(*) FROM recovery_codes WHERE owner = $1`
	sqlPendFactor = `INSERT INTO second_factors (owner, seed, pending, confirmed_at, counter) VALUES ($1, $2, $3, 0, 0)
ON CONFLICT (owner) DO UPDATE SET pending = excluded.pending`
	sqlConfirmFactor = `UPDATE second_factors SET seed = pending, pending = $3, confirmed_at = $4, counter = $5 WHERE owner = $1 AND pending = $2`
	sqlDropFactor    = `DELETE FROM second_factors WHERE owner = $1`
	sqlFactorIsOn    = `SELECT COUNT(*) FROM second_factors WHERE owner = $1 AND confirmed_at > 0`
	// A code counts once: whoever comes second finds its counter spent.
	sqlSpendCounter = `UPDATE second_factors SET counter = $2 WHERE owner = $1 AND confirmed_at > 0 AND counter < $2`
	sqlSpendCode    = `DELETE FROM recovery_codes WHERE owner = $1 AND hash = $2`
	sqlNewCode      = `INSERT INTO recovery_codes (owner, hash) VALUES `
	sqlDropCodes    = `DELETE FROM recovery_codes WHERE owner = $1`
)

const recoveryColumns = 2

var columnSeed = seal.Column{Table: "second_factors", Name: "seed"} // of both columns, since one moves into the other

// SecondFactor reads what a user's app was given, and how many passkeys and codes for recovery there are; the zero value where there
// is nothing.
func (s *Store) SecondFactor(ctx context.Context, owner ledger.OwnerID) (identity.SecondFactor, error) {
	f, _, err := s.factor(ctx, s.db, owner)
	if err == nil || fault.Is(err, fault.NotFound) {
		err = s.db.one(ctx, sqlCodesLeft, []any{string(owner)}, &f.RecoveryLeft)
	}
	if err == nil {
		err = s.db.one(ctx, sqlCountPasskeys, []any{string(owner)}, &f.Passkeys)
	}
	if err != nil {
		return identity.SecondFactor{}, s.explain("read second factor", err)
	}
	return f, nil
}

// factor reads a row, with its pending seed also as it is sealed.
func (s *Store) factor(ctx context.Context, q queries, owner ledger.OwnerID) (f identity.SecondFactor, pending []byte, err error) {
	var seed []byte
	var confirmed int64
	if err := q.one(ctx, sqlFactor, []any{string(owner)}, &seed, &pending, &confirmed, &f.Counter); noRow(err) {
		return f, nil, fault.New(fault.NotFound, "there is no second factor")
	} else if err != nil {
		return f, nil, err
	}
	key, err := s.key(ctx, q, owner)
	if err != nil {
		return f, nil, err
	}
	if confirmed > 0 {
		f.ConfirmedAt = moment(confirmed)
		if f.Seed, err = key.Open(seed, columnSeed); err != nil {
			return f, nil, err
		}
	}
	if len(pending) > 0 {
		f.Pending, err = key.Open(pending, columnSeed)
	}
	return f, pending, err
}

// PendSecondFactor keeps a seed until it is confirmed. The one in use, if there is one, stays in use.
func (s *Store) PendSecondFactor(ctx context.Context, owner ledger.OwnerID, seed []byte, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		key, err := s.key(ctx, q, owner)
		if err != nil {
			return err
		}
		if _, err := q.exec(ctx, sqlPendFactor, string(owner), []byte{}, key.Seal(seed, columnSeed)); err != nil {
			return err
		}
		return s.record(ctx, q, owner, w)
	})
	return s.explain("keep new second factor", err)
}

// ConfirmSecondFactor puts a pending seed into use with the counter of the code that showed it, replaces the codes for recovery and
// ends every session but the one to keep. It gives fault.Conflict where another seed is pending meanwhile, or none.
func (s *Store) ConfirmSecondFactor(ctx context.Context, owner ledger.OwnerID, c identity.ConfirmFactor, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		f, sealed, err := s.factor(ctx, q, owner)
		if err != nil {
			return err
		}
		gone := fault.New(fault.Conflict, "the setup was begun anew meanwhile")
		if len(sealed) == 0 || !bytes.Equal(f.Pending, c.Seed) {
			return gone
		}
		changed, err := q.exec(ctx, sqlConfirmFactor, string(owner), sealed, []byte{}, stamp(c.At), c.Counter)
		if err != nil {
			return err
		}
		if changed == 0 {
			return gone
		}
		if err := s.replaceCodes(ctx, q, owner, c.Recovery); err != nil {
			return err
		}
		if _, err := q.exec(ctx, sqlDropOtherSessions, string(owner), c.Keep[:]); err != nil {
			return err
		}
		return s.record(ctx, q, owner, w)
	})
	return s.explain("confirm second factor", err)
}

func (s *Store) replaceCodes(ctx context.Context, q queries, owner ledger.OwnerID, hashes []identity.TokenHash) error {
	if _, err := q.exec(ctx, sqlDropCodes, string(owner)); err != nil {
		return err
	}
	rows := make([]any, 0, recoveryColumns*len(hashes))
	for _, hash := range hashes {
		rows = append(rows, string(owner), hash[:])
	}
	return insertRows(ctx, q, sqlNewCode, recoveryColumns, "", rows)
}

// ReplaceRecoveryCodes makes earlier codes for recovery worthless; fault.NotFound where no second factor is in use.
func (s *Store) ReplaceRecoveryCodes(ctx context.Context, owner ledger.OwnerID, hashes []identity.TokenHash, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		factors, _, err := countFactors(ctx, q, owner)
		if err != nil {
			return err
		}
		if factors == 0 {
			return fault.New(fault.NotFound, "there is no second factor")
		}
		if err := s.replaceCodes(ctx, q, owner, hashes); err != nil {
			return err
		}
		return s.record(ctx, q, owner, w)
	})
	return s.explain("replace recovery codes", err)
}

// DeleteSecondFactor forgets what an app was given, and codes for recovery with the last second factor, and ends every session but the
// one to keep. It gives fault.NotFound where there is no app, and fault.Conflict where a second factor has to be left and none would be.
func (s *Store) DeleteSecondFactor(ctx context.Context, owner ledger.OwnerID, required bool, keep identity.TokenHash, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		if _, err := q.exec(ctx, sqlHoldUser, string(owner)); err != nil {
			return err
		}
		dropped, err := q.exec(ctx, sqlDropFactor, string(owner))
		if err != nil {
			return err
		}
		if dropped == 0 {
			return fault.New(fault.NotFound, "there is no second factor")
		}
		if err := s.factorDropped(ctx, q, owner, required, keep); err != nil {
			return err
		}
		return s.record(ctx, q, owner, w)
	})
	return s.explain("delete second factor", err)
}

// spend uses up a code or a passkey's answer: fault.Unauthenticated where that happened before.
func (s *Store) spend(ctx context.Context, q queries, owner ledger.OwnerID, code *identity.Spend) error {
	if code == nil {
		return nil
	}
	if code.Passkey != nil {
		return s.usePasskey(ctx, q, owner, code.Passkey)
	}
	statement, argument := sqlSpendCounter, any(code.Counter)
	if code.Recovery != nil {
		statement, argument = sqlSpendCode, code.Recovery[:]
	}
	spent, err := q.exec(ctx, statement, string(owner), argument)
	if err == nil && spent == 0 {
		return fault.New(fault.Unauthenticated, "this code was used already")
	}
	return err
}
