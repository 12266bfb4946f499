package simulation

import (
	"context"
	"errors"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/sqlstore"

	"folioscope/internal/journal"
	"folioscope/internal/live"
)

var (
	errDead = errors.New("the node is dead")
	errLost = fault.New(fault.Unavailable, "the connection to the database was lost") // before or after the commit: nobody can tell
)

// How often a call meets with what, in thousandths.
const (
	refusedShare = 15 // it never reaches the store
	lostShare    = 15 // it is done, and its answer is lost
	slowShare    = 30 // it waits before it is done
	lateShare    = 30 // its answer waits
	fatalShare   = 10 // the node is killed just before or after; only where kills are most instructive

	settleShare  = 200 // what is to be told rarely comes together with a kill by chance: it waits more often than all else
	betweenShare = 150 // of what is to be told: the node is killed when it has noted how far it is, and before this is settled
	slowMax      = 20 * time.Second
	wakeMax      = 100 * time.Millisecond // after a node hung
)

// cable is the way of one node to the store. What isn't named here goes through untouched, unless the node is dead: its context ended.
type cable struct {
	*sqlstore.Store
	world *world
	node  *node
}

// fate is what a call meets with.
type fate struct {
	before, after time.Duration
	refused, lost bool
	diesBefore    bool
	diesAfter     bool
	diesBetween   bool // once the node has saved its cursors, if it does while somebody waits
	stubborn      bool // it is done even if nobody waits for it any more
}

// fateOf is decided by what the call is about and when it is made. Calls that are alike, made in one moment, meet with the same: it
// doesn't matter which comes first, nor whether there is one or two.
func (c *cable) fateOf(what, about string) (f fate) {
	if c.world.calm() {
		return fate{}
	}
	r := c.world.dice.of("call", c.node.name, what, about, c.world.now().Format(time.RFC3339Nano))
	f.stubborn = r.IntN(2) == 0
	switch share := r.IntN(1000); {
	case share < refusedShare, what == "settle" && share >= 1000-settleShare:
		f.refused = true
	case what == "settle" && share >= 1000-settleShare-betweenShare:
		f.diesBetween = true
	case share < refusedShare+lostShare:
		f.lost = true
	case share < refusedShare+lostShare+slowShare:
		f.before = between(r, time.Millisecond, slowMax)
	case share < refusedShare+lostShare+slowShare+lateShare:
		f.after = between(r, time.Millisecond, slowMax)
	case share < refusedShare+lostShare+slowShare+lateShare+fatalShare && (what == "append" || what == "answer" || what == "book"):
		f.diesBefore = r.IntN(2) == 0
		f.diesAfter = !f.diesBefore
	}
	return f
}

// through takes a call to the store, with what it meets with on the way. What a caller doesn't wait for any more may be done all the same,
// and then they don't hear of it.
func through[T any](ctx context.Context, c *cable, what, about string, call func(context.Context) (T, error)) (result T, err error) {
	var none T
	f := c.fateOf(what, about)
	if f.diesBefore {
		c.node.kill()
	}
	if f.diesBetween {
		c.dieBetween(ctx)
	}
	if err := c.wait(ctx, what+about, f.before); err != nil {
		c.world.trail.reached(what + ": the node died before")
		return none, err
	}
	if f.refused || c.world.cut(c.node) {
		c.world.trail.reached(what + ": not reached")
		return none, errLost
	}
	if ctx.Err() != nil && !f.stubborn {
		c.world.trail.reached(what + ": given up before")
		return none, ctx.Err()
	}
	if f.before > 0 {
		c.world.trail.reached(what + ": slow")
	}
	result, err = call(context.WithoutCancel(ctx)) // it takes no time, and must not race with whoever gives up at this moment
	if f.diesAfter {
		c.node.kill()
	}
	if err := c.wait(ctx, what+about, f.after); err != nil {
		c.world.trail.reached(what + ": the node died after")
		return none, err
	}
	if ctx.Err() != nil {
		c.world.trail.reached(what + ": given up after")
		return none, ctx.Err()
	}
	if f.lost || c.world.cut(c.node) {
		c.world.trail.reached(what + ": answer lost")
		return none, errLost
	}
	if f.after > 0 {
		c.world.trail.reached(what + ": late")
	}
	return result, err
}

// dieBetween kills the node between two writes: after its cursors, and before what is waited with.
func (c *cable) dieBetween(ctx context.Context) {
	select {
	case <-c.node.nextSave():
		c.world.trail.reached("node killed between its cursors and what it had to tell")
		c.node.kill()
	case <-ctx.Done():
	}
}

// wait waits, and for as long as the node hangs. A node that died meanwhile gets nothing any more.
func (c *cable) wait(ctx context.Context, call string, d time.Duration) error {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	for {
		hung := c.node.hangs()
		if hung == nil {
			break
		}
		<-hung                                                                       // deadlines pass, and nobody notices
		time.Sleep(between(c.world.dice.of("wakes", c.node.name, call), 1, wakeMax)) // who is first isn't left to chance
	}
	if c.node.dead.Load() {
		return errDead
	}
	return nil
}

// Book implements journal.Store.
func (c *cable) Book(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID) (ledger.Book, error) {
	return through(ctx, c, "book", string(portfolio), func(ctx context.Context) (ledger.Book, error) { return c.Store.Book(ctx, owner, portfolio) })
}

// Append implements journal.Store.
func (c *cable) Append(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, expected int64, change journal.Change, write audit.Write) (int64, error) {
	return through(ctx, c, "append", string(portfolio), func(ctx context.Context) (int64, error) {
		return c.Store.Append(ctx, owner, portfolio, expected, sqlstore.Change(change), write)
	})
}

// Series implements journal.Store and ingest.Store.
func (c *cable) Series(ctx context.Context, id market.InstrumentID, from, to market.Date) (market.Series, error) {
	return through(ctx, c, "series", string(id), func(ctx context.Context) (market.Series, error) { return c.Store.Series(ctx, id, from, to) })
}

// SeriesChanges implements journal.Store.
func (c *cable) SeriesChanges(ctx context.Context, after int64) (map[market.InstrumentID]int64, int64, error) {
	type changes struct {
		changed map[market.InstrumentID]int64
		newest  int64
	}
	got, err := through(ctx, c, "series changes", "", func(ctx context.Context) (got changes, err error) {
		got.changed, got.newest, err = c.Store.SeriesChanges(ctx, after)
		return got, err
	})
	return got.changed, got.newest, err
}

// Answer is what a request with an idempotency key looks for first.
func (c *cable) Answer(ctx context.Context, owner ledger.OwnerID, key string) (*audit.Stored, error) {
	return through(ctx, c, "answer", key, func(ctx context.Context) (*audit.Stored, error) { return c.Store.Answer(ctx, owner, key) })
}

// Sequences implements live.Store.
func (c *cable) Sequences(ctx context.Context, keys []live.Key) (map[live.Key]int64, error) {
	asked := make([]sqlstore.PortfolioKey, len(keys))
	for i, k := range keys {
		asked[i] = sqlstore.PortfolioKey(k)
	}
	found, err := through(ctx, c, "sequences", "", func(ctx context.Context) (map[sqlstore.PortfolioKey]int64, error) {
		return c.Store.Sequences(ctx, asked)
	})
	all := make(map[live.Key]int64, len(found))
	for k, sequence := range found {
		all[live.Key(k)] = sequence
	}
	return all, err
}
