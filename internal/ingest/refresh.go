package ingest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/market"
)

const (
	refreshFloor = time.Minute // between two refreshes of one instrument, whoever asks for them
	refreshedMax = 500         // instruments at once: more than anybody holds
)

// Refresh asks for instruments now, whatever the hour; quotas and circuits hold as ever. What was asked for less than a minute ago, on
// any node, is left out, as is what nobody holds. It gives those that were asked for.
func (g *Ingest) Refresh(ctx context.Context, ids []market.InstrumentID) ([]market.InstrumentID, error) {
	if len(ids) > refreshedMax {
		return nil, fault.New(fault.TooLarge, "%d instruments at once, at most %d", len(ids), refreshedMax)
	}
	wanted, err := g.Store.Wanted(ctx)
	if err != nil {
		return nil, fmt.Errorf("refresh: %w", err)
	}
	chains := map[market.InstrumentID]string{}
	for _, i := range wanted {
		if slices.Contains(ids, i.ID) {
			chains[i.ID] = ChainOf(i.Class)
		}
	}
	known := slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(ids))), func(id market.InstrumentID) bool { return chains[id] == "" })
	now := g.now()
	defer g.looked.forget()
	claimed, err := g.Store.ClaimRefresh(ctx, known, now, now.Add(-refreshFloor), now.Add(skewMax))
	if err != nil {
		return nil, fmt.Errorf("refresh: %w", err)
	}
	byChain := map[string]map[market.InstrumentID]bool{}
	for _, id := range claimed {
		chain := chains[id]
		if byChain[chain] == nil {
			byChain[chain] = map[market.InstrumentID]bool{}
		}
		byChain[chain][id] = true
	}
	for _, chain := range ChainNames() {
		if only := byChain[chain]; only != nil {
			if err := g.poll(ctx, chain, want{only: only}); err != nil {
				return nil, fmt.Errorf("refresh: %w", err)
			}
		}
	}
	slices.Sort(claimed)
	return claimed, nil
}
