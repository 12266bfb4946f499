//go:build unix

package app

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"folioscope/internal/certificate/certificatetest"
	"folioscope/internal/config"
	"folioscope/internal/health"
	"folioscope/internal/pgtest"
)

// Each thing that is broken is found by its name, with its cause and with what mends it, and whatever can still be looked at is looked at.
func TestDoctorFindsWhatIsBroken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	write := func(t *testing.T, path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name       string
		shatter    func(t *testing.T, s *config.Config, o *Options) // makes it so; the installation was in order before
		check      string
		state      health.State
		says, fix  string
		goesOnWith string // a check that is made nevertheless
	}{
		{"another key", func(t *testing.T, s *config.Config, _ *Options) {
			t.Helper()
			s.Keys.KEK = filepath.Join(t.TempDir(), "other")
			write(t, s.Keys.KEK, strings.Repeat("ab", 32))
		}, "keys", health.Failing, "keys.kek names another key", "keys.kek", "disk"},
		{"no key at all", func(_ *testing.T, s *config.Config, _ *Options) { s.Keys.KEK += ".away" }, "keys", health.Failing, "", "keys.kek", "disk"},
		{"no database", func(t *testing.T, s *config.Config, _ *Options) {
			t.Helper()
			if err := os.Remove(filepath.Join(s.DataDir, databaseFile)); err != nil {
				t.Fatal(err)
			}
		}, "database", health.Failing, "no database at ", "database", "keys"},
		{"no database server", func(_ *testing.T, s *config.Config, _ *Options) {
			s.Database.URL = "postgres://u:hunter2@127.0.0.1:1/folio"
		}, "database", health.Failing, "can't be reached", "whether the database runs", "disk"},
		{"a database of an earlier release", func(t *testing.T, s *config.Config, o *Options) {
			t.Helper()
			s.Database.URL = config.Secret(pgtest.Database(t))
			if _, err := InitKeys(t.Context(), *s, *o); err != nil {
				t.Fatal(err)
			}
			pgtest.Execute(t, s.Database.URL.Reveal(), `DELETE FROM schema_versions WHERE version_id = (SELECT MAX(version_id) FROM schema_versions)`)
		}, "database", health.Failing, "of an earlier release: its schema is at", "start a node", "keys"},
		{"a bus that isn't there", func(_ *testing.T, s *config.Config, _ *Options) { s.NATS.URLs = []string{"nats://127.0.0.1:1"} }, "bus", health.Warning, "doesn't answer", "nats.urls", "prices"},
		{"a port that is taken", func(_ *testing.T, s *config.Config, _ *Options) { s.Listen = taken.Addr().String() }, "address", health.Failing, "Another program listens on 127.0.0.1:", "listen", "prices"},
		{"an address of another machine", func(_ *testing.T, s *config.Config, _ *Options) { s.Listen = "192.0.2.1:8080" }, "address", health.Failing, "can't listen on 192.0.2.1:8080", "listen", "prices"},
		{"a certificate that is over", func(t *testing.T, s *config.Config, o *Options) {
			t.Helper()
			s.TLS.Cert, s.TLS.Key = certificatetest.NewAuthority(t).Files(t, "localhost")
			o.Now = func() time.Time { return time.Now().Add(48 * time.Hour) }
		}, "certificate", health.Failing, "The certificate ended on ", "tls.cert", "prices"},
		{"a clock that is wrong", func(t *testing.T, s *config.Config, o *Options) {
			t.Helper()
			s.Database.URL = config.Secret(pgtest.Database(t))
			if _, err := InitKeys(t.Context(), *s, *o); err != nil {
				t.Fatal(err)
			}
			o.Now = func() time.Time { return time.Now().Add(-time.Minute) }
		}, "clock", health.Failing, "behind that of the database", "NTP", "prices"},
		{"a data directory that isn't there", func(_ *testing.T, s *config.Config, _ *Options) { s.DataDir += "-away" }, "disk", health.Failing, "can't be read", "data_dir", "configuration"},
		{"backups that ended", func(t *testing.T, s *config.Config, o *Options) {
			t.Helper()
			s.Health.BackupFile = filepath.Join(t.TempDir(), "made")
			write(t, s.Health.BackupFile, "")
			o.Now = func() time.Time { return time.Now().Add(48 * time.Hour) }
		}, "backup", health.Failing, "The newest backup is 2 days old, and may be 26 hours", "health.backup_file", "prices"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, o := settingsIn(t.TempDir()), quiet(nil)
			if _, err := InitKeys(t.Context(), s, o); err != nil {
				t.Fatal(err)
			}
			c.shatter(t, &s, &o)
			checks := Doctor(t.Context(), s, nil, o)
			found, wentOn := false, false
			for _, check := range checks {
				wentOn = wentOn || check.Name == c.goesOnWith
				if check.Name == c.check && check.State == c.state {
					found = true
					if !strings.Contains(check.Says, c.says) || !strings.Contains(check.Fix, c.fix) {
						t.Errorf("it says %q, to be mended by %q", check.Says, check.Fix)
					}
				}
				if strings.Contains(check.Says+check.Fix, "hunter2") {
					t.Errorf("a password is told: %+v", check)
				}
			}
			if !found || !wentOn {
				t.Errorf("it found %+v", checks)
			}
		})
	}
}

// refusing is the address of a source of coins that takes no key, and whose clock is so far behind.
func refusing(t *testing.T, behind time.Duration) string {
	t.Helper()
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-behind).UTC().Format(http.TimeFormat))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"status":{"error_code":10002,"error_message":"API Key Missing"}}`)
	}))
	t.Cleanup(source.Close)
	return source.URL
}

// A source that refuses the key is found beside the node that was refused, and after it: the database keeps what it answered.
func TestDoctorTellsOfARefusedKey(t *testing.T) {
	t.Parallel()
	settings := settingsIn(t.TempDir())
	settings.Poll.Interval = time.Second
	settings.Providers["coingecko"] = config.Provider{Enabled: true, BaseURL: refusing(t, 0), Key: "hunter2", RequestsPerMinute: 600}
	newPlace(t, settings)
	url, _ := serve(t, settings)
	signIn(t, url).coin("Coins")
	var checks []health.Check
	waitFor(t, func() string { return fmt.Sprintf("the refused key among %+v", checks) }, func() bool {
		checks = Doctor(t.Context(), settings, nil, quiet(nil))
		for _, c := range checks {
			if c.Name == "source coingecko" && c.State == health.Failing {
				return strings.Contains(c.Says, "refuses our key") && strings.Contains(c.Fix, "providers.coingecko.key") && !strings.Contains(c.Says+c.Fix, "hunter2")
			}
		}
		return false
	})
	for _, c := range checks {
		if c.Name == "address" && c.State == health.Failing {
			t.Errorf("beside the node: %+v", c)
		}
	}
}
