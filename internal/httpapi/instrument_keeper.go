package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/market"
)

// InstrumentRecord is an instrument as those see it who look after what is everybody's.
type InstrumentRecord struct {
	Instrument
	Identifiers map[string]string `json:"identifiers" nullable:"false" doc:"cusip, sedol, wkn and figi, where they are known"`
	Version     int64             `json:"version" doc:"For If-Match"`
}

type changeInstrumentInput struct {
	ID      string `path:"instrument" maxLength:"64"`
	IfMatch string `header:"If-Match" doc:"The version that the change is made on"`
	Body    struct {
		Symbol      *string            `json:"symbol,omitempty" pattern:"^[^\\p{C}\\p{Z}]([^\\p{C}\\p{Zl}\\p{Zp}]{0,38}[^\\p{C}\\p{Z}])?$" patternDescription:"1 to 40 characters"`
		MIC         *string            `json:"mic,omitempty" pattern:"^([A-Z0-9]{4})?$" doc:"Empty: none"`
		ISIN        *string            `json:"isin,omitempty" maxLength:"24" doc:"Empty: none"`
		Name        *string            `json:"name,omitempty" minLength:"1" maxLength:"480"`
		AssetClass  *string            `json:"asset_class,omitempty" enum:"stock,etf,fund,bond,crypto,other"`
		Sector      *string            `json:"sector,omitempty" maxLength:"80" doc:"Empty: none"`
		Country     *string            `json:"country,omitempty" pattern:"^([A-Z]{2})?$" doc:"Empty: none"`
		Names       *map[string]string `json:"names,omitempty" doc:"What providers call it; takes the place of all that were there"`
		Identifiers *map[string]string `json:"identifiers,omitempty" doc:"cusip, sedol, wkn, figi; takes the place of all that were there"`
		Delisted    *bool              `json:"delisted,omitempty"`
		DelistedOn  *string            `json:"delisted_on,omitempty" maxLength:"10" doc:"YYYY-MM-DD; empty: unknown"`
		WrongBefore bool               `json:"wrong_before,omitempty" doc:"What it was called until now was a mistake, and isn't kept as a former name"`
	}
}

func (s *Server) addInstrumentKeeperRoutes() {
	const tag, path = "Administration", "/api/v1/admin/instruments/{instrument}"
	typed(s, route{method: "GET", path: path, class: classRead, action: access.KeepInstruments, tag: tag, summary: "An instrument with all that it is called"}, http.StatusOK, s.readInstrumentRecord)
	typed(s, route{method: "PATCH", path: path, class: classChange, action: access.KeepInstruments, tag: tag, summary: "Mend an instrument, which is everybody's"}, http.StatusOK, s.changeInstrument)
}

func recordOf(r market.Record) InstrumentRecord {
	out := InstrumentRecord{Instrument: instrumentOf(r.Instrument), Version: r.Version, Identifiers: map[string]string{}}
	out.Names, out.Former = r.Names, formerOf(r.Aliases)
	for _, id := range r.Identifiers() {
		out.Identifiers[string(id.Scheme)] = id.Value
	}
	return out
}

func (s *Server) record(ctx context.Context, id string) (market.Record, error) {
	r, err := s.store.InstrumentRecord(ctx, market.InstrumentID(id))
	if fault.Is(err, fault.NotFound) || err == nil && r.Class == market.FX {
		return r, fault.New(fault.NotFound, "There is no such instrument.")
	}
	return r, err
}

