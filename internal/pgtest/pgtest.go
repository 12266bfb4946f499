// Package pgtest gives tests a real PostgreSQL server of their own.
//
// It owns the search for PostgreSQL's binaries, one throw-away cluster for each process (or one for all packages, when the
// command in withpg started it), and one fresh database for each test. The cluster listens on a socket in its own directory
// and on no port. It is for tests alone and never touches a server that it did not start.
//
// Environment:
//
//	PGTEST_BIN=DIR      where initdb and postgres are; asked before all other places
//	PGTEST_TMP=DIR      where clusters are made, instead of /dev/shm or the temporary directory
//	PGTEST_FSYNC=on     write through to the disk, for tests that cut the power
//	PGTEST_REQUIRED=1   fail instead of skipping where no PostgreSQL is found
//	PGTEST_URL=URL      a cluster that withpg started
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// databaseWaitMax bounds making one database: a clone takes well under a second, and a loaded machine some seconds.
const databaseWaitMax = 60 * time.Second

// process is what the tests of one binary share: its cluster, started by the first test that asks and ended with the process,
// and what was prepared in it.
var process struct {
	once      sync.Once
	cluster   *Cluster // kept, since the collector would close its lock and another process would take its files for left behind
	url       string
	err       error
	templates sync.Map // key of Clone → *template
	databases atomic.Int64
}

// template is a database that was prepared once and is cloned for each test.
type template struct {
	once sync.Once
	name string
	err  error
}

// Database makes an empty database for one test and returns its URL, as pgx reads it. The test is skipped where no
// PostgreSQL is found, or fails when PGTEST_REQUIRED=1.
func Database(t testing.TB) string {
	t.Helper()
	server := serverURL(t)
	return createDatabase(t, server, "template0")
}

// Clone makes a database for one test that is a copy of a prepared one. prepare is called once for each key and process, with
// the URL of an empty database; it must close its connections before it returns.
func Clone(t *testing.T, key string, prepare func(ctx context.Context, url string) error) string {
	t.Helper()
	server := serverURL(t)
	value, _ := process.templates.LoadOrStore(key, &template{})
	made := value.(*template)
	made.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), databaseWaitMax)
		defer cancel()
		made.name = nextName("template")
		if made.err = execute(ctx, server, createSQL(made.name, "template0")); made.err == nil {
			made.err = prepare(ctx, withDatabase(server, made.name))
		}
	})
	if made.err != nil {
		t.Fatalf("prepare the database %q: %v", key, made.err)
	}
	return createDatabase(t, server, made.name)
}

// serverURL is the URL of the cluster, which is started when nobody has done so.
func serverURL(t testing.TB) string {
	t.Helper()
	process.once.Do(func() {
		if process.url = os.Getenv("PGTEST_URL"); process.url != "" {
			return
		}
		if process.cluster, process.err = Start(); process.err == nil {
			process.url = process.cluster.URL
		}
	})
	var none *NotFoundError
	switch {
	case process.err == nil:
		return process.url
	case errors.As(process.err, &none) && os.Getenv("PGTEST_REQUIRED") != "1":
		t.Skipf("skipped: %v", none)
	default:
		t.Fatalf("start PostgreSQL: %v", process.err)
	}
	return ""
}

func createDatabase(t testing.TB, server, from string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), databaseWaitMax)
	defer cancel()
	name := nextName("test")
	if err := execute(ctx, server, createSQL(name, from)); err != nil {
		t.Fatalf("create database %s: %v", name, err)
	}
	// In memory a dropped database is memory given back. On a disk each drop costs a checkpoint, so there the databases stay
	// until the cluster goes.
	if strings.Contains(server, url.QueryEscape(memoryDir)) {
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), databaseWaitMax)
			defer cancel()
			if err := execute(ctx, server, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
				t.Logf("drop database %s: %v", name, err)
			}
		})
	}
	return withDatabase(server, name)
}

// createSQL clones by copying files, which is the quickest way while nothing is flushed to a disk.
func createSQL(name, from string) string {
	return fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s STRATEGY file_copy", name, from)
}

// nextName is unique among all test binaries that share a cluster.
func nextName(kind string) string {
	return fmt.Sprintf("%s_%d_%d", kind, os.Getpid(), process.databases.Add(1))
}

// Execute runs one statement on a database, past the program that it belongs to: to break what that stands on.
func Execute(t testing.TB, database, statement string) {
	t.Helper()
	if err := execute(t.Context(), database, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// execute runs one statement over a connection of its own.
func execute(ctx context.Context, server, statement string) error {
	connection, err := pgx.Connect(ctx, server)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	_, err = connection.Exec(ctx, statement)
	return errors.Join(err, connection.Close(ctx))
}

// withDatabase is the server's URL with another database in it.
func withDatabase(server, name string) string {
	parsed, err := url.Parse(server)
	if err != nil {
		panic(fmt.Sprintf("pgtest: the cluster's own URL %q: %v", server, err))
	}
	parsed.Path = "/" + name
	return parsed.String()
}
