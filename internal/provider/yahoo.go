package provider

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds and budget of Yahoo, which publishes none: blocks were seen after about 950 names in a burst.
const (
	yahooBatchMax   = 20 // names in one spark request, as other clients were seen to work with
	yahooPerMinute  = 30
	yahooPerHour    = 300
	yahooCoolDown   = 15 * time.Minute // after a 429, which tells no time
	yahooLate       = 15 * time.Minute // prices of most markets; each price tells its own time besides
	yahooUnitsMax   = 20_000           // names whose unit is remembered: as many as anybody polls
	yahooUnitsKept  = 24 * time.Hour
	yahooSplitsMax  = 1_000                // of one instrument
	yahooPeriodEnd  = "9999999999"         // seconds: to the last bar, so that every later split is in the answer
	yahooGapDaysMax = market.Date(14)      // between a price and the close before it; longer is another story
	yahooSearchMax  = 20                   // hits of a search
	yahooDelisted   = "may be delisted"    // in the text of an unknown symbol
	yahooNoData     = "Data doesn't exist" // in the text of an empty period
)

// YahooSource is Yahoo Finance: unofficial, without a key or a contract, for personal use; it is to be switched on by
// whoever runs the service, with a notice. Where it refuses us we stop, and don't pose as somebody else.
//
// A name's first request is a chart, which tells its currency; for a day after that it goes with others into a spark
// request, which doesn't. Prices are in the unit that Yahoo names, such as GBp.
//
// Where many names are new at once, one quote request tells the units of fifty, as long as Yahoo gives us the crumb that it
// takes.
type YahooSource struct {
	*source
	cookies *url.URL // where the cookie comes from that a crumb belongs to

	mu    sync.Mutex
	units map[string]yahooUnit
	crumb yahooCrumb
}

type yahooUnit struct {
	unit    money.Unit
	learned time.Time
}

// NewYahoo makes the source; the error is about Options only.
func NewYahoo(o Options) (*YahooSource, error) {
	s, err := newSource(Yahoo, "https://query1.finance.yahoo.com", yahooPerMinute, o)
	if err != nil {
		return nil, err
	}
	if o.RequestsPerMinute == 0 {
		s.pace = append(s.pace, newBudget(yahooPerHour, time.Hour, RateHour))
	}
	y := &YahooSource{source: s, units: map[string]yahooUnit{}}
	y.cookies = &url.URL{Scheme: "https", Host: "fc.yahoo.com", Path: "/"}
	if o.BaseURL != "" {
		y.cookies = s.base.JoinPath("cookie")
	}
	y.quotas = []Quota{minutely(yahooPerMinute), hourly(yahooPerHour)}
	return y, nil
}

// Classes are all that Yahoo prices.
func (y *YahooSource) Classes() []market.Class {
	return []market.Class{market.Stock, market.ETF, market.Fund, market.Bond, market.Crypto, market.Other, market.FX}
}

// BatchMax is how many names go into one spark request.
func (y *YahooSource) BatchMax() int { return yahooBatchMax }

// Requests is one for the names whose unit is known. The others take a chart each, or where they are many some quotes with the
// cookie and the crumb that these need.
func (y *YahooSource) Requests(names []string) int {
	now := y.clock()
	known, others := y.split(names, now)
	if len(known) == 1 {
		known, others = nil, append(others, known[0])
	}
	count := min(len(known), 1)
	if len(others) < yahooQuoteMin {
		return count + len(others)
	}
	y.mu.Lock()
	crumb := y.crumb
	y.mu.Unlock()
	switch {
	case crumb.text != "" && now.Sub(crumb.got) < yahooCrumbKept:
	case !crumb.refused.IsZero() && now.Sub(crumb.refused) < yahooCrumbRefused:
		return count + len(others)
	default:
		count += yahooCrumbRequests
	}
	return count + (len(others)+yahooQuoteMax-1)/yahooQuoteMax
}

