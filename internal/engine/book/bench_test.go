package book

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"folioscope/internal/money"
)

// The size that is promised: a million portfolios of 20 positions each.
const (
	benchRows        = 1_000_000
	benchPositions   = 20
	benchInstruments = 5_000
	benchWindows     = 15 // each variant in turn, the shortest counts
)

// readSum is the floor: the same arrays, read once.
func readSum(b *Book) (sum int64) {
	for _, k := range b.blocks {
		var s [8]int64
		q := k.quantities
		for ; len(q) >= 8; q = q[8:] {
			s[0] += q[0]
			s[1] += q[1]
			s[2] += q[2]
			s[3] += q[3]
			s[4] += q[4]
			s[5] += q[5]
			s[6] += q[6]
			s[7] += q[7]
		}
		var t [8]uint16
		l := k.local
		for ; len(l) >= 8; l = l[8:] {
			t[0] += l[0]
			t[1] += l[1]
			t[2] += l[2]
			t[3] += l[3]
			t[4] += l[4]
			t[5] += l[5]
			t[6] += l[6]
			t[7] += l[7]
		}
		for n := range s {
			sum += s[n] + int64(t[n])
		}
	}
	return sum
}

// fullBook holds benchRows rows; instruments are drawn as pick says.
func fullBook(workers int, pick func() Instrument) *Book {
	dice := rand.New(rand.NewPCG(7, 7))
	b := New(workers)
	for row := range Row(benchRows) {
		positions := make([]Position, benchPositions)
		for n := range positions {
			positions[n] = Position{pick(), money.NewDecimal(1+dice.Int64N(1_000_000), -3)}
		}
		b.Set(row, positions)
		if row%blockRows == blockRows-1 { // so that not all of them wait at once
			b.Reprice(nil)
		}
	}
	b.Reprice(allPrices(dice))
	return b
}

func allPrices(dice *rand.Rand) []Price { return somePrices(dice, benchInstruments) }

// somePrices moves the first instruments.
func somePrices(dice *rand.Rand, count int) []Price {
	prices := make([]Price, count)
	for i := range prices {
		each := money.NewDecimal(100+dice.Int64N(1_000_000), -2)
		prices[i] = Price{Instrument(i), &each}
	}
	return prices
}

// shortest is the least time of f, which is measured once a round.
type shortest time.Duration

func (s *shortest) of(f func()) {
	start := time.Now()
	f()
	if took := shortest(time.Since(start)); *s == 0 || took < *s {
		*s = took
	}
}

func BenchmarkFullRepriceRatio(b *testing.B) {
	dice := rand.New(rand.NewPCG(1, 2))
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	book := fullBook(1, func() Instrument { return Instrument(dice.IntN(benchInstruments)) })
	runtime.GC()
	runtime.ReadMemStats(&after)
	var floor, one, two, slow shortest
	var sink int64
	prices := allPrices(dice)
	pair := make([]scratch, 2)
	const naiveRows = benchRows / 50
	maps := naiveOf(book, naiveRows, prices)
	book.Reprice(prices)
	gate(b, book, prices)
	for b.Loop() {
		for range benchWindows {
			floor.of(func() { sink += readSum(book) })
			prices = allPrices(dice)
			one.of(func() { book.Reprice(prices) })
			prices = allPrices(dice)
			book.scratch, pair = pair, book.scratch
			two.of(func() { book.Reprice(prices) })
			book.scratch, pair = pair, book.scratch
			slow.of(maps.reprice)
		}
	}
	runtime.KeepAlive(sink)
	gate(b, book, prices)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(floor)/1e6, "floor_ms")
	b.ReportMetric(float64(one)/1e6, "full_ms")
	b.ReportMetric(float64(one)/float64(floor), "x_floor")
	b.ReportMetric(float64(one)/float64(two), "x_two_cores")
	b.ReportMetric(float64(slow)*benchRows/naiveRows/float64(one), "x_maps")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(benchRows*benchPositions), "B/position")
}

// naive sums in maps of decimals, as one would begin: by the names of instruments, each step another decimal of 34 digits, with the library
// that money's are made of.
type naive struct {
	rows   map[Row]map[string]*apd.Decimal
	prices map[string]*apd.Decimal
	sums   map[Row]*apd.Decimal
}

