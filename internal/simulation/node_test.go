package simulation

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"folioscope/internal/cluster"
	"folioscope/internal/ingest"
	"folioscope/internal/jobs"
	"folioscope/internal/journal"
	"folioscope/internal/live"
	"folioscope/internal/provider"
)

// How often something happens to a node, and for how long.
const (
	nodeTroubleEvery = 5 * time.Hour
	nodeTroubleMax   = 40 * time.Minute // a lease of the engine is over after 12
	skewMax          = 2 * time.Second
)

// place is where a node runs, and another one after it has died.
type place struct {
	world *world
	index int
	cuts  []span // it doesn't reach the store
	skew  time.Duration
	jumps []span // in which its clock is wrong
	jump  time.Duration
	lives int
	died  chan struct{} // holds one: the node was killed by what it did

	mu   sync.Mutex
	node *node // nil while there is none
}

func newPlace(w *world, index int) *place {
	p := &place{world: w, index: index, died: make(chan struct{}, 1)}
	name := "node " + number(index)
	p.cuts = w.troubles(name+" is cut off", 12*time.Hour, 5*time.Second, 10*time.Minute)
	p.skew = between(w.dice.of("skew", name), -skewMax, skewMax)
	return p
}

// here is the node that runs, nil where none does.
func (p *place) here() *node {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.node
}

// node is one life of a node: whatever it has in memory dies with it.
type node struct {
	place *place
	world *world
	name  string
	cable *cable
	dead  atomic.Bool
	ctx   context.Context
	end   context.CancelFunc
	work  sync.WaitGroup

	mu   sync.Mutex
	hung chan struct{} // closed when it goes on; nil while it isn't hung
	save chan struct{} // closed when it has saved its cursors; nil while nobody waits for that
	wait time.Time     // since when somebody does

	cluster *cluster.Cluster
	journal *journal.Journal
	hub     *live.Hub
}

// now is the time by the node's own clock.
func (n *node) now() time.Time {
	if n.world.calm() {
		return n.world.now()
	}
	now := n.world.now()
	if during(n.place.jumps, now) {
		now = now.Add(n.place.jump)
	}
	return now.Add(n.place.skew)
}

// random is another number for each node, and always the same: it must not matter who asks first.
func (n *node) random() float64 { return float64(n.place.index+1) / (nodesCount + 1) }

// ask has the node work on a request, and waits until it is done with it.
func (n *node) ask(request func(context.Context)) {
	var asked sync.WaitGroup
	asked.Add(1)
	n.work.Go(func() {
		defer asked.Done()
		ctx, cancel := context.WithTimeout(n.ctx, requestMax)
		defer cancel()
		request(ctx)
	})
	asked.Wait()
}

// hangs is what is closed when the node goes on, nil where it doesn't hang.
func (n *node) hangs() chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hung
}

func (n *node) hang(d time.Duration) {
	hung := make(chan struct{})
	n.mu.Lock()
	n.hung = hung
	n.mu.Unlock()
	time.Sleep(d)
	n.mu.Lock()
	n.hung = nil
	n.mu.Unlock()
	close(hung)
}

// nextSave is closed when the node has saved its cursors next, at a later moment: what comes first within one isn't the seed's.
func (n *node) nextSave() chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.save == nil {
		n.save, n.wait = make(chan struct{}), n.world.now()
	}
	return n.save
}

func (n *node) savedCursors() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.save != nil && n.world.now().After(n.wait) {
		close(n.save)
		n.save = nil
	}
}

// start begins a life.
func (p *place) start(t *testing.T) {
	t.Helper()
	p.lives++
	n := &node{place: p, world: p.world, name: "node " + number(p.index) + "." + number(p.lives)}
	n.ctx, n.end = context.WithCancel(context.Background())
	n.cable = &cable{Store: p.world.store, world: p.world, node: n}
	hints := plug{p.world.wire, n}
	n.cluster = n.newCluster()
	n.journal = journal.New(n.cable, hints, journal.Options{Now: n.now, Random: n.random, NewID: n.newID("activity")})
	n.hub = live.New(n.cable, n.journal, hints, p.world.exchange.calendar, live.Options{Now: n.now, Random: n.random, Workers: 1})
	n.work.Go(func() {
		if err := n.hub.Run(n.ctx); err != nil {
			p.world.violated("%s: live ended with %v", n.name, err)
		}
	})
	n.work.Go(func() {
		if err := n.journal.Run(n.ctx); err != nil {
			p.world.violated("%s: the journal ended with %v", n.name, err)
		}
	})
	chain := []provider.Provider{p.world.sources[0], p.world.sources[1]}
	prices, err := ingest.New(ingest.Options{
		Store: n.cable, Publisher: ingest.Hints{Bus: hints}, Sessions: p.world.exchange.calendar, Log: slog.New(slog.DiscardHandler),
		Chains: map[string][]provider.Provider{ingest.ChainStock: chain, ingest.ChainCrypto: chain}, Interval: pollInterval, Now: n.now, Random: n.random,
	})
	if err != nil {
		t.Fatal(err)
	}
	work := make(map[string]func(context.Context, jobs.Job) error)
	for _, kind := range prices.Kinds() {
		work[kind.Name] = kind.Work
	}
	n.work.Go(func() { n.keepTime(hints) })
	n.work.Go(func() { n.poll(work) })
	n.work.Go(n.sign)
	n.work.Go(n.deliver)
	n.evaluate(hints)
	p.mu.Lock()
	p.node = n
	p.mu.Unlock()
}

// stop ends a life: with notice, or as a kill does where the node was dead before.
func (p *place) stop() {
	p.mu.Lock()
	n := p.node
	p.node = nil
	p.mu.Unlock()
	if n == nil {
		return
	}
	n.end()
	n.work.Wait()
}

// kill ends a node as kill -9 does: nobody hears of it any more, and it says goodbye to nobody.
func (n *node) kill() {
	if n.dead.Swap(true) {
		return
	}
	n.world.trail.note(n.world.now(), "%s is killed", n.name)
	n.world.trail.reached("node killed")
	n.end()
	n.place.died <- struct{}{}
}

// run has a node's troubles happen to it until the quiet, and keeps it until the end.
func (p *place) run(t *testing.T) {
	t.Helper()
	w := p.world
	r := w.dice.of("place", number(p.index))
	for {
		next := w.now().Add(between(r, nodeTroubleEvery/5, nodeTroubleEvery*2))
		long := between(r, 5*time.Second, nodeTroubleMax)
		trouble := r.IntN(3)
		if next.Add(long).After(w.quiet) {
			next, trouble = w.end, nothing
		}
		select {
		case <-p.died:
			trouble = killed
		case <-time.After(next.Sub(w.now())):
		}
		n := p.here()
		switch trouble {
		case nothing:
			return
		case hung:
			w.trail.note(w.now(), "%s hangs for %s", n.name, long)
			w.trail.reached("node hung")
			n.hang(long)
			continue
		case restarted:
			w.trail.note(w.now(), "%s is told to end", n.name)
			w.trail.reached("node restarted")
		case killed:
			n.kill()
		}
		p.stop()
		time.Sleep(long)
		p.start(t)
		select {
		case <-p.died: // of the life that is over
		default:
		}
	}
}

// What may happen to a node.
const (
	killed = iota
	hung
	restarted
	nothing
)
