package book

import (
	"math/bits"
	"slices"

	"folioscope/internal/money"
)

const (
	// blockRows are so few that the sums of a block stay in a processor's cache while prices change.
	blockRows = 1 << 14
	localMax  = 1 << 16 // instruments of a block: what two bytes number
)

// block is the columns of blockRows rows: their positions by row, and by instrument.
type block struct {
	instruments []Instrument // of this block, rising; the columns number them by place

	starts     []uint32 // of each row's positions, and the end
	local      []uint16 // instrument of each position
	quantities []int64

	holderStarts     []uint32 // of each instrument's holders, and the end
	holders          []uint16 // rows, rising within an instrument
	holderQuantities []int64

	sums    []sum
	changed [blockRows / 64]uint64 // a bit a row

	outside map[uint16][]Position // what doesn't fit the columns
	pending map[uint16][]Position // rows as they are to be
}

func newBlock() *block {
	return &block{
		starts: make([]uint32, blockRows+1), holderStarts: make([]uint32, 1), sums: make([]sum, blockRows),
		outside: make(map[uint16][]Position), pending: make(map[uint16][]Position),
	}
}

func (k *block) set(row uint16, positions []Position) { k.pending[row] = slices.Clone(positions) }

// row gives a row's positions in the columns.
func (k *block) row(r uint16) (local []uint16, quantities []int64) {
	from, to := k.starts[r], k.starts[r+1]
	return k.local[from:to], k.quantities[from:to]
}

// takeChanged gives the rows that are marked, and unmarks them.
func (k *block) takeChanged(yield func(row uint16)) {
	for n, word := range k.changed {
		k.changed[n] = 0
		for ; word != 0; word &= word - 1 {
			yield(uint16(n*64 + bits.TrailingZeros64(word)))
		}
	}
}

func (k *block) mark(row uint16) { k.changed[row/64] |= 1 << (row % 64) }

// rebuild makes the columns anew with the rows that are pending. All sums are to be made anew then.
func (k *block) rebuild() {
	next := newBlock()
	next.changed, next.outside = k.changed, k.outside
	var count int
	next.instruments, count = k.wanted()
	next.local, next.quantities = make([]uint16, 0, count), make([]int64, 0, count)
	places := make([]int, len(k.instruments)) // here, of those there
	for l, i := range k.instruments {
		places[l] = next.place(i)
	}
	for r := range uint16(blockRows) {
		if positions, ok := k.pending[r]; ok {
			next.append(r, positions)
		} else {
			local, quantities := k.row(r)
			for n, l := range local {
				if places[l] < 0 {
					next.outside[r] = append(next.outside[r], Position{k.instruments[l], money.NewDecimal(quantities[n], -decimals)})
					continue
				}
				next.local, next.quantities = append(next.local, uint16(places[l])), append(next.quantities, quantities[n])
			}
		}
		next.starts[r+1] = uint32(len(next.local))
	}
	next.invert()
	*k = *next
}

// wanted lists the instruments of the rows as they are to be, and counts their positions.
func (k *block) wanted() (instruments []Instrument, count int) {
	held := make([]bool, len(k.instruments))
	for r := range uint16(blockRows) {
		if _, ok := k.pending[r]; !ok {
			local, _ := k.row(r)
			count += len(local)
			for _, l := range local {
				held[l] = true
			}
		}
	}
	for l, i := range k.instruments {
		if held[l] {
			instruments = append(instruments, i)
		}
	}
	for _, positions := range k.pending {
		count += len(positions)
		for _, p := range positions {
			instruments = append(instruments, p.Instrument)
		}
	}
	slices.Sort(instruments)
	instruments = slices.Compact(instruments)
	return slices.Clone(instruments[:min(len(instruments), localMax)]), count
}

// place is where the columns have an instrument; −1: nowhere.
func (k *block) place(i Instrument) int {
	if place, found := slices.BinarySearch(k.instruments, i); found {
		return place
	}
	return -1
}

// append adds a row's positions to the end of the columns, and what doesn't fit to what lies outside.
func (k *block) append(row uint16, positions []Position) {
	k.mark(row)
	delete(k.outside, row)
	for n, p := range positions {
		quantity, fits := scaled(p.Quantity)
		place := k.place(p.Instrument)
		if !fits || place < 0 || n >= positionsMax {
			k.outside[row] = append(k.outside[row], p)
			continue
		}
		k.local, k.quantities = append(k.local, uint16(place)), append(k.quantities, quantity)
	}
}

// invert makes the columns by instrument of those by row.
func (k *block) invert() {
	k.holderStarts = make([]uint32, len(k.instruments)+1)
	for _, l := range k.local {
		k.holderStarts[l+1]++
	}
	for n := range k.instruments {
		k.holderStarts[n+1] += k.holderStarts[n]
	}
	k.holders, k.holderQuantities = make([]uint16, len(k.local)), make([]int64, len(k.local))
	next := slices.Clone(k.holderStarts)
	for r := range uint16(blockRows) {
		local, quantities := k.row(r)
		for n, l := range local {
			k.holders[next[l]], k.holderQuantities[next[l]] = r, quantities[n]
			next[l]++
		}
	}
}
