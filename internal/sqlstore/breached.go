package sqlstore

import (
	"context"
	"time"

	"folioscope/internal/ledger"
)

const sqlNoteBreach = `UPDATE users SET breached_at = $2 WHERE owner = $1`

// NoteBreach keeps that a user's password was found in a list of breached ones. A new password forgets it.
func (s *Store) NoteBreach(ctx context.Context, owner ledger.OwnerID, at time.Time, w Write) error {
	err := s.db.write(ctx, func(q queries) error {
		if _, err := q.exec(ctx, sqlNoteBreach, string(owner), stamp(at)); err != nil {
			return err
		}
		return s.record(ctx, q, owner, w)
	})
	return s.explain("note breached password", err)
}
