package figures

import (
	"cmp"
	"strings"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// PriceSource tells who gave a price or a rate of a day, and what state it was in; both may be empty.
type PriceSource func(id market.InstrumentID, on market.Date) (source, state string)

// ExplainCase works a case out once more, with a record of every step, and gives how a figure came about. A figure that there
// isn't is a fault.Invalid that lists those there are.
func ExplainCase(in Input, figure string, v TrailView) (Explanation, error) {
	in.rules.trace = newTrace(in.rules.base)
	out, err := Evaluate(in)
	if err != nil {
		return Explanation{}, err
	}
	t := trail{trace: in.rules.trace, out: out, units: units{}}
	if !in.hasFlows && in.valuations == nil {
		t.earnings = func() (Earnings, error) {
			again := in
			again.rules.trace = newTrace(in.rules.base)
			return again.evaluation().earned(out.Period.From, out.Period.To)
		}
	}
	return t.explain(figure, v)
}

// Explain is how a figure of Performance or a yield of Income came about, for the same portfolio and period. source may be nil.
func Explain(book ledger.Book, m *Market, from, to market.Date, method ledger.LotMethod, source PriceSource, figure string, v TrailView) (Explanation, error) {
	record := newTrace(book.Portfolio.BaseCurrency)
	record.sourceOf = source
	out, err := performance(book, m, from, to, method, record)
	if err != nil {
		return Explanation{}, err
	}
	t := trail{trace: record, out: out, units: units{}, names: map[string]string{}}
	for id, i := range book.Instruments {
		if i.Symbol != "" {
			t.names[string(id)] = i.Symbol
		}
	}
	for _, a := range book.Accounts {
		t.names[string(a.ID)] = a.Name
	}
	for i := range book.Activities {
		a := &book.Activities[i]
		text := a.Date.String() + " " + noun(a.Type)
		if a.Instrument != "" {
			text += " of " + cmp.Or(t.names[string(a.Instrument)], string(a.Instrument))
		}
		t.names[string(a.ID)] = text
	}
	t.earnings = func() (Earnings, error) {
		again := bookEvaluation(book, m, method)
		again.rules.trace = newTrace(book.Portfolio.BaseCurrency)
		again.rules.trace.sourceOf = source
		return again.earned(out.Period.From, out.Period.To)
	}
	return t.explain(figure, v)
}

// noun is what an activity of a type is called.
func noun(t ledger.Type) string {
	switch t {
	case ledger.Buy:
		return "purchase"
	case ledger.Sell:
		return "sale"
	case ledger.DeliverIn, ledger.DeliverOut:
		return "delivery"
	}
	return strings.ReplaceAll(string(t), "_", " ")
}

// earned is an evaluation's income.
func (v evaluation) earned(from, to market.Date) (Earnings, error) {
	var heard []earned
	w, _, err := v.walk(from, to, func(x earned) { heard = append(heard, x) })
	if err != nil {
		return Earnings{}, err
	}
	return w.earnings(heard), nil
}

func shownValue(x *string) string {
	if x == nil {
		return "unknown"
	}
	return *x
}

// valuation is the worth of the whole portfolio that a case gives for a day.
func (t *trace) valuation(x money.Decimal, on market.Date) money.Maybe {
	if t == nil {
		return money.Known(x)
	}
	return t.recorder.Input(x, money.Label{
		What: "valuation of", Of: on.String(), Unit: string(t.base), From: &Source{Kind: SourceValuation, Date: &on},
	})
}