// Delay goes by what Yahoo says of markets: those of the United States, Canada, India and the Nordic countries aren't late.
func (y *YahooSource) Delay(mic string) time.Duration {
	switch {
	case mic == "" || isAmerican(mic) || slices.Contains(yahooPrompt, mic):
		return 0
	case slices.Contains(yahooLater, mic):
		return yahooLate + 5*time.Minute
	}
	return yahooLate
}

// Latest asks for names of a known unit together and for each other one on its own.
func (y *YahooSource) Latest(ctx context.Context, names []string, now time.Time) (Batch, error) {
	batch := newBatch(len(names))
	known, others := y.split(names, now)
	if len(known) == 1 {
		known, others = nil, append(others, known[0])
	}
	if len(known) > 0 {
		if err := y.spark(ctx, &batch, known, now); err != nil {
			return Batch{}, err
		}
	}
	if len(others) >= yahooQuoteMin {
		rest, err := y.quotes(ctx, &batch, others, now)
		if err != nil && len(known) == 0 {
			return Batch{}, err
		} else if err != nil {
			for _, name := range rest {
				batch.Failed[name] = err.of(name)
			}
			rest = nil
		}
		others = rest
	}
	var stop *Error // an error of the source itself: the names that are left needn't be asked
	for i, name := range others {
		switch {
		case stop != nil:
			batch.Failed[name] = stop.of(name)
		case !plainName(name):
			batch.Failed[name] = y.fail(UnknownSymbol, "", "no name of this source")
		default:
			quote, err := y.chartQuote(ctx, name, now)
			if err == nil {
				y.add(&batch, quote, now)
				continue
			}
			if !err.Outcome.PerSymbol() && err.Outcome != SchemaDrift {
				if stop = err; i == 0 && len(known) == 0 {
					return Batch{}, err
				}
			}
			batch.Failed[name] = err
		}
	}
	return batch, nil
}

// split parts the names into those whose unit was learned within a day, and the others.
func (y *YahooSource) split(names []string, now time.Time) (known, others []string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, name := range names {
		if u, ok := y.units[name]; ok && now.Sub(u.learned) < yahooUnitsKept {
			known = append(known, name)
		} else {
			others = append(others, name)
		}
	}
	return known, others
}

func (y *YahooSource) learn(name string, unit money.Unit, now time.Time) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if len(y.units) >= yahooUnitsMax {
		clear(y.units)
	}
	y.units[name] = yahooUnit{unit: unit, learned: now}
}

func (y *YahooSource) unit(name string) money.Unit {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.units[name].unit
}

func (y *YahooSource) forget(name string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	delete(y.units, name)
}

// yahooProblem is Yahoo's error, under a key that depends on the route.
type yahooProblem struct {
	Error *struct{ Code, Description string }
}

// classify reads Yahoo's error text, since its status is not the truth.
func (y *YahooSource) classify(a answer) (Outcome, string) {
	if a.status == http.StatusTooManyRequests || len(a.body) < 200 && strings.Contains(string(a.body), "Too Many Requests") {
		if a.header.Get("Retry-After") == "" {
			a.header.Set("Retry-After", jsonInt(int64(yahooCoolDown/time.Second)))
		}
		return RateHour, ""
	}
	if isHTML(a) {
		if a.status >= 500 {
			return Transient, ""
		}
		return Blocked, ""
	}
	var body map[string]json.RawMessage
	if json.Unmarshal(a.body, &body) == nil {
		for _, key := range []string{"chart", "spark", "finance", "quoteResponse"} {
			var p yahooProblem
			if json.Unmarshal(body[key], &p) != nil || p.Error == nil {
				continue
			}
			return yahooOutcome(a.status, p.Error.Code, p.Error.Description), p.Error.Description
		}
	}
	if a.status == http.StatusUnauthorized {
		return Blocked, ""
	}
	return statusOutcome(a.status), ""
}

