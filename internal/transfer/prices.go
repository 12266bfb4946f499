package transfer

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of a file of prices.
const (
	PriceFileBytesMax = 2 << 20               // a row takes some 40
	PriceRowsMax      = ledger.ManualTotalMax // no more may be kept
)

// PriceRow is one line of a file of prices: texts, empty where nothing was given.
type PriceRow struct {
	Line                                         int
	Date, Symbol, MIC, ISIN, ID, Price, Currency string
}

// priceColumns are what the header of a file of prices may name.
var priceColumns = []string{"date", "symbol", "mic", "isin", "id", "price", "currency"}

// ParsePrices reads a file of prices, as ParseCSV reads one of activities.
func ParsePrices(ctx context.Context, file io.Reader) (rows []PriceRow, mistakes []RowError, err error) {
	header := func(cells []string) ([]string, error) {
		return headerOf(cells, priceColumns, []string{"date", "price"})
	}
	err = table{PriceFileBytesMax, PriceRowsMax, header}.read(ctx, file, func(names, cells []string, line int) bool {
		if wrong, ok := fitsHeader(names, cells, line); !ok {
			mistakes = append(mistakes, wrong)
			return len(mistakes) < errorsMax
		}
		rows = append(rows, priceRow(names, cells, line))
		return true
	})
	if err != nil {
		return nil, nil, err
	}
	return rows, mistakes, nil
}

func priceRow(names, cells []string, line int) PriceRow {
	row := PriceRow{Line: line}
	into := map[string]*string{
		"date": &row.Date, "symbol": &row.Symbol, "mic": &row.MIC, "isin": &row.ISIN, "id": &row.ID, "price": &row.Price, "currency": &row.Currency,
	}
	for i, name := range names {
		*into[name] = strings.Clone(strings.TrimSpace(cells[i]))
	}
	return row
}

// PricePlan is what a file of prices comes to for a book.
type PricePlan struct {
	Changes  []ledger.PriceChange
	Added    int // days that had no price
	Replaced int // that had another
	Same     int // that had this one already
}

// PlanPrices holds a file's rows against a book: which of its instruments each is of, and what of it is new. Rows that name none are of
// the given one, where it isn't empty. What is wrong is fault.Invalid with a place for each row; mistakes are those that reading found.
// latest is the last day that a price may be of.
func PlanPrices(book *ledger.Book, rows []PriceRow, mistakes []RowError, of market.InstrumentID, latest market.Date) (PricePlan, error) {
	p := pricing{
		book: book, of: of, latest: latest, mistakes: slices.Clone(mistakes), known: map[PriceRow]namedBy{},
		set: map[market.InstrumentID]map[market.Date]market.Bar{},
	}
	for _, row := range rows {
		if len(p.mistakes) >= errorsMax {
			break
		}
		p.take(row)
	}
	if len(p.mistakes) > 0 {
		slices.SortStableFunc(p.mistakes, func(a, b RowError) int { return a.Row - b.Row })
		return PricePlan{}, refusal(p.mistakes)
	}
	return p.plan(), nil
}

// pricing is a plan in the making.
type pricing struct {
	book     *ledger.Book
	of       market.InstrumentID
	latest   market.Date
	mistakes []RowError
	known    map[PriceRow]namedBy // by what names an instrument in a row
	set      map[market.InstrumentID]map[market.Date]market.Bar
}

// namedBy is the instrument that a row names, or why none.
type namedBy struct {
	instrument    market.Instrument
	column, wrong string
}

