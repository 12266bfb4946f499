// Package sqlstore keeps everything that lasts: users, portfolios with their journals, market data and audit rows, on encrypted
// SQLite or on PostgreSQL with one SQL text for both.
//
// It owns every statement and every transaction: its methods are whole operations, and with each change go its audit row and
// the stored answer of its request, or nothing goes. Every statement on a personal table names the owner, and every such
// table's primary key begins with it. What is personal is sealed before a database sees it. The package never values, decides
// or publishes anything, and nobody else sees a connection of its, but for the job queue.
package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"
	"golang.org/x/time/rate"

	"folioscope/internal/cache"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/notify"
	"folioscope/internal/seal"
	"folioscope/internal/trace"
)

// Options says what a store stands on.
type Options struct {
	URL          string           // postgres://…; empty for SQLite
	Insecure     bool             // a database on another machine may be spoken to without TLS, or with one whose certificate isn't checked
	Path         string           // SQLite's file
	FileKey      []byte           // 32 bytes, SQLite's file
	Root         *seal.Root       // the open keyring
	Now          func() time.Time // nil for the system's clock
	Log          *slog.Logger     // nil for none
	Node         string           // this node's name, for audit rows
	Tracer       trace.Tracer     // nil: nobody wants to know
	Sessions     market.Sessions  // says which trading day a quote belongs to when quotes become bars; nil: the day in UTC
	MessagesHour int              // notify.MessagesHourMax where it is zero; only tests send more
	LookOnly     bool             // a schema of another release is refused with fault.Conflict, and left as it is

	vfs string // that keeps SQLite's files; empty: fileVFS
}

// Store is safe for concurrent use.
type Store struct {
	db              database
	root            *seal.Root
	now             func() time.Time
	log             *slog.Logger
	node            string
	sessions        market.Sessions
	schema          int64 // the newest that is known
	messagesHourMax int   // of notices that go out to one person by channels

	keys     *cache.Cache[ledger.OwnerID, *seal.Key] // open ones
	presence *presence                               // of PostgreSQL; nil for SQLite, which is no server that could be away

	room room // on the database's disk

	mu sync.Mutex // of what follows

	followed     string // the state of the keyring that this node said it holds, and when
	followedAt   time.Time
	keyringReads *rate.Limiter

	jobsOnce sync.Once
	jobs     JobsDatabase
	jobsErr  error
}

const (
	keyBytes           = 1 << 10  // about what an open key of a user takes
	keysBytesMax       = 10 << 20 // 10,000 of them
	nameFingerprint    = "keyring"
	sqlInstallation    = "SELECT value FROM installation WHERE name = $1"
	sqlNewInstallation = "INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"
)

// Open opens the database and brings its schema up to date. A key or keyring that is not this database's gives fault.Denied
// and changes nothing; a database that can't be reached gives fault.Unavailable.
func Open(ctx context.Context, options Options) (*Store, error) {
	if options.Root == nil {
		return nil, errors.New("open store: no keyring")
	}
	s := &Store{root: options.Root, now: options.Now, log: options.Log, node: options.Node, sessions: options.Sessions, keys: cache.New(keysBytesMax, func(ledger.OwnerID, *seal.Key) int { return keyBytes }), keyringReads: rate.NewLimiter(1, keyringReads)}
	s.messagesHourMax = cmp.Or(options.MessagesHour, notify.MessagesHourMax)
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := bounded(ctx, bulkWaitMax)
	defer cancel()
	migrateAll, err := s.connect(ctx, options)
	if err != nil {
		return nil, s.opening(err)
	}
	if err := migrateAll(); err != nil {
		return nil, s.opening(errors.Join(err, s.db.close()))
	}
	if err := s.checkKeyring(ctx); err != nil {
		return nil, s.opening(errors.Join(err, s.db.close()))
	}
	s.guard()
	s.tracing(options.Tracer)
	s.log.Info("store is open", "postgres", options.URL != "", "keyring", s.root.Fingerprint())
	return s, nil
}

