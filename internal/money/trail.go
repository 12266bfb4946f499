package money

// Operation is what a recorded number was worked out by.
type Operation string

// The operations that arithmetic records. Applied to the values of the inputs they give the number to the last digit.
const (
	OperationInput      Operation = "input"      // a number from outside, or one that was fixed beforehand: no inputs
	OperationSum        Operation = "sum"        // of all inputs; of none 0
	OperationDifference Operation = "difference" // the first input less all others
	OperationNegation   Operation = "negation"   // of the one input
	OperationProduct    Operation = "product"    // of all inputs
	OperationQuotient   Operation = "quotient"   // first by second, 34 significant digits, half to even
	OperationShare      Operation = "share"      // first · second / third, the quotient rounded like one
)

// operation is the same in one byte, as it is recorded. A pair is the part and the whole of a share.
type operation uint8

const (
	opInput operation = iota
	opSum
	opDifference
	opNegation
	opProduct
	opQuotient
	opShare
	opPair
	opSame // a name given to what has one already
)

// Trail is how a number came about: an input, or an operation on what has a trail itself. It is never changed, and many
// numbers may share its parts.
type Trail struct {
	number   Decimal
	a, b     *Trail
	label    *Label // nil where nobody gave it a name
	recorder *Recorder
	op       operation
	known    bool
}

// Label says what a number is.
type Label struct {
	What string // such as "cost of lot"
	Of   string // such as "b1"; may be empty
	Unit string // such as "EUR", "units" or "EUR/USD"; empty where it follows from the inputs
	From any    // where an input comes from, in the terms of whoever recorded it; nothing here reads it
}

var (
	untraced = Trail{known: true} // the trail of every known number that has none; read only
	unsaid   = Trail{}            // stands for an unknown of which nothing was recorded; read only
	labelOf  = struct{ part, whole Label }{Label{What: "part"}, Label{What: "whole"}}
)

// Recorder records the trails of one evaluation. It belongs to one caller, and so do the numbers that began as its inputs.
type Recorder struct{ left int }

// NewRecorder records at most so many steps. Numbers worked out beyond them are right, but begin a trail of their own.
func NewRecorder(stepsMax int) *Recorder { return &Recorder{left: stepsMax} }

// Full says whether steps were left out.
func (r *Recorder) Full() bool { return r.left <= 0 }

// Input is a number that a trail ends at. Without a recorder it is just the number.
func (r *Recorder) Input(x Decimal, label Label) Maybe {
	if r == nil || !r.spend() {
		return Known(x)
	}
	return Maybe{number: x, trail: &Trail{number: x, known: true, label: &label, recorder: r}}
}

// Missing is an unknown that trails end at.
func (r *Recorder) Missing(label Label) Maybe {
	if r == nil || !r.spend() {
		return Unknown
	}
	return Maybe{trail: &Trail{label: &label, recorder: r}}
}

func (r *Recorder) spend() bool {
	if r.left <= 0 {
		return false
	}
	r.left--
	return true
}

// Beside is a known number that m is about to be worked with, named where m is recorded.
func (m Maybe) Beside(x Decimal, label Label) Maybe {
	if m.trail == nil || m.plain() {
		return Known(x)
	}
	return m.trail.recorder.Input(x, label)
}

// Named gives what was worked out a name, such as "cost of lot" of "b1", where it is recorded. Sums of it keep it as one part.
func (m Maybe) Named(what, of string) Maybe {
	if m.trail == nil || m.plain() {
		return m
	}
	return m.named(what, of)
}

func (m Maybe) named(what, of string) Maybe {
	if !m.trail.recorder.spend() {
		return m
	}
	t := *m.trail
	if t.label != nil {
		t = Trail{number: t.number, a: m.trail, recorder: t.recorder, op: opSame, known: t.known}
	}
	t.label = &Label{What: what, Of: of}
	m.trail = &t
	return m
}

// combined works out and records an operation of which one operand at least is recorded or unknown.
func combined(op operation, m, n Maybe) Maybe {
	known := m.IsKnown() && n.IsKnown() && !(op == opQuotient && n.number.IsZero())
	var x Decimal
	if known {
		x = worked(op, m.number, n.number)
		if same, ok := unchanged(op, m, n); ok && same.number.Equal(x) { // a quotient by one may have been rounded
			same.number = x
			return same
		}
	}
	switch {
	case op == opNegation && m.negation():
		return Maybe{number: x, trail: m.trail.a}
	case op == opProduct && n.negation():
		return m.Mul(Maybe{number: n.number.Neg(), trail: n.trail.a}).Neg()
	}
	recorder := m.recorder()
	if recorder == nil {
		recorder = n.recorder()
	}
	if recorder == nil || !recorder.spend() {
		if known {
			return Known(x)
		}
		return Unknown
	}
	t := &Trail{number: x, a: m.part(recorder), recorder: recorder, op: op, known: known}
	if op != opNegation {
		t.b = n.part(recorder)
	}
	return Maybe{number: x, trail: t}
}

func worked(op operation, x, y Decimal) Decimal {
	switch op {
	case opSum:
		return x.Add(y)
	case opDifference:
		return x.Sub(y)
	case opProduct:
		return x.Mul(y)
	case opQuotient:
		return x.Quo(y)
	case opNegation:
		return x.Neg()
	}
	panic("money: no such operation") // only the above are combined
}

