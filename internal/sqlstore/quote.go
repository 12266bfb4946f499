package sqlstore

import (
	"context"
	"slices"
	"time"

	"folioscope/internal/engine"
	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

const (
	// Taking the counter's row first makes writers of quotes queue, so that sequences become visible in their order and a
	// reader's cursor never passes one by.
	sqlTakeCounter = `UPDATE counters SET value = value WHERE name = $1 RETURNING value`
	sqlSetCounter  = `UPDATE counters SET value = $2 WHERE name = $1`
	sqlCounter     = `SELECT value FROM counters WHERE name = $1`
	counterQuotes  = "quotes"

	sqlNewQuotes = `INSERT INTO quotes (` + quoteColumnNames + `) VALUES `

	markColumnNames = `instrument, sequence, price, currency, source, observed_at, market_time, previous_close, previous_date, fallback,
held_price, held_source, held_observed_at, held_market_time, held_reason`
	sqlPutMarks       = `INSERT INTO marks (` + markColumnNames + `) VALUES `
	sqlPutMarksSuffix = ` ON CONFLICT (instrument) DO UPDATE SET sequence = excluded.sequence, price = excluded.price,
currency = excluded.currency, source = excluded.source, observed_at = excluded.observed_at, market_time = excluded.market_time,
previous_close = excluded.previous_close, previous_date = excluded.previous_date, fallback = excluded.fallback,
held_price = excluded.held_price, held_source = excluded.held_source, held_observed_at = excluded.held_observed_at,
held_market_time = excluded.held_market_time, held_reason = excluded.held_reason`
	sqlMarksAfter = `SELECT ` + markColumnNames + ` FROM marks WHERE sequence > $1 ORDER BY sequence`
	sqlMarksIn    = `SELECT ` + markColumnNames + ` FROM marks WHERE instrument IN (`

	quoteColumnNames = `sequence, instrument, price, currency, source, observed_at, market_time`
	sqlQuotesAfter   = `SELECT ` + quoteColumnNames + ` FROM quotes WHERE sequence > $1 ORDER BY sequence LIMIT $2`
	// Looks back through everybody's prices: an instrument that has one has one of the last round of polls.
	sqlLastQuote = `SELECT ` + quoteColumnNames + ` FROM quotes WHERE instrument = $1 AND sequence <= $2 ORDER BY sequence DESC LIMIT 1`
)

const (
	quoteColumns = 7
	markColumns  = 15
)

func markRow(m *market.Mark) ([]any, error) {
	price, currency := "", string(m.Currency)
	if !m.MarketTime.IsZero() {
		price = m.Price.String()
	}
	previous := ""
	if m.PreviousClose != nil {
		previous = m.PreviousClose.String()
	}
	var h market.HeldBack
	held := ""
	if m.HeldBack != nil {
		h = *m.HeldBack
		held = h.Price.String()
	}
	for _, d := range [...]*money.Decimal{&m.Price, m.PreviousClose, &h.Price} {
		if err := readable(d); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "a price of %s has too many digits", m.Instrument)
		}
	}
	return []any{string(m.Instrument), m.Sequence, price, currency, m.Source, stamp(m.ObservedAt), stamp(m.MarketTime), previous, int64(m.PreviousDate), m.Fallback,
		held, h.Source, stamp(h.ObservedAt), stamp(h.MarketTime), h.Reason}, nil
}

func scanMark(row scanner) (m market.Mark, err error) {
	var instrument, price, currency, previous, held string
	var observed, marketTime, previousDate, heldObserved, heldMarket int64
	var h market.HeldBack
	if err := row.Scan(&instrument, &m.Sequence, &price, &currency, &m.Source, &observed, &marketTime, &previous, &previousDate, &m.Fallback,
		&held, &h.Source, &heldObserved, &heldMarket, &h.Reason); err != nil {
		return m, err
	}
	m.Instrument, m.Currency = market.InstrumentID(instrument), money.Currency(currency)
	m.ObservedAt, m.MarketTime, m.PreviousDate = moment(observed), moment(marketTime), market.Date(previousDate)
	if price != "" {
		if m.Price, err = money.Parse(price); err != nil {
			return m, err
		}
	}
	if previous != "" {
		if m.PreviousClose, err = decimalOf([]byte(previous)); err != nil {
			return m, err
		}
	}
	if held != "" {
		if h.Price, err = money.Parse(held); err != nil {
			return m, err
		}
		h.ObservedAt, h.MarketTime = moment(heldObserved), moment(heldMarket)
		m.HeldBack = &h
	}
	return m, nil
}

