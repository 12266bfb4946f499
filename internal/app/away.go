package app

import (
	"context"
	"time"

	"folioscope/internal/live"
)

// awayLook is between two looks at what the node does without.
const awayLook = 250 * time.Millisecond

// away is what this node does without now.
func (n *node) away() []string {
	var parts []string
	if n.store.Away() {
		parts = append(parts, live.AwayDatabase)
	}
	if !n.bus.Connected() {
		parts = append(parts, live.AwayBus)
	}
	if n.store.Unwritable() {
		parts = append(parts, live.AwayDisk)
	}
	return parts
}

// tellAway tells whoever watches what the node does without.
func (n *node) tellAway(ctx context.Context, hub *live.Hub) error {
	pace := time.NewTicker(awayLook)
	defer pace.Stop()
	for {
		hub.SetAway(n.away())
		select {
		case <-ctx.Done():
			return nil
		case <-pace.C:
		}
	}
}
