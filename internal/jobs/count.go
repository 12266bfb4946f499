package jobs

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// These read River's own table, so a test guards them. A job that is scheduled waits like one that is available.
const (
	countSQLite = `SELECT kind,
		SUM(CASE WHEN state IN ('available','retryable','scheduled','pending') THEN 1 ELSE 0 END), SUM(CASE WHEN state='running' THEN 1 ELSE 0 END),
		SUM(CASE WHEN state='discarded' AND finalized_at > datetime('now','-1 day') THEN 1 ELSE 0 END),
		COALESCE(MAX(CASE WHEN state IN ('available','retryable','scheduled') THEN (julianday('now','subsec')-julianday(scheduled_at))*86400.0 END), 0.0)
		FROM river_job WHERE state NOT IN ('completed','cancelled') GROUP BY kind ORDER BY kind`
	countPostgres = `SELECT kind,
		COUNT(*) FILTER (WHERE state IN ('available','retryable','scheduled','pending')), COUNT(*) FILTER (WHERE state='running'),
		COUNT(*) FILTER (WHERE state='discarded' AND finalized_at > now() - interval '1 day'),
		COALESCE(MAX(EXTRACT(EPOCH FROM now()-scheduled_at)) FILTER (WHERE state IN ('available','retryable','scheduled')), 0)::double precision
		FROM river_job WHERE state NOT IN ('completed','cancelled') GROUP BY kind ORDER BY kind`
)

// Count is how many jobs of a kind there are in each state that somebody may have to care about.
type Count struct {
	Kind    string
	Waiting int64 // those that will be tried again included
	Running int64
	Dead    int64         // given up within the last day
	Late    time.Duration // since when the oldest that waits has been due; 0 where none is late
}

// Counts counts the jobs of all nodes, by kind. It needs no queue, so that a command may ask.
func Counts(ctx context.Context, database Database) (counts []Count, err error) {
	if err := prepare(ctx, database); err != nil {
		return nil, fmt.Errorf("count jobs: %w", err)
	}
	if database.Pool != nil {
		rows, err := database.Pool.Query(ctx, countPostgres)
		if err != nil {
			return nil, fmt.Errorf("count jobs: %w", err)
		}
		counts, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Count, error) { return scanCount(row) })
		if err != nil {
			return nil, fmt.Errorf("count jobs: %w", err)
		}
		return counts, nil
	}
	rows, err := database.SQLite.QueryContext(ctx, countSQLite)
	if err != nil {
		return nil, fmt.Errorf("count jobs: %w", err)
	}
	defer func(rows *sql.Rows) { _ = rows.Close() }(rows) // Err has said what there is to say
	for rows.Next() {
		c, err := scanCount(rows)
		if err != nil {
			return nil, fmt.Errorf("count jobs: %w", err)
		}
		counts = append(counts, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("count jobs: %w", err)
	}
	return counts, nil
}

func scanCount(row interface{ Scan(into ...any) error }) (c Count, err error) {
	var late float64
	err = row.Scan(&c.Kind, &c.Waiting, &c.Running, &c.Dead, &late)
	c.Late = time.Duration(max(late, 0) * float64(time.Second))
	return c, err
}
