package httpapi

import (
	"context"
	"fmt"
	"slices"
	"sort"

	"folioscope/internal/alert"
	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Why the past can't say what a rule would have done.
var unknownPast = map[alert.Kind]string{
	alert.Gain:         "At what cost everything was held isn't worked out for past days, so the past can't say.",
	alert.Expressed:    "An expression looks at everything at once, which isn't worked out for past days.",
	alert.Dividend:     "Dividends are told as they become known; when that was isn't kept.",
	alert.ExDate:       "Dividends are told as they become known; when that was isn't kept.",
	alert.Stale:        "When prices were stale isn't kept.",
	alert.ImportFailed: "Failed imports aren't kept.",
	alert.SignIn:       "Sign-ins of the past were looked at when they came.",
}

// alertPast is what a condition saw at the end of each day of a period, and why that isn't known, or only in part.
func (s *Server) alertPast(ctx context.Context, c alert.Condition, from, to market.Date) (values []dayValue, why string, err error) {
	if why, unknown := unknownPast[c.Kind]; unknown {
		return nil, why, nil
	}
	switch c.Kind {
	case alert.Price, alert.Change, alert.OffHigh:
		values, err = s.pricePast(ctx, c, from, to)
	case alert.CurrencyRate:
		values, err = s.ratePast(ctx, c, from, to)
	default:
		values, err = s.portfolioPast(ctx, c, from, to)
	}
	if err == nil && len(values) == 0 {
		why = "There is no history of this period yet."
	} else if err == nil && values[0].on > from+exchangeShutMax {
		why = "The history begins on " + values[0].on.String() + "."
	}
	return values, why, err
}

// exchangeShutMax is how many days exchanges are shut in a row at most; that much later a history begins where it is whole.
const exchangeShutMax = 10

// pricePast looks at closes in today's units, as a rule's threshold is, with the price of now as today's.
func (s *Server) pricePast(ctx context.Context, c alert.Condition, from, to market.Date) ([]dayValue, error) {
	i, err := s.instrument(ctx, string(c.Instrument))
	if err != nil {
		return nil, err
	}
	actions, err := s.store.Actions(ctx, []market.InstrumentID{i.ID})
	if err != nil {
		return nil, err
	}
	book := ledger.SplitBook(i, actions[i.ID])
	past, err := s.journal.Market(ctx, book)
	if err != nil {
		return nil, err
	}
	begin := max(from-market.Date(c.Days)-exchangeShutMax, market.NoDate)
	prices := figures.Draw(*book, i.ID, s.live.WithMarks(book, past).Series[i.ID], begin, to, to).Prices
	var out []dayValue
	bars := make([]market.Bar, 0, len(prices))
	for _, p := range prices {
		bars = append(bars, market.Bar{Date: p.Date, Close: p.Adjusted})
		if p.Date >= from {
			out = append(out, dayValue{p.Date, c.Observe(alert.Sight{Price: &p.Adjusted, Reference: c.Reference(p.Adjusted, p.Date, bars)}).Value})
		}
	}
	return out, nil
}

func (s *Server) ratePast(ctx context.Context, c alert.Condition, from, to market.Date) ([]dayValue, error) {
	book := &ledger.Book{Portfolio: ledger.Portfolio{BaseCurrency: c.Quote}, Activities: []ledger.Activity{{Currency: c.Base}}}
	past, err := s.journal.Market(ctx, book)
	if err != nil {
		return nil, err
	}
	past = s.live.WithMarks(book, past)
	rates, days := alert.Rates{}, map[market.Date]struct{}{}
	for _, currency := range []money.Currency{c.Base, c.Quote} {
		if series := past.Series[market.RateID(currency)]; series != nil && currency != market.RateBase {
			for _, on := range series.Dates {
				if on >= from && on <= to {
					days[on] = struct{}{}
				}
			}
		}
	}
	var out []dayValue
	for on := from; on <= to; on++ {
		if _, known := days[on]; !known {
			continue
		}
		for _, currency := range []money.Currency{c.Base, c.Quote} {
			if rate := closeOn(past.Series[market.RateID(currency)], on); rate != nil {
				rates[currency] = *rate
			}
		}
		out = append(out, dayValue{on, rates.Cross(c.Base, c.Quote)})
	}
	return out, nil
}

// closeOn is the latest close up to a day.
func closeOn(series *market.Series, on market.Date) *money.Decimal {
	if series == nil {
		return nil
	}
	at, exact := slices.BinarySearch(series.Dates, on)
	if exact {
		at++
	}
	if at == 0 {
		return nil
	}
	x := series.Close(at - 1)
	return &x
}

// portfolioPast looks at the days of the caller's own portfolio, with the prices of now for today.
func (s *Server) portfolioPast(ctx context.Context, c alert.Condition, from, to market.Date) ([]dayValue, error) {
	book, err := s.journal.Book(ctx, callOf(ctx).user(), c.Portfolio, 0)
	if err != nil {
		return nil, atField(err, "condition.portfolio_id", "This is not a portfolio of your own.")
	}
	if len(book.Activities) == 0 {
		return nil, nil
	}
	past, err := s.journal.Market(ctx, book)
	if err != nil {
		return nil, err
	}
	past = s.live.WithMarks(book, past)
	begin := max(from-market.Date(c.Days), firstDay(book, to))
	if c.Kind == alert.Weight || c.Kind == alert.Drift {
		return weightPast(book, past, c, max(from, begin), to)
	}
	daily, err := figures.History(*book, past, begin, to)
	if err != nil {
		return nil, fmt.Errorf("work out the past of a rule: %w", err)
	}
	index := alert.IndexOf(daily)
	var out []dayValue
	for i := range daily.Len() {
		day := daily.Day(i)
		if day.Date < from {
			continue
		}
		facts := alert.Facts{Value: day.Value.Pointer()}
		if day.TWR != nil { // else its index isn't known, whatever the day before's was
			known := sort.Search(len(index), func(k int) bool { return index[k].Day > day.Date })
			facts.Index = index[:known]
			facts.DayChangePercent = facts.Change(1)
		}
		out = append(out, dayValue{day.Date, c.Observe(alert.Sight{Facts: &facts}).Value})
	}
	return out, nil
}

func weightPast(book *ledger.Book, past *figures.Market, c alert.Condition, from, to market.Date) ([]dayValue, error) {
	days, err := figures.Weights(*book, past, figures.Part{Instrument: c.Instrument, By: c.Group.By, Key: c.Group.Name}, from, to)
	if err != nil {
		return nil, fmt.Errorf("work out past weights: %w", err)
	}
	out := make([]dayValue, 0, len(days))
	for _, day := range days {
		v := dayValue{on: day.Date}
		if share, known := day.Weight.Get(); known {
			percent := share.Mul(money.NewDecimal(100, 0))
			if c.Kind == alert.Drift {
				percent = percent.Sub(*c.Target).Abs()
			}
			v.value = &percent
		}
		out = append(out, v)
	}
	return out, nil
}
