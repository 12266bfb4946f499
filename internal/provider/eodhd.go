package provider

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of EODHD: the free plan has twenty calls a day, a paid one a thousand a minute.
const (
	eodhdPerMinute = 60
	eodhdPerDay    = 20
	eodhdBatchMax  = 15 // names in one request, as EODHD advises
	eodhdHitsMax   = 20
	eodhdLate      = 20 * time.Minute
)

// EODHDSource gives prices of many markets with a delay of some twenty minutes, and raw daily closes. A name is EODHD's code
// with its exchange, followed by "/" and a unit where the price isn't in the instrument's own currency: "TSCO.LSE/GBX".
type EODHDSource struct{ *source }

// NewEODHD makes the source; the error is about Options only.
func NewEODHD(o Options) (*EODHDSource, error) {
	s, err := newSource(EODHD, "https://eodhd.com", eodhdPerMinute, o)
	if err != nil {
		return nil, err
	}
	s.keyQuery = "api_token" // it reads no header
	day := daily(eodhdPerDay, time.UTC)
	day.PerName = true
	s.quotas = []Quota{minutely(1000), day}
	return &EODHDSource{source: s}, nil
}

// Classes are all that EODHD prices.
func (e *EODHDSource) Classes() []market.Class {
	return []market.Class{market.Stock, market.ETF, market.Fund, market.Bond, market.Other, market.FX, market.Crypto}
}

// BatchMax is how many names go into one request.
func (e *EODHDSource) BatchMax() int { return eodhdBatchMax }

// Delay is what EODHD says of its live prices, whatever the market.
func (e *EODHDSource) Delay(string) time.Duration { return eodhdLate }

// eodhdUnit parts a name into the code and the unit, which follows from the code for the United States, currencies and coins.
func eodhdUnit(name string) (code string, unit money.Unit, has, ok bool) {
	code, unit, has, ok = unitName(name)
	if has || !ok {
		return code, unit, has, ok
	}
	symbol, exchange := cutLast(code, ".")
	switch exchange {
	case "US":
		unit, has = currencyUnit("USD")
	case "FOREX", "CC":
		unit, has = pairUnit(symbol)
		if exchange == "FOREX" && len(symbol) == 3 { // EUR.FOREX is euros for a dollar
			unit, has = currencyUnit(symbol)
		}
	}
	return code, unit, has, true
}

// cutLast cuts a text around its last separator.
func cutLast(text, separator string) (before, after string) {
	at := strings.LastIndex(text, separator)
	if at < 0 {
		return text, ""
	}
	return text[:at], text[at+len(separator):]
}

type eodhdQuote struct {
	Code                            string
	Timestamp, Close, PreviousClose figure
}

// Latest asks for all names at once.
func (e *EODHDSource) Latest(ctx context.Context, names []string, now time.Time) (Batch, error) {
	batch := newBatch(len(names))
	var codes []string
	for _, name := range names {
		if code, _, _, ok := eodhdUnit(name); ok {
			codes = append(codes, code)
			continue
		}
		batch.Failed[name] = e.fail(UnknownSymbol, "", "no name of this source")
	}
	if len(codes) == 0 {
		return batch, nil
	}
	codes = unique(codes)
	query := url.Values{"fmt": {"json"}}
	if len(codes) > 1 {
		query.Set("s", strings.Join(codes[1:], ","))
	}
	a, err := e.get(ctx, request{path: "/api/real-time/" + url.PathEscape(codes[0]), query: query, classify: e.classify})
	if err != nil {
		return Batch{}, err
	}
	var quotes []eodhdQuote
	if strings.HasPrefix(strings.TrimSpace(string(a.body[:min(len(a.body), 64)])), "{") {
		quotes = make([]eodhdQuote, 1) // one name's answer is no list
		err = e.decodeJSON(a.body, "", &quotes[0])
	} else {
		err = e.decodeJSON(a.body, "", &quotes)
	}
	if err != nil {
		return Batch{}, err
	}
	for _, name := range names {
		code, unit, has, ok := eodhdUnit(name)
		if !ok {
			continue
		}
		at := slices.IndexFunc(quotes, func(q eodhdQuote) bool { return q.Code == code })
		if at < 0 {
			batch.Failed[name] = e.fail(UnknownSymbol, name, "not in the answer")
			continue
		}
		price, priced := quotes[at].Close.price()
		moment, timed := quotes[at].Timestamp.seconds()
		switch {
		case !priced && quotes[at].Timestamp.text == "NA":
			batch.Failed[name] = e.fail(UnknownSymbol, name, "NA")
		case !priced || !timed:
			batch.Failed[name] = e.fail(Empty, name, "no price")
		default:
			quote := Quote{Name: name, Price: price, Unit: unit, HasCurrency: has, MarketTime: moment, PreviousDate: market.NoDate}
			if before, ok := quotes[at].PreviousClose.price(); ok {
				quote.PreviousClose = &before
			}
			e.add(&batch, quote, now)
		}
	}
	return batch, nil
}