func (s *Server) readInstrumentRecord(ctx context.Context, in *keptInstrumentInput) (*answer[InstrumentRecord], error) {
	r, err := s.record(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &answer[InstrumentRecord]{recordOf(r)}, nil
}

func (s *Server) changeInstrument(ctx context.Context, in *changeInstrumentInput) (*answer[InstrumentRecord], error) {
	before, err := s.record(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	version, err := expectedSequence(in.IfMatch)
	if err != nil {
		return nil, err
	}
	if *version != before.Version {
		return nil, fault.New(fault.Stale, "Somebody changed it meanwhile. Read it again.")
	}
	next, identifiers, err := in.mended(before)
	if err != nil {
		return nil, err
	}
	after, err := before.Change(next, identifiers, in.Body.WrongBefore, s.today())
	if err != nil {
		return nil, err
	}
	c := callOf(ctx)
	entry := c.entry(audit.InstrumentChanged, in.ID)
	entry.Owner = "" // it is everybody's
	err = s.store.ChangeInstrument(ctx, after, audit.Write{Audit: entry})
	if fault.Is(err, fault.Conflict) {
		return nil, s.existing(ctx, after.Instrument, err)
	}
	if fault.Is(err, fault.Stale) {
		return nil, fault.New(fault.Stale, "Somebody changed it meanwhile. Read it again.")
	}
	if err != nil {
		return nil, err
	}
	return &answer[InstrumentRecord]{recordOf(after)}, nil
}

// mended is the instrument as the body says, and its identifiers.
func (in *changeInstrumentInput) mended(before market.Record) (market.Instrument, []market.Identifier, error) {
	next, b := before.Instrument, in.Body
	for from, to := range map[*string]*string{b.Symbol: &next.Symbol, b.MIC: &next.MIC, b.Sector: &next.Sector, b.Country: &next.Country} {
		if from != nil {
			*to = *from
		}
	}
	var err error
	if b.Name != nil {
		if next.Name, err = identity.CleanName(*b.Name); err != nil {
			return next, nil, err
		}
	}
	if b.AssetClass != nil {
		next.Class = market.Class(*b.AssetClass)
	}
	if b.ISIN != nil {
		id, ok := market.ParseIdentifier(market.ISIN, *b.ISIN)
		if !ok && *b.ISIN != "" {
			return next, nil, fault.At("isin", "The check digit of this ISIN is wrong.")
		}
		next.ISIN = id.Value
	}
	if b.Names != nil {
		if err := checkNames(*b.Names); err != nil {
			return next, nil, err
		}
		next.Names = *b.Names
	}
	if err := cmp.Or(checkSector(next.Sector), in.delisting(&next)); err != nil {
		return next, nil, err
	}
	identifiers, err := in.identifiers(before)
	return next, identifiers, err
}

func (in *changeInstrumentInput) delisting(next *market.Instrument) error {
	b := in.Body
	if b.Delisted != nil {
		if *b.Delisted && !next.Delisted {
			next.DelistedOn = market.NoDate
		}
		next.Delisted = *b.Delisted
	}
	if b.DelistedOn != nil && next.Delisted {
		next.DelistedOn = market.NoDate
		if *b.DelistedOn != "" {
			day, err := market.ParseDate(*b.DelistedOn)
			if err != nil {
				return fault.At("delisted_on", "This is not a day such as 2026-03-02.")
			}
			next.DelistedOn = day
		}
	}
	if !next.Delisted {
		next.DelistedOn = 0
	}
	return nil
}

// identifiers are those of the body, or those that there were.
func (in *changeInstrumentInput) identifiers(before market.Record) ([]market.Identifier, error) {
	if in.Body.Identifiers == nil {
		return before.Identifiers(), nil
	}
	var all []market.Identifier
	for _, scheme := range market.Schemes() {
		text, ok := (*in.Body.Identifiers)[string(scheme)]
		if !ok || scheme == market.ISIN || text == "" {
			continue
		}
		id, ok := market.ParseIdentifier(scheme, text)
		if !ok {
			return nil, fault.At("identifiers."+string(scheme), "This is no %s: a character or the check digit is wrong.", strings.ToUpper(string(scheme)))
		}
		all = append(all, id)
	}
	for scheme := range *in.Body.Identifiers {
		if s := market.Scheme(scheme); s != market.CUSIP && s != market.SEDOL && s != market.WKN && s != market.FIGI {
			return nil, fault.At("identifiers", "Identifiers are cusip, sedol, wkn and figi.")
		}
	}
	return all, nil
}

// keptInstrumentInput names an instrument.
type keptInstrumentInput struct {
	ID string `path:"instrument" maxLength:"64"`
}
