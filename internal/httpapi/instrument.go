package httpapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ingest"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

const providerNamesMax = 16 // providers that know one instrument

type findInstrumentsInput struct {
	Text  string `query:"q" maxLength:"100" doc:"A part of symbol, name or ISIN"`
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
}

// InstrumentPath names an instrument.
type InstrumentPath struct {
	ID string `path:"id" maxLength:"64"`
}

type barsInput struct {
	InstrumentPath
	Period
}

type createInstrumentInput struct {
	Body struct {
		Symbol     string            `json:"symbol" pattern:"^[^\\p{C}\\p{Z}]([^\\p{C}\\p{Zl}\\p{Zp}]{0,38}[^\\p{C}\\p{Z}])?$" patternDescription:"1 to 40 characters"`
		MIC        *string           `json:"mic,omitempty" pattern:"^[A-Z0-9]{4}$"`
		ISIN       *string           `json:"isin,omitempty" pattern:"^[A-Z]{2}[A-Z0-9]{9}[0-9]$"`
		Name       string            `json:"name" minLength:"1" maxLength:"480"`
		Currency   string            `json:"currency" pattern:"^[A-Z]{3}$"`
		AssetClass string            `json:"asset_class" enum:"stock,etf,fund,bond,crypto,other"`
		Sector     *string           `json:"sector,omitempty" maxLength:"80"`
		Country    *string           `json:"country,omitempty" pattern:"^[A-Z]{2}$"`
		Names      map[string]string `json:"names,omitempty" doc:"What providers call it: {\"coingecko\": \"bitcoin\"}"`
	}
}

func (s *Server) addInstrumentRoutes() {
	const tag, path = "Instruments", "/api/v1/instruments"
	typed(s, route{method: "GET", path: path, class: classRead, action: access.ReadInstruments, tag: tag, summary: "Find instruments"}, http.StatusOK, s.findInstruments)
	typed(s, route{method: "POST", path: path, class: classChange, action: access.CreateInstrument, creates: true, tag: tag, summary: "Add an instrument"}, http.StatusCreated, s.createInstrument)
	typed(s, route{method: "GET", path: path + "/{id}", class: classRead, action: access.ReadInstruments, tag: tag, summary: "An instrument"}, http.StatusOK, s.readInstrument)
	typed(s, route{method: "GET", path: path + "/{id}/bars", class: classChart, action: access.ReadInstruments, tag: tag, summary: "An instrument's daily closes"}, http.StatusOK, s.readBars)
}

