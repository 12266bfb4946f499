package figures

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// amountFigure is a figure that the walk's arithmetic recorded.
type amountFigure[From any] struct {
	name, label, note string
	get               func(From) money.Maybe
}

// totalFigures are those of the whole portfolio, in the base currency.
func totalFigures() []amountFigure[*Output] {
	return []amountFigure[*Output]{
		{"totals.value", "value", "Every position at its last price and the day's rate, and cash.", func(o *Output) money.Maybe { return o.Totals.Value }},
		{"totals.cash", "cash", "Every account's cash at the day's rates.", func(o *Output) money.Maybe { return o.Totals.Cash }},
		{"totals.cost", "cost", "What the lots that are still there cost, at the rates of the days they were bought.", func(o *Output) money.Maybe { return o.Totals.Cost }},
		{"totals.unrealised", "unrealised gain", "Value less cost of what is still there.", func(o *Output) money.Maybe { return o.Totals.Unrealised }},
		{"totals.realised", "realised gain", "Proceeds less cost of what was disposed of in the period.", func(o *Output) money.Maybe { return o.Totals.Realised }},
		{"totals.income", "income", "Dividends and interest of the period, before tax.", func(o *Output) money.Maybe { return o.Totals.Income }},
		{"totals.fees", "fees", "All fees of the period, those inside of cost and proceeds too.", func(o *Output) money.Maybe { return o.Totals.Fees }},
		{"totals.taxes", "taxes", "All taxes of the period, those inside of cost and proceeds too.", func(o *Output) money.Maybe { return o.Totals.Taxes }},
		{"totals.fx_effect", "effect of exchange rates", "Cost in its own currency times the change of the rate, and the exchange result on cash: a part of the gains, not beside them.", func(o *Output) money.Maybe { return o.Totals.FXEffect }},
		{"totals.paid_in", "paid in", "Money and securities that came from outside in the period.", func(o *Output) money.Maybe { return o.Totals.PaidIn }},
		{"totals.taken_out", "taken out", "Money and securities that went outside in the period.", func(o *Output) money.Maybe { return o.Totals.TakenOut }},
		{"totals.value_start", "value at the start", "Holdings before the first day, at the prices and rates of the day before.", func(o *Output) money.Maybe { return o.Totals.ValueStart }},
		{"totals.profit", "profit", "Value less value at the start less what was paid in, and what was taken out.", func(o *Output) money.Maybe { return o.Totals.Profit }},
		{"identity.difference", "difference", "Profit less what its parts sum to: 0, to the last digit.", func(o *Output) money.Maybe { return o.Identity.Difference }},
		{"returns.modified_dietz", "Modified Dietz return", "Profit over the value at the start and the flows, each weighed by the share of the period that it was there.", func(o *Output) money.Maybe { return o.Returns.ModifiedDietz }},
		{"returns.simple", "simple return", "Profit over the value at the start and what was paid in.", func(o *Output) money.Maybe { return o.Returns.Simple }},
	}
}

// positionFigures are those of one position.
func positionFigures() []amountFigure[*PositionLine] {
	return []amountFigure[*PositionLine]{
		{"quantity", "quantity", "What was bought and came in less what was sold and went out, through every split.", nil},
		{"average_cost", "average cost", "Cost per unit.", func(p *PositionLine) money.Maybe { return p.AverageCost }},
		{"cost", "cost", "What the lots that are still there cost.", func(p *PositionLine) money.Maybe { return p.Cost }},
		{"cost_base", "cost", "What the lots that are still there cost, at the rates of the days they were bought.", func(p *PositionLine) money.Maybe { return p.CostBase }},
		{"price", "price", "The last one known by the end of the period; an older one is divided by the splits since.", func(p *PositionLine) money.Maybe { return p.Price }},
		{"value", "value", "Quantity times price.", func(p *PositionLine) money.Maybe { return p.Value }},
		{"value_base", "value", "Quantity times price times the day's rate.", func(p *PositionLine) money.Maybe { return p.ValueBase }},
		{"unrealised_base", "unrealised gain", "Value less cost.", func(p *PositionLine) money.Maybe { return p.UnrealisedBase }},
		{"realised_base", "realised gain", "Proceeds less cost of what was disposed of in the period.", func(p *PositionLine) money.Maybe { return p.RealisedBase }},
		{"income_base", "income", "Dividends and interest of the period, before tax.", func(p *PositionLine) money.Maybe { return p.IncomeBase }},
		{"fees_base", "fees", "All fees of the period, those inside of cost and proceeds too.", func(p *PositionLine) money.Maybe { return p.FeesBase }},
		{"taxes_base", "taxes", "All taxes of the period, those inside of cost and proceeds too.", func(p *PositionLine) money.Maybe { return p.TaxesBase }},
		{"fx_effect_base", "effect of exchange rates", "Cost in its own currency times the change of the rate: a part of the gains, not beside them.", func(p *PositionLine) money.Maybe { return p.FXEffectBase }},
		{"profit_base", "profit", "Realised and unrealised gain since the start, and income, less fees and taxes outside of cost.", func(p *PositionLine) money.Maybe { return p.ProfitBase }},
	}
}

