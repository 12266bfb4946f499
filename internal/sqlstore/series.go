package sqlstore

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

const (
	// Making the row, or touching it where it exists, takes it: of two that merge into one year the second sees the first's.
	sqlTakeYear = `INSERT INTO bars (instrument, year, body) VALUES ($1, $2, $3)
ON CONFLICT (instrument, year) DO UPDATE SET body = bars.body RETURNING body`
	sqlPutYears       = `INSERT INTO bars (instrument, year, body) VALUES `
	sqlPutYearsSuffix = ` ON CONFLICT (instrument, year) DO UPDATE SET body = excluded.body`
	sqlYears          = `SELECT year, body FROM bars WHERE instrument = $1 AND year >= $2 AND year <= $3 ORDER BY year`
	sqlHasYears       = `SELECT COUNT(*) FROM bars WHERE instrument = $1`
	sqlCurrencyOf     = `SELECT currency FROM instruments WHERE id = $1`

	sqlQuotesBefore = `SELECT sequence, instrument, price, market_time, observed_at FROM quotes WHERE sequence > $1 ORDER BY sequence LIMIT $2`
	sqlMarkets      = `SELECT id, mic FROM instruments`
	sqlDropQuotes   = `DELETE FROM quotes WHERE sequence > $1 AND sequence <= $2`
	sqlFirstQuote   = `SELECT COALESCE(MIN(sequence), 0) FROM quotes`
)

const yearColumns = 3

// emptyYear is a year without bars.
func emptyYear() []byte { return []byte{barsScaled, 0, 0} }

// byYear splits bars that rise by date.
func byYear(bars []market.Bar) map[int][]market.Bar {
	years := make(map[int][]market.Bar)
	for _, b := range bars {
		year := b.Date.Year()
		years[year] = append(years[year], b)
	}
	return years
}

// tidyBars sorts bars and keeps the last of each day.
func tidyBars(bars []market.Bar) []market.Bar {
	sorted := slices.Clone(bars)
	slices.SortStableFunc(sorted, func(a, b market.Bar) int { return int(a.Date) - int(b.Date) })
	out := sorted[:0]
	for _, b := range sorted {
		if n := len(out); n > 0 && out[n-1].Date == b.Date {
			out[n-1] = b
			continue
		}
		out = append(out, b)
	}
	return out
}

// mergeBars joins two lists that rise by date; of one day the later list's bar counts.
func mergeBars(first, second []market.Bar) []market.Bar {
	return tidyBars(slices.Concat(first, second))
}

// PutBars adds closes to an instrument's history. Of a day that is known the new close counts.
func (s *Store) PutBars(ctx context.Context, id market.InstrumentID, bars []market.Bar) error {
	return s.explain("put bars", s.putBars(ctx, id, bars, true))
}

// putBars merges bars into an instrument's history; replace says whose close of a known day counts.
func (s *Store) putBars(ctx context.Context, id market.InstrumentID, bars []market.Bar, replace bool) error {
	return s.db.write(ctx, func(q queries) error {
		news, err := mergeYears(ctx, q, id, tidyBars(bars), replace)
		if err != nil || !news {
			return err
		}
		return noteChanged(ctx, q, []market.InstrumentID{id})
	})
}

// mergeYears merges bars into the years that they belong to, and says whether any of them is another then.
func mergeYears(ctx context.Context, q queries, id market.InstrumentID, bars []market.Bar, replace bool) (news bool, err error) {
	years := byYear(bars)
	order := make([]int, 0, len(years))
	for year := range years {
		order = append(order, year)
	}
	slices.Sort(order) // one order everywhere, so that no two transactions wait for each other
	for _, year := range order {
		var data []byte
		if err := q.one(ctx, sqlTakeYear, []any{string(id), year, emptyYear()}, &data); err != nil {
			return false, err
		}
		known, err := unpackBars(year, data)
		if err != nil {
			return false, fmt.Errorf("bars of %s in %d: %w", id, year, err)
		}
		merged := mergeBars(known.bars(), years[year])
		if !replace {
			merged = mergeBars(years[year], known.bars())
		}
		body, err := packBars(year, merged)
		if err != nil {
			return false, err
		}
		if bytes.Equal(body, data) {
			continue
		}
		news = true
		if err := insertRows(ctx, q, sqlPutYears, yearColumns, sqlPutYearsSuffix, []any{string(id), year, body}); err != nil {
			return false, err
		}
	}
	return news, nil
}

// PutSeries adds many instruments' histories at once, as PutBars does with one.
func (s *Store) PutSeries(ctx context.Context, all []market.Series) error {
	ctx, cancel := bounded(ctx, bulkWaitMax)
	defer cancel()
	err := s.db.write(ctx, func(q queries) error {
		var rows []any
		var changed []market.InstrumentID
		fresh := make(map[market.InstrumentID]bool)
		for i := range all {
			series := &all[i]
			bars := make([]market.Bar, series.Len())
			for j := range bars {
				bars[j] = market.Bar{Date: series.Dates[j], Close: series.Close(j)}
			}
			var years int64
			if err := q.one(ctx, sqlHasYears, []any{string(series.Instrument)}, &years); err != nil {
				return err
			}
			if years > 0 || fresh[series.Instrument] {
				if err := insertRows(ctx, q, sqlPutYears, yearColumns, sqlPutYearsSuffix, rows); err != nil {
					return err
				}
				rows = nil
				news, err := mergeYears(ctx, q, series.Instrument, tidyBars(bars), true)
				if err != nil {
					return err
				}
				if news {
					changed = append(changed, series.Instrument)
				}
				continue
			}
			fresh[series.Instrument] = true
			changed = append(changed, series.Instrument)
			for year, some := range byYear(tidyBars(bars)) {
				data, err := packBars(year, some)
				if err != nil {
					return fmt.Errorf("%s: %w", series.Instrument, err)
				}
				rows = append(rows, string(series.Instrument), year, data)
			}
		}
		if err := insertRows(ctx, q, sqlPutYears, yearColumns, sqlPutYearsSuffix, rows); err != nil {
			return err
		}
		return noteChanged(ctx, q, changed)
	})
	return s.explain("put series", err)
}

