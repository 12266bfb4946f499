//go:build unix

package app

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"folioscope/internal/config"
	"folioscope/internal/health"
	"folioscope/internal/identity"
	"folioscope/internal/outbound"
)

// lines is a log that can be read while others write it.
type lines struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

// tokenOf makes an API token as the command does.
func tokenOf(t *testing.T, settings config.Config, scopes identity.Scopes) string {
	t.Helper()
	var secret string
	beside(t, settings, func(people *identity.Service) error {
		issued, err := people.CreateTokenFor(t.Context(), personEmail, identity.NewToken{Name: "probe", Scopes: scopes, ExpiresAt: time.Now().Add(24 * time.Hour)})
		secret = issued.Secret
		return err
	})
	return secret
}

// The probe reads and writes at a node over its own address, and says what people would see: a token that isn't right or may too little,
// a service that hangs, is away, or is another.
func TestProbeAtARealNode(t *testing.T) {
	t.Parallel()
	settings := settingsIn(t.TempDir())
	newPlace(t, settings)
	url, stop := serve(t, settings)
	p := signIn(t, url)
	path := p.portfolio("Probed")
	token, reader := tokenOf(t, settings, identity.ScopeRead|identity.ScopeWrite), tokenOf(t, settings, identity.ScopeRead)
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer hanging.Close()
	another := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<h1>It works!</h1>") }))
	defer another.Close()

	t.Run("from outside", func(t *testing.T) {
		for _, c := range []struct {
			name, url, token string
			reads, writes    bool   // whether they work
			says             string // in the log, of what doesn't
		}{
			{"as it should be", url, token, true, true, ""},
			{"a token that is none", url, "fsc_" + strings.Repeat("0", 43), false, false, "a GET answered 401"},
			{"a token that only reads", url, reader, true, false, "a PATCH answered 403"},
			{"a service that hangs", hanging.URL, token, false, false, "context deadline exceeded"},
			{"nothing there", "http://127.0.0.1:1", token, false, false, "connection refused"},
			{"another service", another.URL, token, false, false, "invalid character"},
		} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				out, err := outbound.New(outbound.Options{})
				if err != nil {
					t.Fatal(err)
				}
				log := &lines{}
				probe := health.NewProbe(health.ProbeOptions{URL: c.url, Token: c.token, Client: out.Operator(c.url), Reads: 50 * time.Millisecond, Writes: 50 * time.Millisecond, Now: time.Now, Log: slog.New(slog.NewTextHandler(log, nil))})
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- probe.Run(ctx) }()
				tried := func(kind health.ProbeKind, works bool) bool {
					n := probe.Counts()[kind]
					if works {
						return n.Good > 1 && n.Failed == 0
					}
					return n.Failed > 0 && n.Good == 0
				}
				waitFor(t, func() string { return log.String() }, func() bool { return tried(health.ProbeRead, c.reads) && tried(health.ProbeWrite, c.writes) })
				if said := log.String(); (c.says == "") != (said == "") || !strings.Contains(said, c.says) || strings.Contains(said, c.token) {
					t.Errorf("it says %q, want %q", said, c.says)
				}
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		}
	})
	t.Run("of a node itself", func(t *testing.T) {
		var before struct{ Name string }
		p.must("GET", path, nil, &before)
		stop()
		settings.Probe = config.Probe{Token: config.Secret(token), Read: 100 * time.Millisecond, Write: 100 * time.Millisecond}
		own, _ := serve(t, settings)
		waitFor(t, func() string { return "its tries in the metrics" }, func() bool {
			shown := scraped{own, http.DefaultClient}.metrics(t)
			return strings.Contains(shown, `folioscope_health_probe_requests_total{kind="read",outcome="failed"} 0`) && strings.Contains(shown, `folioscope_health_probe_requests_total{kind="write",outcome="failed"} 0`) &&
				!strings.Contains(shown, `folioscope_health_probe_requests_total{kind="write",outcome="good"} 0`)
		})
		after := before
		if p.at(own).must("GET", path, nil, &after); after != before {
			t.Errorf("%+v was changed to %+v", before, after)
		}
	})
}
