package httpapi

import (
	"context"
	"maps"
	"slices"
	"time"

	"folioscope/internal/access"
	"folioscope/internal/identity"
)

// A revoked session is dead everywhere within a second, and so is what was shared and taken back: sessions are believed from memory for
// half of one at most (sessionCacheMax), shares never, and open streams are looked at as often, since the hint that ends them at once may
// be lost, and a command beside the node sends none.
const (
	standingInterval = 500 * time.Millisecond
	standingWaitMax  = 5 * time.Second // then the store is busy or gone, and the next look may find it
)

// WatchStreams ends the streams whose session or API token no longer holds, or what was shared of theirs, whoever ended it, until ctx
// ends. While the store can't be asked, streams go on: they show what they have, and no request gets through without it.
func (s *Server) WatchStreams(ctx context.Context) error {
	pace := time.NewTicker(standingInterval)
	defer pace.Stop()
	blind, next := false, s.now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-pace.C:
		}
		err := s.endFallen(ctx)
		if now := s.now(); err == nil && !now.Before(next) {
			next = now.Add(rememberedLook)
			err = s.lookAtRemembered(ctx)
		}
		if err != nil && !blind && ctx.Err() == nil {
			s.log.WarnContext(ctx, "open streams go on unseen: their sessions can't be looked at", "error", err)
		}
		blind = err != nil
	}
}

// endFallen ends the streams of sessions and shares that don't hold.
func (s *Server) endFallen(ctx context.Context) error {
	streams := s.open.list()
	if len(streams) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, standingWaitMax)
	defer cancel()
	sessions, shares := restingOn(streams)
	standing, err := s.identity.Standing(ctx, sessions)
	if err != nil {
		return err
	}
	var shared map[access.ShareKey]access.Share
	if len(shares) > 0 {
		if shared, err = s.store.StandingShares(ctx, shares, s.now()); err != nil {
			return err
		}
	}
	for _, one := range streams {
		fallen := func(share access.Share) bool { return !readable(one.session, shared[share.ShareKey]) }
		if !standing[one.session.Hash] || slices.ContainsFunc(one.shares, fallen) {
			one.end(nil)
		}
	}
	return nil
}

// list is the open streams as of now.
func (o *openStreams) list() []openStream {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Collect(maps.Values(o.all))
}

// restingOn is what streams rest on: their sessions and shares, each once.
func restingOn(streams []openStream) (sessions []identity.Session, shares []access.ShareKey) {
	opened, shared := make(map[identity.TokenHash]bool, len(streams)), make(map[access.ShareKey]bool)
	for _, one := range streams {
		if !opened[one.session.Hash] {
			opened[one.session.Hash] = true
			sessions = append(sessions, one.session)
		}
		for _, share := range one.shares {
			if !shared[share.ShareKey] {
				shared[share.ShareKey] = true
				shares = append(shares, share.ShareKey)
			}
		}
	}
	return sessions, shares
}
