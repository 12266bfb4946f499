package engine

import (
	"slices"

	"folioscope/internal/alert"
	"folioscope/internal/engine/book"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// cash is the instrument that cash is held in: one of it is worth one of its currency.
const cash book.Instrument = 0

// currency is the number of one.
type currency uint16

// split is that the price of an instrument has to be of a day or a later one.
type split struct {
	instrument book.Instrument
	since      market.Date
}

// instruments numbers what is held, densely. A portfolio whose owner priced something by hand has a number of its own for it.
type instruments struct {
	numbers map[market.InstrumentID]book.Instrument
	ids     []market.InstrumentID // by number; that of cash is empty

	manual map[book.Instrument]*market.Mark          // of own numbers; nil in it: no price
	shares map[market.InstrumentID][]book.Instrument // own numbers of what others hold too
	of     map[PortfolioKey][]book.Instrument        // own numbers of a portfolio
	free   []book.Instrument

	splits map[PortfolioKey][]split

	currencies []money.Currency
	places     map[money.Currency]currency
	rates      alert.Rates

	known map[market.InstrumentID]market.Instrument // described lately
}

func newInstruments() *instruments {
	return &instruments{
		numbers: make(map[market.InstrumentID]book.Instrument), ids: make([]market.InstrumentID, 1),
		manual: make(map[book.Instrument]*market.Mark), shares: make(map[market.InstrumentID][]book.Instrument), of: make(map[PortfolioKey][]book.Instrument),
		splits: make(map[PortfolioKey][]split), places: make(map[money.Currency]currency), rates: make(alert.Rates),
		known: make(map[market.InstrumentID]market.Instrument),
	}
}

// currency numbers one.
func (l *instruments) currency(c money.Currency) currency {
	place, ok := l.places[c]
	if !ok {
		place = currency(len(l.currencies))
		l.places[c], l.currencies = place, append(l.currencies, c)
	}
	return place
}

// number gives an instrument's number for a portfolio, and whether it has to be priced.
func (l *instruments) number(key PortfolioKey, id market.InstrumentID, manual map[market.InstrumentID]*market.Mark) (number book.Instrument, isNew bool) {
	if mark, byHand := manual[id]; byHand {
		number = l.add(id)
		l.manual[number] = mark
		l.of[key] = append(l.of[key], number)
		if !ledger.IsOwn(id) {
			l.shares[id] = append(l.shares[id], number)
		}
		return number, true
	}
	number, ok := l.numbers[id]
	if !ok {
		number = l.add(id)
		l.numbers[id] = number
	}
	return number, !ok
}

func (l *instruments) add(id market.InstrumentID) book.Instrument {
	if n := len(l.free); n > 0 {
		number := l.free[n-1]
		l.free, l.ids[number] = l.free[:n-1], id
		return number
	}
	l.ids = append(l.ids, id)
	return book.Instrument(len(l.ids) - 1)
}

// forget lets go of what only a portfolio had.
func (l *instruments) forget(key PortfolioKey) {
	for _, number := range l.of[key] {
		id := l.ids[number]
		if l.shares[id] = without(l.shares[id], number); len(l.shares[id]) == 0 {
			delete(l.shares, id)
		}
		delete(l.manual, number)
		l.ids[number] = ""
		l.free = append(l.free, number)
	}
	delete(l.of, key)
	delete(l.splits, key)
}

func without(numbers []book.Instrument, number book.Instrument) []book.Instrument {
	for i, n := range numbers {
		if n == number {
			return append(numbers[:i], numbers[i+1:]...)
		}
	}
	return numbers
}

// mark is what a number is valued with: what its owner entered gives way to a price of the same day or a later one, as on dashboards.
func (l *instruments) mark(number book.Instrument, prices Prices) (market.Mark, bool) {
	id := l.ids[number]
	entered, byHand := l.manual[number]
	if byHand && ledger.IsOwn(id) {
		if entered == nil {
			return market.Mark{}, false
		}
		return *entered, true
	}
	mark, ok := prices.Mark(id)
	if entered != nil && (!ok || market.DateOf(mark.MarketTime.UTC()) < market.DateOf(entered.MarketTime.UTC())) {
		return *entered, true
	}
	return mark, ok
}

// prices are those of now.
func (l *instruments) prices(numbers []book.Instrument, prices Prices) []book.Price {
	out := make([]book.Price, 0, len(numbers))
	for _, number := range numbers {
		p := book.Price{Instrument: number}
		if mark, ok := l.mark(number, prices); ok && mark.Price.Sign() >= 0 {
			p.Each = &mark.Price
		}
		out = append(out, p)
	}
	return out
}

// named are the numbers of an instrument: everybody's, and those of portfolios whose owners priced it by hand.
func (l *instruments) named(id market.InstrumentID) []book.Instrument {
	numbers := l.shares[id]
	if number, ok := l.numbers[id]; ok {
		return append(slices.Clip(numbers), number)
	}
	return numbers
}

// all are the numbers that are in use, but cash.
func (l *instruments) all() []book.Instrument {
	numbers := make([]book.Instrument, 0, len(l.ids))
	for n, id := range l.ids {
		if id != "" {
			numbers = append(numbers, book.Instrument(n))
		}
	}
	return numbers
}

// splitSince says whether a portfolio holds something that was split after the day of its price.
func (l *instruments) splitSince(key PortfolioKey, prices Prices) bool {
	for _, s := range l.splits[key] {
		if mark, ok := l.mark(s.instrument, prices); ok && market.DateOf(mark.MarketTime) < s.since {
			return true
		}
	}
	return false
}

// rerate takes over the rates of now.
func (l *instruments) rerate(prices Prices) {
	clear(l.rates)
	for _, c := range l.currencies {
		if mark, ok := prices.Mark(market.RateID(c)); ok && mark.Price.Sign() > 0 {
			l.rates[c] = mark.Price
		}
	}
}
