package audit

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"folioscope/internal/webhook"
)

const remoteSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// place is a machine elsewhere that keeps checkpoints, as the guide has it.
type place struct {
	t       *testing.T
	secrets webhook.Secrets
	path    string

	mu    sync.Mutex
	fails error // instead of an answer
	code  int   // 0: 204
	lose  int   // answers that don't arrive
	tries []string
	seen  map[string]bool
}

// RoundTrip implements http.RoundTripper.
func (p *place) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	id, err := p.secrets.Verify(r.Header, body, time.Now())
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		p.t.Errorf("%s %v: %v", r.Method, r.Header, err)
	}
	p.tries = append(p.tries, id)
	if p.fails != nil {
		return nil, p.fails
	}
	if p.code == 0 && !p.seen[id] {
		var m struct {
			Type string
			Data json.RawMessage
		}
		if err := json.Unmarshal(body, &m); err != nil || m.Type != "audit.checkpoint" {
			p.t.Errorf("%s: %v", body, err)
		}
		if err := appendLine(p.path, m.Data); err != nil {
			p.t.Error(err)
		}
		p.seen[id] = true
	}
	if p.lose > 0 {
		p.lose--
		return nil, io.ErrUnexpectedEOF
	}
	answer := &http.Response{StatusCode: p.code, Body: io.NopCloser(strings.NewReader("nothing that anybody should read")), Request: r}
	if answer.StatusCode == 0 {
		answer.StatusCode = http.StatusNoContent
	}
	return answer, nil
}

func (p *place) answer(code int, fails error, lose int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.code, p.fails, p.lose = code, fails, lose
}

// tried are the ids of what came, in their order.
func (p *place) tried() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.tries)
}

func (p *place) kept() []string {
	p.t.Helper()
	lines, err := ReadCopy(p.path)
	if err != nil {
		p.t.Fatal(err)
	}
	return lines
}

// said is a log.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(line)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// elsewhere runs a Remote beside a place in time of its own. signed makes a new checkpoint.
func elsewhere(t *testing.T, do func(r *Remote, p *place, signed func() string, log *said, mine *atomic.Bool)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		secrets, err := webhook.ParseSecrets(remoteSecret)
		if err != nil {
			t.Fatal(err)
		}
		p := &place{t: t, secrets: secrets, path: filepath.Join(t.TempDir(), "kept"), seen: map[string]bool{}}
		var newest atomic.Pointer[[]byte]
		var log said
		var mine atomic.Bool
		mine.Store(true)
		r := NewRemote(RemoteOptions{
			URL: "https://elsewhere.test/hidden-in-the-path", Secrets: secrets, Client: &http.Client{Transport: p}, Mine: mine.Load,
			Newest: func() []byte {
				if signed := newest.Load(); signed != nil {
					return *signed
				}
				return nil
			},
			Now: time.Now, Log: slog.New(slog.NewTextHandler(&log, nil)),
		})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		signer, size := testSigner(t, "0011"), int64(0)
		do(r, p, func() string {
			size++
			_, signed, err := signer.sign(size, Hash{byte(size)}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			newest.Store(&signed)
			return string(signed)
		}, &log, &mine)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if strings.Contains(log.String(), "hidden-in-the-path") || strings.Contains(log.String(), "nothing that anybody") {
			t.Errorf("told: %s", &log)
		}
	})
}

// pass lets time go by and waits until everybody rests.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestCheckpointsGoElsewhere(t *testing.T) {
	elsewhere(t, func(r *Remote, p *place, signed func() string, _ *said, mine *atomic.Bool) {
		pass(time.Minute)
		if len(p.tried()) != 0 {
			t.Error("sent something before there was anything")
		}
		first := signed()
		pass(remoteInterval)
		if !slices.Equal(p.kept(), []string{first}) || r.Lag() != 0 {
			t.Fatalf("kept %q, lag %s", p.kept(), r.Lag())
		}
		pass(time.Hour)
		if len(p.tried()) != 1 {
			t.Errorf("the same checkpoint was sent %d times", len(p.tried()))
		}
		for range 3 {
			signed()
		}
		last := signed()
		pass(remoteInterval)
		if !slices.Equal(p.kept(), []string{first, last}) {
			t.Errorf("kept %q, want the newest alone", p.kept())
		}
		mine.Store(false)
		signed()
		pass(time.Hour)
		if len(p.kept()) != 2 || r.Lag() != 0 {
			t.Errorf("sent what is another node's to send, or waits for it: %d, lag %s", len(p.kept()), r.Lag())
		}
	})
}

func TestWhatIsNotTakenIsSentAgainAndTold(t *testing.T) {
	for name, c := range map[string]struct {
		code  int
		fails error
		said  string
	}{
		"no answer":     {fails: errors.New("connection refused"), said: "connection refused"},
		"an error":      {code: http.StatusInternalServerError, said: "answered 500"},
		"not signed in": {code: http.StatusUnauthorized, said: "answered 401"},
		"a redirect":    {code: http.StatusFound, said: "answered 302"},
	} {
		t.Run(name, func(t *testing.T) {
			elsewhere(t, func(r *Remote, p *place, signed func() string, log *said, _ *atomic.Bool) {
				p.answer(c.code, c.fails, 0)
				first := signed()
				pass(30 * time.Second)
				if r.Lag() == 0 || !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), c.said) || strings.Contains(log.String(), "level=ERROR") {
					t.Errorf("lag %s after half a minute: %s", r.Lag(), log)
				}
				pass(90 * time.Second)
				if r.Lag() < remoteLagMax || !strings.Contains(log.String(), "level=ERROR") {
					t.Errorf("lag %s after two minutes: %s", r.Lag(), log)
				}
				tries := len(p.tried())
				if tries < 5 || tries > 20 || len(slices.Compact(p.tried())) != 1 {
					t.Errorf("tried as %v", p.tried())
				}
				pass(time.Hour)
				if more := len(p.tried()) - tries; more > 121 || more < 110 {
					t.Errorf("%d tries in an hour", more)
				}
				if lines := strings.Count(log.String(), "\n"); lines > 70 {
					t.Errorf("%d lines in the log of an hour", lines)
				}
				p.answer(0, nil, 0)
				pass(remotePauseMax)
				if !slices.Equal(p.kept(), []string{first}) || r.Lag() != 0 {
					t.Errorf("kept %q, lag %s", p.kept(), r.Lag())
				}
			})
		})
	}
}

// An answer that was lost makes a second try with the same id: what is kept is there once, and verifies as a copy does.
func TestALostAnswerDoublesNothing(t *testing.T) {
	elsewhere(t, func(_ *Remote, p *place, signed func() string, _ *said, _ *atomic.Bool) {
		p.answer(0, nil, 2)
		want := []string{signed()}
		pass(remotePauseMax)
		want = append(want, signed())
		pass(remoteInterval)
		if !slices.Equal(p.kept(), want) || len(p.tried()) != 4 {
			t.Errorf("kept %q after %v", p.kept(), p.tried())
		}
		verifier := testSigner(t, "0011").Verifier()
		for i, line := range p.kept() {
			if c, err := verifier.Open([]byte(line)); err != nil || c.Size != int64(i+1) {
				t.Errorf("%+v, %v", c, err)
			}
		}
	})
}
