package figures

import (
	"math"
	"testing"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// benchFlows are 10,000 purchases and sales over 20 years and the closing value.
func benchFlows() []cashFlow {
	seed := uint64(7)
	random := func(n int64) int64 {
		seed = seed*6364136223846793005 + 1442695040888963407
		return int64(seed>>33) % n
	}
	from, to := market.NewDate(2004, 1, 1), market.NewDate(2023, 12, 31)
	const count = 10_000
	var flows []cashFlow
	total := int64(0)
	for i := range int64(count) {
		amount := -10_000 - random(100_000)
		if i%5 == 4 {
			amount = -amount
		}
		total -= amount
		flows = append(flows, cashFlow{weekday(from + market.Date(i*int64(to-from)/count)), money.NewDecimal(amount, -2)})
	}
	return append(flows, cashFlow{to, money.NewDecimal(2*total, -2)})
}

// BenchmarkRatioXIRR is the internal rate of return of 10,000 flows, proved to be the only one, against one read of them.
func BenchmarkRatioXIRR(b *testing.B) {
	flows := benchFlows()
	whole, floor := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	sum := int64(0)
	for b.Loop() {
		begun := time.Now()
		sum += readFlows(flows)
		floor = min(floor, time.Since(begun))
		begun = time.Now()
		got := xirr(flows, nil)
		whole = min(whole, time.Since(begun))
		if got.Status != XIRROk {
			b.Fatal(got)
		}
	}
	if sum == 0 {
		b.Fatal("nothing read")
	}
	b.ReportMetric(float64(whole)/float64(floor), "x-floor")
	b.ReportMetric(float64(floor.Nanoseconds())/1000, "floor-us")
	b.ReportMetric(float64(whole.Nanoseconds())/1000, "xirr-us")
}

// readFlows is the floor: a loop of a benchmark itself would not be inlined into.
func readFlows(flows []cashFlow) (sum int64) {
	for i := range flows {
		n, _, _ := flows[i].amount.Narrow()
		sum += n + int64(flows[i].date)
	}
	return sum
}
