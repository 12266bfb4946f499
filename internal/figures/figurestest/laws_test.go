package figurestest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"folioscope/internal/figures"
)

// evaluated works a case out that was derived from one that could be.
func evaluated(t *rapid.T, law string, c *caseFile) figures.Output {
	out, err := evaluate(c)
	if err != nil {
		t.Fatalf("%s: refused: %v\n%s", law, err, c)
	}
	return out
}

// with is a case with another list of activities, which are shared.
func (c *caseFile) with(activities []*activity) *caseFile {
	other := *c
	other.Activities = activities
	return &other
}

// fixed gives a case the period that it has, so that what is taken out of it doesn't change that.
func (c *caseFile) fixed() *caseFile {
	from, to := c.period()
	other := *c
	other.From, other.To = &from, &to
	return &other
}

// written is an answer in one order, without its problems.
func written(t *rapid.T, out figures.Output) string {
	out.Problems = nil
	out.Disposals = slices.Clone(out.Disposals)
	slices.SortStableFunc(out.Disposals, func(a, b figures.Disposal) int {
		return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(a.Symbol, b.Symbol), cmp.Compare(a.Account, b.Account))
	})
	data, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(trimmed(data))
}

// trimmed is an answer without the zeros at the end of numbers, which say nothing.
func trimmed(data []byte) []byte {
	out := make([]byte, 0, len(data))
	for _, c := range data {
		if c == '"' {
			end := len(out)
			point := end
			for point > 0 && out[point-1] >= '0' && out[point-1] <= '9' {
				point--
			}
			if point > 0 && point < end && out[point-1] == '.' {
				for out[end-1] == '0' {
					end--
				}
				if out[end-1] == '.' {
					end--
				}
				out = out[:end]
			}
		}
		out = append(out, c)
	}
	return out
}

// differsAt shows where two texts part.
func differsAt(a, b string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	from := max(0, i-80)
	return fmt.Sprintf("…%s\nis not\n…%s", a[from:min(len(a), i+120)], b[from:min(len(b), i+120)])
}

// families names for each symbol the ones that its lots may come from or go to, by one of them.
func (c *caseFile) families() map[string]string {
	of := map[string]string{}
	for _, a := range c.Activities {
		for _, symbol := range []string{a.Symbol, a.ToSymbol} {
			if of[symbol] == "" {
				of[symbol] = symbol
			}
		}
		if a.ToSymbol == "" {
			continue
		}
		from, to := of[a.Symbol], of[a.ToSymbol]
		for symbol, family := range of {
			if family == to {
				of[symbol] = from
			}
		}
	}
	return of
}

// lawOfOrder: unrelated activities of a day may stand in any order.
func lawOfOrder(t *rapid.T, c *caseFile, want figures.Output) {
	mixed, families := slices.Clone(c.Activities), c.families()
	related := func(a, b *activity) bool {
		return a.Symbol != "" && b.Symbol != "" && families[a.Symbol] == families[b.Symbol]
	}
	swapped := false
	for range mixed {
		i := rapid.IntRange(0, len(mixed)-1).Draw(t, "swap")
		if i > 0 && mixed[i].Date == mixed[i-1].Date && !related(mixed[i], mixed[i-1]) {
			mixed[i], mixed[i-1] = mixed[i-1], mixed[i]
			swapped = true
		}
	}
	if !swapped {
		return
	}
	got := evaluated(t, "order", c.with(mixed))
	if a, b := written(t, got), written(t, want); a != b {
		t.Fatalf("another order of unrelated activities changes figures:\n%s\n%s\nwas\n%s", differsAt(a, b), c.with(mixed), c)
	}
}

// halved are two activities that are one in halves, none where it can't be taken apart.
func halved(a *activity) []*activity {
	switch a.Type {
	case "split", "spin_off", "merger", "rename", "write_off":
		return nil
	}
	one, other := *a, *a
	one.ID, other.ID = a.ID, a.ID+"b"
	half := func(text string) string {
		if text == "" {
			return ""
		}
		return plain(times(number(text), big.NewRat(1, 2)))
	}
	one.Quantity, one.Amount, one.Fee, one.Tax, one.ToAmount = half(a.Quantity), half(a.Amount), half(a.Fee), half(a.Tax), half(a.ToAmount)
	for _, text := range []string{one.Quantity, one.Amount, one.Fee, one.Tax, one.ToAmount} {
		if _, fraction, _ := strings.Cut(text, "."); len(fraction) > 55 {
			return nil
		}
	}
	one.Lots = nil
	for _, l := range a.Lots {
		one.Lots = append(one.Lots, chosen{l.ID, half(l.Quantity)})
	}
	other.Quantity, other.Amount, other.Fee, other.Tax, other.ToAmount, other.Lots = one.Quantity, one.Amount, one.Fee, one.Tax, one.ToAmount, one.Lots
	return []*activity{&one, &other}
}

