package figures

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

func flowsAYearApart(amounts ...string) []cashFlow {
	var flows []cashFlow
	for i, text := range amounts {
		flows = append(flows, cashFlow{market.Date(365 * i), money.MustParse(text)})
	}
	return flows
}

func TestXIRR(t *testing.T) {
	near := -0.5
	for _, c := range []struct {
		name   string
		flows  []cashFlow
		hint   *float64
		status string
		roots  []float64
		rate   float64
	}{
		{"one root", flowsAYearApart("-100", "110"), nil, XIRROk, []float64{0.1}, 0.1},
		{"nothing gained", flowsAYearApart("-100", "100"), nil, XIRROk, []float64{0}, 0},
		{"two roots, nearest 0", flowsAYearApart("-100", "230", "-132"), nil, XIRRSeveral, []float64{0.1, 0.2}, 0.1},
		{"three roots", flowsAYearApart("-1", "6", "-11", "6"), nil, XIRRSeveral, []float64{0, 1, 2}, 0},
		{"a hint picks", flowsAYearApart("-10", "25", "-10"), &near, XIRRSeveral, []float64{-0.5, 1}, -0.5},
		{"a root that only touches", flowsAYearApart("-100", "220", "-121"), nil, XIRROk, []float64{0.1}, 0.1},
		{"a root below zero that only touches", flowsAYearApart("100", "-180", "81"), nil, XIRROk, []float64{-0.1}, -0.1},
		{"one that touches beside one that crosses", flowsAYearApart("100", "-265", "232", "-67.2"), nil, XIRRSeveral, []float64{-0.2, 0.05}, 0.05},
		{"one that is crossed three times over", flowsAYearApart("-1", "3.3", "-3.63", "1.331"), nil, XIRROk, []float64{0.1}, 0.1},
		{"nearly touched", flowsAYearApart("-100", "220", "-121.000001"), nil, XIRRNone, nil, 0},
		{"two that are close", flowsAYearApart("-100", "220", "-120.999999"), nil, XIRRSeveral, []float64{0.0999, 0.1001}, 0.0999},
		{"no root", flowsAYearApart("-100", "100", "-100"), nil, XIRRNone, nil, 0},
		{"beyond a million", flowsAYearApart("-1", "1000002"), nil, XIRRNone, nil, 0},
		{"one flow", flowsAYearApart("-100"), nil, XIRRNotMeaningful, nil, 0},
		{"one sign", flowsAYearApart("-100", "-10"), nil, XIRRNotMeaningful, nil, 0},
		{"one day", []cashFlow{{5, money.MustParse("-1")}, {5, money.MustParse("2")}}, nil, XIRRNotMeaningful, nil, 0},
		{"days that add up to nothing", append(flowsAYearApart("-100", "110"), cashFlow{9999, money.One}, cashFlow{9999, money.One.Neg()}), nil, XIRROk, []float64{0.1}, 0.1},
	} {
		got := xirr(c.flows, c.hint)
		if got.Status != c.status || len(got.Roots) != len(c.roots) || (got.Rate == nil) != (c.roots == nil) {
			t.Errorf("%s: %+v", c.name, got)
			continue
		}
		for i, want := range c.roots {
			if math.Abs(float64(got.Roots[i])-want) > 1e-9 {
				t.Errorf("%s: root %d is %v, want %v", c.name, i, got.Roots[i], want)
			}
		}
		if got.Rate != nil && math.Abs(float64(*got.Rate)-c.rate) > 1e-6 {
			t.Errorf("%s: rate %v, want %v", c.name, *got.Rate, c.rate)
		}
	}
}

// Flows made to have chosen rates give exactly these back: the product of (x − root) over all of them.
func TestXIRRFindsEveryRoot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 4).Draw(t, "roots")
		var rates []float64
		poly := []money.Decimal{money.One}
		at := -90
		for range count {
			at += rapid.IntRange(10, 120).Draw(t, "percent more") // rates in percent, apart from each other
			rates = append(rates, float64(at)/100)
			growth := money.NewDecimal(int64(100+at), -2)
			next := make([]money.Decimal, len(poly)+1)
			for i, c := range poly { // times (growth − x), x being a year's growth
				next[i] = next[i].Sub(c)
				next[i+1] = next[i+1].Add(c.Mul(growth))
			}
			poly = next
		}
		var flows []cashFlow
		for i, c := range poly {
			flows = append(flows, cashFlow{market.Date(365 * i), c})
		}
		got := xirr(flows, nil)
		if len(got.Roots) != count {
			t.Fatalf("flows %v: %v, want %v", flows, got.Roots, rates)
		}
		for i, want := range rates {
			if math.Abs(float64(got.Roots[i])-want) > 1e-7 {
				t.Fatalf("flows %v: %v, want %v", flows, got.Roots, rates)
			}
		}
	})
}

// What is proved to be the only root is the only one that the search of the whole scale finds.
func TestXIRROfManyDays(t *testing.T) {
	proved, drawn := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		flows, day, value := []cashFlow{}, market.Date(20000), 0.0
		growth := rapid.Float64Range(-0.002, 0.002).Draw(t, "growth a day")
		for i := range rapid.IntRange(2, 200).Draw(t, "flows") {
			amount := rapid.Int64Range(-100_000, 60_000).Draw(t, "amount")
			if i == 0 {
				amount = -100_000
			}
			days := rapid.IntRange(0, 4).Draw(t, "days on")
			day += market.Date(days)
			value = value*math.Pow(1+growth, float64(days)) - float64(amount)
			flows = append(flows, cashFlow{day, money.NewDecimal(amount, -2)})
		}
		if rapid.IntRange(0, 5).Draw(t, "closed") > 0 {
			flows = append(flows, cashFlow{day + 1, money.NewDecimal(int64(value), -2)})
		}
		terms := terms(flows)
		d, ok := denseFlows(flows)
		if other, ok2 := denseTerms(terms); ok && (!ok2 || !slices.Equal(other.amounts, scaledTo(d.amounts, -2))) {
			t.Fatalf("%v and %v", d.amounts, other.amounts)
		}
		if drawn++; !ok {
			return
		}
		roots := allRoots(terms, func(middle, half float64) bound { return bounds(terms, middle, half) })
		near := func(a, b float64) bool { return math.Abs(a-b) < 1e-7 }
		if others := allRoots(terms, d.bounds); !slices.EqualFunc(roots, others, near) {
			t.Fatalf("roots %v, by stretches %v", roots, others)
		}
		s, ok := d.onlyRoot(nil)
		if !ok {
			return
		}
		proved++
		if len(roots) != 1 || math.Abs(roots[0]-s) > 1e-9*(1+math.Abs(s)) {
			t.Fatalf("%v is not the only root: %v", s, roots)
		}
		if !d.staysInvestedDaily(s) {
			t.Fatalf("stretches say more than days")
		}
	})
	t.Logf("the only root was proved for %d of %d", proved, drawn)
	if proved*8 < drawn {
		t.Errorf("the only root was proved for only %d of %d", proved, drawn)
	}
}

// scaledTo is whole numbers · 10^exponent, each rounded once.
func scaledTo(whole []float64, exponent int32) []float64 {
	out := make([]float64, len(whole))
	for i, x := range whole {
		out[i] = money.NewDecimal(int64(x), exponent).Float64()
	}
	return out
}
