package alert

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	celenv "cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of expressions. They have no loops and no texts, so that the work grows with their length alone; these keep that small.
const (
	expressionNodesMax  = 400  // numbers, names and operators: what fits in ExpressionBytesMax
	expressionDepthMax  = 120  // operators that rest on one another, as in a sum of so many
	expressionTermsMax  = 32   // different figures in one expression
	expressionCostMax   = 2000 // CEL's units, of which an operator costs about one: checked before it is accepted, and again as it runs
	expressionErrorsMax = 5    // mistakes that are named at once
)

// Expression is a condition that somebody wrote: comparisons of a portfolio's figures, in CEL. It reaches nothing but the Facts that it is
// given, of one portfolio. Figures are doubles. It never changes, and may be used by many at once.
type Expression struct {
	program cel.Program
	terms   []term
}

// term is one figure that an expression takes from Facts.
type term struct {
	what  string // "portfolio.value", "holding.weight", "rate"
	first string // the holding, or the currency whose rate it is
	other string // the currency that the rate is in
}

// Compile reads an expression such as
//
//	holding("AAPL").weight > 0.2 && day.change_percent < -3
//
// The error is fault.Invalid at condition.expression and says in which line and column what is wrong.
func Compile(text string) (*Expression, error) {
	if len(text) > ExpressionBytesMax {
		return nil, fault.At(expressionField, "At most %d bytes.", ExpressionBytesMax)
	}
	if !market.Lines(text) {
		return nil, fault.At(expressionField, "It has characters that aren't shown.")
	}
	env, err := environment()
	if err != nil {
		return nil, fmt.Errorf("make the environment of expressions: %w", err)
	}
	tree, terms, err := read(env, text)
	if err != nil {
		return nil, err
	}
	checked, issues := env.Check(tree)
	if issues.Err() != nil {
		return nil, mistakes(issues)
	}
	if !checked.OutputType().IsExactType(cel.BoolType) {
		return nil, fault.At(expressionField, "Line 1, column 1: this is a number; compare it with another, such as with > 5.")
	}
	cost, err := env.EstimateCost(checked, nil)
	if err != nil {
		return nil, fmt.Errorf("estimate what an expression costs: %w", err)
	}
	if cost.Max > expressionCostMax {
		return nil, fault.At(expressionField, "It is too long to be worked out with every price.")
	}
	program, err := env.Program(checked, cel.CostLimit(expressionCostMax))
	if err != nil {
		return nil, fmt.Errorf("plan an expression: %w", err)
	}
	return &Expression{program: program, terms: terms}, nil
}

// read parses an expression, with variables in place of its figures, and gives these.
func read(env *cel.Env, text string) (*cel.Ast, []term, error) {
	tree, issues := env.Parse(text)
	if issues.Err() != nil {
		return nil, nil, mistakes(issues)
	}
	r := reading{info: tree.NativeRep().SourceInfo(), factory: celast.NewExprFactory()}
	if err := r.expression(tree.NativeRep().Expr()); err != nil {
		return nil, nil, err
	}
	return tree, r.terms, nil
}

const expressionField = "condition.expression"

// environment is all that there is in expressions; it never changes.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	comparisons := []string{
		operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Conditional, operators.Equals, operators.NotEquals,
		operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
		operators.Add, operators.Subtract, operators.Multiply, operators.Negate,
	}
	subset := &celenv.LibrarySubset{DisableMacros: true}
	for _, name := range comparisons {
		subset.IncludeFunctions = append(subset.IncludeFunctions, &celenv.Function{Name: name})
	}
	options := []cel.EnvOption{
		cel.StdLib(cel.StdLibSubset(subset)),
		cel.Function(quotient, cel.Overload(quotient, []*cel.Type{cel.DoubleType, cel.DoubleType}, cel.DoubleType, cel.BinaryBinding(divide))),
		cel.ParserExpressionSizeLimit(ExpressionBytesMax), cel.ParserRecursionLimit(expressionDepthMax), cel.ParserErrorRecoveryLimit(expressionErrorsMax),
		cel.ExpressionNodeLimit(expressionNodesMax),
	}
	for i := range expressionTermsMax {
		options = append(options, cel.Variable(variable(i), cel.DoubleType))
	}
	return cel.NewCustomEnv(options...)
})

