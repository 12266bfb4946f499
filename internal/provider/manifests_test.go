package provider

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/provider/replaytest"
)

// What is asked of a recorded payload.
const (
	askLatest   = "latest"
	askHistory  = "history"
	askAdjusted = "adjusted"
	askActions  = "actions"
	askSearch   = "search"
	askIdentify = "identify" // so many identifiers
	askFind     = "find"
	askReport   = "report"
	askSeries   = "series"
	askOther    = "other" // a route that nobody here asks: classified, and believed by none
	askCrumb    = "crumb"
	askQuotes   = "quotes"
	askZip      = "zip"
	askCSV      = "csv"
	askGrouped  = "grouped"
	askDaily    = "daily"
	askPaid     = "dividends"
	askDivided  = "splits"
	askSpark    = "spark" // once the units are known
	askPage     = "page"  // read as a page that a user named, with this after the address
)

// manifestRow is what one recorded payload must come to: figures, or a class.
type manifestRow struct {
	file, ask, name, want string
}

// recorded answers whatever is asked with one payload.
func recorded(e replaytest.Entry) transport {
	return func(r *http.Request) (*http.Response, error) {
		answer, err := body(e.Status, "", string(e.Body))(r)
		for key, value := range e.Headers {
			answer.Header.Set(key, value)
		}
		answer.ContentLength = int64(len(e.Body))
		return answer, err
	}
}

// oneRoute answers one route with a payload and every other one with nothing.
func oneRoute(e replaytest.Entry) transport {
	return func(r *http.Request) (*http.Response, error) {
		switch {
		case strings.HasSuffix(r.URL.Path, e.Path):
			return recorded(e)(r)
		case strings.HasPrefix(e.Path, "/api/"):
			return body(http.StatusOK, "", "[]")(r)
		}
		return body(http.StatusOK, "", `{"dividends":[],"splits":[]}`)(r)
	}
}

var manifestPeriod = [2]market.Date{market.MustDate("1999-01-01"), market.MustDate("2026-12-31")}

// comesTo asks a source for what a row wants and shows in one line what came of it. The first word of a class is in capitals.
func comesTo(t *testing.T, source string, e replaytest.Entry, row manifestRow) string {
	t.Helper()
	ctx, from, to := t.Context(), manifestPeriod[0], manifestPeriod[1]
	o := options(source, recorded(e))
	if row.ask == askActions && (source == EODHD || source == TwelveData) {
		o = options(source, oneRoute(e))
	}
	if row.ask == askPage {
		p := open(t, HTTP, options(HTTP, recorded(e)))
		return strings.TrimPrefix(shown(batchLines(p.Latest(ctx, []string{"http://h/p" + row.name}, now))), "http://h/p"+row.name+" ")
	}
	if source == OpenFIGI {
		g, err := NewOpenFIGI(o)
		if err != nil {
			t.Fatal(err)
		}
		if row.ask == askFind {
			found, err := g.Find(ctx, row.name)
			return shown(listingLines([][]Listing{found}), err)
		}
		wanted := make([]Identifier, len(row.name))
		for i := range wanted {
			wanted[i] = Identifier{Kind: ISIN, Value: "US0378331005"}
		}
		found, failed, err := g.Identify(ctx, wanted)
		text := shown(listingLines(found), err)
		for _, place := range slices.Sorted(maps.Keys(failed)) {
			text += fmt.Sprintf("; %d %s", place, failed[place].Outcome)
		}
		return text
	}
	p := open(t, source, o)
	switch row.ask {
	case askLatest:
		return shown(batchLines(p.Latest(ctx, strings.Fields(row.name), now)))
	case askHistory:
		if source == Frankfurter || source == ECB {
			from, to = market.MustDate("2026-04-08"), market.MustDate("2026-04-13")
		}
		bars, unit, err := p.(Historian).History(ctx, row.name, from, to)
		return shown(barLines(bars, unit), err)
	case askAdjusted:
		bars, unit, adjustment, err := p.(AdjustedHistorian).AdjustedHistory(ctx, row.name, from, to)
		return shown(append(barLines(bars, unit), string(adjustment)), err)
	case askActions:
		actions, err := p.(Actioner).Actions(ctx, row.name, from, to)
		return shown(actionLines(actions), err)
	case askSearch:
		hits, err := p.(Searcher).Search(ctx, row.name)
		return shown(hitLines(hits), err)
	case askReport:
		text, _, _ := strings.Cut(strings.TrimPrefix(e.Query["frmdt"], "0"), " ")
		at, err := time.Parse("2-Jan-2006", text)
		if err != nil {
			t.Fatal(err)
		}
		day := market.DateOf(at)
		bars, unit, err := p.(*AMFISource).Report(ctx, []string{row.name}, day, day+6)
		return shown(barLines(bars[row.name], unit), err)
	case askSeries:
		bars, err := p.(*FREDSource).Observations(ctx, row.name, from, to)
		return shown(barLines(bars, money.Unit{}), asError(err))
	}
	return comesToInside(t, p, e, row)
}

