package httpapi

import (
	"context"
	"fmt"
	"slices"
	"strconv"

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
	book := &ledger.Book{Portfolio: ledger.Portfolio{BaseCurrency: i.Currency}, Instruments: map[market.InstrumentID]market.Instrument{i.ID: i}}
	for _, a := range actions[i.ID] {
		if a.Kind == market.ActionSplit {
			book.Activities = append(book.Activities, ledger.Activity{Type: ledger.Split, Date: a.Date, Instrument: i.ID, Ratio: &ledger.Ratio{New: a.New, Old: a.Old}})
		}
	}
	past, err := s.journal.Market(ctx, book)
	if err != nil {
		return nil, err
	}
	begin := max(from-market.Date(c.Days)-exchangeShutMax, market.NoDate)
	prices := figures.Draw(*book, i.ID, s.live.WithMarks(book, past).Series[i.ID], begin, to, to).Prices
	var out []dayValue
	for k, p := range prices {
		if p.Date >= from {
			out = append(out, dayValue{p.Date, ofPrice(c, prices[:k+1])})
		}
	}
	return out, nil
}

// ofPrice is what a condition looks at on the last of some days.
func ofPrice(c alert.Condition, prices []figures.DrawnPrice) *money.Decimal {
	now := prices[len(prices)-1]
	then := now.Adjusted
	switch c.Kind {
	case alert.Price:
		return &now.Adjusted
	case alert.Change:
		earlier := now.Date - market.Date(c.Days)
		at, exact := slices.BinarySearchFunc(prices, earlier, func(p figures.DrawnPrice, on market.Date) int { return int(p.Date - on) })
		if c.Days == 1 {
			at = len(prices) - 1 // the previous close, however long ago
		} else if exact {
			at++
		}
		if at == 0 {
			return nil
		}
		return percentOver(now.Adjusted, prices[at-1].Adjusted)
	}
	for _, p := range slices.Backward(prices) {
		if p.Date <= now.Date-market.Date(c.Days) {
			break
		}
		if p.Adjusted.Cmp(then) > 0 {
			then = p.Adjusted
		}
	}
	fall := percentOver(now.Adjusted, then)
	if fall == nil {
		return nil
	}
	under := fall.Neg()
	return &under
}

// percentOver is by how many percent a number is more than another; nil where that is nothing to be compared with.
func percentOver(now, then money.Decimal) *money.Decimal {
	if then.Sign() <= 0 {
		return nil
	}
	x := now.Sub(then).Mul(money.NewDecimal(100, 0)).Quo(then)
	return &x
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
	var out []dayValue
	for i := range daily.Len() {
		if on := daily.Day(i).Date; on >= from {
			out = append(out, dayValue{on, ofPortfolio(c, daily, i)})
		}
	}
	return out, nil
}

// ofPortfolio is what a condition looks at on the i-th day.
func ofPortfolio(c alert.Condition, daily *figures.Daily, i int) *money.Decimal {
	switch c.Kind {
	case alert.Value:
		return daily.Day(i).Value.Pointer()
	case alert.PortfolioChange:
		if i < c.Days {
			return nil
		}
		return overIndex(daily.Day(i).TWR, daily.Day(i-c.Days).TWR)
	}
	now := daily.Day(i).TWR
	peak := now
	for k := max(0, i-c.Days+1); k < i; k++ {
		if then := daily.Day(k).TWR; then != nil && peak != nil && *then > *peak {
			peak = then
		}
	}
	fall := overIndex(now, peak)
	if fall == nil {
		return nil
	}
	under := fall.Neg()
	return &under
}

// overIndex is by how many percent one time-weighted return is above another.
func overIndex(now, then *float64) *money.Decimal {
	if now == nil || then == nil || *then <= -1 {
		return nil
	}
	x, err := money.Parse(strconv.FormatFloat(((1+*now)/(1+*then)-1)*100, 'f', quotientPlaces, 64))
	if err != nil {
		return nil // not a finite number: nothing that a threshold could be held against
	}
	return &x
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
