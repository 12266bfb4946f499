package provider

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of FRED.
const (
	fredPerMinute = 120
	fredBatchMax  = 10 // names per call, each one or two requests
	fredLookBack  = 30 // days in which a rate is looked for: it is published weekly
)

// FREDSource gives the Federal Reserve's exchange rates at noon in New York, and series such as rates of interest. A name is
// the code of a currency; a rate is units per euro, crossed through the dollar where the Reserve quotes the dollar only.
// Without a key it reads the tables that FRED shows the public. Its terms want a notice where its figures are shown.
type FREDSource struct {
	*source
	zone *time.Location
}

// NewFRED makes the source; the error is about Options only.
func NewFRED(o Options) (*FREDSource, error) {
	public := "https://fred.stlouisfed.org"
	if o.Key != "" {
		public = "https://api.stlouisfed.org"
	}
	s, err := newSource(FRED, public, fredPerMinute, o)
	if err != nil {
		return nil, err
	}
	s.keyQuery = "api_key" // it reads no header
	return &FREDSource{source: s, zone: newYorkZone()}, nil
}

// Classes are rates only.
func (f *FREDSource) Classes() []market.Class { return []market.Class{market.FX} }

// BatchMax keeps one call short.
func (f *FREDSource) BatchMax() int { return fredBatchMax }

// Requests is one for a rate of the dollar, and two for each that is crossed through it.
func (f *FREDSource) Requests(names []string) int {
	count := 0
	for _, name := range names {
		if count++; name != "USD" {
			count++
		}
	}
	return count
}

// fredDollar is dollars for a euro.
const fredDollar = "DEXUSEU"

// fredSeries are the series of the other currencies; inverse ones are dollars for one unit.
var fredSeries = map[string]struct {
	id      string
	inverse bool
}{
	"AUD": {"DEXUSAL", true}, "BRL": {"DEXBZUS", false}, "CAD": {"DEXCAUS", false}, "CHF": {"DEXSZUS", false},
	"CNY": {"DEXCHUS", false}, "DKK": {"DEXDNUS", false}, "GBP": {"DEXUSUK", true}, "HKD": {"DEXHKUS", false},
	"INR": {"DEXINUS", false}, "JPY": {"DEXJPUS", false}, "KRW": {"DEXKOUS", false}, "LKR": {"DEXSLUS", false},
	"MXN": {"DEXMXUS", false}, "MYR": {"DEXMAUS", false}, "NOK": {"DEXNOUS", false}, "NZD": {"DEXUSNZ", true},
	"SEK": {"DEXSDUS", false}, "SGD": {"DEXSIUS", false}, "THB": {"DEXTHUS", false}, "TWD": {"DEXTAUS", false},
	"ZAR": {"DEXSFUS", false},
}

// crossDigits is what a rate that is crossed from two of four or five digits is rounded to.
const crossDigits = 7

// Latest gives the newest rates, one currency after the other.
func (f *FREDSource) Latest(ctx context.Context, names []string, now time.Time) (Batch, error) {
	today := market.DateOf(now.In(f.zone))
	return f.each(names, now, func(name string) (Quote, *Error) {
		bars, unit, err := f.rates(ctx, name, today-fredLookBack, today)
		if err != nil {
			return Quote{}, err
		}
		if len(bars) == 0 {
			return Quote{}, f.fail(Empty, name, "no rate in %d days", fredLookBack)
		}
		last := bars[len(bars)-1]
		quote := Quote{Name: name, Price: last.Close, Unit: unit, HasCurrency: true, MarketTime: timeOn(last.Date, 12, 0, f.zone), PreviousDate: market.NoDate}
		if n := len(bars); n > 1 {
			quote.PreviousClose, quote.PreviousDate = &bars[n-2].Close, bars[n-2].Date
		}
		return quote, nil
	})
}

// History gives a currency's rates.
func (f *FREDSource) History(ctx context.Context, name string, from, to market.Date) ([]market.Bar, money.Unit, error) {
	bars, unit, err := f.rates(ctx, name, from, to)
	if err != nil {
		return nil, money.Unit{}, err
	}
	return bars, unit, nil
}

// rates are units of a currency per euro.
func (f *FREDSource) rates(ctx context.Context, name string, from, to market.Date) ([]market.Bar, money.Unit, *Error) {
	unit, ok := currencyUnit(name)
	series, known := fredSeries[name]
	if !ok || !known && name != "USD" {
		return nil, money.Unit{}, f.fail(UnknownSymbol, clipName(name), "no rate of it")
	}
	dollars, err := f.Observations(ctx, fredDollar, from, to)
	if err != nil || name == "USD" {
		return positive(dollars), unit, err
	}
	others, err := f.Observations(ctx, series.id, from, to)
	if err != nil {
		return nil, money.Unit{}, err
	}
	perEuro := make(map[market.Date]money.Decimal, len(dollars))
	for _, b := range positive(dollars) {
		perEuro[b.Date] = b.Close
	}
	var bars []market.Bar
	for _, b := range positive(others) {
		dollar, ok := perEuro[b.Date]
		if !ok {
			continue
		}
		rate := dollar.Mul(b.Close)
		if series.inverse {
			rate = dollar.Quo(b.Close)
		}
		bars = append(bars, market.Bar{Date: b.Date, Close: roundSignificant(rate, crossDigits)})
	}
	return bars, unit, nil
}

