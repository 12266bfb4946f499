//go:build unix

package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"folioscope/internal/certificate/certificatetest"
	"folioscope/internal/config"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/pgtest"
)

// pollMax is how late at most a node sees what no hint told it: its poll of 30 s and some time to answer.
const pollMax = 35 * time.Second

// newPlace makes an installation with one person in it.
func newPlace(t *testing.T, settings config.Config) {
	t.Helper()
	o := quiet(nil)
	if _, err := InitKeys(t.Context(), settings, o); err != nil {
		t.Fatal(err)
	}
	if err := AddUser(t.Context(), settings, o, identity.NewUser{Email: personEmail, Name: "Reader", Role: identity.RoleUser, Password: personPassword}); err != nil {
		t.Fatal(err)
	}
}

func quiet(ready func(string)) Options {
	return Options{Now: time.Now, Log: slog.New(slog.DiscardHandler), Ready: ready, keyringPoll: 50 * time.Millisecond, messagesHour: math.MaxInt32}
}

// serve runs a node until the test is over, or until stop is called, and gives its address.
func serve(t testing.TB, settings config.Config) (url string, stop func()) {
	t.Helper()
	return serveWith(t, settings, quiet(nil))
}

func serveWith(t testing.TB, settings config.Config, o Options) (url string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	o.Ready = func(url string) { ready <- url }
	go func() {
		defer close(ended)
		ended <- Serve(ctx, settings, o)
	}()
	stop = func() {
		cancel()
		if err := <-ended; err != nil { // nil too when it was stopped before
			t.Errorf("the node ended with %v", err)
		}
	}
	select {
	case url = <-ready:
		t.Cleanup(stop)
		return url, stop
	case err := <-ended:
		cancel()
		t.Fatalf("the node did not start: %v", err)
	}
	return "", nil
}

// stream opens one of a portfolio; cancel ends it.
func (p *person) stream(path string) (body io.ReadCloser, cancel context.CancelFunc) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, "GET", p.url+"/api/v1/stream?portfolio="+filepath.Base(path), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	p.sign(request)
	response, err := http.DefaultClient.Do(request)
	if err != nil || response.StatusCode != http.StatusOK {
		p.t.Fatalf("stream: %v, %v", response, err)
	}
	return response.Body, cancel
}

// watch opens a stream and tells the sequence of every snapshot.
func (p *person) watch(path string) (sequences <-chan int64) {
	p.t.Helper()
	body, cancel := p.stream(path)
	told, ended := make(chan int64, 16), make(chan struct{})
	go func() {
		defer close(ended)
		defer body.Close()
		lines := bufio.NewScanner(body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var document struct {
				Sequence int64
				Holdings json.RawMessage
			}
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if ok && json.Unmarshal([]byte(data), &document) == nil && document.Sequence > 0 {
				told <- document.Sequence
			}
		}
	}()
	p.t.Cleanup(func() {
		cancel()
		<-ended
	})
	return told
}

// until waits for a sequence on a stream and gives how long that took.
func until(t *testing.T, sequences <-chan int64, want int64) time.Duration {
	t.Helper()
	began := time.Now()
	late := time.NewTimer(pollMax)
	defer late.Stop()
	for {
		select {
		case got := <-sequences:
			if got >= want {
				return time.Since(began)
			}
		case <-late.C:
			t.Fatalf("sequence %d did not show within %s", want, pollMax)
		}
	}
}

// deposit enters one and gives the portfolio's new sequence.
func (p *person) deposit(path, amount string) int64 {
	p.t.Helper()
	var done struct{ Sequence int64 }
	p.must("POST", path+"/activities", map[string]any{"activities": []map[string]string{{"date": "2026-01-02", "type": "deposit", "amount": amount}}}, &done)
	return done.Sequence
}

// cash is what a portfolio's document says, of the sequence that it says.
func (p *person) cash(path string) (cash string, sequence int64) {
	p.t.Helper()
	var document struct {
		Cash     string
		Sequence int64
	}
	p.must("GET", path, nil, &document)
	return document.Cash, document.Sequence
}