// quotient stands for /, since in doubles a division by nothing is infinite, and that is above everything.
const quotient = "@quotient"

func divide(a, b ref.Val) ref.Val {
	if b == types.Double(0) {
		return types.WrapErr(missing("Something in it is divided by 0."))
	}
	return a.(types.Double) / b.(types.Double)
}

// variable is what a term is called in the tree; nobody can write that.
func variable(i int) string { return fmt.Sprintf("@%d", i) }

// missing is why there is no figure.
type missing string

func (m missing) Error() string { return string(m) }

// reading turns what was written into what is worked out: figures become terms, numbers doubles, and all else is refused.
type reading struct {
	info    *celast.SourceInfo
	factory celast.ExprFactory
	terms   []term
}

// expression reads one node and all below it; the depth is bounded by the parser.
func (r *reading) expression(e celast.Expr) error {
	switch e.Kind() {
	case celast.LiteralKind:
		return r.literal(e)
	case celast.SelectKind:
		return r.selected(e)
	case celast.CallKind:
		return r.call(e)
	case celast.IdentKind:
		return r.refuse(e, "%s isn't known here; figures are such as portfolio.value", shown(e.AsIdent()))
	}
	return r.refuse(e, "only figures, numbers and comparisons stand here")
}

func (r *reading) literal(e celast.Expr) error {
	switch x := e.AsLiteral().(type) {
	case types.Int:
		e.SetKindCase(r.factory.NewLiteral(e.ID(), types.Double(x)))
	case types.Uint:
		e.SetKindCase(r.factory.NewLiteral(e.ID(), types.Double(x)))
	case types.Double, types.Bool:
	default:
		return r.refuse(e, `a text stands only in holding("…") and rate("…", "…")`)
	}
	return nil
}

// selected reads portfolio.value, day.change and holding("…").weight.
func (r *reading) selected(e celast.Expr) error {
	operand, field := e.AsSelect().Operand(), e.AsSelect().FieldName()
	if operand.Kind() == celast.CallKind && operand.AsCall().FunctionName() == "holding" && !operand.AsCall().IsMemberFunction() {
		names, err := r.texts(operand, 1)
		if err != nil {
			return err
		}
		if holdingFigures[field] == nil {
			return r.refuse(e, "a holding has no %s; it has %s", shown(field), listed(holdingFigures))
		}
		return r.term(e, term{what: field, first: names[0]})
	}
	if operand.Kind() == celast.IdentKind {
		name := operand.AsIdent() + "." + field
		if portfolioFigures[name] != nil {
			return r.term(e, term{what: name})
		}
		return r.refuse(e, "%s isn't known here; there are %s", shown(name), listed(portfolioFigures))
	}
	return r.refuse(e, "%s isn't known here", shown(field))
}

func (r *reading) call(e celast.Expr) error {
	call := e.AsCall()
	switch name := call.FunctionName(); {
	case call.IsMemberFunction():
		return r.refuse(e, "%s isn't known here", shown(name))
	case name == "holding":
		return r.refuse(e, "say which figure of the holding: %s", listed(holdingFigures))
	case name == "rate":
		names, err := r.texts(e, 2)
		if err != nil {
			return err
		}
		for _, code := range names {
			if _, err := money.ParseCurrency(code); err != nil {
				return r.refuse(e, "%s is not a currency", shown(code))
			}
		}
		return r.term(e, term{what: rateTerm, first: names[0], other: names[1]})
	case name == operators.Divide:
		e.SetKindCase(r.factory.NewCall(e.ID(), quotient, call.Args()...))
	case name == operators.Modulo || name == operators.In || name == operators.Index || !isOperator(name):
		return r.refuse(e, "%s isn't known here; there are holding and rate", shown(name))
	}
	for _, argument := range e.AsCall().Args() {
		if err := r.expression(argument); err != nil {
			return err
		}
	}
	return nil
}

// isOperator tells +, ?: and && from functions with a name.
func isOperator(name string) bool {
	return strings.ContainsAny(name, "_!-")
}

