package figures

import (
	"math"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

const tradingDaysPerYear = 252

// risk works out how unevenly the period went. links must be known to the end, else every figure but none is given.
func risk(links []dayReturn, from market.Date, annualised *Float, riskFree float64, benchmark *market.Series) Risk {
	var r Risk
	if len(links) == 0 || links[len(links)-1].unknown {
		return r
	}
	d := drawdowns(links, from)
	maxDays, longest := money.NewDecimal(int64(d.maxDays), 0), money.NewDecimal(int64(d.longestDays), 0)
	r.MaxDrawdown, r.MaxDrawdownDays, r.LongestDrawdownDays = rated(d.max), &maxDays, &longest

	var own, theirs []float64
	for _, link := range links {
		if !link.counts {
			continue
		}
		own = append(own, math.Log(link.growth))
		if benchmark != nil {
			theirs = append(theirs, benchmarkReturn(benchmark, link.date))
		}
	}
	if len(own) < 2 {
		return r
	}
	n := float64(len(own))
	mean := average(own)
	volatility := math.Sqrt(squares(own, mean)/(n-1)) * math.Sqrt(tradingDaysPerYear)
	below, short := 0.0, 0.0
	target := math.Log1p(riskFree) / tradingDaysPerYear
	for _, x := range own {
		if x < mean {
			below += (x - mean) * (x - mean)
		}
		if x < target {
			short += (x - target) * (x - target)
		}
	}
	r.Volatility = rated(volatility)
	if !math.IsInf(mean, 0) && !math.IsNaN(mean) { // after a loss of all or more nothing is below the mean, which is no deviation of 0
		r.SemiDeviation = rated(math.Sqrt(below/(n-1)) * math.Sqrt(tradingDaysPerYear))
	}
	if annualised != nil {
		excess := float64(*annualised) - riskFree
		if volatility > 0 {
			r.Sharpe = rated(excess / volatility)
		}
		if downside := math.Sqrt(short/n) * math.Sqrt(tradingDaysPerYear); downside > 0 {
			r.Sortino = rated(excess / downside)
		}
	}
	if benchmark != nil {
		regress(&r, own, theirs)
	}
	return r
}

func average(xs []float64) float64 {
	sum := 0.0
	for _, x := range xs {
		sum += x
	}
	return sum / float64(len(xs))
}

// squares is the sum of squared distances from a middle.
func squares(xs []float64, middle float64) float64 {
	sum := 0.0
	for _, x := range xs {
		sum += (x - middle) * (x - middle)
	}
	return sum
}

// benchmarkReturn is the benchmark's log return of a day, its closes carried; not a number before its first close.
func benchmarkReturn(s *market.Series, on market.Date) float64 {
	after, _, ok := s.At(on)
	before, _, ok2 := s.At(on - 1)
	if !ok || !ok2 || before.Sign() <= 0 || after.Sign() <= 0 {
		return math.NaN()
	}
	return math.Log(after.Float64() / before.Float64())
}

// regress is least squares of daily returns on the benchmark's, over the days on which both are known.
func regress(r *Risk, own, theirs []float64) {
	var x, y, apart []float64
	for i, b := range theirs {
		if !math.IsNaN(b) && !math.IsInf(own[i], 0) {
			x, y, apart = append(x, b), append(y, own[i]), append(apart, own[i]-b)
		}
	}
	if len(x) < 2 {
		return
	}
	mx, my := average(x), average(y)
	both := 0.0
	for i := range x {
		both += (x[i] - mx) * (y[i] - my)
	}
	if spread := squares(x, mx); spread > 0 {
		beta := both / spread
		r.Beta, r.Alpha = rated(beta), rated((my-beta*mx)*tradingDaysPerYear)
	}
	r.TrackingError = rated(math.Sqrt(squares(apart, average(apart))/float64(len(apart)-1)) * math.Sqrt(tradingDaysPerYear))
}

// benchmarkTWR is from the last close before from, else the close on it, to the last close up to to.
func benchmarkTWR(s *market.Series, from, to market.Date) *Float {
	if s == nil {
		return nil
	}
	first, _, ok := s.At(from - 1)
	if !ok {
		first, _, ok = s.At(from)
	}
	last, _, ok2 := s.At(to)
	if !ok || !ok2 || first.Sign() <= 0 {
		return nil
	}
	return rated(last.Float64()/first.Float64() - 1)
}