// about asks for one name on a route.
func (e *EODHDSource) about(ctx context.Context, route, name string, from, to market.Date, into any) (money.Unit, *Error) {
	code, unit, _, ok := eodhdUnit(name)
	if !ok {
		return money.Unit{}, e.fail(UnknownSymbol, "", "no name of this source")
	}
	query := url.Values{"fmt": {"json"}, "from": {from.String()}, "to": {to.String()}}
	if route == "eod" {
		query.Set("period", "d")
		query.Set("order", "a")
	}
	a, err := e.get(ctx, request{path: "/api/" + route + "/" + url.PathEscape(code), query: query, symbol: name, classify: e.classify})
	if err != nil {
		return money.Unit{}, err
	}
	return unit, e.decodeJSON(a.body, name, into)
}

// History gives raw closes.
func (e *EODHDSource) History(ctx context.Context, name string, from, to market.Date) ([]market.Bar, money.Unit, error) {
	var days []struct {
		Date     string
		Close    figure
		Adjusted *figure `json:"adjusted_close"` // beside which close is raw
	}
	unit, err := e.about(ctx, "eod", name, from, to, &days)
	if err != nil {
		return nil, money.Unit{}, err
	}
	bars := make([]market.Bar, 0, len(days))
	for _, d := range days {
		day, dated := dayOf(d.Date)
		if !dated || d.Adjusted == nil {
			return nil, money.Unit{}, e.fail(SchemaDrift, name, "date %.20q, or no adjusted close beside the raw one", d.Date)
		}
		if price, ok := d.Close.price(); ok {
			bars = append(bars, market.Bar{Date: day, Close: price})
		}
	}
	return within(bars, from, to), unit, nil
}

// Actions asks for dividends, of which the amount as it was paid counts, and for splits.
func (e *EODHDSource) Actions(ctx context.Context, name string, from, to market.Date) ([]Action, error) {
	var paid []struct {
		Date, PaymentDate, Currency string
		Value, UnadjustedValue      figure
	}
	if _, err := e.about(ctx, "div", name, from, to, &paid); err != nil {
		return nil, err
	}
	var actions []Action
	for _, d := range paid {
		day, dated := dayOf(d.Date)
		amount, ok := d.UnadjustedValue.price()
		if !dated || !ok {
			return nil, e.fail(SchemaDrift, name, "a dividend of %.20q on %.20q", d.UnadjustedValue.text, d.Date)
		}
		action := Action{Kind: Dividend, Date: day, PayDate: market.NoDate, Amount: amount}
		if pay, dated := dayOf(d.PaymentDate); dated {
			action.PayDate = pay
		}
		if unit, err := money.ParseUnit(d.Currency); err == nil {
			action.Unit, action.HasCurrency = unit, true
		}
		actions = append(actions, action)
	}
	var divided []struct{ Date, Split string }
	if _, err := e.about(ctx, "splits", name, from, to, &divided); err != nil {
		return nil, err
	}
	for _, s := range divided {
		day, dated := dayOf(s.Date)
		after, before, cut := strings.Cut(s.Split, "/")
		shares, ok := exactPrice(after)
		old, ok2 := exactPrice(before)
		if !dated || !cut || !ok || !ok2 {
			return nil, e.fail(SchemaDrift, name, "a split of %.40q on %.20q", s.Split, s.Date)
		}
		actions = append(actions, Action{Kind: Split, Date: day, PayDate: market.NoDate, New: shares.Reduced(), Old: old.Reduced()})
	}
	return inPeriod(actions, from, to), nil
}

