package httpapi

import (
	"context"
	"fmt"

	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/money"
)

// LotMethods is a period under every lot method and scope.
type LotMethods struct {
	Period       FigureDays   `json:"period"`
	BaseCurrency string       `json:"base_currency"`
	Items        []LotFigures `json:"items" nullable:"false" doc:"All methods in both scopes. Profit is the same in all of them, unless accounts are long and short of the same at once"`
}

// LotFigures is a period under one lot method and scope.
type LotFigures struct {
	LotMethod  string        `json:"lot_method" enum:"fifo,lifo,hifo,average,specific"`
	LotScope   string        `json:"lot_scope" enum:"account,portfolio"`
	Current    bool          `json:"current" doc:"The portfolio's own"`
	Reason     *string       `json:"reason" doc:"Why it can't be worked out: the activity that is in the way"`
	ActivityID *string       `json:"activity_id" doc:"Of that activity"`
	Realised   *string       `json:"realised"`
	Unrealised *string       `json:"unrealised"`
	Cost       *string       `json:"cost"`
	FXEffect   *string       `json:"fx_effect"`
	Profit     *string       `json:"profit"`
	Positions  []LotPosition `json:"positions" nullable:"false"`
}

// LotPosition is one instrument, all its accounts together.
type LotPosition struct {
	InstrumentID   string  `json:"instrument_id"`
	Symbol         string  `json:"symbol"`
	Name           string  `json:"name"`
	Quantity       string  `json:"quantity"`
	CostBase       *string `json:"cost_base"`
	RealisedBase   *string `json:"realised_base"`
	UnrealisedBase *string `json:"unrealised_base"`
	Lots           int     `json:"lots" doc:"How many are open"`
}

func (s *Server) lotMethods(ctx context.Context, in *historyInput) (*answer[LotMethods], error) {
	book, m, from, to, err := s.past(ctx, ledger.PortfolioID(in.ID), in.Period)
	if err != nil {
		return nil, err
	}
	all, err := figures.Methods(*book, m, from, to)
	if err != nil {
		return nil, fmt.Errorf("work out lot methods: %w", err)
	}
	out := LotMethods{Period: figureDays(from, to), BaseCurrency: string(book.Portfolio.BaseCurrency), Items: make([]LotFigures, 0, len(all))}
	for _, one := range all {
		item := LotFigures{LotMethod: string(one.Method), LotScope: string(one.Scope), Current: one.Current, Positions: []LotPosition{}}
		if one.Reason != "" {
			reason := sentence(one.Reason)
			item.Reason, item.ActivityID = &reason, given(string(one.Hindrance))
			out.Items = append(out.Items, item)
			continue
		}
		t := one.Totals
		item.Realised, item.Unrealised, item.Cost = maybe(t.Realised), maybe(t.Unrealised), maybe(t.Cost)
		item.FXEffect, item.Profit = maybe(t.FXEffect), maybe(t.Profit)
		item.Positions = lotPositions(book, one.Positions)
		out.Items = append(out.Items, item)
	}
	return &answer[LotMethods]{out}, nil
}

// lotPositions sums positions, which come by instrument, over accounts.
func lotPositions(book *ledger.Book, lines []figures.PositionLine) []LotPosition {
	out := []LotPosition{}
	for from, to := 0, 0; from < len(lines); from = to {
		quantity, lots := money.Zero, 0
		nothing := money.Known(money.Zero)
		cost, realised, unrealised := nothing, nothing, nothing
		for ; to < len(lines) && lines[to].Instrument == lines[from].Instrument; to++ {
			line := lines[to]
			quantity, lots = quantity.Add(line.Quantity), lots+len(line.Lots)
			cost, realised, unrealised = cost.Add(line.CostBase), realised.Add(line.RealisedBase), unrealised.Add(line.UnrealisedBase)
		}
		symbol, name := named(book, lines[from].Instrument)
		out = append(out, LotPosition{
			InstrumentID: string(lines[from].Instrument), Symbol: symbol, Name: name, Quantity: quantity.Reduced().String(),
			CostBase: maybe(cost), RealisedBase: maybe(realised), UnrealisedBase: maybe(unrealised), Lots: lots,
		})
	}
	return out
}
