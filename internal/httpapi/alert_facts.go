package httpapi

import (
	"context"
	"fmt"
	"slices"

	"folioscope/internal/alert"
	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// factsPast looks at the facts of each day, as the engine does at those of now: what was held by the book of that day, at its closes and
// rates. A day's change is that since the close before; where nothing was traded there is none.
func (s *Server) factsPast(ctx context.Context, c alert.Condition, from, to market.Date) (past []alert.Observation, err error) {
	var expression *alert.Expression
	var rates []money.Currency
	if c.Kind == alert.Expressed {
		if expression, err = alert.Compile(c.Expression); err != nil {
			return nil, err
		}
		rates = expression.Rates()
	}
	book, err := s.newestBook(ctx, callOf(ctx).user(), c.Portfolio)
	if err != nil {
		return nil, atField(err, "condition.portfolio_id", "This is not a portfolio of your own.")
	}
	if len(book.Activities) == 0 {
		return nil, nil
	}
	closes, err := s.journal.Market(ctx, book)
	if err != nil {
		return nil, err
	}
	closes = s.live.WithMarks(book, closes)
	crossed, err := s.ratesOf(ctx, rates)
	if err != nil {
		return nil, err
	}
	err = figures.HoldDaily(*book, closes, max(from, firstDay(book, to)), to, func(on market.Date, h *figures.Holdings) error {
		valued := h.Value(marksOn(closes, h.Marks(), on), on, nil)
		facts := alert.NewFacts(&book.Portfolio, book.Instruments, &valued, nil, func(market.InstrumentID) market.State { return market.StateClosed })
		facts.Rates = ratesOn(crossed, rates, on)
		seen := c.Observe(alert.Sight{Facts: facts, Expression: expression})
		seen.At = on.Time()
		past = append(past, seen)
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("work out the past of a rule: %w", err)
	}
	return past, nil
}

// marksOn are the closes of a day as marks, with the ones before: the last ones where the day has none.
func marksOn(closes *figures.Market, ids []market.InstrumentID, on market.Date) figures.Quotes {
	quotes := make(figures.Quotes, len(ids))
	for _, id := range ids {
		series := closes.Series[id]
		at := closedBy(series, on)
		if at < 0 {
			continue
		}
		mark := market.Mark{
			Quote:        market.Quote{Instrument: id, Price: series.Close(at), Currency: series.Currency, MarketTime: series.Dates[at].Time()},
			PreviousDate: market.NoDate,
		}
		if at > 0 {
			before := series.Close(at - 1)
			mark.PreviousClose, mark.PreviousDate = &before, series.Dates[at-1]
		}
		quotes[id] = mark
	}
	return quotes
}

// ratesOf are the pasts of currencies, whoever holds them.
func (s *Server) ratesOf(ctx context.Context, currencies []money.Currency) (*figures.Market, error) {
	book := &ledger.Book{Portfolio: ledger.Portfolio{BaseCurrency: market.RateBase}}
	for _, currency := range currencies {
		book.Activities = append(book.Activities, ledger.Activity{Currency: currency})
	}
	past, err := s.journal.Market(ctx, book)
	if err != nil {
		return nil, err
	}
	return s.live.WithMarks(book, past), nil
}

// ratesOn are the rates of a day, the last ones where it has none.
func ratesOn(past *figures.Market, currencies []money.Currency, on market.Date) alert.Rates {
	rates := make(alert.Rates, len(currencies))
	for _, currency := range currencies {
		series := past.Series[market.RateID(currency)]
		if at := closedBy(series, on); at >= 0 {
			rates[currency] = series.Close(at)
		}
	}
	return rates
}

// closedBy is the place of the latest close up to a day; −1 where there is none.
func closedBy(series *market.Series, on market.Date) int {
	if series == nil {
		return -1
	}
	at, exact := slices.BinarySearch(series.Dates, on)
	if exact {
		return at
	}
	return at - 1
}
