package figures

import (
	"slices"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Drawn is an instrument's prices and trades in the units of one day: a split before it leaves no jump. It is for drawing
// only. Prices are kept raw, as traded, and every figure is worked out from the raw ones.
type Drawn struct {
	Prices []DrawnPrice // rising by day
	Splits []DrawnSplit // up to the day, rising
	Trades []DrawnTrade // purchases and sales, in the order of the book
}

// DrawnPrice is the close of a day.
type DrawnPrice struct {
	Date     market.Date
	Close    money.Decimal // as traded
	Adjusted money.Decimal // divided by the ratio of every later split, 34 digits where a quotient has no end
}

// DrawnSplit is a split that prices were divided by.
type DrawnSplit struct {
	Date  market.Date
	Ratio ledger.Ratio
}

// DrawnTrade is a purchase or a sale. A trade booked on the day of a split, but before it, is in the old units.
type DrawnTrade struct {
	Activity *ledger.Activity
	Quantity *money.Decimal // multiplied by the ratio of every later split; nil where the activity has none
	Price    *money.Decimal // divided by it; nil where the activity has none
}

// Draw gives the prices of an instrument from one day to another, and the trades of a book in it, in the units of a day. Splits
// are those that the book knows; one booked for each account apart is one split. The series may be nil.
func Draw(book ledger.Book, id market.InstrumentID, series *market.Series, from, to, on market.Date) Drawn {
	entries := bookEvaluation(book, nil, "").entries
	splits := newPriceBook(nil, entries).splits[id]
	if later := slices.IndexFunc(splits, func(s splitOn) bool { return s.date > on }); later >= 0 {
		splits = splits[:later]
	}
	var d Drawn
	for _, s := range splits {
		d.Splits = append(d.Splits, DrawnSplit{s.date, s.ratio})
	}
	if series != nil {
		first, _ := slices.BinarySearch(series.Dates, from)
		for k := first; k < series.Len() && series.Dates[k] <= to; k++ {
			made := series.Dates[k]
			d.Prices = append(d.Prices, DrawnPrice{made, series.Close(k), carriedPast(splits, series.Close(k), made, on)})
		}
	}
	for _, e := range entries {
		if e.Instrument != id || e.Date > on || e.Type != ledger.Buy && e.Type != ledger.Sell {
			continue
		}
		trade := DrawnTrade{Activity: e.Activity}
		if e.Quantity != nil {
			trade.Quantity = inLaterUnits(splits, e, *e.Quantity, ledger.Ratio.Apply)
		}
		if e.Price != nil {
			trade.Price = inLaterUnits(splits, e, *e.Price, ledger.Ratio.Unapply)
		}
		d.Trades = append(d.Trades, trade)
	}
	return d
}

// inLaterUnits changes a number of a trade by every split that came after it.
func inLaterUnits(splits []splitOn, e entry, x money.Decimal, change func(ledger.Ratio, money.Decimal) money.Decimal) *money.Decimal {
	for _, s := range splits {
		if s.date > e.Date || s.date == e.Date && s.index > e.index {
			x = change(s.ratio, x)
		}
	}
	return &x
}
