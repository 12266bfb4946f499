package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

// These give a dead process's jobs back to the queue at its next start, rather than after rescueAfter. They reach into River's
// own tables, so a test guards them. A job that has used its attempts is left to the rescuer: it may be what kills the process.
const (
	sweepSQLite = `UPDATE river_job SET state='available', scheduled_at=datetime('now','subsec')
		WHERE state='running' AND attempt < max_attempts AND (SELECT value FROM json_each(attempted_by) ORDER BY key DESC LIMIT 1)=?1`
	sweepPostgres = `UPDATE river_job SET state='available', scheduled_at=now()
		WHERE state='running' AND attempt < max_attempts AND attempted_by[array_length(attempted_by,1)]=$1`
)

// client is River's client over one of the two databases.
type client[T any] struct {
	*river.Client[T]
	execute func(ctx context.Context, node string) (int64, error)
}

// open brings River's tables up to date and makes its client.
func open(ctx context.Context, database Database, config *river.Config) (queue, error) {
	if err := prepare(ctx, database); err != nil {
		return nil, err
	}
	if database.Pool != nil {
		return connect[pgx.Tx](riverpgxv5.New(database.Pool), config, sweeperPostgres(database.Pool))
	}
	return connect[*sql.Tx](riversqlite.New(database.SQLite), config, sweeperSQLite(database.SQLite))
}

// prepare brings River's tables up to date.
func prepare(ctx context.Context, database Database) error {
	switch {
	case (database.Pool == nil) == (database.SQLite == nil):
		return errors.New("one of the two databases is needed")
	case database.Pool != nil:
		return migrate[pgx.Tx](ctx, riverpgxv5.New(database.Pool))
	default:
		return migrate[*sql.Tx](ctx, riversqlite.New(database.SQLite))
	}
}

func connect[T any](driver riverdriver.Driver[T], config *river.Config, sweep func(context.Context, string) (int64, error)) (queue, error) {
	made, err := river.NewClient(driver, config)
	if err != nil {
		return nil, fmt.Errorf("make the client: %w", err)
	}
	return &client[T]{Client: made, execute: sweep}, nil
}

// migrate tries again where another node did the same migration in the same moment and won.
func migrate[T any](ctx context.Context, driver riverdriver.Driver[T]) error {
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("prepare the migration: %w", err)
	}
	const triesMax, pause = 50, 100 * time.Millisecond // each of some versions may be lost to each of some nodes
	for range triesMax {
		if _, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err == nil || ctx.Err() != nil {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

func sweeperPostgres(pool *pgxpool.Pool) func(context.Context, string) (int64, error) {
	return func(ctx context.Context, node string) (int64, error) {
		tag, err := pool.Exec(ctx, sweepPostgres, node)
		return tag.RowsAffected(), err
	}
}

func sweeperSQLite(database *sql.DB) func(context.Context, string) (int64, error) {
	return func(ctx context.Context, node string) (int64, error) {
		result, err := database.ExecContext(ctx, sweepSQLite, node)
		if err != nil {
			return 0, err
		}
		return result.RowsAffected()
	}
}

func (c *client[T]) start(ctx context.Context) error { return c.Start(ctx) }
func (c *client[T]) stop(ctx context.Context) error  { return c.Stop(ctx) }
func (c *client[T]) abort(ctx context.Context) error { return c.StopAndCancel(ctx) }

func (c *client[T]) sweep(ctx context.Context, node string) (int64, error) {
	return c.execute(ctx, node)
}

func (c *client[T]) insert(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) (int64, bool, error) {
	result, err := c.Insert(ctx, args, opts)
	if err != nil {
		return 0, false, err
	}
	return result.Job.ID, !result.UniqueSkippedAsDuplicate, nil
}

func (c *client[T]) list(ctx context.Context, params *river.JobListParams) ([]Job, error) {
	result, err := c.JobList(ctx, params)
	if err != nil {
		return nil, err
	}
	found := make([]Job, len(result.Jobs))
	for i, row := range result.Jobs {
		found[i] = shown(row)
	}
	return found, nil
}

func (c *client[T]) retry(ctx context.Context, id int64) error {
	_, err := c.JobRetry(ctx, id)
	return err
}

func (c *client[T]) cancel(ctx context.Context, id int64) error {
	_, err := c.JobCancel(ctx, id)
	return err
}

// shown turns River's row into ours.
func shown(row *rivertype.JobRow) Job {
	job := Job{ID: row.ID, Kind: row.Kind, Arguments: row.EncodedArgs, Attempt: row.Attempt, AttemptsMax: row.MaxAttempts, Due: row.ScheduledAt}
	if row.FinalizedAt != nil {
		job.Finished = *row.FinalizedAt
	}
	for _, failure := range row.Errors {
		job.Errors = append(job.Errors, failure.Error)
	}
	switch row.State {
	case rivertype.JobStateRunning:
		job.State = Running
	case rivertype.JobStateCompleted:
		job.State = Done
	case rivertype.JobStateDiscarded:
		job.State = Dead
	case rivertype.JobStateCancelled:
		job.State = Cancelled
	default:
		job.State = Waiting
	}
	return job
}

// rivers turns our states into River's.
func rivers(states []State) (all []rivertype.JobState) {
	for _, state := range states {
		switch state {
		case Running:
			all = append(all, rivertype.JobStateRunning)
		case Done:
			all = append(all, rivertype.JobStateCompleted)
		case Dead:
			all = append(all, rivertype.JobStateDiscarded)
		case Cancelled:
			all = append(all, rivertype.JobStateCancelled)
		case Waiting:
			all = append(all, rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateScheduled)
		}
	}
	return all
}

// backoff doubles the delay with each failed run and takes a random part of its upper half, so that jobs that failed together
// don't come back together.
type backoff struct{ base time.Duration }

// NextRetry is when the job runs again.
func (b backoff) NextRetry(row *rivertype.JobRow) time.Time {
	const doublingsMax = 16 // beyond it the bound counts anyway
	delay := min(b.base<<min(max(row.Attempt-1, 0), doublingsMax), retryDelayMax)
	return time.Now().Add(delay/2 + rand.N(delay/2+1))
}
