package engine_test

import (
	"sync/atomic"
	"testing"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/event"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

// Whoever has the inbox open hears that something new is in it, and of nothing else.
func TestWhoIsToldHasAHint(t *testing.T) {
	onEach(t, func(t *testing.T, w *world) {
		now := time.Now()
		for _, id := range []ledger.OwnerID{"anna", "bob"} {
			w.user(id)
		}
		var annas, others atomic.Int64
		_, err := w.bus.Subscribe(event.InboxChangedAll, func(subject string, payload []byte) {
			hint, err := event.ParseInboxChanged(payload)
			if err == nil && hint.OwnerID == "anna" && subject == event.InboxChangedSubject("anna") {
				annas.Add(1)
			} else {
				others.Add(1)
			}
		}, nil)
		w.ok(err)
		w.prices(now, map[market.InstrumentID]string{"aapl": "99"})
		n := w.start("one")
		snoozed := price("bob", "snoozed", "aapl", alert.Above, "100")
		snoozed.SnoozedUntil = now.Add(time.Hour)
		w.rule(snoozed)
		w.rule(price("anna", "above", "aapl", alert.Above, "100"))
		w.eventually("both are evaluated", func() bool { return n.Meters().Rules == 2 })
		w.prices(now.Add(time.Second), map[market.InstrumentID]string{"aapl": "101"})
		w.eventually("anna is told", func() bool { return len(w.values("anna")) == 1 && annas.Load() == 1 })
		w.prices(now.Add(2*time.Second), map[market.InstrumentID]string{"aapl": "98"})
		w.eventually("both are armed again", func() bool { return n.Meters().Cursor == 3 && n.Meters().Settled >= 4 })
		if annas.Load() != 1 || others.Load() != 0 {
			t.Errorf("%d hints for anna, %d others", annas.Load(), others.Load())
		}
	})
}
