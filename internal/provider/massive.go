package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of Massive's free plan.
const (
	massivePerMinute  = 5
	massiveBatchMax   = 50_000   // all shares there are: they come in one answer
	massiveBytesMax   = 16 << 20 // of that answer; today 12,000 shares in 1.5 MiB
	massiveDaysBack   = 6        // tried for a day that has prices: over the longest weekend
	massivePagesMax   = 10       // of one history
	massiveRowsMax    = 50_000   // of one page
	massiveHitsMax    = 20
	massiveAloneMax   = 5              // names of a batch that need a request each: currencies and coins
	massivePublished  = 17 * time.Hour // New York, when a day's closes are looked for on that day
	massiveActionsMax = 1000           // of one page
)

// MassiveSource, once Polygon, gives the closes of all shares of the United States in one answer. Names are its tickers:
// "BRK.B", "C:EURUSD" for currencies, "X:BTCUSD" for coins.
type MassiveSource struct {
	*source
	zone *time.Location

	mu     sync.Mutex
	day    market.Date // of closes
	closes map[string]money.Decimal
}

// NewMassive makes the source; the error is about Options only.
func NewMassive(o Options) (*MassiveSource, error) {
	s, err := newSource(Massive, "https://api.massive.com", massivePerMinute, o)
	if err != nil {
		return nil, err
	}
	s.keyHeader, s.keyPrefix = "Authorization", "Bearer "
	return &MassiveSource{source: s, zone: newYorkZone(), day: market.NoDate}, nil
}

// Classes are what exchanges trade, currencies and coins.
func (m *MassiveSource) Classes() []market.Class {
	return []market.Class{market.Stock, market.ETF, market.Other, market.FX, market.Crypto}
}

// BatchMax is every share there is.
func (m *MassiveSource) BatchMax() int { return massiveBatchMax }

// Requests is one for all shares, none once the day's closes are here, and one for each currency and coin.
func (m *MassiveSource) Requests(names []string) int {
	shares, alone := 0, 0
	for _, name := range names {
		if strings.Contains(name, ":") {
			alone++
		} else {
			shares = 1
		}
	}
	newest := market.DateOf(m.clock().In(m.zone).Add(-massivePublished))
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.day >= weekday(newest) {
		shares = 0
	}
	return shares + min(alone, massiveAloneMax)
}

type massiveAggs struct {
	Adjusted     bool
	ResultsCount int
	NextURL      string `json:"next_url"`
	Results      []massiveBar
}

// massiveBar is one day of one ticker.
type massiveBar struct {
	Ticker string
	Close  figure
	At     figure
}

// UnmarshalJSON tells T, the ticker, from t, the time: encoding/json alone would take them for one.
func (b *massiveBar) UnmarshalJSON(data []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	for key, into := range map[string]any{"T": &b.Ticker, "c": &b.Close, "t": &b.At} {
		if raw := fields[key]; raw != nil {
			if err := json.Unmarshal(raw, into); err != nil {
				return err
			}
		}
	}
	return nil
}

// dayIn is the day of a bar in New York; the time is its beginning, or its end in answers about all shares.
func (b massiveBar) dayIn(zone *time.Location) (market.Date, bool) {
	millis, ok := b.At.whole()
	at, sane := unixTime(millis / 1000)
	return market.DateOf(at.In(zone)), ok && sane && millis > 0
}

// Latest takes shares from the answer about all of them, and asks for currencies and coins one by one.
func (m *MassiveSource) Latest(ctx context.Context, names []string, now time.Time) (Batch, error) {
	var shares, alone []string
	batch := newBatch(len(names))
	for _, name := range names {
		switch {
		case !plainName(name):
			batch.Failed[name] = m.fail(UnknownSymbol, "", "no name of this source")
		case !strings.Contains(name, ":"):
			shares = append(shares, name)
		case len(alone) < massiveAloneMax:
			alone = append(alone, name)
		default:
			failed := m.fail(RateMinute, name, "not asked for: each needs a request")
			failed.RetryAfter = time.Minute
			batch.Failed[name] = failed
		}
	}
	if len(shares) > 0 {
		day, closes, err := m.allShares(ctx, now)
		if err != nil && len(shares) == len(names) {
			return Batch{}, err
		}
		for _, name := range shares {
			price, ok := closes[name]
			switch {
			case err != nil:
				batch.Failed[name] = err.of(name)
			case !ok:
				batch.Failed[name] = m.fail(UnknownSymbol, name, "not among the shares of %s", day)
			default:
				m.add(&batch, Quote{Name: name, Price: price, MarketTime: closingTime(day, now), PreviousDate: market.NoDate}, now)
			}
		}
	}
	rest, err := m.each(alone, now, func(name string) (Quote, *Error) { return m.previous(ctx, name, now) })
	if failed, ok := errors.AsType[*Error](err); ok {
		if len(alone) == len(names) {
			return Batch{}, err
		}
		for _, name := range alone {
			batch.Failed[name] = failed.of(name)
		}
	}
	batch.Quotes = append(batch.Quotes, rest.Quotes...)
	maps.Copy(batch.Failed, rest.Failed)
	return batch, nil
}

