package provider

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of Twelve Data's basic plan, which counts every name of a request.
const (
	twelvePerMinute = 8
	twelvePerDay    = 800
	twelveRowsMax   = 5000 // of one answer: twenty years
	twelvePagesMax  = 4    // of one history
)

// TwelveDataSource gives prices of many markets, of currencies and coins. A name is a symbol, a pair such as "EUR/USD", or a
// symbol with its market, "TSCO@XLON".
type TwelveDataSource struct{ *source }

// NewTwelveData makes the source; the error is about Options only.
func NewTwelveData(o Options) (*TwelveDataSource, error) {
	s, err := newSource(TwelveData, "https://api.twelvedata.com", twelvePerMinute, o)
	if err != nil {
		return nil, err
	}
	s.keyHeader, s.keyPrefix = "Authorization", "apikey "
	if o.RequestsPerMinute == 0 { // a whole batch at once, then as it refills
		s.pace[0].limiter = rate.NewLimiter(rate.Every(time.Minute/twelvePerMinute), twelvePerMinute)
	}
	minute, day := minutely(twelvePerMinute), daily(twelvePerDay, time.UTC)
	minute.PerName, minute.Reset, day.PerName = true, nextMinute, true
	s.quotas = []Quota{minute, day}
	return &TwelveDataSource{source: s}, nil
}

// Classes are all that Twelve Data prices.
func (t *TwelveDataSource) Classes() []market.Class {
	return []market.Class{market.Stock, market.ETF, market.Fund, market.Other, market.FX, market.Crypto}
}

// BatchMax is what a minute allows: every name counts.
func (t *TwelveDataSource) BatchMax() int { return twelvePerMinute }

// Requests is one for each market among the names; what Twelve Data counts is the names.
func (t *TwelveDataSource) Requests(names []string) int {
	markets := map[string]bool{}
	for _, name := range names {
		if _, mic, ok := twelveParts(name); ok {
			markets[mic] = true
		}
	}
	return len(markets)
}

// twelveAnswer is what one symbol gets: a quote, a price, a rate, a day's close or a series, or an error.
type twelveAnswer struct {
	Code    int
	Message string
	Status  string

	Symbol, Currency, Datetime string
	Close, PreviousClose       figure
	Price, Rate                figure
	Timestamp, LastQuoteAt     figure
	Meta                       twelveMeta
	Values                     []twelveBar
}

// UnmarshalJSON reads the names with underscores.
func (t *twelveAnswer) UnmarshalJSON(data []byte) error {
	type plain twelveAnswer
	var under struct {
		PreviousClose figure `json:"previous_close"`
		LastQuoteAt   figure `json:"last_quote_at"`
	}
	if err := json.Unmarshal(data, (*plain)(t)); err != nil {
		return err
	}
	err := json.Unmarshal(data, &under)
	t.PreviousClose, t.LastQuoteAt = under.PreviousClose, under.LastQuoteAt
	return err
}

type twelveMeta struct {
	Symbol, Currency string
	Timezone         string `json:"exchange_timezone"`
}

type twelveBar struct {
	Datetime string
	Close    figure
}

// twelveParts parts a name into the symbol and the market.
func twelveParts(name string) (symbol, mic string, ok bool) {
	symbol, mic, placed := strings.Cut(name, placeDivider)
	base, counter, paired := strings.Cut(symbol, "/")
	ok = plainName(base) && (!paired || plainName(counter)) && (!placed || plainName(mic))
	return symbol, mic, ok
}

// unit is in what a symbol is priced: the second of a pair, else what the answer says.
func (t *TwelveDataSource) unit(symbol, currency string) (unit money.Unit, has, ok bool) {
	if _, counter, paired := strings.Cut(symbol, "/"); paired {
		unit, ok = currencyUnit(counter)
		return unit, true, ok
	}
	if currency == "" {
		return money.Unit{}, false, true
	}
	unit, err := money.ParseUnit(currency)
	return unit, true, err == nil
}

// Latest asks once for the names of each market.
func (t *TwelveDataSource) Latest(ctx context.Context, names []string, now time.Time) (Batch, error) {
	batch := newBatch(len(names))
	groups := map[string][]string{} // by market
	var markets []string
	for _, name := range names {
		_, mic, ok := twelveParts(name)
		if !ok {
			batch.Failed[name] = t.fail(UnknownSymbol, "", "no name of this source")
			continue
		}
		if groups[mic] == nil {
			markets = append(markets, mic)
		}
		groups[mic] = append(groups[mic], name)
	}
	var stop *Error
	for _, mic := range markets {
		if stop == nil {
			err := t.quotes(ctx, &batch, mic, groups[mic], now)
			if err == nil {
				continue
			}
			if len(markets) == 1 && len(groups[mic]) == len(names) && (!err.Outcome.PerSymbol() || len(names) > 1) {
				return Batch{}, err
			}
			if !err.Outcome.PerSymbol() {
				stop = err
			}
			for _, name := range groups[mic] {
				batch.Failed[name] = err.of(name)
			}
			continue
		}
		for _, name := range groups[mic] {
			batch.Failed[name] = stop.of(name)
		}
	}
	return batch, nil
}

