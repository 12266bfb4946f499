package journal

import (
	"context"
	"fmt"
	"sync"
	"time"

	"folioscope/internal/event"
	"folioscope/internal/fault"
	"folioscope/internal/market"
)

const (
	closesPoll       = 30 * time.Second // for what no hint told
	closesChangedMax = 100_000          // instruments whose changes are known by name, about 10 MB; beyond it all counts as changed
)

// closes knows when closes changed, by the store's numbers: what was made of closes as of a number stands while none of them has a higher one.
// A number counts from its commit on, so that a look into the store before a read is never told less than what the read gives.
type closes struct {
	mu      sync.Mutex
	changed map[market.InstrumentID]int64 // the newest change of each, of those after floor
	floor   int64                         // what was made before it counts as changed
	reached int64                         // as far as the store was looked at; -1 for never
	looked  time.Time                     // when that was
}

func newCloses() *closes {
	return &closes{changed: make(map[market.InstrumentID]int64), reached: -1}
}

// stand says whether what was made of some instruments' closes as of a number is what would be made of them now, as far as is known.
func (c *closes) stand(at int64, ids ...market.InstrumentID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		if c.changed[id] > at {
			return false
		}
	}
	return at >= c.floor
}

func (c *closes) at() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reached
}

// within says whether the store was looked at lately.
func (c *closes) within(age time.Duration, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reached >= 0 && now.Sub(c.looked) < age
}

// note takes in what the store says changed up to a number. Looks may end in any order.
func (c *closes) note(changed map[market.InstrumentID]int64, newest int64, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reached < 0 {
		c.floor = newest // nothing was made before
	}
	for id, sequence := range changed {
		c.changed[id] = max(c.changed[id], sequence)
	}
	c.reached, c.looked = max(c.reached, newest), now
	if len(c.changed) > closesChangedMax {
		clear(c.changed)
		c.floor = c.reached
	}
}

// lookAtCloses asks the store which closes changed. While it can't be asked, what was known lately goes on counting.
func (j *Journal) lookAtCloses(ctx context.Context) error {
	changed, newest, err := j.store.SeriesChanges(ctx, j.closes.at())
	if fault.Is(err, fault.Unavailable) && j.closes.within(awayAgeMax, j.now()) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("see which closes changed: %w", err)
	}
	j.closes.note(changed, newest, j.now())
	return nil
}

// Run follows which closes change until its context ends, so that positions in memory that were worked out with them are worked out anew.
// Whoever reads closes themselves looks first, and needs nobody to run.
func (j *Journal) Run(ctx context.Context) error {
	told := make(chan struct{}, 1)
	ask := func() {
		select {
		case told <- struct{}{}:
		default: // asked already
		}
	}
	stop, err := j.bus.Subscribe(event.ClosesChangedAll, func(string, []byte) { ask() }, ask)
	if err != nil {
		return fmt.Errorf("listen for hints: %w", err)
	}
	defer stop()
	ticker := time.NewTicker(closesPoll)
	defer ticker.Stop()
	for {
		bounded, cancel := context.WithTimeout(ctx, loadTimeout)
		if err := j.lookAtCloses(bounded); err != nil && ctx.Err() == nil {
			j.log.WarnContext(ctx, "changes of closes could not be read; the next look is soon", "error", err)
		}
		cancel()
		select {
		case <-ctx.Done():
			return nil
		case <-told:
		case <-ticker.C:
		}
	}
}
