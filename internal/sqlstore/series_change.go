package sqlstore

import (
	"context"
	"slices"

	"folioscope/internal/market"
)

const (
	counterCloses       = "closes"
	sqlPutChanged       = `INSERT INTO series_changes (instrument, sequence) VALUES `
	sqlPutChangedSuffix = ` ON CONFLICT (instrument) DO UPDATE SET sequence = excluded.sequence`
	sqlChangedAfter     = `SELECT instrument, sequence FROM series_changes WHERE sequence > $1 ORDER BY sequence LIMIT $2`
	seriesChangeColumns = 2
	seriesChangesPage   = 5000 // rows of one read; under a megabyte
)

// noteChanged gives each of some instruments the next number, at the end of the transaction that changed their closes: taking the counter's
// row makes writers queue until they have committed, so that numbers become visible in their order and no reader's cursor passes one by.
func noteChanged(ctx context.Context, q queries, ids []market.InstrumentID) error {
	if len(ids) == 0 {
		return nil
	}
	var sequence int64
	if err := q.one(ctx, sqlTakeCounter, []any{counterCloses}, &sequence); err != nil {
		return err
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	rows := make([]any, 0, seriesChangeColumns*len(ids))
	for _, id := range ids {
		sequence++
		rows = append(rows, string(id), sequence)
	}
	if err := insertRows(ctx, q, sqlPutChanged, seriesChangeColumns, sqlPutChangedSuffix, rows); err != nil {
		return err
	}
	_, err := q.exec(ctx, sqlSetCounter, counterCloses, sequence)
	return err
}

// SeriesChanges gives the instruments whose closes changed after a sequence, each with the newest of its changes, and the newest of all; below
// 0 it is the newest alone, for who begins.
func (s *Store) SeriesChanges(ctx context.Context, after int64) (changed map[market.InstrumentID]int64, newest int64, err error) {
	if after < 0 {
		err := s.db.one(ctx, sqlCounter, []any{counterCloses}, &newest)
		return nil, newest, s.explain("read the sequence of closes", err)
	}
	changed, newest = make(map[market.InstrumentID]int64), after
	for rows := seriesChangesPage; rows == seriesChangesPage; {
		rows = 0
		err := s.db.each(ctx, sqlChangedAfter, []any{newest, seriesChangesPage}, func(row scanner) error {
			var id string
			err := row.Scan(&id, &newest)
			changed[market.InstrumentID(id)] = newest
			rows++
			return err
		})
		if err != nil {
			return nil, 0, s.explain("read changes of closes", err)
		}
	}
	return changed, newest, nil
}
