package cluster

import (
	"crypto/sha256"
	"encoding/binary"
)

// Owner is the node that a partition falls to, by rendezvous hashing: the one whose hash with it is the largest. All who know the same nodes
// come to the same owner, whatever their order; a node that goes leaves its own partitions to the others and moves no others, and one that
// comes takes only what falls to it. Without nodes it is empty.
func Owner(partition int, nodes []string) string {
	var owner string
	var largest uint64
	for _, node := range nodes {
		weight := weigh(partition, node)
		if owner == "" || weight > largest || weight == largest && node < owner {
			owner, largest = node, weight
		}
	}
	return owner
}

// weigh hashes well enough that nodes whose names differ in one letter are dealt nothing alike. Every release has to come to the same.
func weigh(partition int, node string) uint64 {
	text := binary.BigEndian.AppendUint64(nil, uint64(partition))
	sum := sha256.Sum256(append(text, node...))
	return binary.BigEndian.Uint64(sum[:])
}
