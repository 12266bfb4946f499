package cluster

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// deal is who owns which partitions.
func deal(partitions int, nodes []string) map[string][]int {
	owned := make(map[string][]int)
	for p := range partitions {
		owner := Owner(p, nodes)
		owned[owner] = append(owned[owner], p)
	}
	return owned
}

func drawNodes(t *rapid.T) []string {
	return rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9-]{1,20}`), 1, 20, rapid.ID).Draw(t, "nodes")
}

// Every partition has one owner, the same whatever the order that the nodes come in.
func TestAllAgreeOnTheOwner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := drawNodes(t)
		other := rapid.Permutation(nodes).Draw(t, "order")
		for p := range 64 {
			owner := Owner(p, nodes)
			if !slices.Contains(nodes, owner) || owner != Owner(p, other) {
				t.Fatalf("partition %d is %q's or %q's", p, owner, Owner(p, other))
			}
		}
	})
	if owner := Owner(3, nil); owner != "" {
		t.Errorf("without nodes it is %q's", owner)
	}
}

// A node that goes leaves what it had, one that comes takes what falls to it, and nothing else moves.
func TestOnlyWhatHasToMoves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := drawNodes(t)
		changed := nodes[rapid.IntRange(0, len(nodes)-1).Draw(t, "who")]
		without := slices.DeleteFunc(slices.Clone(nodes), func(n string) bool { return n == changed })
		for p := range 64 {
			if with, alone := Owner(p, nodes), Owner(p, without); with != changed && with != alone {
				t.Fatalf("partition %d is %s's with %s and %s's without", p, with, changed, alone)
			}
		}
	})
}

// Shares are as even as drawing by lot makes them: within six standard deviations.
func TestSharesAreEven(t *testing.T) {
	const partitions, deviationsMax = 20_000, 6
	rapid.Check(t, func(t *rapid.T) {
		nodes := drawNodes(t)
		owned := deal(partitions, nodes)
		n := float64(len(nodes))
		share := partitions / n
		deviation := math.Sqrt(partitions * (1 / n) * (1 - 1/n))
		for _, node := range nodes {
			if off := math.Abs(float64(len(owned[node])) - share); off > deviationsMax*deviation {
				t.Fatalf("%s has %d of %d, its share among %d is %.0f", node, len(owned[node]), partitions, len(nodes), share)
			}
		}
	})
}

// What is dealt is the same in every release: nodes of two of them have to agree.
func TestTheDealIsForGood(t *testing.T) {
	var got []int
	owned := deal(64, []string{"one", "two", "three"})
	for _, node := range slices.Sorted(maps.Keys(owned)) {
		got = append(got, len(owned[node]))
	}
	if first := fmt.Sprint(owned["one"][:5], got); first != goldenDeal {
		t.Errorf("it is dealt %s, not %s", first, goldenDeal)
	}
}

const goldenDeal = "[3 11 13 17 20] [14 25 25]"
