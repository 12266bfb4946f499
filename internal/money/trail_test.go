package money

import (
	"testing"

	"pgregory.net/rapid"
)

// recompute applies a step's operation to its inputs.
func recompute(t *Trail) (Maybe, bool) {
	operation, inputs := t.Step()
	values := make([]Maybe, len(inputs))
	for i, in := range inputs {
		if values[i] = in.Value(); in.Negated {
			values[i] = values[i].Neg()
		}
	}
	if operation == OperationInput {
		return Unknown, false
	}
	if operation == OperationShare {
		whole, _ := values[2].Get()
		part, _ := values[1].Get()
		return values[0].Share(part, whole), true
	}
	x := Known(Zero)
	if operation == OperationProduct {
		x = Known(One)
	}
	for i, y := range values {
		switch {
		case operation == OperationSum:
			x = x.Add(y)
		case operation == OperationProduct:
			x = x.Mul(y)
		case operation == OperationNegation:
			x = y.Neg()
		case i == 0:
			x = y
		case operation == OperationQuotient:
			x = x.Quo(y)
		default:
			x = x.Sub(y)
		}
	}
	return x, true
}

func checkTrail(t interface{ Fatalf(string, ...any) }, trail *Trail, seen map[*Trail]bool) {
	if trail == nil || seen[trail] {
		return
	}
	seen[trail] = true
	if x, ok := recompute(trail); ok && (x.IsKnown() != trail.Value().IsKnown() || !x.number.Equal(trail.number)) {
		operation, inputs := trail.Step()
		t.Fatalf("%s of %d inputs gives %s, not %s", operation, len(inputs), x, trail.Value())
	}
	_, inputs := trail.Step()
	for _, in := range inputs {
		checkTrail(t, in.Trail, seen)
	}
}

// Random arithmetic gives the same with and without a trail, and every step of the trail can be worked out again.
func TestTrailsAreTheArithmeticItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := NewRecorder(rapid.SampledFrom([]int{1, 5, 1000}).Draw(t, "steps"))
		plain := []Maybe{Unknown, Known(Zero), Known(One)}
		traced := []Maybe{Unknown, Known(Zero), Known(One)}
		for range rapid.IntRange(1, 6).Draw(t, "inputs") {
			x := NewDecimal(rapid.Int64Range(-1_000_000, 1_000_000).Draw(t, "number"), rapid.Int32Range(-4, 2).Draw(t, "exponent"))
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				plain, traced = append(plain, Unknown), append(traced, r.Missing(Label{What: "gone"}))
			case 1:
				plain, traced = append(plain, Known(x)), append(traced, Known(x))
			default:
				plain, traced = append(plain, Known(x)), append(traced, r.Input(x, Label{What: "given"}))
			}
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			i, j := rapid.IntRange(0, len(plain)-1).Draw(t, "left"), rapid.IntRange(0, len(plain)-1).Draw(t, "right")
			if places(plain[i]) > 200 || places(plain[j]) > 200 {
				continue // products of products of quotients grow without end
			}
			var a, b Maybe
			switch rapid.IntRange(0, 7).Draw(t, "operation") {
			case 0, 1:
				a, b = plain[i].Add(plain[j]), traced[i].Add(traced[j])
			case 2, 3:
				a, b = plain[i].Sub(plain[j]), traced[i].Sub(traced[j])
			case 4:
				a, b = plain[i].Mul(plain[j]), traced[i].Mul(traced[j])
			case 5:
				a, b = plain[i].Quo(plain[j]), traced[i].Quo(traced[j])
			case 6:
				a, b = plain[i].Neg(), traced[i].Neg()
			case 7:
				part, whole := NewDecimal(rapid.Int64Range(1, 5).Draw(t, "part"), 0), NewDecimal(rapid.Int64Range(5, 9).Draw(t, "whole"), 0)
				a, b = plain[i].Share(part, whole), traced[i].Share(part, whole)
			}
			if rapid.Bool().Draw(t, "named") {
				b = b.Named("step", "n")
			}
			if a.IsKnown() != b.IsKnown() || a.String() != b.String() {
				t.Fatalf("%s without a trail, %s with one", a, b)
			}
			if trail := b.Trail(); trail != nil && trail.Value().String() != b.String() && !trail.number.Equal(b.number) {
				t.Fatalf("the trail of %s ends at %s", b, trail.Value())
			}
			plain, traced = append(plain, a), append(traced, b)
		}
		seen := map[*Trail]bool{}
		for _, m := range traced {
			checkTrail(t, m.Trail(), seen)
		}
	})
}

