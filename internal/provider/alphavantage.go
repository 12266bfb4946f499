package provider

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of Alpha Vantage's free plan.
const (
	alphaPerMinute   = 5
	alphaPerDay      = 25
	alphaBatchMax    = 5   // names per call, each a request of its own
	alphaCompactDays = 140 // back to which the hundred days of a free answer reach
	alphaHitsMax     = 20
)

// AlphaVantageSource gives closes of many markets; with 25 requests a day it is for filling history by hand. A name is its
// symbol, followed by "/" and a unit where the price isn't in the instrument's own currency ("TSCO.LON/GBX"), "fx:EURUSD"
// or "crypto:BTCUSD". Its answers may repeat the key.
type AlphaVantageSource struct {
	*source
	zone *time.Location
}

// NewAlphaVantage makes the source; the error is about Options only.
func NewAlphaVantage(o Options) (*AlphaVantageSource, error) {
	s, err := newSource(AlphaVantage, "https://www.alphavantage.co", alphaPerMinute, o)
	if err != nil {
		return nil, err
	}
	s.keyQuery = "apikey" // it reads no header
	zone := newYorkZone()
	s.quotas = []Quota{{Outcome: RateBurst, Max: 1}, minutely(alphaPerMinute), daily(alphaPerDay, zone)}
	return &AlphaVantageSource{source: s, zone: zone}, nil
}

// Classes are what exchanges trade, currencies and coins.
func (v *AlphaVantageSource) Classes() []market.Class {
	return []market.Class{market.Stock, market.ETF, market.Fund, market.Other, market.FX, market.Crypto}
}

// BatchMax keeps one call short: each name is a request.
func (v *AlphaVantageSource) BatchMax() int { return alphaBatchMax }

// Requests is one for each name.
func (v *AlphaVantageSource) Requests(names []string) int { return len(names) }

// Latest asks for each name on its own, and stops where the source itself fails.
func (v *AlphaVantageSource) Latest(ctx context.Context, names []string, now time.Time) (Batch, error) {
	return v.each(names, now, func(name string) (Quote, *Error) {
		if pair, ok := alphaPair(name); ok {
			return v.rate(ctx, name, pair)
		}
		return v.share(ctx, name, now)
	})
}

// alphaPair is the pair of currencies, or coin and currency, of a name.
func alphaPair(name string) (pair string, ok bool) {
	for _, prefix := range []string{fxPrefix, coinPrefix} {
		if pair, ok = strings.CutPrefix(name, prefix); ok {
			return pair, true
		}
	}
	return "", false
}

// ask asks for one function.
func (v *AlphaVantageSource) ask(ctx context.Context, name, function string, query url.Values, into any) *Error {
	query.Set("function", function)
	a, err := v.get(ctx, request{path: "/query", query: query, symbol: name, classify: v.classify})
	if err != nil {
		return err
	}
	return v.decodeJSON(a.body, name, into)
}

// share is a share's last close, or its delayed price on paid plans; it comes with a day only.
func (v *AlphaVantageSource) share(ctx context.Context, name string, now time.Time) (Quote, *Error) {
	symbol, unit, has, ok := unitName(name)
	if !ok {
		return Quote{}, v.fail(UnknownSymbol, "", "no name of this source")
	}
	var got struct {
		Quote *struct {
			Symbol string `json:"01. symbol"`
			Price  figure `json:"05. price"`
			Day    string `json:"07. latest trading day"`
			Before figure `json:"08. previous close"`
		} `json:"Global Quote"`
	}
	if err := v.ask(ctx, name, "GLOBAL_QUOTE", url.Values{"symbol": {symbol}}, &got); err != nil {
		return Quote{}, err
	}
	switch {
	case got.Quote == nil:
		return Quote{}, v.fail(SchemaDrift, name, "no quote")
	case got.Quote.Symbol == "":
		return Quote{}, v.fail(UnknownSymbol, name, "an empty quote")
	case got.Quote.Symbol != symbol:
		return Quote{}, v.fail(SchemaDrift, name, "the answer is about %.40q", got.Quote.Symbol)
	}
	price, ok := got.Quote.Price.price()
	day, dated := dayOf(got.Quote.Day)
	if !ok || !dated {
		return Quote{}, v.fail(Empty, name, "no price")
	}
	quote := Quote{Name: name, Price: price, Unit: unit, HasCurrency: has, MarketTime: closingTime(day, now), PreviousDate: market.NoDate}
	if before, ok := got.Quote.Before.price(); ok {
		quote.PreviousClose = &before
	}
	return quote, nil
}

