package provider

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of Frankfurter, which publishes none.
const (
	frankfurterPerMinute = 60
	frankfurterDays      = 89     // of one request: longer periods may come as weekly samples
	frankfurterDaysV2    = 1830   // of one request to the second version: more was seen to run out of its time
	frankfurterRowsMax   = 50_000 // of one answer: all currencies of the second version for a period
)

// FrankfurterSource gives the ECB's rates from another house, and those of some sixty other central banks for currencies
// that the ECB leaves out. A name is the code of a currency; a rate is units per euro. Its market time is the ECB's.
type FrankfurterSource struct {
	*source
	zone *time.Location
}

// NewFrankfurter makes the source; the error is about Options only. BaseURL may be a house's own copy.
func NewFrankfurter(o Options) (*FrankfurterSource, error) {
	s, err := newSource(Frankfurter, "https://api.frankfurter.dev", frankfurterPerMinute, o)
	if err != nil {
		return nil, err
	}
	return &FrankfurterSource{source: s, zone: zoneOr(ecbZone, 1)}, nil
}

// Classes are rates only.
func (f *FrankfurterSource) Classes() []market.Class { return []market.Class{market.FX} }

// BatchMax is all currencies there are: they come in one answer anyhow.
func (f *FrankfurterSource) BatchMax() int { return 300 }

// Latest asks for the ECB's table, and for what it doesn't have in the blend of the other banks.
func (f *FrankfurterSource) Latest(ctx context.Context, names []string, now time.Time) (Batch, error) {
	batch := newBatch(len(names))
	day, rates, err := f.table(ctx)
	if err != nil {
		return Batch{}, err
	}
	var others []string
	for _, name := range names {
		unit, ok := currencyUnit(name)
		if !ok {
			batch.Failed[name] = f.fail(UnknownSymbol, clipName(name), "no currency")
			continue
		}
		if rate, ok := rates[name].price(); ok {
			f.add(&batch, f.quote(name, unit, rate, day), now)
			continue
		}
		others = append(others, name)
	}
	if len(others) == 0 {
		return batch, nil
	}
	query := url.Values{"base": {string(market.RateBase)}, "quotes": {strings.Join(unique(others), ",")}}
	rows, err := f.rows(ctx, query, "")
	for _, name := range others {
		unit, _ := currencyUnit(name)
		at := slices.IndexFunc(rows, func(r frankfurterRow) bool { return r.Quote == name })
		switch {
		case err != nil && err.Outcome.PerSymbol():
			batch.Failed[name] = f.fail(UnknownSymbol, name, "no bank has it")
		case err != nil:
			batch.Failed[name] = err.of(name)
		case at < 0:
			batch.Failed[name] = f.fail(UnknownSymbol, name, "not in the answer")
		default:
			rate, ok := rows[at].Rate.price()
			day, dated := dayOf(rows[at].Date)
			if !ok || !dated {
				batch.Failed[name] = f.fail(Empty, name, "no rate")
				continue
			}
			f.add(&batch, f.quote(name, unit, rate, day), now)
		}
	}
	return batch, nil
}

func (f *FrankfurterSource) quote(name string, unit money.Unit, rate money.Decimal, day market.Date) Quote {
	return Quote{Name: name, Price: rate, Unit: unit, HasCurrency: true, MarketTime: timeOn(day, 14, 15, f.zone), PreviousDate: market.NoDate}
}

// currencyUnit is the unit of a name that is a currency's code.
func currencyUnit(name string) (money.Unit, bool) {
	currency, err := money.ParseCurrency(name)
	return money.Unit{Currency: currency}, err == nil
}

// table is the ECB's latest table.
func (f *FrankfurterSource) table(ctx context.Context) (market.Date, map[string]figure, *Error) {
	a, err := f.get(ctx, request{path: "/v1/latest", query: url.Values{"base": {string(market.RateBase)}}, classify: f.classify})
	if err != nil {
		return market.NoDate, nil, err
	}
	var got struct {
		Amount figure
		Base   string
		Date   string
		Rates  map[string]figure
	}
	if err := f.decodeJSON(a.body, "", &got); err != nil {
		return market.NoDate, nil, err
	}
	day, dated := dayOf(got.Date)
	if amount, ok := got.Amount.price(); !ok || !amount.Equal(money.One) || got.Base != string(market.RateBase) || !dated || len(got.Rates) == 0 {
		return market.NoDate, nil, f.fail(SchemaDrift, "", "no table of rates for one euro")
	}
	return day, got.Rates, nil
}

