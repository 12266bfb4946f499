package engine

import "context"

// read asks for the next page of the quotes' journal.
func (e *Engine) read() {
	if !e.began {
		return
	}
	if e.reading {
		e.again = true
		return
	}
	e.reading, e.again = true, false
	after := e.cursor
	e.work(&e.reads, func(ctx context.Context) func() {
		page, err := e.o.Store.QuotesAfter(ctx, after, quotesPage)
		return func() {
			e.reading = false
			if err != nil {
				e.complain("the quotes' journal could not be read; it is tried again", err)
				return
			}
			e.evaluate(page)
			if e.again || len(page) == quotesPage {
				e.read()
			}
		}
	})
}

// evaluate shows all rules a page of accepted prices, one after another.
func (e *Engine) evaluate(page []Quote) {
	for i := range page {
		quote := &page[i]
		e.cursor = quote.Sequence
		if l := e.listed[quote.Instrument]; l != nil {
			e.cross(l, quote)
		}
	}
	e.tellKeeper(page)
	e.valueHolders(page)
	e.recent = append(e.recent, page...)
	if extra := len(e.recent) - quotesKept; extra > quotesPage {
		e.recent = append(e.recent[:0:0], e.recent[extra:]...)
	}
	if n := len(page); n > 0 {
		e.meters.quotes.Add(uint64(n))
		e.meters.cursor.Store(e.cursor)
		e.meters.lag.Store(int64(e.o.Now().Sub(page[n-1].ObservedAt)))
	}
}
