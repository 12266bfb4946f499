package engine_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"folioscope/internal/engine/enginetest"
)

// Three nodes, and something goes wrong all the time: nodes are killed or stopped and others come, one goes on with leases that it has
// lost, and half of the hints are.
func TestNoCrossingIsMissedOrDoubledWithFaults(t *testing.T) {
	onEach(t, func(t *testing.T, world *world) {
		w := newWalk(world)
		chaos := rand.New(rand.NewPCG(enginetest.Seed, 2))
		world.bus.lose = func() bool { return chaos.IntN(2) == 0 }
		names, nodes := 0, []*node{}
		start := func() *node { names++; return world.start(fmt.Sprint("node", names)) }
		for range 3 {
			nodes = append(nodes, start())
		}
		faults := map[string]int{}
		began := time.Now()
		for w.Due() < crossingsMin {
			w.step()
			i := chaos.IntN(len(nodes))
			switch chaos.IntN(24) {
			case 0:
				faults["killed"]++
				nodes[i].kill()
				nodes[i] = start()
			case 1:
				faults["stopped"]++
				nodes[i].stop()
				nodes[i] = start()
			case 2:
				faults["goes on without its leases"]++
				nodes[i].store.zombie.Store(true)
				nodes = append(nodes, start())
			case 3:
				time.Sleep(2 * interval) // for leases to be lost and claimed
			}
			for len(nodes) > 6 {
				nodes[0].kill()
				nodes = nodes[1:]
			}
		}
		missed, doubled := w.settled()
		t.Logf("with faults: %d crossings in %d prices, %d missed, %d doubled; %v; %s", w.Due(), w.Prices(), missed, doubled, faults, time.Since(began).Round(time.Millisecond))
		if missed != 0 || doubled*1000 > w.Due() {
			t.Errorf("%d missed, %d doubled", missed, doubled)
		}
	})
}
