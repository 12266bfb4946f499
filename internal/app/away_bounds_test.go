//go:build unix

package app

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"folioscope/internal/httpapi"
	"folioscope/internal/natsbus/natstest"
	"folioscope/internal/pgtest"
	"folioscope/internal/wiretest"
)

// outcomes are how requests ended while something was wrong.
type outcomes struct {
	mu       sync.Mutex
	statuses map[string]map[int]int // by what was asked
	longest  map[string]time.Duration
	broken   []string
	all      sync.WaitGroup // of who asks
}

func (o *outcomes) note(what string, r reply, took time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.statuses[what] == nil {
		o.statuses[what] = make(map[int]int)
	}
	o.statuses[what][r.status]++
	o.longest[what] = max(o.longest[what], took)
	switch {
	case r.status < 300, r.status == http.StatusPreconditionFailed: // those who changed the same met too often
	case r.status != http.StatusServiceUnavailable && r.status != http.StatusTooManyRequests, r.header.Get("Retry-After") == "", r.header.Get("Content-Type") != "application/problem+json":
		o.broken = append(o.broken, fmt.Sprintf("%s: %d %v %s", what, r.status, r.header, r.body))
	}
}

// press has people read one portfolio and change another until done is closed.
func press(t *testing.T, url, cookie, path, changed string, done <-chan struct{}) *outcomes {
	o := &outcomes{statuses: make(map[string]map[int]int), longest: make(map[string]time.Duration)}
	ask := func(what, method, path string, body func() any) {
		o.all.Go(func() {
			p := &person{t: t, url: url, cookie: cookie}
			for {
				select {
				case <-done:
					return
				case <-time.After(50 * time.Millisecond):
				}
				began := time.Now()
				o.note(what, p.send(method, path, body()), time.Since(began))
			}
		})
	}
	nothing := func() any { return nil }
	for n := range 4 {
		ask("dashboard", "GET", path, nothing)
		ask("list", "GET", "/api/v1/alerts", nothing)
		ask("chart", "GET", path+"/history", nothing)
		ask("change", "PATCH", changed, func() any {
			return map[string]string{"name": fmt.Sprint("changed ", n, time.Now().UnixNano())}
		})
	}
	return o
}

// tell waits until everybody has an answer.
func (o *outcomes) tell(t *testing.T) {
	o.all.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	for what, statuses := range o.statuses {
		t.Logf("%s: %v, the longest took %s", what, statuses, o.longest[what].Round(time.Millisecond))
	}
	for _, one := range o.broken[:min(len(o.broken), 5)] {
		t.Error(one)
	}
	if other := len(o.statuses["dashboard"]); other > 1 || o.statuses["dashboard"][http.StatusOK] == 0 {
		t.Errorf("not every dashboard was answered: %v", o.statuses["dashboard"])
	}
}

// trouble is something that a database does; undo ends it where it doesn't end by itself.
type trouble struct {
	name   string
	strike func() (undo func())
}

// Whatever a database does that is slow, hangs, is cut off, full or restarted: dashboards are answered all the time, every request ends, by
// an answer that says when to come again where it isn't the wanted one, and nothing is left behind once it is well again.
func TestEveryRequestEndsWhateverTheDatabaseDoes(t *testing.T) {
	const spell = 6 * time.Second // longer than it takes to notice that nobody answers
	f := newFrail(t)
	options := quiet(nil)
	options.limits = httpapi.Limits{PerUser: -1, PerAddress: -1}
	url, _ := serveWith(t, f.settings, options)
	p := signIn(t, url)
	path, changed := p.coin("mine"), p.portfolio("changed")
	p.must("GET", path+"/history", nil, nil)
	well := func() {
		p.eventually("well again", "GET", "/api/v1/alerts", nil, func(r reply) bool { return r.status == http.StatusOK && r.away() == "" })
	}
	troubles := []trouble{
		{"silent", func() func() { f.wire.Be(wiretest.Trouble{Silent: true}); return nil }},
		{"cut again and again", func() func() {
			for range 20 {
				f.wire.Cut()
				time.Sleep(spell / 60)
			}
			return nil
		}},
		{"its connections are killed", func() func() {
			for range 10 {
				f.execute(endSessions)
				time.Sleep(spell / 30)
			}
			return nil
		}},
		{"restarted", func() func() { f.ok(f.cluster.End(os.Interrupt)); f.ok(f.cluster.Begin()); return nil }},
	}
	if os.Getenv("FOLIOSCOPE_LONG") != "" {
		troubles = append(troubles,
			trouble{"an answer takes 2 s", func() func() { f.wire.Be(wiretest.Trouble{Latency: time.Second}); return nil }},
			trouble{"10 KB a second", func() func() { f.wire.Be(wiretest.Trouble{BytesPerSecond: 10 << 10}); return nil }},
			trouble{"nobody else gets a connection", f.exhaust},
			trouble{"a table is locked", f.lock},
			trouble{"its first process stands still", func() func() {
				f.ok(f.cluster.Signal(syscall.SIGSTOP))
				return func() { f.ok(f.cluster.Signal(syscall.SIGCONT)) }
			}})
	}
	for _, test := range troubles {
		t.Run(test.name, func(t *testing.T) {
			well()
			before := settledGoroutines()
			done := make(chan struct{})
			o := press(t, url, p.cookie, path, changed, done)
			undo := test.strike()
			time.Sleep(spell)
			close(done)
			if undo != nil {
				undo()
			}
			f.wire.Be(wiretest.Trouble{})
			o.tell(t)
			well()
			for until := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
				http.DefaultClient.CloseIdleConnections()
				if now := runtime.NumGoroutine(); now <= before+before/10+10 {
					break
				}
				if time.Now().After(until) {
					t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
				}
			}
		})
	}
}