func yahooOutcome(status int, code, description string) Outcome {
	switch {
	case code == "Not Found", strings.Contains(description, yahooDelisted):
		return UnknownSymbol
	case strings.Contains(description, yahooNoData):
		return Empty
	case code == "Unauthorized":
		return Blocked // there is no key: they don't want this client
	case status >= 500:
		return Transient
	}
	return SchemaDrift
}

type yahooChart struct {
	Chart struct{ Result []yahooResult }
}

type yahooResult struct {
	Meta       yahooMeta
	Timestamp  []int64
	Indicators struct {
		Quote []struct{ Close []*json.Number }
	}
	Events struct {
		Splits map[string]struct {
			Date                   int64
			Numerator, Denominator json.Number
		}
		Dividends map[string]struct {
			Date   int64
			Amount *json.Number
		}
	}
}

type yahooMeta struct {
	Currency             string
	Symbol               string
	Range                string
	RegularMarketTime    int64
	RegularMarketPrice   *json.Number
	ChartPreviousClose   *json.Number
	GMTOffset            int
	ExchangeTimezoneName string
	CurrentTradingPeriod struct {
		Regular struct{ Start, End int64 }
	}
}

// zone is where the instrument trades; its clock tells which day a bar belongs to.
func (m *yahooMeta) zone() *time.Location {
	if strings.Contains(m.ExchangeTimezoneName, "/") {
		if zone, err := time.LoadLocation(m.ExchangeTimezoneName); err == nil {
			return zone
		}
	}
	return time.FixedZone("", m.GMTOffset)
}

// chart asks for a name's daily bars; the result's currency is known.
func (y *YahooSource) chart(ctx context.Context, name string, query url.Values) (*yahooResult, money.Unit, *Error) {
	if !plainName(name) {
		return nil, money.Unit{}, y.fail(UnknownSymbol, "", "no name of this source")
	}
	query.Set("interval", "1d")
	query.Set("events", "div|split")
	query.Set("includePrePost", "false")
	a, err := y.get(ctx, request{path: "/v8/finance/chart/" + url.PathEscape(name), query: query, symbol: name, classify: y.classify})
	if err != nil {
		return nil, money.Unit{}, err
	}
	var c yahooChart
	if err := y.decodeJSON(a.body, name, &c); err != nil {
		return nil, money.Unit{}, err
	}
	if len(c.Chart.Result) == 0 {
		return nil, money.Unit{}, y.fail(Empty, name, "no result")
	}
	r := &c.Chart.Result[0]
	if r.Meta.Symbol != "" && !strings.EqualFold(r.Meta.Symbol, name) {
		return nil, money.Unit{}, y.fail(SchemaDrift, name, "the answer is about %.40q", r.Meta.Symbol)
	}
	if r.Meta.Currency == "" {
		return nil, money.Unit{}, y.fail(Empty, name, "no currency")
	}
	unit, parseErr := money.ParseUnit(r.Meta.Currency)
	if parseErr != nil {
		return nil, money.Unit{}, y.fail(SchemaDrift, name, "%w", parseErr)
	}
	return r, unit, nil
}

func (y *YahooSource) chartQuote(ctx context.Context, name string, now time.Time) (Quote, *Error) {
	r, unit, err := y.chart(ctx, name, url.Values{"range": {"5d"}})
	if err != nil {
		return Quote{}, err
	}
	price, ok := floatPrice(r.Meta.RegularMarketPrice)
	at, sane := unixTime(r.Meta.RegularMarketTime)
	if !ok || !sane || r.Meta.RegularMarketTime == 0 {
		return Quote{}, y.fail(Empty, name, "no price")
	}
	y.learn(name, unit, now)
	quote := Quote{Name: name, Price: price, Unit: unit, HasCurrency: true, MarketTime: at, PreviousDate: market.NoDate}
	bars, err := y.bars(r, name)
	if err != nil {
		return quote, nil // the price stands without the close before it
	}
	today := market.DateOf(at.In(r.Meta.zone()))
	for _, bar := range slices.Backward(bars) {
		if bar.Date < today {
			if today-bar.Date <= yahooGapDaysMax {
				quote.PreviousClose, quote.PreviousDate = &bar.Close, bar.Date
			}
			return quote, nil
		}
	}
	if before, ok := floatPrice(r.Meta.ChartPreviousClose); ok && r.Meta.Range == "1d" {
		quote.PreviousClose = &before
	}
	return quote, nil
}

