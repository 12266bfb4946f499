//go:build linux

package outage

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"folioscope/internal/certificate/certificatetest"
	"folioscope/internal/pgtest"
)

const (
	nodeCount = 3
	patience  = 2 * time.Minute // with what comes sooner or later, on a loaded machine
	pause     = 20 * time.Millisecond
	loopback  = "127.0.0.1"
	password  = "long enough for a test 7"
	drainWait = 3 * time.Second // HAProxy needs one to notice
)

// long says whether the long forms are wanted.
func long() bool { return os.Getenv("FOLIOSCOPE_LONG") != "" }

// in picks the short or the long form of a count.
func in(short, whole int) int {
	if long() {
		return whole
	}
	return short
}

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := builtDir(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// builtDir holds the binaries that build makes.
var builtDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "folioscope-outage") })

// build makes the product as it is shipped, under a version of its own.
func build(version string, flags ...string) (string, error) {
	dir, err := builtDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "folioscope-"+version)
	args := append([]string{"build", "-o", path, "-ldflags", "-X main.version=" + version}, flags...)
	cmd := exec.Command("go", append(args, "../../cmd/folioscope")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
}

var thisVersion = sync.OnceValues(func() (string, error) { return build("this") })

// place is an installation: nodes, what they stand on, and what stands before them.
type place struct {
	t        testing.TB
	dir      string
	binary   string
	database string
	shared   []string // the environment of all nodes
	nodes    []*node
	front    *front
	prices   *prices
	coin     string // the id of what all hold
	trusted  *x509.CertPool
	people   []*person
}

// site is where nodes run: a host each, in a network namespace of its own where it names one.
type site struct {
	hosts, namespaces []string
	outside           string // the address by which they know HAProxy and sources
	database          string // its URL; empty: one of its own in the servers' that all tests share
}

// here is this machine, for so many nodes.
func here(nodes int) site {
	return site{hosts: slices.Repeat([]string{loopback}, nodes), namespaces: make([]string, nodes), outside: loopback}
}

// newPlace makes one with so many people on this machine and starts all of it. It ends with the test.
func newPlace(t testing.TB, people, nodes int, settings ...string) *place {
	t.Helper()
	return newPlaceAt(t, here(nodes), people, settings...)
}

func newPlaceAt(t testing.TB, at site, people int, settings ...string) *place {
	t.Helper()
	haproxy, err := exec.LookPath("haproxy")
	if err != nil {
		t.Skipf("skipped: no haproxy")
	}
	if at.database == "" {
		at.database = pgtest.Database(t)
	}
	p := &place{t: t, dir: t.TempDir(), database: at.database, prices: startPrices(t, at.outside)}
	p.binary, err = thisVersion()
	p.ok(err)
	authority := certificatetest.NewAuthority(t)
	p.trusted = authority.Pool()
	certificate, key := authority.Files(t, at.hosts...)
	var routes []string
	for _, host := range at.hosts {
		routes = append(routes, freeAddress(t, host))
	}
	p.shared = append(cleanEnviron(),
		"FOLIOSCOPE_DATABASE_URL="+p.database, "FOLIOSCOPE_KEYS_KEK="+filepath.Join(p.dir, "kek"),
		"FOLIOSCOPE_IDENTITY_REQUIRE_SECOND_FACTOR=", "FOLIOSCOPE_PROXY_TRUSTED="+at.outside, "FOLIOSCOPE_DRAIN_WAIT="+drainWait.String(),
		"FOLIOSCOPE_NATS_CLUSTER_ROUTES="+strings.Join(routes, ","), "FOLIOSCOPE_NATS_TLS_CERT="+certificate, "FOLIOSCOPE_NATS_TLS_KEY="+key,
		"FOLIOSCOPE_NATS_TLS_CA="+authority.File(t), "FOLIOSCOPE_TELEMETRY_LOG_LEVEL=warn", "FOLIOSCOPE_POLL_INTERVAL=2s",
		"FOLIOSCOPE_PROVIDERS_COINGECKO_BASE_URL=http://"+p.prices.address, "FOLIOSCOPE_PROVIDERS_COINGECKO_REQUESTS_PER_MINUTE=1000",
		"FOLIOSCOPE_OUTBOUND_ALLOW="+p.prices.address,
	)
	for _, name := range []string{"AMFI", "ECB", "MFAPI", "FRANKFURTER", "FRED"} {
		p.shared = append(p.shared, "FOLIOSCOPE_PROVIDERS_"+name+"_ENABLED=false")
	}
	p.shared = append(p.shared, settings...)
	for i, host := range at.hosts {
		p.nodes = append(p.nodes, newNode(p, i, at.namespaces[i], freeAddress(t, host), routes[i]))
	}
	p.command("", "keys", "init")
	p.command(password+"\n", "user", "add", "--role", "admin", "keeper@example.test")
	for n := range people {
		p.command(password+"\n", "user", "add", fmt.Sprintf("person%d@example.test", n))
	}
	for _, n := range p.nodes {
		n.start()
	}
	pem := filepath.Join(p.dir, "front.pem")
	public, secret := authority.Issue(t, "localhost", "127.0.0.1")
	p.ok(os.WriteFile(pem, append(public, secret...), 0o600))
	p.front = newFront(p, haproxy, pem)
	p.front.start()
	for n := range people {
		p.people = append(p.people, p.signIn(n))
	}
	p.furnish()
	return p
}

