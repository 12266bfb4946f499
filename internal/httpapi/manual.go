package httpapi

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/figures"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/transfer"
)

// ManualPrice is a price that was entered by hand.
type ManualPrice struct {
	Date       string    `json:"date"`
	Price      string    `json:"price"`
	EnteredAt  time.Time `json:"entered_at"`
	Superseded bool      `json:"superseded" doc:"A source has a price of this day, which is used in its place"`
}

// ManualPrices are the prices of one instrument that were entered by hand, newest first.
type ManualPrices struct {
	InstrumentID string        `json:"instrument_id"`
	Symbol       string        `json:"symbol"`
	Name         string        `json:"name"`
	Currency     string        `json:"currency"`
	Own          bool          `json:"own" doc:"No source knows the instrument"`
	Sequence     int64         `json:"sequence"`
	Items        []ManualPrice `json:"items" nullable:"false"`
}

// PricesChanged is what a change of prices did.
type PricesChanged struct {
	Sequence int64 `json:"sequence"`
	Added    int   `json:"added" doc:"Days that had no price entered by hand"`
	Replaced int   `json:"replaced" doc:"Days that had another"`
	Same     int   `json:"same" doc:"Days that had this one already"`
}

func manualPriceOf(p ledger.ManualPrice, superseded bool) ManualPrice {
	return ManualPrice{Date: p.Date.String(), Price: p.Close.String(), EnteredAt: p.EnteredAt, Superseded: superseded}
}

type enteredPrice struct {
	Date  string `json:"date" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"`
	Price string `json:"price" pattern:"^[0-9]{1,30}(\\.[0-9]{1,30})?$" doc:"Per unit, in the instrument's currency"`
}

type putPricesInput struct {
	PortfolioPath
	Instrument string `path:"instrument" maxLength:"64"`
	Body       struct {
		Prices []enteredPrice `json:"prices" minItems:"1" maxItems:"5000" nullable:"false" doc:"One a day; a day that has one gets this one"`
	}
}

type deletePriceInput struct {
	PortfolioPath
	Instrument string `path:"instrument" maxLength:"64"`
	Date       string `query:"date" required:"true" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"`
}

func (s *Server) addManualPriceRoutes() {
	const tag = "Own instruments"
	path := portfolioPrefix + "/prices"
	typed(s, route{method: "GET", path: path + "/{instrument}", class: classRead, action: access.ReadPortfolio, tag: tag, summary: "Prices that were entered by hand"}, http.StatusOK, s.listManual)
	typed(s, route{method: "PUT", path: path + "/{instrument}", class: classChange, action: access.WriteActivities, tag: tag, summary: "Enter prices by hand"}, http.StatusOK, s.putManual)
	typed(s, route{method: "DELETE", path: path + "/{instrument}", class: classChange, action: access.WriteActivities, tag: tag, summary: "Delete the price that was entered for a day"}, http.StatusOK, s.deleteManual)
	describe := huma.Operation{
		Description: "Columns date, price and one of symbol (with mic), isin and id; currency where it isn't the instrument's, such as GBX. All rows are stored or none, and the same file twice adds nothing.",
		Parameters: []*huma.Param{
			{Name: "instrument_id", In: "query", Schema: &huma.Schema{Type: huma.TypeString}, Description: "What rows are of that name no instrument"},
		},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"text/csv": {Schema: &huma.Schema{Type: huma.TypeString}}}},
		Responses:   map[string]*huma.Response{"201": {Description: "What the file did", Content: jsonContent(s.schemaOf(PricesChanged{}))}},
	}
	r := route{method: "POST", path: path, class: classBulk, action: access.WriteActivities, bodyBytesMax: transfer.PriceFileBytesMax, creates: true, tag: tag, summary: "Enter prices by a file"}
	s.written(r, describe, s.servePriceFile)
}

