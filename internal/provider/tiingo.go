package provider

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of Tiingo's free plan.
const (
	tiingoPerMinute = 20
	tiingoPerHour   = 50
	tiingoPerDay    = 1000
	tiingoNamesMax  = 500 // a month
	tiingoBatchMax  = 100 // names in one request
	tiingoFundsMax  = 10  // of a batch that need a request each
)

// TiingoSource gives prices of the United States' exchanges, its mutual funds, currencies and coins. Names are Tiingo's
// tickers; of funds with "fund:", of pairs of currencies with "fx:", of coins with "crypto:" before them.
type TiingoSource struct{ *source }

// NewTiingo makes the source; the error is about Options only.
func NewTiingo(o Options) (*TiingoSource, error) {
	s, err := newSource(Tiingo, "https://api.tiingo.com", tiingoPerMinute, o)
	if err != nil {
		return nil, err
	}
	s.keyHeader, s.keyPrefix = "Authorization", "Token "
	if o.RequestsPerMinute == 0 {
		s.pace = append(s.pace, newBudget(tiingoPerHour, time.Hour, RateHour))
	}
	names := monthly(tiingoNamesMax)
	names.PerName = true
	s.quotas = []Quota{hourly(tiingoPerHour), daily(tiingoPerDay, zoneOr("America/New_York", -5)), names}
	return &TiingoSource{source: s}, nil
}

// Classes are all that Tiingo prices.
func (t *TiingoSource) Classes() []market.Class {
	return []market.Class{market.Stock, market.ETF, market.Fund, market.Other, market.FX, market.Crypto}
}

// BatchMax is how many names go into one request.
func (t *TiingoSource) BatchMax() int { return tiingoBatchMax }

// Requests is one for each kind among the names, and one for each fund as far as a batch may hold them.
func (t *TiingoSource) Requests(names []string) int {
	count := map[string]int{}
	for _, name := range names {
		prefix, _ := tiingoKind(name)
		count[prefix]++
	}
	funds := min(count[fundPrefix], tiingoFundsMax)
	delete(count, fundPrefix)
	return len(count) + funds
}

// Latest asks once for each kind of name among them, and for each fund on its own.
func (t *TiingoSource) Latest(ctx context.Context, names []string, now time.Time) (Batch, error) {
	batch := newBatch(len(names))
	groups := map[string][]string{}
	for _, name := range names {
		prefix, ticker := tiingoKind(name)
		if !plainName(ticker) || prefix == fundPrefix && len(groups[prefix]) == tiingoFundsMax {
			outcome := UnknownSymbol
			if plainName(ticker) {
				outcome = RateMinute
			}
			batch.Failed[name] = t.fail(outcome, clipName(ticker), "not asked for")
			continue
		}
		groups[prefix] = append(groups[prefix], name)
	}
	var whole *Error
	for _, group := range []struct {
		prefix string
		ask    func(context.Context, []string) (map[string]Quote, *Error)
	}{{"", t.exchange}, {fxPrefix, t.currencies}, {coinPrefix, t.coins}} {
		wanted := groups[group.prefix]
		if len(wanted) == 0 {
			continue
		}
		found, err := group.ask(ctx, wanted)
		for _, name := range wanted {
			quote, ok := found[name]
			switch {
			case err != nil:
				whole = err
				batch.Failed[name] = err.of(name)
			case !ok:
				batch.Failed[name] = t.fail(UnknownSymbol, name, "not in the answer")
			case quote.Price.Sign() <= 0:
				batch.Failed[name] = t.fail(Empty, name, "no price")
			default:
				t.add(&batch, quote, now)
			}
		}
	}
	if len(batch.Quotes) == 0 && whole != nil && len(groups[fundPrefix]) == 0 {
		return Batch{}, whole
	}
	funds, err := t.each(groups[fundPrefix], now, func(name string) (Quote, *Error) { return t.fund(ctx, name, now) })
	if err != nil && len(groups[fundPrefix]) == len(names) {
		return Batch{}, err
	}
	batch.Quotes = append(batch.Quotes, funds.Quotes...)
	for _, name := range groups[fundPrefix] {
		if failed, ok := errors.AsType[*Error](err); ok {
			batch.Failed[name] = failed.of(name)
		} else if funds.Failed[name] != nil {
			batch.Failed[name] = funds.Failed[name]
		}
	}
	return batch, nil
}

