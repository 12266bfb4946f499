package httpapi

import (
	"context"
	"sync"

	"folioscope/internal/audit"
	"folioscope/internal/ledger"
)

// slowStore stops the first portfolio that is created until it may proceed.
type slowStore struct {
	Store
	first            sync.Once
	arrived, proceed chan struct{}
}

func (s *slowStore) CreatePortfolio(ctx context.Context, p ledger.Portfolio, w audit.Write) error {
	s.first.Do(func() {
		close(s.arrived)
		<-s.proceed
	})
	return s.Store.CreatePortfolio(ctx, p, w)
}
