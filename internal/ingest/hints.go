package ingest

import (
	"context"
	"fmt"

	"folioscope/internal/bus"
	"folioscope/internal/event"
	"folioscope/internal/market"
)

// Hints publishes accepted prices on the bus, in as many messages as its bound asks for.
type Hints struct{ Bus bus.Bus }

// QuotesAccepted sends the hint.
func (h Hints) QuotesAccepted(ctx context.Context, sequence, previous int64, marks []market.Mark) error {
	parts, err := event.QuotesParts(sequence, previous, marks, bus.PayloadBytesMax)
	if err != nil {
		return fmt.Errorf("encode the hint: %w", err)
	}
	for _, part := range parts {
		if err := h.Bus.Publish(ctx, event.QuotesAcceptedSubject, part); err != nil {
			return fmt.Errorf("publish the hint: %w", err)
		}
	}
	return nil
}

// ClosesChanged sends the hint.
func (h Hints) ClosesChanged(ctx context.Context) error {
	if err := h.Bus.Publish(ctx, event.ClosesChangedSubject, nil); err != nil {
		return fmt.Errorf("publish the hint: %w", err)
	}
	return nil
}
