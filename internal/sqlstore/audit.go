package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/seal"
)

const (
	sqlAuditHead = `INSERT INTO audit_heads (owner, number) VALUES ($1, 1)
ON CONFLICT (owner) DO UPDATE SET number = audit_heads.number + 1 RETURNING number`
	sqlNewAuditHead = `INSERT INTO audit_heads (owner, number) VALUES `
	sqlAuditRow     = `INSERT INTO audit_rows (owner, number, at, actor, session, node, action, object, request_id, result, portfolio, portfolio_sequence, portfolio_rows, detail, commitment, tag, leaf) VALUES `
	sqlAudits       = `SELECT ` + auditCols + ` FROM audit_rows
WHERE owner = $1 AND number > $2 ORDER BY number LIMIT $3`
	sqlAuditsBack = `SELECT ` + auditCols + ` FROM audit_rows
WHERE owner = $1 AND number < $2 ORDER BY number DESC LIMIT $3`
	sqlSweepAuditPage = `SELECT ` + auditCols + ` FROM audit_rows
WHERE leaf >= 0 AND leaf < $1 AND at >= $2 AND at < $3 AND (action = $4 OR $4 = '') AND (actor = $5 OR $5 = '') AND (object = $6 OR $6 = '')
ORDER BY leaf DESC LIMIT $7`

	auditCols = `owner, number, at, actor, session, node, action, object, request_id, result, portfolio, portfolio_sequence, portfolio_rows, detail, commitment, tag, leaf`
)

const (
	auditColumns     = 17
	auditHeadColumns = 2

	detailBytesMax = 1 << 10 // an address and what a browser says of itself, several times over
	purposeTag     = "audit row"
)

// columnDetail is sealed, and committed to, under the row's number.
var columnDetail = seal.Column{Table: "audit_rows", Name: "detail"}

// marked ties a write's audit row to the sequence that it brings a portfolio to, and to the rows of activities that it adds.
func marked(w Write, portfolio ledger.PortfolioID, sequence int64, rows int) Write {
	w.Audit.Mark = audit.Mark{Portfolio: portfolio, Sequence: sequence, Rows: int64(rows)}
	return w
}

func (s *Store) audit(ctx context.Context, q queries, entry audit.Entry) error {
	if entry.Action == "" || entry.Result == "" {
		return errors.New("a change without an audit entry")
	}
	if len(entry.Detail) > detailBytesMax {
		return fmt.Errorf("an audit detail of %d bytes", len(entry.Detail))
	}
	row := audit.Row{Entry: entry, At: s.now(), Node: s.node, Leaf: audit.Waiting}
	if err := q.one(ctx, sqlAuditHead, []any{string(entry.Owner)}, &row.Number); err != nil {
		return err
	}
	row.Sealed, row.Commitment = []byte{}, []byte{}
	if entry.Detail != "" && entry.Owner != "" {
		key, _, err := s.keyWithin(ctx, q, entry.Owner)
		if err != nil {
			return err
		}
		number := strconv.FormatInt(row.Number, 10)
		commitment := key.Commit([]byte(entry.Detail), columnDetail, number)
		row.Sealed, row.Commitment = key.Seal([]byte(entry.Detail), columnDetail, number), commitment[:]
	}
	return insertRows(ctx, q, sqlAuditRow, auditColumns, "", s.auditRow(&row))
}

// auditRow is a row's columns as they are stored, tagged.
func (s *Store) auditRow(row *audit.Row) []any {
	return []any{string(row.Owner), row.Number, stamp(row.At), string(row.Actor), row.Session, row.Node,
		string(row.Action), row.Object, row.RequestID, row.Result, string(row.Mark.Portfolio), row.Mark.Sequence, row.Mark.Rows,
		row.Sealed, row.Commitment, s.auditTag(row), row.Leaf}
}

// auditTag shows that this installation wrote a row, until the row has its place in the signed tree.
func (s *Store) auditTag(row *audit.Row) []byte {
	waiting := *row
	waiting.Leaf = audit.Waiting
	const typical = 512 // bytes
	sum := s.root.Index(purposeTag, string(waiting.AppendLeaf(make([]byte, 0, typical))))
	return sum[:]
}

