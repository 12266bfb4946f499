package httpapi

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"folioscope/internal/access"
	"folioscope/internal/fault"
	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/live"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// quotientPlaces is how many digits after the point weights, shares and percents are shown with.
const quotientPlaces = 8

// Period is the days that are asked for.
type Period struct {
	From string `query:"from" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" doc:"YYYY-MM-DD; left out: the beginning"`
	To   string `query:"to" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" doc:"YYYY-MM-DD; left out: today"`
}

// days is the period asked for, within first and last.
func (p Period) days(first, last market.Date) (from, to market.Date, err error) {
	from, to = first, last
	if p.From != "" {
		if from, err = market.ParseDate(p.From); err != nil {
			return from, to, fault.At("from", "This is not a date.")
		}
	}
	if p.To != "" {
		if to, err = market.ParseDate(p.To); err != nil {
			return from, to, fault.At("to", "This is not a date.")
		}
	}
	if p.From != "" && p.To != "" && from > to {
		return from, to, fault.At("from", "The period ends before it begins.")
	}
	from, to = max(from, first), min(to, last)
	return min(from, max(to, first)), max(to, first), nil
}

func (s *Server) today() market.Date { return market.DateOf(s.now().UTC()) }

// firstDay is the day of a book's first activity, today where there is none.
func firstDay(book *ledger.Book, today market.Date) market.Date {
	if len(book.Activities) == 0 {
		return today
	}
	return min(book.Activities[0].Date, today)
}

type historyInput struct {
	PortfolioPath
	Period
}

type allocationInput struct {
	PortfolioPath
	By string `query:"by" enum:"asset_class,sector,country,currency,account" default:"asset_class"`
}

func (s *Server) addFigureRoutes() {
	const tag = "Figures"
	performance := huma.Operation{
		Parameters: []*huma.Param{
			dateParam("from", "Left out: the day of the first activity"), dateParam("to", "Left out: today"),
			{Name: "lot_method", In: "query", Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"fifo", "lifo", "hifo", "average", "specific"}}, Description: "Left out: the portfolio's"},
			{Name: "lot_scope", In: "query", Schema: &huma.Schema{Type: huma.TypeString, Enum: []any{"account", "portfolio"}}, Description: "Left out: the portfolio's"},
		},
		Responses: map[string]*huma.Response{"200": {Description: "The figures of the period; with explain an Explanation", Content: jsonContent(&huma.Schema{OneOf: []*huma.Schema{s.schemaOf(Performance{}), s.schemaOf(Explanation{})}})}},
	}
	performance.Parameters = append(performance.Parameters, explainParams()...)
	s.written(route{method: "GET", path: portfolioPrefix + "/performance", class: classChart, action: access.ReadPortfolio, tag: tag, summary: "The figures of a period, as the evaluate command gives them"}, performance, s.servePerformance)
	typed(s, route{method: "GET", path: portfolioPrefix + "/history", class: classChart, action: access.ReadPortfolio, tag: tag, summary: "The daily series"}, http.StatusOK, s.history)
	typed(s, route{method: "GET", path: portfolioPrefix + "/allocation", class: classChart, action: access.ReadPortfolio, tag: tag, summary: "How the value is spread"}, http.StatusOK, s.allocation)
	typed(s, route{method: "GET", path: portfolioPrefix + "/holdings/{instrument}", class: classRead, action: access.ReadPortfolio, tag: tag, summary: "A holding with its lots, also one that is closed"}, http.StatusOK, s.holding)
	typed(s, route{method: "GET", path: portfolioPrefix + "/holdings/{instrument}/prices", class: classChart, action: access.ReadPortfolio, tag: tag, summary: "A holding's daily closes and trades, raw and as drawn across splits"}, http.StatusOK, s.holdingPrices)
}

func dateParam(name, description string) *huma.Param {
	return &huma.Param{Name: name, In: "query", Schema: &huma.Schema{Type: huma.TypeString, Format: "date"}, Description: description}
}

// past is what figures of a period are worked out from.
func (s *Server) past(ctx context.Context, portfolio ledger.PortfolioID, p Period) (book *ledger.Book, m *figures.Market, from, to market.Date, err error) {
	return s.pastBeside(ctx, portfolio, p, nil)
}

