package figures

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

type fataler interface{ Fatalf(string, ...any) }

// verifier works every step of a trail out again and looks every input up where it says it comes from.
type verifier struct {
	t       fataler
	trail   *trail
	entries map[string]entry
	seen    map[*money.Trail]bool
	doubles int // steps in doubles that were checked
	exact   int // steps in decimals
	inputs  int
}

func newVerifier(t fataler, tr *trail, entries []entry) *verifier {
	v := &verifier{t: t, trail: tr, entries: map[string]entry{}, seen: map[*money.Trail]bool{}}
	for _, e := range entries {
		v.entries[e.name()] = e
	}
	return v
}

// recorded checks what arithmetic recorded: each step once, however many share it.
func (v *verifier) recorded(at *money.Trail) {
	stack := []*money.Trail{at}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if at == nil || v.seen[at] {
			continue
		}
		v.seen[at] = true
		operation, inputs := at.Step()
		values := make([]money.Maybe, len(inputs))
		for i, in := range inputs {
			stack = append(stack, in.Trail)
			if values[i] = in.Value(); in.Negated {
				values[i] = values[i].Neg()
			}
		}
		if operation == money.OperationInput {
			v.input(at)
			continue
		}
		v.exact++
		got, want := exactly(Operation(operation), values), at.Value()
		if got.IsKnown() != want.IsKnown() || !got.Or(money.Zero).Equal(want.Or(money.Zero)) {
			v.t.Fatalf("%s: the %s of %v is %s, not %s", v.trail.label(at), operation, values, got, want)
		}
	}
}

func exactly(operation Operation, xs []money.Maybe) money.Maybe {
	result := money.Known(money.Zero)
	switch operation {
	case OpShare:
		return xs[0].Share(xs[1].Or(money.Zero), xs[2].Or(money.One))
	case OpProduct:
		result = money.Known(money.One)
	}
	for i, x := range xs {
		switch {
		case operation == OpSum:
			result = result.Add(x)
		case operation == OpProduct:
			result = result.Mul(x)
		case operation == OpNegation:
			result = x.Neg()
		case i == 0:
			result = x
		case operation == OpQuotient:
			result = result.Quo(x)
		default:
			result = result.Sub(x)
		}
	}
	return result
}

// input looks an input up.
func (v *verifier) input(at *money.Trail) {
	source, ok := at.Label().From.(*Source)
	if !ok {
		return
	}
	v.inputs++
	got := at.Value()
	want := money.Unknown
	switch source.Kind {
	case SourceActivity:
		e, ok := v.entries[source.ID]
		if !ok {
			v.t.Fatalf("there is no activity %q", source.ID)
		}
		if e.Date != *source.Date {
			v.t.Fatalf("%s is of %s, not of %s", source.ID, e.Date, source.Date)
		}
		fields := map[string]*money.Decimal{
			"quantity": e.Quantity, "price": e.Price, "amount": e.Amount, "fee": &e.Fee, "tax": &e.Tax, "fx_rate": e.FXRate, "to_amount": e.ToAmount,
			"cost_share": e.CostShare,
		}
		if e.Ratio != nil && source.Field == "ratio" {
			if x := got.Or(money.Zero); !x.Equal(e.Ratio.New) && !x.Equal(e.Ratio.Old) {
				v.t.Fatalf("%s is neither side of the ratio of %s", x, source.ID)
			}
			return
		}
		if source.Field == "" {
			return
		}
		want = money.FromPointer(fields[source.Field])
	case SourcePrice:
		want = closeOf(v.trail.keeper.prices.series[market.InstrumentID(source.Symbol)], source.Date)
	case SourceRate:
		switch r := v.trail.keeperRates().(type) {
		case *caseRates:
			want = closeOf(r.series[source.Currency], source.Date)
		case *crossRates:
			want = closeOf(r.series(source.Currency), source.Date)
		}
	default:
		return
	}
	if got.IsKnown() != want.IsKnown() || !got.Or(money.Zero).Equal(want.Or(money.Zero)) {
		v.t.Fatalf("%s is %s, not %s as %+v says", v.trail.label(at), got, want, *source)
	}
}

