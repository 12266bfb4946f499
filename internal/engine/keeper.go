package engine

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"folioscope/internal/bus"
	"folioscope/internal/engine/book"
	"folioscope/internal/event"
	"folioscope/internal/figures"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

const (
	sweepInterval = 5 * time.Minute  // for portfolios that changed and no hint told of, and for prices
	countInterval = time.Minute      // between two counts of what lacks a price
	sweepPage     = 1000             // portfolios whose sequences are read at once
	takeInMax     = 8 * sweepPage    // portfolios that are put into the book at once: each time costs a pass over their blocks
	keeperRetry   = 3 * time.Second  // after the store could not be read
	keeperTimeout = 30 * time.Second // of one read
	describePage  = 500              // instruments that are described at once
	manyPrices    = 200              // from so many on a revaluation may be one of everything
)

// Held is what a portfolio holds, as the book takes it in.
type Held struct {
	figures.Snapshot
	Manual map[market.InstrumentID]*market.Mark // what its owner priced by hand, nil for nearly everybody; nil in it: without a price
}

// Reached is how far a portfolio is.
type Reached struct {
	Key      PortfolioKey
	Sequence int64
}

// Stored is what the store keeps of a portfolio's positions.
type Stored struct {
	Reached
	Snapshot []byte // nil where there is none, or not all is in it
}

// HeldStore is what a keeper needs of the truth.
type HeldStore interface {
	// SequencesAfter lists portfolios by owner and id, from behind one on; a page that isn't full is the last.
	SequencesAfter(ctx context.Context, after PortfolioKey, limit int) ([]Reached, error)
	// Snapshots gives the wanted ones of a range of portfolios, both ends in it. One that is gone is left out.
	Snapshots(ctx context.Context, from, to PortfolioKey, wanted func(PortfolioKey) bool) ([]Stored, error)
	// Instruments leaves out what it doesn't know.
	Instruments(ctx context.Context, ids []market.InstrumentID) ([]market.Instrument, error)
}

// Prices are the newest marks in memory.
type Prices interface {
	Mark(id market.InstrumentID) (market.Mark, bool)
	// Reach waits until they are as new as a sequence of the quotes' journal.
	Reach(ctx context.Context, sequence int64) error
}

// KeeperOptions are what a Keeper is made of.
type KeeperOptions struct {
	Store    HeldStore
	Bus      bus.Bus
	Prices   Prices
	Sessions market.Sessions
	// Held works a portfolio out from its activities, at a sequence or a later one: for those whose snapshot doesn't say all.
	Held    func(ctx context.Context, k PortfolioKey, atLeastSequence int64) (Held, error)
	Workers int // that revalue
	// Large is what revaluations for many prices wait at, so that others find a processor free; a weighted semaphore of x/sync is one. Nil:
	// they wait for nothing.
	Large interface {
		Acquire(ctx context.Context, n int64) error
		Release(n int64)
	}
	Now func() time.Time
	Log *slog.Logger
}

// Keeper keeps the book of what the portfolios of this node's partitions hold, all of them, and what they are worth at the newest prices.
//
// It is loaded from the snapshots that every change leaves, never from ledgers but where a snapshot doesn't say all. Hints keep it
// current, and a sweep over all sequences makes it whole. Whatever it doesn't know for sure it doesn't say.
type Keeper struct {
	o    KeeperOptions
	wake chan struct{}

	hints    sync.Mutex // of what it was told and hasn't taken in; held for moments, also while mu is
	owned    [PartitionsCount]bool
	sweep    bool                             // a look at all sequences is due
	doubts   int                              // how often portfolios may have changed unheard
	settled  int                              // as many of them as a sweep has looked into
	changed  map[PortfolioKey]int64           // to which sequence
	accepted map[market.InstrumentID]struct{} // prices
	cursor   int64                            // of the quotes' journal, as far as accepted is

	mu     sync.Mutex // of what it holds
	book   *book.Book
	kept   map[PortfolioKey]*kept
	listed *instruments
	next   book.Row   // that was never used
	free   []book.Row // that aren't any more
	round  uint32     // counts sweeps
	totals Totals
}

// kept is what is known of one portfolio; there may be a million of them.
type kept struct {
	sequence  int64
	rows      []keptRow
	round     uint32 // the last sweep that saw it
	positions uint32
	base      currency
}

