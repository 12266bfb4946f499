package sqlstore

import (
	"context"
	"crypto/hmac"
	"errors"
	"strconv"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/seal"
)

const (
	sqlClaimAudit = `UPDATE audit_tree SET node = $2, until_at = $4, fence = fence + 1
WHERE name = $1 AND (node = $2 OR until_at <= $3 OR until_at > $5) RETURNING fence, size, root`
	sqlGrowAudit    = `UPDATE audit_tree SET size = $4, root = $5 WHERE name = $1 AND fence = $2 AND size = $3`
	sqlAuditTree    = `SELECT size, root FROM audit_tree WHERE name = $1`
	sqlPlaceAudit   = `UPDATE audit_rows SET leaf = $3 WHERE owner = $1 AND number = $2 AND leaf < 0`
	sqlSweepWaiting = `SELECT ` + auditCols + ` FROM audit_rows WHERE leaf < 0 ORDER BY owner, number LIMIT $1`
	sqlSweepLeaves  = `SELECT ` + auditCols + ` FROM audit_rows WHERE leaf >= 0 AND leaf >= $1 AND leaf < $2 ORDER BY leaf`
	// Rows lie by owner and number, so that a stretch of leaves is read as one run for each owner; a look-up for each row takes longer.
	sqlSweepStretch = `SELECT ` + auditCols + ` FROM (
    SELECT owner AS holder, MIN(number) AS first, MAX(number) AS last FROM audit_rows WHERE leaf >= 0 AND leaf >= $1 AND leaf < $2 GROUP BY owner
) runs JOIN audit_rows ON owner = holder AND number >= first AND number <= last AND leaf >= 0 AND leaf >= $1 AND leaf < $2`
	sqlSweepStray       = `SELECT COUNT(*) FROM audit_rows WHERE leaf >= 0 AND leaf >= $1`
	sqlSweepHeads       = `SELECT owner, number FROM audit_heads`
	sqlSweepPortfolios  = `SELECT p.owner, p.id, p.sequence, (SELECT COUNT(*) FROM activities a WHERE a.owner = p.owner AND a.portfolio = p.id) FROM portfolios p`
	sqlSweepOwners      = `SELECT owner FROM users`
	sqlTile             = `SELECT hashes FROM audit_tiles WHERE level = $1 AND tile = $2`
	sqlPutTile          = `INSERT INTO audit_tiles (level, tile, hashes) VALUES `
	sqlPutTileSuffix    = ` ON CONFLICT (level, tile) DO UPDATE SET hashes = excluded.hashes`
	sqlPutCheckpoint    = `INSERT INTO audit_checkpoints (number, size, at, text) VALUES `
	sqlLatestCheckpoint = `SELECT number, text FROM audit_checkpoints ORDER BY number DESC LIMIT 1`
	sqlCheckpoints      = `SELECT text FROM audit_checkpoints ORDER BY number`
)

const (
	auditTreeName     = "audit"
	tileColumns       = 3
	checkpointColumns = 4
	waitingAllMax     = 1 << 40 // no bound: whoever verifies wants all
)

// AuditSigner signs checkpoints with this installation's key, which comes from the keyring.
func (s *Store) AuditSigner() (*audit.Signer, error) { return AuditSigner(s.root) }

// AuditSigner is the signer of the installation with this keyring.
func AuditSigner(root *seal.Root) (*audit.Signer, error) {
	return audit.NewSigner(root.Fingerprint(), root.Derived("audit checkpoints v1"))
}

// AuditTile implements audit.TileStore.
func (s *Store) AuditTile(ctx context.Context, level int, n int64) ([]byte, error) {
	var hashes []byte
	err := s.db.one(ctx, sqlTile, []any{level, n}, &hashes)
	if noRow(err) {
		return nil, nil
	}
	return hashes, s.explain("read a tile", err)
}