func (t *trail) keeperRates() rateSource {
	if t.keeper == nil {
		return nil
	}
	return t.keeper.rates
}

// closeOf is the close of that very day, unknown without one.
func closeOf(s *market.Series, on *market.Date) money.Maybe {
	if s == nil || on == nil {
		return money.Unknown
	}
	x, day, ok := s.At(*on)
	if !ok || day != *on {
		return money.Unknown
	}
	return money.Known(x)
}

// step checks a step and so many of those below it; long lists are looked at from both ends.
func (v *verifier) step(s trailStep, left int) {
	if s.below == nil {
		return
	}
	below := s.below()
	v.doubles++
	v.again(s, below)
	if left <= 0 {
		return
	}
	const ends = 6
	for i, in := range below {
		if i < ends || i >= len(below)-ends {
			v.step(in, left-1)
		}
	}
}

// again works a step's value out from those of its inputs.
func (v *verifier) again(s trailStep, below []trailStep) {
	exact := true
	values := make([]money.Maybe, len(below))
	for i, in := range below {
		if values[i] = money.FromPointer(in.exact); in.exact == nil && in.Value != nil {
			exact = false
		}
		if in.Value == nil && s.Value != nil && s.Operation != OpSeries {
			v.t.Fatalf("%s is known, its input %s isn't", s.Label, in.Label)
		}
	}
	if s.Value == nil {
		return
	}
	switch s.Operation {
	case OpSum, OpDifference, OpNegation, OpProduct, OpQuotient, OpShare:
		if exact && s.exact != nil {
			if got := exactly(s.Operation, values); !got.Or(money.Zero).Equal(*s.exact) || !got.IsKnown() {
				v.t.Fatalf("%s: the %s of %v is %s, not %s", s.Label, s.Operation, values, got, s.exact)
			}
			return
		}
	}
	got := doubly(s, below)
	allowed := 1e-12 * max(1, math.Abs(got))
	if s.Operation == OpChain { // a return near −100 % has few digits left of what remains
		for _, x := range numbers(below) {
			allowed += 4e-16 / max(math.Abs(1+x), 1e-300) * math.Abs(1+got)
		}
	}
	if off := math.Abs(got - s.number); !(off <= allowed) && !(math.IsNaN(got) && math.IsNaN(s.number)) { // nothing compares with NaN
		v.t.Fatalf("%s: the %s of %v is %v, not %v", s.Label, s.Operation, numbers(below), got, s.number)
	}
}

// doubly is the documented meaning of each operation, in doubles.
func doubly(s trailStep, below []trailStep) float64 {
	xs := numbers(below)
	sum, product, chained := 0.0, 1.0, 1.0
	for _, x := range xs {
		sum, product, chained = sum+x, product*x, chained*(1+x)
	}
	mean := sum / float64(len(xs))
	switch s.Operation {
	case OpInput:
		return s.number
	case OpSum:
		return sum
	case OpDifference:
		return 2*xs[0] - sum
	case OpNegation:
		return -xs[0]
	case OpProduct:
		return product
	case OpQuotient:
		return xs[0] / xs[1]
	case OpChain:
		return chained - 1
	case OpGrowth:
		if xs[1] == 0 && xs[0] == 0 {
			return 0
		}
		return xs[0]/xs[1] - 1
	case OpLogGrowth:
		return math.Log(xs[0] / xs[1])
	case OpPower:
		return math.Pow(1+xs[0], xs[1]/xs[2]) - 1
	case OpMean:
		return mean
	case OpDeviation:
		return math.Sqrt(squares(xs, mean) / float64(len(xs)-1))
	case OpSemiDeviation, OpDownside:
		middle, n := mean, float64(len(xs)-1)
		if s.Operation == OpDownside {
			middle, xs = xs[0], xs[1:]
		}
		short := 0.0
		for _, x := range xs {
			short += math.Pow(min(0, x-middle), 2)
		}
		return math.Sqrt(short / n)
	case OpSeries:
		return float64(len(xs))
	case OpRegression:
		y, x := numbers(below[0].below()), numbers(below[1].below())
		my, mx := average(y), average(x)
		both := 0.0
		for i := range x {
			both += (x[i] - mx) * (y[i] - my)
		}
		return both / squares(x, mx)
	case OpRoot:
		if isRoot(below, s.number) {
			return s.number
		}
	}
	return math.NaN()
}

