package figures

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Operation is how a node's value comes from the values of its inputs. Money's operations are exact to the last digit, the
// others are worked out in doubles.
type Operation string

// The operations of trails: no others are ever given. x are the inputs in order.
const (
	OpInput      = Operation(money.OperationInput)      // a number from outside or a convention: no inputs
	OpSum        = Operation(money.OperationSum)        // Σ x; of no inputs 0
	OpDifference = Operation(money.OperationDifference) // x₁ − x₂ − x₃ …
	OpNegation   = Operation(money.OperationNegation)   // −x₁
	OpProduct    = Operation(money.OperationProduct)    // x₁ · x₂ · x₃ …
	OpQuotient   = Operation(money.OperationQuotient)   // x₁ / x₂, 34 digits
	OpShare      = Operation(money.OperationShare)      // x₁ · x₂ / x₃, 34 digits

	OpChain         Operation = "chain"          // Π (1 + x) − 1
	OpGrowth        Operation = "growth"         // x₁ / x₂ − 1; 0 where x₂ is 0
	OpLogGrowth     Operation = "log_growth"     // ln(x₁ / x₂)
	OpPower         Operation = "power"          // (1 + x₁)^(x₂ / x₃) − 1
	OpRoot          Operation = "root"           // the r with Σ x · (1 + r)^(−days/365) = 0, days of each input's date from the first one's
	OpMean          Operation = "mean"           // Σ x / n
	OpDeviation     Operation = "deviation"      // √(Σ (x − mean)² / (n − 1))
	OpSemiDeviation Operation = "semi_deviation" // the same over the x below the mean alone, n still of all
	OpDownside      Operation = "downside"       // √(Σ min(0, x − x₁)² / n) over all inputs after the first
	OpRegression    Operation = "regression"     // least squares slope of the first series on the second
	OpSeries        Operation = "series"         // n, the number of inputs
)

// Node is one step of how a figure came about: Operation applied to the values of Inputs gives Value.
type Node struct {
	Label     string       `json:"label"`
	Operation Operation    `json:"operation"`
	Value     *string      `json:"value"` // a plain decimal; null where it can't be known
	Unit      string       `json:"unit"`  // a currency, "units", "days", "rate" (0.25 is 25 %), or one per another such as "EUR/USD"; "" for a bare number
	Note      string       `json:"note,omitempty"`
	Date      *market.Date `json:"date,omitempty"`
	Source    *Source      `json:"source,omitempty"` // of an input
	Inputs    []Node       `json:"inputs"`
	Omitted   int          `json:"omitted,omitempty"` // how many inputs are left out; ask for this node's path to see them
}

// Explanation is a figure and how it came about.
type Explanation struct {
	Figure   string    `json:"figure"`
	Label    string    `json:"label"`
	Value    *string   `json:"value"`
	Unit     string    `json:"unit"`
	Period   Period    `json:"period"`
	Trail    Node      `json:"trail"`
	Problems []Problem `json:"problems"`
}

// TrailView says which part of a trail is given. The zero value is the figure itself and some levels below it.
type TrailView struct {
	Path  []int // inputs to follow from the figure, such as 0, 3, 1
	Skip  int   // how many inputs of that node to leave out, so that long lists can be paged
	Whole bool  // give as many of its inputs as an answer holds, not only the first of a long list
	Depth int   // levels below that node; 0 for the usual, never more than trailDepthMax
}

// What an answer holds at most, so that no ledger makes it endless.
const (
	trailDepthUsual = 4
	trailDepthMax   = 40
	trailInputsMax  = 200   // of one node, but for one that is asked for whole
	trailWholeMax   = 2_000 // of that
	trailNodesMax   = 4_000 // of one answer
)

// ParseTrailPath reads a path of inputs such as "0.3.1"; nothing is the figure itself.
func ParseTrailPath(text string) ([]int, error) {
	if text == "" {
		return nil, nil
	}
	parts := strings.Split(text, ".")
	if len(parts) > trailDepthMax {
		return nil, fault.At("path", "more than %d levels deep", trailDepthMax)
	}
	path := make([]int, len(parts))
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return nil, fault.At("path", "not a path of inputs such as 0.3.1: %.40q", text)
		}
		path[i] = n
	}
	return path, nil
}