// ClaimAudit implements audit.SequencerStore.
func (s *Store) ClaimAudit(ctx context.Context, node string, now, until, latest time.Time) (lease audit.Lease, ok bool, err error) {
	err = s.db.write(ctx, func(q queries) error {
		lease, ok = audit.Lease{}, false
		var root []byte
		err := q.one(ctx, sqlClaimAudit, []any{auditTreeName, node, stamp(now), stamp(until), stamp(latest)}, &lease.Fence, &lease.Size, &root)
		if noRow(err) {
			return nil
		}
		if err != nil {
			return err
		}
		lease.Root, ok = rootOf(lease.Size, root), true
		var text string
		if err := q.one(ctx, sqlLatestCheckpoint, nil, &lease.Number, &text); noRow(err) {
			return nil
		} else if err != nil {
			return err
		}
		lease.Signed = []byte(text)
		return nil
	})
	return lease, ok, s.explain("claim the audit tree", err)
}

// rootOf reads a stored root; the empty tree has none stored.
func rootOf(size int64, stored []byte) (root audit.Hash) {
	if size == 0 && len(stored) == 0 {
		return audit.EmptyRoot()
	}
	copy(root[:], stored) // one of another length fits no checkpoint
	return root
}

// WaitingAudits implements audit.SequencerStore.
func (s *Store) WaitingAudits(ctx context.Context, limit int, old bool) (rows []audit.Row, forged int, err error) {
	stored, err := s.auditRows(ctx, s.db, sqlSweepWaiting, limit)
	if err != nil {
		return nil, 0, s.explain("read waiting audit rows", err)
	}
	rows, forged = s.genuine(stored, old)
	return rows, forged, nil
}

// genuine leaves out rows that this installation didn't write. Those of before there was a tree have no tag; they count where
// nothing was signed yet.
func (s *Store) genuine(stored []storedAudit, old bool) (rows []audit.Row, forged int) {
	for i := range stored {
		r := &stored[i]
		if !hmac.Equal(r.tag, s.auditTag(&r.Row)) && (!old || len(r.tag) > 0) {
			forged++
			continue
		}
		rows = append(rows, r.Row)
	}
	return rows, forged
}

// ExtendAudit implements audit.SequencerStore.
func (s *Store) ExtendAudit(ctx context.Context, e audit.Extension) error {
	err := s.db.write(ctx, func(q queries) error {
		grown, err := q.exec(ctx, sqlGrowAudit, auditTreeName, e.Fence, e.From, e.To, e.Root[:])
		if err != nil {
			return err
		}
		if grown == 0 {
			return fault.New(fault.Conflict, "another node extends the audit tree")
		}
		for i := range e.Rows {
			r := &e.Rows[i]
			placed, err := q.exec(ctx, sqlPlaceAudit, string(r.Owner), r.Number, r.Leaf)
			if err != nil {
				return err
			}
			if placed == 0 {
				return fault.New(fault.Conflict, "an audit row has its place already, or is gone")
			}
		}
		rows := make([]any, 0, len(e.Tiles)*tileColumns)
		for _, t := range e.Tiles {
			rows = append(rows, t.Level, t.N, t.Hashes)
		}
		if err := insertRows(ctx, q, sqlPutTile, tileColumns, sqlPutTileSuffix, rows); err != nil {
			return err
		}
		if e.Signed == nil {
			return nil
		}
		return s.taken(insertRows(ctx, q, sqlPutCheckpoint, checkpointColumns, "", []any{e.Number, e.To, stamp(e.SignedAt), string(e.Signed)}), "another node signed a checkpoint")
	})
	return s.explain("extend the audit tree", err)
}

// LatestCheckpoint implements audit.CopyStore.
func (s *Store) LatestCheckpoint(ctx context.Context) ([]byte, error) {
	var number int64
	var text string
	err := s.db.one(ctx, sqlLatestCheckpoint, nil, &number, &text)
	if noRow(err) {
		return nil, nil
	}
	return []byte(text), s.explain("read the audit checkpoint", err)
}

