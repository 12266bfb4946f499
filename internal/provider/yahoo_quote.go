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

// Bounds of Yahoo's quotes.
const (
	yahooQuoteMax = 50 // names in one request, as other clients were seen to work with
	yahooQuoteMin = 8  // new names from which on a cookie, a crumb and a quote cost less than a chart each
	yahooCrumbMax = 64 // bytes

	yahooCrumbRequests = 2 // for a cookie and the crumb that belongs to it

	yahooCookiesMax   = 4096
	yahooCrumbKept    = 12 * time.Hour
	yahooCrumbRefused = time.Hour // in which we go without quotes after Yahoo gave us no crumb
)

// yahooCrumb is the text that a quote takes, with the cookies it belongs to. Both are secrets of ours.
type yahooCrumb struct {
	text, cookie string
	got          time.Time
	refused      time.Time
}

// quotes asks for many names at once and learns their units. What is left is to be asked for by chart: names that the answer
// says nothing useful about, or all where Yahoo gives us no crumb.
func (y *YahooSource) quotes(ctx context.Context, batch *Batch, names []string, now time.Time) (left []string, err *Error) {
	for chunk := range slices.Chunk(names, yahooQuoteMax) {
		chunk = slices.DeleteFunc(slices.Clone(chunk), func(name string) bool {
			plain := plainName(name)
			if !plain {
				batch.Failed[name] = y.fail(UnknownSymbol, "", "no name of this source")
			}
			return !plain
		})
		crumb, ok, err := y.crumbFor(ctx, now, false)
		if err != nil {
			return names, err
		}
		if !ok {
			left = append(left, chunk...)
			continue
		}
		found, err := y.quote(ctx, crumb, chunk)
		if err != nil && err.Outcome == Blocked { // a crumb that ran out is taken for a stranger's
			if crumb, ok, err = y.crumbFor(ctx, now, true); err == nil && ok {
				found, err = y.quote(ctx, crumb, chunk)
			}
		}
		if err != nil {
			return names, err
		}
		for _, name := range chunk {
			quote, failed := found.of(y, name)
			switch {
			case failed == nil:
				y.learn(name, quote.Unit, now)
				y.add(batch, quote, now)
			case failed.Outcome == SchemaDrift:
				left = append(left, name)
			default:
				batch.Failed[name] = failed
			}
		}
	}
	return left, nil
}