// figure finds a figure by its path into evaluate's output.
func (t *trail) figure(path string) (trailStep, bool) {
	for _, f := range totalFigures() {
		if f.name != path {
			continue
		}
		unit := string(t.base)
		if strings.HasPrefix(path, "returns.") {
			unit = unitRate
		}
		s := t.amount(f.get(&t.out), f.label, unit).with(f.note)
		if s.Value == nil && strings.HasPrefix(path, "returns.") {
			s = t.unknownRate(f.label, f.note)
		}
		return s, true
	}
	if rest, ok := strings.CutPrefix(path, "positions["); ok {
		return t.positionFigure(rest)
	}
	for _, f := range rateFigures() {
		if f.name == path {
			return f.explain(t), true
		}
	}
	for _, f := range yieldFigures() {
		if f.name == path && t.earnings != nil {
			return t.yield(f)
		}
	}
	return trailStep{}, false
}

// yieldFigures are what the open positions paid in the twelve months up to the end of the period.
func yieldFigures() []amountFigure[*Earnings] {
	const paid = "Dividends and interest of the open positions in the twelve months up to the end of the period, before tax"
	return []amountFigure[*Earnings]{
		{"income.yield_trailing", "dividend yield", paid + ", over their value.", func(e *Earnings) money.Maybe { return e.Trailing.OnValue }},
		{"income.yield_on_cost", "dividend yield on cost", paid + ", over their cost.", func(e *Earnings) money.Maybe { return e.Trailing.OnCost }},
		{"income.trailing", "income of the twelve months", paid + ".", func(e *Earnings) money.Maybe { return e.Trailing.Gross }},
	}
}

// yield works the income out once more, with a record.
func (t *trail) yield(f amountFigure[*Earnings]) (trailStep, bool) {
	e, err := t.earnings()
	if err != nil {
		return trailStep{}, false // the same walk was taken without an error before
	}
	unit := unitRate
	if f.name == "income.trailing" {
		unit = string(t.base)
	}
	s := t.amount(f.get(&e), f.label, unit).with(f.note)
	if s.Value == nil && unit == unitRate {
		s.Note += " It can't be known here: a price, a rate or a cost is missing, or there is nothing to divide by."
		s.Operation = OpQuotient
		s.below = func() []trailStep {
			whole := t.amount(e.Trailing.Value, "value of the open positions", string(t.base))
			if f.name == "income.yield_on_cost" {
				whole = t.amount(e.Trailing.Cost, "cost of the open positions", string(t.base))
			}
			return []trailStep{t.amount(e.Trailing.Gross, "income of the twelve months", string(t.base)), whole}
		}
	}
	return s, true
}