// tiingoKind parts a name into its prefix and Tiingo's ticker.
func tiingoKind(name string) (prefix, ticker string) {
	for _, prefix := range []string{fxPrefix, coinPrefix, fundPrefix} {
		if ticker, ok := strings.CutPrefix(name, prefix); ok {
			return prefix, ticker
		}
	}
	return "", name
}

// tiingoTickers joins the tickers of names and finds a name by its ticker, whose case Tiingo changes.
func tiingoTickers(names []string) (joined string, byTicker map[string]string) {
	byTicker = make(map[string]string, len(names))
	list := make([]string, 0, len(names))
	for _, name := range names {
		_, ticker := tiingoKind(name)
		ticker = strings.ToLower(ticker)
		byTicker[ticker] = name
		list = append(list, ticker)
	}
	return strings.Join(unique(list), ","), byTicker
}

// exchange asks for what trades on exchanges. Tiingo tells no currency.
func (t *TiingoSource) exchange(ctx context.Context, names []string) (map[string]Quote, *Error) {
	joined, byTicker := tiingoTickers(names)
	a, err := t.get(ctx, request{path: "/iex/", query: url.Values{"tickers": {joined}}, classify: t.classify})
	if err != nil {
		return nil, err
	}
	var rows []struct {
		Ticker                                       string
		TngoLast, Last, PrevClose                    figure
		Timestamp, LastSaleTimestamp, QuoteTimestamp string
	}
	if err := t.decodeJSON(a.body, "", &rows); err != nil {
		return nil, err
	}
	found := make(map[string]Quote, len(rows))
	for _, r := range rows {
		name, asked := byTicker[strings.ToLower(r.Ticker)]
		if !asked {
			continue
		}
		price, ok := r.TngoLast.price()
		if !ok {
			price, ok = r.Last.price()
		}
		at, timed := clockTime(r.Timestamp)
		if !timed {
			at, timed = clockTime(r.LastSaleTimestamp)
		}
		quote := Quote{Name: name, MarketTime: at, PreviousDate: market.NoDate}
		if ok && timed {
			quote.Price = price
		}
		if before, ok := r.PrevClose.price(); ok {
			quote.PreviousClose = &before
		}
		found[name] = quote
	}
	return found, nil
}

// currencies asks for pairs of currencies: the middle of what banks bid and ask.
func (t *TiingoSource) currencies(ctx context.Context, names []string) (map[string]Quote, *Error) {
	joined, byTicker := tiingoTickers(names)
	a, err := t.get(ctx, request{path: "/tiingo/fx/top", query: url.Values{"tickers": {joined}}, classify: t.classify})
	if err != nil {
		return nil, err
	}
	var rows []struct {
		Ticker, QuoteTimestamp string
		MidPrice               figure
	}
	if err := t.decodeJSON(a.body, "", &rows); err != nil {
		return nil, err
	}
	found := make(map[string]Quote, len(rows))
	for _, r := range rows {
		name, asked := byTicker[strings.ToLower(r.Ticker)]
		unit, known := pairUnit(r.Ticker)
		if !asked || !known {
			continue
		}
		quote := Quote{Name: name, Unit: unit, HasCurrency: true, PreviousDate: market.NoDate}
		price, ok := r.MidPrice.price()
		if at, timed := clockTime(r.QuoteTimestamp); ok && timed {
			quote.Price, quote.MarketTime = price, at
		}
		found[name] = quote
	}
	return found, nil
}