// quotes asks for the names of one market.
func (t *TwelveDataSource) quotes(ctx context.Context, batch *Batch, mic string, names []string, now time.Time) *Error {
	symbols := make([]string, 0, len(names))
	for _, name := range names {
		symbol, _, _ := twelveParts(name)
		symbols = append(symbols, symbol)
	}
	query := url.Values{"symbol": {strings.Join(unique(slices.Clone(symbols)), ",")}}
	if mic != "" {
		query.Set("mic_code", mic)
	}
	a, err := t.get(ctx, request{path: "/quote", query: query, cost: len(names), classify: t.classify})
	if err != nil {
		return err
	}
	answers := map[string]json.RawMessage{}
	if err := t.decodeJSON(a.body, "", &answers); err != nil {
		return err
	}
	for i, name := range names {
		raw, ok := answers[symbols[i]]
		if !ok && len(names) == 1 {
			raw, ok = a.body, true // one symbol's answer isn't wrapped
		}
		if !ok {
			batch.Failed[name] = t.fail(UnknownSymbol, name, "not in the answer")
			continue
		}
		var got twelveAnswer
		if err := t.decodeJSON(raw, name, &got); err != nil {
			batch.Failed[name] = err
			continue
		}
		if quote, err := t.quote(name, symbols[i], got, now); err != nil {
			batch.Failed[name] = err
		} else {
			t.add(batch, quote, now)
		}
	}
	return nil
}

// quote makes one answer a quote.
func (t *TwelveDataSource) quote(name, symbol string, got twelveAnswer, now time.Time) (Quote, *Error) {
	if got.Status == "error" {
		return Quote{}, t.fail(twelveOutcome(got.Code, got.Message), name, "code %d: %q", got.Code, t.brief(got.Message))
	}
	about, currency := got.Symbol, got.Currency
	if got.Meta.Symbol != "" {
		about, currency = got.Meta.Symbol, got.Meta.Currency
	}
	if about != symbol {
		return Quote{}, t.fail(SchemaDrift, name, "the answer is about %.40q", about)
	}
	unit, has, ok := t.unit(symbol, currency)
	if !ok {
		return Quote{}, t.fail(SchemaDrift, name, "currency %.20q", currency)
	}
	written, datetime := got.Close, got.Datetime
	if len(got.Values) > 0 {
		written, datetime = got.Values[0].Close, got.Values[0].Datetime
	}
	for _, other := range []figure{got.Rate, got.Price} {
		if written.text == "" {
			written = other
		}
	}
	price, ok := written.price()
	if !ok {
		return Quote{}, t.fail(Empty, name, "no price")
	}
	at, timed := got.LastQuoteAt.seconds()
	if !timed {
		at, timed = got.Timestamp.seconds()
	}
	if day, dated := dayOf(datetime); !timed && dated {
		at, timed = closingTime(day, now), true
	}
	if !timed {
		return Quote{}, t.fail(SchemaDrift, name, "no time of the price")
	}
	quote := Quote{Name: name, Price: price, Unit: unit, HasCurrency: has, MarketTime: at, PreviousDate: market.NoDate}
	if before, ok := got.PreviousClose.price(); ok {
		quote.PreviousClose = &before
	}
	return quote, nil
}

// HistoryDays is as many as one page has.
func (t *TwelveDataSource) HistoryDays() int { return twelveRowsMax }

// History gives raw closes, page by page from the newest.
func (t *TwelveDataSource) History(ctx context.Context, name string, from, to market.Date) ([]market.Bar, money.Unit, error) {
	var bars []market.Bar
	var unit money.Unit
	zone := newYorkZone()
	for range twelvePagesMax {
		got, err := t.about(ctx, name, "/time_series", url.Values{
			"interval": {"1day"}, "adjust": {"none"}, "outputsize": {jsonInt(twelveRowsMax)},
			"start_date": {from.String()}, "end_date": {(to + 1).String()},
		})
		if err != nil && err.Outcome == Empty {
			break
		} else if err != nil {
			return nil, money.Unit{}, err
		}
		var series struct {
			Meta   twelveMeta
			Values []twelveBar
		}
		if err := t.decodeJSON(got, name, &series); err != nil {
			return nil, money.Unit{}, err
		}
		symbol, _, _ := twelveParts(name)
		var known bool
		if unit, _, known = t.unit(symbol, series.Meta.Currency); !known || series.Meta.Symbol != symbol {
			return nil, money.Unit{}, t.fail(SchemaDrift, name, "a series of %.40q in %.20q", series.Meta.Symbol, series.Meta.Currency)
		}
		if strings.Contains(series.Meta.Timezone, "/") {
			zone = zoneOr(series.Meta.Timezone, 0)
		}
		oldest := to + 1
		for _, v := range series.Values {
			day, dated := dayOf(v.Datetime)
			if !dated {
				return nil, money.Unit{}, t.fail(SchemaDrift, name, "date %.20q", v.Datetime)
			}
			oldest = min(oldest, day)
			if price, ok := v.Close.price(); ok {
				bars = append(bars, market.Bar{Date: day, Close: price})
			}
		}
		if len(series.Values) < twelveRowsMax || oldest <= from || oldest > to {
			break
		}
		to = oldest - 1
	}
	newest := from
	for _, b := range bars {
		newest = max(newest, b.Date)
	}
	return t.finished(within(bars, from, newest), zone), unit, nil
}

