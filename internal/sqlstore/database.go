package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"folioscope/internal/fault"
)

// Bounds of every use of a database.
const (
	operationWaitMax = 30 * time.Second // one whole operation, its retries and its wait for other writers included
	bulkWaitMax      = 5 * time.Minute  // a seed, a nightly sweep
	attemptsMax      = 8                // of a transaction that others got in the way of
	retryWaitMin     = 2 * time.Millisecond
	retryWaitMax     = 250 * time.Millisecond
	statementsMax    = 256 // kept ready for each pool: all that the store has, and a few sizes of multi-row texts
)

// scanner reads the columns of the row at hand.
type scanner interface{ Scan(into ...any) error }

// queries is what a transaction, and a database outside of one, can be asked. Statements have parameters $1… on every database.
type queries interface {
	// exec runs a statement and says how many rows it touched.
	exec(ctx context.Context, text string, args ...any) (rows int64, err error)
	// one reads one row, sql.ErrNoRows where there is none.
	one(ctx context.Context, text string, args []any, into ...any) error
	// each calls see for every row. See must not ask the database anything.
	each(ctx context.Context, text string, args []any, see func(row scanner) error) error
}

// database is the seam between the store and what it stands on.
type database interface {
	queries
	// write runs do in a transaction, again when others got in its way: do starts from nothing each time.
	write(ctx context.Context, do func(queries) error) error
	// read runs do on one consistent state.
	read(ctx context.Context, do func(queries) error) error
	// classify gives an error of the driver its kind.
	classify(error) class
	ping(ctx context.Context) error
	// vitals adds what the database says of itself.
	vitals(ctx context.Context, v *Vitals) error
	close() error
}

// class is what an error of a driver means for us.
type class int

const (
	classOther    class = iota
	classRetry          // others got in the way: again from the beginning
	classExists         // a unique key is taken
	classDown           // the database is not there or broken
	classFull           // its disk is full
	classDamaged        // its file holds what was never written
	classWrongKey       // the file does not open with this key
	classText           // a text holds what the database takes for no text
)

// retrying runs a transaction until it is through, it fails for good, or bounds are reached.
func retrying(ctx context.Context, classify func(error) class, attempt func() error) error {
	wait := retryWaitMin
	for n := 1; ; n++ {
		err := attempt()
		if err == nil || classify(err) != classRetry {
			return err
		}
		if n == attemptsMax {
			return fault.Wrap(fault.Unavailable, err, "the database is busy")
		}
		timer := time.NewTimer(wait/2 + rand.N(wait)) // jitter: those who met once shall not meet again
		select {
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(ctx.Err(), err)
		case <-timer.C:
		}
		wait = min(2*wait, retryWaitMax)
	}
}

// bounded gives a context without a deadline one.
func bounded(ctx context.Context, wait time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, wait)
}

// explain wraps an error with its operation, and gives it a kind where the driver's error says one.
func (s *Store) explain(operation string, err error) error {
	if err == nil {
		return nil
	}
	if fault.KindOf(err) == fault.Internal {
		switch s.db.classify(err) {
		case classDown:
			err = fault.Wrap(fault.Unavailable, err, "the database can't be reached")
		case classDamaged:
			err = fault.Wrap(fault.Unavailable, err, "the database is damaged; its operator has to put a copy of it back")
		case classFull:
			if s.room.refuse(time.Now()) {
				s.log.Warn("the disk that holds the data is full: changes are refused until there is room, reading goes on")
			}
			err = fault.Wrap(fault.Unavailable, err, "changes are off: the disk that holds the data is full; its operator has to make room")
		case classRetry:
			err = fault.Wrap(fault.Unavailable, err, "the database is busy")
		case classWrongKey:
			err = fault.Wrap(fault.Denied, err, "the database does not open with this key")
		case classText:
			err = fault.Wrap(fault.Invalid, err, "a text holds characters that can't be kept")
		}
	}
	return fmt.Errorf("%s: %w", operation, err)
}

// noRow says whether a query found nothing.
func noRow(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// Rows of one multi-row statement, the largest first: few sizes, so that the prepared statements stay few.
var rowBatches = [...]int{100, 10, 1}

// insertRows inserts many rows with few statements. Prefix ends in VALUES; suffix may hold an ON CONFLICT clause.
func insertRows(ctx context.Context, q queries, prefix string, columns int, suffix string, rows []any) error {
	for len(rows) > 0 {
		for _, batch := range rowBatches {
			if n := batch * columns; len(rows) >= n {
				if _, err := q.exec(ctx, prefix+tuples(batch, columns)+suffix, rows[:n]...); err != nil {
					return err
				}
				rows = rows[n:]
				break
			}
		}
	}
	return nil
}

// tuples is ($1,$2),($3,$4)… .
func tuples(rows, columns int) string {
	var out strings.Builder
	for i := range rows * columns {
		switch {
		case i == 0:
			out.WriteByte('(')
		case i%columns == 0:
			out.WriteString("),(")
		default:
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, "$%d", i+1)
	}
	out.WriteByte(')')
	return out.String()
}

// inBatches calls use with the arguments of an IN list, which begins at parameter first and has one of few lengths: the last
// value fills it up.
func inBatches[T ~string](all []T, first int, use func(list string, args []any) error) error {
	const batchMax = 64 // long lists save round trips, few lengths save prepared statements
	for len(all) > 0 {
		part := all[:min(len(all), batchMax)]
		all = all[len(part):]
		length := 1
		for length < len(part) {
			length *= 4
		}
		var list strings.Builder
		args := make([]any, length)
		for i := range length {
			if i > 0 {
				list.WriteByte(',')
			}
			fmt.Fprintf(&list, "$%d", first+i)
			args[i] = string(part[min(i, len(part)-1)])
		}
		if err := use(list.String(), args); err != nil {
			return err
		}
	}
	return nil
}

// stamp is a time as it is stored: µs since 1970, UTC; 0 is no time.
func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// moment is what stamp stored.
func moment(stamped int64) time.Time {
	if stamped == 0 {
		return time.Time{}
	}
	return time.UnixMicro(stamped).UTC()
}
