package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// OwnInstrument is something that no source prices: a house, a private fund. It is known in one portfolio alone.
type OwnInstrument struct {
	ID         string       `json:"id"`
	Symbol     string       `json:"symbol"`
	Name       string       `json:"name"`
	Currency   string       `json:"currency"`
	AssetClass string       `json:"asset_class"`
	Group      *string      `json:"group"`
	Sector     *string      `json:"sector"`
	Country    *string      `json:"country"`
	Note       *string      `json:"note"`
	Used       bool         `json:"used" doc:"An activity names it: it can't be deleted"`
	Prices     int          `json:"prices" doc:"How many were entered"`
	LastPrice  *ManualPrice `json:"last_price,omitempty"`
}

// OwnInstruments is a portfolio's own instruments, by name.
type OwnInstruments struct {
	Sequence int64           `json:"sequence"`
	Items    []OwnInstrument `json:"items" nullable:"false"`
}

// OwnCreated is a new own instrument and the sequence that it came with.
type OwnCreated struct {
	Sequence   int64         `json:"sequence"`
	Instrument OwnInstrument `json:"instrument"`
}

// Changed is the sequence that a change came with.
type Changed struct {
	Sequence int64 `json:"sequence"`
}

type createOwnInput struct {
	PortfolioPath
	Body struct {
		Symbol     string  `json:"symbol" minLength:"1" maxLength:"160" doc:"A short name to enter activities by; no other holding of the portfolio has it"`
		Name       string  `json:"name" minLength:"1" maxLength:"480"`
		Currency   string  `json:"currency" pattern:"^[A-Z]{3}$" doc:"Of its prices; it stays"`
		AssetClass string  `json:"asset_class" enum:"property,private,stock,etf,fund,bond,crypto,other"`
		Group      *string `json:"group,omitempty" maxLength:"320" doc:"One's own word for its kind"`
		Sector     *string `json:"sector,omitempty" maxLength:"320"`
		Country    *string `json:"country,omitempty" pattern:"^[A-Z]{2}$"`
		Note       *string `json:"note,omitempty" maxLength:"8000"`
	}
}

type changeOwnInput struct {
	PortfolioPath
	Instrument string `path:"instrument" maxLength:"64"`
	IfMatch    string `header:"If-Match" doc:"The sequence that the change is made on"`
	Body       struct {
		Symbol     *string `json:"symbol,omitempty" minLength:"1" maxLength:"160"`
		Name       *string `json:"name,omitempty" minLength:"1" maxLength:"480"`
		AssetClass *string `json:"asset_class,omitempty" enum:"property,private,stock,etf,fund,bond,crypto,other"`
		Group      *string `json:"group,omitempty" maxLength:"320"`
		Sector     *string `json:"sector,omitempty" maxLength:"320"`
		Country    *string `json:"country,omitempty" pattern:"^([A-Z]{2})?$"`
		Note       *string `json:"note,omitempty" maxLength:"8000"`
	}
}

type deleteOwnInput struct {
	PortfolioPath
	Instrument string `path:"instrument" maxLength:"64"`
	IfMatch    string `header:"If-Match" doc:"The sequence that the change is made on"`
}

func (s *Server) addOwnRoutes() {
	const tag = "Own instruments"
	path := portfolioPrefix + "/instruments"
	typed(s, route{method: "GET", path: path, class: classRead, action: access.ReadPortfolio, tag: tag, summary: "A portfolio's own instruments"}, http.StatusOK, s.listOwn)
	typed(s, route{method: "POST", path: path, class: classChange, action: access.WriteActivities, creates: true, tag: tag, summary: "Add something of one's own, such as a house"}, http.StatusCreated, s.createOwn)
	typed(s, route{method: "PATCH", path: path + "/{instrument}", class: classChange, action: access.WriteActivities, tag: tag, summary: "Change an own instrument"}, http.StatusOK, s.changeOwn)
	typed(s, route{method: "DELETE", path: path + "/{instrument}", class: classChange, action: access.WriteActivities, tag: tag, summary: "Delete an own instrument that no activity names, with its prices"}, http.StatusOK, s.deleteOwn)
	s.addManualPriceRoutes()
}

func ownOf(book *ledger.Book, own ledger.Own) OwnInstrument {
	i := own.Instrument
	out := OwnInstrument{
		ID: string(i.ID), Symbol: i.Symbol, Name: i.Name, Currency: string(i.Currency), AssetClass: string(i.Class), Group: given(own.Group),
		Sector: given(i.Sector), Country: given(i.Country), Note: given(own.Note), Used: book.Uses(i.ID), Prices: len(book.Prices[i.ID]),
	}
	if prices := book.Prices[i.ID]; len(prices) > 0 {
		last := manualPriceOf(prices[len(prices)-1], false)
		out.LastPrice = &last
	}
	return out
}

