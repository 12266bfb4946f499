package sqlstore

import (
	"context"
	"fmt"
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
	sqlNewOccurrence = `INSERT INTO alert_occurrences (owner, rule, key_hash, at) VALUES ($1, $2, $3, $4) ON CONFLICT (owner, rule, key_hash) DO NOTHING`
	sqlOccurrence    = `SELECT COUNT(*) FROM alert_occurrences WHERE owner = $1 AND rule = $2 AND key_hash = $3`
	sqlNewAlertEvent = `INSERT INTO alert_events (owner, id, rule, kind, at, body) VALUES ($1, $2, $3, $4, $5, $6)`
	sqlAlertLog      = `SELECT id, rule, kind, at, body FROM alert_events WHERE owner = $1 AND (at, id) < ($2, $3) ORDER BY at DESC, id DESC LIMIT $4`
	// A filter looks at so many rows and no more: what is rare would have it read the whole log for one page.
	sqlAlertLogPart = `SELECT id, rule, kind, at, body FROM (` + sqlAlertLog + `) looked WHERE $5 IN ('', kind)
AND CASE WHEN $6 = '' THEN TRUE ELSE EXISTS (SELECT 1 FROM notice_deliveries d WHERE d.owner = $1 AND d.notice = looked.id AND d.state = $6) END`
	sqlAlertLogLooked  = `SELECT at, id FROM alert_events WHERE owner = $1 AND (at, id) < ($2, $3) ORDER BY at DESC, id DESC LIMIT 1 OFFSET $4`
	sqlDropOccurrences = `DELETE FROM alert_occurrences WHERE owner = $1 AND rule = $2`

	sqlSweepAlertEvents = `DELETE FROM alert_events WHERE at < $1`
	sqlSweepOccurrences = `DELETE FROM alert_occurrences WHERE at < $1`

	sqlEraseAlertEvents = `DELETE FROM alert_events WHERE owner = $1`
	sqlEraseOccurrences = `DELETE FROM alert_occurrences WHERE owner = $1`
)

const (
	alertLogPageMax = 100  // rows of one page
	alertLogLookMax = 2000 // rows that a filter looks at for one page; most logs are shorter
)

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

// AlertLog gives what an owner's rules did as far as a filter leaves it, the newest first: what comes after a place (the zero one is the
// beginning), at most so many, and the place to go on from, zero at the end. A page with a place to go on from may hold less, even nothing:
// then so many rows were looked at.
func (s *Store) AlertLog(ctx context.Context, owner ledger.OwnerID, filter engine.LogFilter, after engine.Place, limit int) (rows []engine.Logged, next engine.Place, err error) {
	limit = max(1, min(limit, alertLogPageMax))
	if after == (engine.Place{}) {
		after.At = endOfTime
	}
	rows, bodies, err := s.alertLogRows(ctx, owner, filter, after, limit)
	if err == nil && len(rows) > limit {
		rows, next = rows[:limit], engine.Place{At: rows[limit-1].At, ID: rows[limit-1].ID}
	} else if err == nil && !filter.Empty() {
		next, err = s.alertLogLooked(ctx, owner, after)
	}
	if err == nil && len(rows) > 0 {
		err = s.openAlertEvents(ctx, owner, rows, bodies)
	}
	if err != nil {
		return nil, engine.Place{}, s.explain("read the log of alerts", err)
	}
	return rows, next, nil
}

// alertLogRows reads one row more than a page has, where there is one.
func (s *Store) alertLogRows(ctx context.Context, owner ledger.OwnerID, filter engine.LogFilter, after engine.Place, limit int) (rows []engine.Logged, bodies [][]byte, err error) {
	text, args := sqlAlertLog, []any{string(owner), stamp(after.At), after.ID, limit + 1}
	if !filter.Empty() {
		args[3] = alertLogLookMax
		text, args = sqlAlertLogPart, append(args, string(filter.Kind), string(filter.Delivery))
		if filter.Rules != nil {
			// NULL is no rule, so that a list of none is written too.
			text += " AND rule IN (NULL"
			for _, rule := range filter.Rules {
				args = append(args, string(rule))
				text += fmt.Sprintf(", $%d", len(args))
			}
			text += ")"
		}
		args = append(args, limit+1)
		text += fmt.Sprintf(" ORDER BY at DESC, id DESC LIMIT $%d", len(args))
	}
	err = s.db.each(ctx, text, args, func(row scanner) error {
		var l engine.Logged
		var at int64
		var body []byte
		err := row.Scan(&l.ID, (*string)(&l.Rule), (*string)(&l.Kind), &at, &body)
		l.At = moment(at)
		rows, bodies = append(rows, l), append(bodies, body)
		return err
	})
	return rows, bodies, err
}

// alertLogLooked is the last of the rows that a filter looked at, zero where it came to the end of the log.
func (s *Store) alertLogLooked(ctx context.Context, owner ledger.OwnerID, after engine.Place) (last engine.Place, err error) {
	var at int64
	err = s.db.one(ctx, sqlAlertLogLooked, []any{string(owner), stamp(after.At), after.ID, alertLogLookMax - 1}, &at, &last.ID)
	if noRow(err) {
		return engine.Place{}, nil
	}
	last.At = moment(at)
	return last, err
}

func (s *Store) openAlertEvents(ctx context.Context, owner ledger.OwnerID, rows []engine.Logged, bodies [][]byte) error {
	key, err := s.key(ctx, s.db, owner)
	if err != nil {
		return err
	}
	for i := range rows {
		if err := openAlertEvent(key, &rows[i], bodies[i]); err != nil {
			return err
		}
	}
	return nil
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
