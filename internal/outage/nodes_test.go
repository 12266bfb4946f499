//go:build linux

package outage

import "testing"

// people of the shared installation. More of them do not ask more often: each waits longer.
const peopleShort, peopleLong = 4, 20

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
		{"failpoints", testFailpoints},
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
	p.rested(t, before)
}

// within has what goes wrong told of a part of the test, until the function that it gives is called.
func (p *place) within(t *testing.T) (over func()) {
	whole := p.t
	p.t = t
	return func() { p.t = whole }
}
