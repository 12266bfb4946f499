//go:build linux

package outage

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// node is one process of the product; it may be ended and started again.
type node struct {
	place   *place
	name    string
	within  string // its network namespace; empty: this one
	address string // of HTTP
	env     []string
	cmd     *exec.Cmd // nil while it doesn't run
	ended   chan error
	said    lockedBuffer
}

func newNode(p *place, number int, within, address, route string) *node {
	n := &node{place: p, name: fmt.Sprint("node", number+1), within: within, address: address}
	n.env = slices.Concat(p.shared, []string{"FOLIOSCOPE_DATA_DIR=" + filepath.Join(p.dir, n.name), "FOLIOSCOPE_LISTEN=" + address, "FOLIOSCOPE_NATS_CLUSTER_LISTEN=" + route})
	p.t.Cleanup(func() {
		if n.cmd != nil {
			n.kill()
		}
		if p.t.Failed() {
			p.t.Logf("%s said:\n%s", n.name, lastBytes(n.said.String()))
		}
	})
	return n
}

// lastBytes is the end of a log, which says why a test failed.
func lastBytes(text string) string {
	const keep = 8 << 10
	return text[max(0, len(text)-keep):]
}

// start runs the node and waits for its line.
func (n *node) start() { n.startOf(n.place.binary) }

func (n *node) startOf(binary string) {
	n.place.t.Helper()
	cmd := n.command(binary)
	out, err := cmd.StdoutPipe()
	n.place.ok(err)
	n.place.ok(cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "ready: ") {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		n.place.t.Fatalf("%s is not ready: %q, %v\n%s", n.name, line, err, lastBytes(n.said.String()))
	}
	n.follow(cmd)
}

// command is the node's process, not yet started.
func (n *node) command(binary string, more ...string) *exec.Cmd {
	args := []string{binary, "serve"}
	if n.within != "" {
		args = append([]string{"ip", "netns", "exec", n.within}, args...) // which becomes the node
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env, cmd.Stderr = slices.Concat(n.env, more), &n.said
	return cmd
}

// follow has the process be the node's, and waits for its end.
func (n *node) follow(cmd *exec.Cmd) {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	n.cmd, n.ended = cmd, ended
}

// signal gives the process one.
func (n *node) signal(s syscall.Signal) {
	n.place.t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		n.place.t.Errorf("%s: %v", n.name, err)
	}
}

// kill ends it as kill -9 does.
func (n *node) kill() {
	n.place.t.Helper()
	n.signal(syscall.SIGKILL)
	if err := <-n.ended; !killed(err) {
		n.place.t.Errorf("%s ended by itself: %v\n%s", n.name, err, lastBytes(n.said.String()))
	}
	n.cmd = nil
}

// stop ends it as its operator does, and gives how long that took.
func (n *node) stop() time.Duration {
	n.place.t.Helper()
	began := time.Now()
	n.signal(syscall.SIGTERM)
	select {
	case err := <-n.ended:
		if err != nil {
			n.place.t.Errorf("%s stopped with %v\n%s", n.name, err, lastBytes(n.said.String()))
		}
		n.cmd = nil
	case <-time.After(patience):
		n.place.t.Fatalf("%s did not stop within %s", n.name, patience)
	}
	return time.Since(began)
}

// used is the processor time that it has taken so far, as /proc says in hundredths of a second.
func (n *node) used() time.Duration {
	n.place.t.Helper()
	const user, system, hundredth = 11, 12, 10 * time.Millisecond // fields after the name in parentheses
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.cmd.Process.Pid))
	n.place.ok(err)
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var sum time.Duration
	for _, i := range []int{user, system} {
		ticks, err := strconv.ParseInt(fields[i], 10, 64)
		n.place.ok(err)
		sum += time.Duration(ticks) * hundredth
	}
	return sum
}

// meters are some of its metrics, by name, those with labels added up.
func (n *node) meters() map[string]float64 {
	n.place.t.Helper()
	_, text, err := get("http://" + n.address + "/metrics")
	n.place.ok(err)
	return parseMeters(string(text))
}

func parseMeters(text string) map[string]float64 {
	all := make(map[string]float64)
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		name, _, _ = strings.Cut(name, "{")
		if amount, err := strconv.ParseFloat(value, 64); err == nil {
			all[name] += amount
		}
	}
	return all
}
