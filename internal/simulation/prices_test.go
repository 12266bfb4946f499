package simulation

import (
	"context"
	"math/big"
	"slices"
	"time"

	"folioscope/internal/event"
	"folioscope/internal/market"
)

const (
	freshMax    = 21 * time.Minute
	shownMax    = time.Minute     // a page that was drawn in this minute may be shown in it once more
	observedMax = 8 * time.Second // between the question and the answer, and between clocks
)

// checkPrices holds every price that somebody is shown against what sources told, and its label against when they did.
func (w *world) checkPrices(n *node, now time.Time, d *event.Document) {
	for _, h := range d.Holdings {
		if h.Price.Amount == nil {
			continue
		}
		id, price, made := h.InstrumentID, *h.Price.Amount, time.Time(h.Price.MarketTime)
		w.trail.reached("shown: " + string(h.Price.State))
		if want := w.exchange.price(id, made); !price.Equal(want) {
			w.violated("I7: %s shows %s for %s of %s, which was %s", n.name, price, id, made, want)
		}
		switch h.Price.State {
		case market.StateStale, market.StateQuarantined, market.StateNone:
			continue
		}
		told, known := w.toldAt(id, price.String(), made, time.Time(h.Price.ObservedAt))
		if !known {
			w.violated("I7: %s shows %s for %s of %s as seen at %s, and nobody told it then", n.name, price, id, made, time.Time(h.Price.ObservedAt))
			continue
		}
		if age := w.exchange.openBetween(w.exchange.places[id], told, now); age > freshMax+shownMax && !during(n.place.jumps, now) { // a wrong clock makes wrong ages
			w.violated("I7: %s shows %s as %s, %s after it was told", n.name, id, h.Price.State, age)
		}
	}
}

// toldAt is when a price was told that a node says it saw at a time.
func (w *world) toldAt(id market.InstrumentID, price string, made, observed time.Time) (time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range slices.Backward(w.tells[id]) {
		if t.marketTime.Equal(made) && t.price.String() == price && observed.Sub(t.at).Abs() <= observedMax {
			return t.at, true
		}
	}
	return time.Time{}, false
}

// checkTotal holds a total against the sum of what it is a total of.
func (w *world) checkTotal(n *node, d *event.Document) {
	if d.Value == nil || d.Cash == nil {
		return
	}
	sum := fraction(d.Cash.String())
	for _, h := range d.Holdings {
		if h.Price.Amount == nil {
			return
		}
		sum.Add(sum, new(big.Rat).Mul(fraction(h.Quantity.String()), fraction(h.Price.Amount.String())))
	}
	w.trail.reached("shown: a whole total")
	if fraction(d.Value.String()).Cmp(sum) != 0 {
		w.violated("I4: %s shows a total of %s, not of %s", n.name, d.Value, sum.RatString())
	}
}

// checkMarket holds the journal of prices against what was true, and every node's marks against the store's, when all is over.
func (w *world) checkMarket(ctx context.Context) {
	jumped := make(map[market.InstrumentID]bool)
	quotes, err := w.quotes(ctx)
	if err != nil {
		w.violated("the quotes' journal: %v", err)
	}
	for _, q := range quotes {
		if want := w.exchange.price(q.Instrument, q.MarketTime); !q.Price.Equal(want) {
			w.violated("I7: %s was accepted for %s of %s, which was %s", q.Price, q.Instrument, q.MarketTime, want)
		}
		if jump, jumps := w.exchange.jumps[q.Instrument]; jumps && !q.MarketTime.Before(jump) && !jumped[q.Instrument] {
			jumped[q.Instrument] = true
			w.trail.reached("a price jumped, and was believed")
		}
	}
	marks, sequence, err := w.store.Marks(ctx, 0)
	if err != nil {
		w.violated("the marks: %v", err)
	}
	for _, p := range w.nodes {
		n := p.here()
		if n == nil {
			continue
		}
		if at := n.hub.Marks().Cursor(); at != sequence {
			w.violated("%s has marks up to %d in the end, the store up to %d", n.name, at, sequence)
		}
		for _, want := range marks {
			if got, ok := n.hub.Marks().Mark(want.Instrument); !ok || got.Sequence != want.Sequence || !got.Price.Equal(want.Price) {
				w.violated("%s has %s at %s (%d) in the end, the store at %s (%d)", n.name, want.Instrument, got.Price, got.Sequence, want.Price, want.Sequence)
			}
		}
	}
	now := w.now()
	for _, m := range marks {
		i := w.instrument(m.Instrument)
		if state := market.StateOf(m, i, w.exchange.calendar, now); w.exchange.openBetween(i.MIC, now.Add(-time.Hour), now) == time.Hour && state != market.StateLive && state != market.StateFallback {
			w.violated("after %s in which nothing failed %s is %s, seen %s", healing, i.ID, state, m.ObservedAt)
		}
	}
	w.trail.note(now, "the market ends with %d marks at %d", len(marks), sequence)
}

func (w *world) instrument(id market.InstrumentID) market.Instrument {
	for _, i := range instruments() {
		if i.ID == id {
			return i
		}
	}
	return market.Instrument{}
}