// coins asks for coins' last prices.
func (t *TiingoSource) coins(ctx context.Context, names []string) (map[string]Quote, *Error) {
	joined, byTicker := tiingoTickers(names)
	a, err := t.get(ctx, request{path: "/tiingo/crypto/top", query: url.Values{"tickers": {joined}}, classify: t.classify})
	if err != nil {
		return nil, err
	}
	var rows []struct {
		Ticker, QuoteCurrency string
		TopOfBookData         []struct {
			LastPrice         figure
			LastSaleTimestamp string
		}
	}
	if err := t.decodeJSON(a.body, "", &rows); err != nil {
		return nil, err
	}
	found := make(map[string]Quote, len(rows))
	for _, r := range rows {
		name, asked := byTicker[strings.ToLower(r.Ticker)]
		unit, known := currencyUnit(strings.ToUpper(r.QuoteCurrency))
		if !asked || !known {
			continue
		}
		quote := Quote{Name: name, Unit: unit, HasCurrency: true, PreviousDate: market.NoDate}
		if len(r.TopOfBookData) > 0 {
			price, ok := r.TopOfBookData[0].LastPrice.price()
			if at, timed := clockTime(r.TopOfBookData[0].LastSaleTimestamp); ok && timed {
				quote.Price, quote.MarketTime = price, at
			}
		}
		found[name] = quote
	}
	return found, nil
}

// fund is a fund's last value, or a share's last close: both come with a day only.
func (t *TiingoSource) fund(ctx context.Context, name string, now time.Time) (Quote, *Error) {
	rows, err := t.daily(ctx, name, nil)
	if err != nil {
		return Quote{}, err
	}
	if len(rows) == 0 {
		return Quote{}, t.fail(Empty, name, "no value")
	}
	last := rows[len(rows)-1]
	price, ok := last.Close.price()
	if !ok {
		return Quote{}, t.fail(Empty, name, "no value")
	}
	return Quote{Name: name, Price: price, MarketTime: closingTime(last.day, now), PreviousDate: market.NoDate}, nil
}

// tiingoRow is one day as it was traded, with what happened that day.
type tiingoRow struct {
	Date                        string
	Close, DivCash, SplitFactor figure
	AdjClose                    *figure // beside which Close is raw
	day                         market.Date
}

func (t *TiingoSource) daily(ctx context.Context, name string, query url.Values) ([]tiingoRow, *Error) {
	_, ticker := tiingoKind(name)
	if !plainName(ticker) {
		return nil, t.fail(UnknownSymbol, "", "no name of this source")
	}
	if query == nil {
		query = url.Values{}
	}
	query.Set("format", "json")
	query.Set("resampleFreq", "daily")
	a, err := t.get(ctx, request{path: "/tiingo/daily/" + url.PathEscape(ticker) + "/prices", query: query, symbol: name, classify: t.classify})
	if err != nil {
		return nil, err
	}
	var rows []tiingoRow
	if err := t.decodeJSON(a.body, name, &rows); err != nil {
		return nil, err
	}
	for i := range rows {
		var ok bool
		if rows[i].day, ok = dayOf(rows[i].Date); !ok || rows[i].AdjClose == nil {
			return nil, t.fail(SchemaDrift, name, "date %.20q, or no adjusted close beside the raw one", rows[i].Date)
		}
	}
	slices.SortStableFunc(rows, func(a, b tiingoRow) int { return int(a.day) - int(b.day) })
	return rows, nil
}

// History gives raw closes. Tiingo tells no currency of what exchanges trade.
func (t *TiingoSource) History(ctx context.Context, name string, from, to market.Date) ([]market.Bar, money.Unit, error) {
	query := url.Values{"startDate": {from.String()}, "endDate": {to.String()}}
	var bars []market.Bar
	switch prefix, ticker := tiingoKind(name); prefix {
	case coinPrefix, fxPrefix:
		return t.pairHistory(ctx, name, prefix, ticker, query, from, to)
	default:
		rows, err := t.daily(ctx, name, query)
		if err != nil {
			return nil, money.Unit{}, err
		}
		for _, r := range rows {
			if price, ok := r.Close.price(); ok {
				bars = append(bars, market.Bar{Date: r.day, Close: price})
			}
		}
	}
	return within(bars, from, to), money.Unit{}, nil
}

// tiingoDay is one day of a pair.
type tiingoDay struct {
	Date, Ticker string
	Close        figure
}