// book is the caller's book at the sequence that the session was checked at.
func (s *Server) book(ctx context.Context, portfolio string) (*ledger.Book, error) {
	c := callOf(ctx)
	return s.journal.Book(ctx, c.owner(), ledger.PortfolioID(portfolio), c.sequence)
}

func (s *Server) listOwn(ctx context.Context, in *PortfolioPath) (*answer[OwnInstruments], error) {
	book, err := s.book(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := OwnInstruments{Sequence: book.Portfolio.Sequence, Items: make([]OwnInstrument, 0, len(book.Own))}
	for _, own := range book.Own {
		out.Items = append(out.Items, ownOf(book, own))
	}
	slices.SortFunc(out.Items, func(a, b OwnInstrument) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.ID, b.ID))
	})
	return &answer[OwnInstruments]{out}, nil
}

func (s *Server) createOwn(ctx context.Context, in *createOwnInput) (*answer[OwnCreated], error) {
	c, b := callOf(ctx), in.Body
	own := ledger.Own{Instrument: market.Instrument{Symbol: strings.TrimSpace(b.Symbol), Class: market.Class(b.AssetClass)}}
	var err error
	if own.Instrument.Name, err = cleanName(b.Name); err != nil {
		return nil, err
	}
	if own.Instrument.Currency, err = money.ParseCurrency(b.Currency); err != nil {
		return nil, fault.At("currency", "This is not a currency.")
	}
	setGiven(&own.Group, b.Group)
	setGiven(&own.Instrument.Sector, b.Sector)
	setGiven(&own.Instrument.Country, b.Country)
	setGiven(&own.Note, b.Note)
	book, err := s.book(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	id, err := identity.NewID(s.random)
	if err != nil {
		return nil, err
	}
	own.Instrument.ID = ledger.OwnID(id)
	if err := ledger.CheckOwn(*book, own); err != nil {
		return nil, err
	}
	out := OwnCreated{Instrument: ownOf(book, own)}
	out.Sequence, err = s.store.CreateOwnInstrument(ctx, c.owner(), ledger.PortfolioID(in.ID), own, func(sequence int64) audit.Write {
		out.Sequence = sequence
		return c.write(c.entry(audit.OwnCreated, string(own.Instrument.ID)), out)
	})
	if err != nil {
		return nil, err
	}
	s.journal.Announce(ctx, c.owner(), ledger.PortfolioID(in.ID), out.Sequence)
	return &answer[OwnCreated]{out}, nil
}

// setGiven sets a text that the request names, without blanks around it.
func setGiven(to, text *string) {
	if text != nil {
		*to = strings.TrimSpace(*text)
	}
}

func (s *Server) changeOwn(ctx context.Context, in *changeOwnInput) (*answer[OwnCreated], error) {
	c, b := callOf(ctx), in.Body
	expected, err := expectedSequence(in.IfMatch)
	if err != nil {
		return nil, err
	}
	book, err := s.book(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	own, there := book.Own[market.InstrumentID(in.Instrument)]
	if !there {
		return nil, errNoOwn
	}
	if b.Name != nil {
		if own.Instrument.Name, err = cleanName(*b.Name); err != nil {
			return nil, err
		}
	}
	if b.AssetClass != nil {
		own.Instrument.Class = market.Class(*b.AssetClass)
	}
	setGiven(&own.Instrument.Symbol, b.Symbol)
	setGiven(&own.Group, b.Group)
	setGiven(&own.Instrument.Sector, b.Sector)
	setGiven(&own.Instrument.Country, b.Country)
	setGiven(&own.Note, b.Note)
	sequence, err := s.store.UpdateOwnInstrument(ctx, c.owner(), ledger.PortfolioID(in.ID), *expected, own, audit.Write{Audit: c.entry(audit.OwnChanged, in.Instrument)})
	if err != nil {
		return nil, err
	}
	s.journal.Announce(ctx, c.owner(), ledger.PortfolioID(in.ID), sequence)
	return &answer[OwnCreated]{OwnCreated{Sequence: sequence, Instrument: ownOf(book, own)}}, nil
}

var errNoOwn = fault.New(fault.NotFound, "There is no such instrument of your own.")

func (s *Server) deleteOwn(ctx context.Context, in *deleteOwnInput) (*answer[Changed], error) {
	c := callOf(ctx)
	expected, err := expectedSequence(in.IfMatch)
	if err != nil {
		return nil, err
	}
	sequence, err := s.store.DeleteOwnInstrument(ctx, c.owner(), ledger.PortfolioID(in.ID), *expected, market.InstrumentID(in.Instrument), audit.Write{Audit: c.entry(audit.OwnDeleted, in.Instrument)})
	if err != nil {
		return nil, err
	}
	s.journal.Announce(ctx, c.owner(), ledger.PortfolioID(in.ID), sequence)
	return &answer[Changed]{Changed{sequence}}, nil
}