// settledGoroutines are how many there are once connections that nobody uses are closed.
func settledGoroutines() int {
	http.DefaultClient.CloseIdleConnections()
	least := runtime.NumGoroutine()
	for range 20 {
		time.Sleep(10 * time.Millisecond)
		least = min(least, runtime.NumGoroutine())
	}
	return least
}

const endSessions = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"

func (f *frail) ok(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *frail) execute(statement string) {
	f.t.Helper()
	pgtest.Execute(f.t, f.cluster.URL, statement)
}

// exhaust takes every connection that the server has.
func (f *frail) exhaust() (undo func()) {
	f.execute("ALTER SYSTEM SET superuser_reserved_connections = 0")
	f.execute(endSessions)
	var taken []*pgtest.Session
	for {
		one, err := f.cluster.Session(f.t.Context())
		if err != nil {
			break
		}
		taken = append(taken, one)
	}
	f.t.Logf("%d connections are taken", len(taken))
	return func() {
		for _, one := range taken {
			f.ok(one.Close(f.t.Context()))
		}
	}
}

// lock has every change of an account wait.
func (f *frail) lock() (undo func()) {
	one, err := f.cluster.Session(f.t.Context())
	f.ok(err)
	f.ok(one.Do(f.t.Context(), "BEGIN"))
	f.ok(one.Do(f.t.Context(), "LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE"))
	return func() { f.ok(one.Close(f.t.Context())) }
}

// With its bus gone nothing is refused and nothing lost: changes are written and reach who watches by the poll, streams stay open and say
// that they are slower, and say so no more once it is back.
func TestTheBusIsAway(t *testing.T) {
	t.Parallel()
	nats := natstest.Start(t)
	settings := settingsIn(t.TempDir())
	settings.NATS.URLs = []string{"nats://" + nats.Address}
	newPlace(t, settings)
	url, _ := serve(t, settings)
	p := signIn(t, url)
	path := p.portfolio("mine")
	told, sequences := p.events(path), p.watch(path)
	first := <-sequences
	rounds := 1 // each takes a poll
	if os.Getenv("FOLIOSCOPE_LONG") != "" {
		rounds = 3
	}
	for round := range rounds {
		nats.Stop()
		awaitEvent(t, told, saysBus)
		for n := range 20 {
			r := p.send("POST", path+"/accounts", map[string]string{"name": fmt.Sprint("account ", round, " ", n), "currency": "EUR"})
			if r.status != http.StatusCreated || !strings.Contains(r.away(), "bus") {
				t.Fatalf("a change: %d %q %s", r.status, r.away(), r.body)
			}
		}
		first += 20
		t.Logf("seen by who watches after %s", until(t, sequences, first).Round(time.Millisecond))
		awaitEvent(t, p.events(path), saysBus)
		nats.Start()
		awaitEvent(t, told, saysNothing)
		if r := p.get(path); r.status != http.StatusOK || r.away() != "" {
			t.Errorf("once it is back: %d %q", r.status, r.away())
		}
	}
}
