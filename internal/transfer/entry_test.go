package transfer

import (
	"context"
	"errors"
	"testing"

	"folioscope/internal/fault"
	"folioscope/internal/market"
)

// noSearch stands for instruments that nobody may search for.
type noSearch struct{ t *testing.T }

func (n noSearch) Instrument(context.Context, market.InstrumentID) (market.Instrument, error) {
	n.t.Error("searched by id")
	return market.Instrument{}, fault.New(fault.NotFound, "none")
}

func (n noSearch) InstrumentBySymbol(context.Context, string, string) ([]market.Instrument, error) {
	n.t.Error("searched by symbol")
	return nil, nil
}

func (n noSearch) InstrumentByISIN(context.Context, string) ([]market.Instrument, error) {
	n.t.Error("searched by ISIN")
	return nil, nil
}

// A symbol of characters that no database takes is refused at its place, not searched for.
func TestSymbolsThatCantBe(t *testing.T) {
	for _, symbol := range []string{"A\x00", "A\nB", "\xff", "A\u2028B"} {
		_, err := NewReader("EUR", nil, noSearch{t}).Activity(t.Context(), Entry{Date: "2026-01-05", Type: "split", Symbol: symbol, Ratio: "2:1"}, func(field string) string { return field })
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Invalid || len(f.Places) != 1 || f.Places[0].Location != "symbol" {
			t.Errorf("%q: %v", symbol, err)
		}
	}
}