// trailStep is a node whose inputs are worked out when somebody looks at them.
type trailStep struct {
	Node
	number float64            // the value, as a double
	below  func() []trailStep // nil for an input
	count  func() int         // of inputs, where that is cheaper; may be nil
	exact  *money.Decimal     // the value, where it is one
}

// trail turns what was recorded into steps, in the words of the portfolio.
type trail struct {
	*trace
	out      Output
	units    units
	earnings func() (Earnings, error) // nil where there are none, as in a case of valuations alone
	names    map[string]string        // what instruments and accounts are called, by their ids
}

// value is a step's value as a decimal.
func decimalStep(x money.Maybe) trailStep {
	n, ok := x.Get()
	s := trailStep{number: math.NaN()}
	if ok {
		text := n.String()
		s.Value, s.number, s.exact = &text, n.Float64(), &n
	}
	return s
}

// rateStep is a step whose value is a double.
func rateStep(label string, operation Operation, x float64, unit string, below ...trailStep) trailStep {
	s := trailStep{Node: Node{Label: label, Operation: operation, Unit: unit}, number: x, below: func() []trailStep { return below }}
	if !math.IsNaN(x) && !math.IsInf(x, 0) {
		text := plain(x)
		s.Value = &text
	}
	return s
}

func plain(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// constant is a number that a convention says.
func constant(label string, x float64, unit string) trailStep {
	s := rateStep(label, OpInput, x, unit)
	s.below = nil
	return s
}

func (s trailStep) with(note string) trailStep {
	s.Note = note
	return s
}

func (s trailStep) on(day market.Date) trailStep {
	s.Date = &day
	return s
}

// amount is a number of the walk with what was recorded of it.
func (t *trail) amount(x money.Maybe, label, unit string) trailStep {
	recorded := x.Trail()
	if recorded == nil { // nothing happened that could be recorded: a sum of nothing, unless somebody knows better
		s := decimalStep(x)
		s.Operation, s.below = OpSum, func() []trailStep { return nil }
		if s.number != 0 {
			s.Operation, s.below = OpInput, nil
		}
		s.Label, s.Unit = label, unit
		return s
	}
	s := t.recorded(recorded)
	s.Label, s.Unit = cmp.Or(label, s.Label), cmp.Or(unit, s.Unit)
	value := decimalStep(x)
	s.Value = value.Value
	return s
}

// under is an amount under another name; one that it has already stays below it.
func (t *trail) under(x money.Maybe, label, unit string) trailStep {
	s := t.amount(x, "", unit)
	if recorded := x.Trail(); recorded != nil && recorded.Label().What != "" {
		inner := s
		s.Operation, s.Source, s.below = OpSum, nil, func() []trailStep { return []trailStep{inner} }
		s.count = nil
	}
	s.Label = label
	return s
}

// recorded is one recorded step.
func (t *trail) recorded(at *money.Trail) trailStep {
	s := decimalStep(at.Value())
	operation, inputs := at.Step()
	s.Operation, s.Unit, s.Label = Operation(operation), t.units.of(at), t.label(at)
	if source, ok := at.Label().From.(*Source); ok {
		named := *source
		named.Symbol = cmp.Or(t.names[named.Symbol], named.Symbol)
		s.Source, s.Date = &named, named.Date
	}
	if len(inputs) == 0 && operation == money.OperationInput {
		return s
	}
	s.count = func() int { return len(inputs) }
	s.below = func() []trailStep {
		below := make([]trailStep, len(inputs))
		for i, in := range inputs {
			below[i] = t.recorded(in.Trail)
			if in.Negated {
				below[i] = negated(below[i])
			}
		}
		return below
	}
	return s
}

// negated is what a sum takes off.
func negated(s trailStep) trailStep {
	n := trailStep{Node: Node{Label: "less " + s.Label, Operation: OpNegation, Unit: s.Unit}, number: -s.number, below: func() []trailStep { return []trailStep{s} }}
	if s.exact != nil {
		x := s.exact.Neg()
		text := x.String()
		n.Value, n.exact = &text, &x
	}
	return n
}

// label is what a recorded number is called, from its parts where nobody named it.
func (t *trail) label(at *money.Trail) string {
	label := at.Label()
	if label.What != "" {
		of := label.Of
		instrument, account, more := strings.Cut(of, "@")
		of = cmp.Or(t.names[instrument], instrument)
		if more {
			of += " in " + cmp.Or(t.names[account], account)
		}
		return strings.TrimSpace(label.What + " " + of)
	}
	operation, inputs := at.Step()
	part := func(i int) string {
		if inputs[i].Label().What == "" {
			if inner, _ := inputs[i].Step(); inner != money.OperationInput {
				return "(" + string(inner) + ")"
			}
			return inputs[i].Value().String()
		}
		return t.label(inputs[i].Trail)
	}
	const namedMax = 3 // parts that a label can be read with
	sign, joined := map[money.Operation]string{money.OperationProduct: " × ", money.OperationSum: " + ", money.OperationDifference: " − "}[operation]
	if joined && len(inputs) <= namedMax {
		names := make([]string, len(inputs))
		for i := range inputs {
			names[i] = part(i)
			if inputs[i].Negated {
				names[i] = "(less " + names[i] + ")"
			}
		}
		return strings.Join(names, sign)
	}
	switch operation {
	case money.OperationQuotient:
		return part(0) + " ÷ " + part(1)
	case money.OperationShare:
		return "part of " + part(0)
	case money.OperationInput:
		return "number"
	}
	return string(operation)
}

// view is the part of a trail that is asked for.
func view(s trailStep, v TrailView) (Node, error) {
	for depth, i := range v.Path {
		var below []trailStep
		if s.below != nil {
			below = s.below()
		}
		if i >= len(below) {
			return Node{}, fault.At("path", "there is no input %d at level %d", i, depth+1)
		}
		s = below[i]
	}
	depth := v.Depth
	if depth <= 0 {
		depth = trailDepthUsual
	}
	inputs := trailInputsMax
	if v.Whole {
		inputs = trailWholeMax
	}
	return shownNode(s, min(depth, trailDepthMax), max(v.Skip, 0), inputs, trailNodesMax), nil
}

// shownNode gives at most so many nodes below a step; its inputs share them evenly, so that none hides the others.
func shownNode(s trailStep, depth, skip, inputs, nodes int) Node {
	n := s.Node
	n.Inputs = []Node{}
	if s.below == nil {
		return n
	}
	if (depth == 0 || nodes <= 0) && s.count != nil {
		n.Omitted = s.count()
		return n
	}
	below := s.below()
	n.Omitted = len(below)
	if depth == 0 || nodes <= 0 || skip >= len(below) {
		return n
	}
	below = below[skip:min(len(below), skip+min(nodes, inputs))]
	each := (nodes - len(below)) / len(below)
	for _, in := range below {
		n.Inputs = append(n.Inputs, shownNode(in, depth-1, 0, trailInputsMax, each))
	}
	n.Omitted -= len(n.Inputs)
	return n
}

// explain is a figure's explanation.
func (t *trail) explain(figure string, v TrailView) (Explanation, error) {
	s, ok := t.figure(figure)
	if !ok {
		return Explanation{}, fault.At("explain", "%.80q is no figure; there are %s", figure, strings.Join(t.figures(), ", "))
	}
	e := Explanation{Figure: figure, Label: s.Label, Value: s.Value, Unit: s.Unit, Period: t.out.Period, Problems: t.out.Problems}
	if t.recorder.Full() {
		e.Problems = append(slices.Clone(e.Problems), Problem{"trail", "the activities are too many to record every step; some numbers are given without theirs"})
	}
	var err error
	e.Trail, err = view(s, v)
	return e, err
}
