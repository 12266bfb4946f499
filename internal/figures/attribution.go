package figures

import (
	"cmp"
	"slices"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// ProfitPart is what one holding, all its accounts together, or the cash added to the profit of a period, in the base
// currency. Price + Currency + Income − Costs = Profit to the last digit.
type ProfitPart struct {
	Instrument    market.InstrumentID // empty for cash
	Price         money.Maybe         // realised and unrealised gains without costs and currency, at the rates of when things were paid
	Currency      money.Maybe         // evaluate's fx_effect: cost · (rate at sale or end − rate at acquisition or opening); of cash its FX result
	Income        money.Maybe         // gross dividends and interest
	Costs         money.Maybe         // fees and taxes, those inside cost or proceeds too
	Profit        money.Maybe         // evaluate's profit_base
	ShareOfProfit money.Maybe         // profit / the whole profit, to 34 digits; unknown where that is 0
	Contribution  money.Maybe         // profit / the capital that Modified Dietz divides by: contributions sum to modified_dietz
}

// Attribution is a period's profit by what it came from. Items and cash sum to Profit to the last digit, their currency
// effects, income and costs to evaluate's totals.
type Attribution struct {
	Base     money.Currency
	From, To market.Date
	Profit   money.Maybe
	Items    []ProfitPart // of all that was held or earned something in the period, by profit falling, what is unknown last
	Cash     ProfitPart   // interest, costs not tied to an instrument, and the FX result on cash
	Problems []Problem
}

// Contributions works out what each holding added to the profit of a period, both days whole; market.NoDate as from begins
// with the first activity. Lots are matched by the portfolio's own method; holdings' profits don't depend on it but where a
// spin-off, merger or rename moved cost between them.
func Contributions(book ledger.Book, m *Market, from, to market.Date) (Attribution, error) {
	w, err := walkBook(book, m, from, to, nil)
	if err != nil {
		return Attribution{}, err
	}
	amounts, _ := w.amounts(period{from: w.from, to: to}, w.start)
	out := Attribution{Base: w.base, From: w.from, To: to, Profit: amounts.Totals.Profit}
	for _, p := range w.sorted() {
		line := w.line(p, to)
		part := ProfitPart{
			Instrument: p.instrument, Currency: line.FXEffectBase, Income: line.IncomeBase, Costs: line.FeesBase.Add(line.TaxesBase), Profit: line.ProfitBase,
		}
		if line.Quantity.IsZero() && p.closed < w.from && part.nothing() {
			continue
		}
		if n := len(out.Items); n > 0 && out.Items[n-1].Instrument == part.Instrument {
			out.Items[n-1].add(part)
		} else {
			out.Items = append(out.Items, part)
		}
	}
	out.Cash = ProfitPart{Currency: money.Known(money.Zero), Income: w.income, Costs: w.fees.Add(w.taxes)}
	if w.tracked {
		out.Cash.Currency = w.exchanged(w.cashWorth(to))
	}
	out.Cash.Profit = out.Cash.Currency.Add(out.Cash.Income).Sub(out.Cash.Costs)
	out.weigh(w)
	out.Problems = w.gapsFound()
	return out, nil
}

// exchanged is what exchange rates did to cash: what it gained beyond its movements, given what it is worth at the end.
func (k *bookkeeper) exchanged(worth money.Maybe) money.Maybe {
	start, moved := k.cashStart.Named("cash at the start", ""), k.moved.Named("movements of cash at the rates of their days", "")
	return worth.Sub(start).Sub(moved).Named("exchange result on cash", "")
}

// weigh finishes the parts, which need the whole, and orders them.
func (a *Attribution) weigh(w walked) {
	flows := w.track.flowsWithin(a.From, a.To)
	finish := func(p *ProfitPart) {
		p.Price = p.Profit.Sub(p.Currency).Sub(p.Income).Add(p.Costs)
		p.ShareOfProfit = p.Profit.Quo(a.Profit)
		p.Contribution = modifiedDietz(p.Profit, w.start, flows, a.From, a.To)
	}
	for i := range a.Items {
		finish(&a.Items[i])
	}
	finish(&a.Cash)
	if a.Profit.IsKnown() && !a.Cash.Contribution.IsKnown() {
		w.problems.add("contribution", "the capital that was invested on average isn't above 0")
	}
	slices.SortStableFunc(a.Items, func(x, y ProfitPart) int {
		return cmp.Or(biggest(x.Profit, y.Profit), cmp.Compare(x.Instrument, y.Instrument))
	})
}

func (p *ProfitPart) add(o ProfitPart) {
	p.Currency, p.Income = p.Currency.Add(o.Currency), p.Income.Add(o.Income)
	p.Costs, p.Profit = p.Costs.Add(o.Costs), p.Profit.Add(o.Profit)
}

// nothing says whether nothing came of it.
func (p *ProfitPart) nothing() bool {
	for _, part := range [...]money.Maybe{p.Currency, p.Income, p.Costs, p.Profit} {
		if x, ok := part.Get(); !ok || !x.IsZero() {
			return false
		}
	}
	return true
}