// about asks for one name on a route.
func (t *TwelveDataSource) about(ctx context.Context, name, path string, query url.Values) ([]byte, *Error) {
	symbol, mic, ok := twelveParts(name)
	if !ok {
		return nil, t.fail(UnknownSymbol, "", "no name of this source")
	}
	query.Set("symbol", symbol)
	if mic != "" {
		query.Set("mic_code", mic)
	}
	a, err := t.get(ctx, request{path: path, query: query, symbol: name, classify: t.classify})
	return a.body, err
}

// Actions asks for dividends and for splits; both are for paid plans.
func (t *TwelveDataSource) Actions(ctx context.Context, name string, from, to market.Date) ([]Action, error) {
	period := func() url.Values { return url.Values{"start_date": {from.String()}, "end_date": {to.String()}} }
	query := period()
	query.Set("adjust", "false")
	body, err := t.about(ctx, name, "/dividends", query)
	if err != nil {
		return nil, err
	}
	var paid struct {
		Meta      twelveMeta
		Dividends *[]struct {
			ExDate string `json:"ex_date"`
			Amount figure
		}
	}
	if err := t.decodeJSON(body, name, &paid); err != nil {
		return nil, err
	}
	unit, has, ok := t.unit("", paid.Meta.Currency)
	if !ok || paid.Dividends == nil {
		return nil, t.fail(SchemaDrift, name, "no dividends in a currency: %.20q", paid.Meta.Currency)
	}
	var actions []Action
	for _, d := range *paid.Dividends {
		day, dated := dayOf(d.ExDate)
		amount, ok := d.Amount.price()
		if !dated || !ok {
			return nil, t.fail(SchemaDrift, name, "a dividend of %.20q on %.20q", d.Amount.text, d.ExDate)
		}
		actions = append(actions, Action{Kind: Dividend, Date: day, PayDate: market.NoDate, Amount: amount, Unit: unit, HasCurrency: has})
	}
	if body, err = t.about(ctx, name, "/splits", period()); err != nil {
		return nil, err
	}
	var divided struct {
		Splits *[]struct {
			Date  string
			From  figure `json:"from_factor"`
			To    figure `json:"to_factor"`
			Ratio figure
		}
	}
	if err := t.decodeJSON(body, name, &divided); err != nil {
		return nil, err
	}
	if divided.Splits == nil {
		return nil, t.fail(SchemaDrift, name, "no splits")
	}
	for _, s := range *divided.Splits {
		day, dated := dayOf(s.Date)
		after, ok := s.From.price() // 4-for-1 is written from 4 to 1, with the ratio 0.25
		before, ok2 := s.To.price()
		ratio, ok3 := s.Ratio.price()
		if !dated || !ok || !ok2 || ok3 && (ratio.Cmp(money.One) < 0) != (before.Cmp(after) < 0) {
			return nil, t.fail(SchemaDrift, name, "a split of %.20q to %.20q by %.20q", s.From.text, s.To.text, s.Ratio.text)
		}
		actions = append(actions, Action{Kind: Split, Date: day, PayDate: market.NoDate, New: after, Old: before})
	}
	return inPeriod(actions, from, to), nil
}

// classify goes by the body first: errors also come with status 200.
func (t *TwelveDataSource) classify(a answer) (Outcome, string) {
	if isHTML(a) {
		if a.status >= 500 {
			return Transient, ""
		}
		return Blocked, ""
	}
	var problem struct {
		Code            int
		Message, Status string
	}
	if json.Unmarshal(a.body, &problem) == nil && problem.Status == "error" {
		if problem.Code == 0 {
			problem.Code = a.status
		}
		return twelveOutcome(problem.Code, problem.Message), problem.Message
	}
	return statusOutcome(a.status), opening(a)
}

func twelveOutcome(code int, message string) Outcome {
	switch {
	case says(message, "for the day"):
		return RateDay
	case code == http.StatusTooManyRequests, says(message, "current minute"):
		return RateMinute
	case code == http.StatusUnauthorized, says(message, "**apikey**"):
		return BadKey
	case says(message, "exclusively with", "grow or", "pro or", "upgrad") && code < 429, code == http.StatusForbidden:
		return NotEntitled
	case says(message, "no data is available"):
		return Empty
	case code == http.StatusNotFound, says(message, "**symbol**", "**figi**"):
		return UnknownSymbol
	case code >= 500:
		return Transient
	}
	return SchemaDrift
}