func (s *Store) opening(err error) error {
	if s.db == nil {
		s.db = (*sqlite)(nil) // only classifies
	}
	return s.explain("open store", err)
}

func (s *Store) connect(ctx context.Context, options Options) (migrateAll func() error, err error) {
	steps, err := schemaSteps()
	if err != nil {
		return nil, err
	}
	s.schema = newestStep(steps)
	if options.URL != "" {
		p, err := openPostgres(ctx, options.URL, options.Insecure)
		if err != nil {
			return nil, err
		}
		s.db = p
		return func() error {
			if err := p.checkKeyringBefore(ctx, s.root); err != nil {
				return err
			}
			if err := migrate(ctx, p.migrating(), goose.DialectPostgres, steps, options.LookOnly); err != nil {
				return err
			}
			return s.warnOfRights(ctx, p)
		}, nil
	}
	lite, err := openSQLite(ctx, options.Path, cmp.Or(options.vfs, fileVFS), options.FileKey)
	if err != nil {
		return nil, err
	}
	s.db = lite
	return func() error {
		db, err := lite.migrating()
		if err != nil {
			return err
		}
		return errors.Join(migrate(ctx, db, goose.DialectSQLite3, steps, options.LookOnly), db.Close())
	}, nil
}

// Close gives back all connections. Operations under way must have ended.
func (s *Store) Close() error {
	if s.jobs.SQLite != nil {
		return errors.Join(s.jobs.SQLite.Close(), s.db.close())
	}
	return s.db.close()
}

// Ping asks the database for an answer.
func (s *Store) Ping(ctx context.Context) error {
	return s.explain("ping", s.db.ping(ctx))
}

// JobsDatabase is what the job queue stands on: one of the two is set.
type JobsDatabase struct {
	Pool   *pgxpool.Pool
	SQLite *sql.DB // connections of its own, closed with the store
}

// JobsDB lends the database to package jobs, and to nobody else.
func (s *Store) JobsDB() (JobsDatabase, error) {
	s.jobsOnce.Do(func() {
		switch db := bare(s.db).(type) {
		case *postgres:
			s.jobs.Pool = db.pool
		case *sqlite:
			s.jobs.SQLite, s.jobsErr = db.jobs()
		}
	})
	return s.jobs, s.jobsErr
}

const sqlUserKey = `SELECT k.version, k.wrapped FROM user_keys k JOIN users u ON u.owner = k.owner AND u.key_version = k.version
WHERE k.owner = $1`

// key opens a user's key and remembers it: fault.NotFound where there is no such user.
func (s *Store) key(ctx context.Context, q queries, owner ledger.OwnerID) (*seal.Key, error) {
	key, kept, err := s.keyWithin(ctx, q, owner)
	if err == nil && !kept {
		s.keep(key)
	}
	return key, err
}

// keyWithin is key in a transaction that may have made the user: a key that isn't remembered yet isn't then either.
func (s *Store) keyWithin(ctx context.Context, q queries, owner ledger.OwnerID) (key *seal.Key, kept bool, err error) {
	if key, kept = s.keys.Get(owner, func(*seal.Key) bool { return true }); kept {
		return key, true, nil
	}
	var version int
	var wrapped []byte
	if err := q.one(ctx, sqlUserKey, []any{string(owner)}, &version, &wrapped); noRow(err) {
		return nil, false, fault.New(fault.NotFound, "there is no such user")
	} else if err != nil {
		return nil, false, err
	}
	if key, err = s.openKey(ctx, owner, version, wrapped); err != nil {
		return nil, false, fmt.Errorf("open the key of a user: %w", err)
	}
	return key, false, nil
}

// KeyCache says how often a user's key was open already, and what the open ones take.
func (s *Store) KeyCache() cache.Meters { return s.keys.Meters() }

// keep remembers an open key. Only keys that are committed may be kept.
func (s *Store) keep(key *seal.Key) { s.keys.Put(key.Owner(), key) }
