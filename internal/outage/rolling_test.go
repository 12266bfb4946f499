//go:build linux

package outage

import (
	"fmt"
	"testing"
	"time"

	"folioscope/internal/pgtest"
)

const (
	rollsShort = 2 // there and back
	rollsLong  = 10
)

// Every node is stopped as its operator does and started as a later release, whose first node takes the schema on while the others work, one after
// the other, and then back; people work meanwhile. Nobody notices: no request fails, not even once, and streams that end are back elsewhere with
// all that came.
func testRolling(t *testing.T, p *place) {
	rolls := in(rollsShort, rollsLong)
	var later []string
	for n := range rolls / 2 {
		binary, err := release(n + 1)
		p.ok(err)
		later = append(later, binary)
	}
	l := p.startLoad("rolling", pauseOfL)
	p.until("all streams are open", l.open)
	var stops, longest time.Duration
	for roll := range rolls {
		binary := p.binary
		if roll%2 == 0 {
			binary = later[roll/2]
		}
		for _, n := range p.nodes {
			took := n.stop()
			stops, longest = stops+took, max(longest, took)
			n.startOf(binary)
			p.until("HAProxy has all nodes again", func() bool { return p.front.up() == len(p.nodes) })
		}
	}
	for n := range later {
		pgtest.Count(t, p.database, fmt.Sprint("next_", n+1)) // fails where no node took the schema there
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
	t.Logf("F19: %d rolling restarts of %d nodes, to a later release with a step more of the schema and back; failed: %s of requests, %s of first tries; %d streams ended and were back within %s; a stop took %s, at most %s",
		rolls, len(p.nodes), failed, tries, ended, away.Round(time.Millisecond), (stops / time.Duration(rolls*len(p.nodes))).Round(time.Millisecond), longest.Round(time.Millisecond))
	l.finish(t)
}

// refused is what streams were answered that didn't open.
func (l *load) refused() (all []string) {
	for _, w := range l.ever() {
		w.note(func() { all = append(all, w.refused...) })
	}
	return all
}