// isRoot says whether the flows' worth is 0 at a rate as near as a double can tell: it is next to nothing, or changes its sign there.
func isRoot(flows []trailStep, r float64) bool {
	scale := 0.0
	for _, f := range flows {
		scale += math.Abs(f.number) * math.Pow(1+r, -float64(*f.Date-*flows[0].Date)/daysPerYear)
	}
	near := (1+r)*1e-10 + 4e-16
	below, above := presentValue(flows, r-near), presentValue(flows, r+near)
	return math.Abs(presentValue(flows, r)) <= 1e-10*scale || (below < 0) != (above < 0)
}

// verify explains every figure of an output and checks the whole of each trail.
func verify(t fataler, tr *trail, entries []entry) *verifier {
	v := newVerifier(t, tr, entries)
	data, err := json.Marshal(tr.out)
	if err != nil {
		t.Fatalf("%v", err)
	}
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatalf("%v", err)
	}
	check := func(figure, path string) {
		s, ok := tr.figure(figure)
		if !ok {
			t.Fatalf("there is no figure %s", figure)
		}
		want, why := lookUp(doc, path)
		if why != "" {
			t.Fatalf("%s: %s", path, why)
		}
		text, known := want.(string)
		if known != (s.Value != nil) || known && (compare(text, *s.Value, "0") != "") {
			t.Fatalf("%s is %v, its trail ends at %s", figure, want, shownValue(s.Value))
		}
		v.step(s, 5)
	}
	for _, f := range totalFigures() {
		check(f.name, f.name)
		v.recorded(f.get(&tr.out).Trail())
	}
	for _, f := range rateFigures() {
		path := f.name
		if path == "returns.xirr" {
			path = "returns.xirr.rate"
		}
		check(f.name, path)
	}
	for i := range tr.out.Positions {
		p := &tr.out.Positions[i]
		for _, f := range positionFigures() {
			check(fmt.Sprintf("positions[%s@%s].%s", p.Symbol, p.Account, f.name), fmt.Sprintf("positions[%d].%s", i, f.name))
			if f.get != nil {
				v.recorded(f.get(p).Trail())
			}
			together, ok := tr.figure(fmt.Sprintf("positions[%s].%s", p.Symbol, f.name))
			if !ok {
				t.Fatalf("all positions of %s have no %s", p.Symbol, f.name)
			}
			v.step(together, 5)
		}
	}
	for _, d := range tr.out.Disposals {
		for _, x := range []money.Maybe{d.Proceeds, d.Cost, d.Gain, d.GainBase} {
			v.recorded(x.Trail())
		}
	}
	for i := range tr.days {
		if tr.keeper == nil {
			break
		}
		d := &tr.days[i]
		got := tr.valueOn(d.date)
		if got.IsKnown() != d.value.IsKnown() || !got.Or(money.Zero).Equal(d.value.Or(money.Zero)) {
			t.Fatalf("%s: worth %s, its trail says %s", d.date, d.value, got)
		}
		v.recorded(got.Trail())
	}
	return v
}

// traced works an evaluation out with a trail.
func traced(v evaluation, p period) (*trail, error) {
	v.rules.trace = newTrace(v.rules.base)
	out, err := v.run(p)
	return &trail{trace: v.rules.trace, out: out, units: units{}}, err
}

