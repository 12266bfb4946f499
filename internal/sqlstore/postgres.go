package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"folioscope/internal/failpoint"
	"folioscope/internal/fault"
)

const (
	connectWaitMax     = 5 * time.Second // a server that is there answers in far less
	poolConnectionsMin = 8               // of the pool's bound, where the URL names none
)

// postgres is the seam over a pool of pgx, which prepares statements by itself.
type postgres struct {
	pool  *pgxpool.Pool
	hosts int // that the URL names; with several, those that take writes are used
	pgQueries
}

// pgQueries runs statements over a pool or in a transaction.
type pgQueries struct{ over pgxUser }

type pgxUser interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// openPostgres connects. Where insecure isn't set, a way over a network on which others could listen or answer is refused.
func openPostgres(ctx context.Context, url string, insecure bool) (*postgres, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fault.New(fault.Invalid, "database.url is no PostgreSQL URL") // pgx's error may hold the password
	}
	if !insecure {
		if err := checkProtected(config.ConnConfig); err != nil {
			return nil, err
		}
	}
	config.BeforeConnect = func(_ context.Context, next *pgx.ConnConfig) error {
		readCertificates(url, next)
		return nil
	}
	hosts := severalHosts(url, config.ConnConfig)
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectWaitMax / time.Duration(hosts) // of each: all are asked within a bounded time
	}
	leads := &primary{}
	if hosts > 1 {
		config.ConnConfig.ValidateConnect = leads.check
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = max(config.MaxConns, poolConnectionsMin)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	leads.mu.Lock()
	leads.moved = pool.Reset
	leads.mu.Unlock()
	p := &postgres{pool: pool, hosts: hosts, pgQueries: pgQueries{over: pool}}
	if err := p.ping(ctx); err != nil {
		pool.Close()
		return nil, fault.Wrap(fault.Unavailable, err, "the database can't be reached")
	}
	return p, nil
}

func (q pgQueries) exec(ctx context.Context, text string, args ...any) (int64, error) {
	tag, err := q.over.Exec(ctx, text, args...)
	return tag.RowsAffected(), err
}

func (q pgQueries) one(ctx context.Context, text string, args []any, into ...any) error {
	return q.over.QueryRow(ctx, text, args...).Scan(into...) // pgx.ErrNoRows is sql.ErrNoRows too
}

func (q pgQueries) each(ctx context.Context, text string, args []any, see func(scanner) error) error {
	rows, err := q.over.Query(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := see(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (p *postgres) write(ctx context.Context, do func(queries) error) error {
	return p.transaction(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, do)
}

func (p *postgres) read(ctx context.Context, do func(queries) error) error {
	return p.transaction(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, do)
}

func (p *postgres) transaction(ctx context.Context, options pgx.TxOptions, do func(queries) error) error {
	ctx, cancel := bounded(ctx, operationWaitMax)
	defer cancel()
	return retrying(ctx, p.classify, func() error {
		tx, err := p.pool.BeginTx(ctx, options)
		if err != nil {
			return notBegun(err)
		}
		// A rollback after the commit does nothing; after anything else, a panic too, it ends the transaction.
		defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
		if err := do(pgQueries{over: tx}); err != nil {
			return p.standby(err)
		}
		if options.AccessMode == pgx.ReadOnly {
			return tx.Commit(ctx)
		}
		failpoint.Reach(failpoint.BeforeCommit)
		err = tx.Commit(ctx)
		failpoint.Reach(failpoint.AfterCommit)
		return err
	})
}

// lostConnection is a connection that ended before it did anything for us: the server was restarted, say. Another one may work.
type lostConnection struct{ error }

func (l lostConnection) Unwrap() error { return l.error }

func notBegun(err error) error {
	server, ended := errors.AsType[*pgconn.PgError](err)
	if ended = ended && strings.HasPrefix(server.Code, "57P"); ended || pgconn.SafeToRetry(err) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		if _, none := errors.AsType[*pgconn.ConnectError](err); !none { // where nobody listens there is no use in asking again at once
			return lostConnection{err}
		}
	}
	return err
}

// exec runs a lone statement. It is not repeated when the connection breaks: it may have been done.
func (p *postgres) exec(ctx context.Context, text string, args ...any) (rows int64, err error) {
	err = p.write(ctx, func(q queries) error {
		rows, err = q.exec(ctx, text, args...)
		return err
	})
	return rows, err
}

// one reads a row, on another connection when one turns out to be gone.
func (p *postgres) one(ctx context.Context, text string, args []any, into ...any) error {
	ctx, cancel := bounded(ctx, operationWaitMax)
	defer cancel()
	return retrying(ctx, p.classify, func() error { return notBegun(p.pgQueries.one(ctx, text, args, into...)) })
}

func (p *postgres) each(ctx context.Context, text string, args []any, see func(scanner) error) error {
	ctx, cancel := bounded(ctx, operationWaitMax)
	defer cancel()
	seen := false
	return retrying(ctx, p.classify, func() error {
		err := p.pgQueries.each(ctx, text, args, func(row scanner) error {
			seen = true
			return see(row)
		})
		if seen {
			return err
		}
		return notBegun(err)
	})
}

func (p *postgres) classify(err error) class {
	if _, ok := errors.AsType[lostConnection](err); ok {
		return classRetry
	}
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch {
		case server.Code == "40001", server.Code == "40P01": // serialization, deadlock
			return classRetry
		case server.Code == "23505":
			return classExists
		case server.Code == "53100":
			return classFull
		case server.Code == "22021": // NUL, or no UTF-8; SQLite takes both
			return classText
		case strings.HasPrefix(server.Code, "08"), strings.HasPrefix(server.Code, "53"), strings.HasPrefix(server.Code, "57P"), server.Code == "25006":
			return classDown // connection, resources, shutdown, a standby
		}
		return classOther
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return classDown
	}
	if pgconn.SafeToRetry(err) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return classDown // the connection ended under a transaction
	}
	if _, ok := errors.AsType[*net.OpError](err); ok || pgconn.Timeout(err) && !errors.Is(err, context.Canceled) {
		return classDown
	}
	return classOther
}

// alone is a connection beside the pool.
func (p *postgres) alone(ctx context.Context) (*pgx.Conn, error) {
	config := p.pool.Config()
	if err := config.BeforeConnect(ctx, config.ConnConfig); err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, config.ConnConfig)
}

func (p *postgres) ping(ctx context.Context) error {
	ctx, cancel := bounded(ctx, connectWaitMax)
	defer cancel()
	return p.pool.Ping(ctx)
}

func (p *postgres) close() error {
	p.pool.Close()
	return nil
}

// migrating lends the pool to the migrations.
func (p *postgres) migrating() *sql.DB { return stdlib.OpenDBFromPool(p.pool) }