// pastBeside is past with the prices of one more instrument, and the rates of its currency.
func (s *Server) pastBeside(ctx context.Context, portfolio ledger.PortfolioID, p Period, other *market.Instrument) (book *ledger.Book, m *figures.Market, from, to market.Date, err error) {
	c := callOf(ctx)
	if book, err = s.journal.Book(ctx, c.owner(), portfolio, c.sequence); err != nil {
		return book, nil, from, to, err
	}
	today := s.today()
	if from, to, err = p.days(firstDay(book, today), today); err != nil {
		return book, nil, from, to, err
	}
	priced := book
	if other != nil {
		wider := *book // the book itself is shared
		wider.Instruments = maps.Clone(book.Instruments)
		if wider.Instruments == nil {
			wider.Instruments = map[market.InstrumentID]market.Instrument{}
		}
		wider.Instruments[other.ID] = *other
		priced = &wider
	}
	if m, err = s.journal.Market(ctx, priced); err != nil {
		return book, nil, from, to, err
	}
	if to >= today {
		m = s.live.WithMarks(priced, m)
	}
	return book, m, from, to, nil
}

// servePerformance writes what figures give as it is: its encoding is evaluate's contract.
func (s *Server) servePerformance(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	method, scope := ledger.LotMethod(query.Get("lot_method")), ledger.LotScope(query.Get("lot_scope"))
	if method != "" && !slices.Contains(ledger.LotMethods(), method) {
		s.fail(w, r, fault.At("lot_method", "The lot method is fifo, lifo, hifo, average or specific."))
		return
	}
	if scope != "" && scope != ledger.ScopeAccount && scope != ledger.ScopePortfolio {
		s.fail(w, r, fault.At("lot_scope", "The scope of lots is account or portfolio."))
		return
	}
	book, m, from, to, err := s.past(r.Context(), portfolioID(r), Period{From: query.Get("from"), To: query.Get("to")})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	as := *book // the book itself is shared
	as.Portfolio.LotMethod, as.Portfolio.LotScope = cmp.Or(method, book.Portfolio.LotMethod), cmp.Or(scope, book.Portfolio.LotScope)
	if as.Portfolio.LotMethod != book.Portfolio.LotMethod || as.Portfolio.LotScope != book.Portfolio.LotScope {
		if err := lotsFit(book, as.Portfolio.LotMethod, as.Portfolio.LotScope, method != ""); err != nil {
			s.fail(w, r, err)
			return
		}
	}
	if query.Has("explain") {
		s.serveExplanation(w, r, as, m, from, to)
		return
	}
	out, err := figures.Performance(as, m, from, to, "")
	if err != nil {
		s.fail(w, r, fmt.Errorf("work out performance: %w", err))
		return
	}
	s.answer(w, http.StatusOK, out)
}

func (s *Server) history(ctx context.Context, in *historyInput) (*answer[History], error) {
	book, m, from, to, err := s.past(ctx, ledger.PortfolioID(in.ID), in.Period)
	if err != nil {
		return nil, err
	}
	out := History{BaseCurrency: string(book.Portfolio.BaseCurrency), From: from.String(), To: to.String(), Series: []HistoryPoint{}, Gaps: []PriceGap{}, Problems: []Trouble{}}
	if len(book.Activities) == 0 {
		return &answer[History]{out}, nil
	}
	daily, err := figures.History(*book, m, from, to)
	if err != nil {
		return nil, fmt.Errorf("work out history: %w", err)
	}
	for i := range daily.Len() {
		day := daily.Day(i)
		out.Series = append(out.Series, HistoryPoint{
			Date: day.Date.String(), Value: maybe(day.Value), PaidIn: maybe(day.PaidIn), TakenOut: maybe(day.TakenOut), NetPaidIn: maybe(day.NetPaidIn),
			TWR: float(day.TWR), Drawdown: float(day.Drawdown),
		})
	}
	gaps, err := figures.PriceGaps(*book, m, from, to)
	if err != nil {
		return nil, fmt.Errorf("find gaps: %w", err)
	}
	for _, g := range gaps {
		gap := PriceGap{InstrumentID: given(string(g.Instrument)), Symbol: string(g.Currency), Name: "Rate of " + string(g.Currency), After: g.After.String()}
		if g.Instrument != "" {
			gap.Symbol, gap.Name = named(book, g.Instrument)
		}
		if g.Before != nil {
			before := g.Before.String()
			gap.Before = &before
		}
		out.Gaps = append(out.Gaps, gap)
	}
	for _, p := range slices.Concat(daily.Problems, figures.GapProblems(gaps)) {
		out.Problems = append(out.Problems, Trouble(p))
	}
	return &answer[History]{out}, nil
}

