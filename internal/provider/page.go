package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of pages that users name themselves.
const (
	pagePerMinute  = 30
	pageBatchMax   = 20      // names per call, each a request of its own
	pageBytesMax   = 2 << 20 // of a page: a table of fifty years of days, or a large answer of an API
	pageNameMax    = 1024    // of an address with what to read there
	pageStepsMax   = 16      // of a path into JSON
	pageRowsMax    = 50_000  // of a table
	pageColumnsMax = 200
)

// PageSource reads prices off addresses that users give, one for each instrument: a value in JSON or a column of a table.
//
// A name is the address, and after its # what to read there, in the form of a query:
//
//	https://example.org/funds/7?day={to}#json=fund.values[0].nav&time=fund.date&unit=EUR
//	https://example.org/prices.csv#csv=Close&time=Date&unit=GBp&layout=02.01.2006&separator=%3B&decimal=,
//	https://example.org/series?from={from}#rows=data&json=close&time=day&unit=USD
//
// json or csv say where the price is, time where its day or moment, unit or currency (a path or column) in what it is; rows
// is the list whose elements json and time are read in. {from}, {to} and {today} become days. Without time, a price is of the
// moment at which it was read.
//
// The addresses come from users, so the client must be one that refuses those inside our own network.
type PageSource struct{ *source }

// NewPages makes the source. The error is about Options only, of which BaseURL and Key mean nothing here.
func NewPages(o Options) (*PageSource, error) {
	o.BaseURL, o.Key = "", ""
	s, err := newSource(HTTP, "http://localhost", pagePerMinute, o) // every request names its own address
	if err != nil {
		return nil, err
	}
	return &PageSource{source: s}, nil
}

// Classes are all: whoever names a page knows what is on it.
func (p *PageSource) Classes() []market.Class {
	return []market.Class{market.Stock, market.ETF, market.Fund, market.Bond, market.Crypto, market.Other, market.FX}
}

// BatchMax keeps one call short: each name is a request.
func (p *PageSource) BatchMax() int { return pageBatchMax }

// Requests is one for each name.
func (p *PageSource) Requests(names []string) int { return len(names) }

// pageName puts what is known of an instrument into the address that was given for it.
func pageName(explicit string, i market.Instrument) (string, bool) {
	if explicit == "" {
		return "", false
	}
	return strings.NewReplacer(
		"{symbol}", url.QueryEscape(i.Symbol), "{isin}", url.QueryEscape(i.ISIN), "{mic}", url.QueryEscape(i.MIC),
		"{currency}", url.QueryEscape(string(i.Currency)),
	).Replace(explicit), true
}

// page is a name taken apart.
type page struct {
	address             string
	rows                path // nil: the whole answer is one row
	price, time, unitAt path // of JSON
	column, timeColumn  string
	unitColumn          string
	csv                 bool
	unit                money.Unit
	hasUnit             bool
	layout              string
	separator, decimal  string
	timed, hasRows      bool
}

// CheckPage says in one sentence what is wrong with the name of a page, nil where it can be asked for.
func CheckPage(name string) error {
	if _, err := parsePage(name); err != nil {
		return err
	}
	if !strings.HasPrefix(strings.ToLower(name), "https://") {
		return errors.New("the address must begin with https://: what comes in the clear may have been changed on its way")
	}
	return nil
}

// parsePage takes a name apart.
func parsePage(name string) (page, error) {
	if len(name) > pageNameMax {
		return page{}, fmt.Errorf("the address is longer than %d bytes", pageNameMax)
	}
	address, what, _ := strings.Cut(name, "#")
	p := page{address: address, separator: ",", decimal: "."}
	u, err := url.Parse(strings.NewReplacer("{from}", "1970-01-01", "{to}", "1970-01-01", "{today}", "1970-01-01").Replace(address))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
		return page{}, errors.New("the address must begin with https:// and a host, without a password")
	}
	options, err := url.ParseQuery(what)
	if err != nil {
		return page{}, errors.New("what follows # must have the form of a query")
	}
	for key, values := range options {
		if err := p.set(key, values[0]); err != nil {
			return page{}, err
		}
	}
	if p.csv {
		if p.column = options.Get("csv"); p.column == "" || options.Has("json") || p.hasRows {
			return page{}, errors.New("csv needs the name of a column, and no json or rows beside it")
		}
		p.timeColumn, p.unitColumn = options.Get("time"), options.Get("currency")
		return p, nil
	}
	if _, given := options["json"]; !given {
		return page{}, errors.New("say after # where the price is: json= and a path, or csv= and a column")
	}
	for key, into := range map[string]*path{"json": &p.price, "time": &p.time, "currency": &p.unitAt} {
		if text, given := options[key]; given {
			if *into, err = parsePath(text[0]); err != nil {
				return page{}, err
			}
		}
	}
	return p, nil
}