// comesToInside reads a payload by a part of a source, where the whole would ask for more than one.
func comesToInside(t *testing.T, p Provider, e replaytest.Entry, row manifestRow) string {
	t.Helper()
	switch row.ask {
	case askOther:
		outcome, _ := p.(interface {
			classify(answer) (Outcome, string)
		}).classify(answer{status: e.Status, body: e.Body, header: map[string][]string{}})
		return string(outcome)
	case askSpark:
		for name := range strings.FieldsSeq(row.name) {
			p.(*YahooSource).learn(name, money.Unit{Currency: "USD"}, now)
		}
		return shown(batchLines(p.Latest(t.Context(), strings.Fields(row.name), now)))
	case askCrumb:
		crumb, err := p.(*YahooSource).newCrumb(t.Context(), now)
		return shown([]string{crumb.text, crumb.cookie}, asError(err))
	case askQuotes:
		y := p.(*YahooSource)
		a, err := y.get(t.Context(), request{path: "/v7/finance/quote", classify: y.classify})
		if err != nil {
			return string(err.Outcome)
		}
		found, err := y.decodeQuotes(a.body)
		batch := newBatch(1)
		for name := range strings.FieldsSeq(row.name) {
			if quote, failed := found.of(y, name); failed != nil {
				batch.Failed[name] = failed
			} else {
				batch.Quotes = append(batch.Quotes, quote)
			}
		}
		return shown(lines(batch), asError(err))
	case askZip:
		fixes, err := p.(*ECBSource).zipped(t.Context(), ecbHistoryPath)
		return shown(fixLines(fixes), asError(err))
	case askCSV:
		fixes, err := parseECBCSV(e.Body)
		return shown(fixLines(fixes), err)
	case askGrouped:
		closes, day, err := p.(*MassiveSource).grouped(e.Body)
		return shown([]string{day.String(), fmt.Sprint(closes)}, asError(err))
	case askDaily:
		bars, adjusted, next, err := p.(*MassiveSource).daily(e.Body, row.name)
		return shown(append(barLines(bars, money.Unit{}), fmt.Sprint("adjusted ", adjusted, ", more ", next != "")), asError(err))
	}
	m := p.(*MassiveSource)
	read := m.splits
	if row.ask == askPaid {
		read = m.dividends
	}
	actions, _, err := read(e.Body, row.name)
	return shown(actionLines(actions), asError(err))
}

// asError keeps a nil *Error from becoming an error that isn't nil.
func asError(err *Error) error {
	if err == nil {
		return nil
	}
	return err
}

func shown(found []string, err error) string {
	if err != nil {
		return string(OutcomeOf(err))
	}
	if len(found) == 0 {
		return "nothing"
	}
	return strings.Join(found, "; ")
}

