package provider

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of CoinGecko's public plans.
const (
	coinGeckoKeyless  = 8  // requests per minute, shared by all who use the same address
	coinGeckoKeyed    = 30 // requests per minute with the free key, by the older and lower figure
	coinGeckoBatchMax = 250
	coinGeckoDays     = 365 // of history on public plans
	coinGeckoHitsMax  = 20  // of a search
)

// CoinGeckoSource gives prices of coins around the clock. A name is a coin's id, followed by "/" and a currency other
// than the dollar: "bitcoin", "bitcoin/eur". Its terms want "Powered by CoinGecko" where prices are shown.
type CoinGeckoSource struct{ *source }

// NewCoinGecko makes the source; the key is the free demo key, or a paid one where BaseURL's host begins with "pro-api".
// The error is about Options only.
func NewCoinGecko(o Options) (*CoinGeckoSource, error) {
	perMinute := coinGeckoKeyless
	if o.Key != "" {
		perMinute = coinGeckoKeyed
	}
	o.BaseURL = strings.TrimSuffix(strings.TrimSuffix(o.BaseURL, "/"), "/api/v3") // their own pages give it with the path
	s, err := newSource(CoinGecko, "https://api.coingecko.com", perMinute, o)
	if err != nil {
		return nil, err
	}
	s.keyHeader = "x-cg-demo-api-key"
	if strings.HasPrefix(s.base.Host, "pro-api.") {
		s.keyHeader = "x-cg-pro-api-key"
	}
	return &CoinGeckoSource{source: s}, nil
}

// Classes are coins only.
func (c *CoinGeckoSource) Classes() []market.Class { return []market.Class{market.Crypto} }

// BatchMax is how many ids one request takes.
func (c *CoinGeckoSource) BatchMax() int { return coinGeckoBatchMax }

// coinPair parts a name into the coin's id and the currency, in lower case as the source writes it.
func coinPair(name string) (id, currency string, unit money.Unit, ok bool) {
	id, currency, priced := strings.Cut(name, "/")
	if !priced {
		currency = "usd"
	}
	unit, err := money.ParseUnit(strings.ToUpper(currency))
	return id, currency, unit, err == nil && plainName(id) && currency == strings.ToLower(currency)
}

// Latest asks for all names at once, in all their currencies.
func (c *CoinGeckoSource) Latest(ctx context.Context, names []string, now time.Time) (Batch, error) {
	batch := newBatch(len(names))
	var ids, currencies []string
	for _, name := range names {
		id, currency, _, ok := coinPair(name)
		if !ok {
			batch.Failed[name] = c.fail(UnknownSymbol, "", "no name of this source")
			continue
		}
		ids, currencies = append(ids, id), append(currencies, currency)
	}
	if len(ids) == 0 {
		return batch, nil
	}
	query := url.Values{
		"ids": {strings.Join(unique(ids), ",")}, "vs_currencies": {strings.Join(unique(currencies), ",")},
		"include_last_updated_at": {"true"}, "precision": {"full"},
	}
	a, err := c.get(ctx, request{path: "/api/v3/simple/price", query: query, classify: c.classify})
	if err != nil {
		return Batch{}, err
	}
	var prices map[string]map[string]*json.Number
	if err := c.decodeJSON(a.body, "", &prices); err != nil {
		return Batch{}, err
	}
	for _, name := range names {
		id, currency, unit, ok := coinPair(name)
		if !ok {
			continue
		}
		coin, known := prices[id]
		price, priced := floatPrice(coin[currency])
		switch {
		case !known:
			batch.Failed[name] = c.fail(UnknownSymbol, name, "not in the answer")
		case !priced:
			batch.Failed[name] = c.fail(Empty, name, "no price")
		default:
			at, ok := coinTime(coin["last_updated_at"])
			if !ok {
				batch.Failed[name] = c.fail(SchemaDrift, name, "no time of the price")
				continue
			}
			c.add(&batch, Quote{Name: name, Price: price, Unit: unit, HasCurrency: true, MarketTime: at, PreviousDate: market.NoDate}, now)
		}
	}
	return batch, nil
}

// unique is a sorted list without repetitions, so that one set of names always makes one address.
func unique(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}

