package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/event"
	"folioscope/internal/figures"
	"folioscope/internal/ingest"
	"folioscope/internal/ledger"
	"folioscope/internal/live"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// PriceSource is what stands between an instrument and one source.
type PriceSource struct {
	Name  string     `json:"name"`
	State string     `json:"state" enum:"asked,no_name,unknown,not_covered,quota_spent,left_alone" doc:"asked: as usual; no_name: it has none for the instrument; unknown: it doesn't know the name; not_covered: not with our key; quota_spent and left_alone: not before until"`
	Until *time.Time `json:"until"`
}

// HistoryProgress is how far the past prices of an instrument are known, from the caller's first activity with it on.
type HistoryProgress struct {
	State  string  `json:"state" enum:"waiting,running,done,none,failed"`
	Wanted string  `json:"wanted_from" doc:"the day of the portfolio's first activity with it"`
	From   *string `json:"from" doc:"the first day with a close from then on"`
	Until  *string `json:"until" doc:"the last one"`
	Share  string  `json:"share" doc:"of the days from wanted_from to today, a fraction"`
	Source *string `json:"source"`
}

// MissingData is something that isn't there.
type MissingData struct {
	What string `json:"what" enum:"price,fresh_price,first_source,decision,history,rate"`
	Text string `json:"text"`
}

// NextStep is the one thing that a person can do.
type NextStep struct {
	Code  string     `json:"code" enum:"enter_price,name_at_source,switch_on_source,check_name,not_covered,decide_price,wait_source,wait_first_price,wait_market,wait_history,refresh,add_history"`
	Text  string     `json:"text"`
	Until *time.Time `json:"until" doc:"when what is waited for is due, where that is known"`
}

// DataItem is the state of the data of one holding, or of one exchange rate.
type DataItem struct {
	Kind         string           `json:"kind" enum:"holding,rate"`
	InstrumentID string           `json:"instrument_id"`
	Symbol       string           `json:"symbol"`
	Name         string           `json:"name"`
	Currency     string           `json:"currency"`
	AssetClass   string           `json:"asset_class"`
	State        string           `json:"state" enum:"live,delayed,closed,nav,manual,fallback,stale,quarantined,none"`
	Source       *string          `json:"source" doc:"whose price is in use"`
	FirstSource  *string          `json:"first_source" doc:"whose price it should be"`
	Price        *string          `json:"price"`
	ObservedAt   *time.Time       `json:"observed_at"`
	MarketTime   *time.Time       `json:"market_time"`
	OpenSeconds  *int64           `json:"open_seconds" doc:"time that its market was open since the price was got"`
	MarketOpen   *bool            `json:"market_open" doc:"null where it has no market"`
	MarketUntil  *time.Time       `json:"market_until" doc:"when market_open changes"`
	HeldBack     *DataHeldBack    `json:"held_back"`
	Sources      []PriceSource    `json:"sources" nullable:"false" doc:"of its chain, the first choice first"`
	History      *HistoryProgress `json:"history" doc:"null where nothing is looked for"`
	Missing      []MissingData    `json:"missing" nullable:"false"`
	ToDo         *NextStep        `json:"to_do"`
	Refreshable  bool             `json:"refreshable" doc:"whether asking for it now can help"`
	RefreshAt    *time.Time       `json:"refresh_at" doc:"when it may be asked for again; null: now"`
}

// DataHeldBack is a price that waits for a second source or a decision.
type DataHeldBack struct {
	Price      string    `json:"price"`
	Source     string    `json:"source"`
	Reason     string    `json:"reason"`
	ObservedAt time.Time `json:"observed_at"`
}

// PortfolioData is where the prices of a portfolio come from, what is missing and what to do, the worst first.
type PortfolioData struct {
	AsOf       time.Time  `json:"as_of"`
	StaleShare string     `json:"stale_share"`
	Items      []DataItem `json:"items" nullable:"false"`
	Attention  int        `json:"attention" doc:"items with something missing"`
}

func (s *Server) addDataRoutes() {
	typed(s, route{method: "GET", path: portfolioPrefix + "/data", class: classRead, action: access.ReadPortfolio, tag: "Figures", summary: "Where prices come from, what is missing and what to do"}, http.StatusOK, s.portfolioData)
}

