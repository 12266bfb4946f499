package ledger

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

func lot(id string, day int, quantity, cost string) Lot {
	c := money.Known(money.MustParse(cost))
	return Lot{ID: ActivityID(id), Opened: market.Date(day), Order: int64(day), Quantity: money.MustParse(quantity), Carried: NewCarried(c, c)}
}

func cost(taken []Taken) string {
	sum := money.Known(money.Zero)
	for _, t := range taken {
		sum = sum.Add(t.Carried.Local)
	}
	return sum.String()
}

func TestTakeByMethod(t *testing.T) {
	for _, c := range []struct {
		method     LotMethod
		chosen     []Choice
		ids        string // taken, in order
		cost, left string
	}{
		{FIFO, nil, "b1 b2", "140", "210"},    // 10 at 10, 2 at 20
		{LIFO, nil, "b3 b2", "190", "160"},    // 10 at 15, 2 at 20
		{HIFO, nil, "b2 b3", "205", "145"},    // 5 at 20, 7 at 15
		{Average, nil, "b1 b2", "168", "182"}, // 12 of 25 at 14
		{Specific, []Choice{{"b3", money.MustParse("2")}, {"b1", money.MustParse("10")}}, "b3 b1", "130", "220"},
	} {
		l := NewLots(c.method)
		l.Open(lot("b1", 1, "10", "100"))
		l.Open(lot("b2", 2, "5", "100"))
		l.Open(lot("b3", 3, "10", "150"))
		taken := l.Take(money.MustParse("12"), c.chosen)
		ids := make([]string, len(taken))
		for i, one := range taken {
			ids[i] = string(one.ID)
		}
		if got := strings.Join(ids, " "); got != c.ids || cost(taken) != c.cost || l.Total().Local.String() != c.left {
			t.Errorf("%s takes %s for %s and leaves %s, want %s for %s and %s", c.method, got, cost(taken), l.Total().Local, c.ids, c.cost, c.left)
		}
	}
}

func TestLotsKeepTheirOrderWhenMoved(t *testing.T) {
	l := NewLots(FIFO)
	l.Open(lot("new", 5, "1", "5"))
	l.Open(lot("old", 2, "1", "2"))
	if got := l.Take(money.One, nil)[0].ID; got != "old" {
		t.Errorf("takes %s first, want the one opened first", got)
	}
}

func TestSplitKeepsTheWhole(t *testing.T) {
	l := NewLots(FIFO)
	for day := range 3 {
		l.Open(lot("x", day, "1", "10"))
	}
	l.Split(Ratio{New: money.One, Old: money.MustParse("3")})
	if got := l.Quantity().String(); got != "1" {
		t.Errorf("3 shares 1:3 are %s", got)
	}
	if got := cost(l.Take(money.One, nil)); got != "30" || l.Len() != 0 {
		t.Errorf("selling all takes a cost of %s and leaves %d lots", got, l.Len())
	}
}

func TestUnknownCostIsForgottenWithItsLot(t *testing.T) {
	for _, method := range []LotMethod{FIFO, Average} {
		l := NewLots(method)
		unknown := lot("u", 1, "2", "0")
		unknown.Carried.Base = money.Unknown
		l.Open(unknown)
		if l.Total().Base.IsKnown() {
			t.Errorf("%s: an unknown cost became known", method)
		}
		l.Take(money.MustParse("2"), nil)
		l.Open(lot("k", 2, "1", "7"))
		if got := l.Total().Base.String(); got != "7" {
			t.Errorf("%s: cost after the unknown lot is gone: %s", method, got)
		}
	}
}

// What is taken and what is left always sum to what was put in, quantities and costs alike, to the last digit.
func TestLotsLoseNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		method := rapid.SampledFrom([]LotMethod{FIFO, LIFO, HIFO, Average}).Draw(t, "method")
		short := rapid.Bool().Draw(t, "short")
		l := NewLots(method)
		in, out := money.Zero, money.Zero
		quantityIn, quantityOut := money.Zero, money.Zero
		for day := range rapid.IntRange(1, 12).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "open") || l.Quantity().IsZero() {
				q := money.NewDecimal(rapid.Int64Range(1, 999_999).Draw(t, "quantity"), -int32(rapid.IntRange(0, 6).Draw(t, "places")))
				c := money.NewDecimal(rapid.Int64Range(0, 99_999_999).Draw(t, "cost"), -2)
				if short {
					q, c = q.Neg(), c.Neg()
				}
				known := money.Known(c)
				l.Open(Lot{Opened: market.Date(day), Order: int64(day), Quantity: q, Carried: NewCarried(known, known)})
				in, quantityIn = in.Add(c), quantityIn.Add(q)
				continue
			}
			q := l.Quantity().Abs().Mul(money.NewDecimal(rapid.Int64Range(1, 1000).Draw(t, "share"), -3))
			for _, taken := range l.Take(q, nil) {
				out, quantityOut = out.Add(taken.Carried.Local.Or(money.Zero)), quantityOut.Add(taken.Quantity)
			}
		}
		left := money.Zero
		for _, one := range l.All() {
			left = left.Add(one.Carried.Local.Or(money.Zero))
		}
		if !in.Equal(out.Add(left)) || !left.Equal(l.Total().Local.Or(money.Zero)) {
			t.Fatalf("cost in %s, out %s, left %s, total %s", in, out, left, l.Total().Local)
		}
		if !quantityIn.Equal(quantityOut.Add(l.Quantity())) {
			t.Fatalf("quantity in %s, out %s, left %s", quantityIn, quantityOut, l.Quantity())
		}
	})
}

// Lots that are opened in any order stand by date and entry, however they come in, also after some were taken.
func TestLotsStandByDate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		method := rapid.SampledFrom([]LotMethod{FIFO, LIFO, HIFO, Average}).Draw(t, "method")
		lots := NewLots(method)
		sum := money.Zero
		for i := range rapid.IntRange(1, 80).Draw(t, "lots") {
			quantity := money.NewDecimal(rapid.Int64Range(1, 9).Draw(t, "quantity"), 0)
			day := 100 + rapid.IntRange(-3, 3).Draw(t, "day")
			if rapid.Bool().Draw(t, "falling") {
				day = 90 - i
			}
			cost := money.Known(money.NewDecimal(int64(i+1), 0))
			lots.Open(Lot{Opened: market.Date(day), Order: int64(i), Quantity: quantity, Carried: NewCarried(cost, cost)})
			if sum = sum.Add(quantity); rapid.IntRange(0, 3).Draw(t, "take") == 0 {
				some := money.NewDecimal(rapid.Int64Range(1, 5).Draw(t, "taken"), 0)
				if some.Cmp(sum) <= 0 {
					lots.Take(some, nil)
					sum = sum.Sub(some)
				}
			}
			all, held := lots.All(), money.Zero
			for _, lot := range all {
				held = held.Add(lot.Quantity)
			}
			if !held.Equal(sum) || !lots.Quantity().Equal(sum) || !slices.IsSortedFunc(all, func(a, b Lot) int { return older(&a, &b) }) {
				t.Fatalf("%s: %s held of %s: %+v", method, held, sum, all)
			}
		}
	})
}
