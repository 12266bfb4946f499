package jobs

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/riverqueue/river"

	"folioscope/internal/fault"
)

// insertText adds a job from within a transaction that isn't River's. It reaches into River's own table, one text for both databases,
// so a test guards it. What it leaves out has its default there: due now.
const insertText = `INSERT INTO river_job (kind, args, max_attempts, queue) VALUES ($1, $2, $3, $4)`

// Lane is a queue with workers of its own on every node, so that what waits in one keeps nobody waiting in another.
type Lane string

// The lanes.
const (
	Ordinary Lane = river.QueueDefault
	Messages Lane = "messages" // to receivers of people's own choice, who may take their time
)

// Insertion is the statement that adds a job, and its arguments: for a store, so that the job is there if and only if the store's own
// transaction is. Prepare has to have made the tables. Any node takes the job within a second or so, and a message
// within messagesInterval.
func Insertion(lane Lane, kind string, object any, attemptsMax int) (text string, args []any, err error) {
	raw, err := encode(kind, object)
	if err != nil {
		return "", nil, err
	}
	return insertText, []any{kind, string(raw), attemptsMax, string(lane)}, nil
}

// encode gives a job's arguments as JSON, within their bound.
func encode(kind string, object any) ([]byte, error) {
	raw, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("encode the arguments of a %s job: %w", kind, err)
	}
	if len(raw) > argumentBytesMax || len(raw) == 0 || raw[0] != '{' {
		return nil, fault.New(fault.Internal, "arguments of a %s job need an object of at most %d bytes", kind, argumentBytesMax)
	}
	return raw, nil
}

// Prepare brings the queue's tables up to date, for who adds jobs and works on none.
func Prepare(ctx context.Context, database Database) error {
	if err := prepare(ctx, database); err != nil {
		return fmt.Errorf("prepare the job queue: %w", err)
	}
	return nil
}