// set takes one option; those that are paths or columns are read once all are known.
func (p *page) set(key, value string) error {
	var err error
	switch key {
	case "json", "currency":
	case "csv":
		p.csv = true
	case "time":
		p.timed = true
	case "rows":
		p.hasRows = true
		p.rows, err = parsePath(value)
	case "unit":
		p.hasUnit = true
		if p.unit, err = money.ParseUnit(value); err != nil {
			return errors.New("unit needs a currency, or a hundredth of one such as GBp")
		}
	case "layout":
		p.layout = value
	case "separator":
		if p.separator = value; len(value) != 1 || strings.ContainsAny(value, "\"\r\n") {
			return errors.New("separator needs one character")
		}
	case "decimal":
		if p.decimal = value; value != "." && value != "," {
			return errors.New("decimal needs a point or a comma")
		}
	default:
		return fmt.Errorf("%.20q is not known: json, csv, rows, time, layout, unit, currency, separator and decimal are", key)
	}
	return err
}

// Latest reads each page on its own, and goes on where one of them fails: they have nothing to do with each other.
func (p *PageSource) Latest(ctx context.Context, names []string, now time.Time) (Batch, error) {
	batch := newBatch(len(names))
	for _, name := range names {
		quote, err := p.quote(ctx, name, now)
		if err != nil {
			batch.Failed[name] = err
			continue
		}
		p.add(&batch, quote, now)
	}
	return batch, nil
}

// row is one price of a page.
type row struct {
	price money.Decimal
	at    time.Time
	day   market.Date
	unit  money.Unit
	has   bool
}

func (p *PageSource) quote(ctx context.Context, name string, now time.Time) (Quote, *Error) {
	today := market.DateOf(now)
	what, rows, err := p.read(ctx, name, today, today)
	if err != nil {
		return Quote{}, err
	}
	newest, before := -1, -1
	for i, r := range rows {
		if newest < 0 || !r.at.Before(rows[newest].at) {
			newest = i
		}
	}
	if newest < 0 {
		return Quote{}, p.fail(Empty, hostOf(name), "no price on the page")
	}
	for i, r := range rows {
		if r.day < rows[newest].day && (before < 0 || r.day > rows[before].day) {
			before = i
		}
	}
	last := rows[newest]
	quote := Quote{Name: name, Price: last.price, Unit: last.unit, HasCurrency: last.has, MarketTime: last.at, PreviousDate: market.NoDate}
	if !what.timed {
		quote.MarketTime = now.UTC()
	} else if last.at.After(now) && last.day <= market.DateOf(now) {
		quote.MarketTime = now.UTC() // a day that goes on
	}
	if before >= 0 && what.timed {
		quote.PreviousClose, quote.PreviousDate = &rows[before].price, rows[before].day
	}
	return quote, nil
}

// History gives the rows of a page by their days. A page without days has no history.
func (p *PageSource) History(ctx context.Context, name string, from, to market.Date) ([]market.Bar, money.Unit, error) {
	what, rows, err := p.read(ctx, name, from, to)
	if err != nil {
		return nil, money.Unit{}, err
	}
	if !what.timed {
		return nil, money.Unit{}, nil
	}
	var unit money.Unit
	bars := make([]market.Bar, 0, len(rows))
	for i, r := range rows {
		if i > 0 && r.unit != unit {
			return nil, money.Unit{}, p.fail(SchemaDrift, hostOf(name), "rows of several currencies")
		}
		unit = r.unit
		bars = append(bars, market.Bar{Date: r.day, Close: r.price})
	}
	return within(bars, from, to), unit, nil
}

// Shown is as much of a source's name for an instrument as a log may tell: of a page's address only the host, since the rest may
// hold somebody's key.
func Shown(provider, name string) string {
	if provider == HTTP {
		return hostOf(name)
	}
	return name
}

// hostOf is as much of an address as an error may tell: the rest may hold a user's own key.
func hostOf(name string) string {
	if u, err := url.Parse(name); err == nil {
		return u.Hostname()
	}
	return ""
}

// read asks for a page and reads what it says.
func (p *PageSource) read(ctx context.Context, name string, from, to market.Date) (page, []row, *Error) {
	what, err := parsePage(name)
	if err != nil {
		return page{}, nil, p.fail(UnknownSymbol, "", "%w", err)
	}
	address, err := url.Parse(strings.NewReplacer("{from}", from.String(), "{to}", to.String(), "{today}", to.String()).Replace(what.address))
	if err != nil {
		return page{}, nil, p.fail(UnknownSymbol, "", "no address")
	}
	host := address.Hostname()
	a, failed := p.get(ctx, request{
		address: address, symbol: host, bytesMax: pageBytesMax,
		classify: func(a answer) (Outcome, string) { return classifyPage(a, what), "" }, // its words may repeat the address
	})
	if failed != nil {
		return page{}, nil, failed
	}
	var rows []row
	if what.csv {
		rows, err = what.table(a)
	} else {
		rows, err = what.values(a)
	}
	switch {
	case err == nil:
		return what, rows, nil
	case errors.Is(err, errCut):
		return page{}, nil, p.fail(Transient, host, "decode: %w", errCut)
	}
	return page{}, nil, p.fail(SchemaDrift, host, "decode: %w", shortened(err))
}