// positionFigure takes SYMBOL].field, or SYMBOL@ACCOUNT].field for one of several positions: without an account they are summed.
// A symbol may have brackets and dots of its own.
func (t *trail) positionFigure(rest string) (trailStep, bool) {
	end := strings.LastIndex(rest, "].")
	if end < 0 {
		return trailStep{}, false
	}
	name, field := rest[:end], rest[end+2:]
	var found []*PositionLine
	for i := range t.out.Positions {
		p := &t.out.Positions[i]
		if p.Symbol == name || p.Symbol+"@"+p.Account == name || p.Instrument != "" && (string(p.Instrument) == name || string(p.Instrument)+"@"+p.Account == name) {
			found = append(found, p)
		}
	}
	at := slices.IndexFunc(positionFigures(), func(f amountFigure[*PositionLine]) bool { return f.name == field })
	if len(found) == 0 || at < 0 {
		return trailStep{}, false
	}
	f := positionFigures()[at]
	if len(found) == 1 {
		return t.ofPosition(f, found[0], f.label+" of "+found[0].Symbol), true
	}
	if slices.ContainsFunc(found, func(p *PositionLine) bool {
		return p.Instrument != found[0].Instrument || p.Currency != found[0].Currency
	}) {
		return trailStep{}, false // one symbol, several instruments
	}
	return t.ofPositions(f, found), true
}

// ofPosition is a figure of one position.
func (t *trail) ofPosition(f amountFigure[*PositionLine], p *PositionLine, label string) trailStep {
	unit := string(p.Currency)
	switch {
	case f.get == nil:
		return t.amount(t.quantityOf(p), label, unitsOf).with(f.note)
	case strings.HasSuffix(f.name, "_base"):
		unit = string(t.base)
	case f.name == "average_cost" || f.name == "price":
		unit = per(unit, unitsOf)
	}
	return t.amount(f.get(p), label, unit).with(f.note)
}

// ofPositions is a figure of one instrument's positions in several accounts together.
func (t *trail) ofPositions(f amountFigure[*PositionLine], lines []*PositionLine) trailStep {
	of := fmt.Sprintf(" of %s in %d accounts", lines[0].Symbol, len(lines))
	summed := func(f amountFigure[*PositionLine]) trailStep {
		total, parts := money.Known(money.Zero), make([]trailStep, len(lines))
		for i, p := range lines {
			parts[i] = t.ofPosition(f, p, f.label+" of "+p.Symbol+" in "+cmp.Or(t.names[p.Account], p.Account))
			total = total.Add(money.FromPointer(parts[i].exact))
		}
		return exactStep(OpSum, total, f.label+of, parts[0].Unit, parts...).with(f.note)
	}
	switch f.name {
	case "price":
		return t.ofPosition(f, lines[0], f.label+" of "+lines[0].Symbol) // the same in all of them
	case "average_cost":
		var cost, quantity trailStep
		for _, other := range positionFigures() {
			switch other.name {
			case "cost":
				cost = summed(other)
			case "quantity":
				quantity = summed(other)
			}
		}
		average := money.FromPointer(cost.exact).Quo(money.FromPointer(quantity.exact))
		return exactStep(OpQuotient, average, f.label+of, per(cost.Unit, unitsOf), cost, quantity).with(f.note)
	}
	return summed(f)
}

// exactStep is a decimal that is worked out of other steps.
func exactStep(operation Operation, x money.Maybe, label, unit string, below ...trailStep) trailStep {
	s := decimalStep(x)
	s.Operation, s.Label, s.Unit, s.below = operation, label, unit, func() []trailStep { return below }
	return s
}

// quantityOf is a line's quantity as the walk counted it.
func (t *trail) quantityOf(p *PositionLine) money.Maybe {
	id := p.Instrument
	if id == "" {
		id = market.InstrumentID(p.Symbol)
	}
	if counted, ok := t.ended[positionKey{id, ledger.AccountID(p.Account)}]; ok {
		return counted
	}
	return money.Known(p.Quantity)
}

// figures are the paths that there are.
func (t *trail) figures() []string {
	var names []string
	for _, f := range totalFigures() {
		names = append(names, f.name)
	}
	for _, f := range rateFigures() {
		names = append(names, f.name)
	}
	for _, f := range yieldFigures() {
		if t.earnings != nil {
			names = append(names, f.name)
		}
	}
	slices.Sort(names)
	for _, f := range positionFigures() {
		names = append(names, fmt.Sprintf("positions[SYMBOL].%s", f.name))
	}
	return append(names, "positions[SYMBOL@ACCOUNT].… for one of several accounts")
}