// Every figure of random portfolios: the trail's root is the figure, every step can be worked out again, every input is where it
// says it is from, and the figures are those without a trail.
func TestTrailsOfRandomPortfolios(t *testing.T) {
	exact, inputs := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		_, _, v := drawEvaluation(t)
		p := drawPeriod(t)
		if rapid.Bool().Draw(t, "benchmark") {
			bars := []market.Bar{}
			for i := range market.Date(60) {
				bars = append(bars, market.Bar{Date: 18990 + i, Close: money.NewDecimal(rapid.Int64Range(90, 110).Draw(t, "close"), 0)})
			}
			b := market.NewSeries("benchmark", "EUR", bars)
			p.benchmark = &b
		}
		plain, err := v.run(p)
		if err != nil {
			discardRefused(t, err)
		}
		tr, err := traced(v, p)
		if err != nil {
			t.Fatal(err)
		}
		zeros := regexp.MustCompile(`\.?0*"`) // behind the point they are no part of a number's worth
		fractions := regexp.MustCompile(`\.[0-9]+"`)
		reduced := func(out Output) string {
			return fractions.ReplaceAllStringFunc(texts(t, out), func(s string) string { return zeros.ReplaceAllString(s, `"`) })
		}
		if got, want := reduced(tr.out), reduced(plain); got != want {
			t.Fatalf("with a trail\n%s\nwithout\n%s", got, want)
		}
		done := verify(t, tr, v.entries)
		exact, inputs = exact+done.exact, inputs+done.inputs
	})
	t.Logf("%d exact steps worked out again, %d inputs looked up", exact, inputs)
}

// drawAccepted draws a portfolio of what Apply accepts, one random activity after another.
func drawAccepted(t *rapid.T) (ledger.Book, *Market) {
	book := ledger.Book{
		Portfolio: ledger.Portfolio{
			BaseCurrency: "EUR", LotMethod: rapid.SampledFrom(ledger.LotMethods()).Draw(t, "method"),
			LotScope:   rapid.SampledFrom([]ledger.LotScope{ledger.ScopeAccount, ledger.ScopePortfolio}).Draw(t, "scope"),
			AllowShort: rapid.Bool().Draw(t, "shorts"),
		},
		Accounts: []ledger.Account{{ID: "a"}, {ID: "b"}}, Instruments: map[market.InstrumentID]market.Instrument{},
	}
	usd := market.RateID("USD")
	m := &Market{Series: map[market.InstrumentID]*market.Series{
		usd: series(usd, "USD", market.Bar{Date: acceptedOrigin - 1, Close: money.MustParse("1.3")}, market.Bar{Date: acceptedOrigin + 3, Close: money.MustParse("1.1")}),
	}}
	for i, id := range []market.InstrumentID{"i0", "i1", "i2"} {
		currency := []money.Currency{"EUR", "USD"}[i%2]
		book.Instruments[id] = market.Instrument{ID: id, Symbol: string(id), Currency: currency, Class: market.Stock}
		m.Series[id] = series(id, currency, market.Bar{Date: acceptedOrigin - 1, Close: money.NewDecimal(10, 0)}, market.Bar{Date: acceptedOrigin + 4, Close: money.MustParse("11.7")})
	}
	for i := range rapid.IntRange(1, 20).Draw(t, "activities") {
		if after, err := ledger.Apply(book, ledger.Changes{Added: []ledger.Activity{drawAny(t, book, i)}}, acceptedOrigin+100); err == nil {
			book = after
		}
	}
	return book, m
}

// The same of portfolios with every type of activity, one random change after another.
func TestTrailsOfEveryType(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book, m := drawAccepted(t)
		from := acceptedOrigin + market.Date(rapid.IntRange(-1, 10).Draw(t, "from"))
		v := bookEvaluation(book, m, "")
		tr, err := traced(v, period{from: from, to: acceptedOrigin + 20, series: true})
		if err != nil {
			t.Fatal(err)
		}
		verify(t, tr, v.entries)
	})
}

