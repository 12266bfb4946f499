// Package live is a service that knows an adapter.
package live

import (
	_ "C"          // want: C is for nothing
	"database/sql" // want: database/sql is for sqlstore, jobs
	"log"          // want: log is for nothing
	"testing"      // want: testing is for tests only
	_ "unsafe"     // want: unsafe is for nothing

	"example/internal/bus/bustest" // want: bustest is made for tests
	"example/internal/sqlstore"    // want: live must not import sqlstore
	"github.com/jackc/pgx/v5"      // want: belongs to sqlstore, jobs, pgtest, not to live
	"pgregory.net/rapid"           // want: is for tests only
)

//go:linkname now runtime.nanotime want: reaches into what others did not offer
func now() int64

func init() { // want: init runs before main
	log.Print(now(), sql.ErrNoRows, pgx.ErrNoRows, testing.Short(), rapid.Check, bustest.Run)
	sqlstore.Open()
}

// Refresh does nothing.
func Refresh() {}
