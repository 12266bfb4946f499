package sqlstore

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/seal"
)

// Write is what travels with every change, in its transaction. Its idempotency key belongs to the actor of the audit entry (to its
// owner where there is no actor); the answer is sealed under that user's key and kept until PruneAnswers.
type Write = audit.Write

// Idempotency is a request's key and the answer to it.
type Idempotency = audit.Idempotency

// Stored is the answer that a request got when it came the first time.
type Stored = audit.Stored

// ErrRepeated is the cause of the fault.Conflict that a change gives whose idempotency key is taken: look at Answer.
var ErrRepeated = errors.New("the idempotency key was used before")

const (
	sqlNewAnswer = `INSERT INTO answers (owner, key_index, body_hash, status, answer, created_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (owner, key_index) DO NOTHING`
	sqlAnswer       = `SELECT body_hash, status, answer FROM answers WHERE owner = $1 AND key_index = $2`
	sqlSweepAnswers = `DELETE FROM answers WHERE created_at < $1`
)

// columnAnswer is sealed under the key's index.
var columnAnswer = seal.Column{Table: "answers", Name: "answer"}

// record adds what travels with a change; owner is whose data changes, "" for nobody's.
func (s *Store) record(ctx context.Context, q queries, owner ledger.OwnerID, w Write) error {
	if w.Audit.Owner == "" {
		w.Audit.Owner = owner
	}
	if err := s.audit(ctx, q, w.Audit); err != nil {
		return err
	}
	for _, mail := range w.Mail {
		if err := s.deliver(ctx, q, w.Audit.Owner, mail); err != nil {
			return err
		}
	}
	if w.Incident != "" {
		if err := s.happened(ctx, q, w.Audit.Owner, w.Incident); err != nil {
			return err
		}
	}
	if w.Idempotency == nil {
		return nil
	}
	asker := w.Audit.Actor
	if asker == "" {
		asker = w.Audit.Owner
	}
	key, err := s.key(ctx, q, asker)
	if err != nil {
		return err
	}
	index := s.answerIndex(asker, w.Idempotency.Key)
	answer := key.Seal(w.Idempotency.Answer, columnAnswer, hex.EncodeToString(index))
	added, err := q.exec(ctx, sqlNewAnswer, string(asker), index, w.Idempotency.BodyHash[:], w.Idempotency.Status, answer, stamp(s.now()))
	if err != nil {
		return err
	}
	if added == 0 {
		return fault.Wrap(fault.Conflict, ErrRepeated, "this request was made before")
	}
	return nil
}

// answerIndex hashes a key per owner: what clients choose may tell something.
func (s *Store) answerIndex(owner ledger.OwnerID, key string) []byte {
	sum := s.root.Index("idempotency key of "+string(owner), key)
	return sum[:]
}

// Answer gives what the request with this key was answered, nil where there was none.
func (s *Store) Answer(ctx context.Context, owner ledger.OwnerID, key string) (*Stored, error) {
	stored, err := s.answer(ctx, owner, s.answerIndex(owner, key))
	if noRow(err) || fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return stored, s.explain("read answer", err)
}

func (s *Store) answer(ctx context.Context, owner ledger.OwnerID, index []byte) (*Stored, error) {
	var stored Stored
	var hash, sealed []byte
	if err := s.db.one(ctx, sqlAnswer, []any{string(owner), index}, &hash, &stored.Status, &sealed); err != nil {
		return nil, err
	}
	userKey, err := s.key(ctx, s.db, owner)
	if err != nil {
		return nil, err
	}
	if stored.Answer, err = userKey.Open(sealed, columnAnswer, hex.EncodeToString(index)); err != nil {
		return nil, err
	}
	if copy(stored.BodyHash[:], hash) != len(hash) || !bytes.Equal(hash, stored.BodyHash[:]) {
		return nil, errors.New("the stored body hash has another length")
	}
	return &stored, nil
}

// PruneAnswers forgets the answers that were given before a time.
func (s *Store) PruneAnswers(ctx context.Context, before time.Time) error {
	_, err := s.db.exec(ctx, sqlSweepAnswers, stamp(before))
	return s.explain("prune answers", err)
}