// askedAgainAfter is well below market.DelayedAfter, so that what is polled never looks delayed.
const askedAgainAfter = 5 * time.Minute

// clockWrongAfter is how much later than a new mark the known one may have been asked for, which no answer is late by: beyond it the
// clock was wrong that said so.
const clockWrongAfter = 10 * time.Minute

// supersedes says whether a new mark takes the place of the one that is known. An older market time never does, a newer one
// always. At the same market time it does when it says something new, or when the known one was asked for a while ago: a price
// that is repeated stays fresh, but not each repetition is news.
func supersedes(next, known *market.Mark) bool {
	if !next.MarketTime.Equal(known.MarketTime) {
		return next.MarketTime.After(known.MarketTime)
	}
	if known.ObservedAt.Sub(next.ObservedAt) > clockWrongAfter {
		return true
	}
	if next.ObservedAt.Before(known.ObservedAt) && !next.Price.Equal(known.Price) {
		return false // a late answer: what was asked for later says otherwise
	}
	return next.ObservedAt.Sub(known.ObservedAt) >= askedAgainAfter || next.Source != known.Source || next.Currency != known.Currency || next.Fallback != known.Fallback || !next.Price.Equal(known.Price) ||
		next.PreviousDate != known.PreviousDate || !sameDecimal(next.PreviousClose, known.PreviousClose) || !sameHeld(next.HeldBack, known.HeldBack)
}

func sameDecimal(a, b *money.Decimal) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

// sameHeld leaves the time of asking out: the same price, refused again for the same reason, is no news.
func sameHeld(a, b *market.HeldBack) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Price.Equal(b.Price) && a.Source == b.Source && a.MarketTime.Equal(b.MarketTime) && a.Reason == b.Reason
}

// sameQuote says whether two marks hold one price, so that a mark which only holds another back adds no quote.
func sameQuote(a, b *market.Quote) bool {
	return a.MarketTime.Equal(b.MarketTime) && a.Source == b.Source && a.Currency == b.Currency && a.Price.Equal(b.Price)
}

// Accept stores prices that passed all checks, in one step, and gives the quotes' newest sequence and the marks that took a
// place, each with a sequence of its own. Marks of an older market time than is known are left out. A mark that holds a price
// back comes with its quote unchanged.
func (s *Store) Accept(ctx context.Context, marks []market.Mark) (sequence int64, accepted []market.Mark, err error) {
	err = s.db.write(ctx, func(q queries) error {
		var err error
		sequence, accepted, err = s.accept(ctx, q, marks)
		return err
	})
	if err != nil {
		return 0, nil, s.explain("accept prices", err)
	}
	return sequence, accepted, nil
}

// accept is Accept inside a transaction.
func (s *Store) accept(ctx context.Context, q queries, marks []market.Mark) (sequence int64, accepted []market.Mark, err error) {
	if err := q.one(ctx, sqlTakeCounter, []any{counterQuotes}, &sequence); err != nil {
		return 0, nil, err
	}
	known, err := knownMarks(ctx, q, marks)
	if err != nil {
		return 0, nil, err
	}
	var quotes []any
	newest := make(map[market.InstrumentID]*market.Mark) // one row for each, even if a batch names it twice
	for _, m := range marks {
		before, exists := known[m.Instrument]
		if exists && !supersedes(&m, &before) {
			continue
		}
		m.ObservedAt, m.MarketTime = moment(stamp(m.ObservedAt)), moment(stamp(m.MarketTime)) // what others will read
		sequence++
		m.Sequence = sequence
		if !m.MarketTime.IsZero() && !(exists && sameQuote(&m.Quote, &before.Quote)) {
			quotes = append(quotes, sequence, string(m.Instrument), m.Price.String(), string(m.Currency), m.Source, stamp(m.ObservedAt), stamp(m.MarketTime))
		}
		if err := s.quarantine(ctx, q, &m, &before); err != nil {
			return 0, nil, err
		}
		known[m.Instrument], newest[m.Instrument] = m, &m
		accepted = append(accepted, m)
	}
	if len(accepted) == 0 {
		return sequence, nil, nil
	}
	rows := make([]any, 0, len(newest)*markColumns)
	for _, m := range accepted {
		if newest[m.Instrument].Sequence != m.Sequence {
			continue
		}
		row, err := markRow(&m)
		if err != nil {
			return 0, nil, err
		}
		rows = append(rows, row...)
	}
	if err := insertRows(ctx, q, sqlNewQuotes, quoteColumns, "", quotes); err != nil {
		return 0, nil, err
	}
	if err := insertRows(ctx, q, sqlPutMarks, markColumns, sqlPutMarksSuffix, rows); err != nil {
		return 0, nil, err
	}
	_, err = q.exec(ctx, sqlSetCounter, counterQuotes, sequence)
	return sequence, accepted, err
}

