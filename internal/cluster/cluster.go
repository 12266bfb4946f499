// Package cluster says which nodes are there, whether one may own anything, and what falls to which of them.
//
// It owns nodes' heartbeats, how far a node's clock is from the database's, and how partitions are dealt. It holds no lease: those are rows
// with fences in the store, and what is dealt here says only who should ask for which. A node that counts on something that it has lost
// is refused by the fence, whatever it believes.
package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// How nodes tell of themselves.
const (
	// BeatInterval is how often a node says that it is there: one small transaction, and within it a clock that jumps is noticed.
	BeatInterval = 2 * time.Second
	// BeatLasts is how long that counts: two beats may be lost, and a node that is gone is off the page of the state in a few seconds.
	BeatLasts = 3 * BeatInterval
	// SkewMax is how far a node's clock may be from the database's, either way. Leases last a few seconds, and are compared by the clocks of
	// those who want them: two nodes this far apart in opposite directions still leave each other some of that.
	SkewMax = 2 * time.Second

	beatWaitMax  = 5 * time.Second // for one beat; longer than a database takes that is there
	leaveWaitMax = 2 * time.Second // of a node that stops
)

// Node is one process of an installation, as it says itself.
type Node struct {
	Name      string
	Roles     []string
	Version   string
	Schema    int64  // of the database, the newest that it knows
	Keyring   string // the fingerprint of the keyring that it opened
	StartedAt time.Time

	Ahead  time.Duration // its clock, of the database's
	SeenAt time.Time     // by the database's clock, as Until
	Until  time.Time     // it counts as there

	Partitions int // of alert rules that it holds; the store counts them, nobody says so
}

// Clock is what a beat found out of the database's clock.
type Clock struct {
	Server        bool // there is one besides ours
	At            time.Time
	Asked, Answer time.Time // by ours, before and after
}

// Ahead is how far our clock is ahead. What it took to ask is no skew: of all that fit, the one nearest to none.
func (c Clock) Ahead() time.Duration {
	if !c.Server {
		return 0
	}
	most, least := c.Answer.Sub(c.At), c.Asked.Sub(c.At) // it was read somewhere between
	switch {
	case least > 0:
		return least
	case most < 0:
		return most
	}
	return 0
}

// Store keeps the nodes.
type Store interface {
	// ReadClock asks the database for its time.
	ReadClock(ctx context.Context) (Clock, error)
	// Beat notes a node as there for so long from now, by the database's clock, and forgets those that have been gone for a day.
	Beat(ctx context.Context, n Node, lasts time.Duration) error
	// LeaveCluster takes a node away.
	LeaveCluster(ctx context.Context, name string) error
}

// Options are what a Cluster is made of.
type Options struct {
	Store Store
	Node  Node // what doesn't change: name, roles, version, start
	Log   *slog.Logger
	Now   func() time.Time // this machine's clock; nil: time.Now
}

// Cluster is an installation as one of its nodes sees it.
type Cluster struct {
	o Options

	mu    sync.Mutex
	own   bool // the clock was looked at, and is right
	ahead time.Duration
	read  time.Time // when it was, by what no setting of a clock changes
	wall  time.Time // and by our clock
	wrong bool
	quiet bool // the last beat failed, and it was said
}

// New makes one that owns nothing before its first Beat.
func New(o Options) *Cluster {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Cluster{o: o}
}

// MayOwn says whether this node may own anything: partitions, slots of polls, the audit tree's end, the watch. It may not while its clock
// is wrong, since leases go by the clocks of those who want them. A clock that was set since the last beat is wrong at once, as far as it was
// set: the next beat may be late, and the database away. It may be asked at any time.
func (c *Cluster) MayOwn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	set := c.o.Now().Round(0).Sub(c.wall) - time.Since(c.read)
	return c.own && (c.ahead+set).Abs() <= SkewMax
}

// Run tells of this node until ctx ends, and then takes it away.
func (c *Cluster) Run(ctx context.Context) error {
	ticker := time.NewTicker(BeatInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			c.leave(ctx)
			return nil
		case <-ticker.C:
		}
		err := c.Beat(ctx)
		if ctx.Err() != nil {
			continue
		}
		c.mu.Lock()
		known := c.quiet
		c.quiet = err != nil
		c.mu.Unlock()
		if err != nil && !known { // whoever can't reach the database can renew no lease either: nothing else is to be done
			c.o.Log.WarnContext(ctx, "this node can't tell the others that it is there; it is tried again", "error", err)
		}
	}
}

// Beat looks at the clock and tells of this node once.
func (c *Cluster) Beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beatWaitMax)
	defer cancel()
	clock, err := c.o.Store.ReadClock(ctx)
	if err != nil {
		return fmt.Errorf("read the database's clock: %w", err)
	}
	n := c.o.Node
	n.Ahead = clock.Ahead()
	c.judge(ctx, n.Ahead)
	if err := c.o.Store.Beat(ctx, n, BeatLasts); err != nil {
		return fmt.Errorf("tell of this node: %w", err)
	}
	return nil
}

// judge lets go of everything, or takes part again.
func (c *Cluster) judge(ctx context.Context, ahead time.Duration) {
	wrong := ahead.Abs() > SkewMax
	c.mu.Lock()
	was := c.wrong
	c.own, c.wrong = !wrong, wrong
	c.ahead, c.read, c.wall = ahead, time.Now(), c.o.Now().Round(0)
	c.mu.Unlock()
	switch rounded := ahead.Round(time.Millisecond); {
	case wrong && !was:
		c.o.Log.ErrorContext(ctx, "this machine's clock is wrong: the node leaves alert rules, polls and the audit log to others until it is right; let the machine keep time with NTP", "ahead_of_the_database", rounded)
	case was && !wrong:
		c.o.Log.InfoContext(ctx, "this machine's clock is right again", "ahead_of_the_database", rounded)
	}
}

func (c *Cluster) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveWaitMax)
	defer cancel()
	if err := c.o.Store.LeaveCluster(ctx, c.o.Node.Name); err != nil {
		c.o.Log.WarnContext(ctx, "this node is shown as there for some seconds more", "error", err)
	}
}
