package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/ncruces/go-sqlite3/vfs"

	"folioscope/internal/fault"
)

// SQLite's settings. Every connection has a cache of its own, so that together they stay within some MB.
const (
	fileKeyBytes      = 32
	busyWaitMillis    = 10_000 // for writers in other processes, such as a command beside a running node
	writerCacheKiB    = 4 << 10
	readerCacheKiB    = 2 << 10
	readers           = 4        // a nightly sweep or two must not keep the dashboards waiting
	journalBytesMax   = 64 << 20 // the WAL is cut back to this after a checkpoint
	jobConnectionsMax = 2
	headerBytes       = 100              // of a database file, says its format
	checksumBytes     = 8                // of each page of a new file: what isn't what was written is then refused and never read; older files have none
	closeWaitMax      = 10 * time.Second // for operations that are under way when the store is closed
	fileMode          = 0o600
	directoryMode     = 0o700
)

// sqlite is the seam over database/sql: one writer, so that writers queue here and not at the file's lock, and some readers.
type sqlite struct {
	writer, reader *pool
	path, vfs      string
	key            []byte
	unkept         atomic.Bool // a sync failed: see kept
	commits        hang
}

// pool is a set of connections, each with its own prepared statements, of which one user at a time has one.
type pool struct {
	db     *sql.DB
	size   int
	idle   chan *connection
	closed chan struct{}
}

type connection struct {
	conn       *sql.Conn
	statements map[string]*statement
}

// statement is a text of ours as SQLite needs it; prepared is nil when enough are kept ready already.
type statement struct {
	text       string
	parameters int
	prepared   *sql.Stmt
}

func openSQLite(ctx context.Context, path, vfs string, key []byte) (*sqlite, error) {
	if len(key) != fileKeyBytes {
		return nil, fault.New(fault.Denied, "the database's key has %d bytes, not %d", len(key), fileKeyBytes)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("database path: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(absolute), directoryMode); err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the data directory can't be made")
	}
	file, err := os.OpenFile(absolute, os.O_RDWR|os.O_CREATE, fileMode) // so that nobody else may read what SQLite would create
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the database can't be opened")
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("create database: %w", err)
	}
	s := &sqlite{path: absolute, vfs: vfs, key: slices.Clone(key)}
	// The writer goes first: it makes the file a WAL database, and shows a wrong key.
	if s.writer, err = s.openPool(ctx, writerCacheKiB, false, 1); err != nil {
		return nil, err
	}
	if err := s.copyLog(ctx); err != nil {
		return nil, errors.Join(err, s.writer.close())
	}
	if s.reader, err = s.openPool(ctx, readerCacheKiB, true, readers); err != nil {
		return nil, errors.Join(err, s.writer.close())
	}
	return s, nil
}

func (s *sqlite) openPool(ctx context.Context, cacheKiB int, readOnly bool, connections int) (*pool, error) {
	db, err := openFile(s.path, s.vfs, s.key, cacheKiB, readOnly)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	p := &pool{db: db, idle: make(chan *connection, connections), closed: make(chan struct{})}
	for range connections {
		conn, err := db.Conn(ctx)
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.idle <- &connection{conn: conn, statements: make(map[string]*statement)}
		p.size++
	}
	return p, nil
}

// openFile opens the encrypted file. The key goes in by PRAGMA, so that it is in no name and no error.
func openFile(path, vfs string, key []byte, cacheKiB int, readOnly bool) (*sql.DB, error) {
	registerVFS()
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/… on Windows
	}
	name := url.URL{Scheme: "file", Path: slashed, RawQuery: "vfs=" + vfs + "&_txlock=immediate"}
	settings := fmt.Sprintf(`PRAGMA busy_timeout=%d; PRAGMA journal_mode=wal; PRAGMA synchronous=full; PRAGMA temp_store=memory;
PRAGMA cache_size=-%d; PRAGMA journal_size_limit=%d; PRAGMA trusted_schema=off; PRAGMA secure_delete=fast`, busyWaitMillis, cacheKiB, journalBytesMax)
	if readOnly {
		settings += "; PRAGMA query_only=on"
	}
	unlock := "PRAGMA hexkey='" + hex.EncodeToString(key) + "'"
	db, err := driver.Open(name.String(), func(c *sqlite3.Conn) error {
		if err := c.Exec(unlock); err != nil {
			return errors.New("the database's key was not accepted") // the statement, which an error may quote, holds the key
		}
		if _, err := c.FileControl("main", sqlite3.FCNTL_RESERVE_BYTES, checksumBytes); err != nil {
			return fmt.Errorf("checksums: %w", err)
		}
		if err := seeHeader(c); err != nil {
			return fmt.Errorf("checksums: %w", err)
		}
		return c.Exec(settings)
	})
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return db, nil
}

