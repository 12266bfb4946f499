package engine

import (
	"context"
	"slices"

	"folioscope/internal/event"
	"folioscope/internal/ledger"
)

// told says whether something of what was settled went to an inbox.
func told(batch []Settlement, settled []bool) bool {
	for i := range batch {
		if settled[i] && slices.ContainsFunc(batch[i].Events, func(one Event) bool { return one.Notice != nil }) {
			return true
		}
	}
	return false
}

// inboxChanged tells who has the inbox open, on whichever node. Without the hint they see it with their next look.
func (e *Engine) inboxChanged(ctx context.Context, owner ledger.OwnerID) {
	if err := e.o.Bus.Publish(ctx, event.InboxChangedSubject(owner), event.InboxChanged{OwnerID: owner}.Payload()); err != nil {
		e.o.Log.Warn("no hint that somebody was told; they see it with their next look", "error", err)
	}
}
