// Package jobs does durable work: jobs are rows, any node takes them, failures are tried again and the hopeless are kept to be looked at.
//
// It owns the job tables of both databases, the slots of periodic work (one run for each slot, however many nodes there are),
// retries, and what happens to jobs of a process that died. It knows nothing of what the jobs do. Arguments and recorded
// errors hold ids only: an error's own text is recorded where it is safe to show, else only that there was one.
//
//	waiting ──> running ──> done
//	   ^           │
//	   └── retry ──┤ failed, panicked, its process died
//	               ├──> dead        attempts used up
//	               └──> cancelled   by an operator
package jobs

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"folioscope/internal/failpoint"
	"folioscope/internal/fault"
)

// Settings of the queue.
const (
	fetchCooldown     = 20 * time.Millisecond  // how often a node may look for work: the delay of a job on a quiet machine
	messagesInterval  = 250 * time.Millisecond // between two looks for messages: they are added by transactions that don't wake the queue
	jobTimeout        = 60 * time.Second       // of a kind that names none
	rescueAfter       = 90 * time.Second       // after this a job without a sign of life is given to another; more than jobTimeout
	doneKeptFor       = time.Hour
	deadKeptFor       = 30 * 24 * time.Hour
	attemptsMax       = 3 // of a kind that names none
	runningMax        = 8 // jobs at once on one node: they wait for others' machines more than they work
	stopWaitMax       = 20 * time.Second
	retryBase         = 2 * time.Second
	retryDelayMax     = 5 * time.Minute
	argumentBytesMax  = 4 << 10 // ids only
	listedMax         = 200
	errorShownRuneMax = 300
)

// MessagesMax is how many messages go out at once from one node. Who sends them sees to it that slow receivers never take them all.
const MessagesMax = 24

// Database is the one of two databases that holds the jobs.
type Database struct {
	Pool   *pgxpool.Pool // PostgreSQL, or nil
	SQLite *sql.DB       // SQLite, or nil
}

// Kind is one kind of work. Slots longer than an hour may be worked on again by a node that starts later in the slot, since jobs
// that are done are kept no longer: such work must bear being done twice.
type Kind struct {
	Name        string        // such as "poll.stock"
	Every       time.Duration // one job for each slot of this length, counted in UTC, at least a second; 0: only when enqueued
	Timeout     time.Duration // of one run; 0: a minute
	AttemptsMax int           // runs of one job before it is dead; 0: 3
	Work        func(ctx context.Context, job Job) error
}

// State is where a job stands.
type State string

// The states of a job; see the picture in the package comment.
const (
	Waiting   State = "waiting"
	Running   State = "running"
	Done      State = "done"
	Dead      State = "dead"
	Cancelled State = "cancelled"
)

// Job is one piece of work.
type Job struct {
	ID          int64
	Kind        string
	State       State
	Arguments   json.RawMessage // an object
	Attempt     int             // counts from 1 once it has run
	AttemptsMax int
	Due         time.Time // when it may run; of a periodic job the start of its slot
	Finished    time.Time // zero before it is done, dead or cancelled
	Errors      []string  // one for each failed run, safe to show
}

// Options of New. ID comes from Claim.
type Options struct {
	ID        string        // names this node in the tables; empty: a random one, and jobs of a crashed run wait for the rescuer
	Log       *slog.Logger  // required
	RetryBase time.Duration // delay before the second run, doubled for each further one; 0: 2 s
}

// Jobs is the queue as one node sees it.
type Jobs struct {
	queue queue
	log   *slog.Logger
}

// queue is what is used of River's client, which is of another type for each database.
type queue interface {
	start(ctx context.Context) error
	stop(ctx context.Context) error
	abort(ctx context.Context) error
	insert(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) (id int64, fresh bool, err error)
	list(ctx context.Context, params *river.JobListParams) ([]Job, error)
	retry(ctx context.Context, id int64) error
	cancel(ctx context.Context, id int64) error
	sweep(ctx context.Context, node string) (int64, error)
}

