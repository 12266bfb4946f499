package sqlstore

import (
	"context"
	"time"

	"folioscope/internal/engine"
	"folioscope/internal/ledger"
)

const (
	sqlPresent    = `INSERT INTO alert_engines (node, until_at) VALUES ($1, $2) ON CONFLICT (node) DO UPDATE SET until_at = excluded.until_at`
	sqlAbsent     = `DELETE FROM alert_engines WHERE node = $1`
	sqlForgetGone = `DELETE FROM alert_engines WHERE until_at <= $1 OR until_at > $2`
	sqlEngines    = `SELECT COUNT(*) FROM alert_engines`

	sqlRenewPartitions = `UPDATE alert_partitions SET held_until = $2 WHERE node = $1 RETURNING partition, fence, sequence, cursor`
	sqlFreePartitions  = `SELECT partition, fence FROM alert_partitions WHERE node <> $1 AND (node = '' OR held_until <= $2 OR held_until > $3) ORDER BY partition LIMIT $4`
	sqlTakePartition   = `UPDATE alert_partitions SET node = $3, held_until = $4, fence = fence + 1 WHERE partition = $1 AND fence = $2
RETURNING fence, sequence, cursor`
	sqlLeavePartition  = `UPDATE alert_partitions SET node = '', held_until = 0 WHERE partition = $1 AND fence = $2`
	sqlLeavePartitions = `UPDATE alert_partitions SET node = '', held_until = 0 WHERE node = $1`
	sqlSaveCursor      = `UPDATE alert_partitions SET cursor = $3 WHERE partition = $1 AND fence = $2 AND cursor < $3`

	sqlEvaluatedTo = `SELECT cursor FROM alert_partitions WHERE partition = $1 AND node <> '' AND held_until > $2`

	sqlSweepChanged = `SELECT owner, sequence FROM alert_owners WHERE partition = $1 AND sequence > $2 ORDER BY sequence`
)

// ClaimPartitions implements engine.Store.
func (s *Store) ClaimPartitions(ctx context.Context, c engine.Claim) (held []engine.Lease, err error) {
	err = s.db.write(ctx, func(q queries) error {
		held = nil
		share, err := shareOf(ctx, q, c)
		if err != nil {
			return err
		}
		if err := q.each(ctx, sqlRenewPartitions, []any{c.Node, stamp(c.Until)}, func(row scanner) error {
			var l engine.Lease
			err := row.Scan(&l.Partition, &l.Fence, &l.Sequence, &l.Cursor)
			held = append(held, l)
			return err
		}); err != nil {
			return err
		}
		for ; len(held) > share; held = held[:len(held)-1] {
			last := held[len(held)-1]
			if _, err := q.exec(ctx, sqlLeavePartition, last.Partition, last.Fence); err != nil {
				return err
			}
		}
		return takeFree(ctx, q, c, share-len(held), &held)
	})
	return held, s.explain("claim alert partitions", err)
}

// shareOf says that a node is here, and how many partitions are its share among all that are.
func shareOf(ctx context.Context, q queries, c engine.Claim) (int, error) {
	if _, err := q.exec(ctx, sqlPresent, c.Node, stamp(c.Until)); err != nil {
		return 0, err
	}
	if _, err := q.exec(ctx, sqlForgetGone, stamp(c.Now), stamp(c.Latest)); err != nil {
		return 0, err
	}
	var nodes int
	if err := q.one(ctx, sqlEngines, nil, &nodes); err != nil {
		return 0, err
	}
	return (engine.PartitionsCount + nodes - 1) / max(nodes, 1), nil
}

// takeFree takes partitions that nobody holds, up to a number.
func takeFree(ctx context.Context, q queries, c engine.Claim, wanted int, held *[]engine.Lease) error {
	if wanted <= 0 {
		return nil
	}
	var free []engine.Lease
	if err := q.each(ctx, sqlFreePartitions, []any{c.Node, stamp(c.Now), stamp(c.Latest), wanted}, func(row scanner) error {
		var l engine.Lease
		err := row.Scan(&l.Partition, &l.Fence)
		free = append(free, l)
		return err
	}); err != nil {
		return err
	}
	for _, l := range free {
		err := q.one(ctx, sqlTakePartition, []any{l.Partition, l.Fence, c.Node, stamp(c.Until)}, &l.Fence, &l.Sequence, &l.Cursor)
		if noRow(err) {
			continue // another node was quicker
		}
		if err != nil {
			return err
		}
		*held = append(*held, l)
	}
	return nil
}

// ReleasePartitions implements engine.Store.
func (s *Store) ReleasePartitions(ctx context.Context, node string) error {
	err := s.db.write(ctx, func(q queries) error {
		if _, err := q.exec(ctx, sqlAbsent, node); err != nil {
			return err
		}
		_, err := q.exec(ctx, sqlLeavePartitions, node)
		return err
	})
	return s.explain("release alert partitions", err)
}

// SaveCursors implements engine.Store.
func (s *Store) SaveCursors(ctx context.Context, leases []engine.Lease) error {
	err := s.db.write(ctx, func(q queries) error {
		for _, l := range leases {
			if _, err := q.exec(ctx, sqlSaveCursor, l.Partition, l.Fence, l.Cursor); err != nil {
				return err
			}
		}
		return nil
	})
	return s.explain("save alert cursors", err)
}

// ChangedOwners implements engine.Store.
func (s *Store) ChangedOwners(ctx context.Context, partition int, after int64) ([]engine.Changed, error) {
	var changed []engine.Changed
	err := s.db.each(ctx, sqlSweepChanged, []any{partition, after}, func(row scanner) error {
		var c engine.Changed
		var owner string
		err := row.Scan(&owner, &c.Sequence)
		c.Owner = ledger.OwnerID(owner)
		changed = append(changed, c)
		return err
	})
	return changed, s.explain("list changed alert owners", err)
}

// AlertsEvaluated is until when every accepted price was looked at by all of an owner's rules: now, or when the first one came that wasn't.
// It is zero where no node evaluates them.
func (s *Store) AlertsEvaluated(ctx context.Context, owner ledger.OwnerID) (until time.Time, err error) {
	until = s.now()
	var cursor int64
	err = s.db.one(ctx, sqlEvaluatedTo, []any{engine.PartitionOf(owner), stamp(until)}, &cursor)
	if noRow(err) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, s.explain("see until when alert rules were evaluated", err)
	}
	next, err := s.QuotesAfter(ctx, cursor, 1)
	if len(next) > 0 && next[0].ObservedAt.Before(until) {
		until = next[0].ObservedAt
	}
	return until, err
}
