package provider

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of Finnhub's free plan.
const (
	finnhubPerMinute = 60
	finnhubPerSecond = 30
	finnhubBatchMax  = 20 // names per call, each a request of its own
	finnhubHitsMax   = 20
)

// FinnhubSource gives prices of the United States' exchanges as they are made, and of others on paid plans. A name is
// Finnhub's symbol, followed by "/" and a unit where the price isn't in the instrument's own currency: "AAPL", "TSCO.L/GBX".
type FinnhubSource struct{ *source }

// NewFinnhub makes the source; the error is about Options only.
func NewFinnhub(o Options) (*FinnhubSource, error) {
	s, err := newSource(Finnhub, "https://finnhub.io", finnhubPerMinute, o)
	if err != nil {
		return nil, err
	}
	s.keyHeader = "X-Finnhub-Token"
	s.quotas = []Quota{{Outcome: RateBurst, Max: finnhubPerSecond}, minutely(finnhubPerMinute)}
	return &FinnhubSource{source: s}, nil
}

// Classes are what exchanges trade.
func (f *FinnhubSource) Classes() []market.Class {
	return []market.Class{market.Stock, market.ETF, market.Other}
}

// BatchMax keeps one call short: each name is a request.
func (f *FinnhubSource) BatchMax() int { return finnhubBatchMax }

// Requests is one for each name.
func (f *FinnhubSource) Requests(names []string) int { return len(names) }

// Latest asks for each name on its own, and stops where the source itself fails.
func (f *FinnhubSource) Latest(ctx context.Context, names []string, now time.Time) (Batch, error) {
	return f.each(names, now, func(name string) (Quote, *Error) { return f.quote(ctx, name) })
}

func (f *FinnhubSource) quote(ctx context.Context, name string) (Quote, *Error) {
	symbol, unit, has, ok := unitName(name)
	if !ok {
		return Quote{}, f.fail(UnknownSymbol, "", "no name of this source")
	}
	a, err := f.get(ctx, request{path: "/api/v1/quote", query: url.Values{"symbol": {symbol}}, symbol: name, classify: f.classify})
	if err != nil {
		return Quote{}, err
	}
	var got struct {
		C, PC, T *figure
	}
	if err := f.decodeJSON(a.body, name, &got); err != nil {
		return Quote{}, err
	}
	if got.C == nil || got.T == nil || got.PC == nil {
		return Quote{}, f.fail(SchemaDrift, name, "no quote")
	}
	price, priced := got.C.price()
	at, timed := got.T.seconds()
	switch {
	case !timed && !priced:
		return Quote{}, f.fail(UnknownSymbol, name, "all zeros") // a status of 200, too
	case !timed || !priced:
		return Quote{}, f.fail(Empty, name, "no price")
	}
	quote := Quote{Name: name, Price: price, Unit: unit, HasCurrency: has, MarketTime: at, PreviousDate: market.NoDate}
	if before, ok := got.PC.price(); ok {
		quote.PreviousClose = &before
	}
	return quote, nil
}

// AdjustedHistory gives closes divided by later splits; it is for paid plans.
func (f *FinnhubSource) AdjustedHistory(ctx context.Context, name string, from, to market.Date) ([]market.Bar, money.Unit, Adjustment, error) {
	symbol, unit, _, ok := unitName(name)
	if !ok {
		return nil, money.Unit{}, "", f.fail(UnknownSymbol, "", "no name of this source")
	}
	query := url.Values{
		"symbol": {symbol}, "resolution": {"D"}, "from": {jsonInt(from.Time().Unix())}, "to": {jsonInt((to + 1).Time().Unix() - 1)},
	}
	a, err := f.get(ctx, request{path: "/api/v1/stock/candle", query: query, symbol: name, classify: f.classify})
	if err != nil {
		return nil, money.Unit{}, "", err
	}
	var got struct {
		C, T []figure
		S    string
	}
	if err := f.decodeJSON(a.body, name, &got); err != nil {
		return nil, money.Unit{}, "", err
	}
	if got.S == "no_data" {
		return nil, unit, SplitAdjusted, nil
	}
	if got.S != "ok" || len(got.C) != len(got.T) {
		return nil, money.Unit{}, "", f.fail(SchemaDrift, name, "status %.20q, %d times for %d closes", got.S, len(got.T), len(got.C))
	}
	bars := make([]market.Bar, 0, len(got.C))
	for i, c := range got.C {
		at, timed := got.T[i].seconds() // midnight UTC of the day
		if price, ok := c.price(); ok && timed {
			bars = append(bars, market.Bar{Date: market.DateOf(at), Close: price})
		}
	}
	return f.finished(within(bars, from, to), newYorkZone()), unit, SplitAdjusted, nil
}

// finnhubClasses are Finnhub's kinds of what can be held.
var finnhubClasses = map[string]market.Class{
	"Common Stock": market.Stock, "ADR": market.Stock, "REIT": market.Stock, "GDR": market.Stock, "Preference": market.Stock,
	"ETP": market.ETF, "ETF": market.ETF, "Open-End Fund": market.Fund, "Closed-End Fund": market.Fund, "Unit": market.Other,
}

// Search finds instruments by name, symbol, ISIN or CUSIP. Finnhub doesn't tell currency or market.
func (f *FinnhubSource) Search(ctx context.Context, query string) ([]market.Instrument, error) {
	a, err := f.get(ctx, request{path: "/api/v1/search", query: url.Values{"q": {query}}, classify: f.classify})
	if err != nil {
		return nil, err
	}
	var found struct {
		Result []struct{ Description, DisplaySymbol, Symbol, Type string }
	}
	if err := f.decodeJSON(a.body, "", &found); err != nil {
		return nil, err
	}
	var hits []market.Instrument
	for _, r := range found.Result {
		class, held := finnhubClasses[r.Type]
		if !held || !plainName(r.Symbol) || len(hits) == finnhubHitsMax {
			continue
		}
		hits = append(hits, market.Instrument{
			Symbol: clip(r.DisplaySymbol, r.Symbol), Name: clip(r.Description, r.Symbol), Class: class,
			Names: map[string]string{Finnhub: r.Symbol},
		})
	}
	return hits, nil
}

func (f *FinnhubSource) classify(a answer) (Outcome, string) {
	if isHTML(a) {
		if a.status >= 500 {
			return Transient, ""
		}
		return Blocked, ""
	}
	var problem struct{ Error string }
	if json.Unmarshal(a.body, &problem) != nil || problem.Error == "" {
		problem.Error = opening(a)
	}
	words := problem.Error
	switch {
	case words == "" && a.status == http.StatusOK:
		return OK, ""
	case a.status == http.StatusTooManyRequests, says(words, "api limit reached"):
		if a.header.Get("X-Ratelimit-Limit") == jsonInt(finnhubPerSecond) {
			return RateBurst, words
		}
		return RateMinute, words
	case a.status == http.StatusUnauthorized, says(words, "invalid api key", "please use an api key"):
		return BadKey, words
	case a.status == http.StatusForbidden && words != "", says(words, "don't have access"):
		return NotEntitled, words
	case says(words, "symbol not supported", "symbol not found"):
		return UnknownSymbol, words
	case a.status == http.StatusOK:
		return SchemaDrift, words
	}
	return statusOutcome(a.status), words
}