// unchanged leaves steps out that nobody needs to read: adding nothing, multiplying by one, nothing of something.
func unchanged(op operation, m, n Maybe) (Maybe, bool) {
	switch {
	case op == opSum && m.plain() && m.number.IsZero():
		return n, true
	case (op == opSum || op == opDifference) && n.plain() && n.number.IsZero():
		return m, true
	case op == opDifference && m.plain() && m.number.IsZero():
		return n.Neg(), true
	case op == opProduct && (m.plain() && m.number.IsZero() || n.plain() && n.number.IsZero()):
		return Known(Zero), true
	case op == opProduct && m.plain() && m.number.Equal(One):
		return n, true
	case (op == opProduct || op == opQuotient) && n.plain() && n.number.Equal(One):
		return m, true
	}
	return Maybe{}, false
}

// negation says whether the number is nothing but another one's negation: two of them are none, and of a product the whole is
// negated.
func (m Maybe) negation() bool {
	return m.trail != nil && m.trail.op == opNegation && m.trail.label == nil
}

// recorder is who records the number, nil where nobody does.
func (m Maybe) recorder() *Recorder {
	if m.trail == nil {
		return nil
	}
	return m.trail.recorder
}

// part is the number's trail as a part of another; one that has none is an input without a name.
func (m Maybe) part(r *Recorder) *Trail {
	switch {
	case m.trail == nil:
		return &unsaid
	case m.plain():
		return &Trail{number: m.number, known: true, recorder: r}
	}
	return m.trail
}

func (m Maybe) share(part, whole Decimal) Maybe {
	x, r := m.number.Mul(part).Quo(whole), m.trail.recorder
	if !r.spend() {
		return Known(x)
	}
	of := &Trail{
		a:  &Trail{number: part, known: true, label: &labelOf.part, recorder: r},
		b:  &Trail{number: whole, known: true, label: &labelOf.whole, recorder: r},
		op: opPair, known: true, recorder: r,
	}
	return Maybe{number: x, trail: &Trail{number: x, a: m.trail, b: of, op: opShare, known: true, recorder: r}}
}

// Trail is how the number came about, nil where nothing was recorded.
func (m Maybe) Trail() *Trail {
	if m.plain() {
		return nil
	}
	return m.trail
}

// Value is the number that came about.
func (t *Trail) Value() Maybe {
	if !t.known {
		return Unknown
	}
	return Known(t.number)
}

// Label is what the number was named; the zero Label where it wasn't.
func (t *Trail) Label() Label {
	if t.label == nil {
		return Label{}
	}
	return *t.label
}

// Term is one input of an operation. Negated: the sum that it is in takes it off.
type Term struct {
	*Trail
	Negated bool
}

// Step is the operation and its inputs. Sums within sums are one sum as far as nobody named them, and so are products; where a
// sum takes some inputs off and isn't a difference, those are negated.
func (t *Trail) Step() (Operation, []Term) {
	switch t.op {
	case opSum, opDifference, opNegation:
		terms := t.terms()
		return summed(terms), terms
	case opProduct:
		return OperationProduct, t.factors()
	case opQuotient:
		return OperationQuotient, []Term{{Trail: t.a}, {Trail: t.b}}
	case opShare:
		return OperationShare, []Term{{Trail: t.a}, {Trail: t.b.a}, {Trail: t.b.b}}
	case opSame:
		return OperationSum, []Term{{Trail: t.a}}
	}
	return OperationInput, nil
}

// summed is what a sum of terms is called; a difference's and a negation's need no sign of their own.
func summed(terms []Term) Operation {
	taken := 0
	for _, term := range terms {
		if term.Negated {
			taken++
		}
	}
	switch {
	case taken == 0:
		return OperationSum
	case len(terms) == 1:
		terms[0].Negated = false
		return OperationNegation
	case taken == len(terms)-1 && !terms[0].Negated:
		for i := range terms {
			terms[i].Negated = false
		}
		return OperationDifference
	}
	return OperationSum
}

// termsMax bounds what one sum is shown as. Sums may share parts, so that they could unfold without end; what is beyond the
// bound stays folded.
const termsMax = 1_000_000

// terms are what a sum adds up in the end, without recursion: a sum over a long ledger is as deep as that is long.
func (t *Trail) terms() []Term {
	var terms []Term
	stack := []Term{{Trail: t}}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if at.Trail != t && (at.label != nil || len(terms) >= termsMax) {
			terms = append(terms, at)
			continue
		}
		switch at.op {
		case opSum:
			stack = append(stack, Term{at.b, at.Negated}, Term{at.a, at.Negated})
		case opDifference:
			stack = append(stack, Term{at.b, !at.Negated}, Term{at.a, at.Negated})
		case opNegation:
			stack = append(stack, Term{at.a, !at.Negated})
		default:
			terms = append(terms, at)
		}
	}
	return terms
}

func (t *Trail) factors() []Term {
	var terms []Term
	stack := []*Trail{t}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if at.op == opProduct && (at == t || at.label == nil) {
			stack = append(stack, at.b, at.a)
			continue
		}
		terms = append(terms, Term{Trail: at})
	}
	return terms
}
