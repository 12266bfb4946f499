package sqlstore

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"folioscope/internal/certificate/certificatetest"
	"folioscope/internal/fault"
	"folioscope/internal/pgtest"
)

// A database elsewhere is spoken to over TLS with a checked certificate, or not at all: what is refused here isn't even connected to.
func TestADatabaseElsewhereNeedsItsCertificateChecked(t *testing.T) {
	authority := certificatetest.NewAuthority(t).File(t)
	ended, end := context.WithCancel(t.Context())
	end() // what isn't refused ends before it connects
	for _, c := range []struct {
		url     string
		refused bool
	}{
		{"postgres://folio@db.example/folio", true},
		{"postgres://folio@db.example/folio?sslmode=disable", true},
		{"postgres://folio@db.example/folio?sslmode=allow", true},
		{"postgres://folio@db.example/folio?sslmode=prefer", true},
		{"postgres://folio@db.example/folio?sslmode=require", true},
		{"postgres://folio@db.example/folio?sslmode=require&sslrootcert=" + authority, true},
		{"postgres://folio@db.example/folio?sslmode=verify-ca&sslrootcert=" + authority, true},
		{"postgres://folio@db.example/folio?sslmode=verify-full", false},
		{"postgres://folio@db.example/folio?sslmode=verify-full&sslrootcert=" + authority, false},
		{"postgres://folio@192.0.2.1/folio", true},
		{"postgres://folio@[2001:db8::1]/folio", true},
		{"postgres://folio@127.evil.example/folio", true},
		{"postgres://folio@localhost,db.example/folio", true},
		{"postgres:///folio?host=db.example", true},
		{"postgres://folio@localhost/folio", false},
		{"postgres://folio@127.0.0.1/folio", false},
		{"postgres://folio@[::1]/folio", false},
		{"postgres:///folio?host=/run/postgresql", false},
	} {
		_, err := openPostgres(ended, c.url, false)
		refused := fault.Is(err, fault.Invalid) && strings.HasPrefix(err.Error(), "database.url: ") && strings.Contains(err.Error(), "sslmode=verify-full")
		if err == nil || refused != c.refused {
			t.Errorf("%s: %v, want refused: %t", c.url, err, c.refused)
		}
		if _, err := openPostgres(ended, c.url, true); err == nil || fault.Is(err, fault.Invalid) {
			t.Errorf("%s, insecure as the operator said: %v", c.url, err)
		}
	}
}

// A real server with TLS: who it is and who asks is checked, and a certificate that was renewed is shown by the next connection.
func TestPostgresOverTLS(t *testing.T) {
	authority, stranger := certificatetest.NewAuthority(t), certificatetest.NewAuthority(t)
	cert, key := authority.Issue(t, "127.0.0.1")
	server := pgtest.StartEncrypted(t, pgtest.Encryption{Cert: cert, Key: key, ClientCA: authority.PEM, Certified: "folio"})
	plain, err := openPostgres(t.Context(), server.URL, false) // over its socket
	if err != nil {
		t.Fatal(err)
	}
	defer plain.close()
	if _, err := plain.exec(t.Context(), "CREATE ROLE folio LOGIN"); err != nil {
		t.Fatal(err)
	}
	ours, strangers := authority.File(t), stranger.File(t)
	clientCert, clientKey := authority.Files(t, "folio")
	strangeCert, strangeKey := stranger.Files(t, "folio")
	otherCert, otherKey := authority.Files(t, "somebody")
	address := func(role string, query ...string) string {
		values := url.Values{"sslmode": {"verify-full"}}
		for i := 0; i < len(query); i += 2 {
			values.Set(query[i], query[i+1])
		}
		return fmt.Sprintf("postgres://%s@127.0.0.1:%d/postgres?%s", role, server.Port, values.Encode())
	}
	for name, c := range map[string]struct {
		url string
		ok  bool
	}{
		"its authority":                     {address("postgres", "sslrootcert", ours), true},
		"another authority":                 {address("postgres", "sslrootcert", strangers), false},
		"no authority that the system has":  {address("postgres"), false},
		"another name":                      {strings.Replace(address("postgres", "sslrootcert", ours), "127.0.0.1", "localhost", 1), false},
		"no TLS":                            {address("postgres", "sslmode", "disable"), false},
		"a client with its certificate":     {address("folio", "sslrootcert", ours, "sslcert", clientCert, "sslkey", clientKey), true},
		"a client without":                  {address("folio", "sslrootcert", ours), false},
		"a client of another authority":     {address("folio", "sslrootcert", ours, "sslcert", strangeCert, "sslkey", strangeKey), false},
		"a client with another's":           {address("folio", "sslrootcert", ours, "sslcert", otherCert, "sslkey", otherKey), false},
		"a client whose key is another one": {address("folio", "sslrootcert", ours, "sslcert", clientCert, "sslkey", otherKey), false},
	} {
		p, err := openPostgres(t.Context(), c.url, false)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v, want it to work: %t", name, err, c.ok)
		}
		if err == nil {
			if version := spoken(t, p); version != "TLSv1.3" {
				t.Errorf("%s: speaks %q", name, version)
			}
			p.close()
		}
	}
	dir := t.TempDir()
	renewedCert, renewedKey := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	put := func(cert, key string) {
		t.Helper()
		for from, to := range map[string]string{cert: renewedCert, key: renewedKey} {
			text, err := os.ReadFile(from)
			if err == nil {
				err = os.WriteFile(to, text, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	put(clientCert, clientKey)
	p, err := openPostgres(t.Context(), address("folio", "sslrootcert", ours, "sslcert", renewedCert, "sslkey", renewedKey), false)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	put(strangeCert, strangeKey)
	p.pool.Reset()
	if err := p.ping(t.Context()); err == nil {
		t.Error("a certificate is shown that lies in no file any more")
	}
	put(authority.Files(t, "folio"))
	p.pool.Reset()
	if err := p.ping(t.Context()); err != nil {
		t.Errorf("after a renewal: %v", err)
	}
}

// spoken is the version of TLS of one of the pool's connections, as the server sees it.
func spoken(t *testing.T, p *postgres) (version string) {
	t.Helper()
	if err := p.one(t.Context(), "SELECT coalesce(version, '') FROM pg_stat_ssl WHERE pid = pg_backend_pid()", nil, &version); err != nil {
		t.Fatal(err)
	}
	return version
}
