package ingest

import (
	"context"
	"fmt"
	"maps"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// Bounds of what is pushed.
const (
	offeredMax      = 10_000 // prices in one call: more instruments than any one feed has
	knownInstrument = 10 * time.Minute
)

// Offered is a price that was pushed, in the instrument's currency.
type Offered struct {
	Instrument    market.InstrumentID
	Price         money.Decimal
	Currency      money.Currency
	MarketTime    time.Time
	PreviousClose *money.Decimal // nil where unknown
	PreviousDate  market.Date    // NoDate where unknown
}

// Offer takes prices of a source that pushes them. They pass the checks of every other price; one that is held back is believed
// when the next one says the same. Unknown instruments are left out.
func (g *Ingest) Offer(ctx context.Context, source string, quotes []Offered) error {
	if len(quotes) > offeredMax {
		return fault.New(fault.TooLarge, "%d prices at once, at most %d", len(quotes), offeredMax)
	}
	instruments, err := g.known(ctx, quotes)
	if err != nil {
		return fmt.Errorf("offer of %s: %w", source, err)
	}
	if err := g.catchUp(ctx); err != nil {
		return fmt.Errorf("offer of %s: %w", source, err)
	}
	now := g.now()
	r := &round{chain: source, now: now, held: map[market.InstrumentID]heldOffer{}, settled: map[market.InstrumentID]bool{}}
	offers := make([]offer, 0, len(quotes))
	for _, q := range quotes {
		i, ok := instruments[q.Instrument]
		if !ok {
			g.Log.Debug("price of an unknown instrument", "source", source, "instrument", q.Instrument)
			continue
		}
		offers = append(offers, offer{
			instrument: i, source: source, price: q.Price, unit: money.Unit{Currency: q.Currency}, hasUnit: true,
			observed: now, marketTime: q.MarketTime, previousClose: q.PreviousClose, previousDate: q.PreviousDate,
		})
	}
	if err := g.settle(ctx, r, offers); err != nil {
		return fmt.Errorf("offer of %s: %w", source, err)
	}
	if err := g.keepHeld(ctx, r); err != nil {
		return fmt.Errorf("offer of %s: %w", source, err)
	}
	return nil
}

// known finds the offered instruments. They hardly ever change, so they are remembered for some minutes.
func (g *Ingest) known(ctx context.Context, quotes []Offered) (map[market.InstrumentID]market.Instrument, error) {
	g.instruments.mutex.Lock()
	defer g.instruments.mutex.Unlock()
	if time.Since(g.instruments.loaded) > knownInstrument {
		g.instruments.byID, g.instruments.loaded = map[market.InstrumentID]market.Instrument{}, time.Now()
	}
	var missing []market.InstrumentID
	for _, q := range quotes {
		if _, ok := g.instruments.byID[q.Instrument]; !ok {
			missing = append(missing, q.Instrument)
		}
	}
	if len(missing) > 0 {
		found, err := g.Store.Instruments(ctx, missing)
		if err != nil {
			return nil, fmt.Errorf("read instruments: %w", err)
		}
		// The map that earlier callers read is left as it is.
		grown := make(map[market.InstrumentID]market.Instrument, len(g.instruments.byID)+len(found))
		maps.Copy(grown, g.instruments.byID)
		for _, i := range found {
			grown[i.ID] = i
		}
		g.instruments.byID = grown
	}
	return g.instruments.byID, nil
}
