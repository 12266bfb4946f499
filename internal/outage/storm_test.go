//go:build linux

package outage

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// The storm: as many streams as one node is to carry, of as many people as that takes.
const (
	stormPeople  = 500
	stormStreams = 20 * stormPeople
	stormFiles   = stormStreams + 500 // that a process has open
	stormBack    = 60 * time.Second   // until all streams are back
	stormCalm    = 90 * time.Second   // until the node's processors are as before
	stormWait    = 10 * time.Minute   // for people to sign in and look, on a loaded machine
	viewersEnv   = "FOLIOSCOPE_OUTAGE_VIEWERS"
	demoPassword = "demo-folioscope"
)

// Ten thousand streams of one node are cut at once and come back, as browsers have it. FOLIOSCOPE_LONG alone.
func TestTenThousandStreamsComeBack(t *testing.T) {
	if !long() {
		t.Skipf("skipped: FOLIOSCOPE_LONG is not set")
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Max < stormFiles {
		t.Skipf("skipped: no %d open files: %d, %v", stormFiles, limit.Max, err)
	}
	p := &place{t: t, dir: t.TempDir()}
	n := p.startDemo()
	list := filepath.Join(p.dir, "viewers")
	p.ok(os.WriteFile(list, []byte(p.lookersOf(n)), 0o600))
	v := p.startViewers(list)
	v.until(stormStreams, stormWait)
	const resting = 10 * time.Second
	rate := func() float64 {
		before := n.used()
		time.Sleep(resting)
		return (n.used() - before).Seconds() / resting.Seconds()
	}
	calm := rate()
	cut := time.Now()
	v.cut()
	v.until(stormStreams, stormWait)
	back := time.Since(cut)
	spent := rate()
	for spent > 1.5*calm+0.1 && time.Since(cut) < stormWait {
		spent = rate()
	}
	calmed := time.Since(cut)
	t.Logf("F20: %d streams of one node were back %s after they were cut; %.2f cores before, %.2f at most %s after it", stormStreams, back.Round(time.Millisecond), calm, spent, calmed.Round(time.Second))
	if back > stormBack || calmed > stormCalm {
		t.Errorf("F20: back after %s and calm after %s, want %s and %s", back, calmed, stormBack, stormCalm)
	}
}

// startDemo runs the real binary with made-up people and a simulated market.
func (p *place) startDemo() *node {
	p.t.Helper()
	var err error
	p.binary, err = thisVersion()
	p.ok(err)
	n := &node{place: p, name: "demo", address: freeAddress(p.t, loopback)}
	cmd := exec.Command(p.binary, "demo", fmt.Sprint("--users=", stormPeople), "--addr="+n.address, "--data-dir="+filepath.Join(p.dir, "data"))
	cmd.Env, cmd.Stderr = cleanEnviron(), &n.said
	out, err := cmd.StdoutPipe()
	p.ok(err)
	p.ok(cmd.Start())
	n.cmd = cmd
	p.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	for lines := bufio.NewScanner(out); ; {
		if !lines.Scan() {
			p.t.Fatalf("the demo isn't ready: %s", lastBytes(n.said.String()))
		}
		if strings.HasPrefix(lines.Text(), "ready: ") {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return n
		}
	}
}

// lookersOf signs everybody in; a line of what it gives is one person's address, cookie and portfolio.
func (p *place) lookersOf(n *node) string {
	p.t.Helper()
	const atOnce = 4
	lines := make([]string, stormPeople)
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range lines {
		group.Go(func() (err error) {
			lines[i], err = lookerAt(n.address, fmt.Sprintf("user%03d@demo.test", i+1))
			return err
		})
	}
	p.ok(group.Wait())
	return strings.Join(lines, "\n")
}

func lookerAt(address, email string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), stormWait)
	defer cancel()
	ask := func(method, path, cookie, body string, into any) (*http.Response, error) {
		request, err := http.NewRequestWithContext(ctx, method, "http://"+address+path, strings.NewReader(body))
		if err != nil {
			return nil, err
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Cookie", cookie)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s %s: %s", method, path, response.Status)
		}
		return response, json.NewDecoder(response.Body).Decode(into)
	}
	var who any
	response, err := ask("POST", "/api/v1/session", "", fmt.Sprintf(`{"email":%q,"password":%q}`, email, demoPassword), &who)
	if err != nil {
		return "", err
	}
	cookie := response.Cookies()[0]
	var portfolios struct{ Items []struct{ ID string } }
	if _, err := ask("GET", "/api/v1/portfolios", cookie.Name+"="+cookie.Value, "", &portfolios); err != nil {
		return "", err
	}
	if len(portfolios.Items) == 0 {
		return "", fmt.Errorf("%s has no portfolio", email)
	}
	return fmt.Sprintf("%s %s=%s %s", address, cookie.Name, cookie.Value, portfolios.Items[0].ID), nil
}