// Two nodes on one database that no bus connects: what one wrote, the other's next answer has, and its streams have it within
// the poll. One that ends takes nothing with it.
func TestTwoNodesOnOneDatabase(t *testing.T) {
	t.Parallel()
	database, dir := pgtest.Database(t), t.TempDir()
	one, other := settingsIn(dir), settingsIn(dir)
	one.Database.URL, other.Database.URL = config.Secret(database), config.Secret(database)
	other.DataDir += "-of-another"
	newPlace(t, one)
	urlOne, stopOne := serve(t, one)
	urlOther, _ := serve(t, other)

	writer := signIn(t, urlOne)
	path := writer.portfolio("Shared")
	first := writer.deposit(path, "100")
	reader := &person{t: t, url: urlOther, cookie: writer.cookie} // a session holds on every node
	if cash, sequence := reader.cash(path); cash != "100" || sequence != first {
		t.Errorf("the other node says %s at %d, want 100 at %d", cash, sequence, first)
	}
	here, there := writer.watch(path), reader.watch(path)
	until(t, here, first)
	until(t, there, first)
	for i := range 10 { // in turn, so that each always works on what the other wrote
		if i%2 == 0 {
			writer.deposit(path, "1")
		} else {
			reader.deposit(path, "1")
		}
	}
	last := first + 10
	for _, p := range []*person{writer, reader} {
		if cash, sequence := p.cash(path); cash != "110" || sequence != last {
			t.Errorf("%s says %s at %d, want 110 at %d", p.url, cash, sequence, last)
		}
	}
	t.Logf("seen on the streams after %s and %s", until(t, here, last).Round(time.Millisecond), until(t, there, last).Round(time.Millisecond))

	stopOne()
	if cash, _ := reader.cash(path); cash != "110" {
		t.Errorf("without the first node: %s", cash)
	}
	if sequence := reader.deposit(path, "1"); sequence != last+1 {
		t.Errorf("without the first node: sequence %d, want %d", sequence, last+1)
	}
	t.Logf("the survivor's own write was seen after %s", until(t, there, last+1).Round(time.Millisecond))
}

// Two nodes whose servers inside are joined, over TLS with certificates: what one wrote, the other's streams have with the hint. Of so many changes
// in turn the polls alone would take far longer.
func TestTwoNodesTellEachOther(t *testing.T) {
	t.Parallel()
	const rounds = 5
	database, dir := pgtest.Database(t), t.TempDir()
	authority := certificatetest.NewAuthority(t)
	ca := authority.File(t)
	var nodes []config.Config
	var routes []string
	for i := range 2 {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		one := settingsIn(dir)
		one.Database.URL = config.Secret(database)
		one.DataDir += fmt.Sprint("-", i)
		one.NATS.Cluster.Listen = free.Addr().String()
		one.NATS.TLS.Cert, one.NATS.TLS.Key = authority.Files(t, "127.0.0.1")
		one.NATS.TLS.CA = ca
		nodes, routes = append(nodes, one), append(routes, one.NATS.Cluster.Listen)
		if err := free.Close(); err != nil {
			t.Fatal(err)
		}
	}
	newPlace(t, nodes[0])
	var urls []string
	for _, one := range nodes {
		one.NATS.Cluster.Routes = routes
		if err := one.Validate(); err != nil {
			t.Fatal(err)
		}
		url, _ := serve(t, one)
		urls = append(urls, url)
	}
	writer := signIn(t, urls[0])
	path := writer.portfolio("Shared")
	sequence := writer.deposit(path, "100")
	there := writer.at(urls[1]).watch(path)
	until(t, there, sequence)
	late := time.AfterFunc(2*pollMax, func() { t.Errorf("the other node finds changes by its poll alone") })
	defer late.Stop()
	for range rounds {
		until(t, there, writer.deposit(path, "1"))
	}
}

// A file that the command brings in beside a running node is in the node's next answer, and on its streams within the poll.
func TestImportBesideARunningNode(t *testing.T) {
	t.Parallel()
	settings := settingsIn(t.TempDir())
	newPlace(t, settings)
	url, _ := serve(t, settings)
	p := signIn(t, url)
	path := p.portfolio("Imported")
	before := p.deposit(path, "1")
	stream := p.watch(path)
	until(t, stream, before)

	file := "date,type,amount\n2026-01-02,deposit,10\n2026-01-03,deposit,20\n"
	result, err := Import(t.Context(), settings, quiet(nil), ledger.PortfolioID(filepath.Base(path)), strings.NewReader(file), false)
	if err != nil || result.New != 2 {
		t.Fatalf("%+v, %v", result, err)
	}
	if cash, sequence := p.cash(path); cash != "31" || sequence != before+1 {
		t.Errorf("the node says %s at %d, want 31 at %d", cash, sequence, before+1)
	}
	t.Logf("seen on the stream after %s", until(t, stream, before+1).Round(time.Millisecond))
}
