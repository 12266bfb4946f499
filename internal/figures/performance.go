package figures

import (
	"fmt"
	"slices"

	"folioscope/internal/fault"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// periodDaysMax bounds what a period may span: more than any portfolio's life.
const periodDaysMax = 300 * 366

// checkPeriod gives a portfolio's period its default start, the day of the first activity.
func checkPeriod(book ledger.Book, from, to market.Date) (market.Date, error) {
	if from == market.NoDate {
		from = to
		if len(book.Activities) > 0 {
			from = min(from, book.Activities[0].Date)
		}
	}
	switch {
	case to < from:
		return from, fault.At("to", "%s is before from, %s", to, from)
	case int(to-from) >= periodDaysMax:
		return from, fault.At("from", "more than %d days before to", periodDaysMax)
	}
	return from, nil
}

// Performance is evaluate's figures of a portfolio for a period, both days whole. market.NoDate as from begins with the first
// activity; an empty method is the portfolio's own. Symbols are the instruments' symbols, accounts their ids.
func Performance(book ledger.Book, m *Market, from, to market.Date, method ledger.LotMethod) (Output, error) {
	return performance(book, m, from, to, method, nil)
}

func performance(book ledger.Book, m *Market, from, to market.Date, method ledger.LotMethod, record *trace) (Output, error) {
	from, err := checkPeriod(book, from, to)
	if err != nil {
		return Output{}, err
	}
	if method != "" && !slices.Contains(ledger.LotMethods(), method) {
		return Output{}, fault.At("lot_method", "%.40q is none of fifo, lifo, hifo, average, specific", string(method))
	}
	v := bookEvaluation(book, m, method)
	v.rules.trace = record
	out, err := v.run(period{from: from, to: to})
	if err != nil {
		return Output{}, fmt.Errorf("work out performance: %w", err)
	}
	name(&out, book)
	return out, nil
}

// name gives positions and disposals the symbols of their instruments.
func name(out *Output, book ledger.Book) {
	symbol := func(text *string, id *market.InstrumentID) {
		*id = market.InstrumentID(*text)
		if i, ok := book.Instruments[*id]; ok && i.Symbol != "" {
			*text = i.Symbol
		}
	}
	for i := range out.Positions {
		symbol(&out.Positions[i].Symbol, &out.Positions[i].Instrument)
	}
	for i := range out.Disposals {
		symbol(&out.Disposals[i].Symbol, &out.Disposals[i].Instrument)
	}
}

// Daily is the daily series of a portfolio, every calendar day of a period. It is never changed, so callers may share it.
type Daily struct {
	Problems []Problem

	days   []Day       // as decimals, or
	scaled *scaledDays // as integers, which become decimals as they are asked for
}

// Len is the number of days.
func (d *Daily) Len() int {
	if d.scaled != nil {
		return d.scaled.len()
	}
	return len(d.days)
}

// Day is the i-th day.
func (d *Daily) Day(i int) Day {
	if d.scaled == nil {
		return d.days[i]
	}
	return d.scaled.day(i)
}

// History is the daily series from a day to a day, both included; market.NoDate as from begins with the first activity. The
// book's activities must have passed ledger.Apply.
func History(book ledger.Book, m *Market, from, to market.Date) (*Daily, error) {
	from, err := checkPeriod(book, from, to)
	if err != nil {
		return nil, err
	}
	if d, ok := historyScaled(book, m, from, to); ok {
		return d, nil
	}
	return historyExact(bookEvaluation(book, m, ""), from, to)
}

// historyExact works the series out in decimals.
func historyExact(v evaluation, from, to market.Date) (*Daily, error) {
	w, _, err := v.walk(from, to, nil)
	if err != nil {
		return nil, fmt.Errorf("work out history: %w", err)
	}
	paid := money.Known(money.Zero)
	for _, f := range w.track.flows {
		if f.date < from {
			paid = paid.Add(f.in).Sub(f.out)
		}
	}
	days := daily(&w.track, w.prices, w.rates, from, to, &w.problems)
	links := chain(w.start, days, &w.problems)
	falls := drawdowns(links, from)
	d := &Daily{days: make([]Day, len(days))}
	for i, day := range days {
		paid = paid.Add(day.in).Sub(day.out)
		d.days[i] = Day{Date: day.date, Value: day.value, PaidIn: day.in, TakenOut: day.out, NetPaidIn: paid}
		if !links[i].unknown {
			rate, fall := links[i].index-1, falls.daily[i]
			d.days[i].TWR, d.days[i].Drawdown = &rate, &fall
		}
	}
	d.Problems = w.problems.list
	return d, nil
}