func coinTime(n *json.Number) (time.Time, bool) {
	if n == nil {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil || seconds <= 0 {
		return time.Time{}, false
	}
	return unixTime(seconds)
}

// coinProblem holds the three shapes of an error: {"error": text}, {"status": …}, {"error": {"status": …}}.
type coinProblem struct {
	Error  json.RawMessage
	Status *coinStatus
}

type coinStatus struct {
	Code    int    `json:"error_code"`
	Message string `json:"error_message"`
}

func (c *CoinGeckoSource) classify(a answer) (Outcome, string) {
	if isHTML(a) {
		if a.status >= 500 {
			return Transient, ""
		}
		return Blocked, ""
	}
	var p coinProblem
	if json.Unmarshal(a.body, &p) != nil || p.Error == nil && p.Status == nil {
		return statusOutcome(a.status), ""
	}
	var words string
	var nested struct{ Status *coinStatus }
	if p.Error != nil && json.Unmarshal(p.Error, &words) != nil && json.Unmarshal(p.Error, &nested) == nil {
		p.Status = nested.Status
	}
	if p.Status != nil {
		return coinOutcome(a.status, p.Status.Code), p.Status.Message
	}
	switch {
	case a.status == http.StatusTooManyRequests:
		return RateMinute, words
	case strings.Contains(words, "not found"), strings.Contains(words, "vs_currency"):
		return UnknownSymbol, words
	case a.status == http.StatusOK:
		return SchemaDrift, words
	}
	return statusOutcome(a.status), words
}

// coinOutcome goes by the code in the body first: a 429 was seen with status 200.
func coinOutcome(status, code int) Outcome {
	switch code {
	case 429:
		return RateMinute
	case 10002, 10010, 10011: // key missing, or sent to the other plan's host
		return BadKey
	case 10005, 10012: // not in the plan, or further back than it goes
		return NotEntitled
	}
	if o := statusOutcome(status); o != OK {
		return o
	}
	return SchemaDrift
}

// History gives daily closes at midnight UTC, no older than a year: there public plans end. A day's close is its last
// point, which the source stamps with the midnight that ends it.
func (c *CoinGeckoSource) History(ctx context.Context, name string, from, to market.Date) ([]market.Bar, money.Unit, error) {
	id, currency, unit, ok := coinPair(name)
	if !ok {
		return nil, money.Unit{}, c.fail(UnknownSymbol, "", "no name of this source")
	}
	query := url.Values{"vs_currency": {currency}, "days": {strconv.Itoa(coinGeckoDays)}, "interval": {"daily"}}
	path := "/api/v3/coins/" + url.PathEscape(id) + "/market_chart"
	a, err := c.get(ctx, request{path: path, query: query, symbol: name, classify: c.classify})
	if err != nil {
		return nil, money.Unit{}, err
	}
	var chart struct{ Prices [][]*json.Number }
	if err := c.decodeJSON(a.body, name, &chart); err != nil {
		return nil, money.Unit{}, err
	}
	bars, err := c.dailyCloses(name, chart.Prices)
	if err != nil {
		return nil, money.Unit{}, err
	}
	return slices.DeleteFunc(bars, func(b market.Bar) bool { return b.Date < from || b.Date > to }), unit, nil
}

// dailyCloses are the last points of all days that have ended by the last point.
func (c *CoinGeckoSource) dailyCloses(name string, points [][]*json.Number) ([]market.Bar, *Error) {
	bars := make([]market.Bar, 0, len(points))
	var before, last time.Time
	for _, p := range points {
		if len(p) != 2 || p[0] == nil {
			return nil, c.fail(SchemaDrift, name, "a point that isn't a time and a price")
		}
		millis, err := strconv.ParseInt(p[0].String(), 10, 64)
		at, sane := unixTime(millis / 1000)
		if err != nil || !sane || at.Before(before) {
			return nil, c.fail(SchemaDrift, name, "time %.20q", p[0].String())
		}
		before, last = at, time.UnixMilli(millis).UTC()
		if price, ok := floatPrice(p[1]); ok {
			bars = append(bars, market.Bar{Date: market.DateOf(last.Add(-time.Millisecond)), Close: price})
		}
	}
	bars = lastOfDay(bars)
	if n := len(bars); n > 0 && last.Before((bars[n-1].Date + 1).Time()) {
		bars = bars[:n-1] // that day goes on
	}
	return bars, nil
}

// Search finds coins by name or symbol; prices are taken to be in dollars.
func (c *CoinGeckoSource) Search(ctx context.Context, query string) ([]market.Instrument, error) {
	a, err := c.get(ctx, request{path: "/api/v3/search", query: url.Values{"query": {query}}, classify: c.classify})
	if err != nil {
		return nil, err
	}
	var found struct {
		Coins []struct{ ID, Name, Symbol string }
	}
	if err := c.decodeJSON(a.body, "", &found); err != nil {
		return nil, err
	}
	var hits []market.Instrument
	for _, coin := range found.Coins[:min(len(found.Coins), coinGeckoHitsMax)] {
		if !plainName(coin.ID) {
			continue
		}
		hits = append(hits, market.Instrument{
			Symbol: clip(strings.ToUpper(coin.Symbol), coin.ID), Name: clip(coin.Name, coin.ID), Currency: "USD", Class: market.Crypto,
			Names: map[string]string{CoinGecko: coin.ID},
		})
	}
	return hits, nil
}
