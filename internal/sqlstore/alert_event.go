package sqlstore

import (
	"context"
	"math"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/engine"
	"folioscope/internal/ledger"
	"folioscope/internal/seal"
)

const (
	// A rule that its owner changed, or that another node settled, stays as it is; so does every rule of a partition that was lost.
	sqlSettleRule = `UPDATE alert_rules SET standing = $3, standing_version = standing_version + 1
WHERE owner = $1 AND id = $2 AND version = $4 AND standing_version = $5
AND EXISTS (SELECT 1 FROM alert_partitions WHERE partition = $6 AND fence = $7)`
	sqlNewOccurrence   = `INSERT INTO alert_occurrences (owner, rule, key_hash, at) VALUES ($1, $2, $3, $4) ON CONFLICT (owner, rule, key_hash) DO NOTHING`
	sqlOccurrence      = `SELECT COUNT(*) FROM alert_occurrences WHERE owner = $1 AND rule = $2 AND key_hash = $3`
	sqlNewAlertEvent   = `INSERT INTO alert_events (owner, id, rule, kind, at, body) VALUES ($1, $2, $3, $4, $5, $6)`
	sqlAlertLog        = `SELECT id, rule, kind, at, body FROM alert_events WHERE owner = $1 AND (at, id) < ($2, $3) ORDER BY at DESC, id DESC LIMIT $4`
	sqlAlertLogOfRule  = `SELECT id, rule, kind, at, body FROM alert_events WHERE owner = $1 AND rule = $5 AND (at, id) < ($2, $3) ORDER BY at DESC, id DESC LIMIT $4`
	sqlDropOccurrences = `DELETE FROM alert_occurrences WHERE owner = $1 AND rule = $2`

	sqlSweepAlertEvents = `DELETE FROM alert_events WHERE at < $1`
	sqlSweepOccurrences = `DELETE FROM alert_occurrences WHERE at < $1`

	sqlEraseAlertEvents = `DELETE FROM alert_events WHERE owner = $1`
	sqlEraseOccurrences = `DELETE FROM alert_occurrences WHERE owner = $1`
)

const alertLogPageMax = 100 // rows of one page

// The fields of a sealed event.
const (
	eventSequence   tag = 1
	eventValue      tag = 2
	eventOccurrence tag = 3
	eventSubject    tag = 4
	eventWhy        tag = 5
	eventTold       tag = 6
)

var columnAlertEvent = seal.Column{Table: "alert_events", Name: "body"} // under the event's id

