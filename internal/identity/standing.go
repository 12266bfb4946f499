package identity

import (
	"context"
	"fmt"
)

// standingStore is what a look at open sessions wants of the store.
type standingStore interface {
	Standing(ctx context.Context, sessions []Session) (map[TokenHash]bool, error)
}

// Standing says which of some sessions and API tokens still hold, whoever ended the others and on whatever node. It counts as no use
// of them, and asks the store once for up to a hundred.
func (s *Service) Standing(ctx context.Context, sessions []Session) (map[TokenHash]bool, error) {
	standing, err := s.store.Standing(ctx, sessions)
	if err != nil {
		return nil, fmt.Errorf("look at sessions: %w", err)
	}
	now := s.now()
	for _, session := range sessions {
		if session.Scopes != 0 && Ended(session, now) {
			delete(standing, session.Hash)
		}
	}
	return standing, nil
}