func knownMarks(ctx context.Context, q queries, marks []market.Mark) (map[market.InstrumentID]market.Mark, error) {
	ids := make([]market.InstrumentID, 0, len(marks))
	for i := range marks {
		ids = append(ids, marks[i].Instrument)
	}
	return marksOf(ctx, q, ids)
}

// MarksOf gives the newest marks of some instruments; those without one are left out.
func (s *Store) MarksOf(ctx context.Context, ids []market.InstrumentID) (map[market.InstrumentID]market.Mark, error) {
	marks, err := marksOf(ctx, s.db, slices.Clone(ids))
	return marks, s.explain("read marks", err)
}

func marksOf(ctx context.Context, q queries, ids []market.InstrumentID) (map[market.InstrumentID]market.Mark, error) {
	known := make(map[market.InstrumentID]market.Mark, len(ids))
	slices.Sort(ids)
	err := inBatches(slices.Compact(ids), 1, func(list string, args []any) error {
		return q.each(ctx, sqlMarksIn+list+")", args, func(row scanner) error {
			m, err := scanMark(row)
			known[m.Instrument] = m
			return err
		})
	})
	return known, err
}

// Marks gives the marks that changed after a sequence (all after 0), in the order of their sequences, and the highest of
// these, or after where there is none.
func (s *Store) Marks(ctx context.Context, after int64) ([]market.Mark, int64, error) {
	var marks []market.Mark
	err := s.db.each(ctx, sqlMarksAfter, []any{after}, func(row scanner) error {
		m, err := scanMark(row)
		marks = append(marks, m)
		return err
	})
	if err != nil {
		return nil, 0, s.explain("read marks", err)
	}
	if n := len(marks); n > 0 {
		after = marks[n-1].Sequence
	}
	return marks, after, nil
}

// CurrentSequence is the newest sequence of the quotes' journal.
func (s *Store) CurrentSequence(ctx context.Context) (sequence int64, err error) {
	err = s.db.one(ctx, sqlCounter, []any{counterQuotes}, &sequence)
	return sequence, s.explain("read quote sequence", err)
}

// tradingDay is the day that a price belongs to: the market's, or the day in UTC where no calendar was given.
func (s *Store) tradingDay(mic string, t time.Time) market.Date {
	if s.sessions == nil {
		return market.DateOf(t.UTC())
	}
	return s.sessions.At(mic, t).Date
}

// QuotesAfter gives accepted prices after a sequence of the quotes' journal, in its order, at most so many.
func (s *Store) QuotesAfter(ctx context.Context, sequence int64, limit int) ([]engine.Quote, error) {
	var quotes []engine.Quote
	err := s.db.each(ctx, sqlQuotesAfter, []any{sequence, limit}, func(row scanner) error {
		quote, err := scanQuote(row)
		quotes = append(quotes, quote)
		return err
	})
	return quotes, s.explain("read quotes", err)
}

// LastQuote gives an instrument's last accepted price up to a sequence of the quotes' journal, nil where none is kept.
func (s *Store) LastQuote(ctx context.Context, instrument market.InstrumentID, through int64) (*engine.Quote, error) {
	var last *engine.Quote
	err := s.db.each(ctx, sqlLastQuote, []any{string(instrument), through}, func(row scanner) error {
		quote, err := scanQuote(row)
		last = &quote
		return err
	})
	return last, s.explain("read the last quote", err)
}

func scanQuote(row scanner) (quote engine.Quote, err error) {
	var instrument, price, currency string
	var observed, marketTime int64
	if err := row.Scan(&quote.Sequence, &instrument, &price, &currency, &quote.Source, &observed, &marketTime); err != nil {
		return quote, err
	}
	quote.Instrument, quote.Currency = market.InstrumentID(instrument), money.Currency(currency)
	quote.ObservedAt, quote.MarketTime = moment(observed), moment(marketTime)
	quote.Price, err = money.Parse(price)
	return quote, err
}
