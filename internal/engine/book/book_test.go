package book

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"folioscope/internal/money"
)

// plain is the book without columns: what it must agree with to the last digit.
type plain struct {
	rows   map[Row][]Position
	prices map[Instrument]*money.Decimal
}

func (p *plain) worth(row Row) Worth {
	var w Worth
	for _, held := range p.rows[row] {
		switch each := p.prices[held.Instrument]; {
		case each != nil:
			w.Sum = w.Sum.Add(held.Quantity.Mul(*each))
		case !held.Quantity.IsZero():
			w.Unpriced = append(w.Unpriced, held.Instrument)
		}
	}
	slices.Sort(w.Unpriced)
	w.Unpriced = slices.Compact(w.Unpriced)
	return w
}

func (w Worth) String() string { return fmt.Sprint(w.Sum.Reduced(), w.Unpriced) }

// amounts are what fits the columns, what is at their edge and what is beyond it.
func amounts() *rapid.Generator[money.Decimal] {
	return rapid.Custom(func(t *rapid.T) money.Decimal {
		if rapid.IntRange(0, 9).Draw(t, "odd") > 0 {
			return money.NewDecimal(rapid.Int64Range(-1_000_000, 1_000_000).Draw(t, "units"), -4)
		}
		edge := rapid.SampledFrom([]int64{0, 1, magnitudeMax - 1, magnitudeMax, magnitudeMax + 1, 1<<63 - 1}).Draw(t, "edge")
		d := money.NewDecimal(edge, rapid.SampledFrom([]int32{-12, -decimals, 0}).Draw(t, "exponent"))
		if rapid.Bool().Draw(t, "negative") {
			return d.Neg()
		}
		return d
	})
}

// However rows and prices change, every row's worth is that of a plain sum in decimals, and whose worth changed is told.
func TestABookIsWorthWhatItsPositionsAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := New(rapid.IntRange(1, 3).Draw(t, "workers"))
		want := &plain{rows: map[Row][]Position{}, prices: map[Instrument]*money.Decimal{}}
		rows := rapid.SampledFrom([]Row{0, 1, 2, 3, 64, blockRows - 1, blockRows, blockRows + 1, 3 * blockRows})
		instruments := rapid.Uint32Range(0, 12)
		before := map[Row]string{}
		for range rapid.IntRange(1, 6).Draw(t, "rounds") {
			for range rapid.IntRange(0, 4).Draw(t, "sets") {
				row := rows.Draw(t, "row")
				positions := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Position {
					return Position{Instrument(instruments.Draw(t, "instrument")), amounts().Draw(t, "quantity")}
				}), 0, 8).Draw(t, "positions")
				want.rows[row] = positions
				b.Set(row, positions)
			}
			var prices []Price
			for range rapid.IntRange(0, 6).Draw(t, "prices") {
				p := Price{Instrument: Instrument(instruments.Draw(t, "of"))}
				if rapid.IntRange(0, 4).Draw(t, "known") > 0 {
					each := amounts().Draw(t, "each")
					p.Each = &each
				}
				prices = append(prices, p)
				want.prices[p.Instrument] = p.Each
			}
			b.Reprice(prices)
			changed := map[Row]bool{}
			b.Changed(func(row Row) { changed[row] = true })
			for row := range want.rows {
				got, right := b.Worth(row).String(), want.worth(row).String()
				if got != right {
					t.Fatalf("row %d is worth %s, not %s", row, got, right)
				}
				if before[row] != right && before[row] != "" && !changed[row] {
					t.Fatalf("row %d went from %s to %s, and nobody was told", row, before[row], right)
				}
				before[row] = right
			}
		}
	})
}
