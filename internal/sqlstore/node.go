package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"folioscope/internal/cluster"
)

const (
	sqlPutNode = `INSERT INTO nodes (name, roles, version, schema_version, keyring, started_at, ahead, seen_at, until_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (name) DO UPDATE SET roles = excluded.roles, version = excluded.version, schema_version = excluded.schema_version, keyring = excluded.keyring,
started_at = excluded.started_at, ahead = excluded.ahead, seen_at = excluded.seen_at, until_at = excluded.until_at`
	sqlForgetGoneNodes = `DELETE FROM nodes WHERE seen_at < $1`
	sqlDeleteNode      = `DELETE FROM nodes WHERE name = $1`
	sqlNodes           = `SELECT name, roles, version, schema_version, keyring, started_at, ahead, seen_at, until_at,
(SELECT COUNT(*) FROM alert_partitions p WHERE p.node = nodes.name AND p.held_until > $1) FROM nodes ORDER BY name`
	// Only a server has a clock besides ours.
	sqlServerClock = `SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint`
)

// nodesKept is how long a node that is gone is remembered, as its report is: long enough to be asked after.
const nodesKept = 24 * time.Hour

// Installation names this installation among others; it is no secret.
func (s *Store) Installation() string { return s.root.Fingerprint() }

// ReadClock implements cluster.Store.
func (s *Store) ReadClock(ctx context.Context) (cluster.Clock, error) {
	clock, err := s.readClock(ctx, s.db)
	return clock, s.explain("read the clock", err)
}

func (s *Store) readClock(ctx context.Context, q queries) (cluster.Clock, error) {
	asked := s.now()
	if _, server := bare(s.db).(*postgres); !server {
		return cluster.Clock{At: asked, Asked: asked, Answer: asked}, nil
	}
	var at int64
	err := q.one(ctx, sqlServerClock, nil, &at)
	return cluster.Clock{Server: true, At: moment(at), Asked: asked, Answer: s.now()}, err
}

// Beat implements cluster.Store. What the node knows of schema and keyring the store knows itself.
func (s *Store) Beat(ctx context.Context, n cluster.Node, lasts time.Duration) error {
	err := s.db.write(ctx, func(q queries) error {
		clock, err := s.readClock(ctx, q)
		if err != nil {
			return err
		}
		_, err = q.exec(ctx, sqlPutNode, n.Name, strings.Join(n.Roles, " "), n.Version, s.schema, s.Installation(), stamp(n.StartedAt), n.Ahead.Microseconds(), stamp(clock.At), stamp(clock.At.Add(lasts)))
		if err != nil {
			return err
		}
		_, err = q.exec(ctx, sqlForgetGoneNodes, stamp(clock.At.Add(-nodesKept)))
		return err
	})
	if err == nil && s.room.take(time.Now()) {
		s.log.InfoContext(ctx, "the disk that holds the data has room again: changes are taken")
	}
	return s.explain("note a node", err)
}

// LeaveCluster implements cluster.Store.
func (s *Store) LeaveCluster(ctx context.Context, name string) error {
	_, err := s.db.exec(ctx, sqlDeleteNode, name)
	return s.explain("take a node away", err)
}

// Nodes are those that are there, by name, each with the partitions of alert rules that it holds.
func (s *Store) Nodes(ctx context.Context) (there []cluster.Node, err error) {
	err = s.db.read(ctx, func(q queries) error {
		there = nil
		clock, err := s.readClock(ctx, q)
		if err != nil {
			return err
		}
		return q.each(ctx, sqlNodes, []any{stamp(clock.At)}, func(row scanner) error {
			var n cluster.Node
			var roles string
			var started, ahead, seen, until int64
			if err := row.Scan(&n.Name, &roles, &n.Version, &n.Schema, &n.Keyring, &started, &ahead, &seen, &until, &n.Partitions); err != nil {
				return fmt.Errorf("read a node: %w", err)
			}
			n.Roles, n.Ahead = strings.Fields(roles), time.Duration(ahead)*time.Microsecond
			n.StartedAt, n.SeenAt, n.Until = moment(started), moment(seen), moment(until)
			if n.Until.After(clock.At) {
				there = append(there, n)
			}
			return nil
		})
	})
	return slices.Clip(there), s.explain("list the nodes", err)
}