// tracedCase works a case out with a trail; ok is false where it is refused.
func tracedCase(data []byte) (tr *trail, entries []entry, ok bool) {
	in, err := ReadInput(data)
	if err != nil {
		return nil, nil, false
	}
	in.rules.trace = newTrace(in.rules.base)
	out, err := Evaluate(in)
	return &trail{trace: in.rules.trace, out: out, units: units{}}, in.entries, err == nil
}

func verifyCases(t *testing.T, dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s: %v", dir, err)
	}
	exact, doubles, inputs, explained := 0, 0, 0, 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c conformanceCase
		if err := json.Unmarshal(data, &c); err != nil {
			t.Fatal(err)
		}
		tr, entries, ok := tracedCase(c.input())
		if !ok {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			v := verify(t, tr, entries)
			exact, doubles, inputs, explained = exact+v.exact, doubles+v.doubles, inputs+v.inputs, explained+1
		})
	}
	t.Logf("%d cases explained: %d exact steps and %d shown ones worked out again, %d inputs looked up", explained, exact, doubles, inputs)
}

func TestTrailsOfCases(t *testing.T) { verifyCases(t, filepath.Join("testdata", "cases")) }

func TestTrailsOfReferenceCases(t *testing.T) {
	dir := os.Getenv("FOLIOSCOPE_REFERENCE")
	if dir == "" {
		t.Skip("skipped: no reference data")
	}
	verifyCases(t, filepath.Join(dir, "conformance"))
}

const explainedCase = `{"base_currency":"EUR","to":"2026-02-10","activities":[
 {"id":"b1","date":"2026-01-02","type":"buy","symbol":"ABC","quantity":"10","price":"10","fee":"1","currency":"USD"},
 {"id":"s1","date":"2026-01-20","type":"sell","symbol":"ABC","quantity":"4","price":"12","currency":"USD","fx_rate":"0.95"},
 {"id":"n1","date":"2026-01-21","type":"buy","symbol":"NONE","quantity":"1","price":"5"}],
 "fx":{"USD":{"2026-01-01":"0.9","2026-02-01":"1.1"}},
 "prices":{"ABC":{"currency":"USD","closes":{"2026-01-02":"10","2026-02-09":"11"}}}}`

