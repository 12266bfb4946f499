package simulation

import (
	"context"
	"errors"
	"sync"
	"time"

	"folioscope/internal/ingest"
	"folioscope/internal/jobs"
	"folioscope/internal/market"
)

const (
	pollInterval = 10 * time.Minute
	pollLease    = 5 * time.Minute // ingest's: so long a slot is its poller's who doesn't say how it went
	pollsTried   = 3               // in one slot, where the store failed
	pollPause    = 40 * time.Second
	newEvery     = 3 // slots, until what is new is looked for: everything is held from the beginning
)

var errClock = errors.New("the node's clock is wrong")

// poll has a node ask for prices in every slot, as the queue of jobs would have it: each node tries, and the store says who may.
func (n *node) poll(work map[string]func(context.Context, jobs.Job) error) {
	r := n.world.dice.of("polls", n.name)
	for round := 0; ; round++ {
		slot := n.now().Truncate(pollInterval).Add(pollInterval)
		if !n.sleep(slot.Sub(n.now()) + between(r, 0, 45*time.Second)) {
			return
		}
		for _, name := range []string{"poll.stock", "poll.crypto"} {
			for range pollsTried {
				err := n.owned(work[name])
				if err == nil || n.ctx.Err() != nil {
					break
				}
				n.world.trail.reached("poll: failed")
				if !n.sleep(pollPause) {
					return
				}
			}
		}
		if round%newEvery != 0 {
			continue
		}
		if !n.sleep(between(r, time.Minute, 4*time.Minute)) {
			return
		}
		if err := n.owned(work["poll.new"]); err != nil {
			n.world.trail.reached("poll: failed")
		}
	}
}

// owned does a job that goes by the clock, as the queue has it: a node whose clock is wrong leaves it to others.
func (n *node) owned(work func(context.Context, jobs.Job) error) error {
	if !n.cluster.MayOwn() {
		return errClock
	}
	return work(n.ctx, jobs.Job{})
}

// sleep sleeps unless the node ends.
func (n *node) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-n.ctx.Done():
		return false
	}
}

// slots is who was given which slot of a poll, as the store has it.
type slots struct {
	mu    sync.Mutex
	given map[string]grant
}

type grant struct {
	node  string
	slot  time.Time
	at    time.Time
	ended bool // for good
	open  bool // to whoever comes
}

// grant holds a slot that a node was given against whom it was given to before.
func (s *slots) grant(w *world, poll string, n *node, slot time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, known := s.given[poll]
	now := w.now()
	s.given[poll] = grant{node: n.name, slot: slot, at: now}
	if !known || !before.slot.Equal(slot) {
		return
	}
	w.trail.reached("slot: given again")
	if before.ended {
		w.violated("%s of %s was polled by %s, and again by %s", poll, slot, before.node, n.name)
	}
	if !before.open && now.Before(before.at.Add(pollLease-2*skewMax)) {
		w.violated("%s of %s is polled by %s and %s at the same time", poll, slot, before.node, n.name)
	}
}

func (s *slots) end(poll string, slot time.Time, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.given[poll]; g.slot.Equal(slot) {
		g.ended, g.open = done, !done
		s.given[poll] = g
	}
}

// ClaimSlot implements ingest.Polling.
func (c *cable) ClaimSlot(ctx context.Context, poll string, slot, now, lease, latest time.Time) (bool, error) {
	return through(ctx, c, "claim slot", poll, func(ctx context.Context) (bool, error) {
		ours, err := c.Store.ClaimSlot(ctx, poll, slot, now, lease, latest)
		if ours && err == nil {
			c.world.slots.grant(c.world, poll, c.node, slot)
		}
		return ours, err
	})
}

// EndSlot implements ingest.Polling.
func (c *cable) EndSlot(ctx context.Context, poll string, slot time.Time, done bool) error {
	_, err := through(ctx, c, "end slot", poll, func(ctx context.Context) (struct{}, error) {
		err := c.Store.EndSlot(ctx, poll, slot, done)
		if err == nil {
			c.world.slots.end(poll, slot, done)
		}
		return struct{}{}, err
	})
	return err
}

// Accept implements ingest.Store.
func (c *cable) Accept(ctx context.Context, marks []market.Mark) (int64, []market.Mark, error) {
	type taken struct {
		sequence int64
		marks    []market.Mark
	}
	done, err := through(ctx, c, "accept", "", func(ctx context.Context) (taken, error) {
		sequence, accepted, err := c.Store.Accept(ctx, marks)
		return taken{sequence, accepted}, err
	})
	return done.sequence, done.marks, err
}

// Marks implements ingest.Store and live.Store.
func (c *cable) Marks(ctx context.Context, after int64) ([]market.Mark, int64, error) {
	type found struct {
		marks    []market.Mark
		sequence int64
	}
	all, err := through(ctx, c, "marks", "", func(ctx context.Context) (found, error) {
		marks, sequence, err := c.Store.Marks(ctx, after)
		return found{marks, sequence}, err
	})
	return all.marks, all.sequence, err
}

// Asked implements ingest.Polling.
func (c *cable) Asked(ctx context.Context) (map[market.InstrumentID]ingest.Asked, error) {
	return through(ctx, c, "asked", "", func(ctx context.Context) (map[market.InstrumentID]ingest.Asked, error) { return c.Store.Asked(ctx) })
}

// PutSettled implements ingest.Polling.
func (c *cable) PutSettled(ctx context.Context, ids []market.InstrumentID, at time.Time) error {
	_, err := through(ctx, c, "put settled", "", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.Store.PutSettled(ctx, ids, at)
	})
	return err
}

// SpendQuota implements ingest.Sources.
func (c *cable) SpendQuota(ctx context.Context, source string, ration ingest.Ration) (bool, error) {
	return through(ctx, c, "spend quota", source, func(ctx context.Context) (bool, error) { return c.Store.SpendQuota(ctx, source, ration) })
}
