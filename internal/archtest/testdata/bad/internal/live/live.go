// Package live is a service that knows an adapter.
package live

import (
	_ "C"          // want: C is for nothing
	"database/sql" // want: database/sql is for sqlstore, jobs
	"log"          // want: log is for nothing
	"net"
	web "net/http"
	"testing"  // want: testing is for tests only
	_ "unsafe" // want: unsafe is for nothing

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

// Ask goes out with a client that was given, and with three that nobody judges.
func Ask(given *web.Client) (*web.Response, error) {
	if given == nil {
		given = &web.Client{} // want: web.Client goes out unjudged
	}
	*given = *web.DefaultClient    // want: web.DefaultClient goes out
	_, _ = net.Dial("tcp", "h:80") // want: net.Dial goes out
	return given.Get("https://h")
}

// Refresh does nothing.
func Refresh() {}