// viewers is a process with a stream each for many browsers.
type viewers struct {
	place *place
	in    io.Writer
	open  atomic.Int64
}

func (p *place) startViewers(list string) *viewers {
	p.t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestViewersOfAStorm$")
	cmd.Env, cmd.Stderr = append(cleanEnviron(), viewersEnv+"="+list), os.Stderr
	in, err := cmd.StdinPipe()
	p.ok(err)
	out, err := cmd.StdoutPipe()
	p.ok(err)
	p.ok(cmd.Start())
	v := &viewers{place: p, in: in}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if count, err := strconv.ParseInt(lines.Text(), 10, 64); err == nil {
				v.open.Store(count)
			}
		}
	}()
	p.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	return v
}

func (v *viewers) until(count int64, most time.Duration) {
	v.place.t.Helper()
	for began := time.Now(); v.open.Load() != count; time.Sleep(pause) {
		if time.Since(began) > most {
			v.place.t.Fatalf("%d of %d streams are open after %s", v.open.Load(), count, most)
		}
	}
}

// cut ends all streams and waits until the process has said so.
func (v *viewers) cut() {
	v.place.t.Helper()
	_, err := io.WriteString(v.in, "cut\n")
	v.place.ok(err)
	for began := time.Now(); v.open.Load() == stormStreams; time.Sleep(pause) {
		if time.Since(began) > stormWait {
			v.place.t.Fatal("no stream was cut")
		}
	}
}

// The viewers of a storm, where a test asks for them.
func TestViewersOfAStorm(t *testing.T) {
	list, err := os.ReadFile(os.Getenv(viewersEnv))
	if err != nil {
		t.Skipf("skipped: no test wants viewers")
	}
	var open atomic.Int64
	var all []*looker
	for line := range strings.Lines(string(list)) {
		fields := strings.Fields(line)
		for range stormStreams / stormPeople {
			l := &looker{address: fields[0], open: &open, request: fmt.Sprintf("GET /api/v1/stream?portfolio=%s HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\n", fields[2], fields[0], fields[1])}
			all = append(all, l)
			go l.run()
		}
	}
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			for _, l := range all {
				if conn := l.conn.Load(); conn != nil {
					_ = (*conn).Close()
				}
			}
		}
	}()
	for {
		fmt.Println(open.Load())
		time.Sleep(pause)
	}
}

// looker is one browser with one stream.
type looker struct {
	address, request, last string
	open                   *atomic.Int64
	conn                   atomic.Pointer[net.Conn]
}

// run comes back whenever its stream ends: after as long as it was told, or at random where it was told nothing.
func (l *looker) run() {
	for {
		retry := retryUntold + rand.N(retryUntold)
		if conn, err := net.DialTimeout("tcp", l.address, stormBack); err == nil {
			l.conn.Store(&conn)
			retry = l.follow(conn, retry)
			_ = conn.Close()
		}
		time.Sleep(retry)
	}
}

func (l *looker) follow(conn net.Conn, retry time.Duration) time.Duration {
	const lineMax = 16 << 10 // events are longer: what is too long is read in pieces
	request := l.request
	if l.last != "" {
		request += "Last-Event-ID: " + l.last + "\r\n"
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		return retry
	}
	seen := false
	defer func() {
		if seen {
			l.open.Add(-1)
		}
	}()
	for lines := bufio.NewReaderSize(conn, lineMax); ; {
		line, err := lines.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return retry
		}
		text := strings.TrimSpace(string(line))
		if strings.HasPrefix(text, "HTTP/1.1 ") && text != "HTTP/1.1 200 OK" {
			return retry // the node has enough to do, and would keep the connection
		}
		field, value, _ := strings.Cut(text, ": ")
		switch field {
		case "retry":
			if millis, err := strconv.Atoi(value); err == nil {
				retry = time.Duration(millis) * time.Millisecond
			}
		case "id":
			l.last = value
		case "event":
			if !seen {
				seen = true
				l.open.Add(1)
			}
		}
	}
}
