package sqlstore

import (
	"context"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/identity"
)

const (
	sqlTakeAttempt = `INSERT INTO attempts (key_index, clear_at) VALUES ($1, $2)
ON CONFLICT (key_index) DO UPDATE SET clear_at = CASE WHEN attempts.clear_at > $3 THEN attempts.clear_at + $4 ELSE $2 END
WHERE attempts.clear_at + $4 <= $5`
	sqlAttempts       = `SELECT clear_at FROM attempts WHERE key_index = $1`
	sqlReturnAttempt  = `UPDATE attempts SET clear_at = clear_at - $2 WHERE key_index = $1`
	sqlSettleAttempts = `DELETE FROM attempts WHERE clear_at <= $1`
)

func (s *Store) attemptIndex(key string) []byte {
	sum := s.root.Index("attempts", key)
	return sum[:]
}

// TakeAttempts takes one attempt of each, or of none and says how long until there is one. It counts on all nodes together, so that
// no number of attempts at the same time gets past it.
func (s *Store) TakeAttempts(ctx context.Context, now time.Time, takes []identity.Take) (wait time.Duration, err error) {
	err = s.db.write(ctx, func(q queries) error {
		wait = 0
		for _, t := range takes {
			key, refill := s.attemptIndex(t.Key), t.Refill.Microseconds()
			limit := stamp(now) + int64(t.Max)*refill
			taken, err := q.exec(ctx, sqlTakeAttempt, key, stamp(now)+refill, stamp(now), refill, limit)
			if err != nil {
				return err
			}
			if taken > 0 {
				continue
			}
			var clear int64
			if err := q.one(ctx, sqlAttempts, []any{key}, &clear); err != nil {
				return err
			}
			wait = max(time.Duration(clear+refill-limit)*time.Microsecond, attemptWaitMin)
			return errNoAttempt // so that the others are given back
		}
		return nil
	})
	if wait > 0 {
		return wait, nil
	}
	return 0, s.explain("take attempts", err)
}

// attemptWaitMin is said where somebody gave an attempt back between two looks.
const attemptWaitMin = time.Second

var errNoAttempt = fault.New(fault.Limited, "too many attempts")

// ReturnAttempts gives back what was right.
func (s *Store) ReturnAttempts(ctx context.Context, takes []identity.Take) error {
	err := s.db.write(ctx, func(q queries) error {
		for _, t := range takes {
			if _, err := q.exec(ctx, sqlReturnAttempt, s.attemptIndex(t.Key), t.Refill.Microseconds()); err != nil {
				return err
			}
		}
		return nil
	})
	return s.explain("return attempts", err)
}

// PruneAttempts forgets whose attempts have all grown back.
func (s *Store) PruneAttempts(ctx context.Context, now time.Time) error {
	_, err := s.db.exec(ctx, sqlSettleAttempts, stamp(now))
	return s.explain("prune attempts", err)
}