// naiveOf takes so many rows of a book: maps are slow, and as slow for each.
func naiveOf(b *Book, rows Row, prices []Price) *naive {
	n := &naive{rows: make(map[Row]map[string]*apd.Decimal, rows), prices: make(map[string]*apd.Decimal, len(prices)), sums: make(map[Row]*apd.Decimal, rows)}
	for _, p := range prices {
		n.prices[name(p.Instrument)] = library(*p.Each)
	}
	for row := range rows {
		held := make(map[string]*apd.Decimal)
		for i, quantity := range heldBy(b, row) {
			held[name(i)] = library(quantity)
		}
		n.rows[row] = held
	}
	return n
}

func name(i Instrument) string { return fmt.Sprintf("instrument-%05d", i) }

// heldBy is what the columns have of a row.
func heldBy(b *Book, row Row) map[Instrument]money.Decimal {
	k := b.blocks[row/blockRows]
	local, quantities := k.row(uint16(row % blockRows))
	held := make(map[Instrument]money.Decimal, len(local))
	for n, l := range local {
		i := k.instruments[l]
		held[i] = held[i].Add(money.NewDecimal(quantities[n], -decimals))
	}
	return held
}

func library(d money.Decimal) *apd.Decimal {
	out, _, err := apd.NewFromString(d.String())
	if err != nil {
		panic(err)
	}
	return out
}

func (n *naive) reprice() {
	digits := apd.BaseContext.WithPrecision(34)
	for row, held := range n.rows {
		sum := new(apd.Decimal)
		for i, quantity := range held {
			product, next := new(apd.Decimal), new(apd.Decimal)
			_, _ = digits.Mul(product, quantity, n.prices[i])
			_, _ = digits.Add(next, sum, product)
			sum = next
		}
		n.sums[row] = sum
	}
}

// gate ends a benchmark whose sums aren't those of fractions, for a sample of rows.
func gate(b *testing.B, book *Book, prices []Price) {
	b.Helper()
	const sample = 997 // a prime: rows of all blocks, anywhere in them
	each := make(map[Instrument]*big.Rat, len(prices))
	for _, p := range prices {
		each[p.Instrument] = rational(*p.Each)
	}
	for row := Row(0); row < benchRows; row += sample {
		want := new(big.Rat)
		for i, quantity := range heldBy(book, row) {
			want.Add(want, new(big.Rat).Mul(rational(quantity), each[i]))
		}
		if got := book.Worth(row); rational(got.Sum).Cmp(want) != 0 || len(got.Unpriced) > 0 {
			b.Fatalf("row %d is worth %s, not %s", row, got, want.FloatString(4*decimals))
		}
	}
}

func rational(d money.Decimal) *big.Rat {
	r, ok := new(big.Rat).SetString(d.String())
	if !ok {
		panic(d.String())
	}
	return r
}

// BenchmarkSparseRepriceRatio has shares of the instruments move, the most popular first, and compares with summing all anew.
func BenchmarkSparseRepriceRatio(b *testing.B) {
	for _, popular := range []struct {
		name string
		pick func(*rand.Rand) func() Instrument
	}{
		{"uniform", func(dice *rand.Rand) func() Instrument {
			return func() Instrument { return Instrument(dice.IntN(benchInstruments)) }
		}},
		{"zipf", func(dice *rand.Rand) func() Instrument {
			z := rand.NewZipf(dice, 1.1, 10, benchInstruments-1)
			return func() Instrument { return Instrument(z.Uint64()) }
		}},
	} {
		dice := rand.New(rand.NewPCG(3, 4))
		book := fullBook(1, popular.pick(dice))
		for _, count := range []int{1, 5, 50, 100, 250, 500, 1000, 2500, benchInstruments} {
			b.Run(fmt.Sprintf("%s/%d", popular.name, count), func(b *testing.B) {
				var full, chosen shortest
				var pass Pass
				for b.Loop() {
					for range benchWindows {
						prices := allPrices(dice)
						full.of(func() { book.Reprice(prices) })
						prices = somePrices(dice, count)
						chosen.of(func() { pass = book.Reprice(prices) })
					}
				}
				last := allPrices(dice)
				book.Reprice(last)
				moved := somePrices(dice, count)
				book.Reprice(moved)
				gate(b, book, append(moved, last[count:]...))
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(chosen)/float64(full), "x_full")
				b.ReportMetric(float64(chosen)/float64(pass.Positions), "ns/touched")
				b.ReportMetric(100*float64(pass.Full)/float64(len(book.blocks)), "%full")
			})
		}
	}
}
