package provider

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of the ECB's files.
const (
	ecbPerMinute       = 12
	ecbHistoryBytesMax = 16 << 20 // unzipped; since 1999 it has come to 2 MiB
	ecbZipEntriesMax   = 8        // it has one
	ecbDaysMax         = 40_000   // of history: a hundred years
	ecbDepthMax        = 16       // of elements; the files have five
	ecbColumnsMax      = 400      // of a table; there are 180 currencies
)

// The addresses of the ECB's files.
const (
	ecbDailyPath   = "/stats/eurofxref/eurofxref-daily.xml"
	ecbQuarterPath = "/stats/eurofxref/eurofxref-hist-90d.xml"
	ecbHistoryPath = "/stats/eurofxref/eurofxref-hist.zip"

	ecbDailyZipPath = "/stats/eurofxref/eurofxref.zip"
)

// ecbZone is where the rates are fixed.
const ecbZone = "Europe/Berlin"

// ECBSource gives the European Central Bank's reference rates: one fix on every TARGET day, units per euro. A name is
// the code of a currency. Rates are published at about 16:00 for what banks agreed on at about 14:15, Frankfurt time,
// and the latter is their market time.
type ECBSource struct {
	*source
	zone *time.Location

	mu     sync.Mutex
	latest market.Date // the fix that before belongs to
	before ecbFix      // the fix before the latest
}

// ecbFix is one day's rates.
type ecbFix struct {
	date  market.Date
	rates map[money.Currency]money.Decimal
}

// NewECB makes the source; the error is about Options only.
func NewECB(o Options) (*ECBSource, error) {
	s, err := newSource(ECB, "https://www.ecb.europa.eu", ecbPerMinute, o)
	if err != nil {
		return nil, err
	}
	return &ECBSource{source: s, zone: zoneOr(ecbZone, 1), latest: market.NoDate, before: ecbFix{date: market.NoDate}}, nil
}

// zoneOr is a zone by name, or hours east of UTC where the machine doesn't know the name.
func zoneOr(name string, hours int) *time.Location {
	if zone, err := time.LoadLocation(name); err == nil {
		return zone
	}
	return time.FixedZone(name, hours*60*60)
}

// Classes are rates only.
func (e *ECBSource) Classes() []market.Class { return []market.Class{market.FX} }

// BatchMax is all currencies there are: they come in one file anyhow.
func (e *ECBSource) BatchMax() int { return 300 }

// Latest gives the latest fix. The one before it comes from a second file, asked for once a day; without it the rates
// come without a previous close.
func (e *ECBSource) Latest(ctx context.Context, names []string, now time.Time) (Batch, error) {
	fixes, err := e.fixes(ctx, ecbDailyPath)
	if err != nil && err.Outcome == SchemaDrift {
		if zipped, zipErr := e.zipped(ctx, ecbDailyZipPath); zipErr == nil { // the same day in its other form
			fixes, err = zipped, nil
		}
	}
	if err != nil {
		return Batch{}, err
	}
	fix := fixes[len(fixes)-1]
	before := e.fixBefore(ctx, fix.date)
	batch := newBatch(len(names))
	at := timeOn(fix.date, 14, 15, e.zone)
	for _, name := range names {
		currency, parseErr := money.ParseCurrency(name)
		rate, ok := fix.rates[currency]
		if parseErr != nil || !ok {
			batch.Failed[name] = e.fail(UnknownSymbol, clipName(name), "no rate on %s", fix.date)
			continue
		}
		unit, _ := money.ParseUnit(name) // a currency is a unit
		quote := Quote{Name: name, Price: rate, Unit: unit, HasCurrency: true, MarketTime: at, PreviousDate: market.NoDate}
		if previous, ok := before.rates[currency]; ok {
			quote.PreviousClose, quote.PreviousDate = &previous, before.date
		}
		e.add(&batch, quote, now)
	}
	return batch, nil
}

// clipName keeps a name that we never sent out of an error's length.
func clipName(name string) string {
	if plainName(name) {
		return name
	}
	return ""
}