func explained(t *testing.T, figure string, v TrailView) Explanation {
	t.Helper()
	in, err := ReadInput([]byte(explainedCase))
	if err != nil {
		t.Fatal(err)
	}
	e, err := ExplainCase(in, figure, v)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestARealisedGainTellsItsLots(t *testing.T) {
	e := explained(t, "positions[ABC].realised_base", TrailView{Depth: 10})
	if *e.Value != "9.24" || e.Unit != "EUR" || len(e.Trail.Inputs) != 1 {
		t.Fatalf("%+v", *e.Value)
	}
	gain := e.Trail.Inputs[0]
	if gain.Label != "gain of s1" || gain.Operation != OpDifference || len(gain.Inputs) != 2 {
		t.Fatalf("%+v", gain)
	}
	proceeds, cost := gain.Inputs[0], gain.Inputs[1]
	if proceeds.Label != "proceeds of s1" || *proceeds.Value != "45.60" || proceeds.Operation != OpProduct {
		t.Errorf("%+v", proceeds)
	}
	if cost.Label != "cost of what was sold in s1" || cost.Operation != OpShare || *cost.Value != "36.36" || cost.Unit != "EUR" {
		t.Errorf("%+v", cost)
	}
	lot := cost.Inputs[0]
	if lot.Label != "cost of lot b1" || *lot.Value != "90.9" {
		t.Fatalf("%+v", lot)
	}
	rate := lot.Inputs[0]
	if rate.Source == nil || rate.Source.Kind != SourceRate || rate.Source.Date.String() != "2026-01-01" || rate.Unit != "EUR/USD" {
		t.Errorf("%+v", rate)
	}
	fee := lot.Inputs[1].Inputs[1]
	if fee.Source == nil || fee.Source.ID != "b1" || fee.Source.Field != "fee" || *fee.Value != "1" || fee.Unit != "USD" {
		t.Errorf("%+v", fee)
	}
}

func TestAQuantityTellsWhatChangedIt(t *testing.T) {
	in, err := ReadInput([]byte(`{"base_currency":"EUR","activities":[
		{"id":"b1","date":"2026-01-02","type":"buy","symbol":"ABC","quantity":"10","price":"10"},
		{"id":"s1","date":"2026-01-03","type":"sell","symbol":"ABC","quantity":"4","price":"10"},
		{"id":"x1","date":"2026-01-04","type":"split","symbol":"ABC","ratio":"3:2"},
		{"id":"o1","date":"2026-01-05","type":"spin_off","symbol":"ABC","to_symbol":"NEW","ratio":"1:3","cost_share":"0.1"},
		{"id":"r1","date":"2026-01-06","type":"rename","symbol":"NEW","to_symbol":"NEWER"},
		{"id":"b2","date":"2026-01-07","type":"buy","symbol":"NEWER","quantity":"1","price":"1"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for symbol, want := range map[string]string{"ABC": "9.0 x1 b1 x1 s1", "NEWER": "4 o1 x1 b1 o1 x1 s1 b2"} {
		e, err := ExplainCase(in, "positions["+symbol+"].quantity", TrailView{Depth: 20})
		if err != nil {
			t.Fatal(err)
		}
		got := []string{shownValue(e.Value)}
		var look func(Node)
		look = func(n Node) {
			if n.Source != nil {
				got = append(got, n.Source.ID)
			}
			for _, in := range n.Inputs {
				look(in)
			}
		}
		look(e.Trail)
		slices.Sort(got[1:])
		wanted := strings.Fields(want)
		slices.Sort(wanted[1:])
		if !slices.Equal(got, wanted) {
			t.Errorf("%s: %v, not %v", symbol, got, wanted)
		}
	}
}

// Without an account, what several hold is summed; what can't be summed is worked out of sums.
func TestPositionsInSeveralAccountsAreExplainedTogether(t *testing.T) {
	in, err := ReadInput([]byte(`{"base_currency":"EUR","activities":[
		{"id":"b1","date":"2026-01-02","type":"buy","account":"one","symbol":"ABC","quantity":"10","price":"10"},
		{"id":"b2","date":"2026-01-03","type":"buy","account":"two","symbol":"ABC","quantity":"30","price":"20"}],
		"prices":{"ABC":{"currency":"EUR","closes":{"2026-01-03":"25"}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{
		"quantity": "40 sum 2", "cost_base": "700 sum 2", "value_base": "1000 sum 2", "unrealised_base": "300 sum 2", "average_cost": "17.5 quotient 2", "price": "25 input 0",
	} {
		e, err := ExplainCase(in, "positions[ABC]."+field, TrailView{Depth: 3})
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(shownValue(e.Value), " ", e.Trail.Operation, " ", len(e.Trail.Inputs)); got != want {
			t.Errorf("%s: %s, want %s", field, got, want)
		}
	}
	e, err := ExplainCase(in, "positions[ABC].value_base", TrailView{})
	if err != nil || e.Label != "value of ABC in 2 accounts" || e.Trail.Inputs[1].Label != "value of ABC in two" || *e.Trail.Inputs[1].Value != "750" {
		t.Errorf("%+v, %v", e, err)
	}
	if one, err := ExplainCase(in, "positions[ABC@two].cost_base", TrailView{}); err != nil || *one.Value != "600" {
		t.Errorf("%+v, %v", one, err)
	}
}

func TestAnUnknownFigureSaysWhatIsMissing(t *testing.T) {
	e := explained(t, "totals.value", TrailView{Depth: 10})
	if e.Value != nil || len(e.Problems) == 0 {
		t.Fatalf("%+v", e)
	}
	data, err := json.Marshal(e.Trail)
	if err != nil || !strings.Contains(string(data), "no price on or before 2026-02-10 of NONE") {
		t.Errorf("%s, %v", data, err)
	}
	e = explained(t, "returns.twr", TrailView{Depth: 10})
	if data, err = json.Marshal(e.Trail); err != nil || !strings.Contains(string(data), "no price on or before 2026-01-21 of NONE") {
		t.Errorf("%s, %v", data, err)
	}
}

func TestATrailIsOpenedPieceByPiece(t *testing.T) {
	whole := explained(t, "positions[ABC].realised_base", TrailView{Depth: 10})
	top := explained(t, "positions[ABC].realised_base", TrailView{Depth: 1})
	if len(top.Trail.Inputs) != 1 || top.Trail.Inputs[0].Omitted != 2 || len(top.Trail.Inputs[0].Inputs) != 0 {
		t.Errorf("%+v", top.Trail)
	}
	part := explained(t, "positions[ABC].realised_base", TrailView{Path: []int{0, 1}, Depth: 10})
	got, _ := json.Marshal(part.Trail)
	want, _ := json.Marshal(whole.Trail.Inputs[0].Inputs[1])
	if string(got) != string(want) {
		t.Errorf("%s is not %s", got, want)
	}
	rest := explained(t, "positions[ABC].realised_base", TrailView{Path: []int{0}, Skip: 1})
	if len(rest.Trail.Inputs) != 1 || rest.Trail.Omitted != 1 || rest.Trail.Inputs[0].Label != "cost of what was sold in s1" {
		t.Errorf("%+v", rest.Trail)
	}
	in, _ := ReadInput([]byte(explainedCase))
	for figure, path := range map[string][]int{"totals.nonsense": nil, "positions[XYZ].cost": nil, "positions[ABC].nonsense": nil, "totals.value": {99}} {
		if _, err := ExplainCase(in, figure, TrailView{Path: path}); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s %v: %v", figure, path, err)
		}
	}
	for _, path := range []string{"x", "0.-1", "1..2", strings.Repeat("0.", 50) + "0", "99999999999999999999"} {
		if _, err := ParseTrailPath(path); err == nil {
			t.Errorf("%q is no path", path)
		}
	}
}

// A long ledger's trail stays small in an answer, and the rest of a sum can be paged.
func TestALongTrailIsBounded(t *testing.T) {
	var b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&b, `,{"id":"b%d","date":"2026-01-02","type":"buy","symbol":"ABC","quantity":"1","price":"%d"}`, i, i%7+1)
	}
	in, err := ReadInput([]byte(`{"base_currency":"EUR","lot_method":"average","activities":[` + b.String()[1:] + `],"prices":{"ABC":{"currency":"EUR","closes":{"2026-01-02":"10"}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	e, err := ExplainCase(in, "positions[ABC].cost", TrailView{Depth: trailDepthMax})
	if err != nil {
		t.Fatal(err)
	}
	if n := nodes(e.Trail); n > trailNodesMax+1 || len(e.Trail.Inputs) != trailInputsMax || e.Trail.Omitted != 3000-trailInputsMax {
		t.Errorf("%d nodes, %d inputs and %d omitted", n, len(e.Trail.Inputs), e.Trail.Omitted)
	}
	for _, figure := range []string{"totals.profit", "returns.twr", "returns.xirr", "positions[ABC].quantity"} {
		e, err := ExplainCase(in, figure, TrailView{Depth: trailDepthMax})
		if n := nodes(e.Trail); err != nil || n > trailNodesMax+1 {
			t.Errorf("%s: %d nodes, %v", figure, n, err)
		}
	}
	last, err := ExplainCase(in, "positions[ABC].cost", TrailView{Skip: 2990})
	if err != nil || len(last.Trail.Inputs) != 10 || last.Trail.Inputs[9].Label != "cost of lot b2999" {
		t.Errorf("%+v, %v", last.Trail.Inputs, err)
	}
}

// Every sale from an average pool refers to the pool before it twice, so its trail unfolds into twice as many steps each time.
func TestATrailThatUnfoldsWithoutEndIsBounded(t *testing.T) {
	var b strings.Builder
	for i := range 25 {
		fmt.Fprintf(&b, `,{"id":"b%d","date":"2026-01-02","type":"buy","symbol":"ABC","quantity":"3","price":"%d"}`, i, i+1)
		fmt.Fprintf(&b, `,{"id":"s%d","date":"2026-01-02","type":"sell","symbol":"ABC","quantity":"1","price":"9"}`, i)
	}
	in, err := ReadInput([]byte(`{"base_currency":"EUR","lot_method":"average","activities":[` + b.String()[1:] + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	e, err := ExplainCase(in, "totals.realised", TrailView{Depth: trailDepthMax})
	if err != nil {
		t.Fatal(err)
	}
	if n := nodes(e.Trail); n > trailNodesMax+1 {
		t.Errorf("%d nodes", n)
	}
}

func nodes(n Node) int {
	all := 1
	for _, in := range n.Inputs {
		all += nodes(in)
	}
	return all
}

// A record that is full changes no figure; it only has less to tell.
func TestAFullRecordChangesNothing(t *testing.T) {
	in, err := ReadInput([]byte(explainedCase))
	if err != nil {
		t.Fatal(err)
	}
	want, err := Evaluate(in)
	if err != nil {
		t.Fatal(err)
	}
	for steps := range 60 {
		in.rules.trace = newTrace(in.rules.base)
		in.rules.trace.recorder = money.NewRecorder(steps)
		got, err := Evaluate(in)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		if string(a) != string(b) {
			t.Fatalf("%d steps\n%s\n%s", steps, a, b)
		}
		tr := trail{trace: in.rules.trace, out: got, units: units{}}
		for _, name := range []string{"totals.profit", "returns.twr", "positions[ABC].realised_base"} {
			if _, err := tr.explain(name, TrailView{Depth: 10}); err != nil {
				t.Fatalf("%d steps, %s: %v", steps, name, err)
			}
		}
	}
}

func TestADividendYieldTellsItsDividends(t *testing.T) {
	in, err := ReadInput([]byte(`{"base_currency":"EUR","to":"2026-06-30","activities":[
		{"id":"b1","date":"2025-01-02","type":"buy","symbol":"ABC","quantity":"10","price":"10"},
		{"id":"d0","date":"2025-03-02","type":"dividend","symbol":"ABC","amount":"9"},
		{"id":"d1","date":"2025-09-02","type":"dividend","symbol":"ABC","amount":"3","tax":"1"},
		{"id":"d2","date":"2026-03-02","type":"dividend","symbol":"ABC","amount":"2"}],
		"prices":{"ABC":{"currency":"EUR","closes":{"2025-01-02":"10","2026-06-30":"20"}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for figure, want := range map[string]string{"income.yield_trailing": "0.025", "income.yield_on_cost": "0.05"} {
		e, err := ExplainCase(in, figure, TrailView{Depth: 10})
		if err != nil || shownValue(e.Value) != want || dividends(e.Trail) != "d1 d2" {
			t.Errorf("%s is %s of %q, %v", figure, shownValue(e.Value), dividends(e.Trail), err)
		}
	}
}

// dividends are the ids of the dividends in a trail.
func dividends(trail Node) string {
	var ids []string
	var look func(Node)
	look = func(n Node) {
		if n.Source != nil && n.Source.Field == "amount" {
			ids = append(ids, n.Source.ID)
		}
		for _, in := range n.Inputs {
			look(in)
		}
	}
	look(trail)
	return strings.Join(ids, " ")
}