// keptRow is what it holds in one currency.
type keptRow struct {
	row      book.Row
	currency currency
}

// NewKeeper makes a keeper; Run works.
func NewKeeper(o KeeperOptions) *Keeper {
	k := &Keeper{
		o: o, wake: make(chan struct{}, 1), changed: make(map[PortfolioKey]int64), accepted: make(map[market.InstrumentID]struct{}),
		book: book.New(o.Workers), kept: make(map[PortfolioKey]*kept), listed: newInstruments(),
	}
	one := money.One
	k.book.Reprice([]book.Price{{Instrument: cash, Each: &one}})
	return k
}

// Own says which partitions are this node's from now on.
func (k *Keeper) Own(partitions []int) {
	var owned [PartitionsCount]bool
	for _, p := range partitions {
		owned[p] = true
	}
	k.hints.Lock()
	defer k.hints.Unlock()
	if owned != k.owned {
		k.owned = owned
		k.doubt()
	}
}

// Accepted says of which instruments the quotes' journal has new prices, and up to where it was read.
func (k *Keeper) Accepted(page []Quote, cursor int64) {
	k.hints.Lock()
	defer k.hints.Unlock()
	for i := range page {
		k.accepted[page[i].Instrument] = struct{}{}
	}
	k.cursor = max(k.cursor, cursor)
	ask(k.wake)
}

func (k *Keeper) portfolioChanged(_ string, payload []byte) {
	hint, err := event.ParsePortfolioChanged(payload)
	if err != nil {
		return // the engine says so
	}
	k.hints.Lock()
	defer k.hints.Unlock()
	key := PortfolioKey{hint.OwnerID, hint.PortfolioID}
	switch {
	case !k.owned[PartitionOf(key.Owner)]:
		return
	case len(k.changed) < takeInMax:
		k.changed[key] = max(k.changed[key], hint.Sequence)
	default:
		k.doubt()
	}
	ask(k.wake)
}

// Run keeps the book until ctx ends. It may be called once.
func (k *Keeper) Run(ctx context.Context) error {
	stop, err := k.o.Bus.Subscribe(event.PortfolioChangedAll, k.portfolioChanged, k.gap)
	if err != nil {
		return fmt.Errorf("listen for hints: %w", err)
	}
	defer stop()
	sweeps, counts := time.NewTicker(sweepInterval), time.NewTicker(countInterval)
	defer sweeps.Stop()
	defer counts.Stop()
	var retry <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-k.wake:
		case <-retry:
		case <-sweeps.C:
			k.sweepSoon()
			if err := k.repriceAll(ctx); err != nil {
				return nil // told to end
			}
		case <-counts.C:
			k.count(ctx)
		}
		if err := k.work(ctx); err != nil && ctx.Err() == nil {
			k.o.Log.Warn("the book of portfolios is behind; it is tried again", "error", err)
			retry = time.After(keeperRetry)
		}
	}
}

// gap is that hints may have been lost.
func (k *Keeper) gap() {
	k.hints.Lock()
	defer k.hints.Unlock()
	k.doubt()
}

// doubt has the book say nothing until a sweep has looked at all sequences; hints is held.
func (k *Keeper) doubt() {
	k.doubts++
	k.sweep = true
	ask(k.wake)
}

func (k *Keeper) sweepSoon() {
	k.hints.Lock()
	defer k.hints.Unlock()
	k.sweep = true
	ask(k.wake)
}

// work takes in what it was told.
func (k *Keeper) work(ctx context.Context) error {
	if err := k.takeChanged(ctx); err != nil {
		return err
	}
	k.hints.Lock()
	sweep, owned, cursor, doubts := k.sweep, k.owned, k.cursor, k.doubts
	k.sweep = false
	k.hints.Unlock()
	if sweep {
		if err := k.sweepAll(ctx, owned, cursor); err != nil {
			k.sweepSoon()
			return err
		}
		k.hints.Lock()
		k.settled = doubts
		k.hints.Unlock()
		k.count(ctx)
	}
	if err := k.takePrices(ctx, 0); err != nil {
		return err
	}
	k.mu.Unlock()
	return nil
}
