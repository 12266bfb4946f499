package book

import (
	"cmp"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"folioscope/internal/money"
)

// fullShare is the share of a block's positions from which on a pass over all of them costs less than one over those that changed: a
// position found by its instrument costs about so many times one in its row's place. Benchmarks hold it.
const fullShare = 0.2

// Pass says what a Reprice did.
type Pass struct {
	Positions int // that were multiplied
	Full      int // blocks that were summed anew
	Sparse    int // blocks in which only what changed was
}

// move is a price that changed, as columns keep it.
type move struct {
	instrument Instrument
	by         int64 // new − old
	special    bool  // one of the two is 0 in columns, which may stand for what they can't say
}

// Reprice takes prices in, the last of an instrument counting, and makes all sums right: of rows that were set since, too.
func (b *Book) Reprice(prices []Price) Pass {
	moves := b.take(prices)
	var next atomic.Int64
	var workers sync.WaitGroup
	passes := make([]Pass, min(len(b.scratch), max(1, len(b.blocks))))
	for w := range passes {
		workers.Go(func() {
			at := &b.scratch[w]
			for n := next.Add(1) - 1; n < int64(len(b.blocks)); n = next.Add(1) - 1 {
				b.blocks[n].reprice(b.prices, moves, at, &passes[w])
			}
		})
	}
	workers.Wait()
	var all Pass
	for _, p := range passes {
		all.Positions, all.Full, all.Sparse = all.Positions+p.Positions, all.Full+p.Full, all.Sparse+p.Sparse
	}
	return all
}

// take notes prices and says which moved, rising by instrument. What it gives is its own again at the next call.
func (b *Book) take(prices []Price) []move {
	b.round++
	b.moves = b.moves[:0]
	for _, p := range prices {
		b.number(p.Instrument)
		if b.rounds[p.Instrument] != b.round { // the first of its prices this time
			b.rounds[p.Instrument] = b.round
			b.moves = append(b.moves, move{instrument: p.Instrument, by: -b.prices[p.Instrument]})
		}
		b.note(p)
	}
	for n := range b.moves {
		m := &b.moves[n]
		now := b.prices[m.instrument]
		m.special = now == 0 || m.by == 0
		m.by += now
	}
	b.moves = slices.DeleteFunc(b.moves, func(m move) bool { return m.by == 0 && !m.special })
	slices.SortFunc(b.moves, func(x, y move) int { return cmp.Compare(x.instrument, y.instrument) })
	return b.moves
}

// note keeps one price.
func (b *Book) note(p Price) {
	i := p.Instrument
	delete(b.special, i)
	b.prices[i], b.known[i] = 0, p.Each != nil
	if p.Each == nil {
		return
	}
	if n, ok := scaled(*p.Each); ok {
		b.prices[i] = n
		return
	}
	b.special[i] = Price{i, new(money.Decimal)}
	*b.special[i].Each = *p.Each
}

// scratch is what a worker needs for one block after another.
type scratch struct {
	moves  []localMove
	prices [localMax]int64 // by place; as long as places go, so that no bound needs a check
}

type localMove struct {
	local   uint16
	by      int64
	special bool
}

// reprice makes a block's sums right.
func (k *block) reprice(prices []int64, moves []move, at *scratch, pass *Pass) {
	anew := len(k.pending) > 0
	if anew {
		k.rebuild()
	}
	touched := k.find(moves, at)
	if len(moves) > 0 {
		k.markUnseen(at)
	}
	switch {
	case anew, float64(touched) > fullShare*float64(len(k.local)):
		k.full(prices, at, pass)
	case touched > 0:
		k.sparse(at, pass)
	}
}

// find gives the moves of instruments that the block holds, and how many positions they touch.
func (k *block) find(moves []move, at *scratch) (touched int) {
	at.moves = at.moves[:0]
	place := 0
	for _, m := range moves {
		skip, found := slices.BinarySearch(k.instruments[place:], m.instrument)
		if place += skip; found {
			at.moves = append(at.moves, localMove{uint16(place), m.by, m.special})
			touched += int(k.holderStarts[place+1] - k.holderStarts[place])
		}
	}
	return touched
}

// markUnseen marks the rows whose worth may have moved without their sums.
func (k *block) markUnseen(at *scratch) {
	for r := range k.outside {
		k.mark(r)
	}
	for _, m := range at.moves {
		if m.special {
			for _, r := range k.holders[k.holderStarts[m.local]:k.holderStarts[m.local+1]] {
				k.mark(r)
			}
		}
	}
}

// full sums every row anew.
func (k *block) full(prices []int64, at *scratch, pass *Pass) {
	for place, i := range k.instruments {
		at.prices[place] = prices[i]
	}
	local, quantities := k.local, k.quantities
	from := k.starts[0]
	for r := range k.sums {
		to := k.starts[r+1]
		next := total(local[from:to], quantities[from:to], &at.prices)
		if next != k.sums[r] {
			k.sums[r] = next
			k.mark(uint16(r))
		}
		from = to
	}
	pass.Positions += len(local)
	pass.Full++
}

// total is the sum of a row.
func total(local []uint16, quantities []int64, prices *[localMax]int64) sum {
	var high, low uint64
	quantities = quantities[:len(local)]
	for n, l := range local {
		h, lo := product(quantities[n], prices[l])
		var carry uint64
		low, carry = bits.Add64(low, lo, 0)
		high, _ = bits.Add64(high, h, carry)
	}
	return sum{int64(high), low}
}

// product is a · b in two's complement.
func product(a, b int64) (high, low uint64) {
	high, low = bits.Mul64(uint64(a), uint64(b))
	return high - uint64(a>>63&b) - uint64(b>>63&a), low
}

// sparse adds what moved to the sums of those who hold it.
func (k *block) sparse(at *scratch, pass *Pass) {
	for _, m := range at.moves {
		from, to := k.holderStarts[m.local], k.holderStarts[m.local+1]
		holders, quantities := k.holders[from:to], k.holderQuantities[from:to]
		for n, r := range holders {
			h, lo := product(quantities[n], m.by)
			s := &k.sums[r]
			low, carry := bits.Add64(s.low, lo, 0)
			high, _ := bits.Add64(uint64(s.high), h, carry)
			*s = sum{int64(high), low}
			k.mark(r)
		}
		pass.Positions += len(holders)
	}
	pass.Sparse++
}
