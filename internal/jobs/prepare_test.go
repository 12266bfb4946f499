package jobs

import (
	"testing"

	"golang.org/x/sync/errgroup"
)

// Nodes of an installation that is new may all start in the same moment.
func TestNodesPrepareTogether(t *testing.T) {
	const nodes = 8
	onBoth(t, func(t *testing.T, database Database) {
		var group errgroup.Group
		for range nodes {
			group.Go(func() error { return prepare(t.Context(), database) })
		}
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
	})
}
