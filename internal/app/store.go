package app

import (
	"context"

	"folioscope/internal/audit"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/live"
	"folioscope/internal/sqlstore"
)

// journalStore is the store in the journal's words.
type journalStore struct{ *sqlstore.Store }

// Append implements journal.Store.
func (s journalStore) Append(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, expected int64, change journal.Change, write audit.Write) (int64, error) {
	return s.Store.Append(ctx, owner, portfolio, expected, sqlstore.Change(change), write)
}

// liveStore is the store in live's words.
type liveStore struct{ *sqlstore.Store }

// Sequences implements live.Store.
func (s liveStore) Sequences(ctx context.Context, keys []live.Key) (map[live.Key]int64, error) {
	asked := make([]sqlstore.PortfolioKey, len(keys))
	for i, k := range keys {
		asked[i] = sqlstore.PortfolioKey(k)
	}
	found, err := s.Store.Sequences(ctx, asked)
	if err != nil {
		return nil, err
	}
	out := make(map[live.Key]int64, len(found))
	for k, sequence := range found {
		out[live.Key(k)] = sequence
	}
	return out, nil
}