func (p *pricing) take(row PriceRow) {
	wrong := func(column, message string) { p.mistakes = append(p.mistakes, RowError{row.Line, column, message}) }
	named := p.named(row)
	if named.wrong != "" {
		wrong(named.column, named.wrong)
		return
	}
	i := named.instrument
	date, err := market.ParseDate(row.Date)
	if err != nil {
		wrong("date", "not a date: "+quoted(row.Date)+"; dates are written YYYY-MM-DD")
		return
	}
	price, err := money.Parse(row.Price)
	if err != nil {
		wrong("price", "not a number: "+quoted(row.Price)+"; numbers are written like 1234.56")
		return
	}
	if row.Currency != "" {
		unit, err := money.ParseUnit(row.Currency)
		if err != nil || unit.Currency != i.Currency {
			wrong("currency", "the prices of "+cmp.Or(i.Symbol, string(i.ID))+" are in "+string(i.Currency)+", not in "+quoted(row.Currency))
			return
		}
		price = unit.Major(price)
	}
	bar := market.Bar{Date: date, Close: price}
	if refused, ok := errors.AsType[*fault.Error](ledger.CheckPrice(bar, p.latest)); ok {
		wrong(refused.Places[0].Location, refused.Message)
		return
	}
	days := p.set[i.ID]
	if days == nil {
		days = map[market.Date]market.Bar{}
		p.set[i.ID] = days
	}
	switch other, twice := days[date]; {
	case !twice:
		days[date] = bar
	case !other.Close.Equal(price):
		wrong("date", "another row has another price of this day")
	}
}

// named finds what a row is of among what the book knows: by id, by ISIN, by symbol, an own one first.
func (p *pricing) named(row PriceRow) namedBy {
	key := PriceRow{Symbol: row.Symbol, MIC: row.MIC, ISIN: row.ISIN, ID: row.ID}
	found, seen := p.known[key]
	if !seen {
		found = p.find(key)
		p.known[key] = found
	}
	return found
}

func (p *pricing) find(row PriceRow) namedBy {
	column, text := "symbol", row.Symbol
	fits := func(i market.Instrument) bool { return i.Symbol == text }
	switch {
	case row.ID != "":
		column, text, fits = "id", row.ID, func(i market.Instrument) bool { return string(i.ID) == row.ID }
	case row.ISIN != "":
		column, text, fits = "isin", row.ISIN, func(i market.Instrument) bool { return i.ISIN == row.ISIN }
	case row.Symbol == "" && p.of == "":
		return namedBy{column: "symbol", wrong: "the row names no instrument: give a symbol, an ISIN or an id"}
	case row.Symbol == "":
		column, text, fits = "", string(p.of), func(i market.Instrument) bool { return i.ID == p.of }
	}
	var all []market.Instrument
	for _, i := range p.book.Instruments {
		if fits(i) && (row.MIC == "" || i.MIC == row.MIC) {
			if ledger.IsOwn(i.ID) {
				return namedBy{instrument: i}
			}
			all = append(all, i)
		}
	}
	switch len(all) {
	case 1:
		return namedBy{instrument: all[0]}
	case 0:
		return namedBy{column: column, wrong: "nothing in this portfolio is called " + quoted(text)}
	}
	return namedBy{column: column, wrong: "several holdings are called " + quoted(text) + ": name the market with mic, or give the id"}
}

// plan leaves out what the book has already. Its changes rise by instrument and day.
func (p *pricing) plan() PricePlan {
	var out PricePlan
	for id, days := range p.set {
		had := make(map[market.Date]money.Decimal, len(p.book.Prices[id]))
		for _, price := range p.book.Prices[id] {
			had[price.Date] = price.Close
		}
		change := ledger.PriceChange{Instrument: id}
		for day, bar := range days {
			switch old, there := had[day]; {
			case !there:
				out.Added++
			case old.Equal(bar.Close):
				out.Same++
				continue
			default:
				out.Replaced++
			}
			change.Set = append(change.Set, bar)
		}
		if len(change.Set) > 0 {
			slices.SortFunc(change.Set, func(a, b market.Bar) int { return int(a.Date - b.Date) })
			out.Changes = append(out.Changes, change)
		}
	}
	slices.SortFunc(out.Changes, func(a, b ledger.PriceChange) int { return cmp.Compare(a.Instrument, b.Instrument) })
	return out
}