// allShares is the newest day's closes, asked for once a day.
func (m *MassiveSource) allShares(ctx context.Context, now time.Time) (market.Date, map[string]money.Decimal, *Error) {
	newest := market.DateOf(now.In(m.zone).Add(-massivePublished))
	m.mu.Lock()
	day, closes := m.day, m.closes
	m.mu.Unlock()
	if day >= weekday(newest) {
		return day, closes, nil
	}
	var last *Error
	for day := newest; day > newest-massiveDaysBack; day-- {
		if day != weekday(day) {
			continue
		}
		path := "/v2/aggs/grouped/locale/us/market/stocks/" + day.String()
		a, err := m.get(ctx, request{path: path, query: url.Values{"adjusted": {"false"}}, bytesMax: massiveBytesMax, classify: m.classify})
		if err != nil && err.Outcome == NotEntitled {
			last = err // the plan has older days only
			continue
		} else if err != nil {
			return market.NoDate, nil, err
		}
		closes, actual, decodeErr := m.grouped(a.body)
		if decodeErr != nil {
			return market.NoDate, nil, decodeErr
		}
		if len(closes) == 0 {
			continue // a holiday
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.day, m.closes = actual, closes
		return actual, closes, nil
	}
	if last != nil {
		return market.NoDate, nil, last
	}
	return market.NoDate, nil, m.fail(Empty, "", "no shares in the %d days before %s", massiveDaysBack, newest)
}

// weekday is a day, or the Friday before it.
func weekday(day market.Date) market.Date {
	switch day.Weekday() {
	case time.Saturday:
		return day - 1
	case time.Sunday:
		return day - 2
	default:
		return day
	}
}

// grouped reads the closes of all shares and the day they are of.
func (m *MassiveSource) grouped(body []byte) (map[string]money.Decimal, market.Date, *Error) {
	var got massiveAggs
	if rows := bytes.Count(body, []byte("{")); rows > massiveBatchMax {
		return nil, market.NoDate, m.fail(SchemaDrift, "", "%d rows", rows)
	}
	if err := m.decodeJSON(body, "", &got); err != nil {
		return nil, market.NoDate, err
	}
	closes := make(map[string]money.Decimal, len(got.Results))
	newest := market.NoDate
	for _, r := range got.Results {
		price, ok := r.Close.price()
		day, dated := r.dayIn(m.zone)
		if ok && dated && r.Ticker != "" {
			closes[r.Ticker] = price
			newest = max(newest, day)
		}
	}
	if len(closes) == 0 && len(got.Results) > 0 {
		return nil, market.NoDate, m.fail(SchemaDrift, "", "no ticker among %d rows", len(got.Results))
	}
	return closes, newest, nil
}

// previous is a name's last finished day.
func (m *MassiveSource) previous(ctx context.Context, name string, now time.Time) (Quote, *Error) {
	path := "/v2/aggs/ticker/" + url.PathEscape(name) + "/prev"
	a, err := m.get(ctx, request{path: path, query: url.Values{"adjusted": {"false"}}, symbol: name, classify: m.classify})
	if err != nil {
		return Quote{}, err
	}
	var got massiveAggs
	if err := m.decodeJSON(a.body, name, &got); err != nil {
		return Quote{}, err
	}
	if len(got.Results) == 0 {
		return Quote{}, m.fail(UnknownSymbol, name, "no results")
	}
	r := got.Results[0]
	if r.Ticker != name {
		return Quote{}, m.fail(SchemaDrift, name, "the answer is about %.40q", r.Ticker)
	}
	price, ok := r.Close.price()
	day, dated := r.dayIn(m.zone)
	if !ok || !dated {
		return Quote{}, m.fail(Empty, name, "no price")
	}
	unit, has := massiveUnit(name)
	return Quote{Name: name, Price: price, Unit: unit, HasCurrency: has, MarketTime: closingTime(day, now), PreviousDate: market.NoDate}, nil
}

// massiveUnit is the second currency of a pair; shares' prices come without one.
func massiveUnit(name string) (money.Unit, bool) {
	if _, pair, paired := strings.Cut(name, ":"); paired {
		return pairUnit(pair)
	}
	return money.Unit{}, false
}

// History gives raw closes: a day that comes adjusted all the same is refused.
func (m *MassiveSource) History(ctx context.Context, name string, from, to market.Date) ([]market.Bar, money.Unit, error) {
	if !plainName(name) {
		return nil, money.Unit{}, m.fail(UnknownSymbol, "", "no name of this source")
	}
	path := "/v2/aggs/ticker/" + url.PathEscape(name) + "/range/1/day/" + from.String() + "/" + to.String()
	query := url.Values{"adjusted": {"false"}, "sort": {"asc"}, "limit": {jsonInt(massiveRowsMax)}}
	var bars []market.Bar
	err := m.pages(ctx, path, query, name, func(body []byte) (string, *Error) {
		some, adjusted, next, err := m.daily(body, name)
		if err == nil && adjusted && len(some) > 0 {
			err = m.fail(SchemaDrift, name, "adjusted closes, although raw ones were asked for")
		}
		bars = append(bars, some...)
		return next, err
	})
	if err != nil {
		return nil, money.Unit{}, err
	}
	unit, _ := massiveUnit(name)
	return m.finished(within(bars, from, to), m.zone), unit, nil
}

// daily reads one page of a ticker's days.
func (m *MassiveSource) daily(body []byte, name string) (bars []market.Bar, adjusted bool, next string, err *Error) {
	var got massiveAggs
	if err := m.decodeJSON(body, name, &got); err != nil {
		return nil, false, "", err
	}
	for _, r := range got.Results {
		day, dated := r.dayIn(m.zone)
		if !dated {
			return nil, false, "", m.fail(SchemaDrift, name, "time %.20q", r.At.text)
		}
		if price, ok := r.Close.price(); ok {
			bars = append(bars, market.Bar{Date: day, Close: price})
		}
	}
	return bars, got.Adjusted, got.NextURL, nil
}

// pages follows an answer's next address, but only on our own host and with our own key: of the address we are given, path
// and cursor count.
func (m *MassiveSource) pages(ctx context.Context, path string, query url.Values, name string, read func([]byte) (string, *Error)) *Error {
	for range massivePagesMax {
		a, err := m.get(ctx, request{path: path, query: query, symbol: name, classify: m.classify})
		if err != nil {
			return err
		}
		next, err := read(a.body)
		if err != nil || next == "" {
			return err
		}
		address, parseErr := url.Parse(next)
		if parseErr != nil || address.Path == "" || address.Query().Get("cursor") == "" {
			return m.fail(SchemaDrift, name, "a next page without a cursor")
		}
		path, query = address.EscapedPath(), url.Values{"cursor": {address.Query().Get("cursor")}}
	}
	return nil
}

// Actions asks for dividends and for splits.
func (m *MassiveSource) Actions(ctx context.Context, name string, from, to market.Date) ([]Action, error) {
	if !plainName(name) {
		return nil, m.fail(UnknownSymbol, "", "no name of this source")
	}
	var actions []Action
	period := func(field string) url.Values {
		return url.Values{"ticker": {name}, field + ".gte": {from.String()}, field + ".lte": {to.String()}, "limit": {jsonInt(massiveActionsMax)}}
	}
	err := m.pages(ctx, "/v3/reference/dividends", period("ex_dividend_date"), name, func(body []byte) (string, *Error) {
		some, next, err := m.dividends(body, name)
		actions = append(actions, some...)
		return next, err
	})
	if err != nil {
		return nil, err
	}
	err = m.pages(ctx, "/v3/reference/splits", period("execution_date"), name, func(body []byte) (string, *Error) {
		some, next, err := m.splits(body, name)
		actions = append(actions, some...)
		return next, err
	})
	if err != nil {
		return nil, err
	}
	return inPeriod(actions, from, to), nil
}

func (m *MassiveSource) dividends(body []byte, name string) ([]Action, string, *Error) {
	var paid struct {
		NextURL string `json:"next_url"`
		Results []struct {
			Ticker, Currency string
			Amount           figure `json:"cash_amount"`
			ExDate           string `json:"ex_dividend_date"`
			PayDate          string `json:"pay_date"`
		}
	}
	if err := m.decodeJSON(body, name, &paid); err != nil {
		return nil, "", err
	}
	actions := make([]Action, 0, len(paid.Results))
	for _, d := range paid.Results {
		day, dated := dayOf(d.ExDate)
		amount, ok := d.Amount.price()
		if !dated || !ok || d.Ticker != name {
			return nil, "", m.fail(SchemaDrift, name, "a dividend of %.20q of %.20q on %.20q", d.Amount.text, d.Ticker, d.ExDate)
		}
		action := Action{Kind: Dividend, Date: day, PayDate: market.NoDate, Amount: amount}
		if pay, dated := dayOf(d.PayDate); dated {
			action.PayDate = pay
		}
		action.Unit, action.HasCurrency = currencyUnit(strings.ToUpper(d.Currency))
		actions = append(actions, action)
	}
	return actions, paid.NextURL, nil
}

func (m *MassiveSource) splits(body []byte, name string) ([]Action, string, *Error) {
	var divided struct {
		NextURL string `json:"next_url"`
		Results []struct {
			Ticker string
			Date   string `json:"execution_date"`
			From   figure `json:"split_from"`
			To     figure `json:"split_to"`
		}
	}
	if err := m.decodeJSON(body, name, &divided); err != nil {
		return nil, "", err
	}
	actions := make([]Action, 0, len(divided.Results))
	for _, s := range divided.Results {
		day, dated := dayOf(s.Date)
		before, ok := s.From.price()
		after, ok2 := s.To.price()
		if !dated || !ok || !ok2 || s.Ticker != name {
			return nil, "", m.fail(SchemaDrift, name, "a split of %.20q on %.20q", s.Ticker, s.Date)
		}
		actions = append(actions, Action{Kind: Split, Date: day, PayDate: market.NoDate, New: after, Old: before})
	}
	return actions, divided.NextURL, nil
}

// massiveClasses are Massive's types of what can be held.
var massiveClasses = map[string]market.Class{
	"CS": market.Stock, "ADRC": market.Stock, "PFD": market.Stock, "OS": market.Stock, "ETF": market.ETF, "ETN": market.ETF,
	"ETV": market.ETF, "ETS": market.ETF, "FUND": market.Other, "UNIT": market.Other,
}

// Search finds shares of the United States by name or ticker.
func (m *MassiveSource) Search(ctx context.Context, query string) ([]market.Instrument, error) {
	values := url.Values{"search": {query}, "market": {"stocks"}, "active": {"true"}, "limit": {jsonInt(massiveHitsMax)}}
	a, err := m.get(ctx, request{path: "/v3/reference/tickers", query: values, classify: m.classify})
	if err != nil {
		return nil, err
	}
	var found struct {
		Results []struct {
			Ticker, Name, Type string
			Currency           string `json:"currency_name"`
			MIC                string `json:"primary_exchange"`
		}
	}
	if err := m.decodeJSON(a.body, "", &found); err != nil {
		return nil, err
	}
	var hits []market.Instrument
	for _, r := range found.Results {
		class, held := massiveClasses[r.Type]
		unit, ok := currencyUnit(strings.ToUpper(r.Currency))
		if !held || !ok || !plainName(r.Ticker) || len(hits) == massiveHitsMax {
			continue
		}
		hit := market.Instrument{
			Symbol: r.Ticker, Name: clip(r.Name, r.Ticker), Currency: unit.Currency, Class: class, Country: "US",
			Names: map[string]string{Massive: r.Ticker},
		}
		if isAmerican(r.MIC) {
			hit.MIC = r.MIC
		}
		hits = append(hits, hit)
	}
	return hits, nil
}

// classify goes by the body's status, which also tells of errors at 200; "DELAYED" is success.
func (m *MassiveSource) classify(a answer) (Outcome, string) {
	if isHTML(a) {
		if a.status >= 500 {
			return Transient, ""
		}
		return Blocked, ""
	}
	var problem struct{ Status, Error, Message string }
	if json.Unmarshal(a.body, &problem) != nil {
		return statusOutcome(a.status), opening(a)
	}
	words := problem.Error + problem.Message
	switch {
	case a.status == http.StatusTooManyRequests, says(words, "maximum requests per minute"):
		return RateMinute, words
	case problem.Status == "NOT_AUTHORIZED", says(words, "your plan doesn't include"):
		return NotEntitled, words
	case a.status == http.StatusUnauthorized, says(words, "unknown api key", "api key was not provided"):
		return BadKey, words
	case problem.Status == "NOT_FOUND":
		return UnknownSymbol, words
	case a.status == http.StatusOK && slices.Contains([]string{"", "OK", "DELAYED", "success"}, problem.Status):
		return OK, ""
	case a.status == http.StatusOK:
		return SchemaDrift, words
	}
	return statusOutcome(a.status), words
}