// History undoes the split adjustment of Yahoo's closes with the splits that came later.
func (y *YahooSource) History(ctx context.Context, name string, from, to market.Date) ([]market.Bar, money.Unit, error) {
	first := from.Time().AddDate(0, 0, -1).Unix() // a day early: the exchange's midnight may come before ours
	query := url.Values{"period1": {jsonInt(first)}, "period2": {yahooPeriodEnd}}
	r, unit, err := y.chart(ctx, name, query)
	if err != nil {
		if err.Outcome == Empty {
			return nil, money.Unit{}, nil
		}
		return nil, money.Unit{}, err
	}
	bars, err := y.bars(r, name)
	if err != nil {
		return nil, money.Unit{}, err
	}
	bars = slices.DeleteFunc(bars, func(b market.Bar) bool { return b.Date < from || b.Date > to })
	return bars, unit, nil
}

type yahooSplit struct {
	date   market.Date
	after  money.Decimal // so many new shares
	before money.Decimal // for so many old ones
	ratio  money.Decimal // new shares per old one
}

// bars are the raw closes of finished days, rising by date.
func (y *YahooSource) bars(r *yahooResult, name string) ([]market.Bar, *Error) {
	if len(r.Timestamp) == 0 || len(r.Indicators.Quote) == 0 {
		return nil, nil
	}
	closes := r.Indicators.Quote[0].Close
	if len(closes) != len(r.Timestamp) {
		return nil, y.fail(SchemaDrift, name, "%d times for %d closes", len(r.Timestamp), len(closes))
	}
	zone := r.Meta.zone()
	splits, err := y.splits(r, name, zone)
	if err != nil {
		return nil, err
	}
	session := r.Meta.CurrentTradingPeriod.Regular
	inProgress := r.Meta.RegularMarketTime < session.End
	bars := make([]market.Bar, 0, len(closes))
	for i, n := range closes {
		at, sane := unixTime(r.Timestamp[i])
		price, ok := floatPrice(n)
		if !ok || !sane || inProgress && r.Timestamp[i] >= session.Start && session.Start > 0 {
			continue
		}
		bar := market.Bar{Date: market.DateOf(at.In(zone)), Close: price}
		adjusted := false
		for _, s := range splits {
			if s.date > bar.Date {
				bar.Close, adjusted = bar.Close.Mul(s.ratio), true
			}
		}
		if adjusted { // the close had the digits of a 32-bit float before it was multiplied
			bar.Close = roundSignificant(bar.Close, singleDigits)
		}
		bars = append(bars, bar)
	}
	slices.SortStableFunc(bars, func(a, b market.Bar) int { return cmp.Compare(a.Date, b.Date) })
	return lastOfDay(bars), nil
}

// lastOfDay keeps the last of several bars of one day; bars are in order.
func lastOfDay(bars []market.Bar) []market.Bar {
	kept := bars[:0]
	for _, b := range bars {
		if n := len(kept); n > 0 && kept[n-1].Date == b.Date {
			kept[n-1] = b
			continue
		}
		kept = append(kept, b)
	}
	return kept
}

