package provider

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of AMFI's file.
const (
	amfiPerMinute  = 2
	amfiBytesMax   = 16 << 20 // today 14,000 schemes in 2.5 MiB
	amfiBatchMax   = 50_000   // all schemes there are, three times over
	amfiDaysMax    = 7        // of one report: all schemes of a day have 1.5 MiB
	amfiColumnsMax = 64       // there are eight
)

const rupee = "INR"

// AMFISource gives the daily value of Indian mutual funds, all of them in one file. A name is a scheme's code, or an
// ISIN of it. A value's market time is 15:30 Indian time, the end of trading, of its day.
type AMFISource struct {
	*source
	zone    *time.Location
	reports *url.URL // of past days, on another host
}

// NewAMFI makes the source; the error is about Options only.
func NewAMFI(o Options) (*AMFISource, error) {
	s, err := newSource(AMFI, "https://www.amfiindia.com", amfiPerMinute, o)
	if err != nil {
		return nil, err
	}
	a := &AMFISource{source: s, zone: indianZone()}
	a.reports = &url.URL{Scheme: "https", Host: "portal.amfiindia.com", Path: amfiReportPath}
	if o.BaseURL != "" {
		a.reports = s.base.JoinPath(amfiReportPath)
	}
	return a, nil
}

const amfiReportPath = "/DownloadNAVHistoryReport_Po.aspx"

// indianZone is fixed: India has no summer time.
func indianZone() *time.Location { return time.FixedZone("IST", 5*60*60+30*60) }

// Classes are funds only.
func (a *AMFISource) Classes() []market.Class { return []market.Class{market.Fund} }

// BatchMax is every scheme there is: they come in one file.
func (a *AMFISource) BatchMax() int { return amfiBatchMax }

// Latest reads the whole file and picks the names.
func (a *AMFISource) Latest(ctx context.Context, names []string, now time.Time) (Batch, error) {
	got, err := a.get(ctx, request{path: "/spages/NAVAll.txt", bytesMax: amfiBytesMax, classify: a.classify})
	if err != nil {
		return Batch{}, err
	}
	wanted := make(map[string]bool, len(names))
	for _, name := range names {
		wanted[name] = true
	}
	unit, _ := money.ParseUnit(rupee) // a currency is a unit
	batch := newBatch(len(names))
	found := make(map[string]bool, len(names))
	parseErr := parseAMFI(string(got.body), func(r amfiRow) {
		for _, name := range [...]string{r.code, r.growth, r.reinvest} {
			if !wanted[name] || found[name] {
				continue
			}
			found[name] = true
			if !r.valued {
				batch.Failed[name] = a.fail(Empty, name, "no value")
				continue
			}
			a.add(&batch, Quote{
				Name: name, Price: r.value, Unit: unit, HasCurrency: true,
				MarketTime: timeOn(r.date, 15, 30, a.zone), PreviousDate: market.NoDate,
			}, now)
		}
	})
	if parseErr != nil {
		return Batch{}, a.fail(SchemaDrift, "", "decode: %w", shortened(parseErr))
	}
	missing := UnknownSymbol
	if !strings.HasSuffix(string(got.body), "\n") {
		missing = Transient // the file was cut, and the name may be in the rest
	}
	for _, name := range names {
		if !found[name] {
			batch.Failed[name] = a.fail(missing, clipName(name), "not in the file")
		}
	}
	return batch, nil
}

