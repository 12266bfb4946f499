package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"folioscope/internal/event"
	"folioscope/internal/fault"
	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Lot is what is left of one acquisition.
type Lot struct {
	ID             string  `json:"id"`
	Opened         string  `json:"opened"`
	AccountID      string  `json:"account_id"`
	AccountName    string  `json:"account_name"`
	Quantity       string  `json:"quantity"`
	UnitCost       *string `json:"unit_cost"`
	Cost           *string `json:"cost"`
	CostBase       *string `json:"cost_base"`
	ValueBase      *string `json:"value_base"`
	UnrealisedBase *string `json:"unrealised_base"`
}

// HoldingDetail is one holding with its lots and what happened to it.
type HoldingDetail struct {
	Holding      Holding    `json:"holding" doc:"Of a closed one quantity, value and cost are 0; what it brought stays"`
	AverageCost  *string    `json:"average_cost"`
	Cost         *string    `json:"cost"`
	FXEffectBase *string    `json:"fx_effect_base"`
	FeesBase     *string    `json:"fees_base"`
	TaxesBase    *string    `json:"taxes_base"`
	Lots         []Lot      `json:"lots" nullable:"false"`
	Activities   []Activity `json:"activities" nullable:"false"`
	Instrument   Instrument `json:"instrument"`
}

// HoldingPrice is the close of a day.
type HoldingPrice struct {
	Date     string `json:"date"`
	Close    string `json:"close" doc:"As traded: every figure is worked out from it"`
	Adjusted string `json:"adjusted" doc:"Divided by the ratio of every later split, for drawing only"`
}

// HoldingTrade is a purchase or sale.
type HoldingTrade struct {
	ActivityID       string  `json:"activity_id"`
	Date             string  `json:"date"`
	Type             string  `json:"type" enum:"buy,sell"`
	Quantity         *string `json:"quantity"`
	Price            *string `json:"price"`
	Currency         string  `json:"currency"`
	AdjustedQuantity *string `json:"adjusted_quantity" doc:"Multiplied by the ratio of every later split, for drawing only"`
	AdjustedPrice    *string `json:"adjusted_price" doc:"Divided by it"`
}

// HoldingPrices is the past of a holding's price with its trades, raw and in today's units.
type HoldingPrices struct {
	InstrumentID string         `json:"instrument_id"`
	Currency     string         `json:"currency"`
	Prices       []HoldingPrice `json:"prices" nullable:"false"`
	Splits       []Split        `json:"splits" nullable:"false" doc:"The portfolio's own, up to today"`
	Trades       []HoldingTrade `json:"trades" nullable:"false" doc:"All there are, up to today"`
}

type holdingInput struct {
	PortfolioPath
	Instrument string `path:"instrument" maxLength:"64"`
}

type holdingPricesInput struct {
	PortfolioPath
	Period
	Instrument string `path:"instrument" maxLength:"64"`
}

var errNeverHeld = fault.New(fault.NotFound, "The portfolio never held this instrument.")

func (s *Server) holding(ctx context.Context, in *holdingInput) (*answer[HoldingDetail], error) {
	id := market.InstrumentID(in.Instrument)
	now, book, err := s.valued(ctx, ledger.PortfolioID(in.ID))
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(now.Document.Holdings, func(h event.Holding) bool { return h.InstrumentID == id })
	if at < 0 {
		return s.closedHolding(ctx, in)
	}
	out := HoldingDetail{Lots: []Lot{}, Instrument: instrumentOf(book.Instruments[id])}
	if err := json.Unmarshal(now.Document.Holdings[at].AppendJSON(nil), &out.Holding); err != nil {
		return nil, fmt.Errorf("read holding: %w", err)
	}
	accounts := accountsOf(book)
	var position figures.Position
	for _, p := range now.Valuation.Positions {
		if p.Instrument == id {
			position = p
		}
	}
	out.AverageCost, out.Cost, out.FXEffectBase = maybe(position.AverageCost), maybe(position.Cost), maybe(position.FXEffectBase)
	out.FeesBase, out.TaxesBase = maybe(position.FeesBase), maybe(position.TaxesBase)
	rate := rateOf(now.Valuation, position.Currency)
	for _, lot := range now.Held.Holdings.Lots(id) {
		value := money.Known(lot.Quantity).Mul(position.Price).Mul(rate)
		out.Lots = append(out.Lots, Lot{
			ID: string(lot.ID), Opened: lot.Opened.String(), AccountID: string(lot.Account), AccountName: accounts[lot.Account].Name, Quantity: lot.Quantity.String(),
			UnitCost: maybe(lot.UnitCost), Cost: maybe(lot.Cost), CostBase: maybe(lot.CostBase), ValueBase: maybe(value), UnrealisedBase: maybe(value.Sub(lot.CostBase)),
		})
	}
	out.Activities = happened(book, id)
	return &answer[HoldingDetail]{out}, nil
}

