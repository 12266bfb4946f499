package figures

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"folioscope/internal/money"
)

// per is the unit of so much of one thing for one of another: EUR/USD, USD/units.
func per(of, each string) string { return of + "/" + each }

// unitRate is the unit of what is a share of something: 0.25 is 25 %.
const unitRate = "rate"

// units finds the unit of what was worked out from those of the inputs, each once.
type units map[*money.Trail]string

func (u units) of(t *money.Trail) string {
	if unit, ok := u[t]; ok {
		return unit
	}
	unit := t.Label().Unit
	if unit == "" {
		operation, inputs := t.Step()
		switch {
		case len(inputs) == 0:
		case operation == money.OperationProduct:
			for i, in := range inputs {
				if i == 0 {
					unit = u.of(in.Trail)
				} else {
					unit = unitProduct(unit, u.of(in.Trail), false)
				}
			}
		case operation == money.OperationQuotient:
			unit = unitProduct(u.of(inputs[0].Trail), u.of(inputs[1].Trail), true)
		default: // sums and shares are in what their parts are in
			for _, in := range inputs {
				if unit = u.of(in.Trail); unit != "" {
					break
				}
			}
		}
	}
	u[t] = unit
	return unit
}

// unitProduct is the unit of a product, or of a quotient, with what cancels left out.
func unitProduct(a, b string, divided bool) string {
	above, below := split(a)
	moreAbove, moreBelow := split(b)
	if divided {
		moreAbove, moreBelow = moreBelow, moreAbove
	}
	above, below = append(above, moreAbove...), append(below, moreBelow...)
	for i := 0; i < len(above); i++ {
		if j := slices.Index(below, above[i]); j >= 0 {
			above, below = slices.Delete(above, i, i+1), slices.Delete(below, j, j+1)
			i--
		}
	}
	unit := strings.Join(above, "·")
	if len(below) > 0 {
		unit = per(cmp.Or(unit, "1"), strings.Join(below, "·"))
	}
	return unit
}

func split(unit string) (above, below []string) {
	over, under, _ := strings.Cut(unit, "/")
	parts := func(s string) []string {
		if s == "" || s == "1" {
			return nil
		}
		return strings.Split(s, "·")
	}
	return parts(over), parts(under)
}

func sortedNames[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