// fixBefore is the fix before the latest one, remembered until the next.
func (e *ECBSource) fixBefore(ctx context.Context, latest market.Date) ecbFix {
	e.mu.Lock()
	before, remembered := e.before, e.latest
	e.mu.Unlock()
	if remembered == latest {
		return before
	}
	fixes, err := e.fixes(ctx, ecbQuarterPath)
	if err != nil {
		return ecbFix{date: market.NoDate} // the rates stand without the ones before; the next poll asks again
	}
	for _, fix := range slices.Backward(fixes) {
		if fix.date < latest {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.latest, e.before = latest, fix
			return fix
		}
	}
	return ecbFix{date: market.NoDate}
}

func (e *ECBSource) classify(a answer) (Outcome, string) {
	if isHTML(a) {
		return Transient, "" // a page of their front: maintenance
	}
	return statusOutcome(a.status), ""
}

// fixes asks for one of the XML files; they come rising by date, at least one.
func (e *ECBSource) fixes(ctx context.Context, path string) ([]ecbFix, *Error) {
	a, err := e.get(ctx, request{path: path, classify: e.classify})
	if err != nil {
		return nil, err
	}
	fixes, parseErr := parseECBXML(a.body)
	if parseErr != nil {
		return nil, e.fail(ecbOutcome(parseErr), "", "decode: %w", shortened(parseErr))
	}
	return fixes, nil
}

// ecbOutcome tells a file that ends too early, which a retry mends, from one in another shape.
func ecbOutcome(err error) Outcome {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return Transient
	}
	return SchemaDrift
}

// History gives a currency's fixes. The last 90 days come from a small file, all since 1999 from a large one.
func (e *ECBSource) History(ctx context.Context, name string, from, to market.Date) ([]market.Bar, money.Unit, error) {
	currency, parseErr := money.ParseCurrency(name)
	if parseErr != nil {
		return nil, money.Unit{}, e.fail(UnknownSymbol, "", "no currency")
	}
	unit, _ := money.ParseUnit(name) // a currency is a unit
	fixes, err := e.fixes(ctx, ecbQuarterPath)
	if err != nil {
		return nil, money.Unit{}, err
	}
	if fixes[0].date > from {
		if fixes, err = e.zipped(ctx, ecbHistoryPath); err != nil {
			return nil, money.Unit{}, err
		}
	}
	var bars []market.Bar
	known := false
	for _, fix := range fixes {
		rate, ok := fix.rates[currency]
		known = known || ok
		if ok && fix.date >= from && fix.date <= to {
			bars = append(bars, market.Bar{Date: fix.date, Close: rate})
		}
	}
	if !known {
		return nil, money.Unit{}, e.fail(UnknownSymbol, name, "no rate in the file")
	}
	return bars, unit, nil
}

// zipped asks for one of the packed CSV files; the fixes come rising by date, at least one.
func (e *ECBSource) zipped(ctx context.Context, path string) ([]ecbFix, *Error) {
	a, err := e.get(ctx, request{path: path, classify: e.classify})
	if err != nil {
		return nil, err
	}
	text, unzipErr := unzipCSV(a.body)
	if unzipErr != nil {
		return nil, e.fail(SchemaDrift, "", "unzip: %w", shortened(unzipErr))
	}
	fixes, parseErr := parseECBCSV(text)
	if parseErr != nil {
		return nil, e.fail(SchemaDrift, "", "decode: %w", shortened(parseErr))
	}
	return fixes, nil
}

// unzipCSV is the first CSV file of an archive.
func unzipCSV(data []byte) ([]byte, error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	if len(archive.File) > ecbZipEntriesMax {
		return nil, fmt.Errorf("%w: %d files in the archive", errShape, len(archive.File))
	}
	for _, f := range archive.File {
		if !strings.HasSuffix(f.Name, ".csv") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		defer r.Close()
		text, err := io.ReadAll(io.LimitReader(r, ecbHistoryBytesMax+1))
		if len(text) > ecbHistoryBytesMax {
			return nil, fmt.Errorf("%w: more than %d bytes in the archive", errShape, ecbHistoryBytesMax)
		}
		return text, err
	}
	return nil, fmt.Errorf("%w: no CSV file in the archive", errShape)
}