// New opens the queue and brings its tables up to date. Every node that runs jobs names all kinds: the leader buries stuck
// jobs of kinds it doesn't know.
func New(ctx context.Context, database Database, kinds []Kind, options Options) (*Jobs, error) {
	if options.RetryBase == 0 {
		options.RetryBase = retryBase
	}
	workers := river.NewWorkers()
	var periodic []*river.PeriodicJob
	for _, kind := range kinds {
		if kind.AttemptsMax == 0 {
			kind.AttemptsMax = attemptsMax
		}
		if kind.Timeout == 0 {
			kind.Timeout = jobTimeout
		}
		river.AddWorkerArgs(workers, arguments{kind: kind.Name}, &worker{kind: kind, log: options.Log})
		if kind.Every > 0 {
			periodic = append(periodic, slots(kind))
		}
	}
	config := &river.Config{
		ID:                          options.ID,
		Logger:                      slog.New(quiet{options.Log.Handler()}),
		Workers:                     workers,
		PeriodicJobs:                periodic,
		Queues:                      map[string]river.QueueConfig{string(Ordinary): {MaxWorkers: runningMax}, string(Messages): {MaxWorkers: MessagesMax, FetchPollInterval: messagesInterval}},
		FetchCooldown:               fetchCooldown,
		JobTimeout:                  jobTimeout,
		RescueStuckJobsAfter:        rescueAfter,
		CompletedJobRetentionPeriod: doneKeptFor,
		CancelledJobRetentionPeriod: deadKeptFor,
		DiscardedJobRetentionPeriod: deadKeptFor,
		MaxAttempts:                 attemptsMax,
		RetryPolicy:                 backoff{base: options.RetryBase},
	}
	q, err := open(ctx, database, config)
	if err != nil {
		return nil, fmt.Errorf("open the job queue: %w", err)
	}
	jobs := &Jobs{queue: q, log: options.Log}
	if options.ID != "" {
		// Nothing of this node runs yet, so what its name still holds was cut off with the process.
		swept, err := q.sweep(ctx, options.ID)
		if err != nil {
			return nil, fmt.Errorf("take up jobs of the last run: %w", err)
		}
		if swept > 0 {
			options.Log.Info("jobs of the last run are taken up again", "jobs", swept)
		}
	}
	return jobs, nil
}

// Run works until ctx ends, then waits a bounded time for what is running; what still runs then is taken up by others.
func (j *Jobs) Run(ctx context.Context) error {
	if err := j.queue.start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the job queue: %w", err)
	}
	<-ctx.Done()
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWaitMax)
	defer cancel()
	err := j.queue.stop(wait)
	if errors.Is(err, context.DeadlineExceeded) {
		j.log.Warn("jobs still run after the wait and are interrupted", "wait", stopWaitMax)
		again, cancelAgain := context.WithTimeout(context.WithoutCancel(ctx), stopWaitMax)
		defer cancelAgain()
		err = j.queue.abort(again)
	}
	if err != nil {
		return fmt.Errorf("stop the job queue: %w", err)
	}
	return nil
}

// Enqueue adds a job. With unique > 0 there is one job of the kind with these arguments for each slot of that length, and a
// second is not added: fresh is false and id is the first one's.
func (j *Jobs) Enqueue(ctx context.Context, kind string, object any, unique time.Duration) (id int64, fresh bool, err error) {
	raw, err := encode(kind, object)
	if err != nil {
		return 0, false, err
	}
	var opts river.InsertOpts
	if unique > 0 {
		opts.UniqueOpts = river.UniqueOpts{ByArgs: true, ByPeriod: unique}
	}
	id, fresh, err = j.queue.insert(ctx, arguments{kind: kind, raw: raw}, &opts)
	if err != nil {
		return 0, false, fmt.Errorf("enqueue a %s job: %w", kind, err)
	}
	return id, fresh, nil
}

