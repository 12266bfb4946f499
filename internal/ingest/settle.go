package ingest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"folioscope/internal/failpoint"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// barsLookBack is how far back the close before a new day is looked for: over the longest holidays.
const barsLookBack = 15 // days

// closeSlack is how long before the end of a trading day its last price may have been made and still count as its close.
const closeSlack = 30 * time.Minute

// book is what this node knows of the marks in the store.
type book struct {
	mutex  sync.RWMutex
	marks  map[market.InstrumentID]market.Mark
	cursor int64 // every mark up to this sequence is in marks
}

func newBook() book { return book{marks: map[market.InstrumentID]market.Mark{}} }

// mark is the last mark of an instrument, nil where there is none.
func (b *book) mark(id market.InstrumentID) *market.Mark {
	b.mutex.RLock()
	defer b.mutex.RUnlock()
	if mark, ok := b.marks[id]; ok {
		return &mark
	}
	return nil
}

// add takes in marks and, if they follow on what is known, moves the cursor.
func (b *book) add(marks []market.Mark, previous, sequence int64) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for _, mark := range marks {
		if known, ok := b.marks[mark.Instrument]; !ok || known.Sequence <= mark.Sequence {
			b.marks[mark.Instrument] = mark
		}
	}
	if previous <= b.cursor && sequence > b.cursor {
		b.cursor = sequence
	}
}

// catchUp reads what other nodes accepted since.
func (g *Ingest) catchUp(ctx context.Context) error {
	g.book.mutex.RLock()
	cursor := g.book.cursor
	g.book.mutex.RUnlock()
	marks, sequence, err := g.Store.Marks(ctx, cursor)
	if err != nil {
		return fmt.Errorf("read marks: %w", err)
	}
	g.book.add(marks, cursor, sequence)
	return nil
}

// settle judges offers and stores what is accepted. Instruments that need no other source are marked as settled.
func (g *Ingest) settle(ctx context.Context, r *round, offers []offer) error {
	g.settling.Lock()
	defer g.settling.Unlock()
	var marks []market.Mark
	for _, o := range offers {
		id := o.instrument.ID
		if r.settled[id] {
			continue // a source that names an instrument twice is heard once
		}
		last := g.book.mark(id)
		waiting, inRound := r.held[id]
		held := heldBack(last)
		if inRound {
			held = waiting.heldBack()
		}
		verdict, why := judge(o, last, held, g.now())
		if verdict == hold && g.refusedBefore(o) {
			verdict, why = refuse, whyRefusedBefore
		}
		g.meter.judged(verdict, why)
		switch verdict {
		case accept:
			if inRound && held.Source != o.source && within(o.major(o.price), held.Price, confirmedMax) {
				o = waiting.offer // the first choice was right: its own price counts
			}
			delete(r.held, id)
			mark, err := g.markOf(ctx, o, last)
			if err != nil {
				return err
			}
			marks = append(marks, mark)
			r.settled[id] = true
		case again, older:
			r.settled[id] = true
		case hold:
			if !inRound {
				r.held[id] = heldOffer{o, why}
			}
		case refuse:
			g.Log.Warn("price refused", "source", o.source, "instrument", id, "reason", why)
		}
	}
	return g.accept(ctx, marks)
}

// keepHeld stores what no source confirmed, so that it is shown and the next poll can confirm it.
func (g *Ingest) keepHeld(ctx context.Context, r *round) error {
	g.settling.Lock()
	defer g.settling.Unlock()
	var marks []market.Mark
	for id, waiting := range r.held {
		last := g.book.mark(id)
		if last == nil || last.MarketTime.After(waiting.marketTime) {
			continue
		}
		held := waiting.heldBack()
		if known := last.HeldBack; known != nil && known.Source == held.Source && known.Price.Equal(held.Price) && known.MarketTime.Equal(held.MarketTime) {
			continue // said already
		}
		g.Log.Warn("price held back", "source", held.Source, "instrument", id, "reason", held.Reason)
		last.HeldBack = held
		marks = append(marks, *last)
	}
	return g.accept(ctx, marks)
}

// accept stores marks and tells all nodes. A lost hint only delays: every node looks for itself.
func (g *Ingest) accept(ctx context.Context, marks []market.Mark) error {
	if len(marks) == 0 {
		return nil
	}
	defer g.tellCloses(ctx) // what made marks may have kept closes
	failpoint.Reach(failpoint.BeforeAccept)
	sequence, accepted, err := g.Store.Accept(ctx, marks)
	if err != nil {
		return fmt.Errorf("accept prices: %w", err)
	}
	if len(accepted) == 0 {
		return g.catchUp(ctx) // another node knew more
	}
	g.announce(ctx, sequence, accepted)
	return nil
}

