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

// AuditRow is an audit entry as it is stored.
type AuditRow struct {
	audit.Entry
	Number int64 // counts an owner's rows from 1, without gaps
	At     time.Time
}

const (
	sqlAuditHead = `INSERT INTO audit_heads (owner, number) VALUES ($1, 1)
ON CONFLICT (owner) DO UPDATE SET number = audit_heads.number + 1 RETURNING number`
	sqlAuditRow = `INSERT INTO audit_rows (owner, number, at, actor, action, object, request_id, result) VALUES `
	sqlAudits   = `SELECT number, at, actor, action, object, request_id, result FROM audit_rows
WHERE owner = $1 AND number > $2 ORDER BY number LIMIT $3`
	sqlNewAnswer = `INSERT INTO answers (owner, key_index, body_hash, status, answer, created_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (owner, key_index) DO NOTHING`
	sqlAnswer       = `SELECT body_hash, status, answer FROM answers WHERE owner = $1 AND key_index = $2`
	sqlSweepAnswers = `DELETE FROM answers WHERE created_at < $1`
)

const auditColumns = 8

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

func (s *Store) audit(ctx context.Context, q queries, entry audit.Entry) error {
	if entry.Action == "" || entry.Result == "" {
		return errors.New("a change without an audit entry")
	}
	var number int64
	if err := q.one(ctx, sqlAuditHead, []any{string(entry.Owner)}, &number); err != nil {
		return err
	}
	return insertRows(ctx, q, sqlAuditRow, auditColumns, "", []any{string(entry.Owner), number, stamp(s.now()),
		string(entry.Actor), string(entry.Action), entry.Object, entry.RequestID, entry.Result})
}

// answerIndex hashes a key per owner: what clients choose may tell something.
func (s *Store) answerIndex(owner ledger.OwnerID, key string) []byte {
	sum := s.root.Index("idempotency key of "+string(owner), key)
	return sum[:]
}

// RecordAudit adds an audit row that no change goes with, such as a refused sign-in.
func (s *Store) RecordAudit(ctx context.Context, entry audit.Entry) error {
	return s.explain("record audit", s.db.write(ctx, func(q queries) error { return s.audit(ctx, q, entry) }))
}

// Audits gives an owner's audit rows with a number above after, at most limit.
func (s *Store) Audits(ctx context.Context, owner ledger.OwnerID, after int64, limit int) ([]AuditRow, error) {
	var rows []AuditRow
	err := s.db.each(ctx, sqlAudits, []any{string(owner), after, limit}, func(row scanner) error {
		r := AuditRow{Entry: audit.Entry{Owner: owner}}
		var at int64
		var actor, action string
		if err := row.Scan(&r.Number, &at, &actor, &action, &r.Object, &r.RequestID, &r.Result); err != nil {
			return err
		}
		r.Actor, r.Action, r.At = ledger.OwnerID(actor), audit.Action(action), moment(at)
		rows = append(rows, r)
		return nil
	})
	return rows, s.explain("read audit rows", err)
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
