package transfer

import (
	"context"

	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

// ofBook finds the own instruments of a book before those that are everybody's.
type ofBook struct {
	Instruments
	own map[market.InstrumentID]ledger.Own
}

// InstrumentsOf finds what a book's own instruments are called, and then what all others know. An own symbol goes before the same
// symbol elsewhere, unless a market stands beside it: it is the owner's own word. Nobody else's own instruments are ever found.
func InstrumentsOf(book *ledger.Book, all Instruments) Instruments {
	if len(book.Own) == 0 {
		return all
	}
	return ofBook{all, book.Own}
}

// Instrument implements Instruments.
func (o ofBook) Instrument(ctx context.Context, id market.InstrumentID) (market.Instrument, error) {
	if own, ok := o.own[id]; ok {
		return own.Instrument, nil
	}
	return o.Instruments.Instrument(ctx, id)
}

// InstrumentBySymbol implements Instruments.
func (o ofBook) InstrumentBySymbol(ctx context.Context, symbol, mic string) ([]market.Instrument, error) {
	if mic == "" {
		for _, own := range o.own { // one at most has it
			if own.Instrument.Symbol == symbol {
				return []market.Instrument{own.Instrument}, nil
			}
		}
	}
	return o.Instruments.InstrumentBySymbol(ctx, symbol, mic)
}