// positive leaves out what is no price.
func positive(bars []market.Bar) []market.Bar {
	var kept []market.Bar
	for _, b := range bars {
		if b.Close.Sign() > 0 {
			kept = append(kept, b)
		}
	}
	return kept
}

// Observations are the values of any series, such as DGS3MO in percent a year: they may be 0 or less. Missing days are left
// out.
func (f *FREDSource) Observations(ctx context.Context, series string, from, to market.Date) ([]market.Bar, *Error) {
	if !plainName(series) {
		return nil, f.fail(UnknownSymbol, "", "no name of this source")
	}
	r := request{path: "/graph/fredgraph.csv", symbol: series, classify: f.classify}
	r.query = url.Values{"id": {series}, "cosd": {from.String()}, "coed": {to.String()}}
	if f.key != "" {
		r.path = "/fred/series/observations"
		r.query = url.Values{"series_id": {series}, "file_type": {"json"}, "observation_start": {from.String()}, "observation_end": {to.String()}}
	}
	a, err := f.get(ctx, r)
	if err != nil {
		return nil, err
	}
	rows, err := f.rows(a, series)
	if err != nil {
		return nil, err
	}
	bars := make([]market.Bar, 0, len(rows))
	for _, row := range rows {
		day, dated := dayOf(row.Date)
		if !dated {
			return nil, f.fail(SchemaDrift, series, "date %.20q", row.Date)
		}
		if value, err := exactNumber(strings.TrimSpace(row.Value)); err == nil {
			bars = append(bars, market.Bar{Date: day, Close: value}) // else ".", which says that there is none
		}
	}
	return within(bars, from, to), nil
}

type fredRow struct {
	Date  string `xml:"date,attr"`
	Value string `xml:"value,attr"`
}

// rows reads any of the three forms in which FRED answers.
func (f *FREDSource) rows(a answer, series string) ([]fredRow, *Error) {
	start := strings.TrimSpace(string(a.body[:min(len(a.body), 64)]))
	switch {
	case strings.HasPrefix(start, "{"):
		var got struct{ Observations []fredRow }
		err := f.decodeJSON(a.body, series, &got)
		if err == nil && got.Observations == nil {
			err = f.fail(SchemaDrift, series, "no observations")
		}
		return got.Observations, err
	case strings.HasPrefix(start, "<"):
		var got struct {
			XMLName      xml.Name  `xml:"observations"`
			Observations []fredRow `xml:"observation"`
		}
		if err := xml.Unmarshal(a.body, &got); err != nil {
			return nil, f.fail(ecbOutcome(err), series, "decode: %w", shortened(err))
		}
		return got.Observations, nil
	}
	header, rest, _ := strings.Cut(string(a.body), "\n")
	day, id, _ := strings.Cut(strings.TrimSpace(header), ",")
	if !strings.EqualFold(id, series) || !says(day, "date") {
		return nil, f.fail(SchemaDrift, series, "the columns are %.40q", header)
	}
	var rows []fredRow
	for line := range strings.Lines(rest) {
		date, value, two := strings.Cut(strings.TrimSpace(line), ",")
		if !strings.HasSuffix(line, "\n") && !a.whole || date == "" {
			continue // cut, perhaps in the middle of the number
		}
		if !two {
			return nil, f.fail(SchemaDrift, series, "a line of one cell")
		}
		rows = append(rows, fredRow{Date: date, Value: value})
	}
	return rows, nil
}

// classify reads the message: bad keys and bad series have one status.
func (f *FREDSource) classify(a answer) (Outcome, string) {
	if isHTML(a) {
		switch {
		case a.status == http.StatusNotFound:
			return UnknownSymbol, "" // of the tables for the public
		case a.status >= 500 || a.status == http.StatusOK:
			return Transient, ""
		}
		return Blocked, ""
	}
	var problem struct {
		Message string `json:"error_message"`
	}
	words := ""
	if json.Unmarshal(a.body, &problem) == nil {
		words = problem.Message
	}
	switch {
	case words == "" && a.status == http.StatusOK:
		return OK, ""
	case a.status == http.StatusTooManyRequests:
		return RateMinute, words
	case says(words, "api_key"):
		return BadKey, words
	case says(words, "series does not exist"):
		return UnknownSymbol, words
	case a.status == http.StatusOK:
		return SchemaDrift, words
	}
	return statusOutcome(a.status), words
}