// frankfurterRow is one rate of the second version.
type frankfurterRow struct {
	Date, Base, Quote string
	Rate              figure
}

// rows asks the second version, which answers one row per day and currency.
func (f *FrankfurterSource) rows(ctx context.Context, query url.Values, symbol string) ([]frankfurterRow, *Error) {
	a, err := f.get(ctx, request{path: "/v2/rates", query: query, symbol: symbol, classify: f.classify})
	if err != nil {
		return nil, err
	}
	var rows []frankfurterRow
	if err := f.decodeJSON(a.body, symbol, &rows); err != nil {
		return nil, err
	}
	if len(rows) > frankfurterRowsMax {
		return nil, f.fail(SchemaDrift, symbol, "%d rows", len(rows))
	}
	for _, r := range rows {
		if r.Base != string(market.RateBase) {
			return nil, f.fail(SchemaDrift, symbol, "a rate for one %.20q", r.Base)
		}
	}
	return rows, nil
}

// HistoryDays is what one request to the second version bears.
func (f *FrankfurterSource) HistoryDays() int { return frankfurterDaysV2 }

// History gives the ECB's fixes, or the blend where the ECB has none; the two are never mixed in one answer. A short period
// comes from the first version, which samples long ones by the week; those come from the second, some years at a time.
func (f *FrankfurterSource) History(ctx context.Context, name string, from, to market.Date) ([]market.Bar, money.Unit, error) {
	unit, ok := currencyUnit(name)
	if !ok {
		return nil, money.Unit{}, f.fail(UnknownSymbol, clipName(name), "no currency")
	}
	var bars []market.Bar
	var err *Error
	if to-from < frankfurterDays {
		bars, err = f.series(ctx, name, from, to)
	} else {
		bars, err = f.years(ctx, name, "ECB", from, to)
	}
	if err == nil && len(bars) == 0 || err != nil && err.Outcome.PerSymbol() {
		bars, err = f.years(ctx, name, "", from, to)
	}
	if err != nil {
		return nil, money.Unit{}, err
	}
	return within(bars, from, to), unit, nil
}

// years asks the second version for a currency's rates of one bank, or of the blend of all where bank is empty.
func (f *FrankfurterSource) years(ctx context.Context, name, bank string, from, to market.Date) ([]market.Bar, *Error) {
	var bars []market.Bar
	for first := from; first <= to; first += frankfurterDaysV2 {
		last := min(first+frankfurterDaysV2-1, to)
		query := url.Values{"base": {string(market.RateBase)}, "quotes": {name}, "from": {first.String()}, "to": {last.String()}}
		if bank != "" {
			query.Set("providers", bank)
		}
		rows, err := f.rows(ctx, query, name)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			rate, priced := r.Rate.price()
			if day, dated := dayOf(r.Date); priced && dated && r.Quote == name {
				bars = append(bars, market.Bar{Date: day, Close: rate})
			}
		}
	}
	return bars, nil
}

func (f *FrankfurterSource) series(ctx context.Context, name string, from, to market.Date) ([]market.Bar, *Error) {
	query := url.Values{"base": {string(market.RateBase)}, "symbols": {name}}
	a, err := f.get(ctx, request{path: "/v1/" + from.String() + ".." + to.String(), query: query, symbol: name, classify: f.classify})
	if err != nil {
		return nil, err
	}
	var got struct {
		Base  string
		Rates map[string]map[string]figure
	}
	if err := f.decodeJSON(a.body, name, &got); err != nil {
		return nil, err
	}
	if got.Base != string(market.RateBase) {
		return nil, f.fail(SchemaDrift, name, "rates for one %.20q", got.Base)
	}
	bars := make([]market.Bar, 0, len(got.Rates))
	for date, rates := range got.Rates {
		day, dated := dayOf(date)
		if !dated {
			return nil, f.fail(SchemaDrift, name, "date %.20q", date)
		}
		if rate, ok := rates[name].price(); ok {
			bars = append(bars, market.Bar{Date: day, Close: rate})
		}
	}
	return bars, nil
}

func (f *FrankfurterSource) classify(a answer) (Outcome, string) {
	if isHTML(a) {
		return Transient, "" // a page of the front
	}
	var problem struct{ Message string }
	if json.Unmarshal(a.body, &problem) != nil || problem.Message == "" {
		return statusOutcome(a.status), opening(a)
	}
	switch a.status {
	case http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusBadRequest:
		return UnknownSymbol, problem.Message
	case http.StatusOK:
		return SchemaDrift, problem.Message
	}
	return statusOutcome(a.status), problem.Message
}