// errCut marks an answer that ends too early.
var errCut = errors.New("the answer ends too early")

// moment reads the time of a row: a layout where one is given, else what is in use, told apart by its form.
func (p page) moment(text string) (at time.Time, day market.Date, err error) {
	text = strings.TrimSpace(text)
	if p.layout != "" {
		at, err = time.Parse(p.layout, text)
		if err != nil || at.Year() < 1900 || at.Year() > 2199 {
			return at, market.NoDate, fmt.Errorf("%w: %.30q isn't a time of the layout", errShape, text)
		}
		return momentOf(at, text)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && len(text) >= 9 {
		if len(text) >= 12 {
			n /= 1000 // milliseconds
		}
		at, sane := unixTime(n)
		if !sane {
			return at, market.NoDate, fmt.Errorf("%w: time %.30q", errShape, text)
		}
		return at, market.DateOf(at), nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateTime, "2006-01-02T15:04:05", time.DateOnly, "20060102", "02.01.2006", "2-Jan-2006"} {
		if at, err := time.Parse(layout, text); err == nil && at.Year() >= 1900 && at.Year() <= 2199 {
			return momentOf(at, text)
		}
	}
	return at, market.NoDate, fmt.Errorf("%w: %.30q isn't a time", errShape, text)
}

// momentOf is a time, or noon UTC of a day alone: that is the same day almost everywhere.
func momentOf(at time.Time, text string) (time.Time, market.Date, error) {
	day := market.DateOf(at)
	if !strings.Contains(text, ":") {
		at = day.Time().Add(12 * time.Hour)
	}
	return at.UTC(), day, nil
}

// row reads one row's texts. ok is false where it has no price, which is no mistake.
func (p page) row(price, at, unit string, quoted bool) (r row, ok bool, err error) {
	price = strings.TrimSpace(price)
	if p.decimal == "," {
		price = strings.ReplaceAll(strings.ReplaceAll(price, ".", ""), ",", ".")
	}
	if r.price, ok = (figure{text: price, quoted: quoted}).price(); !ok {
		return row{}, false, nil
	}
	if p.timed {
		if r.at, r.day, err = p.moment(at); err != nil {
			return row{}, false, err
		}
	}
	r.unit, r.has = p.unit, p.hasUnit
	if unit != "" {
		if r.unit, err = money.ParseUnit(strings.TrimSpace(unit)); err != nil {
			return row{}, false, err
		}
		r.has = true
	}
	return r, true, nil
}

// classifyPage knows no source's own words, only the ones that many use.
func classifyPage(a answer, what page) Outcome {
	words := strings.ToLower(opening(a))
	if !what.csv {
		words = problemOf(a.body)
		if words == "" && !json.Valid(a.body) {
			words = strings.ToLower(opening(a))
		}
	} else if header, _, _ := strings.Cut(words, "\n"); strings.Contains(header, strings.ToLower(what.column)) {
		words = ""
	}
	limited := says(words, "limit", "too many requests", "quota", "hits")
	switch {
	case a.status == http.StatusNotFound || a.status == http.StatusGone:
		return UnknownSymbol
	case limited && says(words, "daily", "per day", "for the day"):
		return RateDay
	case a.status == http.StatusTooManyRequests, limited && a.status < 500:
		return RateMinute
	case a.status == http.StatusPaymentRequired, says(words, "subscription", "premium", "upgrade your plan", "legacy endpoint"):
		return NotEntitled
	case a.status == http.StatusUnauthorized, says(words, "api key", "apikey", "api_key"):
		return BadKey
	case isHTML(a) && a.status < 500:
		return Blocked
	case a.status == http.StatusOK && words == "no_data": // as libraries of charts want it
		return Empty
	case a.status == http.StatusOK && says(words, "no data", "not found", "no results"):
		return UnknownSymbol
	case a.status == http.StatusOK && len(a.body) == 0:
		return Transient
	}
	return statusOutcome(a.status)
}

// problemOf is the text of an error in a JSON object, where those in use put it.
func problemOf(body []byte) string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return ""
	}
	for _, key := range []string{"error", "Error", "Error Message", "error_message", "errorMessage", "message", "detail", "Information", "Note", "s"} {
		var text string
		if json.Unmarshal(fields[key], &text) == nil && text != "" {
			return text
		}
	}
	return ""
}
