package live

import (
	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// WithMarks is a book's past with the latest prices as its newest closes, so that a period that ends today ends at what the
// dashboard shows. What is given stays as it is.
func (h *Hub) WithMarks(book *ledger.Book, past *figures.Market) *figures.Market {
	out := &figures.Market{Series: make(map[market.InstrumentID]*market.Series, len(past.Series))}
	for id := range pricedIn(book) {
		series := past.Series[id]
		mark, ok := h.marks.Mark(id)
		if ok && mark.Price.Sign() > 0 {
			series = withMark(series, &mark, len(book.Prices[id]) > 0)
		}
		if series != nil {
			out.Series[id] = series
		}
	}
	return out
}

// withMark is a series with a mark as the close of its day: the newest one, unless the owner entered a newer one by hand.
func withMark(series *market.Series, mark *market.Mark, byHand bool) *market.Series {
	if series == nil {
		series = &market.Series{Instrument: mark.Instrument, Currency: mark.Currency}
	}
	bar := market.Bar{Date: dayOf(mark), Close: mark.Price}
	n := series.Len()
	if !byHand || n == 0 || bar.Date >= series.Dates[n-1] {
		longer := series.With(bar)
		return &longer
	}
	rest := make([]market.Bar, n)
	for i := range n {
		rest[i] = market.Bar{Date: series.Dates[i], Close: series.Close(i)}
	}
	marked := market.NewSeries(series.Instrument, series.Currency, []market.Bar{bar})
	return marked.Fill(series.Instrument, series.Currency, rest)
}

// PriceSource is who gave the price of a day, where it is the latest one; of older days nothing is known. It makes a
// figures.PriceSource, which has a state too: a past close has none.
func (h *Hub) PriceSource(id market.InstrumentID, on market.Date) (source, state string) {
	if mark, ok := h.marks.Mark(id); ok && market.DateOf(mark.MarketTime.UTC()) == on {
		return mark.Source, ""
	}
	return "", ""
}

// pricedIn is everything that a book's figures need a price or a rate of.
func pricedIn(book *ledger.Book) map[market.InstrumentID]struct{} {
	ids := map[market.InstrumentID]struct{}{}
	rate := func(c money.Currency) { ids[market.RateID(c)] = struct{}{} }
	rate(book.Portfolio.BaseCurrency)
	for id, i := range book.Instruments {
		ids[id] = struct{}{}
		rate(i.Currency)
	}
	for i := range book.Activities {
		if c := book.Activities[i].Currency; c != "" {
			rate(c)
		}
	}
	return ids
}
