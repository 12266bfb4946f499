package figures

import (
	"fmt"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// walked is a portfolio at the end of a period, with all that its walk kept of the days before.
type walked struct {
	*bookkeeper
	from, to market.Date
	start    money.Maybe // worth at the end of the day before the period
}

// walk takes the activities up to the end of a period; rest are those after it. listen, where somebody does, hears of income.
func (v evaluation) walk(from, to market.Date, listen func(earned)) (w walked, rest []entry, err error) {
	w = walked{bookkeeper: newBookkeeper(v.rules, v.rates, v.prices, v.currency), from: from, to: to}
	w.listen = listen
	i := 0
	for ; i < len(v.entries) && v.entries[i].Date < from; i++ {
		if err := w.apply(v.entries[i]); err != nil {
			return w, nil, err
		}
	}
	w.start = w.begin(from - 1)
	w.disposals = make([]Disposal, 0, disposing(v.entries[i:], to))
	for ; i < len(v.entries) && v.entries[i].Date <= to; i++ {
		if err := w.apply(v.entries[i]); err != nil {
			return w, nil, err
		}
	}
	return w, v.entries[i:], nil
}

// disposing is how many activities up to a day dispose of something, but for covers and actions.
func disposing(entries []entry, to market.Date) (count int) {
	for _, e := range entries {
		if e.Date > to {
			break
		}
		if e.Type == ledger.Sell || e.Type == ledger.DeliverOut {
			count++
		}
	}
	return count
}

// walkBook walks a portfolio's activities as evaluate does. market.NoDate as from begins with the first activity. The book's
// activities must have passed ledger.Apply.
func walkBook(book ledger.Book, m *Market, from, to market.Date, listen func(earned)) (walked, error) {
	from, err := checkPeriod(book, from, to)
	if err != nil {
		return walked{}, err
	}
	w, _, err := bookEvaluation(book, m, "").walk(from, to, listen)
	if err != nil {
		return w, fmt.Errorf("walk portfolio: %w", err)
	}
	return w, nil
}

// gapsFound is found with the stretches that were valued at old prices.
func (w walked) gapsFound() []Problem {
	w.problems.addGaps(w.gaps(w.from, w.to))
	return w.found()
}

// found is the problems of a walk, never nil.
func (w walked) found() []Problem {
	if w.problems.list == nil {
		return []Problem{}
	}
	return w.problems.list
}
