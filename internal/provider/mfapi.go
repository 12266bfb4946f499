package provider

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of mfapi.in, a service of volunteers that states none.
const (
	mfapiPerMinute = 30
	mfapiBatchMax  = 20 // names per call, each a request of its own
	mfapiHitsMax   = 20 // of a search
)

// MFAPISource gives the daily value and history of Indian mutual funds by AMFI's scheme codes.
type MFAPISource struct {
	*source
	zone *time.Location
}

// NewMFAPI makes the source; the error is about Options only.
func NewMFAPI(o Options) (*MFAPISource, error) {
	s, err := newSource(MFAPI, "https://api.mfapi.in", mfapiPerMinute, o)
	if err != nil {
		return nil, err
	}
	return &MFAPISource{source: s, zone: indianZone()}, nil
}

// Classes are funds only.
func (m *MFAPISource) Classes() []market.Class { return []market.Class{market.Fund} }

// BatchMax keeps one call short: each name is a request.
func (m *MFAPISource) BatchMax() int { return mfapiBatchMax }

// Requests is one for each name.
func (m *MFAPISource) Requests(names []string) int { return len(names) }

// Latest asks for each name on its own, and stops where the source itself fails.
func (m *MFAPISource) Latest(ctx context.Context, names []string, now time.Time) (Batch, error) {
	batch := newBatch(len(names))
	var stop *Error
	for i, name := range names {
		if stop != nil {
			batch.Failed[name] = stop.of(name)
			continue
		}
		bars, unit, err := m.values(ctx, name, "/latest", nil)
		if err != nil {
			if !err.Outcome.PerSymbol() && err.Outcome != SchemaDrift {
				if stop = err; i == 0 {
					return Batch{}, err
				}
			}
			batch.Failed[name] = err
			continue
		}
		if len(bars) == 0 {
			batch.Failed[name] = m.fail(Empty, name, "no value")
			continue
		}
		last := bars[len(bars)-1]
		quote := Quote{
			Name: name, Price: last.Close, Unit: unit, HasCurrency: true,
			MarketTime: timeOn(last.Date, 15, 30, m.zone), PreviousDate: market.NoDate,
		}
		if len(bars) > 1 {
			quote.PreviousClose, quote.PreviousDate = &bars[len(bars)-2].Close, bars[len(bars)-2].Date
		}
		m.add(&batch, quote, now)
	}
	return batch, nil
}

// History gives a fund's values, which are never adjusted.
func (m *MFAPISource) History(ctx context.Context, name string, from, to market.Date) ([]market.Bar, money.Unit, error) {
	query := url.Values{"startDate": {from.String()}, "endDate": {to.String()}}
	bars, unit, err := m.values(ctx, name, "", query)
	if err != nil {
		if err.Outcome == Empty {
			return nil, money.Unit{}, nil
		}
		return nil, money.Unit{}, err
	}
	return slices.DeleteFunc(bars, func(b market.Bar) bool { return b.Date < from || b.Date > to }), unit, nil
}

type mfapiAnswer struct {
	Meta struct {
		Scheme int64 `json:"scheme_code"`
	}
	Data []struct {
		Date string
		NAV  string
	}
	Status string
}

// values asks for a scheme and gives its values rising by date.
func (m *MFAPISource) values(ctx context.Context, name, suffix string, query url.Values) ([]market.Bar, money.Unit, *Error) {
	if !isSchemeCode(name) {
		return nil, money.Unit{}, m.fail(UnknownSymbol, "", "no scheme code")
	}
	a, err := m.get(ctx, request{path: "/mf/" + name + suffix, query: query, symbol: name, classify: m.classify})
	if err != nil {
		return nil, money.Unit{}, err
	}
	var got mfapiAnswer
	if err := m.decodeJSON(a.body, name, &got); err != nil {
		return nil, money.Unit{}, err
	}
	if got.Status != "SUCCESS" {
		return nil, money.Unit{}, m.fail(SchemaDrift, name, "status %.40q", got.Status)
	}
	if len(got.Data) == 0 {
		if got.Meta.Scheme == 0 {
			return nil, money.Unit{}, m.fail(UnknownSymbol, name, "no such scheme")
		}
		return nil, money.Unit{}, m.fail(Empty, name, "no values")
	}
	if strconv.FormatInt(got.Meta.Scheme, 10) != name {
		return nil, money.Unit{}, m.fail(SchemaDrift, name, "the answer is about %d", got.Meta.Scheme)
	}
	bars := make([]market.Bar, 0, len(got.Data))
	for _, d := range got.Data {
		day, dayErr := time.Parse("02-01-2006", d.Date)
		if dayErr != nil || day.Year() < 1960 || day.Year() >= 2200 {
			return nil, money.Unit{}, m.fail(SchemaDrift, name, "date %.20q", d.Date)
		}
		if value, ok := exactPrice(d.NAV); ok {
			bars = append(bars, market.Bar{Date: market.DateOf(day), Close: value.Reduced()})
		}
	}
	slices.SortStableFunc(bars, func(a, b market.Bar) int { return cmp.Compare(a.Date, b.Date) })
	unit, _ := money.ParseUnit(rupee) // a currency is a unit
	return lastOfDay(bars), unit, nil
}

func (m *MFAPISource) classify(a answer) (Outcome, string) {
	switch {
	case isHTML(a) && a.status < 500:
		return Blocked, ""
	case a.status == http.StatusNotFound && len(a.body) > 0 && a.body[0] == '{':
		return UnknownSymbol, ""
	}
	return statusOutcome(a.status), ""
}

// Search finds schemes by name.
func (m *MFAPISource) Search(ctx context.Context, query string) ([]market.Instrument, error) {
	a, err := m.get(ctx, request{path: "/mf/search", query: url.Values{"q": {query}}, classify: m.classify})
	if err != nil {
		return nil, err
	}
	var found []struct {
		SchemeCode int64
		SchemeName string
	}
	if err := m.decodeJSON(a.body, "", &found); err != nil {
		return nil, err
	}
	var hits []market.Instrument
	for _, f := range found[:min(len(found), mfapiHitsMax)] {
		code := strconv.FormatInt(f.SchemeCode, 10)
		if !isSchemeCode(code) {
			continue
		}
		hits = append(hits, market.Instrument{
			Symbol: code, Name: clip(f.SchemeName, code), Currency: rupee, Class: market.Fund, Country: "IN",
			Names: map[string]string{AMFI: code, MFAPI: code},
		})
	}
	return hits, nil
}