// announce takes in marks that the store took, and tells all nodes.
func (g *Ingest) announce(ctx context.Context, sequence int64, accepted []market.Mark) {
	if len(accepted) == 0 {
		return
	}
	previous := accepted[0].Sequence - 1
	for _, mark := range accepted {
		previous = min(previous, mark.Sequence-1)
	}
	g.book.add(accepted, previous, sequence)
	failpoint.Reach(failpoint.BeforeQuotesHint)
	if err := g.Publisher.QuotesAccepted(ctx, sequence, previous, accepted); err != nil {
		g.Log.Warn("hint of prices not sent", "sequence", sequence, "error", err)
	}
}

// putBars stores closes. Nodes are told of many at once, by tellCloses.
func (g *Ingest) putBars(ctx context.Context, id market.InstrumentID, bars []market.Bar) error {
	err := g.Store.PutBars(ctx, id, bars)
	g.untold.Store(true) // after an error too: who knows
	return err
}

// tellCloses tells all nodes of closes that changed, if any did. A lost hint only delays.
func (g *Ingest) tellCloses(ctx context.Context) {
	if !g.untold.Swap(false) {
		return
	}
	if err := g.Publisher.ClosesChanged(ctx); err != nil {
		g.Log.Warn("hint of closes not sent", "error", err)
	}
}

// markOf makes the mark of an accepted offer. When a new trading day begins, the last mark was the close of the day before.
func (g *Ingest) markOf(ctx context.Context, o offer, last *market.Mark) (market.Mark, error) {
	mark := market.Mark{
		Quote: market.Quote{
			Instrument: o.instrument.ID, Price: o.major(o.price), Currency: o.instrument.Currency,
			Source: o.source, ObservedAt: o.observed, MarketTime: o.marketTime,
		},
		PreviousDate: market.NoDate, Fallback: o.fallback,
	}
	day, lastDay := g.day(o.instrument, o.marketTime), market.NoDate
	if last != nil {
		if lastDay = g.day(o.instrument, last.MarketTime); lastDay < day && g.closes(o, *last) {
			if err := g.putBars(ctx, o.instrument.ID, []market.Bar{{Date: lastDay, Close: last.Price}}); err != nil {
				return market.Mark{}, fmt.Errorf("keep the close of %s: %w", o.instrument.ID, err)
			}
		}
	}
	if o.previousClose != nil {
		if close := o.major(*o.previousClose); close.Sign() > 0 && !unitError(close, mark.Price) {
			mark.PreviousClose, mark.PreviousDate = &close, o.previousDate
			return mark, nil
		}
	}
	if last != nil && lastDay == day {
		mark.PreviousClose, mark.PreviousDate = last.PreviousClose, last.PreviousDate
		return mark, nil
	}
	var err error
	mark.PreviousClose, mark.PreviousDate, err = g.closeBefore(ctx, o.instrument.ID, day, last, lastDay)
	return mark, err
}

// closeBefore is the newest close before a day: a daily bar, or the last mark where that is newer.
func (g *Ingest) closeBefore(ctx context.Context, id market.InstrumentID, day market.Date, last *market.Mark, lastDay market.Date) (*money.Decimal, market.Date, error) {
	series, err := g.Store.Series(ctx, id, day-barsLookBack, day-1)
	if err != nil {
		return nil, market.NoDate, fmt.Errorf("read bars of %s: %w", id, err)
	}
	close, on, ok := series.At(day - 1)
	switch {
	case ok && on >= lastDay:
		return &close, on, nil
	case last != nil && lastDay < day:
		return &last.Price, lastDay, nil
	}
	return nil, market.NoDate, nil
}

// day is the trading day of a market time.
func (g *Ingest) day(i market.Instrument, at time.Time) market.Date {
	switch i.Class {
	case market.FX, market.Fund: // a value of its day, whatever the clock says
		return market.DateOf(at.UTC())
	}
	return g.Sessions.At(i.MIC, at).Date
}

// closes says whether the last mark before an offer of a later day is the close of its own day.
func (g *Ingest) closes(o offer, last market.Mark) bool {
	switch o.instrument.Class {
	case market.FX, market.Fund:
		return true
	}
	lastDay := g.day(o.instrument, last.MarketTime)
	end := g.Sessions.At(o.instrument.MIC, o.marketTime).LastClose
	if end.IsZero() { // trades around the clock: the day ends at midnight UTC
		return (lastDay + 1).Time().Sub(last.MarketTime) <= closeSlack
	}
	return end.Sub(last.MarketTime) <= closeSlack && g.day(o.instrument, end.Add(-time.Second)) == lastDay
}

func heldBack(mark *market.Mark) *market.HeldBack {
	if mark == nil {
		return nil
	}
	return mark.HeldBack
}

func (h heldOffer) heldBack() *market.HeldBack {
	return &market.HeldBack{Price: h.major(h.price), Source: h.source, ObservedAt: h.observed, MarketTime: h.marketTime, Reason: h.reason}
}
