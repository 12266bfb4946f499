package app

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"folioscope/internal/figures"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/live"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/notify"
	"folioscope/internal/sqlstore"
)

// digester works out digests from the journal's books at the latest marks.
type digester struct {
	store  *sqlstore.Store
	record *journal.Journal
	live   *live.Hub
}

// Days of a digest and of the line in it, today included.
const (
	dayDigestDays  = 2 // in the morning the day before is what there is to tell
	weekDigestDays = 7
	dayLineDays    = 30
	weekLineDays   = 91
)

// Digest implements notify.Digester.
func (d digester) Digest(ctx context.Context, owner ledger.OwnerID, every notify.DigestEvery, now time.Time) (notify.Digest, error) {
	out := notify.Digest{Every: every}
	days, lineDays := market.Date(dayDigestDays), market.Date(dayLineDays)
	if every == notify.DigestWeekly {
		days, lineDays = weekDigestDays, weekLineDays
	}
	all, err := d.store.Portfolios(ctx, owner)
	if err != nil {
		return out, err
	}
	today := market.DateOf(now.UTC())
	for _, p := range all {
		if p.Closed {
			continue
		}
		one, ok, err := d.portfolio(ctx, p, today, days, lineDays)
		if err != nil {
			return out, err
		}
		if ok {
			out.Portfolios = append(out.Portfolios, one)
		}
	}
	since := now.AddDate(0, 0, -1)
	if every == notify.DigestWeekly {
		since = now.AddDate(0, 0, -7)
	}
	out.Fired, err = d.store.AlertsTold(ctx, owner, since)
	return out, err
}

// portfolio is how one did; not ok where nothing was ever recorded in it.
func (d digester) portfolio(ctx context.Context, p ledger.Portfolio, today, days, lineDays market.Date) (out notify.DigestPortfolio, ok bool, err error) {
	book, err := d.record.Book(ctx, p.Owner, p.ID, p.Sequence)
	if err != nil || len(book.Activities) == 0 {
		return out, false, err
	}
	past, err := d.record.Market(ctx, book)
	if err != nil {
		return out, false, err
	}
	past = d.live.WithMarks(book, past)
	first := min(book.Activities[0].Date, today)
	from := max(today-days+1, first)
	profit, err := figures.Contributions(*book, past, from, today)
	if err != nil {
		return out, false, fmt.Errorf("work out a profit: %w", err)
	}
	period, err := figures.History(*book, past, from, today)
	if err != nil {
		return out, false, fmt.Errorf("work out a return: %w", err)
	}
	line, err := figures.History(*book, past, max(today-lineDays+1, first), today)
	if err != nil {
		return out, false, fmt.Errorf("work out a line: %w", err)
	}
	last := period.Day(period.Len() - 1)
	out = notify.DigestPortfolio{Name: p.Name, Currency: string(p.BaseCurrency), Value: last.Value.Pointer(), Change: profit.Profit.Pointer(), Percent: percentOf(last.TWR), Line: lineOf(line)}
	for _, item := range profit.Items {
		if amount, known := item.Profit.Get(); known && !amount.IsZero() {
			out.Movers = append(out.Movers, notify.DigestMover{Name: book.Instruments[item.Instrument].Name, Change: amount})
		}
	}
	return out, true, nil
}

// percentOf is a share in percent, nil where it isn't known.
func percentOf(share *float64) *money.Decimal {
	if share == nil {
		return nil
	}
	const places = 4
	percent, err := money.Parse(strconv.FormatFloat(*share*100, 'f', places, 64))
	if err != nil {
		return nil // not a number: there was nothing to have a return of
	}
	return &percent
}

// lineOf is the value by day as it is drawn, in shares of the largest; days whose value isn't known are left out.
func lineOf(daily *figures.Daily) []float64 {
	var values []float64
	most := 0.0
	for i := range daily.Len() {
		if value, ok := daily.Day(i).Value.Get(); ok {
			values = append(values, value.Float64())
			most = max(most, value.Float64())
		}
	}
	if most <= 0 {
		return nil
	}
	for i := range values {
		values[i] /= most
	}
	return values
}
