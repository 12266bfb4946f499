//go:build linux

package outage

import (
	"syscall"
	"testing"
	"time"
)

const (
	deadFor = 3 * time.Second // long enough for HAProxy to know, and to have gone on without
	flaps   = 1               // and the last one, which is healed
	flapFor = 2 * time.Second // after HAProxy has noticed, either way
)

// A node that is gone, one that takes connections and answers nothing, and one that does so every other moment.
func testDeadNodes(t *testing.T, p *place) {
	for _, c := range []struct {
		name string
		harm func(*node)
		heal func(*node)
	}{
		{"dead", (*node).kill, (*node).start},
		{"hung", func(n *node) { n.signal(syscall.SIGSTOP) }, func(n *node) { n.signal(syscall.SIGCONT) }},
		{"flapping", func(n *node) {
			for range flaps {
				n.signal(syscall.SIGSTOP)
				p.until("HAProxy goes on without the node", func() bool { return p.front.up() < len(p.nodes) })
				time.Sleep(flapFor)
				n.signal(syscall.SIGCONT)
				p.until("HAProxy has the node again", func() bool { return p.front.up() == len(p.nodes) })
				time.Sleep(flapFor)
			}
			n.signal(syscall.SIGSTOP)
		}, func(n *node) { n.signal(syscall.SIGCONT) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer p.within(t)()
			l := p.startLoad(c.name, pauseOfL)
			p.until("all streams are open", l.open)
			n := p.nodes[0]
			at := time.Now()
			c.harm(n)
			noticed := p.until("HAProxy goes on without the node", func() bool { return p.front.up() < len(p.nodes) })
			time.Sleep(deadFor)
			c.heal(n)
			p.until("HAProxy has all nodes again", func() bool { return p.front.up() == len(p.nodes) })
			p.until("all streams are back", l.open)
			failed, said := l.tally.failed(func(sample) bool { return true })
			if failed.share() > 0.001 {
				t.Errorf("F18: failed in spite of retries: %s: %q", failed, said)
			}
			ended, longest := l.back()
			t.Logf("F18: a %s node: HAProxy noticed after %s; failed in spite of retries: %s; first tries: %s; reads were back after %s; %d streams ended and were back within %s",
				c.name, noticed.Round(10*time.Millisecond), failed, l.tally.tries(), l.tally.readsBack(at, patience).Round(10*time.Millisecond), ended, longest.Round(time.Millisecond))
			l.finish(t)
		})
	}
}