// pricedBook is the book together with an instrument of it.
func (s *Server) pricedBook(ctx context.Context, portfolio, instrument string) (*ledger.Book, market.Instrument, error) {
	book, err := s.book(ctx, portfolio)
	if err != nil {
		return nil, market.Instrument{}, err
	}
	i, named := book.Instruments[market.InstrumentID(instrument)]
	if !named {
		return nil, i, fault.New(fault.NotFound, "The portfolio has no such instrument.")
	}
	return book, i, nil
}

func (s *Server) listManual(ctx context.Context, in *holdingInput) (*answer[ManualPrices], error) {
	book, i, err := s.pricedBook(ctx, in.ID, in.Instrument)
	if err != nil {
		return nil, err
	}
	source, err := s.handSource(ctx, book, i.ID)
	if err != nil {
		return nil, err
	}
	out := ManualPrices{
		InstrumentID: in.Instrument, Symbol: i.Symbol, Name: i.Name, Currency: string(i.Currency), Own: ledger.IsOwn(i.ID),
		Sequence: book.Portfolio.Sequence, Items: make([]ManualPrice, 0, len(book.Prices[i.ID])),
	}
	for _, p := range slices.Backward(book.Prices[i.ID]) {
		latest, _ := s.live.PriceSource(i.ID, p.Date)
		out.Items = append(out.Items, manualPriceOf(p, latest != "" || !source.byHand(p.Date)))
	}
	return &answer[ManualPrices]{out}, nil
}

// changePrices stores what is new of a change and tells everybody. Without anything new it is answered with the portfolio as it is.
func (s *Server) changePrices(ctx context.Context, book *ledger.Book, plan transfer.PricePlan) (PricesChanged, error) {
	c := callOf(ctx)
	if book.Portfolio.Closed {
		return PricesChanged{}, fault.New(fault.Invalid, "The portfolio is closed.")
	}
	out := PricesChanged{Sequence: book.Portfolio.Sequence, Added: plan.Added, Replaced: plan.Replaced, Same: plan.Same}
	if len(plan.Changes) == 0 {
		return out, nil
	}
	sequence, err := s.store.ChangePrices(ctx, c.owner(), book.Portfolio.ID, plan.Changes, journal.LatestDay(s.now()), func(sequence int64) audit.Write {
		out.Sequence = sequence
		return c.write(c.entry(audit.PricesChanged, string(book.Portfolio.ID)), out)
	})
	if err != nil {
		return out, err
	}
	out.Sequence = sequence
	s.journal.Announce(ctx, c.owner(), book.Portfolio.ID, sequence)
	return out, nil
}

func (s *Server) putManual(ctx context.Context, in *putPricesInput) (*answer[PricesChanged], error) {
	book, i, err := s.pricedBook(ctx, in.ID, in.Instrument)
	if err != nil {
		return nil, err
	}
	var plan transfer.PricePlan
	change, latest, seen := ledger.PriceChange{Instrument: i.ID}, journal.LatestDay(s.now()), map[market.Date]bool{}
	had := map[market.Date]money.Decimal{}
	for _, p := range book.Prices[i.ID] {
		had[p.Date] = p.Close
	}
	for n, p := range in.Body.Prices {
		bar, err := p.bar(latest)
		if err == nil && seen[bar.Date] {
			err = fault.At("date", "This day is named twice.")
		}
		if err != nil {
			return nil, within(fmt.Sprintf("prices[%d].", n), err)
		}
		seen[bar.Date] = true
		switch old, there := had[bar.Date]; {
		case there && old.Equal(bar.Close):
			plan.Same++
			continue
		case there:
			plan.Replaced++
		default:
			plan.Added++
		}
		change.Set = append(change.Set, bar)
	}
	if len(change.Set) > 0 {
		plan.Changes = []ledger.PriceChange{change}
	}
	out, err := s.changePrices(ctx, book, plan)
	if err != nil {
		return nil, err
	}
	return &answer[PricesChanged]{out}, nil
}

func (p enteredPrice) bar(latest market.Date) (bar market.Bar, err error) {
	if bar.Date, err = market.ParseDate(p.Date); err != nil {
		return bar, fault.At("date", "This is not a date.")
	}
	if bar.Close, err = money.Parse(p.Price); err != nil {
		return bar, fault.At("price", "This is not a number.")
	}
	return bar, ledger.CheckPrice(bar, latest)
}