// lawOfHalves: an activity booked in two halves is the same as in one. What lots cost may be shared otherwise between the halves of
// a lot that a return of capital meets, the first of which it lowers first, and under specific a disposal names the lot by one id.
func lawOfHalves(t *rapid.T, c *caseFile, want figures.Output, a *answer) {
	i := rapid.IntRange(0, len(c.Activities)-1).Draw(t, "halved")
	halves := halved(c.Activities[i])
	opens := slices.Contains([]string{"buy", "sell", "deliver_in", "transfer"}, c.Activities[i].Type) || c.Activities[i].Reinvest
	returned := slices.ContainsFunc(c.Activities, func(a *activity) bool { return a.Type == "return_of_capital" })
	if halves == nil || c.Method == "specific" && opens && c.Activities[i].Lots == nil {
		return
	}
	other := c.with(slices.Insert(slices.Delete(slices.Clone(c.Activities), i, i+1), i, halves...))
	got := evaluated(t, "halves", other)
	differences := sameTotals(got, want, a, !(opens && returned || a.ambiguous != ""), true)
	if len(differences) > 0 {
		t.Fatalf("%s in halves changes figures: %s\n%s", c.Activities[i].ID, strings.Join(differences, "\n"), other)
	}
}

// sameTotals compares totals, rates and series; what depends on lots only where they are the same. Halved numbers round elsewhere
// where quotients have no end.
func sameTotals(got, want figures.Output, a *answer, lots, rounding bool) []string {
	c := &comparison{want: &answer{inexact: a.inexact || rounding, scale: a.scale, scaleQuantity: a.scaleQuantity}}
	type pair struct{ got, want fraction }
	g, w := got.Totals, want.Totals
	pairs := map[string]pair{
		"value": {maybe(g.Value), maybe(w.Value)}, "cash": {maybe(g.Cash), maybe(w.Cash)}, "income": {maybe(g.Income), maybe(w.Income)},
		"fees": {maybe(g.Fees), maybe(w.Fees)}, "taxes": {maybe(g.Taxes), maybe(w.Taxes)}, "paid_in": {maybe(g.PaidIn), maybe(w.PaidIn)},
		"taken_out": {maybe(g.TakenOut), maybe(w.TakenOut)}, "value_start": {maybe(g.ValueStart), maybe(w.ValueStart)}, "profit": {maybe(g.Profit), maybe(w.Profit)},
	}
	if lots {
		pairs["realised"] = pair{maybe(g.Realised), maybe(w.Realised)}
		pairs["unrealised"] = pair{maybe(g.Unrealised), maybe(w.Unrealised)}
		pairs["cost"] = pair{maybe(g.Cost), maybe(w.Cost)}
		pairs["fx_effect"] = pair{maybe(g.FXEffect), maybe(w.FXEffect)}
	}
	for i := range want.Series {
		day := want.Series[i].Date.String()
		pairs["value of "+day] = pair{maybe(got.Series[i].Value), maybe(want.Series[i].Value)}
		if !a.rates.doubtful {
			c.rate("twr of "+day, (*float64)(want.Series[i].TWR), got.Series[i].TWR)
		}
	}
	for name, p := range pairs {
		c.same(name, p.want, p.got, a.scale)
	}
	if got.Identity.Holds != want.Identity.Holds && lots {
		c.differ("the identity holds: %v, %v", got.Identity.Holds, want.Identity.Holds)
	}
	return c.differences
}

