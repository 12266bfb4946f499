package ledger

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Whatever happened to them before, the lots that are taken are those that looking at every lot each time would take.
func TestOrderIsThatOfLookingAtEveryLot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		method := rapid.SampledFrom([]LotMethod{HIFO, Specific}).Draw(t, "method")
		l := NewLots(method)
		whole := func(label string, most int) money.Decimal {
			return money.NewDecimal(int64(rapid.IntRange(1, most).Draw(t, label)), 0)
		}
		for n := range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				l.Split(Ratio{New: whole("new", 3), Old: whole("old", 3)})
			case 1:
				l.Change(func(lot Lot) Carried {
					lot.Carried.Local = money.Known(whole("cost", 50))
					return lot.Carried
				})
			case 2:
				if part := l.Quantity().Mul(money.MustParse("0.5")); !part.IsZero() {
					l.Part(part)
				}
			case 3, 4, 5, 6:
				quantity := whole("quantity", 5)
				if l.Quantity().Sign() < 0 {
					quantity = quantity.Neg()
				}
				cost := money.Known(whole("cost", 50).Mul(quantity))
				if rapid.IntRange(0, 9).Draw(t, "unknown") == 0 {
					cost = money.Unknown
				}
				l.Open(Lot{
					ID: ActivityID(fmt.Sprint(rapid.IntRange(0, 8).Draw(t, "id"))), Opened: market.Date(n/2 + rapid.IntRange(0, 2).Draw(t, "day")), Order: int64(n),
					Quantity: quantity, Carried: NewCarried(cost, cost),
				})
			default:
				takeAsByLooking(t, &l, n)
			}
			sum := money.Zero
			for _, lot := range l.All() {
				sum = sum.Add(lot.Quantity)
			}
			if !sum.Equal(l.Quantity()) || l.Len() != len(l.All()) {
				t.Fatalf("%d lots sum to %s, not to %s", l.Len(), sum, l.Quantity())
			}
		}
	})
}

// takeAsByLooking takes a part and compares what went and what stayed.
func takeAsByLooking(t *rapid.T, l *Lots, n int) {
	before := l.Copy()
	left := before.All()
	quantity := l.Quantity().Abs().Mul(money.NewDecimal(int64(rapid.IntRange(0, 10).Draw(t, "share")), -1))
	if quantity.IsZero() {
		if n%3 == 0 && l.Quantity().IsZero() { // go short
			l.Open(Lot{ID: "short", Opened: market.Date(n), Order: int64(n), Quantity: money.NewDecimal(-3, 0), Carried: NewCarried(money.Known(money.NewDecimal(-9, 0)), money.Unknown)})
		}
		return
	}
	var chosen []Choice
	var want []string
	rest := quantity
	for rest.Sign() > 0 {
		best := -1
		for i := range left {
			if left[i].Quantity.IsZero() {
				continue
			}
			if best < 0 || l.Method == HIFO && l.Quantity().Sign() > 0 && dearer(&left[i], &left[best]) {
				best = i
			}
		}
		part := left[best].Quantity.Abs()
		if part.Cmp(rest) > 0 {
			part = rest
		}
		share := part
		if left[best].Quantity.Sign() < 0 {
			share = part.Neg()
		}
		gone := left[best].Carried.Share(share, left[best].Quantity)
		left[best].Quantity, left[best].Carried = left[best].Quantity.Sub(share), left[best].Carried.Sub(gone)
		want = append(want, fmt.Sprint(left[best].Order, " ", part))
		chosen = append(chosen, Choice{left[best].ID, part})
		rest = rest.Sub(part)
	}
	if l.Method == Specific && l.Quantity().Sign() > 0 {
		for _, c := range chosen {
			if before.Held(c.ID).Cmp(c.Quantity) < 0 {
				t.Fatalf("%s of %s held", before.Held(c.ID), c.ID)
			}
		}
	}
	var got []string
	for _, taken := range l.Take(quantity, chosen) {
		if taken.Quantity.IsZero() {
			continue // a split rounded it away; its cost goes with the next
		}
		got = append(got, fmt.Sprint(taken.Order, " ", taken.Quantity.Abs()))
	}
	if l.Method != Specific && fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("took %v, looking at every lot takes %v", got, want)
	}
	if l.Method == Specific { // ids are of several lots, so only what is left of each counts
		held := map[ActivityID]money.Decimal{}
		for _, lot := range left {
			held[lot.ID] = held[lot.ID].Add(lot.Quantity)
		}
		for id, quantity := range held {
			if !l.Held(id).Equal(quantity) {
				t.Fatalf("%s of %s is left, want %s", l.Held(id), id, quantity)
			}
		}
	}
}

// A year of thousands of purchases and sales takes no longer per sale than a week of a few.
func BenchmarkTake(b *testing.B) {
	for _, method := range LotMethods() {
		for _, lots := range []int{100, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", method, lots), func(b *testing.B) {
				full := NewLots(method)
				for i := range lots {
					cost := money.Known(money.NewDecimal(int64(i*7919%5000), -1))
					full.Open(Lot{ID: ActivityID(fmt.Sprint(i)), Opened: market.Date(i), Order: int64(i), Quantity: money.NewDecimal(10, 0), Carried: NewCarried(cost, cost)})
				}
				for b.Loop() {
					l := full.Copy()
					for i := range lots {
						l.Take(money.NewDecimal(7, 0), []Choice{{ActivityID(fmt.Sprint(i)), money.NewDecimal(7, 0)}})
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(lots), "ns/take")
			})
		}
	}
}

// Two lots bought at one price stay equally dear over ratios that no decimal holds: the older goes first.
func TestEquallyDearOverARatio(t *testing.T) {
	for older := range int64(12) {
		for newer := range int64(12) {
			l := NewLots(HIFO)
			for n, quantity := range []int64{older + 1, newer + 1} {
				q := money.NewDecimal(quantity, 0)
				cost := money.Known(q.Mul(money.MustParse("0.1089")))
				l.Open(Lot{ID: ActivityID(fmt.Sprint(n)), Opened: 1, Order: int64(n), Quantity: q, Carried: NewCarried(cost, cost)})
			}
			for _, ratio := range []Ratio{{money.NewDecimal(7, 0), money.NewDecimal(6, 0)}, {money.NewDecimal(3, 0), money.NewDecimal(11, 0)}} {
				l.Split(ratio)
			}
			if taken := l.Take(money.MustParse("0.1"), nil); len(taken) != 1 || taken[0].ID != "0" {
				t.Errorf("%d and %d: took %v, want all of it from the older lot", older+1, newer+1, taken)
			}
		}
	}
}