// RecordAudit adds an audit row that no change goes with, such as a refused sign-in.
func (s *Store) RecordAudit(ctx context.Context, entry audit.Entry) error {
	return s.explain("record audit", s.db.write(ctx, func(q queries) error { return s.audit(ctx, q, entry) }))
}

// RecordRefusal adds an audit row of its owner that no change goes with, and the mails and the incident that tell of it.
func (s *Store) RecordRefusal(ctx context.Context, w Write) error {
	return s.explain("record refusal", s.db.write(ctx, func(q queries) error { return s.record(ctx, q, w.Audit.Owner, w) }))
}

// storedAudit is a row with its tag.
type storedAudit struct {
	audit.Row
	tag []byte
}

func scanAudit(row scanner, r *storedAudit) error {
	var at int64
	var owner, actor, action, portfolio string
	err := row.Scan(&owner, &r.Number, &at, &actor, &r.Session, &r.Node, &action, &r.Object, &r.RequestID, &r.Result,
		&portfolio, &r.Mark.Sequence, &r.Mark.Rows, &r.Sealed, &r.Commitment, &r.tag, &r.Leaf)
	r.Owner, r.Actor, r.Action, r.At, r.Mark.Portfolio = ledger.OwnerID(owner), ledger.OwnerID(actor), audit.Action(action), moment(at), ledger.PortfolioID(portfolio)
	return err
}

func (s *Store) auditRows(ctx context.Context, q queries, text string, args ...any) ([]storedAudit, error) {
	var rows []storedAudit
	err := q.each(ctx, text, args, func(row scanner) error {
		var r storedAudit
		err := scanAudit(row, &r)
		rows = append(rows, r)
		return err
	})
	return rows, err
}

// Audits gives an owner's audit rows with a number above after, at most limit.
func (s *Store) Audits(ctx context.Context, owner ledger.OwnerID, after int64, limit int) ([]audit.Row, error) {
	return s.opened(ctx, sqlAudits, owner, after, limit)
}

// AuditsBefore gives an owner's audit rows with a number below before, the latest first, at most limit. Their details are open.
func (s *Store) AuditsBefore(ctx context.Context, owner ledger.OwnerID, before int64, limit int) ([]audit.Row, error) {
	return s.opened(ctx, sqlAuditsBack, owner, before, limit)
}

// opened reads rows of one owner and opens what is sealed in them; it stays closed where the owner's key is gone.
func (s *Store) opened(ctx context.Context, text string, owner ledger.OwnerID, bound int64, limit int) ([]audit.Row, error) {
	stored, err := s.auditRows(ctx, s.db, text, string(owner), bound, limit)
	if err != nil {
		return nil, s.explain("read audit rows", err)
	}
	rows := make([]audit.Row, len(stored))
	for i := range stored {
		rows[i] = stored[i].Row
		if len(rows[i].Sealed) == 0 {
			continue
		}
		key, err := s.key(ctx, s.db, owner)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, s.explain("read audit rows", err)
		}
		plain, err := key.Open(rows[i].Sealed, columnDetail, strconv.FormatInt(rows[i].Number, 10))
		if err != nil {
			return nil, s.explain("read audit rows", err)
		}
		rows[i].Detail = string(plain)
	}
	return rows, nil
}

// AuditPage gives rows of all owners that are in the tree, with a leaf below before, the latest first, at most limit. Details
// stay sealed.
func (s *Store) AuditPage(ctx context.Context, f audit.Filter, before int64, limit int) ([]audit.Row, error) {
	until := f.Until
	if until.IsZero() {
		until = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	stored, err := s.auditRows(ctx, s.db, sqlSweepAuditPage, before, stamp(f.From), stamp(until), string(f.Action), string(f.Actor), f.Object, limit)
	rows := make([]audit.Row, len(stored))
	for i := range stored {
		rows[i] = stored[i].Row
	}
	return rows, s.explain("read audit rows", err)
}
