package sqlstore

import (
	"context"

	"folioscope/internal/market"
)

const (
	sqlOverrides   = `SELECT mic, day, closed, opens, closes, note FROM calendar_overrides ORDER BY mic, day`
	sqlPutOverride = `INSERT INTO calendar_overrides (mic, day, closed, opens, closes, note) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (mic, day) DO UPDATE SET closed = excluded.closed, opens = excluded.opens, closes = excluded.closes, note = excluded.note`
	sqlDeleteOverride = `DELETE FROM calendar_overrides WHERE mic = $1 AND day = $2`
)

// CalendarOverrides gives what administrators say of markets' days instead of the calendar, by market and day.
func (s *Store) CalendarOverrides(ctx context.Context) ([]market.Override, error) {
	var all []market.Override
	err := s.db.each(ctx, sqlOverrides, nil, func(row scanner) error {
		var o market.Override
		var day int64
		err := row.Scan(&o.MIC, &day, &o.Closed, &o.Opens, &o.Closes, &o.Note)
		o.Day = market.Date(day)
		all = append(all, o)
		return err
	})
	return all, s.explain("read the calendar's overrides", err)
}

// PutCalendarOverride keeps an override, in the place of one of the same day; fault.Invalid where it makes no sense.
func (s *Store) PutCalendarOverride(ctx context.Context, o market.Override, write Write) error {
	if err := o.Check(); err != nil {
		return err
	}
	return s.explain("keep an override of the calendar", s.db.write(ctx, func(q queries) error {
		if _, err := q.exec(ctx, sqlPutOverride, o.MIC, int64(o.Day), o.Closed, o.Opens, o.Closes, o.Note); err != nil {
			return err
		}
		return s.record(ctx, q, "", write)
	}))
}

// DeleteCalendarOverride takes an override back; there need be none.
func (s *Store) DeleteCalendarOverride(ctx context.Context, mic string, day market.Date, write Write) error {
	return s.explain("take back an override of the calendar", s.db.write(ctx, func(q queries) error {
		if _, err := q.exec(ctx, sqlDeleteOverride, mic, int64(day)); err != nil {
			return err
		}
		return s.record(ctx, q, "", write)
	}))
}