func (s *Server) portfolioData(ctx context.Context, in *PortfolioPath) (*answer[PortfolioData], error) {
	prices, err := s.prices()
	if err != nil {
		return nil, err
	}
	now, book, err := s.valued(ctx, ledger.PortfolioID(in.ID))
	if err != nil {
		return nil, err
	}
	asked, ids := dataInstruments(now, book)
	outlooks, err := prices.Outlooks(ctx, asked)
	if err != nil {
		return nil, err
	}
	histories, err := prices.History(ctx, ids)
	if err != nil {
		return nil, err
	}
	first, today := firstDays(book), s.today()
	out := PortfolioData{AsOf: s.now().UTC(), StaleShare: now.Document.StaleShare.String(), Items: make([]DataItem, 0, len(asked))}
	for _, i := range asked {
		f := dataFacts{instrument: i, own: ledger.IsOwn(i.ID), rate: i.Class == market.FX, outlook: outlooks[i.ID], now: s.now()}
		f.state = f.outlook.State
		if at := slices.IndexFunc(now.Document.Holdings, func(h event.Holding) bool { return h.InstrumentID == i.ID }); at >= 0 {
			f.holding = &now.Document.Holdings[at]
			f.state = f.holding.Price.State
			f.valued = f.holding.ValueBase != nil
		}
		if h, known := histories[i.ID]; known && !f.rate {
			if f.history, err = s.progress(ctx, book, h, first[i.ID], today); err != nil {
				return nil, err
			}
		}
		out.Items = append(out.Items, f.item())
	}
	slices.SortStableFunc(out.Items, func(a, b DataItem) int {
		return cmp.Or(cmp.Compare(badness(a), badness(b)), strings.Compare(a.Symbol, b.Symbol))
	})
	for _, item := range out.Items {
		if len(item.Missing) > 0 {
			out.Attention++
		}
	}
	return &answer[PortfolioData]{out}, nil
}

// dataInstruments are the open positions and the rates that they need.
func dataInstruments(now live.Valued, book *ledger.Book) (all []market.Instrument, ids []market.InstrumentID) {
	for _, h := range now.Document.Holdings {
		all = append(all, book.Instruments[h.InstrumentID])
		ids = append(ids, h.InstrumentID)
	}
	for _, r := range ratesNeeded(now.Valuation) {
		all = append(all, market.Instrument{ID: market.RateID(r), Symbol: string(market.RateBase) + string(r), Name: string(r), Currency: r, Class: market.FX})
	}
	return all, ids
}

// ratesNeeded are the currencies whose rates a valuation uses: each is quoted against the euro.
func ratesNeeded(v figures.Valuation) (all []money.Currency) {
	add := func(c money.Currency) {
		if c != market.RateBase && !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	for _, r := range v.Rates {
		if r.Currency != v.Base {
			add(r.Currency)
			add(v.Base)
		}
	}
	slices.Sort(all)
	return all
}

// firstDays are the days of a book's first activity with each instrument.
func firstDays(book *ledger.Book) map[market.InstrumentID]market.Date {
	first := map[market.InstrumentID]market.Date{}
	for _, a := range book.Activities {
		for _, id := range []market.InstrumentID{a.Instrument, a.ToInstrument} {
			if day, known := first[id]; id != "" && (!known || a.Date < day) {
				first[id] = a.Date
			}
		}
	}
	return first
}

// historySlack is how many days without a close are no gap: a weekend with holidays.
const historySlack = 6

// progress is progressOf, by the closes that are there where the search for them hasn't looked yet or didn't end well: they may
// have come another way.
func (s *Server) progress(ctx context.Context, book *ledger.Book, h ingest.HistoryState, first, today market.Date) (*HistoryProgress, error) {
	p := progressOf(h, first, today)
	if p.complete() {
		return p, nil
	}
	series, err := s.journal.SeriesIn(ctx, book, h.Instrument)
	if err != nil || series.Len() == 0 {
		return p, err
	}
	if at := series.Dates[0]; h.From == market.NoDate || at < h.From {
		h.From = at
	}
	h.Until = max(h.Until, series.Dates[series.Len()-1])
	return progressOf(h, first, today), nil
}

// progressOf is how much of the history that a portfolio needs is there. What others asked for is never told.
func progressOf(h ingest.HistoryState, first, today market.Date) *HistoryProgress {
	if first == market.NoDate || first >= today {
		return nil
	}
	p := &HistoryProgress{State: string(h.State), Wanted: first.String(), Share: "0", Source: given(h.Source)}
	if h.From == market.NoDate || h.Until < first {
		return p
	}
	from, until := max(h.From, first), min(h.Until, today)
	p.From, p.Until = given(from.String()), given(until.String())
	whole, there := int64(today-first), int64(until-from)
	if from <= first+historySlack {
		there += int64(from - first)
	}
	if until >= today-historySlack {
		there += int64(today - until)
	}
	if h.State == ingest.BackfillDone {
		there = whole
	}
	p.Share = money.NewDecimal(there, 0).Quo(money.NewDecimal(whole, 0)).Round(4).Reduced().String()
	return p
}

// complete says whether nothing of it is missing.
func (p *HistoryProgress) complete() bool {
	return p == nil || p.State == string(ingest.BackfillDone) || p.Share == "1"
}

// badness orders items, the worst first.
func badness(item DataItem) int {
	switch market.State(item.State) {
	case market.StateNone:
		return 0
	case market.StateQuarantined:
		return 1
	case market.StateStale:
		return 2
	case market.StateFallback:
		return 3
	}
	if len(item.Missing) > 0 {
		return 4
	}
	if item.State == string(market.StateDelayed) {
		return 5
	}
	if item.Kind == "rate" {
		return 7
	}
	return 6
}
