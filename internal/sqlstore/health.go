package sqlstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/health"
	"folioscope/internal/ledger"
	"folioscope/internal/notify"
)

const (
	sqlClaimWatch = `UPDATE health_watch SET node = $2, until_at = $4, fence = fence + 1
WHERE name = $1 AND (node = $2 OR until_at <= $3 OR until_at > $5) RETURNING fence`
	sqlHoldWatch    = `UPDATE health_watch SET fence = fence WHERE name = $1 AND fence = $2`
	sqlPutReport    = `INSERT INTO health_reports (node, at, body) VALUES ($1, $2, $3) ON CONFLICT (node) DO UPDATE SET at = excluded.at, body = excluded.body`
	sqlReports      = `SELECT node, at, body FROM health_reports ORDER BY node`
	sqlDeleteReport = `DELETE FROM health_reports WHERE node = $1`
	sqlTroubles     = `SELECT node, name, state, since, says, fix, told, mended_at, quiet_until FROM health_troubles ORDER BY node, name`
	// Administrators may have said meanwhile that they want no word of it.
	sqlPutTrouble = `INSERT INTO health_troubles (node, name, state, since, says, fix, told, mended_at, quiet_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)
ON CONFLICT (node, name) DO UPDATE SET state = excluded.state, since = excluded.since, says = excluded.says, fix = excluded.fix, told = excluded.told, mended_at = excluded.mended_at`
	sqlDeleteTrouble  = `DELETE FROM health_troubles WHERE node = $1 AND name = $2`
	sqlQuietTrouble   = `UPDATE health_troubles SET quiet_until = $3 WHERE node = $1 AND name = $2`
	sqlSweepOperators = `SELECT owner FROM users WHERE role = 'admin' AND status = 'active' ORDER BY owner`
	watchName         = "watch"
	noticeIDBytes     = 16 // of a hash, as long as the ids that are drawn
)

// ClaimWatch implements health.Store.
func (s *Store) ClaimWatch(ctx context.Context, node string, now, until, latest time.Time) (fence int64, ok bool, err error) {
	err = s.db.write(ctx, func(q queries) error {
		err := q.one(ctx, sqlClaimWatch, []any{watchName, node, stamp(now), stamp(until), stamp(latest)}, &fence)
		ok = err == nil
		if noRow(err) {
			return nil
		}
		return err
	})
	return fence, ok, s.explain("claim the watch", err)
}

// PutReport implements health.Store.
func (s *Store) PutReport(ctx context.Context, r health.Report) error {
	body, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode a report: %w", err)
	}
	_, err = s.db.exec(ctx, sqlPutReport, r.Node, stamp(r.At), string(body))
	return s.explain("put a report", err)
}

// DeleteReport implements health.Store.
func (s *Store) DeleteReport(ctx context.Context, node string) error {
	_, err := s.db.exec(ctx, sqlDeleteReport, node)
	return s.explain("delete a report", err)
}

// Reports implements health.Store.
func (s *Store) Reports(ctx context.Context) (all []health.Report, err error) {
	err = s.db.each(ctx, sqlReports, nil, func(row scanner) error {
		var r health.Report
		var at int64
		var body string
		if err := row.Scan(&r.Node, &at, &body); err != nil {
			return err
		}
		r.At = moment(at)
		all = append(all, r)
		return json.Unmarshal([]byte(body), &all[len(all)-1])
	})
	return all, s.explain("read reports", err)
}

// Troubles implements health.Store.
func (s *Store) Troubles(ctx context.Context) (all []health.Trouble, err error) {
	err = s.db.each(ctx, sqlTroubles, nil, func(row scanner) error {
		var t health.Trouble
		var since, mended, quiet int64
		if err := row.Scan(&t.Node, &t.Name, &t.State, &since, &t.Says, &t.Fix, &t.Told, &mended, &quiet); err != nil {
			return err
		}
		t.Since, t.MendedAt, t.QuietUntil = moment(since), moment(mended), moment(quiet)
		all = append(all, t)
		return nil
	})
	return all, s.explain("read troubles", err)
}

// SettleTroubles implements health.Store.
func (s *Store) SettleTroubles(ctx context.Context, settled health.Settlement) error {
	err := s.db.write(ctx, func(q queries) error {
		held, err := q.exec(ctx, sqlHoldWatch, watchName, settled.Fence)
		if err != nil {
			return err
		}
		if held == 0 {
			return fault.New(fault.Conflict, "another node watches")
		}
		for _, t := range settled.Keep {
			if _, err := q.exec(ctx, sqlPutTrouble, t.Node, t.Name, string(t.State), stamp(t.Since), t.Says, t.Fix, string(t.Told), stamp(t.MendedAt)); err != nil {
				return err
			}
		}
		for _, t := range settled.Drop {
			if _, err := q.exec(ctx, sqlDeleteTrouble, t.Node, t.Name); err != nil {
				return err
			}
		}
		return s.tellOperators(ctx, q, settled)
	})
	return s.explain("settle troubles", err)
}

// tellOperators tells every administrator what is new.
func (s *Store) tellOperators(ctx context.Context, q queries, settled health.Settlement) error {
	if len(settled.Tell) == 0 {
		return nil
	}
	var operators []ledger.OwnerID
	err := q.each(ctx, sqlSweepOperators, nil, func(row scanner) error {
		var owner string
		err := row.Scan(&owner)
		operators = append(operators, ledger.OwnerID(owner))
		return err
	})
	if err != nil {
		return err
	}
	for _, told := range settled.Tell {
		for _, owner := range operators {
			n := notify.Notice{
				Owner: owner, ID: troubleID(told), Kind: notify.NoticeOperator, At: settled.At, Urgent: told.News == health.BadNews && told.State == health.Failing,
				Facts: notify.NoticeFacts{Subject: told.Title(), Text: told.Text(), Fix: told.Fix},
			}
			if told.News == health.AllClear {
				n.Facts.Fix = ""
			}
			if err := s.tell(ctx, q, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// troubleID names a piece of news, so that it is told once.
func troubleID(t health.Told) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{t.Node, t.Name, t.Since.UTC().Format(time.RFC3339Nano), string(t.Told), string(t.News)}, "\x00")))
	return hex.EncodeToString(sum[:noticeIDBytes])
}

// QuietTrouble implements health.Store.
func (s *Store) QuietTrouble(ctx context.Context, node, name string, until time.Time, write audit.Write) error {
	err := s.db.write(ctx, func(q queries) error {
		found, err := q.exec(ctx, sqlQuietTrouble, node, name, stamp(until))
		if err != nil {
			return err
		}
		if found == 0 {
			return fault.New(fault.NotFound, "There is no such trouble any more.")
		}
		return s.audit(ctx, q, write.Audit)
	})
	return s.explain("quiet a trouble", err)
}
