package transfer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

var pricesLatest = market.MustDate("2026-03-02")

// pricedBook has a house and a fund of its own, and shares that trade in two places.
func pricedBook() *ledger.Book {
	book := &ledger.Book{Instruments: map[market.InstrumentID]market.Instrument{
		"own-1": {ID: "own-1", Symbol: "HOUSE", Currency: "EUR"},
		"own-2": {ID: "own-2", Symbol: "VOD", Currency: "GBP"},
		"vod":   {ID: "vod", Symbol: "VOD", MIC: "XLON", ISIN: "GB00BH4HKS39", Currency: "GBP"},
		"shl-1": {ID: "shl-1", Symbol: "SHL", MIC: "XETR", ISIN: "DE000SHL1006", Currency: "EUR"},
		"shl-2": {ID: "shl-2", Symbol: "SHL", MIC: "XLON", Currency: "GBP"},
	}, Own: map[market.InstrumentID]ledger.Own{}}
	for _, id := range []market.InstrumentID{"own-1", "own-2"} {
		book.Own[id] = ledger.Own{Instrument: book.Instruments[id]}
	}
	book.Prices = map[market.InstrumentID][]ledger.ManualPrice{"own-1": {{Bar: market.Bar{Date: market.MustDate("2026-01-01"), Close: money.MustParse("300000")}}}}
	return book
}

func planned(t *testing.T, file string, of market.InstrumentID) (PricePlan, error) {
	t.Helper()
	rows, mistakes, err := ParsePrices(t.Context(), strings.NewReader(file))
	if err != nil {
		return PricePlan{}, err
	}
	return PlanPrices(pricedBook(), rows, mistakes, of, pricesLatest)
}

func said(p PricePlan) string {
	text := fmt.Sprint(p.Added, " new, ", p.Replaced, " other, ", p.Same, " same")
	for _, c := range p.Changes {
		for _, bar := range c.Set {
			text += fmt.Sprint("; ", c.Instrument, " ", bar.Date, " ", bar.Close)
		}
	}
	return text
}

func TestPlanPrices(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		of   market.InstrumentID
		want string
	}{
		"by symbol":           {"date,symbol,price\n2026-02-01,HOUSE,310000\n", "", "1 new, 0 other, 0 same; own-1 2026-02-01 310000"},
		"by id":               {"id;price;date\nvod;0.75;2026-02-01\n", "", "1 new, 0 other, 0 same; vod 2026-02-01 0.75"},
		"by ISIN, in pence":   {"date,isin,price,currency\n2026-02-01,GB00BH4HKS39,75.5,GBX\n", "", "1 new, 0 other, 0 same; vod 2026-02-01 0.755"},
		"one's own first":     {"date,symbol,price\n2026-02-01,VOD,2\n", "", "1 new, 0 other, 0 same; own-2 2026-02-01 2"},
		"unless a market is":  {"date,symbol,mic,price\n2026-02-01,VOD,XLON,2\n", "", "1 new, 0 other, 0 same; vod 2026-02-01 2"},
		"with a market":       {"date,symbol,mic,price\n2026-02-01,SHL,XETR,2\n", "", "1 new, 0 other, 0 same; shl-1 2026-02-01 2"},
		"of the page's":       {"date,price\n2026-02-01,2\n2026-01-31,1\n", "own-1", "2 new, 0 other, 0 same; own-1 2026-01-31 1; own-1 2026-02-01 2"},
		"what is there":       {"date,symbol,price\n2026-01-01,HOUSE,300000.00\n", "", "0 new, 0 other, 1 same"},
		"another price":       {"date,symbol,price\n2026-01-01,HOUSE,1\n", "", "0 new, 1 other, 0 same; own-1 2026-01-01 1"},
		"the same row twice":  {"date,symbol,price\n2026-02-01,HOUSE,1\n2026-02-01,HOUSE,1.0\n", "", "1 new, 0 other, 0 same; own-1 2026-02-01 1"},
		"nothing":             {"date,symbol,price\n", "", "0 new, 0 other, 0 same"},
		"a cell in the group": {"date,symbol,price,currency\n2026-02-01,HOUSE,1,\n", "", "1 new, 0 other, 0 same; own-1 2026-02-01 1"},
	} {
		got, err := planned(t, c.file, c.of)
		if err != nil || said(got) != c.want {
			t.Errorf("%s: %s, %v; want %s", name, said(got), err, c.want)
		}
	}
}