// within puts the place of what holds it before the places of an error.
func within(place string, err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	out := *f
	out.Places = slices.Clone(f.Places)
	for i := range out.Places {
		out.Places[i].Location = place + out.Places[i].Location
	}
	return &out
}

func (s *Server) deleteManual(ctx context.Context, in *deletePriceInput) (*answer[Changed], error) {
	book, i, err := s.pricedBook(ctx, in.ID, in.Instrument)
	if err != nil {
		return nil, err
	}
	day, err := market.ParseDate(in.Date)
	if err != nil {
		return nil, fault.At("date", "This is not a date.")
	}
	if !slices.ContainsFunc(book.Prices[i.ID], func(p ledger.ManualPrice) bool { return p.Date == day }) {
		return nil, fault.New(fault.NotFound, "No price was entered for this day.")
	}
	plan := transfer.PricePlan{Changes: []ledger.PriceChange{{Instrument: i.ID, Removed: []market.Date{day}}}}
	out, err := s.changePrices(ctx, book, plan)
	if err != nil {
		return nil, err
	}
	return &answer[Changed]{Changed{out.Sequence}}, nil
}

func (s *Server) servePriceFile(w http.ResponseWriter, r *http.Request) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "text/csv" {
		p := newProblem(fault.Invalid, "The body has to be text/csv.")
		p.Status, p.Title = http.StatusUnsupportedMediaType, http.StatusText(http.StatusUnsupportedMediaType)
		s.fail(w, r, p)
		return
	}
	out, err := s.takePriceFile(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.answer(w, http.StatusCreated, out)
}

func (s *Server) takePriceFile(r *http.Request) (PricesChanged, error) {
	ctx := r.Context()
	book, err := s.book(ctx, string(portfolioID(r)))
	if err != nil {
		return PricesChanged{}, err
	}
	of := market.InstrumentID(r.URL.Query().Get("instrument_id"))
	if _, named := book.Instruments[of]; of != "" && !named {
		return PricesChanged{}, fault.At("instrument_id", "The portfolio has no such instrument.")
	}
	rows, mistakes, err := transfer.ParsePrices(ctx, r.Body)
	if err != nil {
		return PricesChanged{}, err
	}
	plan, err := transfer.PlanPrices(book, rows, mistakes, of, journal.LatestDay(s.now()))
	if err != nil {
		return PricesChanged{}, err
	}
	return s.changePrices(ctx, book, plan)
}

// handSource tells which days' closes of an instrument are those that its owner entered.
type handSource struct {
	entered map[market.Date]bool
	public  *market.Series // nil where no source has any
}

func (h handSource) byHand(day market.Date) bool {
	if !h.entered[day] {
		return false
	}
	if h.public == nil {
		return true
	}
	_, at, ok := h.public.At(day)
	return !ok || at != day
}

func (s *Server) handSource(ctx context.Context, book *ledger.Book, id market.InstrumentID) (handSource, error) {
	out := handSource{entered: make(map[market.Date]bool, len(book.Prices[id]))}
	for _, p := range book.Prices[id] {
		out.entered[p.Date] = true
	}
	if len(out.entered) == 0 || ledger.IsOwn(id) {
		return out, nil
	}
	var err error
	out.public, err = s.journal.Series(ctx, id)
	return out, err
}

// priceSource names who gave a close of a book: the source of the latest one, or its owner.
func (s *Server) priceSource(ctx context.Context, book *ledger.Book) (figures.PriceSource, error) {
	hands := make(map[market.InstrumentID]handSource, len(book.Prices))
	for id := range book.Prices {
		hand, err := s.handSource(ctx, book, id)
		if err != nil {
			return nil, err
		}
		hands[id] = hand
	}
	return func(id market.InstrumentID, on market.Date) (source, state string) {
		if source, state = s.live.PriceSource(id, on); source == "" && hands[id].byHand(on) {
			return market.SourceManual, string(market.StateManual)
		}
		return source, state
	}, nil
}