// rate is what a currency or coin costs.
func (v *AlphaVantageSource) rate(ctx context.Context, name, pair string) (Quote, *Error) {
	unit, ok := pairUnit(pair)
	if !ok || !plainName(pair) {
		return Quote{}, v.fail(UnknownSymbol, "", "no name of this source")
	}
	base := pair[:len(pair)-3]
	var got struct {
		Rate *struct {
			From  string `json:"1. From_Currency Code"`
			To    string `json:"3. To_Currency Code"`
			Price figure `json:"5. Exchange Rate"`
			At    string `json:"6. Last Refreshed"`
			Zone  string `json:"7. Time Zone"`
		} `json:"Realtime Currency Exchange Rate"`
	}
	query := url.Values{"from_currency": {base}, "to_currency": {string(unit.Currency)}}
	if err := v.ask(ctx, name, "CURRENCY_EXCHANGE_RATE", query, &got); err != nil {
		return Quote{}, err
	}
	if got.Rate == nil || got.Rate.From != base || got.Rate.To != string(unit.Currency) || got.Rate.Zone != "UTC" {
		return Quote{}, v.fail(SchemaDrift, name, "no rate of this pair")
	}
	price, ok := got.Rate.Price.price()
	at, err := time.Parse(time.DateTime, got.Rate.At)
	if !ok || err != nil || at.Year() < 1900 || at.Year() > 2199 {
		return Quote{}, v.fail(Empty, name, "no rate")
	}
	return Quote{Name: name, Price: price, Unit: unit, HasCurrency: true, MarketTime: at, PreviousDate: market.NoDate}, nil
}

// alphaDay is one day of a series.
type alphaDay struct {
	Close    figure `json:"4. close"`
	Dividend figure `json:"7. dividend amount"`
	Factor   figure `json:"8. split coefficient"`
}

// alphaSeries is a series under whatever name the function gives it.
type alphaSeries struct {
	Meta struct {
		Symbol string `json:"2. Symbol"`
		From   string `json:"2. From Symbol"`
		To     string `json:"3. To Symbol"`
	} `json:"Meta Data"`
	Shares map[string]alphaDay `json:"Time Series (Daily)"`
	Rates  map[string]alphaDay `json:"Time Series FX (Daily)"`
	Coins  map[string]alphaDay `json:"Time Series (Digital Currency Daily)"`
}

// outputSize is the hundred days that are free, or all of them, which takes a paid plan.
func (v *AlphaVantageSource) outputSize(from market.Date) string {
	if market.DateOf(v.clock().In(v.zone))-from < alphaCompactDays {
		return "compact"
	}
	return "full"
}

// History gives raw closes.
func (v *AlphaVantageSource) History(ctx context.Context, name string, from, to market.Date) ([]market.Bar, money.Unit, error) {
	var got alphaSeries
	var days map[string]alphaDay
	var unit money.Unit
	if pair, paired := alphaPair(name); paired {
		counter, ok := pairUnit(pair)
		if !ok || !plainName(pair) {
			return nil, money.Unit{}, v.fail(UnknownSymbol, "", "no name of this source")
		}
		function, query := "FX_DAILY", url.Values{"from_symbol": {pair[:len(pair)-3]}, "to_symbol": {string(counter.Currency)}, "outputsize": {v.outputSize(from)}}
		if strings.HasPrefix(name, coinPrefix) {
			function, query = "DIGITAL_CURRENCY_DAILY", url.Values{"symbol": {pair[:len(pair)-3]}, "market": {string(counter.Currency)}}
		}
		if err := v.ask(ctx, name, function, query, &got); err != nil {
			return nil, money.Unit{}, err
		}
		if days, unit = got.Rates, counter; days == nil {
			days = got.Coins
		}
		if got.Rates != nil && got.Meta.From+got.Meta.To != pair {
			return nil, money.Unit{}, v.fail(SchemaDrift, name, "the answer is about %.20q and %.20q", got.Meta.From, got.Meta.To)
		}
	} else {
		symbol, of, _, ok := unitName(name)
		if !ok {
			return nil, money.Unit{}, v.fail(UnknownSymbol, "", "no name of this source")
		}
		query := url.Values{"symbol": {symbol}, "outputsize": {v.outputSize(from)}}
		if err := v.ask(ctx, name, "TIME_SERIES_DAILY", query, &got); err != nil {
			return nil, money.Unit{}, err
		}
		if days, unit = got.Shares, of; days != nil && got.Meta.Symbol != symbol {
			return nil, money.Unit{}, v.fail(SchemaDrift, name, "the answer is about %.40q", got.Meta.Symbol)
		}
	}
	if days == nil {
		return nil, money.Unit{}, v.fail(SchemaDrift, name, "no series")
	}
	bars := make([]market.Bar, 0, len(days))
	for date, d := range days {
		day, dated := dayOf(date)
		if !dated {
			return nil, money.Unit{}, v.fail(SchemaDrift, name, "date %.20q", date)
		}
		if price, ok := d.Close.price(); ok {
			bars = append(bars, market.Bar{Date: day, Close: price})
		}
	}
	return v.finished(within(bars, from, to), v.zone), unit, nil
}