func TestPlanPricesNamesTheRow(t *testing.T) {
	for name, c := range map[string]struct {
		file  string
		place string
	}{
		"nobody's":          {"date,symbol,price\n2026-02-01,HOUSE,1\n2026-02-01,NOPE,1\n", "row 3, symbol"},
		"no such id":        {"date,id,price\n2026-02-01,NOPE,1\n", "row 2, id"},
		"no such ISIN":      {"date,isin,price\n2026-02-01,DE000BASF111,1\n", "row 2, isin"},
		"one of two":        {"date,symbol,price\n2026-02-01,SHL,1\n", "row 2, symbol"},
		"not said":          {"date,price\n2026-02-01,1\n", "row 2, symbol"},
		"no date":           {"date,symbol,price\n1.2.2026,HOUSE,1\n", "row 2, date"},
		"tomorrow":          {"date,symbol,price\n2026-03-03,HOUSE,1\n", "row 2, date"},
		"no number":         {"date,symbol,price\n2026-02-01,HOUSE,\"1.000,50\"\n", "row 2, price"},
		"zero":              {"date,symbol,price\n2026-02-01,HOUSE,0\n", "row 2, price"},
		"another currency":  {"date,symbol,price,currency\n2026-02-01,HOUSE,1,USD\n", "row 2, currency"},
		"two of a day":      {"date,symbol,price\n2026-02-01,HOUSE,1\n2026-02-01,HOUSE,2\n", "row 3, date"},
		"a cell too few":    {"date,symbol,price\n2026-02-01,HOUSE\n", "row 2"},
		"an unknown column": {"date,symbol,close\n", "row 1, close"},
		"no price":          {"date,symbol\n", "row 1, price"},
		"half of a quote":   {"date,symbol,price\n\"2026-02-01,HOUSE,1\n", "row 2"},
	} {
		_, err := planned(t, c.file, "")
		wrong, ok := errors.AsType[*fault.Error](err)
		if !ok || wrong.Kind != fault.Invalid || len(wrong.Places) == 0 || wrong.Places[0].Location != c.place {
			t.Errorf("%s: %v, want %s", name, err, c.place)
		}
	}
	if _, err := planned(t, "date,price\n"+strings.Repeat("x", PriceFileBytesMax), ""); !fault.Is(err, fault.TooLarge) {
		t.Errorf("a large file: %v", err)
	}
	if _, err := planned(t, "date,price\n"+strings.Repeat("2026-01-01,1\n", PriceRowsMax+1), "own-1"); !fault.Is(err, fault.TooLarge) {
		t.Errorf("a long file: %v", err)
	}
}

// Whatever a file says, what it comes to is a change that the ledger takes, of instruments of this book, and after it the same file
// adds nothing.
func FuzzPlanPrices(f *testing.F) {
	f.Add("date,symbol,price\n2026-02-01,HOUSE,310000\n2026-02-02,HOUSE,0.5\n")
	f.Add("\ufeffdate;isin;price;currency\r\n2026-02-01;GB00BH4HKS39;75,5;GBX\r\n")
	f.Add("date,id,price\n2026-02-01,own-2,1e9\n2026-02-01,own-3,1\n")
	f.Add("price\tdate\n-1\t2026-02-01\n")
	f.Fuzz(func(t *testing.T, file string) {
		rows, mistakes, err := ParsePrices(t.Context(), strings.NewReader(file))
		book := pricedBook()
		var plan PricePlan
		if err == nil {
			plan, err = PlanPrices(book, rows, mistakes, "own-1", pricesLatest)
		}
		if err != nil {
			if kind := fault.KindOf(err); kind != fault.Invalid && kind != fault.TooLarge {
				t.Fatal(err)
			}
			return
		}
		book.Prices = maps.Clone(book.Prices)
		for _, change := range plan.Changes {
			if _, known := book.Instruments[change.Instrument]; !known {
				t.Fatalf("%s is not in the book", change.Instrument)
			}
			after, changed, err := ledger.Reprice(book.Prices[change.Instrument], change, pricesLatest, time.Unix(0, 0))
			if err != nil || !changed {
				t.Fatalf("the change is refused: %t, %v", changed, err)
			}
			book.Prices[change.Instrument] = after
		}
		again, err := PlanPrices(book, rows, nil, "own-1", pricesLatest)
		if err != nil || len(again.Changes) != 0 || again.Added+again.Replaced != 0 {
			t.Fatalf("the same file again: %s, %v", said(again), err)
		}
	})
}

// everybody is the instruments that are everybody's.
type everybody map[market.InstrumentID]market.Instrument

func (e everybody) Instrument(_ context.Context, id market.InstrumentID) (market.Instrument, error) {
	if i, ok := e[id]; ok {
		return i, nil
	}
	return market.Instrument{}, fault.New(fault.NotFound, "there is no such instrument")
}

func (e everybody) InstrumentBySymbol(_ context.Context, symbol, mic string) (found []market.Instrument, _ error) {
	for _, i := range e {
		if i.Symbol == symbol && (mic == "" || i.MIC == mic) {
			found = append(found, i)
		}
	}
	return found, nil
}

func (e everybody) InstrumentByISIN(context.Context, string) ([]market.Instrument, error) {
	return nil, nil
}

func TestInstrumentsOfABook(t *testing.T) {
	book := pricedBook()
	all := everybody{"vod": book.Instruments["vod"], "house": {ID: "house", Symbol: "HOUSE", MIC: "XNAS"}}
	find := InstrumentsOf(book, all)
	for symbol, want := range map[[2]string][]market.InstrumentID{
		{"HOUSE", ""}:     {"own-1"},
		{"HOUSE", "XNAS"}: {"house"},
		{"VOD", "XLON"}:   {"vod"},
		{"NOPE", ""}:      nil,
	} {
		found, err := find.InstrumentBySymbol(t.Context(), symbol[0], symbol[1])
		var ids []market.InstrumentID
		for _, i := range found {
			ids = append(ids, i.ID)
		}
		if err != nil || !slices.Equal(ids, want) {
			t.Errorf("%v: %v, %v; want %v", symbol, ids, err, want)
		}
	}
	if own, err := find.Instrument(t.Context(), "own-1"); err != nil || own.Symbol != "HOUSE" {
		t.Errorf("by id: %v, %v", own, err)
	}
	if _, err := InstrumentsOf(&ledger.Book{}, all).Instrument(t.Context(), "own-1"); !fault.Is(err, fault.NotFound) {
		t.Errorf("from another book: %v", err)
	}
}