// crumbFor is a crumb that isn't too old; ok is false where Yahoo gives us none.
func (y *YahooSource) crumbFor(ctx context.Context, now time.Time, anew bool) (yahooCrumb, bool, *Error) {
	y.mu.Lock()
	crumb := y.crumb
	y.mu.Unlock()
	if crumb.text != "" && !anew && now.Sub(crumb.got) < yahooCrumbKept {
		return crumb, true, nil
	}
	if !anew && !crumb.refused.IsZero() && now.Sub(crumb.refused) < yahooCrumbRefused {
		return yahooCrumb{}, false, nil
	}
	crumb, err := y.newCrumb(ctx, now)
	if err != nil && (err.Outcome.RateLimited() || err.Outcome == Transient) {
		return yahooCrumb{}, false, err
	}
	if err != nil {
		crumb = yahooCrumb{refused: now}
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	y.crumb = crumb
	return crumb, crumb.text != "", nil
}

// newCrumb fetches a cookie, which comes with whatever status, and the crumb that belongs to it.
func (y *YahooSource) newCrumb(ctx context.Context, now time.Time) (yahooCrumb, *Error) {
	var cookie string
	_, err := y.get(ctx, request{address: y.cookies, classify: func(a answer) (Outcome, string) {
		if a.status == http.StatusTooManyRequests {
			return y.classify(a)
		}
		cookie = cookiesOf(a.header)
		return OK, ""
	}})
	if err != nil {
		return yahooCrumb{}, err
	}
	if cookie == "" {
		return yahooCrumb{}, y.fail(Blocked, "", "no cookie")
	}
	a, err := y.get(ctx, request{path: "/v1/test/getcrumb", cookie: cookie, classify: y.classify})
	if err != nil {
		return yahooCrumb{}, err
	}
	text := strings.TrimSpace(string(a.body[:min(len(a.body), yahooCrumbMax+1)]))
	if text == "" || len(text) > yahooCrumbMax || strings.ContainsAny(text, " <>{}\"\r\n") {
		return yahooCrumb{}, y.fail(Blocked, "", "no crumb")
	}
	return yahooCrumb{text: text, cookie: cookie, got: now}, nil
}

// cookiesOf are the names and values that an answer sets.
func cookiesOf(h http.Header) string {
	var all []string
	for _, line := range h.Values("Set-Cookie") {
		if pair, err := http.ParseSetCookie(line); err == nil && len(line) <= yahooCookiesMax {
			all = append(all, pair.Name+"="+pair.Value)
		}
	}
	return strings.Join(all[:min(len(all), 8)], "; ")
}

// yahooQuotes are the rows of an answer by symbol.
type yahooQuotes map[string]yahooQuoteRow

type yahooQuoteRow struct {
	Symbol, QuoteType, Currency string
	RegularMarketPrice          *json.Number
	RegularMarketPreviousClose  *json.Number
	RegularMarketTime           int64
}

func (y *YahooSource) quote(ctx context.Context, crumb yahooCrumb, names []string) (yahooQuotes, *Error) {
	query := url.Values{"symbols": {strings.Join(names, ",")}, "crumb": {crumb.text}}
	a, err := y.get(ctx, request{path: "/v7/finance/quote", query: query, cookie: crumb.cookie, classify: y.classify})
	if err != nil {
		return nil, err
	}
	return y.decodeQuotes(a.body)
}

func (y *YahooSource) decodeQuotes(body []byte) (yahooQuotes, *Error) {
	var got struct {
		QuoteResponse *struct{ Result []yahooQuoteRow }
	}
	if err := y.decodeJSON(body, "", &got); err != nil {
		return nil, err
	}
	if got.QuoteResponse == nil {
		return nil, y.fail(SchemaDrift, "", "no quotes")
	}
	found := make(yahooQuotes, len(got.QuoteResponse.Result))
	for _, r := range got.QuoteResponse.Result {
		found[r.Symbol] = r
	}
	return found, nil
}

// of is one name's quote. SchemaDrift says that a chart may tell more.
func (q yahooQuotes) of(y *YahooSource, name string) (Quote, *Error) {
	r, ok := q[name]
	if !ok || r.QuoteType == "NONE" {
		return Quote{}, y.fail(UnknownSymbol, name, "not among the quotes")
	}
	price, priced := floatPrice(r.RegularMarketPrice)
	at, sane := unixTime(r.RegularMarketTime)
	if !priced || !sane || r.RegularMarketTime == 0 || r.Currency == "" {
		return Quote{}, y.fail(Empty, name, "no price")
	}
	unit, err := money.ParseUnit(r.Currency)
	if err != nil {
		return Quote{}, y.fail(SchemaDrift, name, "%w", err)
	}
	quote := Quote{Name: name, Price: price, Unit: unit, HasCurrency: true, MarketTime: at, PreviousDate: market.NoDate}
	if before, ok := floatPrice(r.RegularMarketPreviousClose); ok {
		quote.PreviousClose = &before
	}
	return quote, nil
}

// Actions are the splits and dividends of a chart. Yahoo divides a dividend by every later split; here it is again what was
// paid for a share of its day.
func (y *YahooSource) Actions(ctx context.Context, name string, from, to market.Date) ([]Action, error) {
	first := from.Time().AddDate(0, 0, -1).Unix() // a day early: the exchange's midnight may come before ours
	r, unit, err := y.chart(ctx, name, url.Values{"period1": {jsonInt(first)}, "period2": {yahooPeriodEnd}})
	if err != nil {
		if err.Outcome == Empty {
			return nil, nil
		}
		return nil, err
	}
	zone := r.Meta.zone()
	splits, err := y.splits(r, name, zone)
	if err != nil {
		return nil, err
	}
	if len(r.Events.Dividends) > yahooSplitsMax {
		return nil, y.fail(SchemaDrift, name, "%d dividends", len(r.Events.Dividends))
	}
	var actions []Action
	for _, s := range splits {
		actions = append(actions, Action{Kind: Split, Date: s.date, PayDate: market.NoDate, New: s.after, Old: s.before})
	}
	for _, d := range r.Events.Dividends {
		at, sane := unixTime(d.Date)
		amount, ok := floatPrice(d.Amount)
		if !sane || !ok {
			return nil, y.fail(SchemaDrift, name, "a dividend without an amount")
		}
		action := Action{Kind: Dividend, Date: market.DateOf(at.In(zone)), PayDate: market.NoDate, Unit: unit, HasCurrency: true}
		factor := money.One
		for _, s := range splits {
			if s.date > action.Date {
				factor = factor.Mul(s.ratio)
			}
		}
		action.Amount = amount
		if !factor.Equal(money.One) {
			action.Amount = roundSignificant(amount.Mul(factor), singleDigits)
		}
		actions = append(actions, action)
	}
	return inPeriod(actions, from, to), nil
}