func (s *Server) allocation(ctx context.Context, in *allocationInput) (*answer[Allocation], error) {
	now, book, err := s.valued(ctx, ledger.PortfolioID(in.ID))
	if err != nil {
		return nil, err
	}
	shares, err := figures.Allocation(now.Valuation, now.Held.Holdings, *book, figures.By(in.By))
	if err != nil {
		return nil, fmt.Errorf("work out allocation: %w", err)
	}
	out := Allocation{By: in.By, BaseCurrency: string(shares.Base), Value: maybe(shares.Value), Items: []AllocationItem{}, Unvalued: []Unvalued{}}
	for _, g := range shares.Groups {
		item := AllocationItem{Key: g.Key, Label: labelOf(figures.By(in.By), g.Key, book), Value: g.Value.String(), Share: shareOf(g.Share), Items: []AllocationLeaf{}}
		for _, x := range g.Items {
			leaf := AllocationLeaf{
				InstrumentID: given(string(x.Instrument)), Symbol: string(x.Currency), Name: "Cash in " + string(x.Currency), Value: x.Value.String(), Share: shareOf(x.Share),
				DayChangePercent: rounded(x.DayChangePercent), ReturnPercent: rounded(x.ReturnPercent),
			}
			if i, ok := book.Instruments[x.Instrument]; ok {
				leaf.Symbol, leaf.Name = i.Symbol, i.Name
			}
			item.Items = append(item.Items, leaf)
		}
		out.Items = append(out.Items, item)
	}
	for _, id := range shares.Unvalued {
		i := book.Instruments[id]
		out.Unvalued = append(out.Unvalued, Unvalued{InstrumentID: string(id), Symbol: i.Symbol, Name: i.Name})
	}
	return &answer[Allocation]{out}, nil
}

var classLabels = map[market.Class]string{
	market.Stock: "Stocks", market.ETF: "ETFs", market.Fund: "Funds", market.Bond: "Bonds", market.Crypto: "Crypto", market.Other: "Other", "cash": "Cash",
	market.Property: "Property", market.Private: "Private holdings",
}

// labelOf is what a group is called; screens translate what they know themselves.
func labelOf(by figures.By, key string, book *ledger.Book) string {
	switch by {
	case figures.ByClass:
		if label, ok := classLabels[market.Class(key)]; ok {
			return label
		}
	case figures.ByAccount:
		for _, a := range book.Accounts {
			if string(a.ID) == key {
				return a.Name
			}
		}
	}
	if key == "" {
		return "Not classified"
	}
	return key
}

// valued is a portfolio at current marks together with its book at the same sequence.
func (s *Server) valued(ctx context.Context, portfolio ledger.PortfolioID) (live.Valued, *ledger.Book, error) {
	c := callOf(ctx)
	now, err := s.live.Value(ctx, c.owner(), portfolio, c.sequence)
	if err != nil {
		return now, nil, err
	}
	book, err := s.journal.Book(ctx, c.owner(), portfolio, now.Held.Portfolio.Sequence)
	return now, book, err
}

// rateOf is base units for 1 unit of a currency within a valuation.
func rateOf(v figures.Valuation, c money.Currency) money.Maybe {
	if c == v.Base {
		return money.Known(money.One)
	}
	for _, r := range v.Rates {
		if r.Currency == c {
			return r.Rate
		}
	}
	return money.Unknown
}

func maybe(m money.Maybe) *string { return decimal(m.Pointer()) }

// rounded is a quotient as it is shown.
func rounded(m money.Maybe) *string {
	x, ok := m.Get()
	if !ok {
		return nil
	}
	text := x.Round(quotientPlaces).Reduced().String()
	return &text
}

func shareOf(m money.Maybe) string {
	if text := rounded(m); text != nil {
		return *text
	}
	return "0"
}

// float is a rate as a plain decimal.
func float(x *float64) *string {
	if x == nil {
		return nil
	}
	text := strconv.FormatFloat(*x, 'f', -1, 64)
	return &text
}
