package httpapi

import (
	"container/list"
	"context"
	"net/http"
	"runtime"
	"sync"
	"time"

	"folioscope/internal/fault"
)

// class says how soon a request is turned away when more is asked of a node than it can answer, and how long its answer may take. What
// comes first here is turned away last.
type class int

// The classes. Every route names one.
const (
	unclassed   class = iota // a mistake of ours
	classHealth              // whether the node lives: always answered
	classChange              // changes and sign-in
	classStream              // the opening of streams
	classRead                // dashboards and lists
	classChart               // what is worked out over the past, and what asks others first
	classBulk                // imports, exports and tests of what is outside
	classes
)

// String is the class as metrics name it.
func (c class) String() string {
	return [...]string{"none", "health", "change", "stream", "read", "chart", "bulk"}[c]
}

// What a node takes at once, for each core: a class is let in while fewer than insideMax requests of all classes are inside, so that under
// load bulk waits first, then charts, then reads, and changes last. Of changes and streams no more than ownMax are inside: changes wait for
// the database's writer, and must not keep out who only reads while its disk is slow. Who comes to a line of waitingMax, or has stood
// in one for waitMax, is told to come back: while somebody still looks, and before what comes behind has waited in vain. Streams count
// while they open: open ones have bounds of their own.
var classBounds = [classes]struct {
	insideMax, ownMax, waitingMax int
	waitMax                       time.Duration // in line
	deadline                      time.Duration // of the whole answer
	retryAfter                    time.Duration
}{
	classHealth: {deadline: handlerDeadline},
	classChange: {insideMax: 64, ownMax: 8, waitingMax: 256, waitMax: 4 * time.Second, deadline: 10 * time.Second, retryAfter: 2 * time.Second},
	classStream: {insideMax: 56, ownMax: 16, waitingMax: 224, waitMax: 3 * time.Second, deadline: 10 * time.Second, retryAfter: 2 * time.Second},
	classRead:   {insideMax: 48, ownMax: 48, waitingMax: 192, waitMax: 2 * time.Second, deadline: 5 * time.Second, retryAfter: 3 * time.Second},
	classChart:  {insideMax: 8, ownMax: 8, waitingMax: 24, waitMax: 2 * time.Second, deadline: handlerDeadline, retryAfter: 5 * time.Second},
	classBulk:   {insideMax: 4, ownMax: 4, waitingMax: 8, waitMax: 2 * time.Second, deadline: handlerDeadline, retryAfter: 10 * time.Second},
}

// door lets requests in, those of the first classes first.
type door struct {
	cores int

	mu      sync.Mutex
	all     int // inside
	inside  [classes]int
	waiting [classes]*list.List // of chan struct{}, closed to let in
	shed    [classes]uint64
}

func newDoor(cores int) *door {
	d := &door{cores: cores}
	for c := range d.waiting {
		d.waiting[c] = list.New()
	}
	return d
}

// enter waits until a request may be worked on; who got in calls leave, once. Not ok means that there are too many, or that the context
// ended first.
func (d *door) enter(ctx context.Context, c class) (leave func(), ok bool) {
	if c == classHealth {
		return func() {}, true
	}
	leave = sync.OnceFunc(func() { d.leave(c) })
	d.mu.Lock()
	if d.room(c) && d.waiting[c].Len() == 0 {
		d.letIn(c)
		d.mu.Unlock()
		return leave, true
	}
	if d.full(c) {
		d.shed[c]++
		d.mu.Unlock()
		return nil, false
	}
	turn := make(chan struct{})
	place := d.waiting[c].PushBack(turn)
	d.mu.Unlock()
	patience := time.NewTimer(classBounds[c].waitMax)
	defer patience.Stop()
	select {
	case <-turn:
		return leave, true
	case <-patience.C:
	case <-ctx.Done():
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-turn: // let in at this very moment
		d.letOut(c)
	default:
		d.waiting[c].Remove(place)
		d.shed[c]++
	}
	return nil, false
}

// turnsAway says whether a request would not even find a place in line, and counts it then: so that it costs neither a look at who asks nor
// its body.
func (d *door) turnsAway(c class) bool {
	if c == classHealth {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.full(c) {
		return false
	}
	d.shed[c]++
	return true
}

// room says whether one more of a class may be inside.
func (d *door) room(c class) bool {
	return d.all < d.cores*classBounds[c].insideMax && d.inside[c] < d.cores*classBounds[c].ownMax
}

// full says whether no more of a class may wait.
func (d *door) full(c class) bool { return d.waiting[c].Len() >= d.cores*classBounds[c].waitingMax }

func (d *door) letIn(c class) {
	d.all++
	d.inside[c]++
}

func (d *door) leave(c class) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.letOut(c)
}

// letOut makes room, and gives it to the first of the first class that may have it.
func (d *door) letOut(c class) {
	d.all--
	d.inside[c]--
	for next := classChange; next < classes; next++ {
		for first := d.waiting[next].Front(); first != nil && d.room(next); first = d.waiting[next].Front() {
			d.waiting[next].Remove(first)
			d.letIn(next)
			close(first.Value.(chan struct{}))
		}
	}
}

// Crowd is how much is asked of a node, by class.
type Crowd struct {
	Class           string
	Inside, Waiting int
	Shed            uint64 // since the node started
}

// Crowds are those of all classes that may be turned away.
func (s *Server) Crowds() []Crowd {
	s.door.mu.Lock()
	defer s.door.mu.Unlock()
	var crowds []Crowd
	for c := classChange; c < classes; c++ {
		crowds = append(crowds, Crowd{Class: c.String(), Inside: s.door.inside[c], Waiting: s.door.waiting[c].Len(), Shed: s.door.shed[c]})
	}
	return crowds
}

// enterDoor gives a request its place inside, or turns it away.
func (s *Server) enterDoor(w http.ResponseWriter, req *http.Request, c *call) bool {
	leave, ok := s.door.enter(req.Context(), c.route.class)
	if !ok {
		s.fail(w, req, crowdedProblem(c.route.class))
		return false
	}
	c.leave = leave
	return true
}

func crowdedProblem(c class) *Problem {
	p := newProblem(fault.Limited, "More is asked of the service at this moment than it can answer. Try again in a few seconds.")
	p.retryAfter = classBounds[c].retryAfter
	return p
}

// cores are those that Go works on.
func cores() int { return runtime.GOMAXPROCS(0) }
