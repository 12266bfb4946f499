package engine

import (
	"context"
	"maps"
	"slices"
	"time"

	"folioscope/internal/ledger"
)

// partition is one that this node evaluates.
type partition struct {
	lease   Lease
	from    int64 // of the quotes' journal: up to there the store has all settled
	seen    int64 // of the changes of rules: up to there their owners are known
	asking  bool
	joining int // chunks of owners that are still loaded after it was taken

	settling int // owners of whom something is on its way to the store
	kept     int // claims in a row that it was so
}

// trouble is an owner whose rules could not be read or settled, or changed while they were. They are put aside, and nobody waits for them:
// once they can be read again they see all that they missed. It is over when that is settled.
type trouble struct {
	partition int
	from      int64 // where the replay has to begin
	since     time.Time
	retryAt   time.Time
	wait      time.Duration
}

// claim renews what this node holds, and finds what changed. A node that may hold nothing gives back what it has. It is the loop that
// claims, so that one that hangs loses what it holds.
func (e *Engine) claim() {
	if !e.began || e.claiming {
		return
	}
	e.claiming = true
	now, mayOwn := e.o.Now(), e.o.MayOwn == nil || e.o.MayOwn()
	claim := Claim{Node: e.o.Node, Now: now, Until: now.Add(leaseClaims * e.o.Interval), Latest: now.Add(leaseAheadMax), Settling: e.settling()}
	e.work(&e.claims, func(ctx context.Context) func() {
		var held []Lease
		var err error
		if mayOwn {
			held, err = e.o.Store.ClaimPartitions(ctx, claim)
		} else {
			err = e.o.Store.ReleasePartitions(ctx, claim.Node)
		}
		return func() {
			e.claiming = false
			if err != nil {
				e.complain("alert rules could not be claimed; it is tried again", err)
				return
			}
			e.hold(held)
		}
	})
}

// settling are the partitions of which something is on its way to the store. One where that never ends is left out after a while: what is
// late then is refused by its fence, and the next node comes to it from the cursor.
func (e *Engine) settling() (partitions []int) {
	for n, p := range e.partitions {
		if p.settling == 0 || p.kept == handOverMax {
			p.kept = 0
			continue
		}
		p.kept++
		partitions = append(partitions, n)
	}
	return partitions
}

// hold takes over what is new, lets go of what was lost, and asks for what changed in the rest.
func (e *Engine) hold(leases []Lease) {
	held := make(map[int]Lease, len(leases))
	for _, l := range leases {
		held[l.Partition] = l
	}
	for n, p := range e.partitions {
		if l, ok := held[n]; !ok || l.Fence != p.lease.Fence {
			e.letGo(n)
		}
	}
	for _, l := range leases {
		p := e.partitions[l.Partition]
		if p == nil {
			p = &partition{lease: l, from: l.Cursor}
			e.partitions[l.Partition] = p
			e.ask(p)
		} else if l.Sequence > p.seen {
			e.ask(p)
		}
	}
	e.meters.partitions.Store(int64(len(e.partitions)))
	if e.o.Keeper != nil {
		e.o.Keeper.Own(slices.Collect(maps.Keys(e.partitions)))
	}
}

// letGo forgets a partition with all its owners.
func (e *Engine) letGo(n int) {
	delete(e.partitions, n)
	for _, o := range e.owners {
		if o.partition == n {
			e.forget(o)
		}
	}
	maps.DeleteFunc(e.troubled, func(_ ledger.OwnerID, t *trouble) bool { return t.partition == n })
}

// ask finds the owners of a partition whose rules changed since it was asked last: at first all.
func (e *Engine) ask(p *partition) {
	if p.asking {
		return
	}
	p.asking = true
	after := p.seen
	e.work(&e.loads, func(ctx context.Context) func() {
		changed, err := e.o.Store.ChangedOwners(ctx, p.lease.Partition, after)
		return func() {
			p.asking = false
			if e.partitions[p.lease.Partition] != p {
				return // lost meanwhile
			}
			if err != nil {
				e.complain("changed alert rules could not be listed; it is tried again", err)
				return
			}
			var ids []ledger.OwnerID
			for _, c := range changed {
				p.seen = max(p.seen, c.Sequence)
				ids = append(ids, c.Owner)
			}
			for chunk := range slices.Chunk(ids, ownersChunk) {
				e.reload(p, chunk)
			}
		}
	})
}

// ownerChanged is a hint that somebody's rules changed: whoever has their partition asks.
func (e *Engine) ownerChanged(id ledger.OwnerID) {
	if p := e.partitions[PartitionOf(id)]; p != nil {
		e.ask(p)
	}
}

// save notes how far everything is settled.
func (e *Engine) save() {
	back := make(map[int]int64) // the first sequence of each partition that isn't settled
	hold := func(partition int, first int64) {
		if known, ok := back[partition]; first > 0 && (!ok || first < known) {
			back[partition] = first
		}
	}
	for o := range e.waiting {
		hold(o.partition, o.since)
	}
	for _, o := range e.owners {
		hold(o.partition, o.flying)
	}
	now := e.o.Now()
	for _, t := range e.troubled {
		if now.Sub(t.since) < troubleMax {
			hold(t.partition, t.from+1)
		}
	}
	var moved []Lease
	for n, p := range e.partitions {
		l := p.lease
		l.Cursor = e.cursor
		if first, ok := back[n]; ok {
			l.Cursor = min(l.Cursor, first-1)
		}
		if p.joining == 0 && !p.asking && l.Cursor > p.from {
			moved = append(moved, l)
		}
	}
	if len(moved) == 0 || e.saving {
		return
	}
	e.saving = true
	slices.SortFunc(moved, func(a, b Lease) int { return a.Partition - b.Partition })
	e.work(&e.claims, func(ctx context.Context) func() {
		err := e.o.Store.SaveCursors(ctx, moved)
		return func() {
			e.saving = false
			if err != nil {
				e.complain("how far alert rules are could not be noted; it is tried again", err)
				return
			}
			for _, l := range moved {
				if p := e.partitions[l.Partition]; p != nil && p.lease.Fence == l.Fence {
					p.from = max(p.from, l.Cursor)
				}
			}
		}
	})
}

// putAside leaves an owner alone until later, when their rules see again what was not settled.
func (e *Engine) putAside(id ledger.OwnerID, from int64) {
	if o := e.owners[id]; o != nil {
		e.forget(o)
	}
	now := e.o.Now()
	t := e.troubled[id]
	if t == nil {
		t = &trouble{partition: PartitionOf(id), from: from, since: now, wait: e.o.Interval}
		e.troubled[id] = t
	}
	t.from = min(t.from, from)
	t.retryAt, t.wait = now.Add(t.wait), min(2*t.wait, retryMax)
	e.meters.troubled.Store(int64(len(e.troubled)))
}

// failed puts an owner aside whose rules could not be read or settled.
func (e *Engine) failed(id ledger.OwnerID, from int64, err error) {
	known := e.troubled[id] != nil
	if e.putAside(id, from); !known {
		e.complain("somebody's alert rules are put aside; they catch up once it works again", err)
	}
}

// retry loads the rules of owners who were put aside, when their time has come.
func (e *Engine) retry() {
	now := e.o.Now()
	for id, t := range e.troubled {
		if p := e.partitions[t.partition]; p != nil && e.owners[id] == nil && !now.Before(t.retryAt) {
			e.load(p, []ledger.OwnerID{id}, t.from)
		}
	}
}