// closedHolding is a holding of which nothing is left.
func (s *Server) closedHolding(ctx context.Context, in *holdingInput) (*answer[HoldingDetail], error) {
	id := market.InstrumentID(in.Instrument)
	book, m, from, to, err := s.past(ctx, ledger.PortfolioID(in.ID), Period{})
	if err != nil {
		return nil, err
	}
	activities := happened(book, id)
	if len(activities) == 0 {
		return nil, errNeverHeld
	}
	all, err := figures.Performance(*book, m, from, to, "")
	if err != nil {
		return nil, fmt.Errorf("work out closed holding: %w", err)
	}
	nothing := money.Known(money.Zero)
	realised, income, profit, effect, fees, taxes := nothing, nothing, nothing, nothing, nothing, nothing
	for _, p := range all.Positions {
		if p.Instrument == id {
			realised, income, profit = realised.Add(p.RealisedBase), income.Add(p.IncomeBase), profit.Add(p.ProfitBase)
			effect, fees, taxes = effect.Add(p.FXEffectBase), fees.Add(p.FeesBase), taxes.Add(p.TaxesBase)
		}
	}
	i, zero := book.Instruments[id], "0"
	return &answer[HoldingDetail]{HoldingDetail{
		Holding: Holding{
			InstrumentID: string(id), Symbol: i.Symbol, MIC: given(i.MIC), Name: i.Name, AssetClass: string(i.Class), Currency: string(i.Currency),
			Sector: given(i.Sector), Country: given(i.Country), Quantity: zero, Price: Price{State: string(market.StateNone)}, Value: &zero, ValueBase: &zero,
			Weight: &zero, CostBase: &zero, UnrealisedBase: &zero, RealisedBase: maybe(realised), IncomeBase: maybe(income), ProfitBase: maybe(profit), Accounts: []string{},
		},
		Cost: &zero, FXEffectBase: maybe(effect), FeesBase: maybe(fees), TaxesBase: maybe(taxes), Lots: []Lot{}, Activities: activities, Instrument: instrumentOf(i),
	}}, nil
}

func (s *Server) holdingPrices(ctx context.Context, in *holdingPricesInput) (*answer[HoldingPrices], error) {
	c, id, today := callOf(ctx), market.InstrumentID(in.Instrument), s.today()
	from, to, err := in.days(market.NoDate, today)
	if err != nil {
		return nil, err
	}
	book, err := s.journal.Book(ctx, c.owner(), ledger.PortfolioID(in.ID), c.sequence)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(book.Activities, func(a ledger.Activity) bool { return a.Instrument == id || a.ToInstrument == id }) {
		return nil, errNeverHeld
	}
	series, err := s.journal.SeriesIn(ctx, book, id)
	if err != nil {
		return nil, err
	}
	drawn := figures.Draw(*book, id, series, from, to, today)
	out := HoldingPrices{
		InstrumentID: in.Instrument, Currency: string(book.Instruments[id].Currency),
		Prices: make([]HoldingPrice, 0, len(drawn.Prices)), Splits: make([]Split, 0, len(drawn.Splits)), Trades: make([]HoldingTrade, 0, len(drawn.Trades)),
	}
	for _, p := range drawn.Prices {
		out.Prices = append(out.Prices, HoldingPrice{Date: p.Date.String(), Close: p.Close.String(), Adjusted: p.Adjusted.String()})
	}
	for _, x := range drawn.Splits {
		out.Splits = append(out.Splits, Split{Date: x.Date.String(), Ratio: x.Ratio.String()})
	}
	for _, x := range drawn.Trades {
		a := x.Activity
		out.Trades = append(out.Trades, HoldingTrade{
			ActivityID: string(a.ID), Date: a.Date.String(), Type: string(a.Type), Quantity: decimal(a.Quantity), Price: decimal(a.Price), Currency: string(a.Currency),
			AdjustedQuantity: decimal(x.Quantity), AdjustedPrice: decimal(x.Price),
		})
	}
	return &answer[HoldingPrices]{out}, nil
}

// happened is what happened to an instrument or made it, newest first.
func happened(book *ledger.Book, id market.InstrumentID) []Activity {
	out, accounts := []Activity{}, accountsOf(book)
	for _, a := range slices.Backward(book.Activities) {
		if a.Instrument == id || a.ToInstrument == id {
			out = append(out, activityOf(a, accounts, book.Instruments))
		}
	}
	return out
}

func accountsOf(book *ledger.Book) map[ledger.AccountID]ledger.Account {
	accounts := make(map[ledger.AccountID]ledger.Account, len(book.Accounts))
	for _, a := range book.Accounts {
		accounts[a.ID] = a
	}
	return accounts
}
