package engine

import (
	"context"
	"maps"
	"slices"

	"folioscope/internal/engine/book"
	"folioscope/internal/figures"
	"folioscope/internal/money"
)

// loadedHeld is a portfolio on its way into the book.
type loadedHeld struct {
	key  PortfolioKey
	held Held
}

// sweepAll takes in every portfolio of the owned partitions that is further than the book, and lets go of all others.
func (k *Keeper) sweepAll(ctx context.Context, owned [PartitionsCount]bool, cursor int64) error {
	if err := k.o.Prices.Reach(ctx, cursor); err != nil {
		return err
	}
	k.round++
	var after PortfolioKey
	var batch []loadedHeld
	for {
		page, err := k.page(ctx, after)
		if err != nil {
			return err
		}
		found, err := k.load(ctx, k.behind(page, owned))
		if err != nil {
			return err
		}
		batch = append(batch, found...)
		if len(batch) >= takeInMax {
			k.put(batch)
			batch = batch[:0]
		}
		if len(page) < sweepPage {
			break
		}
		after = page[len(page)-1].Key
	}
	k.put(batch)
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, one := range k.kept {
		if one.round != k.round {
			k.remove(key)
		}
	}
	k.totals.Loaded = true
	k.book.Reprice(nil)
	return nil
}

func (k *Keeper) page(ctx context.Context, after PortfolioKey) ([]Reached, error) {
	ctx, cancel := context.WithTimeout(ctx, keeperTimeout)
	defer cancel()
	return k.o.Store.SequencesAfter(ctx, after, sweepPage)
}

// behind gives those of a page that have to be read, in its order.
func (k *Keeper) behind(page []Reached, owned [PartitionsCount]bool) (wanted []PortfolioKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range page {
		if !owned[PartitionOf(r.Key.Owner)] {
			continue
		}
		one := k.kept[r.Key]
		if one == nil || one.sequence < r.Sequence {
			wanted = append(wanted, r.Key)
			continue
		}
		one.round = k.round
	}
	return wanted
}

// load reads portfolios that are in the store's order. One that can't be worked out is left out, and tried again with the next sweep.
func (k *Keeper) load(ctx context.Context, keys []PortfolioKey) ([]loadedHeld, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	wanted := make(map[PortfolioKey]struct{}, len(keys))
	for _, key := range keys {
		wanted[key] = struct{}{}
	}
	reading, cancel := context.WithTimeout(ctx, keeperTimeout)
	defer cancel()
	stored, err := k.o.Store.Snapshots(reading, keys[0], keys[len(keys)-1], func(key PortfolioKey) bool {
		_, ok := wanted[key]
		return ok
	})
	if err != nil {
		return nil, err
	}
	found := make([]loadedHeld, 0, len(stored))
	for i := range stored {
		held, err := k.read(ctx, &stored[i])
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			k.o.Log.Warn("a portfolio isn't in the book; it is tried again", "error", err)
			continue
		}
		found = append(found, loadedHeld{stored[i].Key, held})
	}
	return found, nil
}

// read is what a portfolio holds: by its snapshot, or where that doesn't say all, by its activities.
func (k *Keeper) read(ctx context.Context, one *Stored) (Held, error) {
	if one.Snapshot != nil {
		if snapshot, err := figures.ReadSnapshot(one.Snapshot); err == nil {
			snapshot.Sequence = one.Sequence
			return Held{Snapshot: snapshot}, nil
		} // of another release
	}
	ctx, cancel := context.WithTimeout(ctx, keeperTimeout)
	defer cancel()
	return k.o.Held(ctx, one.Key, one.Sequence)
}

// takeChanged takes in what hints told of.
func (k *Keeper) takeChanged(ctx context.Context) error {
	k.hints.Lock()
	changed := maps.Clone(k.changed)
	cursor := k.cursor
	k.hints.Unlock()
	if len(changed) == 0 {
		return nil
	}
	if err := k.o.Prices.Reach(ctx, cursor); err != nil {
		return err
	}
	var batch []loadedHeld
	var gone []PortfolioKey
	for key := range changed {
		found, err := k.load(ctx, []PortfolioKey{key})
		if err != nil {
			return err
		}
		if batch = append(batch, found...); len(found) == 0 {
			gone = append(gone, key)
		}
	}
	k.put(batch)
	k.mu.Lock()
	for _, key := range gone {
		k.remove(key)
	}
	k.mu.Unlock()
	k.hints.Lock()
	defer k.hints.Unlock()
	for _, one := range batch {
		if k.changed[one.key] <= one.held.Sequence {
			delete(k.changed, one.key)
		}
	}
	for _, key := range gone {
		if k.changed[key] == changed[key] {
			delete(k.changed, key)
		}
	}
	return nil
}

// put puts portfolios into the book. A price that comes into it with them is the one of now.
func (k *Keeper) put(batch []loadedHeld) {
	if len(batch) == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var unpriced []book.Instrument
	for i := range batch {
		k.take(batch[i].key, &batch[i].held, &unpriced)
	}
	k.listed.rerate(k.o.Prices)
	k.book.Reprice(k.listed.prices(unpriced, k.o.Prices))
}

// take is put for one; it notes which instruments are new to the book.
func (k *Keeper) take(key PortfolioKey, held *Held, unpriced *[]book.Instrument) {
	k.remove(key)
	one := &kept{sequence: held.Sequence, round: k.round, positions: uint32(len(held.Positions)), base: k.listed.currency(held.Base)}
	in := make(map[money.Currency][]book.Position)
	var splits []split
	for _, p := range held.Positions {
		number, isNew := k.listed.number(key, p.Instrument, held.Manual)
		if isNew {
			*unpriced = append(*unpriced, number)
		}
		in[p.Currency] = append(in[p.Currency], book.Position{Instrument: number, Quantity: p.Quantity})
		if p.Split != nil {
			splits = append(splits, split{number, *p.Split})
		}
	}
	if len(splits) > 0 {
		k.listed.splits[key] = splits
	}
	for _, c := range held.Cash {
		if !c.Amount.IsZero() {
			in[c.Currency] = append(in[c.Currency], book.Position{Instrument: cash, Quantity: c.Amount})
		}
	}
	for _, c := range slices.Sorted(maps.Keys(in)) {
		row := k.newRow()
		k.book.Set(row, in[c])
		one.rows = append(one.rows, keptRow{row, k.listed.currency(c)})
	}
	k.kept[key] = one
	k.totals.Portfolios++
	k.totals.Positions += int64(one.positions)
}

// remove takes a portfolio out of the book; its rows are emptied with the next Reprice.
func (k *Keeper) remove(key PortfolioKey) {
	one := k.kept[key]
	if one == nil {
		return
	}
	for _, r := range one.rows {
		k.book.Set(r.row, nil)
		k.free = append(k.free, r.row)
	}
	k.listed.forget(key)
	k.totals.Portfolios--
	k.totals.Positions -= int64(one.positions)
	delete(k.kept, key)
}

func (k *Keeper) newRow() book.Row {
	if n := len(k.free); n > 0 {
		row := k.free[n-1]
		k.free = k.free[:n-1]
		return row
	}
	k.next++
	return k.next - 1
}
