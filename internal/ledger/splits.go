package ledger

import "folioscope/internal/market"

// SplitBook is a book with nothing in it but an instrument's splits, for drawing its closes in the units of one day.
func SplitBook(i market.Instrument, actions []market.Action) *Book {
	book := &Book{Portfolio: Portfolio{BaseCurrency: i.Currency}, Instruments: map[market.InstrumentID]market.Instrument{i.ID: i}}
	for _, a := range actions {
		if a.Kind == market.ActionSplit {
			book.Activities = append(book.Activities, Activity{Type: Split, Date: a.Date, Instrument: i.ID, Ratio: &Ratio{New: a.New, Old: a.Old}})
		}
	}
	return book
}
