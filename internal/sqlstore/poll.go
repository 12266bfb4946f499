package sqlstore

import (
	"context"
	"time"

	"folioscope/internal/ingest"
	"folioscope/internal/market"
)

const (
	sqlAsked = `SELECT n.instrument, n.holders, coalesce(p.tried_at, 0), coalesce(p.settled_at, 0) FROM instrument_interest n
LEFT JOIN instrument_polls p ON p.instrument = n.instrument WHERE n.holders > 0`
	sqlUnheldAsked = `SELECT p.instrument, p.tried_at, p.settled_at FROM instrument_polls p
LEFT JOIN instrument_interest n ON n.instrument = p.instrument WHERE coalesce(n.holders, 0) <= 0`
	sqlPutPolls         = `INSERT INTO instrument_polls (instrument, tried_at, settled_at) VALUES `
	sqlPutTriedSuffix   = ` ON CONFLICT (instrument) DO UPDATE SET tried_at = excluded.tried_at`
	sqlPutSettledSuffix = ` ON CONFLICT (instrument) DO UPDATE SET settled_at = excluded.settled_at`
	sqlClaimRefresh     = `INSERT INTO instrument_polls (instrument, tried_at, settled_at) VALUES ($1, $2, 0)
ON CONFLICT (instrument) DO UPDATE SET tried_at = excluded.tried_at
WHERE instrument_polls.tried_at <= $3 OR instrument_polls.tried_at > $4`
	sqlClaimSlot = `INSERT INTO poll_slots (poll, slot, lease_at, done) VALUES ($1, $2, $3, $6)
ON CONFLICT (poll) DO UPDATE SET slot = excluded.slot, lease_at = excluded.lease_at, done = excluded.done
WHERE poll_slots.slot < $2 OR poll_slots.slot > $5 OR poll_slots.slot = $2 AND poll_slots.done = $6 AND poll_slots.lease_at <= $4`
	sqlEndSlot = `UPDATE poll_slots SET done = $3, lease_at = 0 WHERE poll = $1 AND slot = $2`
)

const pollColumns = 3

// Asked implements ingest.Polling. Rates of currencies that nobody is counted to hold are among them.
func (s *Store) Asked(ctx context.Context) (map[market.InstrumentID]ingest.Asked, error) {
	all := map[market.InstrumentID]ingest.Asked{}
	err := s.db.read(ctx, func(q queries) error {
		clear(all)
		err := q.each(ctx, sqlUnheldAsked, nil, func(row scanner) error {
			var id string
			var tried, settled int64
			err := row.Scan(&id, &tried, &settled)
			all[market.InstrumentID(id)] = ingest.Asked{Tried: moment(tried), Settled: moment(settled)}
			return err
		})
		if err != nil {
			return err
		}
		return q.each(ctx, sqlAsked, nil, func(row scanner) error {
			var id string
			var tried, settled int64
			var a ingest.Asked
			err := row.Scan(&id, &a.Holders, &tried, &settled)
			a.Tried, a.Settled = moment(tried), moment(settled)
			all[market.InstrumentID(id)] = a
			return err
		})
	})
	return all, s.explain("read what was asked for", err)
}

// PutTried implements ingest.Polling. No id may come twice.
func (s *Store) PutTried(ctx context.Context, ids []market.InstrumentID, now time.Time) error {
	rows := make([]any, 0, len(ids)*pollColumns)
	for _, id := range ids {
		rows = append(rows, string(id), stamp(now), int64(0))
	}
	return s.explain("note what is asked for", s.db.write(ctx, func(q queries) error {
		return insertRows(ctx, q, sqlPutPolls, pollColumns, sqlPutTriedSuffix, rows)
	}))
}

// PutSettled implements ingest.Polling. No id may come twice.
func (s *Store) PutSettled(ctx context.Context, ids []market.InstrumentID, at time.Time) error {
	rows := make([]any, 0, len(ids)*pollColumns)
	for _, id := range ids {
		rows = append(rows, string(id), int64(0), stamp(at))
	}
	return s.explain("note what was settled", s.db.write(ctx, func(q queries) error {
		return insertRows(ctx, q, sqlPutPolls, pollColumns, sqlPutSettledSuffix, rows)
	}))
}

// ClaimRefresh implements ingest.Polling.
func (s *Store) ClaimRefresh(ctx context.Context, ids []market.InstrumentID, now, after, latest time.Time) ([]market.InstrumentID, error) {
	var claimed []market.InstrumentID
	err := s.db.write(ctx, func(q queries) error {
		claimed = nil
		for _, id := range ids {
			rows, err := q.exec(ctx, sqlClaimRefresh, string(id), stamp(now), stamp(after), stamp(latest))
			if err != nil {
				return err
			}
			if rows > 0 {
				claimed = append(claimed, id)
			}
		}
		return nil
	})
	return claimed, s.explain("claim a refresh", err)
}

// ClaimSlot implements ingest.Polling.
func (s *Store) ClaimSlot(ctx context.Context, poll string, slot, now, lease, latest time.Time) (bool, error) {
	rows, err := s.db.exec(ctx, sqlClaimSlot, poll, stamp(slot), stamp(lease), stamp(now), stamp(latest), false)
	return rows > 0, s.explain("claim a slot", err)
}

// EndSlot implements ingest.Polling.
func (s *Store) EndSlot(ctx context.Context, poll string, slot time.Time, done bool) error {
	_, err := s.db.exec(ctx, sqlEndSlot, poll, stamp(slot), done)
	return s.explain("end a slot", err)
}
