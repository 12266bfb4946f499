package figures

import (
	"errors"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

// ByMethod is what a period comes to under one lot method and scope.
type ByMethod struct {
	Method    ledger.LotMethod
	Scope     ledger.LotScope
	Current   bool              // the portfolio's own
	Reason    string            // why it can't be worked out, safe to show; then nothing of what follows is there but the activity
	Hindrance ledger.ActivityID // the activity that is in the way
	Totals    Totals
	Positions []PositionLine // open at the end or closed within the period, by instrument and account
}

// Methods works out a period under every lot method and scope, side by side; market.NoDate as from begins with the first activity.
// Profit, value and flows are the same in all of them: a method only moves gains between realised and unrealised. What a method
// can't do is in its reason: under Specific every disposal names its lots. Each costs one walk of the activities.
func Methods(book ledger.Book, m *Market, from, to market.Date) ([]ByMethod, error) {
	own := bookEvaluation(book, nil, "").rules
	var all []ByMethod
	for _, scope := range []ledger.LotScope{ledger.ScopeAccount, ledger.ScopePortfolio} {
		for _, method := range ledger.LotMethods() {
			one := ByMethod{Method: method, Scope: scope, Current: method == own.method && scope == own.scope}
			if err := ledger.CheckLots(book, method, scope); err != nil {
				refused, ok := errors.AsType[*fault.Error](err)
				if !ok {
					return nil, err
				}
				one.Reason = refused.Message
				for _, place := range refused.Places {
					one.Hindrance = ledger.ActivityID(place.Location)
				}
				all = append(all, one)
				continue
			}
			as := book
			as.Portfolio.LotMethod, as.Portfolio.LotScope = method, scope
			w, err := walkBook(as, m, from, to, nil)
			if err != nil {
				return nil, err
			}
			out, _ := w.amounts(period{from: w.from, to: w.to}, w.start)
			name(&out, book)
			one.Totals, one.Positions = out.Totals, out.Positions
			all = append(all, one)
		}
	}
	return all, nil
}
