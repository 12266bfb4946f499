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
	Worth  bool             // what it is worth is enough

	Sequence int64 // the portfolio at this one or a later one
	Newest   bool  // it may be at a later one than anybody told of
}

// Portfolios value portfolios.
type Portfolios interface {
	// Facts gives a portfolio of an owner's with what is asked of it. fault.NotFound where it is gone.
	Facts(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, asked Asked) (Valued, error)
	// Scene is where a rule's occurrences are looked for, without Now and Zone. fault.NotFound where its portfolio is gone.
	Scene(ctx context.Context, owner ledger.OwnerID, r *alert.Rule) (alert.Scene, error)
}

// PortfolioKey names a portfolio with its owner.
type PortfolioKey struct {
	Owner     ledger.OwnerID
	Portfolio ledger.PortfolioID
}

// watched is a portfolio that rules are about. It is valued when a price in it or the portfolio itself changed, once however much did.
type watched struct {
	key   PortfolioKey
	rules []*rule
	needs []market.InstrumentID

	sequence int64 // the newest that a hint told of
	unheard  bool  // hints may have been lost since it was valued

	busy  bool
	again bool // something changed meanwhile
}

// watch adds a rule about a portfolio.
func (e *Engine) watch(r *rule) {
	k := PortfolioKey{r.Owner, r.Condition.Portfolio}
	w := e.watches[k]
	if w == nil {
		w = &watched{key: k, unheard: true}
		e.watches[k] = w
	}
	w.rules = append(w.rules, r)
	e.value(w)
}

// unwatch takes it out.
func (e *Engine) unwatch(r *rule) {
	w := e.watches[PortfolioKey{r.Owner, r.Condition.Portfolio}]
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
	asked := w.asks(e.cursor)
	w.busy, w.again, w.unheard = true, false, false
	e.work(&e.values, func(ctx context.Context) func() {
		valued, err := e.facts(ctx, w.key, asked)
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
	asked := Asked{Quotes: quotes, Worth: true, Sequence: w.sequence, Newest: w.unheard}
	for _, r := range w.rules {
		asked.Worth = asked.Worth && r.Condition.Kind == alert.Value
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

// facts are from the book where that says enough.
func (e *Engine) facts(ctx context.Context, key PortfolioKey, asked Asked) (Valued, error) {
	if asked.Worth && e.o.Keeper != nil {
		if worth, ok, err := e.o.Keeper.Worth(ctx, key, asked.Quotes); ok || err != nil {
			return worth, err
		}
	}
	return e.o.Portfolios.Facts(ctx, key.Owner, key.Portfolio, asked)
}

// tellKeeper says which prices came, and up to where the journal was read.
func (e *Engine) tellKeeper(page []Quote) {
	if e.o.Keeper != nil {
		e.o.Keeper.Accepted(page, e.cursor)
	}
}

func (e *Engine) valued(w *watched, valued Valued, err error) {
	if err != nil && !fault.Is(err, fault.NotFound) {
		e.complain("a portfolio with alert rules could not be valued; it is tried again", err)
		w.unheard = true
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
			w.unheard = true
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
	case e.portfolios <- hint:
	default:
		ask(e.everything)
	}
}