// Report gives the values of a few days, all of them in one file, so that a gap is filled for every fund at once; for a long
// history of one fund the file is the wrong place. A name without a value in those days is left out.
func (a *AMFISource) Report(ctx context.Context, names []string, from, to market.Date) (map[string][]market.Bar, money.Unit, error) {
	if to-from >= amfiDaysMax || to < from {
		return nil, money.Unit{}, a.fail(SchemaDrift, "", "a report has 1 to %d days, not %s to %s", amfiDaysMax, from, to)
	}
	const layout = "2-Jan-2006"
	address := *a.reports
	address.RawQuery = url.Values{"tp": {"1"}, "frmdt": {from.Time().Format(layout)}, "todt": {to.Time().Format(layout)}}.Encode()
	got, err := a.get(ctx, request{address: &address, bytesMax: amfiBytesMax, classify: a.classify})
	if err != nil {
		return nil, money.Unit{}, err
	}
	bars := make(map[string][]market.Bar, len(names))
	for _, name := range names {
		bars[name] = nil
	}
	parseErr := parseAMFI(string(got.body), func(r amfiRow) {
		for _, name := range [...]string{r.code, r.growth, r.reinvest} {
			if some, wanted := bars[name]; wanted && name != "" && r.valued {
				bars[name] = append(some, market.Bar{Date: r.date, Close: r.value})
			}
		}
	})
	if parseErr != nil {
		return nil, money.Unit{}, a.fail(SchemaDrift, "", "decode: %w", shortened(parseErr))
	}
	for name, some := range bars {
		if bars[name] = within(some, from, to); len(bars[name]) == 0 {
			delete(bars, name)
		}
	}
	unit, _ := money.ParseUnit(rupee) // a currency is a unit
	return bars, unit, nil
}

func (a *AMFISource) classify(got answer) (Outcome, string) {
	if isHTML(got) {
		return Transient, "" // maintenance comes as a page with status 200
	}
	if got.status == 200 && len(got.body) == 0 {
		return Transient, ""
	}
	return statusOutcome(got.status), ""
}

// amfiRow is one scheme's value of one day.
type amfiRow struct {
	code, growth, reinvest string // scheme code and up to two ISINs, empty or "-" where there is none
	name                   string
	value                  money.Decimal
	valued                 bool // false where the value is "N.A.", "-", 0 or its day is missing
	date                   market.Date
}

// columnsOfAMFI finds columns by name: new ones were put between the others before.
func columnsOfAMFI(header string) (map[string]int, error) {
	if strings.Count(header, ";") >= amfiColumnsMax {
		return nil, fmt.Errorf("%w: more than %d columns", errShape, amfiColumnsMax)
	}
	columns := map[string]int{}
	for i, title := range strings.Split(header, ";") {
		title = strings.ToLower(strings.Join(strings.Fields(title), ""))
		title = strings.TrimPrefix(title, "\ufeff")
		if _, double := columns[title]; double {
			return nil, fmt.Errorf("%w: column %.40q comes twice", errShape, title)
		}
		columns[title] = i
	}
	for _, needed := range []string{"schemecode", "netassetvalue", "date"} {
		if _, ok := columns[needed]; !ok {
			return nil, fmt.Errorf("%w: no column %q", errShape, needed)
		}
	}
	return columns, nil
}

// parseAMFI reads the daily file and the history report in all their layouts, and calls row for every scheme. Lines
// without a separator are headings of groups. A file of which most rows don't fit its header, or none does, is refused.
func parseAMFI(text string, row func(amfiRow)) error {
	header, rest, _ := strings.Cut(text, "\n")
	columns, err := columnsOfAMFI(strings.TrimSpace(header))
	if err != nil {
		return err
	}
	cell := func(cells []string, title string) string {
		if i, ok := columns[title]; ok {
			return strings.TrimSpace(cells[i])
		}
		return ""
	}
	good, bad := 0, 0
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		if !strings.Contains(line, ";") {
			continue
		}
		if strings.Count(line, ";") != len(columns)-1 { // before they take memory
			bad++
			continue
		}
		cells := strings.Split(line, ";")
		if !isSchemeCode(strings.TrimSpace(cells[columns["schemecode"]])) {
			bad++
			continue
		}
		r := amfiRow{
			code: cell(cells, "schemecode"), name: cell(cells, "schemename"),
			growth: isin(cell(cells, "isindivpayout/isingrowth")), reinvest: isin(cell(cells, "isindivreinvestment")),
		}
		day, dayErr := time.Parse("2-Jan-2006", cell(cells, "date"))
		if dayErr == nil && day.Year() >= 1960 && day.Year() < 2200 { // no Indian fund is older
			r.value, r.valued = exactPrice(cell(cells, "netassetvalue"))
			r.date = market.DateOf(day)
		}
		good++
		row(r)
	}
	if good == 0 || bad > good {
		return fmt.Errorf("%w: %d rows fit the header, %d don't", errShape, good, bad)
	}
	return nil
}

// isin is a text if it has the length of an ISIN, else nothing.
func isin(text string) string {
	if len(text) != 12 {
		return ""
	}
	return text
}
