package simulation

import (
	"context"
	"strings"
	"sync"
	"time"
)

// How often a hint meets with what on its way to one listener, in hundredths.
const (
	hintsLost    = 10
	hintsDoubled = 5
	hintsLate    = 20
	hintLateMax  = 90 * time.Second
)

// wire is the bus of all nodes. It loses, doubles and delays what it carries, and so puts it out of order.
type wire struct {
	world *world

	mu        sync.Mutex
	listeners map[int]*listener
	count     int
}

type listener struct {
	node    *node
	subject string
	handle  func(string, []byte)
	gap     func()

	mu sync.Mutex // one at a time
}

// hears says whether a subject is what it listens for.
func (l *listener) hears(subject string) bool {
	if prefix, all := strings.CutSuffix(l.subject, ">"); all {
		return strings.HasPrefix(subject, prefix)
	}
	return l.subject == subject
}

// plug is the bus as one node has it.
type plug struct {
	*wire
	node *node
}

// Publish implements bus.Bus.
func (p plug) Publish(_ context.Context, subject string, payload []byte) error {
	if p.world.busDown() {
		p.world.trail.reached("hint: no bus")
		return errLost
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.listeners {
		if !l.hears(subject) {
			continue
		}
		r := p.world.dice.of("hint", p.node.name, l.node.name, l.subject, subject, string(payload))
		times, delay := 1, between(r, time.Microsecond, 50*time.Millisecond)
		switch share := r.IntN(100); {
		case p.world.calm():
		case share < hintsLost:
			p.world.trail.reached("hint: lost")
			times = 0
		case share < hintsLost+hintsDoubled:
			p.world.trail.reached("hint: doubled")
			times = 2
		case share < hintsLost+hintsDoubled+hintsLate:
			p.world.trail.reached("hint: late")
			delay = between(r, time.Second, hintLateMax)
		}
		for range times {
			time.AfterFunc(delay, func() { p.deliver(l, subject, payload) })
		}
	}
	return nil
}

func (p plug) deliver(l *listener, subject string, payload []byte) {
	if l.node.dead.Load() || l.node.hangs() != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.handle(subject, payload)
}

// missed tells this node's listeners to a subject that they may have missed something.
func (p plug) missed(subject string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.listeners {
		if l.node == p.node && l.subject == subject {
			l.gap()
		}
	}
}

// Subscribe implements bus.Bus.
func (p plug) Subscribe(subject string, handle func(string, []byte), gap func()) (func(), error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count++
	id := p.count
	p.listeners[id] = &listener{node: p.node, subject: subject, handle: handle, gap: gap}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.listeners, id)
	}, nil
}

// Close implements bus.Bus.
func (p plug) Close() error { return nil }
