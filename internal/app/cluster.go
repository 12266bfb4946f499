package app

import (
	"context"
	"time"

	"folioscope/internal/cluster"
	"folioscope/internal/jobs"
)

// clockWait is how long work waits that a node with a wrong clock came by, for it or another node.
const clockWait = 15 * time.Second

// buildCluster makes what tells the other nodes of this one, and looks at the database's clock before anything is owned.
func (n *node) buildCluster(ctx context.Context, name string) error {
	n.cluster = cluster.New(cluster.Options{
		Store: n.store, Log: n.o.Log, Node: cluster.Node{Name: name, Roles: n.settings.Roles, Version: n.o.Version, StartedAt: n.o.Now()},
	})
	n.add("cluster", n.cluster.Run)
	return n.cluster.Beat(ctx)
}

// ownedKinds are kinds of jobs that go by the clock, for nodes whose clock is right.
func ownedKinds(kinds []jobs.Kind, mayOwn func() bool) []jobs.Kind {
	for i, kind := range kinds {
		kinds[i].Work = func(ctx context.Context, job jobs.Job) error {
			if !mayOwn() {
				return jobs.Later(clockWait)
			}
			return kind.Work(ctx, job)
		}
	}
	return kinds
}
