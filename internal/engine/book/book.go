// Package book keeps what very many portfolios hold in columns, and their worth at the newest prices, exact to the last digit.
//
// A row is what one portfolio holds in one currency. Rows and instruments are numbered by the caller, densely from 0 on. A price that
// changes costs what holds it, or one pass over everything where that is less. Quantities and prices are integers of so many places, their
// products 128 bits wide: sums of them have no order and no rounding. What doesn't fit those integers is summed in decimals beside them.
package book

import (
	"math/big"
	"slices"

	"folioscope/internal/money"
)

const (
	decimals = 8 // of quantities and prices: what crypto exchanges count in, more than any other market
	// magnitudeMax bounds both, so that positionsMax products fit into 127 bits: 2.88 billion at so many places.
	magnitudeMax = 1 << 58
	positionsMax = 1 << 11 // of a row in columns; further ones are summed in decimals
)

// Row is the number of what one portfolio holds in one currency.
type Row uint32

// Instrument is the number of an instrument.
type Instrument uint32

// Position is a quantity of an instrument, negative where it is owed.
type Position struct {
	Instrument Instrument
	Quantity   money.Decimal
}

// Price is what one of an instrument costs; nil where nobody knows.
type Price struct {
	Instrument Instrument
	Each       *money.Decimal
}

// Book is the book. Its methods may not be called at the same time; Reprice uses as many goroutines as it is told.
type Book struct {
	blocks  []*block
	prices  []int64 // by instrument, 0 where columns can't say it
	special map[Instrument]Price
	known   []bool    // by instrument: it has a price
	scratch []scratch // of each processor

	moves  []move
	round  uint64   // counts Reprices
	rounds []uint64 // by instrument: the last that had a price of it
}

// New makes an empty book that reprices on so many processors.
func New(workers int) *Book {
	return &Book{special: make(map[Instrument]Price), scratch: make([]scratch, max(1, workers))}
}

// Set replaces what a row holds; nothing empties it. The columns take it in at the next Reprice.
func (b *Book) Set(row Row, positions []Position) {
	index := int(row) / blockRows
	for len(b.blocks) <= index {
		b.blocks = append(b.blocks, newBlock())
	}
	for _, p := range positions {
		b.number(p.Instrument)
	}
	b.blocks[index].set(uint16(int(row)%blockRows), positions)
}

// number makes room for an instrument.
func (b *Book) number(i Instrument) {
	for len(b.prices) <= int(i) {
		b.prices, b.known, b.rounds = append(b.prices, 0), append(b.known, false), append(b.rounds, 0)
	}
}

// Worth is what a row is worth in its currency.
type Worth struct {
	Sum      money.Decimal // exact; of what has a price
	Unpriced []Instrument  // held without a price, rising: where there are any, the sum is not the row's worth
}

// Worth gives a row's at the prices of the last Reprice.
func (b *Book) Worth(row Row) Worth {
	if int(row)/blockRows >= len(b.blocks) {
		return Worth{}
	}
	k := b.blocks[int(row)/blockRows]
	r := uint16(int(row) % blockRows)
	worth := Worth{Sum: k.sums[r].decimal()}
	instruments, quantities := k.row(r)
	for n, local := range instruments {
		i := k.instruments[local]
		if b.prices[i] == 0 {
			b.add(&worth, i, money.NewDecimal(quantities[n], -decimals))
		}
	}
	for _, p := range k.outside[r] {
		b.add(&worth, p.Instrument, p.Quantity)
	}
	slices.Sort(worth.Unpriced)
	worth.Unpriced = slices.Compact(worth.Unpriced)
	return worth
}

// Holds calls yield with what a row holds, as of the last Reprice; an instrument may come more than once.
func (b *Book) Holds(row Row, yield func(Instrument)) {
	if int(row)/blockRows >= len(b.blocks) {
		return
	}
	k := b.blocks[int(row)/blockRows]
	r := uint16(int(row) % blockRows)
	instruments, _ := k.row(r)
	for _, local := range instruments {
		yield(k.instruments[local])
	}
	for _, p := range k.outside[r] {
		yield(p.Instrument)
	}
}

// Holders calls yield with every row that holds an instrument that of says, as of the last Reprice, once or more often, and gives how
// many instruments anybody holds.
func (b *Book) Holders(of func(Instrument) bool, yield func(Row)) (held int) {
	seen := make([]bool, len(b.prices))
	for n, k := range b.blocks {
		first := Row(n * blockRows)
		for place, i := range k.instruments {
			seen[i] = true
			if !of(i) {
				continue
			}
			for _, r := range k.holders[k.holderStarts[place]:k.holderStarts[place+1]] {
				yield(first + Row(r))
			}
		}
		for r, positions := range k.outside {
			for _, p := range positions {
				if seen[p.Instrument] = true; of(p.Instrument) {
					yield(first + Row(r))
				}
			}
		}
	}
	for _, one := range seen {
		if one {
			held++
		}
	}
	return held
}

// Known says whether an instrument has a price.
func (b *Book) Known(i Instrument) bool { return int(i) < len(b.known) && b.known[i] }

// add adds what columns can't say.
func (b *Book) add(worth *Worth, i Instrument, quantity money.Decimal) {
	switch special, ok := b.special[i]; {
	case ok:
		worth.Sum = worth.Sum.Add(quantity.Mul(*special.Each))
	case b.known[i]:
		worth.Sum = worth.Sum.Add(quantity.Mul(money.NewDecimal(b.prices[i], -decimals)))
	case !quantity.IsZero():
		worth.Unpriced = append(worth.Unpriced, i)
	}
}

// Changed calls yield with every row whose worth may have changed since it was called last, rising.
func (b *Book) Changed(yield func(Row)) {
	for n, k := range b.blocks {
		k.takeChanged(func(r uint16) { yield(Row(n*blockRows + int(r))) })
	}
}

// scaled is a decimal as columns keep it.
func scaled(d money.Decimal) (n int64, ok bool) {
	n, ok = d.Scaled(decimals)
	return n, ok && n > -magnitudeMax && n < magnitudeMax
}

// sum is a two's complement of 128 bits, in units of 10^(−2·decimals).
type sum struct {
	high int64
	low  uint64
}

func (s sum) decimal() money.Decimal {
	if s.high == int64(s.low)>>63 {
		return money.NewDecimal(int64(s.low), -2*decimals)
	}
	n := new(big.Int).Lsh(big.NewInt(s.high), 64)
	return money.FromInteger(n.Add(n, new(big.Int).SetUint64(s.low)), -2*decimals)
}
