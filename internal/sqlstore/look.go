package sqlstore

import (
	"context"
	"time"

	"folioscope/internal/ledger"
)

const (
	sqlPutLook = `INSERT INTO looks (owner, portfolio, session, at) VALUES ($1, $2, $3, $4)
ON CONFLICT (owner, portfolio, session) DO UPDATE SET at = excluded.at WHERE looks.at <= $5`
	sqlSweepLooks = `DELETE FROM looks WHERE at < $1`
)

// RecordLook records that somebody looked at an owner's portfolio, unless the session of the audit entry left a row there after a time.
func (s *Store) RecordLook(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, now, after time.Time, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		first, err := q.exec(ctx, sqlPutLook, string(owner), string(portfolio), w.Audit.Session, stamp(now), stamp(after))
		if err != nil || first == 0 {
			return err
		}
		return s.record(ctx, q, owner, w)
	})
	return s.explain("record look", err)
}

// DeleteLooksBefore forgets when sessions looked that did so before a time; the audit log keeps it.
func (s *Store) DeleteLooksBefore(ctx context.Context, before time.Time) error {
	_, err := s.db.exec(ctx, sqlSweepLooks, stamp(before))
	return s.explain("delete old looks", err)
}
