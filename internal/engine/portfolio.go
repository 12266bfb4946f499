package engine

import (
	"context"
	"slices"

	"folioscope/internal/alert"
	"folioscope/internal/event"
	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Valued is a portfolio as it is now.
type Valued struct {
	Facts *alert.Facts
	Needs []market.InstrumentID // whose prices change it: what it holds, and rates
}

// Asked is what rules need of a portfolio.
type Asked struct {
	Quotes int64            // prices no older than this sequence of the quotes' journal
	Days   int              // of its index; 0 for none
	Rates  []money.Currency // besides those that it is valued with
}

// Portfolios value portfolios.
type Portfolios interface {
	// Facts gives a portfolio of an owner's with what is asked of it. fault.NotFound where it is gone.
	Facts(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, asked Asked) (Valued, error)
	// Scene is where a rule's occurrences are looked for, without Now and Zone. fault.NotFound where its portfolio is gone.
	Scene(ctx context.Context, owner ledger.OwnerID, r *alert.Rule) (alert.Scene, error)
}

// portfolioKey names a portfolio with its owner.
type portfolioKey struct {
	owner     ledger.OwnerID
	portfolio ledger.PortfolioID
}

// watched is a portfolio that rules are about. It is valued when a price in it or the portfolio itself changed, once however much did.
type watched struct {
	key   portfolioKey
	rules []*rule
	needs []market.InstrumentID
	busy  bool
	again bool // something changed meanwhile
}

// watch adds a rule about a portfolio.
func (e *Engine) watch(r *rule) {
	k := portfolioKey{r.Owner, r.Condition.Portfolio}
	w := e.watches[k]
	if w == nil {
		w = &watched{key: k}
		e.watches[k] = w
	}
	w.rules = append(w.rules, r)
	e.value(w)
}

// unwatch takes it out.
func (e *Engine) unwatch(r *rule) {
	w := e.watches[portfolioKey{r.Owner, r.Condition.Portfolio}]
	w.rules = slices.DeleteFunc(w.rules, func(other *rule) bool { return other == r })
	if len(w.rules) == 0 {
		e.needs(w, nil)
		delete(e.watches, w.key)
	}
}

// needs notes whose prices a portfolio changes with.
func (e *Engine) needs(w *watched, needs []market.InstrumentID) {
	if slices.Equal(w.needs, needs) {
		return
	}
	for _, id := range w.needs {
		if delete(e.holders[id], w); len(e.holders[id]) == 0 {
			delete(e.holders, id)
		}
	}
	for _, id := range needs {
		if e.holders[id] == nil {
			e.holders[id] = make(map[*watched]struct{})
		}
		e.holders[id][w] = struct{}{}
	}
	w.needs = needs
}

// value has a portfolio valued, and its rules see what it is then.
func (e *Engine) value(w *watched) {
	if w.busy {
		w.again = true
		return
	}
	w.busy, w.again = true, false
	asked := w.asks(e.cursor)
	e.work(&e.values, func(ctx context.Context) func() {
		valued, err := e.o.Portfolios.Facts(ctx, w.key.owner, w.key.portfolio, asked)
		return func() {
			w.busy = false
			if e.watches[w.key] != w {
				return // nobody asks any more
			}
			e.valued(w, valued, err)
			if w.again {
				e.value(w)
			}
		}
	})
}

// asks is what the rules about a portfolio need of it.
func (w *watched) asks(quotes int64) Asked {
	asked := Asked{Quotes: quotes}
	for _, r := range w.rules {
		switch c := &r.Condition; {
		case c.Kind == alert.Drawdown, c.Kind == alert.PortfolioChange && c.Days > 1:
			asked.Days = max(asked.Days, c.Days)
		case c.Kind == alert.Expressed:
			asked.Rates = append(asked.Rates, r.expression.Rates()...)
		}
	}
	slices.Sort(asked.Rates)
	asked.Rates = slices.Compact(asked.Rates)
	return asked
}

func (e *Engine) valued(w *watched, valued Valued, err error) {
	if err != nil && !fault.Is(err, fault.NotFound) {
		e.complain("a portfolio with alert rules could not be valued; it is tried again", err)
		e.unvalued[w] = struct{}{}
		return
	}
	e.meters.valued.Add(1)
	e.needs(w, valued.Needs)
	at := e.o.Now()
	for _, r := range w.rules {
		seen := alert.Observation{Missing: "The portfolio is gone."}
		if err == nil {
			seen = r.Condition.Observe(alert.Sight{Facts: valued.Facts, Expression: r.expression})
		}
		seen.At, seen.Subject = at, r.subject()
		e.see(r, seen)
	}
}

// valueHolders has all portfolios valued that hold what changed.
func (e *Engine) valueHolders(page []Quote) {
	for i := range page {
		for w := range e.holders[page[i].Instrument] {
			if !w.again {
				e.value(w)
			}
		}
	}
}

// revalue has those valued again that could not be, or all.
func (e *Engine) revalue(all bool) {
	if all {
		for _, w := range e.watches {
			e.unvalued[w] = struct{}{}
		}
	}
	for w := range e.unvalued {
		delete(e.unvalued, w)
		e.value(w)
	}
}

func (e *Engine) portfolioChanged(_ string, payload []byte) {
	hint, err := event.ParsePortfolioChanged(payload)
	if err != nil {
		e.o.Log.Warn("unreadable hint", "error", err)
		return
	}
	select {
	case e.portfolios <- portfolioKey{hint.OwnerID, hint.PortfolioID}:
	default:
		ask(e.everything)
	}
}
