//go:build linux

package outage

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"folioscope/internal/failpoint"
)

const (
	endsShort, endsLong = 1, 10 // at each point
	exitKilled          = 137
	nudgeEvery          = time.Second
	soloAfter           = 10 * time.Second
)

// deadly is the product built so that it can be told where to end.
func deadly() (path string, err error) { return build("deadly", "-tags", "failpoints") }

// A node comes to each of the named places while people work, and ends there as kill -9 would end it.
func testFailpoints(t *testing.T, p *place) {
	binary, err := deadly()
	p.ok(err)
	l := p.startLoad("failpoints", pauseOfL)
	p.until("all streams are open", l.open)
	ends := 0
	for range in(endsShort, endsLong) {
		for _, at := range failpoint.All() {
			n := p.nodes[ends%len(p.nodes)]
			n.kill()
			n.endAt(binary, at)
			for _, gone := range p.nodes {
				if gone.cmd == nil {
					gone.start()
				}
			}
			p.until("HAProxy has all nodes again", func() bool { return p.front.up() == len(p.nodes) })
			ends++
		}
	}
	last := time.Now()
	time.Sleep(killWindow)
	after, said := l.tally.failed(func(s sample) bool { return s.from.After(last) })
	if after.failed > 0 {
		t.Errorf("F1: failed in spite of retries, after the last node was back: %s: %q", after, said)
	}
	during, _ := l.tally.failed(func(s sample) bool { return !s.from.After(last) })
	t.Logf("F1: nodes ended %d times at %d named points; failed in spite of retries: %s, %s after; first tries: %s", ends, len(failpoint.All()), during, after, l.tally.tries())
	l.finish(t)
}

// endAt runs a node until it ends at a place, whatever has to happen for it to come there.
func (n *node) endAt(binary string, at failpoint.Point) {
	p := n.place
	p.t.Helper()
	cmd := n.command(binary, fmt.Sprintf("FAILPOINT=%s=%d", at, arrivals(at)))
	cmd.Stdout = &n.said
	p.ok(cmd.Start())
	n.follow(cmd)
	told, began := false, time.Now()
	p.until(n.name+" ends at "+string(at), func() bool {
		select {
		case err := <-n.ended:
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != exitKilled {
				p.t.Errorf("%s was to end at %s, and ended with %v\n%s", n.name, at, err, lastBytes(n.said.String()))
			}
			n.cmd = nil
			return true
		case <-time.After(nudgeEvery):
		}
		if at == failpoint.BeforeSettle || at == failpoint.AfterSettle {
			p.ruleOfAll()
		}
		switch {
		case told || p.front.up() < len(p.nodes):
		case at == failpoint.WhileDraining:
			told = true
			n.signal(syscall.SIGTERM)
		case time.Since(began) > soloAfter: // it is something that one node at a time does, and another one does it
			told = true
			for _, other := range p.nodes {
				if other != n {
					other.kill()
				}
			}
		}
		return false
	})
}

// arrivals is how often a node comes to a place before it ends there.
func arrivals(at failpoint.Point) int {
	switch at {
	case failpoint.WhileDraining:
		return 1 // it comes there once
	case failpoint.BeforeCommit, failpoint.AfterCommit:
		return 40 + rand.IntN(40) // a start takes fewer
	}
	return 1 + rand.IntN(3)
}

// ruleOfAll has everybody be told of the next price, so that whichever node has their partition has something to settle.
func (p *place) ruleOfAll() {
	for _, one := range p.people {
		a := one.once("/api/v1/alerts", fmt.Sprint("rule ", moment()), map[string]any{"condition": map[string]string{
			"kind": "price", "instrument_id": p.coin, "direction": "above", "threshold": "1",
		}})
		if a.status != http.StatusCreated && !a.passing() {
			p.t.Errorf("a rule was refused: %s", a)
		}
	}
}

// What is shipped has nothing of the named points; what ends at them has all.
func TestNothingShippedEndsAtAPoint(t *testing.T) {
	shipped, err := thisVersion()
	if err != nil {
		t.Fatal(err)
	}
	telling, err := deadly()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{shipped: false, telling: true} {
		program, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, what := range append(failpoint.All(), "FAILPOINT", "failpoint.Reach") {
			if has := bytes.Contains(program, []byte(what)); has != want {
				t.Errorf("%q in %s: %t, want %t", what, path, has, want)
			}
		}
	}
	for _, file := range []string{"Makefile", ".goreleaser.yaml", "Dockerfile"} {
		text, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "failpoint") {
			t.Errorf("%s builds with them", file)
		}
	}
}
