package engine

import (
	"hash/fnv"
	"time"

	"folioscope/internal/ledger"
)

// PartitionsCount is how many parts the owners are dealt to: enough that dozens of nodes share them evenly.
const PartitionsCount = 64

// Lease is the right to evaluate one partition's rules. Whoever claims a partition after another node raises its fence, and what the
// other one still settles is refused.
type Lease struct {
	Partition int
	Fence     int64
	Sequence  int64 // of the changes of its rules
	Cursor    int64 // of the quotes' journal: up to there all is settled
}

// Claim says who claims, and what counts as claimed by others.
type Claim struct {
	Node   string
	Now    time.Time
	Until  time.Time // the lease ends then unless it is claimed again
	Latest time.Time // a lease that ends later was taken by a wrong clock, and is none

	Settling []int // partitions of which something is on its way to the store: they are kept until the next claim, though they fall to another node
}

// Changed is an owner whose rules changed, at a sequence of their partition.
type Changed struct {
	Owner    ledger.OwnerID
	Sequence int64
}

// PartitionOf is the partition that an owner's rules are evaluated in, the same for good.
func PartitionOf(owner ledger.OwnerID) int {
	h := fnv.New32a()
	h.Write([]byte(owner))
	return int(h.Sum32() % PartitionsCount)
}