func (s *Server) findInstruments(ctx context.Context, in *findInstrumentsInput) (*answer[Instruments], error) {
	all, err := s.store.FindInstruments(ctx, strings.TrimSpace(in.Text), in.Limit)
	if err != nil {
		return nil, err
	}
	ids := make([]market.InstrumentID, 0, len(all))
	for _, i := range all {
		ids = append(ids, i.ID)
	}
	aliases, err := s.store.InstrumentAliases(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := Instruments{Items: []Instrument{}}
	for _, i := range all {
		if i.Class != market.FX {
			item := instrumentOf(i)
			item.Former = formerOf(aliases[i.ID])
			out.Items = append(out.Items, item)
		}
	}
	return &answer[Instruments]{out}, nil
}

// instrument reads one that people may see: currencies' rates are ours alone.
func (s *Server) instrument(ctx context.Context, id string) (market.Instrument, error) {
	i, err := s.store.Instrument(ctx, market.InstrumentID(id))
	if fault.Is(err, fault.NotFound) || err == nil && i.Class == market.FX {
		return i, fault.New(fault.NotFound, "There is no such instrument.")
	}
	return i, err
}

func (s *Server) readInstrument(ctx context.Context, in *InstrumentPath) (*answer[Instrument], error) {
	i, err := s.instrument(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := instrumentOf(i)
	out.Names = i.Names
	return &answer[Instrument]{out}, nil
}

func (s *Server) readBars(ctx context.Context, in *barsInput) (*answer[Bars], error) {
	from, to, err := in.days(market.NoDate, s.today())
	if err != nil {
		return nil, err
	}
	i, err := s.instrument(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	series, err := s.journal.Series(ctx, i.ID)
	if err != nil {
		return nil, err
	}
	out := Bars{InstrumentID: in.ID, Currency: string(i.Currency), Bars: [][]string{}}
	first, _ := slices.BinarySearch(series.Dates, from) // not from−1: there is no day before NoDate
	for k := first; k < series.Len() && series.Dates[k] <= to; k++ {
		out.Bars = append(out.Bars, []string{series.Dates[k].String(), series.Close(k).String()})
	}
	return &answer[Bars]{out}, nil
}

func (s *Server) createInstrument(ctx context.Context, in *createInstrumentInput) (*answer[Instrument], error) {
	c, b := callOf(ctx), in.Body
	i := market.Instrument{Symbol: b.Symbol, Class: market.Class(b.AssetClass), Names: b.Names}
	var err error
	if i.Name, err = identity.CleanName(b.Name); err != nil {
		return nil, err
	}
	if i.Currency, err = money.ParseCurrency(b.Currency); err != nil {
		return nil, fault.At("currency", "This is not a currency.")
	}
	for field, to := range map[*string]*string{b.MIC: &i.MIC, b.ISIN: &i.ISIN, b.Sector: &i.Sector, b.Country: &i.Country} {
		if field != nil {
			*to = *field
		}
	}
	if i.ISIN != "" && !market.ValidISIN(i.ISIN) {
		return nil, fault.At("isin", "The check digit of this ISIN is wrong.")
	}
	if err := cmp.Or(checkSector(i.Sector), checkNames(b.Names)); err != nil {
		return nil, err
	}
	id, err := identity.NewID(s.random)
	if err != nil {
		return nil, err
	}
	if err := s.allowNewInstrument(c); err != nil {
		return nil, err
	}
	i.ID = market.InstrumentID(id)
	out := instrumentOf(i)
	out.Names = i.Names
	entry := c.entry(audit.InstrumentCreated, id)
	entry.Owner = "" // it is everybody's
	err = s.store.CreateInstrument(ctx, i, c.write(entry, out))
	if fault.Is(err, fault.Conflict) {
		return nil, s.existing(ctx, i, err)
	}
	if err != nil {
		return nil, err
	}
	return &answer[Instrument]{out}, nil
}

// allowNewInstrument bounds how many instruments a person adds, who is no administrator.
func (s *Server) allowNewInstrument(c *call) error {
	if c.session.Role == identity.RoleAdmin {
		return nil
	}
	wait, ok := s.newInstruments.allow(string(c.user()), s.now())
	if ok {
		return nil
	}
	p := newProblem(fault.Limited, "These are many new instruments. Wait a few minutes, or ask an administrator.")
	p.retryAfter = wait
	return p
}

// existing adds to a conflict the instrument that is in the way.
func (s *Server) existing(ctx context.Context, i market.Instrument, conflict error) error {
	f, ok := errors.AsType[*fault.Error](conflict)
	if !ok {
		return conflict
	}
	other, found, err := s.same(ctx, i)
	if err != nil {
		return err
	}
	if !found {
		return conflict
	}
	out := instrumentOf(other)
	return &ambiguous{fault: f, candidates: []Instrument{out}, existing: &out}
}

// same finds the instrument that is the same as another, by what both say of themselves.
func (s *Server) same(ctx context.Context, i market.Instrument) (found market.Instrument, ok bool, err error) {
	all, err := s.store.InstrumentBySymbol(ctx, i.Symbol, i.MIC)
	if err != nil {
		return found, false, err
	}
	if i.ISIN != "" {
		more, err := s.store.InstrumentByISIN(ctx, i.ISIN)
		if err != nil {
			return found, false, err
		}
		all = append(all, more...)
	}
	for _, other := range all {
		if other.ID != i.ID && other.Same(i) {
			return other, true, nil
		}
	}
	return found, false, nil
}

// checkSector sees that a sector is a word or two to be shown.
func checkSector(sector string) error {
	if !market.OneLine(sector) {
		return fault.At("sector", "The sector holds characters that can't be shown.")
	}
	return nil
}

func checkNames(names map[string]string) error {
	const keyMax, nameMax = 40, 120 // bytes
	if len(names) > providerNamesMax {
		return fault.At("names", "At most %d providers can be named.", providerNamesMax)
	}
	for provider, name := range names {
		if provider == ingest.PageSource {
			if err := ingest.CheckPage(name); err != nil {
				return fault.At("names", "This page can't be asked for prices: %s.", err)
			}
			continue
		}
		plain := provider != "" && len(provider) <= keyMax && strings.Trim(provider, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
		if !plain || name == "" || len(name) > nameMax || strings.ContainsFunc(name, func(r rune) bool { return r < '!' || r > '~' }) {
			return fault.At("names", "A provider's name for an instrument is 1 to %d printable characters without blanks.", nameMax)
		}
	}
	return nil
}