// parseECBXML reads the fixes of a file, Cube[@time]/Cube[@currency,@rate], and gives them rising by date, at least one.
func parseECBXML(data []byte) ([]ecbFix, error) {
	decoder := xml.NewDecoder(bytes.NewReader(data))
	var fixes []ecbFix
	depth := 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			if syntax, ok := errors.AsType[*xml.SyntaxError](err); ok && syntax.Msg == "unexpected EOF" {
				return nil, io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if _, ends := token.(xml.EndElement); ends {
			depth--
		}
		start, ok := token.(xml.StartElement)
		if ok {
			if depth++; depth > ecbDepthMax {
				return nil, fmt.Errorf("%w: elements within elements", errShape)
			}
		}
		if !ok || start.Name.Local != "Cube" {
			continue
		}
		attribute := map[string]string{}
		for _, a := range start.Attr {
			attribute[a.Name.Local] = a.Value
		}
		switch {
		case attribute["time"] != "":
			day, err := market.ParseDate(attribute["time"])
			if err != nil {
				return nil, err
			}
			fixes = append(fixes, ecbFix{date: day, rates: map[money.Currency]money.Decimal{}})
		case attribute["currency"] != "":
			if len(fixes) == 0 {
				return nil, fmt.Errorf("%w: a rate without a day", errShape)
			}
			if err := fixes[len(fixes)-1].set(attribute["currency"], attribute["rate"]); err != nil {
				return nil, err
			}
		}
	}
	return inOrder(fixes)
}

// set takes a rate. A cell without a number means that there was no rate that day; a bad currency means another shape.
func (f *ecbFix) set(currency, rate string) error {
	code, err := money.ParseCurrency(currency)
	if err != nil {
		return err
	}
	if price, ok := exactPrice(rate); ok {
		f.rates[code] = price
	}
	return nil
}

// inOrder sorts fixes by date and refuses none at all, or none with a rate.
func inOrder(fixes []ecbFix) ([]ecbFix, error) {
	fixes = slices.DeleteFunc(fixes, func(f ecbFix) bool { return len(f.rates) == 0 })
	if len(fixes) == 0 || len(fixes) > ecbDaysMax {
		return nil, fmt.Errorf("%w: %d days with rates", errShape, len(fixes))
	}
	slices.SortFunc(fixes, func(a, b ecbFix) int { return cmp.Compare(a.date, b.date) })
	return fixes, nil
}

// parseECBCSV reads both CSV forms: "Date,USD,JPY" with ISO days and "Date, USD, JPY" with "13 April 2026".
func parseECBCSV(data []byte) ([]ecbFix, error) {
	header, rest, _ := strings.Cut(string(data), "\n")
	if strings.Count(header, ",") > ecbColumnsMax {
		return nil, fmt.Errorf("%w: more than %d columns", errShape, ecbColumnsMax)
	}
	columns := strings.Split(strings.TrimSpace(header), ",")
	if strings.TrimSpace(columns[0]) != "Date" {
		return nil, fmt.Errorf("%w: the first column isn't Date", errShape)
	}
	var fixes []ecbFix
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if n := strings.Count(line, ",") + 1; n != len(columns) { // before they take memory
			return nil, fmt.Errorf("%w: %d cells under %d columns", errShape, n, len(columns))
		}
		cells := strings.Split(line, ",")
		day, err := market.ParseDate(strings.TrimSpace(cells[0]))
		if err != nil {
			long, longErr := time.Parse("2 January 2006", strings.TrimSpace(cells[0]))
			if longErr != nil {
				return nil, err
			}
			day = market.DateOf(long)
		}
		fix := ecbFix{date: day, rates: make(map[money.Currency]money.Decimal, len(cells))}
		for i, cell := range cells[1:] {
			if currency := strings.TrimSpace(columns[i+1]); currency != "" {
				if err := fix.set(currency, cell); err != nil {
					return nil, err
				}
			}
		}
		fixes = append(fixes, fix)
	}
	return inOrder(fixes)
}
