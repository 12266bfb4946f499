package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Each database is asked about itself in its own words.
const (
	sqlServerVitals = `SELECT pg_database_size(current_database()), (SELECT COUNT(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
current_setting('max_connections')::bigint, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint`
	sqlSweepAuditWaiting = `SELECT COUNT(*), COALESCE(MIN(at), 0) FROM audit_rows WHERE leaf < 0`
)

// Vitals are how the database is, as far as it can tell; the rest is zero.
type Vitals struct {
	Server         bool // PostgreSQL, else a file
	Answer         time.Duration
	Bytes          int64
	LogBytes       int64     // of SQLite's write-ahead log
	Unkept         bool      // SQLite's disk failed to keep a change: all are refused until the next start
	Connections    int64     // of everybody
	ConnectionsMax int64     // that the server allows
	Clock          time.Time // by the server's own clock, in the middle of Answer
	AskedAt        time.Time // by ours

	Hosts       int    // that the settings name; what follows is of several
	Primary     string // the address of the one that takes writes
	Synchronous int    // standbys that have what is acknowledged
	Waits       bool   // a commit waits for them, or at least for the disk
	Seen        bool   // we may see which standbys there are
}

// Vitals asks the database how it is.
func (s *Store) Vitals(ctx context.Context) (Vitals, error) {
	began := s.now()
	if err := s.db.ping(ctx); err != nil {
		return Vitals{}, s.explain("ask how the database is", err)
	}
	asked := s.now()
	v := Vitals{Answer: asked.Sub(began)}
	err := s.db.vitals(ctx, &v)
	v.AskedAt = asked.Add(s.now().Sub(asked) / 2)
	return v, s.explain("ask how the database is", err)
}

func (p *postgres) vitals(ctx context.Context, v *Vitals) error {
	v.Server = true
	var clock int64
	err := p.one(ctx, sqlServerVitals, nil, &v.Bytes, &v.Connections, &v.ConnectionsMax, &clock)
	v.Clock = time.UnixMicro(clock)
	if err != nil {
		return err
	}
	return p.servers(ctx, v)
}

func (s *sqlite) vitals(_ context.Context, v *Vitals) (err error) {
	if v.Bytes, err = fileBytes(s.path); err != nil {
		return err
	}
	v.Unkept = s.unkept.Load()
	v.LogBytes, err = fileBytes(s.path + "-wal")
	return err
}

// errDamaged is what the database says of its file.
var errDamaged = errors.New("the file holds what was never written")

// Sound reads all of SQLite's file and says whether it is whole, fault.Unavailable where it isn't. A server looks after its files itself.
func (s *Store) Sound(ctx context.Context) error {
	lite, ok := bare(s.db).(*sqlite)
	if !ok {
		return nil
	}
	var verdict string
	err := lite.each(ctx, "PRAGMA integrity_check(1)", nil, func(row scanner) error { return row.Scan(&verdict) })
	if err == nil && verdict != "ok" {
		err = fmt.Errorf("%w: %s", errDamaged, verdict)
	}
	return s.explain("look through the database", err)
}

// fileBytes is a file's size, 0 where there is none.
func fileBytes(path string) (int64, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// AuditWaiting is how many audit rows no checkpoint covers yet, and when the oldest of them was written.
func (s *Store) AuditWaiting(ctx context.Context) (rows int64, oldest time.Time, err error) {
	var at int64
	err = s.db.one(ctx, sqlSweepAuditWaiting, nil, &rows, &at)
	return rows, moment(at), s.explain("count waiting audit rows", err)
}