// eodhdClasses are EODHD's kinds of what can be held.
var eodhdClasses = map[string]market.Class{
	"Common Stock": market.Stock, "Preferred Stock": market.Stock, "ETF": market.ETF, "ETC": market.ETF, "FUND": market.Fund,
	"Mutual Fund": market.Fund, "BOND": market.Bond, "Bond": market.Bond, "Currency": market.Crypto,
}

// Search finds instruments by name, symbol or ISIN, each of its listings for itself.
func (e *EODHDSource) Search(ctx context.Context, query string) ([]market.Instrument, error) {
	path := "/api/search/" + url.PathEscape(query)
	a, err := e.get(ctx, request{path: path, query: url.Values{"fmt": {"json"}, "limit": {jsonInt(eodhdHitsMax)}}, classify: e.classify})
	if err != nil {
		return nil, err
	}
	var found []struct{ Code, Exchange, Name, Type, Currency, ISIN string }
	if err := e.decodeJSON(a.body, "", &found); err != nil {
		return nil, err
	}
	var hits []market.Instrument
	for _, f := range found {
		class, held := eodhdClasses[f.Type]
		unit, unitErr := money.ParseUnit(f.Currency)
		code := f.Code + "." + f.Exchange
		if !held || unitErr != nil || f.Code == "" || !plainName(code) || len(hits) == eodhdHitsMax {
			continue
		}
		if string(unit.Currency) != f.Currency {
			code += unitDivider + f.Currency
		}
		hits = append(hits, market.Instrument{
			Symbol: clip(f.Code), Name: clip(f.Name, f.Code), ISIN: isin(f.ISIN), MIC: eodhdMIC(f.Exchange), Currency: unit.Currency,
			Class: class, Names: map[string]string{EODHD: code},
		})
	}
	return hits, nil
}

// eodhdMIC is the market of one of EODHD's codes, empty where it stands for several.
func eodhdMIC(exchange string) string {
	var found string
	for mic, code := range eodhdMarkets {
		if code == exchange && (found == "" || mic < found) && mic != "MTAA" && mic != "BMEX" && mic != "ASEX" {
			found = mic
		}
	}
	return found
}

// classify reads EODHD's prose: its errors aren't JSON.
func (e *EODHDSource) classify(a answer) (Outcome, string) {
	words := opening(a)
	switch {
	case a.status == http.StatusTooManyRequests:
		return RateMinute, words
	case isHTML(a) && a.status >= 500:
		return Transient, ""
	case isHTML(a):
		return Blocked, ""
	case a.status == http.StatusPaymentRequired, says(words, "exceeded your daily"):
		return RateDay, words
	case a.status == http.StatusUnauthorized, says(words, "unauthenticated"):
		return BadKey, words
	case a.status == http.StatusForbidden && words != "", says(words, "only eod data allowed"):
		return NotEntitled, words
	case says(words, "ticker not found", "symbol not found") && a.status < 500:
		return UnknownSymbol, words
	case a.status == http.StatusOK && words != "":
		return SchemaDrift, words
	}
	return statusOutcome(a.status), words
}
