package simulation

import (
	"context"
	"log/slog"
	"time"

	"folioscope/internal/cluster"
	"folioscope/internal/event"
)

// keepTime has a node look at its clock as the product does, but only when something can have changed: at its start, within an interval
// after its clock began or ceased to be wrong, and again until it reached the store. Whoever may own nothing any more, or may again, claims
// at once, since the engine's claims are further apart here than they are.
func (n *node) keepTime(hints plug) {
	w := n.world
	r := w.dice.of("beats", n.name)
	owned := false
	for _, at := range n.turns() {
		if !n.sleep(at.Sub(w.now()) + between(r, 0, cluster.BeatInterval)) {
			return
		}
		if owned && !n.cluster.MayOwn() {
			w.trail.reached("clock: wrong, and the node owns nothing")
			hints.missed(event.AlertsChangedAll)
		}
		for n.cluster.Beat(n.ctx) != nil {
			w.trail.reached("beat: failed")
			if !n.sleep(cluster.BeatInterval) {
				return
			}
		}
		if owned = n.cluster.MayOwn(); owned {
			hints.missed(event.AlertsChangedAll)
		}
	}
}

// turns are when the node's clock changes from now on, now among them.
func (n *node) turns() []time.Time {
	now := n.world.now()
	all := []time.Time{now}
	for _, s := range n.place.jumps {
		for _, at := range []time.Time{s.from, s.to} {
			if at.After(now) {
				all = append(all, at)
			}
		}
	}
	return all
}

// newCluster is what a node goes by.
func (n *node) newCluster() *cluster.Cluster {
	return cluster.New(cluster.Options{Store: n.cable, Node: cluster.Node{Name: n.name, Roles: []string{"api", "ingest", "engine"}, StartedAt: n.now()}, Log: slog.New(slog.DiscardHandler), Now: n.now})
}

// ReadClock implements cluster.Store: the database's clock is the true time.
func (c *cable) ReadClock(ctx context.Context) (cluster.Clock, error) {
	asked := c.node.now()
	at, err := through(ctx, c, "read clock", "", func(context.Context) (time.Time, error) { return c.world.now(), nil })
	return cluster.Clock{Server: true, At: at, Asked: asked, Answer: c.node.now()}, err
}

// Beat implements cluster.Store.
func (c *cable) Beat(ctx context.Context, n cluster.Node, lasts time.Duration) error {
	_, err := through(ctx, c, "beat", "", func(ctx context.Context) (struct{}, error) { return struct{}{}, c.Store.Beat(ctx, n, lasts) })
	return err
}