// Actions come with the days on which they happened; they take a paid plan.
func (v *AlphaVantageSource) Actions(ctx context.Context, name string, from, to market.Date) ([]Action, error) {
	symbol, unit, has, ok := unitName(name)
	if !ok {
		return nil, v.fail(UnknownSymbol, "", "no name of this source")
	}
	var got alphaSeries
	query := url.Values{"symbol": {symbol}, "outputsize": {v.outputSize(from)}}
	if err := v.ask(ctx, name, "TIME_SERIES_DAILY_ADJUSTED", query, &got); err != nil {
		return nil, err
	}
	if got.Shares == nil || got.Meta.Symbol != symbol {
		return nil, v.fail(SchemaDrift, name, "no series of it")
	}
	var actions []Action
	for date, d := range got.Shares {
		day, dated := dayOf(date)
		if !dated {
			return nil, v.fail(SchemaDrift, name, "date %.20q", date)
		}
		if factor, ok := d.Factor.price(); ok && !factor.Equal(money.One) {
			actions = append(actions, Action{Kind: Split, Date: day, PayDate: market.NoDate, New: factor.Reduced(), Old: money.One})
		}
		if amount, ok := d.Dividend.price(); ok {
			actions = append(actions, Action{Kind: Dividend, Date: day, PayDate: market.NoDate, Amount: amount, Unit: unit, HasCurrency: has})
		}
	}
	return inPeriod(actions, from, to), nil
}

// alphaClasses are Alpha Vantage's kinds of what can be held.
var alphaClasses = map[string]market.Class{"Equity": market.Stock, "ETF": market.ETF, "Mutual Fund": market.Fund}

// Search finds instruments by name or symbol, with the unit of their prices.
func (v *AlphaVantageSource) Search(ctx context.Context, query string) ([]market.Instrument, error) {
	var found struct {
		Matches []struct {
			Symbol   string `json:"1. symbol"`
			Name     string `json:"2. name"`
			Type     string `json:"3. type"`
			Currency string `json:"8. currency"`
		} `json:"bestMatches"`
	}
	if err := v.ask(ctx, "", "SYMBOL_SEARCH", url.Values{"keywords": {query}}, &found); err != nil {
		return nil, err
	}
	var hits []market.Instrument
	for _, m := range found.Matches {
		class, held := alphaClasses[m.Type]
		unit, err := money.ParseUnit(m.Currency)
		if !held || err != nil || !plainName(m.Symbol) || len(hits) == alphaHitsMax {
			continue
		}
		name := m.Symbol
		if string(unit.Currency) != m.Currency {
			name += unitDivider + m.Currency
		}
		symbol, suffix := cutLast(m.Symbol, ".")
		symbol = clip(symbol, m.Symbol)
		hit := market.Instrument{
			Symbol: symbol, Name: clip(m.Name, m.Symbol), Currency: unit.Currency, Class: class,
			Names: map[string]string{AlphaVantage: name},
		}
		for mic, code := range alphaMarkets {
			if code == suffix {
				hit.MIC = mic
			}
		}
		hits = append(hits, hit)
	}
	return hits, nil
}

// classify reads the body: every error comes with status 200.
func (v *AlphaVantageSource) classify(a answer) (Outcome, string) {
	if isHTML(a) {
		if a.status >= 500 {
			return Transient, ""
		}
		return Blocked, ""
	}
	var problem struct {
		Error       string `json:"Error Message"`
		Information string
		Note        string
	}
	if a.status != 200 || json.Unmarshal(a.body, &problem) != nil {
		return statusOutcome(a.status), opening(a)
	}
	words := problem.Error + problem.Information + problem.Note
	switch {
	case words == "":
		return OK, ""
	case says(words, "request per second", "requests per second"): // the same text also tells of the day's limit
		return RateBurst, words
	case says(words, "per minute"):
		return RateMinute, words
	case says(words, "per day"):
		return RateDay, words
	case says(words, "premium endpoint", "premium feature"):
		return NotEntitled, words
	case says(words, "apikey is invalid", "apikey", "api key"):
		return BadKey, words
	case says(words, "invalid api call"):
		return UnknownSymbol, words
	}
	return SchemaDrift, words
}
