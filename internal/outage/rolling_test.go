//go:build linux

package outage

import (
	"testing"
	"time"
)

const (
	rollsShort = 2 // there and back
	rollsLong  = 10
)

// Every node is stopped as its operator does and started as another version, one after the other, while people work. Nobody notices: no
// request fails, not even once, and streams that end are back elsewhere with all that came.
func testRolling(t *testing.T, p *place) {
	next, err := build("next")
	p.ok(err)
	versions := []string{next, p.binary}
	l := p.startLoad("rolling", pauseOfL)
	p.until("all streams are open", l.open)
	var stops, longest time.Duration
	rolls := in(rollsShort, rollsLong)
	for roll := range rolls {
		for _, n := range p.nodes {
			took := n.stop()
			stops, longest = stops+took, max(longest, took)
			n.startOf(versions[roll%len(versions)])
			p.until("HAProxy has all nodes again", func() bool { return p.front.up() == len(p.nodes) })
		}
	}
	p.until("all streams are back", l.open)
	l.stop()
	l.group.Wait()
	failed, said := l.tally.failed(func(sample) bool { return true })
	tries := l.tally.tries()
	if failed.failed > 0 || tries.failed > 0 {
		t.Errorf("F19: failed: %s of requests, %s of first tries: %q", failed, tries, said)
	}
	if refused := l.refused(); len(refused) > 0 {
		t.Errorf("F19: streams were refused: %q", refused)
	}
	ended, away := l.back()
	t.Logf("F19: %d rolling restarts of %d nodes, to another version and back; failed: %s of requests, %s of first tries; %d streams ended and were back within %s; a stop took %s, at most %s",
		rolls, len(p.nodes), failed, tries, ended, away.Round(time.Millisecond), (stops / time.Duration(rolls*len(p.nodes))).Round(time.Millisecond), longest.Round(time.Millisecond))
	l.finish(t)
}

// refused is what streams were answered that didn't open.
func (l *load) refused() (all []string) {
	for _, w := range l.all() {
		w.note(func() { all = append(all, w.refused...) })
	}
	return all
}
