package httpapi

import (
	"context"
	"fmt"
	"sort"

	"folioscope/internal/alert"
	"folioscope/internal/figures"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// alertPast is what a rule saw at the end of each day of a period, or what happened in it, and why that isn't known, or only in part.
func (s *Server) alertPast(ctx context.Context, rule alert.Rule, from, to market.Date) (past []alert.Observation, why string, err error) {
	c := rule.Condition
	switch c.Kind {
	case alert.Dividend, alert.ExDate, alert.Stale, alert.ImportFailed, alert.SignIn:
		return s.happenedPast(ctx, rule, from, to)
	case alert.Gain, alert.Expressed:
		past, err = s.factsPast(ctx, c, from, to)
	case alert.Price, alert.Change, alert.OffHigh:
		past, err = s.pricePast(ctx, c, from, to)
	case alert.CurrencyRate:
		past, err = s.ratePast(ctx, c, from, to)
	default:
		past, err = s.portfolioPast(ctx, c, from, to)
	}
	if err != nil {
		return nil, "", err
	}
	if len(past) == 0 {
		return nil, "There is no history of this period yet.", nil
	}
	if begin := market.DateOf(past[0].At); begin > from+exchangeShutMax {
		why = "The history begins on " + begin.String() + "."
	}
	return past, why, nil
}

// seenOn is what a rule saw at the end of a day; nil where that isn't known.
func seenOn(on market.Date, value *money.Decimal) alert.Observation {
	seen := alert.Observation{At: on.Time(), Value: value}
	if value == nil {
		seen.Missing = "Not known on that day."
	}
	return seen
}

// exchangeShutMax is how many days exchanges are shut in a row at most; that much later a history begins where it is whole.
const exchangeShutMax = 10

// pricePast looks at closes in today's units, as a rule's threshold is, with the price of now as today's.
func (s *Server) pricePast(ctx context.Context, c alert.Condition, from, to market.Date) ([]alert.Observation, error) {
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
	var out []alert.Observation
	bars := make([]market.Bar, 0, len(prices))
	for _, p := range prices {
		bars = append(bars, market.Bar{Date: p.Date, Close: p.Adjusted})
		if p.Date >= from {
			out = append(out, seenOn(p.Date, c.Observe(alert.Sight{Price: &p.Adjusted, Reference: c.Reference(p.Adjusted, p.Date, bars)}).Value))
		}
	}
	return out, nil
}

func (s *Server) ratePast(ctx context.Context, c alert.Condition, from, to market.Date) ([]alert.Observation, error) {
	pair := []money.Currency{c.Base, c.Quote}
	past, err := s.ratesOf(ctx, pair)
	if err != nil {
		return nil, err
	}
	days := map[market.Date]struct{}{}
	for _, currency := range pair {
		if series := past.Series[market.RateID(currency)]; series != nil && currency != market.RateBase {
			for _, on := range series.Dates {
				if on >= from && on <= to {
					days[on] = struct{}{}
				}
			}
		}
	}
	var out []alert.Observation
	for on := from; on <= to; on++ {
		if _, known := days[on]; !known {
			continue
		}
		out = append(out, seenOn(on, ratesOn(past, pair, on).Cross(c.Base, c.Quote)))
	}
	return out, nil
}

// portfolioPast looks at the days of the caller's own portfolio, with the prices of now for today.
func (s *Server) portfolioPast(ctx context.Context, c alert.Condition, from, to market.Date) ([]alert.Observation, error) {
	book, err := s.newestBook(ctx, callOf(ctx).user(), c.Portfolio)
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
	var out []alert.Observation
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
		out = append(out, seenOn(day.Date, c.Observe(alert.Sight{Facts: &facts}).Value))
	}
	return out, nil
}

func weightPast(book *ledger.Book, past *figures.Market, c alert.Condition, from, to market.Date) ([]alert.Observation, error) {
	days, err := figures.Weights(*book, past, figures.Part{Instrument: c.Instrument, By: c.Group.By, Key: c.Group.Name}, from, to)
	if err != nil {
		return nil, fmt.Errorf("work out past weights: %w", err)
	}
	out := make([]alert.Observation, 0, len(days))
	for _, day := range days {
		percent := day.Weight.Times(money.NewDecimal(100, 0)).Pointer()
		if percent != nil && c.Kind == alert.Drift {
			drift := percent.Sub(*c.Target).Abs()
			percent = &drift
		}
		out = append(out, seenOn(day.Date, percent))
	}
	return out, nil
}