func (y *YahooSource) splits(r *yahooResult, name string, zone *time.Location) ([]yahooSplit, *Error) {
	if len(r.Events.Splits) > yahooSplitsMax {
		return nil, y.fail(SchemaDrift, name, "%d splits", len(r.Events.Splits))
	}
	splits := make([]yahooSplit, 0, len(r.Events.Splits))
	for _, s := range r.Events.Splits {
		at, sane := unixTime(s.Date)
		numerator, ok := exactPrice(s.Numerator.String())
		denominator, ok2 := exactPrice(s.Denominator.String())
		if !sane || !ok || !ok2 {
			return nil, y.fail(SchemaDrift, name, "a split without a ratio")
		}
		splits = append(splits, yahooSplit{date: market.DateOf(at.In(zone)), after: numerator, before: denominator, ratio: numerator.Quo(denominator)})
	}
	return splits, nil
}

// yahooSparkNested is the older shape of spark, still seen from some hosts.
type yahooSparkNested struct {
	Spark struct {
		Result []struct {
			Symbol   string
			Response []yahooResult
		}
	}
}

type yahooSparkFlat struct {
	Symbol        string
	Timestamp     []int64
	Close         []*json.Number
	PreviousClose *json.Number
}

// spark asks for several names at once. One that isn't in the answer is asked by chart the next time.
func (y *YahooSource) spark(ctx context.Context, batch *Batch, names []string, now time.Time) *Error {
	query := url.Values{"symbols": {strings.Join(names, ",")}, "range": {"1d"}, "interval": {"5m"}}
	a, err := y.get(ctx, request{path: "/v8/finance/spark", query: query, classify: y.classify})
	if err != nil {
		return err
	}
	var flat map[string]json.RawMessage
	if err := y.decodeJSON(a.body, "", &flat); err != nil {
		return err
	}
	var found map[string]Quote
	if nested := flat["spark"]; nested != nil {
		found, err = y.sparkNested(a.body)
	} else {
		found, err = y.sparkFlat(flat)
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		quote, ok := found[name]
		if !ok {
			y.forget(name)
			batch.Failed[name] = y.fail(Empty, name, "not in the answer")
			continue
		}
		quote.Name, quote.Unit, quote.HasCurrency, quote.PreviousDate = name, y.unit(name), true, market.NoDate
		y.add(batch, quote, now)
	}
	return nil
}

func (y *YahooSource) sparkFlat(flat map[string]json.RawMessage) (map[string]Quote, *Error) {
	found := make(map[string]Quote, len(flat))
	for name, raw := range flat {
		var s yahooSparkFlat
		if err := y.decodeJSON(raw, name, &s); err != nil {
			return nil, err
		}
		if len(s.Timestamp) != len(s.Close) || s.Symbol != "" && s.Symbol != name {
			return nil, y.fail(SchemaDrift, name, "%d times for %d closes", len(s.Timestamp), len(s.Close))
		}
		for i, n := range slices.Backward(s.Close) {
			price, ok := floatPrice(n)
			at, sane := unixTime(s.Timestamp[i])
			if !ok || !sane {
				continue
			}
			quote := Quote{Price: price, MarketTime: at}
			if before, ok := floatPrice(s.PreviousClose); ok {
				quote.PreviousClose = &before
			}
			found[name] = quote
			break
		}
	}
	return found, nil
}

func (y *YahooSource) sparkNested(body []byte) (map[string]Quote, *Error) {
	var s yahooSparkNested
	if err := y.decodeJSON(body, "", &s); err != nil {
		return nil, err
	}
	found := make(map[string]Quote, len(s.Spark.Result))
	for _, r := range s.Spark.Result {
		if len(r.Response) == 0 {
			continue
		}
		meta := &r.Response[0].Meta
		price, ok := floatPrice(meta.RegularMarketPrice)
		at, sane := unixTime(meta.RegularMarketTime)
		if !ok || !sane || meta.RegularMarketTime == 0 {
			continue
		}
		quote := Quote{Price: price, MarketTime: at}
		if before, ok := floatPrice(meta.ChartPreviousClose); ok {
			quote.PreviousClose = &before
		}
		found[r.Symbol] = quote
	}
	return found, nil
}