func (p *place) ok(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// until waits for what comes sooner or later.
func (p *place) until(what string, done func() bool) time.Duration {
	p.t.Helper()
	began := time.Now()
	for !done() {
		if time.Since(began) > patience {
			p.t.Fatalf("%s: not within %s", what, patience)
		}
		time.Sleep(pause)
	}
	return time.Since(began)
}

// command runs one as the first node's operator, to its end, and gives what it printed.
func (p *place) command(stdin string, args ...string) string {
	p.t.Helper()
	cmd := exec.Command(p.binary, args...)
	var out, said bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = p.nodes[0].env, strings.NewReader(stdin), &out, &said
	if err := cmd.Run(); err != nil {
		p.t.Fatalf("folioscope %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), said.String())
	}
	return out.String()
}

// furnish makes what all people hold.
func (p *place) furnish() {
	p.t.Helper()
	keeper := p.signInAs("keeper@example.test")
	var made struct{ ID string }
	keeper.must("POST", "/api/v1/instruments", map[string]any{
		"symbol": "BTC", "name": "Bitcoin", "currency": "USD", "asset_class": "crypto", "names": map[string]string{"coingecko": coin},
	}, &made)
	p.coin = made.ID
}

// transport is that of one client: connections of its own, over HTTP/2 or HTTP/1.1.
func (p *place) transport(http2 bool) *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: p.trusted}, ForceAttemptHTTP2: http2, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute}
}

// cleanEnviron is the environment without this product's settings, so that no test depends on whose machine it runs on.
func cleanEnviron() []string {
	var kept []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "FOLIOSCOPE_") {
			kept = append(kept, entry)
		}
	}
	return kept
}

// freeAddress is one that nobody listens at, below the ports that connections leave from: it has to be free again after every restart.
func freeAddress(t testing.TB, host string) string {
	t.Helper()
	const first, ports, attempts = 20_000, 12_000, 100
	for range attempts {
		address := fmt.Sprint(host, ":", first+rand.IntN(ports))
		if host != loopback {
			return address // in a namespace that nobody else has
		}
		if listener, err := net.Listen("tcp", address); err == nil {
			_ = listener.Close() // it took nothing yet
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// get asks a process beside all load balancers.
func get(url string) (status int, text []byte, err error) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	return response.StatusCode, text, err
}

// lockedBuffer is what a process said, which may go on speaking.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (b *lockedBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// killed says whether a process ended by a signal.
func killed(err error) bool {
	exited, ok := errors.AsType[*exec.ExitError](err)
	return ok && !exited.Exited()
}
