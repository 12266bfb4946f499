package engine

import (
	"context"
	"slices"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/engine/book"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Totals are counts of what a node's book holds, and how long it took: never what anything is worth, which is nobody's but its owners'.
type Totals struct {
	Loaded      bool  // all of this node's portfolios were taken in once
	Portfolios  int64 // of this node's partitions
	Positions   int64 // without cash
	Instruments int64 // that anybody holds
	Unpriced    int64 // portfolios that hold something without a price, as of the last count
	Stale       int64 // portfolios that hold something whose price is stale, the same
	Full        Revaluation
	Sparse      Revaluation
}

// Revaluation is the last one of its kind: full, of everything, or sparse, of what holds the prices that changed.
type Revaluation struct {
	At        time.Time // zero: there was none
	Took      time.Duration
	Positions int64 // that were multiplied
}

// Totals may be asked for while Run works.
func (k *Keeper) Totals() Totals {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.totals
}

// takePrices takes in the prices that were accepted, no older than a sequence of the quotes' journal. Without an error it leaves mu locked.
func (k *Keeper) takePrices(ctx context.Context, quotes int64) error {
	for {
		k.hints.Lock()
		reached, prices := max(k.cursor, quotes), len(k.accepted)
		k.hints.Unlock()
		if err := k.o.Prices.Reach(ctx, reached); err != nil {
			return err
		}
		leave, err := k.enter(ctx, prices)
		if err != nil {
			return err
		}
		k.mu.Lock()
		numbers, ok := k.takeAccepted(reached)
		if ok {
			k.reprice(numbers)
		}
		leave()
		if ok {
			return nil
		}
		k.mu.Unlock() // more came meanwhile
	}
}

// enter waits before a revaluation for so many prices; mu isn't held, since who waits for it would wait too.
func (k *Keeper) enter(ctx context.Context, prices int) (leave func(), err error) {
	if k.o.Large == nil || prices < manyPrices {
		return func() {}, nil
	}
	if err := k.o.Large.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	return func() { k.o.Large.Release(1) }, nil
}

// takeAccepted gives the numbers of what was accepted, unless that is newer than the prices that are at hand for sure.
func (k *Keeper) takeAccepted(reached int64) (numbers []book.Instrument, ok bool) {
	k.hints.Lock()
	defer k.hints.Unlock()
	if k.cursor > reached {
		return nil, false
	}
	for id := range k.accepted {
		numbers = append(numbers, k.listed.named(id)...)
	}
	if len(k.accepted) > 0 {
		k.listed.rerate(k.o.Prices)
	}
	clear(k.accepted)
	return numbers, true
}

// reprice revalues what holds some instruments; mu is held.
func (k *Keeper) reprice(numbers []book.Instrument) {
	if len(numbers) == 0 {
		return
	}
	prices := k.listed.prices(numbers, k.o.Prices)
	began := time.Now() // a duration, not a time of day
	pass := k.book.Reprice(prices)
	r := Revaluation{At: k.o.Now(), Took: time.Since(began), Positions: int64(pass.Positions)}
	switch {
	case pass.Positions == 0:
	case pass.Sparse == 0:
		k.totals.Full = r
	default:
		k.totals.Sparse = r
	}
}

// repriceAll takes over all prices of now, for those that nobody told of.
func (k *Keeper) repriceAll(ctx context.Context) error {
	leave, err := k.enter(ctx, manyPrices)
	if err != nil {
		return err
	}
	defer leave()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.listed.rerate(k.o.Prices)
	k.reprice(k.listed.all())
	return nil
}

// Worth is what a portfolio is worth at prices no older than a sequence of the quotes' journal, as figures value it: exact, in its base
// currency, with cash; Facts have nothing else. ok is false where the book can't say: while it is loaded, after a change that isn't in it
// yet, and after a split that a price hasn't followed.
func (k *Keeper) Worth(ctx context.Context, key PortfolioKey, quotes int64) (worth Valued, ok bool, err error) {
	if err := k.takePrices(ctx, quotes); err != nil {
		return worth, false, err
	}
	defer k.mu.Unlock()
	one := k.kept[key]
	if one == nil || !k.sure(key, one.sequence) || k.listed.splitSince(key, k.o.Prices) {
		return worth, false, nil
	}
	base := k.listed.currencies[one.base]
	worth.Facts = &alert.Facts{Portfolio: key.Portfolio, Base: base}
	value, whole := money.Zero, true
	for _, r := range one.rows {
		in := k.book.Worth(r.row)
		rate := k.rate(r.currency, one.base)
		if whole = whole && rate != nil && len(in.Unpriced) == 0; whole {
			value = value.Add(in.Sum.Mul(*rate))
		}
	}
	if whole {
		worth.Facts.Value = &value
	}
	worth.Needs = k.needs(one)
	return worth, true, nil
}

// rate turns a currency into another; nil where it isn't known.
func (k *Keeper) rate(from, into currency) *money.Decimal {
	if from == into {
		return &money.One
	}
	return k.listed.rates.Cross(k.listed.currencies[from], k.listed.currencies[into])
}

// needs are the instruments whose prices change what a portfolio is worth.
func (k *Keeper) needs(one *kept) (ids []market.InstrumentID) {
	for _, r := range one.rows {
		k.book.Holds(r.row, func(i book.Instrument) {
			if i != cash {
				ids = append(ids, k.listed.ids[i])
			}
		})
		if r.currency == one.base {
			continue
		}
		for _, c := range [...]currency{r.currency, one.base} {
			if name := k.listed.currencies[c]; name != market.RateBase {
				ids = append(ids, market.RateID(name))
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// sure says that nobody told of a later sequence of a portfolio, and that nobody may have done so unheard.
func (k *Keeper) sure(key PortfolioKey, sequence int64) bool {
	k.hints.Lock()
	defer k.hints.Unlock()
	return k.doubts == k.settled && k.changed[key] <= sequence
}

// count counts what lacks a price, or a good one.
func (k *Keeper) count(ctx context.Context) {
	if err := k.describe(ctx); err != nil {
		k.o.Log.Warn("it could not be seen which portfolios have stale prices; it is tried again", "error", err)
		return
	}
	now := k.o.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	var unpriced, stale rowSet
	anyCash := 0
	k.totals.Instruments = int64(k.book.Holders(func(i book.Instrument) bool {
		if i == cash {
			anyCash = 1
		}
		return !k.book.Known(i)
	}, unpriced.add) - anyCash)
	k.book.Holders(func(i book.Instrument) bool { return i != cash && k.isStale(i, now) }, stale.add)
	k.totals.Unpriced, k.totals.Stale = 0, 0
	for _, one := range k.kept {
		if slices.ContainsFunc(one.rows, func(r keptRow) bool { return unpriced.has(r.row) || k.rate(r.currency, one.base) == nil }) {
			k.totals.Unpriced++
		}
		if slices.ContainsFunc(one.rows, func(r keptRow) bool { return stale.has(r.row) }) {
			k.totals.Stale++
		}
	}
}

func (k *Keeper) isStale(i book.Instrument, now time.Time) bool {
	mark, ok := k.listed.mark(i, k.o.Prices)
	described, known := k.listed.known[k.listed.ids[i]]
	return ok && known && market.StateOf(mark, described, k.o.Sessions, now) == market.StateStale
}

// describe learns what the instruments are that it doesn't know yet.
func (k *Keeper) describe(ctx context.Context) error {
	k.mu.Lock()
	var unknown []market.InstrumentID
	for id := range k.listed.numbers {
		if _, ok := k.listed.known[id]; !ok {
			unknown = append(unknown, id)
		}
	}
	k.mu.Unlock()
	for ids := range slices.Chunk(unknown, describePage) {
		reading, cancel := context.WithTimeout(ctx, keeperTimeout)
		found, err := k.o.Store.Instruments(reading, ids)
		cancel()
		if err != nil {
			return err
		}
		k.mu.Lock()
		for _, i := range found {
			i.Names = nil
			k.listed.known[i.ID] = i
		}
		k.mu.Unlock()
	}
	return nil
}

// rowSet is a bit for each row.
type rowSet []uint64

func (s *rowSet) add(row book.Row) {
	for int(row/64) >= len(*s) {
		*s = append(*s, 0)
	}
	(*s)[row/64] |= 1 << (row % 64)
}

func (s rowSet) has(row book.Row) bool { return int(row/64) < len(s) && s[row/64]&(1<<(row%64)) != 0 }
