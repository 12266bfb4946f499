package figures

import (
	"fmt"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// rateSource gives base units for 1 unit of a currency on a day: the last one known by then, never a later one, never a guess.
type rateSource interface {
	rate(currency money.Currency, on market.Date) money.Maybe
	// quoted are the series that a currency's rate comes from, none for the base.
	quoted(currency money.Currency) []*market.Series
}

// caseRates are the rates of a case: base units for 1 unit, per currency.
type caseRates struct {
	base   money.Currency
	series map[money.Currency]*market.Series
}

func (r *caseRates) rate(currency money.Currency, on market.Date) money.Maybe {
	if currency == r.base {
		return money.Known(money.One)
	}
	series := r.series[currency]
	if series == nil {
		return money.Unknown
	}
	rate, _, ok := series.At(on)
	if !ok {
		return money.Unknown
	}
	return money.Known(rate)
}

func (r *caseRates) quoted(currency money.Currency) []*market.Series {
	if series := r.series[currency]; series != nil && currency != r.base {
		return []*market.Series{series}
	}
	return nil
}

// crossRates are the rates of a market, each quoted against market.RateBase: the rate of c is units of the base for 1 EUR by
// units of c for 1 EUR, to 34 digits. It remembers the last quotient of each currency, so it belongs to one caller.
type crossRates struct {
	base   money.Currency
	market *Market
	last   map[money.Currency]crossed
}

type crossed struct {
	base, currency int // indices into the two series, −1 for the rate base itself
	rate           money.Decimal
}

func newCrossRates(base money.Currency, m *Market) *crossRates {
	return &crossRates{base: base, market: m, last: map[money.Currency]crossed{}}
}

func (r *crossRates) rate(currency money.Currency, on market.Date) money.Maybe {
	if currency == r.base {
		return money.Known(money.One)
	}
	baseIndex, ok := r.index(r.base, on)
	if !ok {
		return money.Unknown
	}
	index, ok := r.index(currency, on)
	if !ok {
		return money.Unknown
	}
	if last, ok := r.last[currency]; ok && last.base == baseIndex && last.currency == index {
		return money.Known(last.rate)
	}
	rate, ok := r.cross(r.close(r.base, baseIndex), r.close(currency, index))
	if !ok {
		return money.Unknown
	}
	r.last[currency] = crossed{base: baseIndex, currency: index, rate: rate}
	return money.Known(rate)
}

// cross is base units for 1 unit of a currency from what 1 EUR is in both.
func (r *crossRates) cross(base, currency money.Decimal) (money.Decimal, bool) {
	if base.Sign() <= 0 || currency.Sign() <= 0 {
		return money.Decimal{}, false
	}
	return base.Quo(currency), true
}

func (r *crossRates) index(currency money.Currency, on market.Date) (int, bool) {
	if currency == market.RateBase {
		return -1, true
	}
	series := r.series(currency)
	if series == nil {
		return 0, false
	}
	i := series.IndexAt(on)
	return i, i >= 0
}

func (r *crossRates) close(currency money.Currency, index int) money.Decimal {
	if index < 0 {
		return money.One
	}
	return r.series(currency).Close(index)
}

func (r *crossRates) series(currency money.Currency) *market.Series {
	if r.market == nil {
		return nil
	}
	return r.market.Series[market.RateID(currency)]
}

func (r *crossRates) quoted(currency money.Currency) []*market.Series {
	if currency == r.base {
		return nil
	}
	var all []*market.Series
	for _, c := range [...]money.Currency{currency, r.base} {
		if series := r.series(c); series != nil && c != market.RateBase {
			all = append(all, series)
		}
	}
	return all
}

// splitOn is one split of an instrument; a close dated on its day is after it.
type splitOn struct {
	date  market.Date
	ratio ledger.Ratio
	index int // of its activity in the input: activities of one day happened in this order
}

// priceBook gives raw prices as they would read on a later day: carried past a split, they are divided by its ratio.
type priceBook struct {
	series map[market.InstrumentID]*market.Series
	splits map[market.InstrumentID][]splitOn // rising by date
}

// newPriceBook collects the splits of activities, which must be in order. A split booked for each account apart is one split.
func newPriceBook(series map[market.InstrumentID]*market.Series, entries []entry) *priceBook {
	book := &priceBook{series: series, splits: map[market.InstrumentID][]splitOn{}}
	type day struct {
		instrument market.InstrumentID
		date       market.Date
	}
	var accounts map[day]ledger.AccountID // whose splits of a day count
	for _, e := range entries {
		if e.Type != ledger.Split || e.Ratio == nil {
			continue
		}
		if accounts == nil {
			accounts = map[day]ledger.AccountID{}
		}
		key := day{e.Instrument, e.Date}
		if first, seen := accounts[key]; seen && first != e.Account {
			continue
		}
		accounts[key] = e.Account
		book.splits[e.Instrument] = append(book.splits[e.Instrument], splitOn{e.Date, *e.Ratio, e.index})
	}
	return book
}

// at is the last close at or before a day as it reads on that day, with the day it was made.
func (b *priceBook) at(id market.InstrumentID, on market.Date) (price money.Maybe, made market.Date) {
	series := b.series[id]
	if series == nil {
		return money.Unknown, market.NoDate
	}
	raw, made, ok := series.At(on)
	if !ok {
		return money.Unknown, market.NoDate
	}
	return money.Known(b.carried(id, raw, made, on)), made
}

// carried is a raw price as it reads on a later day.
func (b *priceBook) carried(id market.InstrumentID, price money.Decimal, made, on market.Date) money.Decimal {
	return carriedPast(b.splits[id], price, made, on)
}

// carriedPast is a raw price of one day as it reads on a later one: divided by the ratio of every split in between.
func carriedPast(splits []splitOn, price money.Decimal, made, on market.Date) money.Decimal {
	for _, s := range splits {
		if s.date > made && s.date <= on {
			price = s.ratio.Unapply(price)
		}
	}
	return price
}

// problems collects what can't be known, each thing once.
type problems struct {
	list []Problem
	seen map[Problem]struct{}
}

const problemsMax = 1000 // more than anybody reads; the figures stay unknown all the same

func (p *problems) add(where, format string, args ...any) {
	problem := Problem{Where: where, What: fmt.Sprintf(format, args...)}
	if _, ok := p.seen[problem]; ok || len(p.list) >= problemsMax {
		return
	}
	if p.seen == nil {
		p.seen = map[Problem]struct{}{}
	}
	p.seen[problem] = struct{}{}
	p.list = append(p.list, problem)
}
