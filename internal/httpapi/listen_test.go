package httpapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"folioscope/internal/fault"
)

func serving(address string, change ...func(*Serving)) Serving {
	s := Serving{Address: address, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&s)
	}
	return s
}

func TestPlainHTTPStaysOnLoopback(t *testing.T) {
	proxied := func(s *Serving) { s.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }
	for address, c := range map[string]struct {
		change  func(*Serving)
		refused bool
	}{
		"localhost:0": {nil, false}, "127.0.0.1:0": {nil, false}, "127.3.2.1:0": {nil, false},
		"0.0.0.0:0": {nil, true}, ":0": {nil, true}, "[::]:0": {nil, true}, "192.0.2.1:0": {nil, true}, "folio.example:0": {nil, true}, "localhost.evil.example:0": {nil, true},
		"127.0.0.1":  {nil, true},
		"0.0.0.0:00": {proxied, false},
	} {
		s := serving(address)
		if c.change != nil {
			c.change(&s)
		}
		l, err := Listen(t.Context(), s)
		if c.refused {
			if !fault.Is(err, fault.Invalid) || !strings.HasPrefix(err.Error(), "listen: ") {
				t.Errorf("%s: %v", address, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if l.Plain == (c.change != nil) || l.Secure != (c.change != nil) {
			t.Errorf("%s: plain %v, secure %v", address, l.Plain, l.Secure)
		}
		must(t, l.Close())
	}
}

// serve runs a server until the test ends.
func serve(t *testing.T, s Serving, handler http.Handler) *Listening {
	t.Helper()
	l, err := Listen(t.Context(), s)
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Serve(ctx, handler, func() {}) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l
}

var says = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) })

func get(t *testing.T, client *http.Client, url string) (int, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	must(t, err)
	a, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	return a.StatusCode, string(body), err
}

func TestLocalhostIsBothFamilies(t *testing.T) {
	l := serve(t, serving("localhost:0"), says)
	if !strings.HasPrefix(l.URL, "http://localhost:") {
		t.Fatalf("URL %s", l.URL)
	}
	for _, listener := range l.listeners {
		if status, body, err := get(t, http.DefaultClient, "http://"+listener.Addr().String()); err != nil || status != 200 || body != "HTTP/1.1" {
			t.Errorf("%s: %d %q %v", listener.Addr(), status, body, err)
		}
	}
}

func TestSelfSignedServesHTTP2AndKeepsItsCertificate(t *testing.T) {
	self := func(s *Serving) { s.TLS = TLS{SelfSigned: true, Dir: filepath.Join(t.TempDir(), "tls")} }
	s := serving("localhost:0", self)
	l := serve(t, s, says)
	if !strings.HasPrefix(l.URL, "https://localhost:") || len(l.Fingerprint) != 95 || !l.Secure {
		t.Fatalf("%+v", l)
	}
	again, err := Listen(t.Context(), s)
	must(t, err)
	must(t, again.Close())
	if again.Fingerprint != l.Fingerprint {
		t.Fatal("another fingerprint after a restart")
	}
	info, err := os.Stat(filepath.Join(s.TLS.Dir, "localhost.key"))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Fatalf("key is %v", info.Mode())
	}
	roots := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(l.config.Certificates[0].Certificate[0])
	must(t, err)
	roots.AddCert(leaf)
	client := clientWith(&tls.Config{RootCAs: roots})
	for _, url := range []string{l.URL, strings.Replace(l.URL, "localhost", "127.0.0.1", 1)} {
		if status, body, err := get(t, client, url); err != nil || status != 200 || body != "HTTP/2.0" {
			t.Errorf("%s: %d %q %v", url, status, body, err)
		}
	}
	if _, _, err := get(t, clientWith(&tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}), l.URL); err == nil {
		t.Error("TLS 1.1 is taken")
	}
}

func clientWith(config *tls.Config) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}, Timeout: 5 * time.Second}
}

func TestBehindAProxyOthersAreRefused(t *testing.T) {
	elsewhere := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	l := &Listening{serving: serving("0.0.0.0:0", func(s *Serving) { s.TrustedProxies = elsewhere })}
	handler := l.fromProxiesOnly(says)
	for peer, want := range map[string]int{"192.0.2.7:1": 200, "127.0.0.1:1": 200, "[::1]:1": 200, "198.51.100.1:1": 403, "[::ffff:192.0.2.7]:1": 200, "broken": 403} {
		w := &statusWriter{header: http.Header{}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://folio.example/api/v1/me", nil)
		must(t, err)
		r.RemoteAddr = peer
		handler.ServeHTTP(w, r)
		if w.status != want {
			t.Errorf("%s: %d, want %d", peer, w.status, want)
		}
	}
}

type statusWriter struct {
	header http.Header
	status int
}

func (w *statusWriter) Header() http.Header { return w.header }
func (w *statusWriter) WriteHeader(s int)   { w.status = s }
func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return len(b), nil
}

func TestClientAddress(t *testing.T) {
	s := &Server{options: Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}}
	for _, c := range []struct{ peer, forwarded, want string }{
		{"203.0.113.9:1", "", "203.0.113.9"},
		{"203.0.113.9:1", "1.2.3.4", "203.0.113.9"}, // nobody trusts this peer
		{"10.0.0.1:1", "1.2.3.4", "1.2.3.4"},
		{"10.0.0.1:1", "6.6.6.6, 1.2.3.4", "1.2.3.4"}, // the client wrote the first itself
		{"10.0.0.1:1", "1.2.3.4, 10.0.0.2", "1.2.3.4"},
		{"10.0.0.1:1", "", "10.0.0.1"},
		{"10.0.0.1:1", "nonsense", "10.0.0.1"},
		{"[fd00::1]:1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"[2001:db8:1:2::9]:1", "", "2001:db8:1:2::/64"},
		{"[::1]:1", "", "::1"}, // the machine itself is no network
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{}}
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := s.clientAddress(r); got != c.want {
			t.Errorf("%s, %q: %s, want %s", c.peer, c.forwarded, got, c.want)
		}
	}
}

func TestParseProxies(t *testing.T) {
	got, err := ParseProxies([]string{"10.1.2.3/8", " ::1", "192.0.2.1"})
	must(t, err)
	if len(got) != 3 || got[0].String() != "10.0.0.0/8" || got[1].String() != "::1/128" || got[2].String() != "192.0.2.1/32" {
		t.Fatalf("%v", got)
	}
	if _, err := ParseProxies([]string{"proxy.example"}); !fault.Is(err, fault.Invalid) {
		t.Fatalf("%v", err)
	}
}

// A server that is told to stop answers what it has begun.
func TestServeFinishesRequests(t *testing.T) {
	arrived, proceed := make(chan struct{}), make(chan struct{})
	l, err := Listen(t.Context(), serving("127.0.0.1:0"))
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	drained := make(chan struct{})
	ended := make(chan error, 1)
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-proceed
		_, _ = io.WriteString(w, "whole")
	})
	go func() { ended <- l.Serve(ctx, handler, func() { close(drained) }) }()
	answered := make(chan string, 1)
	go func() {
		_, body, err := get(t, http.DefaultClient, l.URL)
		if err != nil {
			body = err.Error()
		}
		answered <- body
	}()
	<-arrived
	stop()
	<-drained
	close(proceed)
	if body := <-answered; body != "whole" {
		t.Fatalf("answered %q", body)
	}
	must(t, <-ended)
	if _, err := net.DialTimeout("tcp", strings.TrimPrefix(l.URL, "http://"), time.Second); err == nil {
		t.Fatal("still listening")
	}
}