// lawOfPeriods: a period cut in two has the sums of both parts, and their returns chain.
func lawOfPeriods(t *rapid.T, c *caseFile, want figures.Output, a *answer) {
	if a.to == a.from {
		return
	}
	cut := a.from + day(rapid.IntRange(0, int(a.to-a.from)-1).Draw(t, "cut"))
	first, second := *c, *c
	next := cut + 1
	first.From, first.To, second.From, second.To = &a.from, &cut, &next, &a.to
	x, y := evaluated(t, "first period", &first), evaluated(t, "second period", &second)
	for name, of := range map[string]func(figures.Totals) fraction{
		"profit": func(t figures.Totals) fraction { return maybe(t.Profit) }, "realised": func(t figures.Totals) fraction { return maybe(t.Realised) },
		"income": func(t figures.Totals) fraction { return maybe(t.Income) }, "fees": func(t figures.Totals) fraction { return maybe(t.Fees) },
		"taxes": func(t figures.Totals) fraction { return maybe(t.Taxes) }, "fx_effect": func(t figures.Totals) fraction { return maybe(t.FXEffect) },
		"paid_in": func(t figures.Totals) fraction { return maybe(t.PaidIn) }, "taken_out": func(t figures.Totals) fraction { return maybe(t.TakenOut) },
	} {
		sum, whole := plus(of(x.Totals), of(y.Totals)), of(want.Totals)
		if sum != nil && (whole == nil || sum.Cmp(whole) != 0) {
			t.Fatalf("%s until %s and after it sum to %s, together they are %s\n%s", name, cut, show(sum), show(whole), c)
		}
	}
	if end, start := maybe(x.Totals.Value), maybe(y.Totals.ValueStart); (end == nil) != (start == nil) || end != nil && end.Cmp(start) != 0 {
		t.Fatalf("the first period ends with %s, the next begins with %s on %s\n%s", show(end), show(start), cut, c)
	}
	if len(x.Disposals)+len(y.Disposals) != len(want.Disposals) {
		t.Fatalf("%d and %d disposals, together %d\n%s", len(x.Disposals), len(y.Disposals), len(want.Disposals), c)
	}
	if p, q, r := x.Returns.TWR, y.Returns.TWR, want.Returns.TWR; p != nil && q != nil && !a.rates.doubtful {
		chained := (1+float64(*p))*(1+float64(*q)) - 1
		// A rate near −1 has few digits left for a great gain before or after it, in this sum of the test.
		lost := 1e-14 * (1 + math.Abs(float64(*p)) + math.Abs(float64(*q)))
		if r == nil || math.Abs(chained-float64(*r)) > 1e-9*max(1, math.Abs(float64(*r)))+lost {
			t.Fatalf("%v and %v chain to %v, not to %v\n%s", *p, *q, chained, r, c)
		}
	}
}

// lawOfMethods: profit and all that doesn't ask for lots is the same under every method, with fees inside or apart.
func lawOfMethods(t *rapid.T, c *caseFile, want figures.Output, a *answer) {
	bare := c
	if c.Method == "specific" {
		bare = c.with(nil)
		for _, a := range c.Activities {
			other := *a
			other.Lots = nil
			bare.Activities = append(bare.Activities, &other)
		}
	}
	apart := !*c.FeesInCost
	for _, method := range []string{"fifo", "lifo", "hifo", "average"} {
		other := *bare
		other.Method = method
		if method == "lifo" {
			other.FeesInCost = &apart
		}
		if differences := sameTotals(evaluated(t, method, &other), want, a, false, false); len(differences) > 0 {
			t.Fatalf("under %s figures differ from those under %s: %s\n%s", method, c.Method, strings.Join(differences, "\n"), &other)
		}
	}
}

// lawOfTheFuture: what comes after the period changes nothing in it, so figures may be worked out as activities come in.
func lawOfTheFuture(t *rapid.T, c *caseFile, want figures.Output, a *answer) {
	past := *c.fixed()
	past.Activities = slices.DeleteFunc(slices.Clone(c.Activities), func(x *activity) bool { return x.Date > a.to })
	until := func(s series) series {
		kept := series{}
		for on, text := range s {
			if on <= a.to {
				kept[on] = text
			}
		}
		return kept
	}
	past.Prices, past.FX = map[string]*quoted{}, map[string]series{}
	units := newOracle(c).units
	for symbol, q := range c.Prices {
		past.Prices[symbol] = &quoted{q.Currency, until(q.Closes)}
	}
	for code, s := range c.FX {
		past.FX[code] = until(s)
	}
	if c.Benchmark != nil {
		past.Benchmark = &closes{until(c.Benchmark.Closes)}
	}
	rest := newOracle(&past)
	if rest.tracked != a.tracked {
		return // a later deposit says that cash is tracked
	}
	for symbol, unit := range rest.units {
		if unit != units[symbol] {
			return // a later activity says what currency the symbol has
		}
	}
	got := evaluated(t, "future", &past)
	if x, y := written(t, got), written(t, want); x != y {
		t.Fatalf("the future changes the past:\n%s\n%s\nwithout it\n%s", differsAt(x, y), c, &past)
	}
}
