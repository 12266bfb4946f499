package sqlstore

import (
	"bytes"
	"crypto/rand"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"folioscope/internal/audit"
	"folioscope/internal/pgtest"
)

// A role that owns its database and may do nothing else is enough for all that a node does; one that may do anything is told of.
func TestLeastRightsAreEnough(t *testing.T) {
	address := pgtest.Database(t)
	super, err := openPostgres(t.Context(), address, true)
	if err != nil {
		t.Fatal(err)
	}
	defer super.close()
	role, password := "folio_"+strings.ToLower(rand.Text()), rand.Text()
	run := func(statement string) {
		t.Helper()
		if _, err := super.pool.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	run(`CREATE ROLE ` + role + ` LOGIN PASSWORD '` + password + `' NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS`)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	run(`ALTER DATABASE ` + strings.TrimPrefix(u.Path, "/") + ` OWNER TO ` + role)
	run(`REVOKE CONNECT, TEMPORARY ON DATABASE ` + strings.TrimPrefix(u.Path, "/") + ` FROM PUBLIC`)
	defer run(`REASSIGN OWNED BY ` + role + ` TO CURRENT_USER; DROP OWNED BY ` + role + `; DROP ROLE ` + role)

	own := *u
	own.User = url.UserPassword(role, password)
	root := mustRoot(t)
	for _, c := range []struct {
		url    string
		warned bool
	}{{own.String(), false}, {address, true}} {
		log := &bytes.Buffer{}
		s, err := Open(t.Context(), Options{URL: c.url, Root: root, Log: slog.New(slog.NewTextHandler(log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		b := &bench{Store: s, t: t}
		if !c.warned {
			b.user("anna")
			b.portfolio("anna", "p1")
			b.appended("anna", "p1", Change{})
			b.ok(b.EraseUser(t.Context(), "anna", entry("", audit.UserErased)))
		}
		b.ok(s.Close())
		if got := strings.Contains(log.String(), "superuser"); got != c.warned {
			t.Errorf("warned: %t\n%s", got, log)
		}
	}
}