// seeHeader reads the file's header, which says whether its pages have checksums. SQLite itself reads it there only while the first page isn't
// in the write-ahead log, and a connection that hasn't seen it would copy pages from the log to the file without checksums: nobody could read
// them any more.
func seeHeader(c *sqlite3.Conn) error {
	pointer, err := c.FileControl("main", sqlite3.FCNTL_FILE_POINTER)
	if err != nil {
		return err
	}
	file, ok := pointer.(vfs.File)
	if !ok {
		return errors.New("sqlite gives no file")
	}
	header := make([]byte, headerBytes)
	for range rereadsMax {
		n, err := file.ReadAt(header, 0)
		if n < headerBytes || bytes.HasPrefix(header, []byte("SQLite format 3\x00")) {
			return nil // a file that is new gets its header from us
		}
		if err != nil {
			return err
		}
	}
	return nil // the key is another one's, as the next statement says
}

// take waits for a connection; the caller gives it back.
func (p *pool) take(ctx context.Context) (*connection, error) {
	select {
	case c := <-p.idle:
		return c, nil
	default:
	}
	select {
	case c := <-p.idle:
		return c, nil
	case <-p.closed:
		return nil, errClosed()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func errClosed() error { return fault.New(fault.Unavailable, "the store is closed") }

func (p *pool) give(c *connection) { p.idle <- c }

// close lets those finish who have a connection, for a while.
func (p *pool) close() error {
	close(p.closed)
	late := time.NewTimer(closeWaitMax)
	defer late.Stop()
	var errs []error
	for range p.size {
		select {
		case c := <-p.idle:
			for _, s := range c.statements {
				if s.prepared != nil {
					errs = append(errs, s.prepared.Close())
				}
			}
			errs = append(errs, c.conn.Close())
		case <-late.C:
			return errors.Join(append(errs, errors.New("close store: operations are still under way"), p.db.Close())...)
		}
	}
	return errors.Join(append(errs, p.db.Close())...)
}

// statement finds a text, and prepares it the first time.
func (c *connection) statement(ctx context.Context, text string, args int) (*statement, error) {
	found := c.statements[text]
	if found == nil {
		rewritten, parameters, err := forSQLite(text)
		if err != nil {
			return nil, err
		}
		found = &statement{text: rewritten, parameters: parameters}
		if len(c.statements) < statementsMax {
			if found.prepared, err = c.conn.PrepareContext(ctx, rewritten); err != nil {
				return nil, err
			}
			c.statements[text] = found
		}
	}
	if found.parameters != args { // SQLite would take what is missing for NULL
		return nil, fmt.Errorf("sql: %d arguments for %d parameters", args, found.parameters)
	}
	return found, nil
}

func (c *connection) exec(ctx context.Context, text string, args ...any) (int64, error) {
	s, err := c.statement(ctx, text, len(args))
	if err != nil {
		return 0, err
	}
	var result sql.Result
	if s.prepared != nil {
		result, err = s.prepared.ExecContext(ctx, args...)
	} else {
		result, err = c.conn.ExecContext(ctx, s.text, args...)
	}
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (c *connection) query(ctx context.Context, text string, args []any) (*sql.Rows, error) {
	s, err := c.statement(ctx, text, len(args))
	if err != nil {
		return nil, err
	}
	if s.prepared != nil {
		return s.prepared.QueryContext(ctx, args...)
	}
	return c.conn.QueryContext(ctx, s.text, args...)
}

func (c *connection) each(ctx context.Context, text string, args []any, see func(scanner) error) error {
	rows, err := c.query(ctx, text, args)
	if err != nil {
		return err
	}
	for rows.Next() {
		if err := see(rows); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

func (c *connection) one(ctx context.Context, text string, args []any, into ...any) error {
	rows, err := c.query(ctx, text, args)
	if err != nil {
		return err
	}
	if !rows.Next() {
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	return errors.Join(rows.Scan(into...), rows.Close())
}

// transaction runs do between a BEGIN and a COMMIT, or a ROLLBACK, which happens even when the context is over.
func (c *connection) transaction(ctx context.Context, begin string, do func(queries) error) error {
	if err := c.begin(ctx, begin, do); err != nil {
		return err
	}
	return c.commit(ctx)
}

// begin runs do after a BEGIN. Without an error the transaction is open afterwards.
func (c *connection) begin(ctx context.Context, begin string, do func(queries) error) error {
	if _, err := c.exec(ctx, begin); err != nil {
		return err
	}
	done := false
	defer func() { // after a panic too
		if !done {
			_, _ = c.exec(context.WithoutCancel(ctx), "ROLLBACK") // what went wrong before says more
		}
	}()
	if err := do(c); err != nil {
		return err
	}
	done = true
	return nil
}

// commit ends a transaction, one way or the other.
func (c *connection) commit(ctx context.Context) error {
	_, err := c.exec(ctx, "COMMIT")
	if err != nil {
		_, _ = c.exec(context.WithoutCancel(ctx), "ROLLBACK") // the same; where SQLite did it itself there is nothing to roll back
	}
	return err
}

// interrupted says why SQLite was interrupted.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		return fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}

func (s *sqlite) write(ctx context.Context, do func(queries) error) error {
	ctx, cancel := bounded(ctx, operationWaitMax)
	defer cancel()
	return interrupted(ctx, retrying(ctx, s.classify, func() error {
		c, err := s.takeWriter(ctx)
		if err != nil {
			return err
		}
		committing := false
		defer func() {
			if !committing {
				s.writer.give(c)
			}
		}()
		if err := s.kept(func() error { return c.begin(ctx, "BEGIN IMMEDIATE", do) }); err != nil {
			return err
		}
		committing = true
		return s.commit(ctx, c)
	}))
}

// kept changes something, unless a change could not be synced before. The system forgets what it could not write and says so once; what it
// shows from then on need not be on the disk, and the next sync that succeeds doesn't tell. A disk that failed so is looked at by a person
// before it gets more to keep. Reading goes on, and the next start copies what it finds in the log once more.
func (s *sqlite) kept(change func() error) error {
	const says = "changes are off: the disk of this server failed to keep one; its operator has to look at the disk, then start it again"
	if s.unkept.Load() {
		return fault.New(fault.Unavailable, says)
	}
	err := change()
	if errors.Is(err, sqlite3.IOERR_FSYNC) || errors.Is(err, sqlite3.IOERR_DIR_FSYNC) {
		s.unkept.Store(true)
		return fault.Wrap(fault.Unavailable, err, says)
	}
	return err
}

// copyLog has what the write-ahead log holds copied into the file and synced, as far as nobody reads it: after a failed sync the log may lie
// in the system's memory alone, and what is appended to it would be lost with it.
func (s *sqlite) copyLog(ctx context.Context) error {
	c, err := s.writer.take(ctx)
	if err != nil {
		return err
	}
	defer s.writer.give(c)
	var busy, pages, copied int64
	err = s.kept(func() error { return c.one(ctx, "PRAGMA wal_checkpoint(PASSIVE)", nil, &busy, &pages, &copied) })
	if class := s.classify(err); class == classDown || class == classFull { // what can be read shall be
		return nil
	}
	return err
}

func (s *sqlite) read(ctx context.Context, do func(queries) error) error {
	ctx, cancel := bounded(ctx, operationWaitMax)
	defer cancel()
	return interrupted(ctx, retrying(ctx, s.classify, func() error {
		c, err := s.reader.take(ctx)
		if err != nil {
			return err
		}
		defer s.reader.give(c)
		return c.transaction(ctx, "BEGIN DEFERRED", do)
	}))
}

// exec runs a lone statement, which is its own transaction.
func (s *sqlite) exec(ctx context.Context, text string, args ...any) (rows int64, err error) {
	err = s.write(ctx, func(q queries) error {
		rows, err = q.exec(ctx, text, args...)
		return err
	})
	return rows, err
}

// one looks a row up by its key. Only the wait for a connection can be interrupted: the rest is over in microseconds, and
// watching a context meanwhile would cost database/sql a goroutine for each lookup.
func (s *sqlite) one(ctx context.Context, text string, args []any, into ...any) error {
	c, err := s.reader.take(ctx)
	if err != nil {
		return err
	}
	defer s.reader.give(c)
	return c.one(context.WithoutCancel(ctx), text, args, into...)
}

func (s *sqlite) each(ctx context.Context, text string, args []any, see func(scanner) error) error {
	ctx, cancel := bounded(ctx, operationWaitMax)
	defer cancel()
	c, err := s.reader.take(ctx)
	if err != nil {
		return err
	}
	defer s.reader.give(c)
	return interrupted(ctx, c.each(ctx, text, args, see))
}

func (s *sqlite) classify(err error) class {
	switch {
	case errors.Is(err, sqlite3.BUSY), errors.Is(err, sqlite3.LOCKED):
		return classRetry
	case errors.Is(err, sqlite3.CONSTRAINT_UNIQUE), errors.Is(err, sqlite3.CONSTRAINT_PRIMARYKEY):
		return classExists
	case errors.Is(err, sqlite3.NOTADB):
		return classWrongKey
	case errors.Is(err, errDamaged), errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.IOERR_DATA):
		return classDamaged
	case errors.Is(err, sqlite3.FULL):
		return classFull
	case errors.Is(err, sqlite3.IOERR), errors.Is(err, sqlite3.CANTOPEN), errors.Is(err, sqlite3.READONLY):
		return classDown
	}
	return classOther
}

func (s *sqlite) ping(ctx context.Context) error {
	var one int64
	return s.one(ctx, "SELECT 1", nil, &one)
}

func (s *sqlite) close() error { return errors.Join(s.reader.close(), s.writer.close()) }

// migrating opens the database once more for the migrations, which run before the store has users.
func (s *sqlite) migrating() (*sql.DB, error) {
	return openFile(s.path, s.vfs, s.key, writerCacheKiB, false)
}

// jobs opens a small pool of its own for the job queue, so that its transactions never wait for a connection of ours.
func (s *sqlite) jobs() (*sql.DB, error) {
	db, err := openFile(s.path, s.vfs, s.key, readerCacheKiB, false)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(jobConnectionsMax)
	db.SetMaxIdleConns(jobConnectionsMax)
	return db, nil
}
