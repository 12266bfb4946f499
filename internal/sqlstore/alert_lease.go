package sqlstore

import (
	"context"
	"slices"
	"time"

	"folioscope/internal/cluster"
	"folioscope/internal/engine"
	"folioscope/internal/ledger"
)

const (
	sqlPresent = `INSERT INTO alert_engines (node, until_at, dealt_until) VALUES ($1, $2, $2)
ON CONFLICT (node) DO UPDATE SET until_at = excluded.until_at, dealt_until = excluded.dealt_until`
	sqlAbsent     = `DELETE FROM alert_engines WHERE node = $1`
	sqlForgetGone = `DELETE FROM alert_engines WHERE until_at <= $1 OR until_at > $2`
	sqlEngines    = `SELECT node, until_at, dealt_until FROM alert_engines ORDER BY node`

	sqlRenewPartitions = `UPDATE alert_partitions SET held_until = $2 WHERE node = $1 RETURNING partition, fence, sequence, cursor`
	sqlFreePartitions  = `SELECT partition, fence FROM alert_partitions WHERE node <> $1 AND (node = '' OR held_until <= $2 OR held_until > $3) ORDER BY partition`
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
		falls, err := dealtTo(ctx, q, c)
		if err != nil {
			return err
		}
		var before []engine.Lease
		if err := q.each(ctx, sqlRenewPartitions, []any{c.Node, stamp(c.Until)}, func(row scanner) error {
			var l engine.Lease
			err := row.Scan(&l.Partition, &l.Fence, &l.Sequence, &l.Cursor)
			before = append(before, l)
			return err
		}); err != nil {
			return err
		}
		for _, l := range before {
			if falls.here(l.Partition, len(held)) || slices.Contains(c.Settling, l.Partition) {
				held = append(held, l)
				continue
			}
			if _, err := q.exec(ctx, sqlLeavePartition, l.Partition, l.Fence); err != nil {
				return err
			}
		}
		return takeFree(ctx, q, c, falls, &held)
	})
	return held, s.explain("claim alert partitions", err)
}

// deal says what falls to a node.
type deal struct {
	node  string
	nodes []string // that count as there
	share int      // at most so many, of whichever; 0: those that hashing deals
}

// here says whether a partition falls to the node, which holds so many others.
func (d deal) here(partition, held int) bool {
	if d.share > 0 {
		return held < d.share
	}
	return cluster.Owner(partition, d.nodes) == d.node
}

// dealtTo says that a node is here, and what falls to it among all that are. While one of a release is there that knows no hashing and takes
// an equal share of whatever is free, all do so: what hashing deals to that one it might never take, and the rest it might. This, and
// until_at and dealt_until of the table, can go once no release without hashing can run on the schema any more.
func dealtTo(ctx context.Context, q queries, c engine.Claim) (deal, error) {
	d := deal{node: c.Node}
	if _, err := q.exec(ctx, sqlPresent, c.Node, stamp(c.Until)); err != nil {
		return d, err
	}
	if _, err := q.exec(ctx, sqlForgetGone, stamp(c.Now), stamp(c.Latest)); err != nil {
		return d, err
	}
	hashing := true
	err := q.each(ctx, sqlEngines, nil, func(row scanner) error {
		var node string
		var until, dealtUntil int64
		err := row.Scan(&node, &until, &dealtUntil)
		d.nodes = append(d.nodes, node)
		hashing = hashing && until == dealtUntil
		return err
	})
	if !hashing {
		d.share = (engine.PartitionsCount + len(d.nodes) - 1) / len(d.nodes)
	}
	return d, err
}

// takeFree takes what falls to a node and nobody holds.
func takeFree(ctx context.Context, q queries, c engine.Claim, falls deal, held *[]engine.Lease) error {
	var free []engine.Lease
	if err := q.each(ctx, sqlFreePartitions, []any{c.Node, stamp(c.Now), stamp(c.Latest)}, func(row scanner) error {
		var l engine.Lease
		err := row.Scan(&l.Partition, &l.Fence)
		free = append(free, l)
		return err
	}); err != nil {
		return err
	}
	for _, l := range free {
		if !falls.here(l.Partition, len(*held)) {
			continue
		}
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