// Series reads the raw closes from one day to another, both included; market.NoDate as from is the beginning.
func (s *Store) Series(ctx context.Context, id market.InstrumentID, from, to market.Date) (market.Series, error) {
	var years []packed
	var currency string
	err := s.db.read(ctx, func(q queries) error {
		years = nil
		if err := q.one(ctx, sqlCurrencyOf, []any{string(id)}, &currency); noRow(err) {
			if c, ok := rateCurrency(id); ok {
				currency = string(c)
			} else {
				return fault.New(fault.NotFound, "there is no such instrument")
			}
		} else if err != nil {
			return err
		}
		return q.each(ctx, sqlYears, []any{string(id), yearOf(from), yearOf(to)}, func(row scanner) error {
			var year int
			var data []byte
			if err := row.Scan(&year, &data); err != nil {
				return err
			}
			y, err := unpackBars(year, data)
			years = append(years, y)
			if err != nil {
				return fmt.Errorf("bars of %s in %d: %w", id, year, err)
			}
			return nil
		})
	})
	if err != nil {
		return market.Series{}, s.explain("read series", err)
	}
	return joinYears(id, money.Currency(currency), years, from, to), nil
}

// rateCurrency is the currency whose rate an id names.
func rateCurrency(id market.InstrumentID) (money.Currency, bool) {
	prefix := string(market.RateID(""))
	if len(id) <= len(prefix) || string(id[:len(prefix)]) != prefix {
		return "", false
	}
	return money.Currency(id[len(prefix):]), true
}

// yearOf is the year of a day, within the years that any day has.
func yearOf(d market.Date) int {
	const first, last = -10_000, 10_000
	if d == market.NoDate {
		return first
	}
	return max(first, min(d.Year(), last))
}

// FoldQuotes makes daily bars of the quotes that were observed before a time, the last of each trading day, and forgets these
// quotes; n says how many. A day that has a bar keeps it: a provider's close is better than our last look. Days that were not
// over at that time wait for the next call. Everything is done in steps that may be done again.
func (s *Store) FoldQuotes(ctx context.Context, before time.Time) (n int, err error) {
	ctx, cancel := bounded(ctx, bulkWaitMax)
	defer cancel()
	closes, first, last, err := s.closesBefore(ctx, before)
	if err != nil {
		return 0, s.explain("fold quotes", err)
	}
	for id, days := range closes {
		bars := make([]market.Bar, 0, len(days))
		for day, c := range days {
			bars = append(bars, market.Bar{Date: day, Close: c.price})
		}
		if err := s.putBars(ctx, id, bars, false); err != nil {
			return 0, s.explain("fold quotes", err)
		}
	}
	for first < last { // some at a time, so that nobody waits long
		const step = 20_000
		end := min(first+step, last)
		dropped, err := s.db.exec(ctx, sqlDropQuotes, first, end)
		if err != nil {
			return n, s.explain("fold quotes", err)
		}
		n += int(dropped)
		first = end
	}
	return n, nil
}

// dayClose is the last price of a day so far.
type dayClose struct {
	price money.Decimal
	at    int64
}

// closesBefore reads the closes of all days that were over, and the sequences (first, last] that hold nothing else.
func (s *Store) closesBefore(ctx context.Context, before time.Time) (closes map[market.InstrumentID]map[market.Date]dayClose, first, last int64, err error) {
	const page = 5000 // rows; under a megabyte
	closes = make(map[market.InstrumentID]map[market.Date]dayClose)
	mics := make(map[string]string)
	if err := s.db.each(ctx, sqlMarkets, nil, func(row scanner) error {
		var id, mic string
		err := row.Scan(&id, &mic)
		mics[id] = mic
		return err
	}); err != nil {
		return nil, 0, 0, err
	}
	if err := s.db.one(ctx, sqlFirstQuote, nil, &first); err != nil || first == 0 {
		return nil, 0, 0, err
	}
	first--
	last = first
	for reached, kept, done := first, false, false; !done; {
		rows := 0
		err := s.db.each(ctx, sqlQuotesBefore, []any{reached, page}, func(row scanner) error {
			var id, price string
			var marketTime, observed int64
			if err := row.Scan(&reached, &id, &price, &marketTime, &observed); err != nil {
				return err
			}
			rows++
			if done = done || observed >= stamp(before); done {
				return nil
			}
			day := s.tradingDay(mics[id], moment(marketTime))
			if day >= s.tradingDay(mics[id], before) {
				kept = true // the day goes on: neither this quote nor any after it is forgotten yet
				return nil
			}
			if !kept {
				last = reached
			}
			if closes[market.InstrumentID(id)] == nil {
				closes[market.InstrumentID(id)] = make(map[market.Date]dayClose)
			}
			days := closes[market.InstrumentID(id)]
			if known, ok := days[day]; ok && known.at > marketTime {
				return nil
			}
			parsed, err := money.Parse(price)
			days[day] = dayClose{price: parsed, at: marketTime}
			return err
		})
		if err != nil {
			return nil, 0, 0, err
		}
		done = done || rows < page
	}
	return closes, first, last, nil
}
