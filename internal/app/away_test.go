//go:build unix

package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"folioscope/internal/config"
	"folioscope/internal/identity"
	"folioscope/internal/pgtest"
	"folioscope/internal/wiretest"
)

// patience is how long anything is waited for that comes by itself, on however slow a machine.
const patience = 2 * time.Minute

const goneEmail = "gone@example.test" // of somebody who signs out

// frail is an installation whose database can be taken away.
type frail struct {
	t        *testing.T
	cluster  *pgtest.Cluster
	wire     *wiretest.Wire
	settings config.Config
}

func newFrail(t *testing.T) *frail {
	t.Helper()
	f := &frail{t: t, cluster: pgtest.StartOwn(t), settings: settingsIn(t.TempDir())}
	f.wire = wiretest.Start(t, "unix", f.cluster.Socket())
	f.settings.Database.URL = config.Secret(fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", f.wire.Port()))
	newPlace(t, f.settings)
	if err := AddUser(t.Context(), f.settings, quiet(nil), identity.NewUser{Email: goneEmail, Name: "Gone", Role: identity.RoleUser, Password: personPassword}); err != nil {
		t.Fatal(err)
	}
	return f
}

// reply is an answer with what is said around it.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) away() string { return r.header.Get("Folioscope-Degraded") }

// get asks once.
func (p *person) get(path string) reply { return p.send("GET", path, nil) }

func (p *person) send(method, path string, body any) reply {
	p.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, p.url+path, bytes.NewReader(data))
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", fmt.Sprint(time.Now().UnixNano()))
	p.sign(request)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, text}
}

// eventually asks until an answer is as it should be in the end.
func (p *person) eventually(what, method, path string, body any, good func(reply) bool) reply {
	p.t.Helper()
	for until := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		r := p.send(method, path, body)
		if good(r) {
			return r
		}
		if time.Now().After(until) {
			p.t.Fatalf("%s: %s %s is still %d %s %s", what, method, path, r.status, r.away(), r.body)
		}
	}
}

// events are those of a stream that say what is away; the channel is closed when the stream ends.
func (p *person) events(portfolio string) <-chan string {
	p.t.Helper()
	body, cancel := p.stream(portfolio)
	told := make(chan string, 64)
	go func() {
		defer close(told)
		defer body.Close()
		lines := bufio.NewScanner(body)
		lines.Buffer(nil, 1<<20)
		degraded := false
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && degraded {
				told <- data
			}
			degraded = lines.Text() == "event: degraded"
		}
	}()
	p.t.Cleanup(func() {
		cancel()
		for range told { // nothing of it matters any more
		}
	})
	return told
}

func awaitEvent(t *testing.T, told <-chan string, want string) {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case got, open := <-told:
			if !open {
				t.Fatalf("the stream ended before it said %s", want)
			}
			if got == want {
				return
			}
		case <-late:
			t.Fatalf("the stream never said %s", want)
		}
	}
}

const (
	saysDatabase = `{"away":["database"]}`
	saysBus      = `{"away":["bus"]}`
	saysNothing  = `{"away":[]}`
)

// However the database goes, people go on reading what their node knows, all of it marked; nothing changes, nothing that isn't theirs is
// shown, and nobody who was signed out before comes in again. It ends by itself.
func TestReadsGoOnWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	signal := func(s os.Signal) func(*frail) error { return func(f *frail) error { return f.cluster.End(s) } }
	be := func(trouble wiretest.Trouble) func(*frail) error {
		return func(f *frail) error { f.wire.Be(trouble); return nil }
	}
	begin := func(f *frail) error { return f.cluster.Begin() }
	for _, test := range []struct {
		name       string
		take, give func(*frail) error
	}{
		{"nobody gets in", be(wiretest.Trouble{Shut: true}), be(wiretest.Trouble{})},
		{"nobody answers", be(wiretest.Trouble{Silent: true}), be(wiretest.Trouble{})},
		{"stopped", signal(syscall.SIGINT), begin},
		{"stopped at once", signal(syscall.SIGQUIT), begin},
		{"killed", signal(syscall.SIGKILL), begin},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFrail(t)
			url, _ := serve(t, f.settings)
			p, gone := signIn(t, url), signInAs(t, url, goneEmail)
			lost := gone.portfolio("lost")
			gone.must("GET", lost, nil, nil)
			gone.must("DELETE", "/api/v1/session", nil, nil)
			path := p.coin("mine")
			unseen := p.portfolio("unseen") // its path was never read, but it was written
			document := p.get(path)
			reads := []string{path, path + "/accounts", path + "/performance", path + "/history", path + "/allocation", path + "/holdings/" + holding(t, document), "/api/v1/me", "/api/v1/portfolios"}
			for _, read := range reads {
				if r := p.get(read); r.status != http.StatusOK || r.away() != "" {
					t.Fatalf("%s before: %d %s", read, r.status, r.away())
				}
			}
			told := p.events(path)

			if err := test.take(f); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			for range 20 { // from the first moment on
				if r := p.get(path); r.status != http.StatusOK {
					t.Fatalf("the dashboard: %d %s", r.status, r.body)
				}
			}
			awaitEvent(t, told, saysDatabase)
			t.Logf("known to be away after %s", time.Since(began).Round(time.Millisecond))
			for _, read := range reads {
				if r := p.get(read); r.status != http.StatusOK || r.away() != "database" {
					t.Errorf("%s: %d %q %s", read, r.status, r.away(), r.body)
				}
			}
			for _, change := range []string{"/api/v1/portfolios", path + "/accounts", path + "/activities", "/api/v1/session", unseen + "/accounts"} {
				r := p.send("POST", change, map[string]string{"name": "new", "currency": "EUR", "base_currency": "EUR"})
				if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" || !strings.Contains(string(r.body), "Changes and signing in are off") || r.away() != "database" {
					t.Errorf("POST %s: %d %s %s", change, r.status, r.header.Get("Retry-After"), r.body)
				}
			}
			for _, refused := range []string{"/api/v1/me/sessions", "/api/v1/notifications", path + "?sequence=99", "/api/v1/portfolios/another", "/api/v1/alerts"} {
				if r := p.get(refused); r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
					t.Errorf("%s: %d %s", refused, r.status, r.body)
				}
			}
			for _, somebody := range []*person{gone, {t: t, url: url, cookie: "folioscope=made-up"}} {
				for _, read := range []string{path, lost, "/api/v1/me"} {
					if r := somebody.get(read); r.status == http.StatusOK {
						t.Errorf("somebody who isn't signed in reads %s", r.body)
					}
				}
			}
			if r := p.get("/readyz"); r.status != http.StatusOK || r.away() != "database" {
				t.Errorf("readyz: %d %q %s", r.status, r.away(), r.body)
			}
			awaitEvent(t, p.events(path), saysDatabase) // a page that is loaded anew

			if err := test.give(f); err != nil {
				t.Fatal(err)
			}
			awaitEvent(t, told, saysNothing)
			p.eventually("a change once it is back", "POST", path+"/accounts", map[string]string{"name": "after", "currency": "EUR"}, func(r reply) bool { return r.status == http.StatusCreated && r.away() == "" })
		})
	}
}

// holding is the instrument of a document's first holding.
func holding(t *testing.T, document reply) string {
	t.Helper()
	var read struct {
		Holdings []struct {
			Instrument string `json:"instrument_id"`
		}
	}
	if err := json.Unmarshal(document.body, &read); err != nil || len(read.Holdings) == 0 {
		t.Fatalf("%v in %s", err, document.body)
	}
	return read.Holdings[0].Instrument
}
