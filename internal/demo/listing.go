package demo

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"folioscope/internal/market"
	"folioscope/internal/money"
)

// instrumentsCSV names what the made-up market trades, with the price it ends at, its yearly volatility, drift and yield in percent.
// Symbols, ISINs and sectors are those of real instruments so that the demo reads like life; every price is invented.
//
//go:embed instruments.csv
var instrumentsCSV string

// listing is one instrument of the made-up market.
type listing struct {
	market.Instrument
	price      float64 // where the history ends
	volatility float64 // per year, 0.2 is 20 %
	drift      float64 // per year
	yield      float64 // dividends per year, as a share of the price
	places     int32   // digits after the point of its prices
}

// splits of the made-up history, new shares for one old.
var splits = map[string]struct {
	date market.Date
	new  int64
}{
	"NVDA": {market.MustDate("2024-06-10"), 10},
	"AAPL": {market.MustDate("2020-08-31"), 4},
	"6758": {market.MustDate("2024-10-01"), 5},
}

// listings reads the embedded table; an error is a slip of ours and is caught by a test.
func listings() ([]listing, error) {
	rows, err := csv.NewReader(strings.NewReader(instrumentsCSV)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read instruments: %w", err)
	}
	out := make([]listing, 0, len(rows)-1)
	for i, row := range rows[1:] {
		l, err := readListing(row)
		if err != nil {
			return nil, fmt.Errorf("read instruments: row %d: %w", i+2, err)
		}
		out = append(out, l)
	}
	return out, nil
}

func readListing(row []string) (listing, error) {
	currency, err := money.ParseCurrency(row[4])
	if err != nil {
		return listing{}, err
	}
	var figures [4]float64
	for i, text := range row[8:12] {
		if figures[i], err = strconv.ParseFloat(text, 64); err != nil {
			return listing{}, err
		}
	}
	l := listing{
		Instrument: market.Instrument{
			ID: market.InstrumentID("sim-" + strings.ToLower(strings.NewReplacer(".", "-", "/", "-").Replace(row[0]+"-"+row[1]))), Symbol: row[0], MIC: row[1], ISIN: row[2], Name: row[3],
			Currency: currency, Class: market.Class(row[5]), Sector: row[6], Country: row[7],
			Names: map[string]string{market.SourceSimulate: row[0]},
		},
		price: figures[0], volatility: figures[1] / 100, drift: figures[2] / 100, yield: figures[3] / 100,
	}
	if l.Class == market.FX {
		l.ID = market.RateID(currency)
	}
	l.places = places(l)
	return l, nil
}

// places is the precision that such prices are quoted with.
func places(l listing) int32 {
	switch {
	case l.Class == market.FX && l.price < 50, l.Class == market.Fund:
		return 4
	case l.Currency == "JPY" && l.Class != market.FX:
		return 0
	case l.price < 20:
		return 3
	default:
		return 2
	}
}

// exactPrice rounds a walked price to the listing's precision; the walk is a model, so doubles are right there and only there.
func (l *listing) exactPrice(walked float64) money.Decimal {
	text := strconv.FormatFloat(walked, 'f', int(l.places), 64)
	price, err := money.Parse(text)
	if err != nil || price.Sign() <= 0 {
		return money.NewDecimal(1, -l.places) // one tick: a walk never ends a price
	}
	return price
}
