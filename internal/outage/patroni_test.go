//go:build linux

package outage

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"folioscope/internal/pgtest"
)

const (
	failovers   = 3
	writesAway  = time.Minute // at most, while Patroni finds out and decides
	betweenHeld = 3 * time.Second
)

// The primary is killed with the Patroni that looks after it, again and again, while people work: whatever was answered is there, writes go on with
// the other server, and what was the primary takes none when it comes back.
func TestFailoverByPatroni(t *testing.T) {
	if !long() {
		t.Skipf("skipped: FOLIOSCOPE_LONG is not set")
	}
	servers := pgtest.StartPatroni(t)
	at := here(nodeCount)
	at.database = servers.URL
	p := newPlaceAt(t, at, peopleShort)
	for n := range failovers {
		if !t.Run(fmt.Sprint(n+1), func(t *testing.T) {
			defer p.within(t)()
			l := p.startLoad(fmt.Sprint("failover ", n+1), pauseOfL)
			p.until("all streams are open", l.open)
			died := time.Now()
			back := servers.KillPrimary()
			moved := time.Now()
			p.until("writes go on", func() bool { return l.tally.wrote(moved) })
			time.Sleep(betweenHeld)
			refused := back()
			again := time.Since(died)
			time.Sleep(betweenHeld)
			p.until("all streams are open", l.open)
			l.stop()
			l.group.Wait()
			away, unread := l.tally.silence(false), l.tally.silence(true)
			if away > writesAway {
				t.Errorf("F8: no write was answered for %s", away)
			}
			failed, _ := l.tally.failed(func(sample) bool { return true })
			reads, _ := l.tally.failed(func(s sample) bool { return s.read && s.from.After(died) && s.until.Before(moved) })
			t.Logf("F8: the primary and its Patroni were killed: no write was answered for %s, no read for %s; %d were answered from memory, %s of reads in that time failed; %s of requests failed in spite of retries; "+
				"the old primary was the synchronous standby %s after its death and refused all %d writes",
				away.Round(10*time.Millisecond), unread.Round(10*time.Millisecond), l.tally.recalled, reads, failed, again.Round(time.Second), refused)
			l.finish(t)
		}) {
			return
		}
	}
}

// The file is right, as Patroni itself says; that nobody answers at addresses that aren't there, and that they are of this machine, is no fault of it.
func TestTheFileOfPatroni(t *testing.T) {
	program, err := exec.LookPath("patroni")
	if err != nil {
		t.Skipf("skipped: no patroni")
	}
	text, err := os.ReadFile("../../deploy/patroni/patroni.yml")
	if err != nil {
		t.Fatal(err)
	}
	dir, data := t.TempDir(), t.TempDir()
	filled := strings.NewReplacer("NAME\n", "one\n", "ETCD1", loopback, "ETCD2", loopback, "ETCD3", loopback, "ADDRESS", loopback, "NETWORK", "10.0.0.0/8",
		"/var/lib/postgresql/15/folioscope", data).Replace(string(text))
	path := filepath.Join(dir, "patroni.yml")
	if err := os.WriteFile(path, []byte(filled), 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command(program, "--validate-config", path).CombinedOutput()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(said)) {
		if !strings.Contains(line, "is not reachable") && !strings.Contains(line, "must not contain \""+loopback) && !strings.Contains(line, "bin_dir") {
			t.Error(line)
		}
	}
}
