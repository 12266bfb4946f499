package alert

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"folioscope/internal/money"
)

// rateTerm is the figure that rate("EUR", "USD") is.
const rateTerm = "rate"

// portfolioFigures are those of the portfolio itself, by what they are called in expressions.
var portfolioFigures = map[string]func(*Facts) *money.Decimal{
	"portfolio.value":        func(f *Facts) *money.Decimal { return f.Value },
	"portfolio.cash":         func(f *Facts) *money.Decimal { return f.Cash },
	"portfolio.gain":         func(f *Facts) *money.Decimal { return f.Gain },
	"portfolio.gain_percent": (*Facts).GainPercent,
	"day.change":             func(f *Facts) *money.Decimal { return f.DayChange },
	"day.change_percent":     func(f *Facts) *money.Decimal { return f.DayChangePercent },
}

// holdingFigures are those of one holding. A weight is a share (0.2 is a fifth of the portfolio); what ends in percent is in percent.
var holdingFigures = map[string]func(*Holding) *money.Decimal{
	"weight": func(h *Holding) *money.Decimal {
		return money.FromPointer(h.Weight).Times(hundredth).Pointer()
	},
	"price":              func(h *Holding) *money.Decimal { return h.Price },
	"value":              func(h *Holding) *money.Decimal { return h.Value },
	"gain_percent":       func(h *Holding) *money.Decimal { return h.GainPercent },
	"day_change_percent": func(h *Holding) *money.Decimal { return h.DayChangePercent },
}

func listed[F any](figures map[string]F) string {
	return strings.Join(slices.Sorted(maps.Keys(figures)), ", ")
}

// figuresOf gives an expression its terms, and nothing else.
type figuresOf struct {
	terms []term
	facts *Facts
}

var _ cel.Activation = figuresOf{}

// ResolveName gives a term as a double, or why it is missing.
func (a figuresOf) ResolveName(name string) (any, bool) {
	at, err := strconv.Atoi(strings.TrimPrefix(name, "@"))
	if err != nil || at < 0 || at >= len(a.terms) {
		return nil, false
	}
	value, why := a.terms[at].of(a.facts)
	if value == nil {
		return types.WrapErr(missing(why)), true
	}
	return types.Double(value.Float64()), true
}

// Parent is nil: there is nothing behind the terms.
func (figuresOf) Parent() cel.Activation { return nil }

// of is a term's value, or why there is none.
func (t term) of(f *Facts) (value *money.Decimal, why string) {
	switch figure := portfolioFigures[t.what]; {
	case figure != nil:
		return figure(f), fmt.Sprintf("%s isn't known.", t.what)
	case t.what == rateTerm:
		return f.Rates.Cross(money.Currency(t.first), money.Currency(t.other)), fmt.Sprintf("The rate of %s in %s isn't known.", t.first, t.other)
	}
	var found *Holding
	for i := range f.Holdings {
		switch h := &f.Holdings[i]; {
		case h.Symbol != t.first && string(h.Instrument) != t.first:
		case found != nil:
			return nil, fmt.Sprintf("More than one holding is called %s.", t.first)
		default:
			found = h
		}
	}
	if found == nil {
		return nil, fmt.Sprintf("%s isn't held.", t.first)
	}
	return holdingFigures[t.what](found), fmt.Sprintf("The %s of %s isn't known.", strings.ReplaceAll(t.what, "_", " "), t.first)
}
