package sqlstore

import (
	"testing"
	"time"

	"folioscope/internal/cluster"
)

func TestNodesThatAreThere(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		clock, err := b.ReadClock(t.Context())
		b.ok(err)
		n := cluster.Node{Name: "one", Roles: []string{"api", "engine"}, Version: "v7", StartedAt: testStart, Ahead: -3 * time.Millisecond}
		b.ok(b.Beat(t.Context(), n, time.Hour))
		b.ok(b.Beat(t.Context(), cluster.Node{Name: "gone", Roles: []string{"api"}, StartedAt: testStart}, -time.Second))
		b.claim("one")
		there, err := b.Nodes(t.Context())
		b.ok(err)
		if len(there) != 1 {
			t.Fatalf("there are %+v", there)
		}
		got := there[0]
		if got.Name != "one" || len(got.Roles) != 2 || got.Roles[1] != "engine" || got.Version != "v7" || got.Schema != b.schema || got.Keyring != b.root.Fingerprint() || got.Ahead != n.Ahead || !got.StartedAt.Equal(testStart) {
			t.Errorf("it is noted as %+v", got)
		}
		if got.SeenAt.Before(clock.At) || got.Until.Sub(got.SeenAt) != time.Hour {
			t.Errorf("seen at %s until %s by the database's clock, which was at %s before", got.SeenAt, got.Until, clock.At)
		}
		if server := clock.Server; !server && got.Partitions != 64 { // the leases of this test are by its own clock
			t.Errorf("it holds %d partitions", got.Partitions)
		}
		b.ok(b.LeaveCluster(t.Context(), "one"))
		if there, err = b.Nodes(t.Context()); err != nil || len(there) != 0 {
			t.Errorf("after it left: %+v, %v", there, err)
		}
	})
}

// A node that has been gone for a day is forgotten with the next beat of any other.
func TestNodesThatAreGoneForGood(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.ok(b.Beat(t.Context(), cluster.Node{Name: "gone"}, time.Second))
		_, err := b.db.exec(t.Context(), `UPDATE nodes SET seen_at = seen_at - $1`, (nodesKept + time.Minute).Microseconds())
		b.ok(err)
		b.ok(b.Beat(t.Context(), cluster.Node{Name: "one"}, time.Second))
		var names string
		b.ok(b.db.one(t.Context(), `SELECT MIN(name) FROM nodes`, nil, &names))
		if names != "one" {
			t.Errorf("%s is kept", names)
		}
	})
}