// List gives the newest jobs in any of the states, at most 200; no state means all.
func (j *Jobs) List(ctx context.Context, states ...State) ([]Job, error) {
	params := river.NewJobListParams().First(listedMax).OrderBy(river.JobListOrderByID, river.SortOrderDesc)
	if len(states) > 0 {
		params = params.States(rivers(states)...)
	}
	found, err := j.queue.list(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	return found, nil
}

// Retry gives a dead job one more run, at once. A cancelled one is enqueued anew instead: its cancel request outlives it.
func (j *Jobs) Retry(ctx context.Context, id int64) error {
	if err := j.queue.retry(ctx, id); err != nil {
		return fmt.Errorf("retry job %d: %w", id, found(err))
	}
	return nil
}

// Cancel ends a job: at once where it waits, by the end of its context where it runs, on whichever node.
func (j *Jobs) Cancel(ctx context.Context, id int64) error {
	if err := j.queue.cancel(ctx, id); err != nil {
		return fmt.Errorf("cancel job %d: %w", id, found(err))
	}
	return nil
}

func found(err error) error {
	if errors.Is(err, river.ErrNotFound) {
		return fault.Wrap(fault.NotFound, err, "no such job")
	}
	return err
}

// slots makes the periodic job of a kind. Slots are counted from a fixed time, so that all nodes mean the same ones.
func slots(kind Kind) *river.PeriodicJob {
	return river.NewPeriodicJob(slotStart(kind.Every), func() (river.JobArgs, *river.InsertOpts) {
		return arguments{kind: kind.Name, raw: json.RawMessage("{}")}, &river.InsertOpts{
			MaxAttempts: kind.AttemptsMax,
			UniqueOpts:  river.UniqueOpts{ByPeriod: kind.Every},
		}
	}, &river.PeriodicJobOpts{RunOnStart: true}) // a new leader may not miss the slot that it finds; uniqueness keeps it to one run
}

// slotStart gives the start of the next slot. After a sleep of the machine the slots that went by are left out but the last.
type slotStart time.Duration

// Next is the schedule as River asks for it.
func (s slotStart) Next(after time.Time) time.Time {
	length := time.Duration(s)
	next := after.Truncate(length).Add(length)
	if current := time.Now().Truncate(length); next.Before(current) {
		return current
	}
	return next
}

// worker runs the jobs of one kind.
type worker struct {
	river.WorkerDefaults[arguments]
	kind Kind
	log  *slog.Logger
}

// Timeout bounds one run.
func (w *worker) Timeout(*river.Job[arguments]) time.Duration { return w.kind.Timeout }

// Work does the work. A panic is a failure like another: the process goes on, and its text may hold anything, so it goes to the log alone.
func (w *worker) Work(ctx context.Context, job *river.Job[arguments]) (err error) {
	defer func() {
		if value := recover(); value != nil {
			w.log.Error("job panicked", "kind", w.kind.Name, "job", job.ID, "panic", fmt.Sprint(value), "stack", string(debug.Stack()))
			err = recorded{"the job panicked; the log of its node says where", nil}
		}
	}()
	err = w.kind.Work(ctx, shown(job.JobRow))
	failpoint.Reach(failpoint.AfterWork)
	if err == nil {
		return nil
	}
	if later, ok := errors.AsType[later](err); ok {
		return river.JobSnooze(time.Duration(later))
	}
	w.log.Warn("job failed", "kind", w.kind.Name, "job", job.ID, "attempt", job.Attempt, "error", err)
	if safe, ok := errors.AsType[*fault.Error](err); ok {
		return recorded{shorten(safe.Message), err}
	}
	return recorded{"failed; the log of its node says why", err}
}

// Later is what Work gives for a job that shall run again after a while, without having failed.
func Later(after time.Duration) error { return later(max(after, 0)) }

// later is a wish, not a failure.
type later time.Duration

// Error says when.
func (l later) Error() string { return "again in " + time.Duration(l).String() }

// recorded is an error as it may be stored: its text is safe, its cause stays in memory.
type recorded struct {
	text  string
	cause error
}

// Error is the text that is stored.
func (r recorded) Error() string { return r.text }

// Unwrap keeps errors.Is working, for a job that was interrupted by a stop.
func (r recorded) Unwrap() error { return r.cause }

func shorten(text string) string {
	if runes := []rune(text); len(runes) > errorShownRuneMax {
		return string(runes[:errorShownRuneMax]) + "…"
	}
	return text
}

// arguments carries a job's arguments through River, which wants a type for each kind.
type arguments struct {
	kind string
	raw  json.RawMessage
}

// Kind names the kind of job.
func (a arguments) Kind() string { return a.kind }

// MarshalJSON gives the arguments as they were made.
func (a arguments) MarshalJSON() ([]byte, error) { return a.raw, nil }

// UnmarshalJSON keeps the arguments as they are.
func (a *arguments) UnmarshalJSON(data []byte) error {
	a.raw = append(json.RawMessage(nil), data...)
	return nil
}

// quiet lets only warnings and errors of the queue through: it tells of each of its own parts that starts and stops.
type quiet struct{ slog.Handler }

// Enabled is for warnings and worse.
func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

// WithAttrs keeps the limit.
func (q quiet) WithAttrs(attributes []slog.Attr) slog.Handler {
	return quiet{q.Handler.WithAttrs(attributes)}
}

// WithGroup keeps the limit.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
