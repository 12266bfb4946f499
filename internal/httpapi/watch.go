package httpapi

import (
	"context"
	"time"

	"folioscope/internal/identity"
)

// A revoked session is dead everywhere within a second: it is believed from memory for half of one at most (sessionCacheMax), and open
// streams are looked at as often, since the hint that ends them at once may be lost, and a command beside the node sends none.
const (
	standingInterval = 500 * time.Millisecond
	standingWaitMax  = 5 * time.Second // then the store is busy or gone, and the next look may find it
)

// WatchStreams ends the streams whose session or API token no longer holds, whoever ended it, until ctx ends. While the store can't be
// asked, streams go on: they show what they have, and no request gets through without it.
func (s *Server) WatchStreams(ctx context.Context) error {
	pace := time.NewTicker(standingInterval)
	defer pace.Stop()
	blind := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-pace.C:
		}
		err := s.endFallen(ctx)
		if err != nil && !blind && ctx.Err() == nil {
			s.log.WarnContext(ctx, "open streams go on unseen: their sessions can't be looked at", "error", err)
		}
		blind = err != nil
	}
}

// endFallen ends the streams of sessions that don't hold.
func (s *Server) endFallen(ctx context.Context) error {
	sessions := s.open.sessions()
	if len(sessions) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, standingWaitMax)
	defer cancel()
	standing, err := s.identity.Standing(ctx, sessions)
	if err != nil {
		return err
	}
	fallen := make(map[identity.TokenHash]bool)
	for _, session := range sessions {
		if !standing[session.Hash] {
			fallen[session.Hash] = true
		}
	}
	s.open.endOf(fallen)
	return nil
}

// sessions are those of the open streams, each once.
func (o *openStreams) sessions() []identity.Session {
	o.mu.Lock()
	defer o.mu.Unlock()
	seen := make(map[identity.TokenHash]bool, len(o.all))
	sessions := make([]identity.Session, 0, len(o.all))
	for _, one := range o.all {
		if !seen[one.session.Hash] {
			seen[one.session.Hash] = true
			sessions = append(sessions, one.session)
		}
	}
	return sessions
}

// endOf ends the streams of some sessions.
func (o *openStreams) endOf(fallen map[identity.TokenHash]bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, one := range o.all {
		if fallen[one.session.Hash] {
			one.end()
		}
	}
}
