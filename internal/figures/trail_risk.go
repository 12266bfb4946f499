package figures

import (
	"fmt"
	"math"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

func riskFigures() []rateFigure {
	return []rateFigure{
		{"risk.volatility", func(t *trail) trailStep {
			return t.yearly("volatility", OpDeviation, float(t.out.Risk.Volatility), noteVolatility)
		}},
		{"risk.semi_deviation", func(t *trail) trailStep {
			return t.yearly("semi-deviation", OpSemiDeviation, float(t.out.Risk.SemiDeviation), noteSemiDeviation)
		}},
		{"risk.max_drawdown", (*trail).maxDrawdown},
		{"risk.max_drawdown_days", (*trail).maxDrawdownDays},
		{"risk.longest_drawdown_days", (*trail).longestDrawdownDays},
		{"risk.sharpe", (*trail).sharpe},
		{"risk.sortino", (*trail).sortino},
		{"risk.beta", (*trail).beta},
		{"risk.alpha", (*trail).alpha},
		{"risk.tracking_error", (*trail).trackingError},
	}
}

const (
	noteVolatility    = "Sample standard deviation of the daily log returns, trading days only, times √252."
	noteSemiDeviation = "Like volatility, but only the returns below the mean are squared; the divisor is still all of them less one."
	noteDrawdown      = "The largest fall of the time-weighted index from an earlier peak, as a positive share of that peak. The index stands at 1 on the day before the period."
	noteDrawdownDays  = "Days from the peak before the largest fall to its low."
	noteLongest       = "Days of the longest stay below a peak, until it is reached again or to the end of the period."
	noteSharpe        = "(Time-weighted return a year − risk-free rate) / volatility; only for periods of a year and longer."
	noteSortino       = "(Time-weighted return a year − risk-free rate) / downside deviation: only returns below the risk-free rate of a day, ln(1 + rate) / 252, count in it."
	noteBeta          = "Least squares slope of the daily log returns on the benchmark's, trading days only."
	noteAlpha         = "Intercept of that line, times 252."
	noteTracking      = "Sample standard deviation of the daily differences of the log returns from the benchmark's, times √252."
)

// tradingReturns are the days that count for risk: the link of each and its day's place.
func (t *trail) tradingReturns() (days []int, links []dayReturn) {
	links = t.links()
	for i := range links {
		if links[i].counts {
			days = append(days, i)
		}
	}
	return days, links
}

// logReturns are the daily log returns of trading days.
func (t *trail) logReturns() []trailStep {
	days, links := t.tradingReturns()
	below := make([]trailStep, len(days))
	for n, i := range days {
		below[n] = t.logReturn(i, links[i].growth)
	}
	return below
}

func (t *trail) logReturn(i int, growth float64) trailStep {
	s := rateStep("return of "+t.days[i].date.String(), OpLogGrowth, math.Log(growth), unitRate).on(t.days[i].date)
	s.below = func() []trailStep { return []trailStep{t.dayEnd(i), t.dayStart(i)} }
	return s
}

// whyNoRisk says what is missing for a figure of risk that there is none of.
func (t *trail) whyNoRisk(s trailStep, value float64) trailStep {
	if !math.IsNaN(value) {
		return s
	}
	days, links := t.tradingReturns()
	switch {
	case len(links) == 0 || links[len(links)-1].unknown:
		return t.unknownRate(s.Label, s.Note)
	case len(days) < 2:
		s.Note += fmt.Sprintf(" There are fewer than two trading days with money invested: %d.", len(days))
	default:
		s.Note += " One of its parts is 0 or can't be known."
	}
	return s
}

func rootOfDays() trailStep {
	return constant("√252, trading days of a year", math.Sqrt(tradingDaysPerYear), "")
}

// yearly is a deviation of the daily returns, of a year.
func (t *trail) yearly(label string, operation Operation, value float64, note string) trailStep {
	returns := t.logReturns()
	s := rateStep(label, OpProduct, value, unitRate, t.deviation(label+" of a day", operation, returns), rootOfDays()).with(note)
	return t.whyNoRisk(s, value)
}

// deviation is one of the deviations of numbers, with the mean and the sum of squares beside it.
func (t *trail) deviation(label string, operation Operation, returns []trailStep) trailStep {
	xs := numbers(returns)
	mean := average(xs)
	sum := squares(xs, mean)
	if operation == OpSemiDeviation {
		sum = 0
		for _, x := range xs {
			if x < mean {
				sum += (x - mean) * (x - mean)
			}
		}
	}
	value := math.NaN()
	if len(xs) > 1 && !math.IsInf(mean, 0) && !math.IsNaN(mean) {
		value = math.Sqrt(sum / float64(len(xs)-1))
	}
	return rateStep(label, operation, value, unitRate, returns...).
		with(fmt.Sprintf("%d returns, mean %s, sum of squares %s", len(xs), plain(mean), plain(sum)))
}

func numbers(steps []trailStep) []float64 {
	xs := make([]float64, len(steps))
	for i, s := range steps {
		xs[i] = s.number
	}
	return xs
}

func (t *trail) maxDrawdown() trailStep {
	value := float(t.out.Risk.MaxDrawdown)
	s := rateStep("largest drawdown", OpNegation, value, unitRate).with(noteDrawdown)
	if math.IsNaN(value) {
		return t.whyNoRisk(s, value)
	}
	deepest, _ := t.falls()
	if deepest == nil {
		s.Operation = OpSum
		return s.with(noteDrawdown + " It never fell below a peak.")
	}
	s.Note += fmt.Sprintf(" Peak on %s, low on %s.", deepest.From, deepest.Low)
	s.below = func() []trailStep {
		low, peak := t.indexOn(deepest.Low), t.indexOn(deepest.From)
		return []trailStep{rateStep(fmt.Sprintf("%s to %s", deepest.From, deepest.Low), OpGrowth, growth(low.number, peak.number), unitRate, low, peak)}
	}
	return s
}

// falls are the deepest and the longest of the period's falls, nil where there was none.
func (t *trail) falls() (deep, long *DrawdownPeriod) {
	periods := drawdowns(t.links(), t.period.from).periods
	for i := range periods {
		p := &periods[i]
		if deep == nil || p.Depth > deep.Depth*(1+levelSlack) {
			deep = p
		}
		if long == nil || p.Days > long.Days {
			long = p
		}
	}
	return deep, long
}

// indexOn is the time-weighted index at the end of a day.
func (t *trail) indexOn(on market.Date) trailStep {
	if on < t.period.from {
		return constant("index before the period", 1, "").on(on)
	}
	i := int(on - t.period.from)
	level := t.links()[i].index
	return rateStep("index on "+on.String(), OpSum, level, "",
		constant("index before the period", 1, ""), t.chained("return since "+t.period.from.String(), i+1, level-1)).on(on)
}

func (t *trail) maxDrawdownDays() trailStep {
	deep, _ := t.falls()
	return t.between("days of the largest drawdown", t.out.Risk.MaxDrawdownDays, noteDrawdownDays, deep, func(p *DrawdownPeriod) market.Date { return p.Low })
}

func (t *trail) longestDrawdownDays() trailStep {
	_, long := t.falls()
	return t.between("days of the longest drawdown", t.out.Risk.LongestDrawdownDays, noteLongest, long, func(p *DrawdownPeriod) market.Date {
		return p.From + market.Date(p.Days)
	})
}

// between is the days from a fall's peak to another day of it.
func (t *trail) between(label string, value *money.Decimal, note string, p *DrawdownPeriod, end func(*DrawdownPeriod) market.Date) trailStep {
	s := decimalStep(money.FromPointer(value))
	s.Label, s.Unit, s.Operation, s.Note = label, "days", OpDifference, note
	s.below = func() []trailStep { return nil }
	switch {
	case value == nil:
		return t.whyNoRisk(s, math.NaN())
	case p == nil:
		s.Operation = OpSum
		s.Note += " It never fell below a peak."
		return s
	}
	day := func(on market.Date) trailStep {
		return constant(fmt.Sprintf("%s, day of the period", on), float64(on-t.period.from)+1, "days").on(on)
	}
	s.below = func() []trailStep { return []trailStep{day(end(p)), day(p.From)} }
	return s
}

// riskFree is the setting.
func (t *trail) riskFree() trailStep {
	s := constant("risk-free rate", t.period.riskFree, unitRate)
	s.Source = &Source{Kind: SourceSetting, Name: "risk_free_rate"}
	return s
}

// overRiskFree is what the year brought beyond the risk-free rate.
func (t *trail) overRiskFree() trailStep {
	year := t.annualised()
	return rateStep("return a year beyond the risk-free rate", OpDifference, year.number-t.period.riskFree, unitRate, year, t.riskFree())
}

func (t *trail) sharpe() trailStep {
	value := float(t.out.Risk.Sharpe)
	volatility := t.yearly("volatility", OpDeviation, float(t.out.Risk.Volatility), noteVolatility)
	return t.whyNoRisk(rateStep("Sharpe ratio", OpQuotient, value, "", t.overRiskFree(), volatility).with(noteSharpe), value)
}

func (t *trail) sortino() trailStep {
	value := float(t.out.Risk.Sortino)
	returns := t.logReturns()
	target := math.Log1p(t.period.riskFree) / tradingDaysPerYear
	short := 0.0
	for _, x := range numbers(returns) {
		short += math.Pow(min(0, x-target), 2)
	}
	daily := math.Sqrt(short / float64(len(returns)))
	of := append([]trailStep{constant("risk-free rate of a day", target, unitRate)}, returns...)
	downside := rateStep("downside deviation", OpProduct, daily*math.Sqrt(tradingDaysPerYear), unitRate,
		rateStep("downside deviation of a day", OpDownside, daily, unitRate, of...), rootOfDays())
	return t.whyNoRisk(rateStep("Sortino ratio", OpQuotient, value, "", t.overRiskFree(), downside).with(noteSortino), value)
}

// pairs are the returns of the days on which the benchmark's is known too, and the benchmark's of the same days.
func (t *trail) pairs() (own, theirs []trailStep) {
	if t.period.benchmark == nil {
		return nil, nil
	}
	days, links := t.tradingReturns()
	for _, i := range days {
		on := t.days[i].date
		b := benchmarkReturn(t.period.benchmark, on)
		mine := t.logReturn(i, links[i].growth)
		if math.IsNaN(b) || math.IsInf(mine.number, 0) {
			continue
		}
		s := rateStep("benchmark's return of "+on.String(), OpLogGrowth, b, unitRate).on(on)
		s.below = func() []trailStep { return []trailStep{t.benchmarkOn(on), t.benchmarkOn(on - 1)} }
		own, theirs = append(own, mine), append(theirs, s)
	}
	return own, theirs
}

func seriesOf(label string, of []trailStep) trailStep {
	return rateStep(label, OpSeries, float64(len(of)), "", of...)
}

func (t *trail) noBenchmark(s trailStep, value float64) trailStep {
	if t.period.benchmark == nil {
		s.Note += " There is no benchmark."
		return s
	}
	return t.whyNoRisk(s, value)
}

func (t *trail) beta() trailStep {
	value := float(t.out.Risk.Beta)
	own, theirs := t.pairs()
	return t.noBenchmark(rateStep("beta", OpRegression, value, "", seriesOf("daily returns", own), seriesOf("benchmark's daily returns", theirs)).with(noteBeta), value)
}

func (t *trail) alpha() trailStep {
	value := float(t.out.Risk.Alpha)
	own, theirs := t.pairs()
	beta := float(t.out.Risk.Beta)
	mine, others := average(numbers(own)), average(numbers(theirs))
	mean := func(label string, x float64, of []trailStep) trailStep {
		return rateStep(label, OpMean, x, unitRate, of...)
	}
	follows := rateStep("what beta explains", OpProduct, beta*others, unitRate, t.beta(), mean("mean of the benchmark's daily returns", others, theirs))
	intercept := rateStep("intercept", OpDifference, mine-beta*others, unitRate, mean("mean of the daily returns", mine, own), follows)
	return t.noBenchmark(rateStep("alpha", OpProduct, value, unitRate, intercept, constant("trading days of a year", tradingDaysPerYear, "days")).with(noteAlpha), value)
}

func (t *trail) trackingError() trailStep {
	value := float(t.out.Risk.TrackingError)
	own, theirs := t.pairs()
	apart := make([]trailStep, len(own))
	for i := range own {
		apart[i] = rateStep("difference of "+own[i].Date.String(), OpDifference, own[i].number-theirs[i].number, unitRate, own[i], theirs[i]).on(*own[i].Date)
	}
	s := rateStep("tracking error", OpProduct, value, unitRate, t.deviation("deviation of the differences", OpDeviation, apart), rootOfDays()).with(noteTracking)
	return t.noBenchmark(s, value)
}
