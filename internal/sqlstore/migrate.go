package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
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

// migrate brings the schema up to date, one transaction for each step; of several nodes that start at once one does it. Whoever only looks
// is refused where it isn't.
func migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, lookOnly bool) error {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	steps := make([]*goose.Migration, 0, len(names))
	for _, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
		data, err := fs.ReadFile(migrations, name)
		if err != nil {
			return err
		}
		text := forDialect(string(data), dialect)
		steps = append(steps, goose.NewGoMigration(version, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, text)
			return err
		}}, nil))
	}
	options := []goose.ProviderOption{goose.WithGoMigrations(steps...), goose.WithDisableGlobalRegistry(true), goose.WithTableName(migrationsTable)}
	if dialect == goose.DialectPostgres {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, db, nil, options...)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	current, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	newest := slices.MaxFunc(steps, func(a, b *goose.Migration) int { return int(a.Version - b.Version) })
	if current > newest.Version {
		return fault.New(fault.Conflict, "the database is of a later release: its schema is at %d, this binary knows %d", current, newest.Version)
	}
	if lookOnly {
		pending, err := provider.HasPending(ctx)
		if err != nil {
			return fmt.Errorf("migrations: %w", err)
		}
		if pending {
			return fault.New(fault.Conflict, "the database is of an earlier release: its schema is at %d, this binary needs %d", current, newest.Version)
		}
		return nil
	}
	if _, err := provider.Up(ctx); err != nil {
		return errors.Join(errors.New("migrations"), err)
	}
	return nil
}
