package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"folioscope/internal/fault"
)

// migrations are one text for both databases; forDialect says what little differs.
//
//go:embed migrations/*.sql
var migrations embed.FS

const migrationsTable = "schema_versions"

// forDialect fills in what the databases call differently: a table kept in the order of its primary key, which SQLite can
// and PostgreSQL can't, and the name of a column of bytes.
func forDialect(text string, dialect goose.Dialect) string {
	if dialect != goose.DialectSQLite3 {
		return text
	}
	return strings.NewReplacer("/* by key */", "WITHOUT ROWID, STRICT", "BYTEA", "BLOB", "BIGINT", "INTEGER", "BOOLEAN", "INTEGER").Replace(text)
}

const (
	sqlSchemaFloor = `SELECT version FROM schema_floor WHERE name = 'floor'`
	sqlRaiseFloor  = `UPDATE schema_floor SET version = $1 WHERE name = 'floor' AND version < $1`
)

// livesWith marks a step that takes something away: "-- lives with 130" says that releases which know step 130 can work on what it makes. The
// others are refused from then on. The release that still uses what goes has to be older than 130, which is at least one release back, so
// that nodes can be replaced one after another, and put back.
var livesWith = regexp.MustCompile(`(?m)^-- lives with (\d+)$`)

// schemaStep is one migration as it lies in the binary.
type schemaStep struct {
	version int64
	text    string
	floor   int64 // 0: whoever could work before can still
}

// schemaSteps are all migrations, rising.
func schemaSteps() ([]schemaStep, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	steps := make([]schemaStep, 0, len(names))
	for _, name := range names { // sorted, and all numbers have as many digits
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migration %s: %w", name, err)
		}
		data, err := fs.ReadFile(migrations, name)
		if err != nil {
			return nil, err
		}
		step := schemaStep{version: version, text: string(data)}
		if mark := livesWith.FindStringSubmatch(step.text); mark != nil {
			if step.floor, err = strconv.ParseInt(mark[1], 10, 64); err != nil {
				return nil, fmt.Errorf("migration %s: %w", name, err)
			}
		}
		steps = append(steps, step)
	}
	return steps, nil
}

// newestStep is the newest schema that is known.
func newestStep(steps []schemaStep) int64 { return steps[len(steps)-1].version }

// do takes the step, and says with it who can work on what it made.
func (step schemaStep) do(ctx context.Context, tx *sql.Tx, dialect goose.Dialect) error {
	if _, err := tx.ExecContext(ctx, forDialect(step.text, dialect)); err != nil || step.floor == 0 {
		return err
	}
	raise := sqlRaiseFloor
	if dialect == goose.DialectSQLite3 {
		var err error
		if raise, _, err = forSQLite(raise); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, raise, step.floor)
	return err
}

// migrate brings the schema up to date, one transaction for each step; of several nodes that start at once one does it. Whoever only looks
// is refused where it isn't. A schema of a later release is left as it is, and refused unless that one said that we can work on it.
func migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, steps []schemaStep, lookOnly bool) error {
	provider, err := newProvider(db, dialect, steps)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	current, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	newest := newestStep(steps)
	if current > newest {
		return livesOn(ctx, db, current, newest)
	}
	if lookOnly {
		pending, err := provider.HasPending(ctx)
		if err != nil {
			return fmt.Errorf("migrations: %w", err)
		}
		if pending {
			return fault.New(fault.Conflict, "the database is of an earlier release: its schema is at %d, this binary needs %d", current, newest)
		}
		return nil
	}
	if _, err := provider.Up(ctx); err != nil {
		return errors.Join(errors.New("migrations"), err)
	}
	return nil
}

func newProvider(db *sql.DB, dialect goose.Dialect, steps []schemaStep) (*goose.Provider, error) {
	known := make([]*goose.Migration, 0, len(steps))
	for _, step := range steps {
		known = append(known, goose.NewGoMigration(step.version, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			return step.do(ctx, tx, dialect)
		}}, nil))
	}
	options := []goose.ProviderOption{goose.WithGoMigrations(known...), goose.WithDisableGlobalRegistry(true), goose.WithTableName(migrationsTable)}
	if dialect == goose.DialectPostgres {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return nil, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(dialect, db, nil, options...)
}

// livesOn says whether a binary that knows an earlier schema can work on a later one.
func livesOn(ctx context.Context, db *sql.DB, current, newest int64) error {
	var floor int64
	if err := db.QueryRowContext(ctx, sqlSchemaFloor).Scan(&floor); err != nil {
		return fmt.Errorf("see which releases the schema is for: %w", err)
	}
	if newest >= floor {
		return nil
	}
	return fault.New(fault.Conflict, "the database is of a later release: its schema is at %d and wants a release that knows %d, this binary knows %d. Start the later release, or put back the backup from before the upgrade",
		current, floor, newest)
}