// pairHistory gives the days of a coin or a pair of currencies, UTC; the last one may be in progress and is left out.
func (t *TiingoSource) pairHistory(ctx context.Context, name, prefix, ticker string, query url.Values, from, to market.Date) ([]market.Bar, money.Unit, error) {
	unit, known := pairUnit(ticker)
	if !plainName(ticker) || !known {
		return nil, money.Unit{}, t.fail(UnknownSymbol, "", "no name of this source")
	}
	query.Set("resampleFreq", "1day")
	path := "/tiingo/fx/" + url.PathEscape(ticker) + "/prices"
	if prefix == coinPrefix {
		path = "/tiingo/crypto/prices"
		query.Set("tickers", ticker)
	}
	a, err := t.get(ctx, request{path: path, query: query, symbol: name, classify: t.classify})
	if err != nil {
		return nil, money.Unit{}, err
	}
	var days []tiingoDay
	if prefix == coinPrefix {
		var coins []struct {
			Ticker    string
			PriceData []tiingoDay
		}
		if err := t.decodeJSON(a.body, name, &coins); err != nil {
			return nil, money.Unit{}, err
		}
		at := slices.IndexFunc(coins, func(c struct {
			Ticker    string
			PriceData []tiingoDay
		}) bool {
			return strings.EqualFold(c.Ticker, ticker)
		})
		if at < 0 {
			return nil, money.Unit{}, t.fail(UnknownSymbol, name, "not in the answer")
		}
		days = coins[at].PriceData
	} else if err := t.decodeJSON(a.body, name, &days); err != nil {
		return nil, money.Unit{}, err
	}
	bars := make([]market.Bar, 0, len(days))
	for _, d := range days {
		day, dated := dayOf(d.Date)
		if !dated || prefix == fxPrefix && !strings.EqualFold(d.Ticker, ticker) {
			return nil, money.Unit{}, t.fail(SchemaDrift, name, "date %.20q of %.20q", d.Date, d.Ticker)
		}
		if price, ok := d.Close.price(); ok {
			bars = append(bars, market.Bar{Date: day, Close: price})
		}
	}
	return t.finished(within(bars, from, to), time.UTC), unit, nil
}

// Actions come with the days on which they happened.
func (t *TiingoSource) Actions(ctx context.Context, name string, from, to market.Date) ([]Action, error) {
	rows, err := t.daily(ctx, name, url.Values{"startDate": {from.String()}, "endDate": {to.String()}})
	if err != nil {
		return nil, err
	}
	var actions []Action
	for _, r := range rows {
		if r.day < from || r.day > to {
			continue
		}
		if factor, ok := r.SplitFactor.price(); ok && !factor.Equal(money.One) {
			actions = append(actions, Action{Kind: Split, Date: r.day, PayDate: market.NoDate, New: factor.Reduced(), Old: money.One})
		}
		if amount, ok := r.DivCash.price(); ok {
			actions = append(actions, Action{Kind: Dividend, Date: r.day, PayDate: market.NoDate, Amount: amount})
		}
	}
	return actions, nil
}

// classify reads Tiingo's prose: errors come as text, also with status 200.
func (t *TiingoSource) classify(a answer) (Outcome, string) {
	if isHTML(a) {
		if a.status >= 500 {
			return Transient, ""
		}
		return Blocked, ""
	}
	words := opening(a)
	var problem struct{ Detail string }
	if json.Unmarshal(a.body, &problem) == nil && problem.Detail != "" {
		words = problem.Detail
	}
	missing := says(problem.Detail, "not found") || says(words, "ticker") && says(words, "not found")
	switch {
	case says(words, "hourly request"):
		return RateHour, words
	case says(words, "daily request"):
		return RateDay, words
	case says(words, "for this month", "monthly", "bandwidth"):
		return RateMonth, words
	case a.status == http.StatusTooManyRequests, says(words, "run over your"):
		return RateHour, words
	case says(words, "invalid token", "token is not valid", "authentication credentials"), a.status == http.StatusUnauthorized:
		return BadKey, words
	case missing && a.status < 500:
		return UnknownSymbol, words
	case a.status == http.StatusForbidden && words != "":
		return NotEntitled, words
	case a.status == http.StatusOK && words != "":
		return SchemaDrift, words
	}
	return statusOutcome(a.status), words
}