// AuditState implements audit.Source.
func (s *Store) AuditState(ctx context.Context) (audit.State, error) {
	ctx, cancel := bounded(ctx, bulkWaitMax)
	defer cancel()
	var state audit.State
	err := s.db.read(ctx, func(q queries) error {
		state = audit.State{Heads: make(map[ledger.OwnerID]int64)}
		var root []byte
		if err := q.one(ctx, sqlAuditTree, []any{auditTreeName}, &state.Size, &root); err != nil {
			return err
		}
		if err := q.one(ctx, sqlSweepStray, []any{state.Size}, &state.Stray); err != nil {
			return err
		}
		state.Root = rootOf(state.Size, root)
		return s.readState(ctx, q, &state)
	})
	return state, s.explain("read the audit state", err)
}

func (s *Store) readState(ctx context.Context, q queries, state *audit.State) error {
	err := q.each(ctx, sqlCheckpoints, nil, func(row scanner) error {
		var text string
		err := row.Scan(&text)
		state.Checkpoints = append(state.Checkpoints, text)
		return err
	})
	if err != nil {
		return err
	}
	err = q.each(ctx, sqlSweepHeads, nil, func(row scanner) error {
		var owner string
		var number int64
		err := row.Scan(&owner, &number)
		state.Heads[ledger.OwnerID(owner)] = number
		return err
	})
	if err != nil {
		return err
	}
	err = q.each(ctx, sqlSweepPortfolios, nil, func(row scanner) error {
		var p audit.PortfolioState
		var owner, id string
		err := row.Scan(&owner, &id, &p.Sequence, &p.Rows)
		p.Owner, p.ID = ledger.OwnerID(owner), ledger.PortfolioID(id)
		state.Portfolios = append(state.Portfolios, p)
		return err
	})
	if err != nil {
		return err
	}
	err = q.each(ctx, sqlSweepOwners, nil, func(row scanner) error {
		var owner string
		err := row.Scan(&owner)
		state.Users = append(state.Users, ledger.OwnerID(owner))
		return err
	})
	if err != nil {
		return err
	}
	waiting, err := s.auditRows(ctx, q, sqlSweepWaiting, int64(waitingAllMax))
	state.Waiting, state.Forged = s.genuine(waiting, len(state.Checkpoints) == 0)
	return err
}

// AuditStretch implements audit.Source.
func (s *Store) AuditStretch(ctx context.Context, from, to int64, see func(*audit.Row) error) error {
	return s.eachLeaf(ctx, sqlSweepStretch, from, to, see)
}

// AuditLeaves calls see for the rows from one leaf to before another, in their order. The row is see's only until it returns.
func (s *Store) AuditLeaves(ctx context.Context, from, to int64, see func(*audit.Row) error) error {
	return s.eachLeaf(ctx, sqlSweepLeaves, from, to, see)
}

func (s *Store) eachLeaf(ctx context.Context, text string, from, to int64, see func(*audit.Row) error) error {
	return s.explain("read audit rows", s.db.each(ctx, text, []any{from, to}, func(row scanner) error {
		var r storedAudit
		if err := scanAudit(row, &r); err != nil {
			return err
		}
		return see(&r.Row)
	}))
}

// CheckDetail implements audit.Source.
func (s *Store) CheckDetail(ctx context.Context, row *audit.Row) (audit.DetailState, error) {
	key, err := s.key(ctx, s.db, row.Owner)
	if fault.Is(err, fault.NotFound) {
		return audit.DetailErased, nil
	}
	if errors.Is(err, seal.ErrOpen) {
		return audit.DetailWrong, nil
	}
	if err != nil {
		return 0, s.explain("open an audit detail", err)
	}
	number := strconv.FormatInt(row.Number, 10)
	plain, err := key.Open(row.Sealed, columnDetail, number)
	if opened := err == nil; opened { // else, whatever it is, it isn't what was sealed here
		if want := key.Commit(plain, columnDetail, number); hmac.Equal(want[:], row.Commitment) {
			return audit.DetailWhole, nil
		}
	}
	return audit.DetailWrong, nil
}
