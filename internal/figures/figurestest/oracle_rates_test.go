package figurestest

import (
	"math"
	"math/big"
)

// noiseMax is a deviation a year whose ratios have no nine digits in doubles: a day's growth is rounded by 1e-16.
const noiseMax = 1e-5

// rates are doubles, and the two quotients that aren't. nil is what can't be said.
type rates struct {
	twr, annualised, benchmark, excess         *float64
	modifiedDietz, simple                      fraction
	volatility, semiDeviation, sharpe, sortino *float64
	beta, alpha, trackingError                 *float64
	maxDrawdown                                *float64
	maxDrawdownDays, longestDays               int
	cash                                       map[day]fraction // of the internal rate of return; nil where one can't be known
	level                                      bool             // so near a peak or a low that rounding says whether it is one
	noise                                      bool             // a divisor that is nothing but the rounding of doubles
	doubtful                                   bool             // a logarithm of nothing, or a level that rounding decides
}

func double(x fraction) float64 {
	f, _ := x.Float64()
	return f
}

func at(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// work works out returns, risk and the rates of the series from the days alone.
func (out *answer) work(c *caseFile, start fraction) {
	r := &out.rates
	count := int(out.to-out.from) + 1
	var logs []float64 // of trading days
	var tradingDays []day
	index, previous, knowable := 1.0, start, true
	levels := []float64{1}
	for i := range out.days {
		d := &out.days[i]
		opened := plus(previous, d.in)
		closed := plus(d.value, d.out)
		previous = d.value
		if opened == nil || closed == nil || opened.Sign() < 0 {
			knowable = false
		}
		if !knowable {
			continue
		}
		if out.inexact && opened.Sign() != 0 && near(opened, whole(0), out.scale) {
			r.doubtful = true
		}
		daily := 1.0
		if opened.Sign() > 0 {
			daily = double(per(closed, opened))
		}
		if daily <= 0 {
			r.doubtful = true
		}
		index *= daily
		levels = append(levels, index)
		d.twr = at(index - 1)
		// A day with nothing invested counts as 0 in the chain; as a return to measure risk by it doesn't.
		if d.priced && opened.Sign() > 0 {
			logs, tradingDays = append(logs, math.Log(daily)), append(tradingDays, d.on)
		}
	}
	out.quotients(count, start)
	if c.Benchmark != nil {
		r.benchmark = benchmark(c.Benchmark.Closes, out.from, out.to)
	}
	out.falls(levels)
	if !knowable {
		r.maxDrawdown = nil
		return
	}
	r.twr = at(index - 1)
	if count >= 365 {
		r.annualised = at(math.Pow(index, 365/float64(count)) - 1)
	}
	if r.benchmark != nil {
		r.excess = at(*r.twr - *r.benchmark)
	}
	out.risks(c, logs, tradingDays)
}

// quotients are Modified Dietz and the simple rate, and the flows of the internal rate of return.
func (out *answer) quotients(count int, start fraction) {
	r := &out.rates
	profit := out.totals["profit"]
	weighted := start
	end := out.totals["value"]
	r.cash = map[day]fraction{}
	pay := func(on day, amount fraction) {
		if r.cash == nil || amount == nil {
			r.cash = nil
			return
		}
		if r.cash[on] == nil {
			r.cash[on] = whole(0)
		}
		r.cash[on] = plus(r.cash[on], amount)
	}
	pay(out.from, negated(start))
	pay(out.to, end)
	for _, d := range out.days {
		left := big.NewRat(int64(out.to-d.on), int64(count))
		weighted = plus(weighted, times(d.in, plus(left, big.NewRat(1, int64(count)))), negated(times(d.out, left)))
		pay(d.on, minus(d.out, d.in))
	}
	if weighted != nil && weighted.Sign() > 0 {
		r.modifiedDietz = per(profit, weighted)
	}
	if put := plus(start, out.totals["paid_in"]); put != nil && put.Sign() != 0 {
		r.simple = per(profit, put)
	}
}

func benchmark(s series, from, to day) *float64 {
	first, _ := latest(s, from-1)
	if first == nil {
		if text, ok := s[from]; ok {
			first = number(text)
		}
	}
	last, _ := latest(s, to)
	if first == nil || last == nil || first.Sign() == 0 {
		return nil
	}
	return at(double(per(last, first)) - 1)
}

// falls are the drawdowns of an index that stands at 1 on the day before the period.
func (out *answer) falls(levels []float64) {
	r := &out.rates
	peak, peakAt, worst, below := levels[0], 0, 0.0, false
	for i, level := range levels {
		if level != peak && math.Abs(level/peak-1) < 1e-9 {
			r.level = true
		}
		if below || level < peak {
			r.longestDays = max(r.longestDays, i-peakAt)
		}
		if level > peak || level == peak && below {
			peak, peakAt = level, i
		}
		below = level < peak
		fall := 1 - level/peak
		if i > 0 {
			out.days[i-1].drawdown = at(fall)
		}
		if fall != worst && math.Abs(fall-worst) < 1e-9 {
			r.level = true
		}
		if fall > worst {
			worst, r.maxDrawdownDays = fall, i-peakAt
		}
	}
	r.maxDrawdown = at(worst)
}

func mean(all []float64) float64 {
	sum := 0.0
	for _, x := range all {
		sum += x
	}
	return sum / float64(len(all))
}

// spread is the root of the squares of what counts of the deviations from a level, over n.
func spread(all []float64, from float64, counts func(float64) bool, n float64) float64 {
	sum := 0.0
	for _, x := range all {
		if counts(x - from) {
			sum += (x - from) * (x - from)
		}
	}
	return math.Sqrt(sum/n) * math.Sqrt(252)
}

func (out *answer) risks(c *caseFile, logs []float64, on []day) {
	r := &out.rates
	if len(logs) < 2 {
		return
	}
	n := float64(len(logs))
	always := func(float64) bool { return true }
	below := func(x float64) bool { return x < 0 }
	free := double(number(c.RiskFree))
	deviation := spread(logs, mean(logs), always, n-1)
	r.volatility = at(deviation)
	r.semiDeviation = at(spread(logs, mean(logs), below, n-1))
	if r.annualised != nil {
		r.noise = deviation > 0 && deviation < noiseMax
		if deviation > 0 {
			r.sharpe = at((*r.annualised - free) / deviation)
		}
		if down := spread(logs, math.Log(1+free)/252, below, n); down > 0 {
			r.noise = r.noise || down < noiseMax
			r.sortino = at((*r.annualised - free) / down)
		}
	}
	if c.Benchmark == nil {
		return
	}
	var own, its, apart []float64
	for i, d := range on {
		now, _ := latest(c.Benchmark.Closes, d)
		before, _ := latest(c.Benchmark.Closes, d-1)
		if now == nil || before == nil || now.Sign() == 0 || before.Sign() == 0 {
			continue
		}
		own, its = append(own, logs[i]), append(its, math.Log(double(per(now, before))))
		apart = append(apart, own[len(own)-1]-its[len(its)-1])
	}
	if len(own) < 2 {
		return
	}
	r.trackingError = at(spread(apart, mean(apart), always, float64(len(own))-1))
	var joint, square float64
	for i := range own {
		joint += (own[i] - mean(own)) * (its[i] - mean(its))
		square += (its[i] - mean(its)) * (its[i] - mean(its))
	}
	if square > 0 {
		r.beta = at(joint / square)
		r.alpha = at((mean(own) - joint/square*mean(its)) * 252)
	}
}