func batchLines(b Batch, err error) ([]string, error) { return lines(b), err }

// barLines are the number of bars with the first, one in the middle and the last.
func barLines(bars []market.Bar, unit money.Unit) []string {
	out := []string{fmt.Sprintf("%d %s×%s", len(bars), unit.Currency, unit.Factor())}
	for i, b := range bars {
		if i == 0 || i == len(bars)/2 || i == len(bars)-1 {
			out = append(out, b.Date.String()+" "+b.Close.String())
		}
	}
	return out
}

func fixLines(fixes []ecbFix) []string {
	out := []string{fmt.Sprint(len(fixes), " days")}
	for i, f := range fixes {
		if i == 0 || i == len(fixes)-1 {
			out = append(out, fmt.Sprintf("%s: %d, USD %s", f.date, len(f.rates), f.rates["USD"]))
		}
	}
	return out
}

func hitLines(hits []market.Instrument) []string {
	out := []string{fmt.Sprint(len(hits))}
	for _, h := range hits[:min(len(hits), 3)] {
		out = append(out, strings.Join([]string{h.Symbol, h.MIC, h.ISIN, h.Name, string(h.Currency), string(h.Class)}, "|"))
	}
	return out
}

func listingLines(found [][]Listing) []string {
	var out []string
	for i, listings := range found {
		for _, l := range listings {
			out = append(out, fmt.Sprintf("%d %s %s %s %s", i, l.FIGI, l.Ticker, l.Exchange, l.Class))
		}
	}
	return out
}

// TestManifests holds every recorded payload to our own table: what it decodes to, or how it is classified.
func TestManifests(t *testing.T) {
	dir := os.Getenv("FOLIOSCOPE_REFERENCE")
	if dir == "" {
		t.Skip("skipped: no reference data")
	}
	fixtures := os.DirFS(filepath.Join(dir, "fixtures"))
	folders, err := os.ReadDir(filepath.Join(dir, "fixtures"))
	if err != nil {
		t.Fatal(err)
	}
	counts, payloads := map[string]int{}, 0
	for _, folder := range folders {
		if !folder.IsDir() {
			continue
		}
		entries, err := replaytest.Load(fixtures, folder.Name())
		if err != nil {
			t.Fatal(err)
		}
		source := folder.Name()
		if !slices.Contains(all, source) && source != OpenFIGI {
			source = HTTP // no source of ours: read as pages
		}
		for _, e := range entries {
			rows := slices.DeleteFunc(slices.Clone(manifestRows[folder.Name()]), func(r manifestRow) bool { return r.file != e.File })
			if len(rows) == 0 {
				t.Errorf("%s/%s: not in the table", folder.Name(), e.File)
			}
			payloads++
			for i, row := range rows {
				got := comesTo(t, source, e, row)
				if got != row.want {
					t.Errorf("%s/%s %s %s:\n  got  %s\n  want %s", folder.Name(), e.File, row.ask, row.name, got, row.want)
				}
				if i == 0 {
					counts[classOf(row, got)]++
				}
			}
		}
	}
	t.Logf("%d payloads", payloads)
	for _, class := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%4d %s", counts[class], class)
	}
}

// classOf is the class of what a row came to: one that failed as a whole, or for all its names.
func classOf(row manifestRow, got string) string {
	for _, o := range []Outcome{Empty, UnknownSymbol, NotEntitled, BadKey, RateBurst, RateMinute, RateHour, RateDay, RateMonth, Blocked, Transient, SchemaDrift} {
		failed := func(part string) bool { return part != string(o) && !strings.HasSuffix(part, " "+string(o)) }
		if !slices.ContainsFunc(strings.Split(got, "; "), failed) {
			return string(o)
		}
	}
	if row.ask == askOther {
		return "OK, on a route that nothing here asks"
	}
	return "OK, decoded"
}