// texts are the arguments of a function that takes texts, written out: so what an expression looks at is known before it runs.
func (r *reading) texts(e celast.Expr, count int) ([]string, error) {
	call := e.AsCall()
	var all []string
	for _, argument := range call.Args() {
		if argument.Kind() != celast.LiteralKind {
			return nil, r.refuse(argument, "%s takes a text in quotes", call.FunctionName())
		}
		text, ok := argument.AsLiteral().(types.String)
		if !ok || !isID(string(text)) {
			return nil, r.refuse(argument, "%s takes a text in quotes", call.FunctionName())
		}
		all = append(all, string(text))
	}
	if len(all) != count {
		return nil, r.refuse(e, "%s takes %d, not %d", call.FunctionName(), count, len(all))
	}
	return all, nil
}

// term puts a variable in place of a figure.
func (r *reading) term(e celast.Expr, one term) error {
	at := slices.Index(r.terms, one)
	if at < 0 {
		at = len(r.terms)
		r.terms = append(r.terms, one)
	}
	if at >= expressionTermsMax {
		return r.refuse(e, "more than %d different figures", expressionTermsMax)
	}
	e.SetKindCase(r.factory.NewIdent(e.ID(), variable(at)))
	return nil
}

func (r *reading) refuse(e celast.Expr, format string, args ...any) error {
	at := r.info.GetStartLocation(e.ID())
	return mistake(at.Line(), at.Column(), fmt.Sprintf(format, args...))
}

// mistake names a place; lines are counted from 1, columns from 0.
func mistake(line, column int, what string) *fault.Error {
	return fault.At(expressionField, "Line %d, column %d: %s.", max(line, 1), max(column, 0)+1, strings.TrimSuffix(what, "."))
}

// mistakes is the first of CEL's own: later ones mostly come of it.
func mistakes(issues *cel.Issues) error {
	all := issues.Errors()
	if len(all) == 0 {
		return fault.At(expressionField, "This can't be read.")
	}
	what, _, _ := strings.Cut(all[0].Message, " (in container")
	what, _, _ = strings.Cut(what, "\n")
	return mistake(all[0].Location.Line(), all[0].Location.Column(), plainMistake(what))
}

// outOfPlace is how CEL's grammar names what it stumbles over, before it lists all that could stand there.
var outOfPlace = regexp.MustCompile(`^Syntax error: (?:mismatched input|extraneous input|no viable alternative at input|token recognition error at:?) '(.+?)'(?: expecting .*)?$`)

// plainMistake says in plain words what CEL says of types and grammar.
func plainMistake(what string) string {
	if found := outOfPlace.FindStringSubmatch(what); found != nil {
		if found[1] == "<EOF>" {
			return "it ends too early; something is missing here"
		}
		return shown(found[1]) + " is out of place here"
	}
	switch {
	case strings.Contains(what, "no matching overload") || strings.Contains(what, "expected type"):
		return "numbers are compared and added with numbers, and only what is true or false is joined by && and ||"
	case strings.Contains(what, "recursion"):
		return "more operators rest on one another than can be worked out"
	case strings.Contains(what, "error recovery"):
		return "this can't be read"
	}
	return shown(what)
}

// shown is a part of the input, or of a message with it, as it can be repeated.
func shown(text string) string {
	const shownMax = 120 // bytes; enough to recognise it
	if len(text) > shownMax {
		text = text[:shownMax] + "…"
	}
	return strings.Map(func(r rune) rune {
		if market.Unshown(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

// Rates are the currencies whose rates an expression looks at, sorted, each once.
func (x *Expression) Rates() []money.Currency { return ratesIn(x.terms) }

// ratesOf is Rates of an expression that nobody compiled; nil where it can't be read.
func ratesOf(text string) []money.Currency {
	env, err := environment()
	if err != nil {
		return nil
	}
	_, terms, err := read(env, text)
	if err != nil {
		return nil
	}
	return ratesIn(terms)
}

func ratesIn(terms []term) []money.Currency {
	var all []money.Currency
	for _, one := range terms {
		if one.what == rateTerm {
			all = append(all, money.Currency(one.first), money.Currency(one.other))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Observe is 1 where an expression is true of a portfolio, 0 where it isn't, and missing where that rests on a figure that isn't known.
func (x *Expression) Observe(f *Facts) Observation {
	result, _, err := x.program.Eval(figuresOf{x.terms, f})
	var unknown missing
	var value money.Decimal
	switch {
	case errors.As(err, &unknown):
		return Observation{Missing: string(unknown)}
	case err != nil:
		return Observation{Error: "The expression can't be worked out."}
	case result == types.True:
		value = money.One
	}
	return Observation{Value: &value}
}
