package certificate

import (
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"folioscope/internal/certificate/certificatetest"
	"folioscope/internal/fault"
)

func TestFilesAreReadAgain(t *testing.T) {
	authority := certificatetest.NewAuthority(t)
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "a.pem"), filepath.Join(dir, "a.key")
	write := func(cert, key []byte, at time.Time) {
		t.Helper()
		for file, text := range map[string][]byte{certFile: cert, keyFile: key} {
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(file, at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	begin := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	now := begin
	cert, key := authority.Issue(t, "first.test")
	write(cert, key, begin)
	files, err := Open(certFile, keyFile, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	shown := func(want string) {
		t.Helper()
		forServer, err := files.ForServer(&tls.ClientHelloInfo{})
		if err != nil {
			t.Fatal(err)
		}
		forClient, err := files.ForClient(&tls.CertificateRequestInfo{})
		if err != nil {
			t.Fatal(err)
		}
		if got := forServer.Leaf.Subject.CommonName; got != want || forClient != forServer {
			t.Errorf("shown is %s, want %s to servers and clients", got, want)
		}
	}
	shown("first.test")
	cert, key = authority.Issue(t, "second.test")
	write(cert, key, begin.Add(time.Hour))
	shown("first.test") // it isn't time to look again
	now = now.Add(lookInterval)
	shown("second.test")
	other, _ := authority.Issue(t, "third.test")
	write(other, key, begin.Add(2*time.Hour)) // half of the renewal is there
	now = now.Add(lookInterval)
	shown("second.test")
	if err := os.Remove(certFile); err != nil {
		t.Fatal(err)
	}
	now = now.Add(lookInterval)
	shown("second.test")
}

func TestWhatCannotBeUsedIsRefusedAtTheStart(t *testing.T) {
	authority := certificatetest.NewAuthority(t)
	cert, key := authority.Files(t, "one.test")
	_, otherKey := authority.Files(t, "other.test")
	for _, files := range [][2]string{{cert, otherKey}, {cert, cert}, {cert, filepath.Join(t.TempDir(), "none")}} {
		if _, err := Open(files[0], files[1], time.Now, slog.New(slog.DiscardHandler)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%v: %v", files, err)
		}
	}
	if pool, err := Authorities(authority.File(t)); err != nil || !pool.Equal(authority.Pool()) {
		t.Errorf("authorities: %v", err)
	}
	for _, file := range []string{key, filepath.Join(t.TempDir(), "none")} {
		if _, err := Authorities(file); !fault.Is(err, fault.Invalid) {
			t.Errorf("authorities in %s: %v", file, err)
		}
	}
}

func TestEnds(t *testing.T) {
	file, key := certificatetest.NewAuthority(t).Files(t, "a.test")
	ends, err := Ends(file)
	if err != nil || !ends.After(time.Now()) {
		t.Errorf("%s, %v", ends, err)
	}
	for _, wrong := range []string{key, filepath.Join(t.TempDir(), "missing")} {
		if _, err := Ends(wrong); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
