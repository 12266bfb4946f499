//go:build linux

package outage

import (
	"testing"
	"time"
)

// people of the shared installation.
const peopleShort, peopleLong = 4, 50

// One installation goes through everything in turn, as installations do.
func TestThreeNodes(t *testing.T) {
	p := newPlace(t, in(peopleShort, peopleLong), nodeCount)
	before := p.resources()
	for _, part := range []struct {
		name string
		test func(*testing.T, *place)
	}{
		{"own writes", testOwnWrites},
		{"races", testRaces},
		{"kills", testKills},
		{"dead nodes", testDeadNodes},
		{"rolling restarts", testRolling},
		{"reconnect", testReconnect},
		{"all leave", testAllLeave},
	} {
		if !t.Run(part.name, func(t *testing.T) {
			defer p.within(t)()
			part.test(t, p)
		}) {
			return // the nodes may be in any state
		}
	}
	t.Logf("goroutines and files of all nodes are back %s after the last client left", p.rested(t, before).Round(time.Second))
}

// within has what goes wrong told of a part of the test, until the function that it gives is called.
func (p *place) within(t *testing.T) (over func()) {
	whole := p.t
	p.t = t
	return func() { p.t = whole }
}