func places(m Maybe) int { return len(m.String()) }

func TestSumsAreFlatUpToNames(t *testing.T) {
	r := NewRecorder(100)
	in := func(n int64, name string) Maybe { return r.Input(NewDecimal(n, 0), Label{What: name}) }
	cost := Known(Zero).Add(in(10, "a")).Add(in(20, "b")).Sub(in(5, "c")).Named("cost", "")
	profit := in(100, "value").Sub(cost).Add(in(1, "d")).Sub(in(2, "e")).Sub(Known(Zero))

	operation, inputs := profit.Trail().Step()
	if operation != OperationSum || len(inputs) != 4 {
		t.Fatalf("%s of %d", operation, len(inputs))
	}
	for i, want := range []struct {
		name    string
		negated bool
	}{{"value", false}, {"cost", true}, {"d", false}, {"e", true}} {
		if inputs[i].Label().What != want.name || inputs[i].Negated != want.negated {
			t.Errorf("input %d is %q, negated %t", i, inputs[i].Label().What, inputs[i].Negated)
		}
	}
	operation, inputs = cost.Trail().Step()
	if operation != OperationSum || len(inputs) != 3 || !inputs[2].Negated {
		t.Errorf("%s of %d", operation, len(inputs))
	}
	operation, inputs = in(3, "x").Sub(in(1, "y")).Sub(in(1, "z")).Trail().Step()
	if operation != OperationDifference || len(inputs) != 3 || inputs[1].Negated {
		t.Errorf("%s of %d", operation, len(inputs))
	}
	if operation, inputs = profit.Named("profit", "").Named("result", "").Trail().Step(); operation != OperationSum || len(inputs) != 1 {
		t.Errorf("%s of %d", operation, len(inputs))
	}
}

// Parts that are shared back and forth would unfold into 2^n terms; the bound keeps them folded and right.
func TestSharedPartsDoNotUnfoldWithoutEnd(t *testing.T) {
	r := NewRecorder(1000)
	x := r.Input(One, Label{What: "one"})
	for range 40 {
		x = x.Add(x)
	}
	_, inputs := x.Trail().Step()
	sum := Zero
	for _, in := range inputs {
		sum = sum.Add(in.number)
	}
	if len(inputs) > termsMax+100 || !sum.Equal(NewDecimal(1<<40, 0)) {
		t.Errorf("%d terms that sum to %s", len(inputs), sum)
	}
}

func TestAnUnknownSaysWhatIsMissing(t *testing.T) {
	r := NewRecorder(10)
	rate := r.Missing(Label{What: "rate of", Of: "USD"})
	worth := r.Input(NewDecimal(5, 0), Label{What: "amount"}).Mul(rate)
	if worth.IsKnown() {
		t.Fatal("known")
	}
	_, inputs := worth.Trail().Step()
	if len(inputs) != 2 || inputs[1].Label().Of != "USD" || inputs[1].Value().IsKnown() {
		t.Errorf("%+v", inputs)
	}
}

func BenchmarkMaybeWithoutTrail(b *testing.B) {
	x, y, rate := Known(MustParse("1234.56")), Known(MustParse("78.9")), Known(MustParse("1.0821"))
	for b.Loop() {
		sum := x.Add(y).Sub(rate)
		x = x.Add(sum.Mul(rate)).Sub(sum.Mul(rate))
		if !x.IsKnown() {
			b.Fatal("unknown")
		}
		x = Known(MustParse("1234.56"))
	}
}