// SettleAlerts implements engine.Store.
func (s *Store) SettleAlerts(ctx context.Context, lease engine.Lease, owner ledger.OwnerID, settlements []engine.Settlement) (settled []bool, err error) {
	err = s.db.write(ctx, func(q queries) error {
		settled = make([]bool, len(settlements))
		key, err := s.key(ctx, q, owner)
		if err != nil {
			return err
		}
		for i := range settlements {
			if settled[i], err = s.settleRule(ctx, q, key, lease, &settlements[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, s.explain("settle alerts", err)
	}
	return settled, nil
}

func (s *Store) settleRule(ctx context.Context, q queries, key *seal.Key, lease engine.Lease, one *engine.Settlement) (bool, error) {
	owner := key.Owner()
	changed, err := q.exec(ctx, sqlSettleRule, string(owner), string(one.Rule), sealStanding(key, one.Rule, &one.After), one.Version, one.StandingVersion, lease.Partition, lease.Fence)
	if err != nil || changed == 0 {
		return false, err
	}
	for i := range one.Events {
		e := &one.Events[i]
		if e.Occurrence != "" {
			added, err := q.exec(ctx, sqlNewOccurrence, string(owner), string(one.Rule), s.occurrenceHash(owner, e.Occurrence), stamp(e.At))
			if err != nil {
				return false, err
			}
			if added == 0 {
				continue // told already
			}
		}
		if _, err := q.exec(ctx, sqlNewAlertEvent, string(owner), e.ID, string(one.Rule), string(e.Kind), stamp(e.At), sealAlertEvent(key, e)); err != nil {
			return false, err
		}
		if e.Notice == nil {
			continue
		}
		if err := s.tell(ctx, q, *e.Notice); err != nil {
			return false, err
		}
	}
	return true, nil
}

// occurrenceHash hashes a key per owner: it may name what they hold.
func (s *Store) occurrenceHash(owner ledger.OwnerID, occurrence string) []byte {
	sum := s.root.Index("alert occurrence of "+string(owner), occurrence)
	return sum[:]
}

// Occurred implements engine.Store.
func (s *Store) Occurred(ctx context.Context, owner ledger.OwnerID, rule alert.RuleID, occurrence string) (bool, error) {
	var n int
	err := s.db.one(ctx, sqlOccurrence, []any{string(owner), string(rule), s.occurrenceHash(owner, occurrence)}, &n)
	return n > 0, s.explain("look for an occurrence", err)
}

func sealAlertEvent(key *seal.Key, e *engine.Event) []byte {
	var r record
	r.number(eventSequence, e.Sequence)
	r.decimal(eventValue, e.Value)
	r.text(eventOccurrence, e.Occurrence)
	r.text(eventSubject, e.Subject)
	r.text(eventWhy, e.Why)
	r.flag(eventTold, e.Notice != nil)
	return key.Seal(r, columnAlertEvent, e.ID)
}

func openAlertEvent(key *seal.Key, e *engine.Logged, sealed []byte) error {
	plain, err := key.Open(sealed, columnAlertEvent, e.ID)
	if err != nil {
		return err
	}
	return fields(plain, func(t tag, value []byte) (err error) {
		switch t {
		case eventSequence:
			e.Sequence, err = numberOf(value)
		case eventValue:
			e.Value, err = decimalOf(value)
		case eventOccurrence:
			e.Occurrence = string(value)
		case eventSubject:
			e.Subject = string(value)
		case eventWhy:
			e.Why = string(value)
		case eventTold:
			e.Tell = true
		default:
			err = errUnknownField
		}
		return err
	})
}

// AlertLog gives what an owner's rules did, the newest first: what comes after a place (the zero one is the beginning), at most so many,
// and the place to go on from, zero at the end. Rule is empty for all.
func (s *Store) AlertLog(ctx context.Context, owner ledger.OwnerID, rule alert.RuleID, after engine.Place, limit int) (rows []engine.Logged, next engine.Place, err error) {
	limit = max(1, min(limit, alertLogPageMax))
	at := int64(math.MaxInt64)
	if after != (engine.Place{}) {
		at = stamp(after.At)
	}
	text, args := sqlAlertLog, []any{string(owner), at, after.ID, limit + 1}
	if rule != "" {
		text, args = sqlAlertLogOfRule, append(args, string(rule))
	}
	var bodies [][]byte
	err = s.db.each(ctx, text, args, func(row scanner) error {
		var l engine.Logged
		var at int64
		var body []byte
		err := row.Scan(&l.ID, (*string)(&l.Rule), (*string)(&l.Kind), &at, &body)
		l.At = moment(at)
		rows, bodies = append(rows, l), append(bodies, body)
		return err
	})
	if err != nil || len(rows) == 0 {
		return nil, engine.Place{}, s.explain("read the log of alerts", err)
	}
	if len(rows) > limit {
		rows, next = rows[:limit], engine.Place{At: rows[limit-1].At, ID: rows[limit-1].ID}
	}
	key, err := s.key(ctx, s.db, owner)
	for i := range rows {
		if err == nil {
			err = openAlertEvent(key, &rows[i], bodies[i])
		}
	}
	if err != nil {
		return nil, engine.Place{}, s.explain("read the log of alerts", err)
	}
	return rows, next, nil
}

// DeleteAlertEventsBefore forgets what rules did before a time, and which occurrences they were told of.
func (s *Store) DeleteAlertEventsBefore(ctx context.Context, before time.Time) error {
	for _, text := range [...]string{sqlSweepAlertEvents, sqlSweepOccurrences} {
		if _, err := s.db.exec(ctx, text, stamp(before)); err != nil {
			return s.explain("delete old alert events", err)
		}
	}
	return nil
}
