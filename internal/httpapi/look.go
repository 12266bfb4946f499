package httpapi

import (
	"context"
	"fmt"
	"sync"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/audit"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
)

// Whoever sees what isn't theirs leaves a row in the owner's log before they see it: one for a session and portfolio within
// access.LookInterval. The store keeps when that was, for all nodes; a node asks it once in lookBelieved.
const (
	lookBelieved = time.Minute
	looksMax     = 10_000 // that a node remembers; more start over
)

// looks are those that this node knows to be recorded.
type looks struct {
	mu    sync.Mutex
	until map[lookKey]time.Time
}

type lookKey struct {
	session   identity.TokenHash
	portfolio ledger.PortfolioID
}

func newLooks() *looks { return &looks{until: map[lookKey]time.Time{}} }

func (l *looks) known(k lookKey, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return now.Before(l.until[k])
}

func (l *looks) note(k lookKey, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.until) >= looksMax {
		clear(l.until)
	}
	l.until[k] = until
}

// look records that the caller looks at what they were given. What can't be recorded isn't shown.
func (s *Server) look(ctx context.Context, c *call, share access.Share) error {
	if share.Holder == "" {
		return nil
	}
	now, k := s.now(), lookKey{c.session.Hash, share.Portfolio}
	if s.looks.known(k, now) {
		return nil
	}
	entry := c.entry(audit.PortfolioViewed, string(share.Portfolio))
	entry.Owner, entry.Detail = share.Holder, c.how(share)
	if err := s.store.RecordLook(ctx, share.Holder, share.Portfolio, now, now.Add(-access.LookInterval), audit.Write{Audit: entry}); err != nil {
		return fmt.Errorf("record look: %w", err)
	}
	s.looks.note(k, now.Add(lookBelieved))
	return nil
}
