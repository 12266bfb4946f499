package sqlstore

import (
	"context"
	"strconv"

	"folioscope/internal/engine"
	"folioscope/internal/ledger"
)

const (
	sqlSweepSequences = `SELECT owner, id, sequence FROM portfolios WHERE (owner, id) > ($1, $2) ORDER BY owner, id LIMIT $3`
	// A price that its owner entered isn't in a snapshot.
	sqlSweepSnapshots = `SELECT p.owner, p.id, p.sequence, COALESCE(s.sequence, -1), s.body, k.version, k.wrapped,
(SELECT COUNT(*) FROM own_prices o WHERE o.owner = p.owner AND o.portfolio = p.id) FROM portfolios p
JOIN users u ON u.owner = p.owner JOIN user_keys k ON k.owner = u.owner AND k.version = u.key_version
LEFT JOIN snapshots s ON s.owner = p.owner AND s.portfolio = p.id
WHERE (p.owner, p.id) >= ($1, $2) AND (p.owner, p.id) <= ($3, $4) AND u.owner >= $1 AND u.owner <= $3 AND k.owner >= $1 AND k.owner <= $3`
)

// SequencesAfter implements engine.HeldStore.
func (s *Store) SequencesAfter(ctx context.Context, after engine.PortfolioKey, limit int) ([]engine.Reached, error) {
	var page []engine.Reached
	err := s.db.each(ctx, sqlSweepSequences, []any{string(after.Owner), string(after.Portfolio), limit}, func(row scanner) error {
		var r engine.Reached
		var owner, id string
		err := row.Scan(&owner, &id, &r.Sequence)
		r.Key = engine.PortfolioKey{Owner: ledger.OwnerID(owner), Portfolio: ledger.PortfolioID(id)}
		page = append(page, r)
		return err
	})
	return page, s.explain("list portfolios' sequences", err)
}

// Snapshots implements engine.HeldStore. Users' keys are opened for it alone: those that people need now stay the ones in memory.
func (s *Store) Snapshots(ctx context.Context, from, to engine.PortfolioKey, wanted func(engine.PortfolioKey) bool) ([]engine.Stored, error) {
	var page []engine.Stored
	err := s.db.each(ctx, sqlSweepSnapshots, []any{string(from.Owner), string(from.Portfolio), string(to.Owner), string(to.Portfolio)}, func(row scanner) error {
		var one engine.Stored
		var owner, id string
		var at, prices int64
		var version int
		var body, wrapped []byte
		if err := row.Scan(&owner, &id, &one.Sequence, &at, &body, &version, &wrapped, &prices); err != nil {
			return err
		}
		one.Key = engine.PortfolioKey{Owner: ledger.OwnerID(owner), Portfolio: ledger.PortfolioID(id)}
		if !wanted(one.Key) {
			return nil
		}
		if at >= 0 && prices == 0 {
			key, err := s.openKey(ctx, one.Key.Owner, version, wrapped)
			if err != nil {
				return err
			}
			if one.Snapshot, err = key.Open(body, columnSnapshot, id, strconv.FormatInt(at, 10)); err != nil {
				s.log.ErrorContext(ctx, "a snapshot of positions can't be opened; they are worked out from the activities", "error", err)
			}
		}
		page = append(page, one)
		return nil
	})
	return page, s.explain("read snapshots of positions", err)
}
