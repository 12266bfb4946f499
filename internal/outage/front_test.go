//go:build linux

package outage

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"folioscope/internal/certificate/certificatetest"
)

// front is HAProxy with the file of deploy/haproxy; it may be killed and started again.
type front struct {
	place        *place
	program      string
	env          []string
	address, url string
	stats        string
	cmd          *exec.Cmd
	said         lockedBuffer
}

const frontFile = "../../deploy/haproxy/haproxy.cfg"

func newFront(p *place, program, certificate string) *front {
	f := &front{place: p, program: program, address: freeAddress(p.t, loopback), stats: freeAddress(p.t, loopback)}
	f.url = "https://localhost:" + f.address[strings.LastIndexByte(f.address, ':')+1:]
	f.env = append(cleanEnviron(), "HTTPS_BIND="+f.address, "HTTP_BIND="+freeAddress(p.t, loopback), "STATS_BIND="+f.stats, "CERTIFICATE="+certificate,
		"CONNECTIONS_MAX=4000", "CONNECTIONS_PER_ADDRESS_MAX=4000")
	for i := range nodeCount { // where there are fewer nodes, several are the last one
		f.env = append(f.env, fmt.Sprintf("NODE%d=%s", i+1, p.nodes[min(i, len(p.nodes)-1)].address))
	}
	p.t.Cleanup(f.kill)
	return f
}

func (f *front) start() {
	f.place.t.Helper()
	file, err := filepath.Abs(frontFile)
	f.place.ok(err)
	f.cmd = exec.Command(f.program, "-db", "-f", file)
	f.cmd.Env, f.cmd.Dir, f.cmd.Stdout, f.cmd.Stderr = f.env, f.place.dir, &f.said, &f.said
	f.place.ok(f.cmd.Start())
	f.place.until("HAProxy has all nodes", func() bool { return f.up() == nodeCount })
}

// up is how many nodes it gives requests to.
func (f *front) up() int {
	_, text, err := get("http://" + f.stats + "/metrics")
	if err != nil {
		return -1
	}
	count := 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, `haproxy_server_status{proxy="nodes",`) && strings.HasSuffix(line, `state="UP"} 1`+"\n") {
			count++
		}
	}
	return count
}

// kill ends it as kill -9 does.
func (f *front) kill() {
	if f.cmd == nil {
		return
	}
	_ = f.cmd.Process.Signal(syscall.SIGKILL)
	_ = f.cmd.Wait() // says that it was killed
	f.cmd = nil
}

// The file is right, as HAProxy itself says.
func TestTheFileOfHAProxy(t *testing.T) {
	program, err := exec.LookPath("haproxy")
	if err != nil {
		t.Skipf("skipped: no haproxy")
	}
	certificate, key := certificatetest.NewAuthority(t).Issue(t, "localhost")
	pem := filepath.Join(t.TempDir(), "front.pem")
	if err := os.WriteFile(pem, append(certificate, key...), 0o600); err != nil {
		t.Fatal(err)
	}
	check := exec.Command(program, "-c", "-f", frontFile)
	check.Env = append(cleanEnviron(), "CERTIFICATE="+pem, "CONNECTIONS_MAX=4000", "NODE1=192.0.2.1:8080", "NODE2=192.0.2.2:8080", "NODE3=192.0.2.3:8080")
	if out, err := check.CombinedOutput(); err != nil || strings.Contains(string(out), "WARNING") {
		t.Errorf("%v\n%s", err, out)
	}
}
