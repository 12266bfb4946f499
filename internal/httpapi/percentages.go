package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/live"
)

// Percentages is a portfolio without amounts: how it is spread and how it did. It is made of weights, shares and rates alone; what could
// say how much there is, what it cost or what was done never gets into it.
type Percentages struct {
	ID               string              `json:"id"`
	Name             string              `json:"name"`
	BaseCurrency     string              `json:"base_currency"`
	DayChangePercent *string             `json:"day_change_percent"`
	State            string              `json:"state" enum:"live,delayed,closed,nav,manual,fallback,stale,quarantined,none"`
	StaleShare       string              `json:"stale_share" doc:"Of the value"`
	AsOf             time.Time           `json:"as_of"`
	Simulated        bool                `json:"simulated"`
	Holdings         []PercentHolding    `json:"holdings" nullable:"false"`
	Allocations      []PercentAllocation `json:"allocations" nullable:"false"`
	Period           FigureDays          `json:"period"`
	Returns          PercentReturns      `json:"returns"`
	Series           []PercentPoint      `json:"series" nullable:"false"`
}

// PercentHolding is an open position without amounts. How it did since it was bought isn't in it: with the price, which anybody can look
// up, that would say what it cost.
type PercentHolding struct {
	InstrumentID     string  `json:"instrument_id"`
	Symbol           string  `json:"symbol"`
	Name             string  `json:"name"`
	AssetClass       string  `json:"asset_class"`
	Weight           *string `json:"weight" doc:"0 to 1, to four places; null where it has no price"`
	DayChangePercent *string `json:"day_change_percent" doc:"Of the price, in its own currency"`
	State            string  `json:"state" enum:"live,delayed,closed,nav,manual,fallback,stale,quarantined,none"`
}

// PercentAllocation is how the value is spread over one kind of group.
type PercentAllocation struct {
	By    string         `json:"by" enum:"asset_class,sector,country,currency"`
	Items []PercentShare `json:"items" nullable:"false"`
}

// PercentShare is a group's part of the whole.
type PercentShare struct {
	Key   string `json:"key"`
	Label string `json:"label"`
	Share string `json:"share" doc:"0 to 1, to four places"`
}

// PercentReturns are the rates of the period, as fractions to four places.
type PercentReturns struct {
	TWR           *string `json:"twr"`
	TWRAnnualised *string `json:"twr_annualised"`
	XIRR          *string `json:"xirr"`
	XIRRStatus    string  `json:"xirr_status" enum:"ok,several,none,not_meaningful"`
	Volatility    *string `json:"volatility"`
	MaxDrawdown   *string `json:"max_drawdown"`
}

// PercentPoint is one day of the past.
type PercentPoint struct {
	Date     string  `json:"date"`
	TWR      *string `json:"twr" doc:"Since the start of the period"`
	Drawdown *string `json:"drawdown"`
}

// The groups that say nothing of how somebody keeps their things: accounts are not among them.
var percentGroups = [...]figures.By{figures.ByClass, figures.BySector, figures.ByCountry, figures.ByCurrency}

func (s *Server) addPercentageRoutes() {
	typed(s, route{method: "GET", path: portfolioPrefix + "/percentages", class: classChart, action: access.ReadPercentages, tag: "Portfolios", summary: "A portfolio without amounts: how it is spread and how it did"}, http.StatusOK, s.percentages)
}

func (s *Server) percentages(ctx context.Context, in *historyInput) (*answer[Percentages], error) {
	now, book, err := s.valued(ctx, ledger.PortfolioID(in.ID))
	if err != nil {
		return nil, err
	}
	d := now.Document
	out := Percentages{
		ID: string(d.ID), Name: d.Name, BaseCurrency: string(d.BaseCurrency), DayChangePercent: coarse(d.DayChangePercent, coarsePercentPlaces),
		State: string(d.State), StaleShare: *coarse(&d.StaleShare, coarseSharePlaces), AsOf: time.Time(d.AsOf).UTC(), Simulated: d.Simulated,
		Holdings: []PercentHolding{}, Series: []PercentPoint{},
	}
	if err := out.spread(now, book); err != nil {
		return nil, err
	}
	return &answer[Percentages]{out}, s.addPast(ctx, &out, in)
}

// spread says of what the value is made.
func (p *Percentages) spread(now live.Valued, book *ledger.Book) error {
	for _, by := range percentGroups {
		shares, err := figures.Allocation(now.Valuation, now.Held.Holdings, *book, by)
		if err != nil {
			return fmt.Errorf("work out allocation: %w", err)
		}
		one := PercentAllocation{By: string(by), Items: make([]PercentShare, 0, len(shares.Groups))}
		for _, g := range shares.Groups {
			if share := coarse(g.Share.Pointer(), coarseSharePlaces); share != nil {
				one.Items = append(one.Items, PercentShare{Key: g.Key, Label: labelOf(by, g.Key, book), Share: *share})
			}
		}
		p.Allocations = append(p.Allocations, one)
	}
	for i := range now.Document.Holdings {
		h := &now.Document.Holdings[i]
		p.Holdings = append(p.Holdings, PercentHolding{
			InstrumentID: string(h.InstrumentID), Symbol: h.Symbol, Name: h.Name, AssetClass: string(h.AssetClass), Weight: coarse(h.Weight, coarseSharePlaces),
			DayChangePercent: coarse(h.DayChangePercent, coarsePercentPlaces), State: string(h.Price.State),
		})
	}
	return nil
}

// addPast says how it did in a period.
func (s *Server) addPast(ctx context.Context, out *Percentages, in *historyInput) error {
	book, m, from, to, err := s.past(ctx, ledger.PortfolioID(in.ID), in.Period)
	if err != nil {
		return err
	}
	out.Period = figureDays(from, to)
	done, err := figures.Performance(*book, m, from, to, "")
	if err != nil {
		return fmt.Errorf("work out performance: %w", err)
	}
	out.Returns = PercentReturns{
		TWR: coarseRate(done.Returns.TWR), TWRAnnualised: coarseRate(done.Returns.TWRAnnualised), XIRR: coarseRate(done.Returns.XIRR.Rate), XIRRStatus: done.Returns.XIRR.Status,
		Volatility: coarseRate(done.Risk.Volatility), MaxDrawdown: coarseRate(done.Risk.MaxDrawdown),
	}
	if len(book.Activities) == 0 {
		return nil
	}
	daily, err := figures.History(*book, m, from, to)
	if err != nil {
		return fmt.Errorf("work out history: %w", err)
	}
	for i := range daily.Len() {
		day := daily.Day(i)
		out.Series = append(out.Series, PercentPoint{Date: day.Date.String(), TWR: coarseRate(day.TWR), Drawdown: coarseRate(day.Drawdown)})
	}
	return nil
}
