package figures

import (
	"fmt"
	"math"
	"strings"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// rateFigure is a figure in doubles. Its steps are built from the very days, flows and closes that it was worked out from.
type rateFigure struct {
	name    string
	explain func(*trail) trailStep
}

func rateFigures() []rateFigure {
	return append([]rateFigure{
		{"returns.twr", (*trail).twr},
		{"returns.twr_annualised", (*trail).annualised},
		{"returns.xirr", (*trail).xirr},
		{"returns.benchmark_twr", (*trail).benchmarkTWR},
		{"returns.excess", (*trail).excess},
	}, riskFigures()...)
}

// float is a rate of the output, not a number where there is none.
func float(f *Float) float64 {
	if f == nil {
		return math.NaN()
	}
	return float64(*f)
}

const (
	noteTWR        = "Chain of the days: (value at the end + taken out) / (value before + paid in) − 1, money paid in counts from the start of its day, money taken out to its end. Days without flows between are drawn together here."
	noteAnnualised = "(1 + twr)^(365 / days) − 1; not worked out for periods under 365 days."
	noteBenchmark  = "From the last close before the period, else the one on its first day, to the last one within it."
	noteExcess     = "Time-weighted return less the benchmark's."
)

// unknownRate is a rate that can't be known, with the first value or flow that is missing for it.
func (t *trail) unknownRate(label, note string) trailStep {
	s := rateStep(label, OpChain, math.NaN(), unitRate).with(note + " It can't be known here: the problems say why.")
	s.below = func() []trailStep {
		if len(t.days) == 0 {
			return nil
		}
		if !t.start.IsKnown() {
			return []trailStep{t.worthOn(t.period.from - 1)}
		}
		for i := range t.days {
			if d := &t.days[i]; !d.value.IsKnown() || !d.in.IsKnown() || !d.out.IsKnown() {
				return []trailStep{t.dayEnd(i), t.dayStart(i)}
			}
		}
		return nil
	}
	return s
}

// worthOn is the value at the end of a day, with the day's positions, prices and rates below it.
func (t *trail) worthOn(on market.Date) trailStep {
	known := t.start
	if on >= t.period.from {
		known = t.days[on-t.period.from].value
	}
	s := decimalStep(known)
	s.Label, s.Operation, s.Unit = fmt.Sprintf("value at the end of %s", on), OpSum, string(t.base)
	s = s.on(on)
	s.below = func() []trailStep { return t.amount(t.valueOn(on), "", "").inputs() }
	return s
}

// inputs are a step's inputs, or the step itself where it has none.
func (s trailStep) inputs() []trailStep {
	if s.below != nil && s.Operation == OpSum {
		return s.below()
	}
	return []trailStep{s}
}

// dayEnd is value + what was taken out, at the end of the i-th day.
func (t *trail) dayEnd(i int) trailStep {
	d := &t.days[i]
	return t.with(t.worthOn(d.date), d.value, d.out, "taken out", d.date)
}

// dayStart is value + what was paid in, at the start of the i-th day.
func (t *trail) dayStart(i int) trailStep {
	before := t.start
	if i > 0 {
		before = t.days[i-1].value
	}
	d := &t.days[i]
	return t.with(t.worthOn(d.date-1), before, d.in, "paid in", d.date)
}

func (t *trail) with(value trailStep, worth, flow money.Maybe, kind string, on market.Date) trailStep {
	if x, ok := flow.Get(); ok && x.IsZero() {
		return value
	}
	s := decimalStep(worth.Add(flow))
	s.Label, s.Operation, s.Unit = value.Label+" and "+kind, OpSum, string(t.base)
	s.below = func() []trailStep {
		return []trailStep{value, t.under(flow, fmt.Sprintf("%s on %s", kind, on), string(t.base)).on(on)}
	}
	return s
}

// links are the days' returns, as run chained them.
func (t *trail) links() []dayReturn { return chain(t.start, t.days, new(problems)) }

// stretch is days in a row without a flow between them.
type stretch struct{ first, last int }

// stretches are the parts of a period that a chain of days is the chain of. Days on which nothing was invested count as 0 and
// are left out.
func (t *trail) stretches(through int) []stretch {
	var all []stretch
	open := false
	start := t.start
	for i := range t.days[:through] {
		d := &t.days[i]
		before := start.Add(d.in).Or(money.Zero)
		start = d.value
		if before.Sign() <= 0 {
			open = false
			continue
		}
		if !open || !d.in.Or(money.Zero).IsZero() {
			all = append(all, stretch{i, i})
		}
		all[len(all)-1].last = i
		open = d.out.Or(money.Zero).IsZero()
	}
	return all
}

// chained is the return of the first days of a period.
func (t *trail) chained(label string, through int, value float64) trailStep {
	s := rateStep(label, OpChain, value, unitRate)
	s.below = func() []trailStep {
		var below []trailStep
		for _, part := range t.stretches(through) {
			end, start := t.dayEnd(part.last), t.dayStart(part.first)
			label := fmt.Sprintf("%s to %s", t.days[part.first].date, t.days[part.last].date)
			if part.first == part.last {
				label = t.days[part.first].date.String()
			}
			below = append(below, rateStep(label, OpGrowth, growth(end.number, start.number), unitRate, end, start).on(t.days[part.last].date))
		}
		return below
	}
	return s
}

func growth(after, before float64) float64 {
	if after == before {
		return 0
	}
	return after/before - 1
}

func (t *trail) twr() trailStep {
	const label = "time-weighted return"
	if t.out.Returns.TWR == nil {
		return t.unknownRate(label, noteTWR)
	}
	return t.chained(label, len(t.days), float(t.out.Returns.TWR)).with(noteTWR)
}

func (t *trail) annualised() trailStep {
	value := float(t.out.Returns.TWRAnnualised)
	note := noteAnnualised
	if t.out.Returns.TWR != nil && math.IsNaN(value) {
		note += fmt.Sprintf(" This one has %d days.", t.period.days())
	}
	return rateStep("time-weighted return a year", OpPower, value, unitRate, t.twr(),
		constant("days of a year", daysPerYear, "days"), constant("days of the period", float64(t.period.days()), "days")).with(note)
}

func (t *trail) excess() trailStep {
	return rateStep("excess return", OpDifference, float(t.out.Returns.Excess), unitRate, t.twr(), t.benchmarkTWR()).with(noteExcess)
}

func (t *trail) benchmarkTWR() trailStep {
	s := rateStep("benchmark's return", OpGrowth, float(t.out.Returns.BenchmarkTWR), unitRate).with(noteBenchmark)
	b := t.period.benchmark
	if b == nil {
		return s.with("There is no benchmark.")
	}
	first := t.period.from - 1
	if _, _, ok := b.At(first); !ok {
		first = t.period.from
	}
	s.below = func() []trailStep { return []trailStep{t.benchmarkOn(t.period.to), t.benchmarkOn(first)} }
	return s
}

// benchmarkOn is the benchmark's last close up to a day.
func (t *trail) benchmarkOn(on market.Date) trailStep {
	x, day, ok := t.period.benchmark.At(on)
	if !ok {
		s := decimalStep(money.Unknown)
		s.Label, s.Operation = fmt.Sprintf("no close of the benchmark on or before %s", on), OpInput
		return s
	}
	s := decimalStep(money.Known(x))
	s.Label, s.Operation, s.Unit = "close of the benchmark", OpInput, string(t.base)
	s.Source = &Source{Kind: SourceBenchmark, Date: &day}
	return s.on(day)
}

// xirr is the rate at which all flows are worth nothing on the first day.
func (t *trail) xirr() trailStep {
	r := t.out.Returns.XIRR
	note := "The rate r with Σ flow · (1 + r)^(−days/365) = 0, days from the first flow: what was paid in is negative, what was taken out positive; the opening value is paid in on the first day, the closing value taken out on the last. "
	below := t.rootFlows()
	switch r.Status {
	case XIRROk:
		note += "There is one such rate above −100 %."
	case XIRRSeveral:
		roots := make([]string, len(r.Roots))
		for i, root := range r.Roots {
			roots[i] = plain(float64(root))
		}
		note += fmt.Sprintf("There are %d such rates: %s; this is the one nearest the Modified Dietz rate per year.", len(roots), strings.Join(roots, ", "))
	case XIRRNone:
		note += "There is no such rate."
	default:
		note += "It means nothing here: fewer than two flows, all of one sign or all on one day, or a value or a flow that can't be known."
	}
	value := float(r.Rate)
	if !math.IsNaN(value) {
		note += fmt.Sprintf(" At the rate shown the sum is %.2g.", presentValue(below, value))
	}
	s := rateStep("internal rate of return", OpRoot, value, unitRate, below...).with(note)
	return s
}

// presentValue is Σ flow · (1 + r)^(−days/365).
func presentValue(flows []trailStep, r float64) float64 {
	sum := 0.0
	for _, f := range flows {
		sum += f.number * math.Pow(1+r, -float64(*f.Date-*flows[0].Date)/daysPerYear)
	}
	return sum
}

// rootFlows are the flows of the internal rate of return, rising by day, those of 0 left out.
func (t *trail) rootFlows() []trailStep {
	unit := string(t.base)
	var below []trailStep
	add := func(x money.Maybe, label string, on market.Date) {
		if n, ok := x.Get(); ok && n.IsZero() {
			return
		}
		below = append(below, t.under(x, fmt.Sprintf(label, on), unit).on(on))
	}
	if t.loose != nil {
		for _, f := range t.loose {
			add(t.recorder.Input(f.amount, money.Label{What: "flow", From: &Source{Kind: SourceFlow, Date: &f.date}}), "flow of %s", f.date)
		}
		return below
	}
	add(t.start.Neg(), "opening value, paid in on %s", t.period.from)
	for _, f := range t.flows {
		add(f.out.Sub(f.in), "flows of %s", f.date)
	}
	add(t.out.Totals.Value, "closing value, taken out on %s", t.period.to)
	return below
}
