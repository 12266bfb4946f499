package ingest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/provider"
)

// Setting is what the operator set for a source.
type Setting struct {
	Name     string
	Enabled  bool
	NeedsKey bool
	HasKey   bool
}

// Bounds of what is listed, for a page that a person reads; counts go on beyond them.
const (
	unservedListedMax = 100
	horizonWarned     = 60 // days before a calendar ends
)

// SourceHealth is how one source is doing. Today is the last 24 hours to the full hour, of all nodes together.
type SourceHealth struct {
	Status  // Calls and Failures are this node's since it started
	Setting Setting
	Pushed  bool           // it sends prices by itself; nobody asks it
	Places  map[string]int // its place in each chain that names it, from 1
	Quotas  []QuotaLeft
	Today   Tally

	Serves   int // instruments whose price comes from it now
	StandsIn int // of those, in the place of a source before it
	Replaced int // instruments whose price should come from it and comes from another
	Refused  int // names that it doesn't know or doesn't give
}

// Horizon is the last day for which the days off of a market are known.
type Horizon struct {
	MIC, Name   string
	Last        market.Date // NoDate where they aren't known at all
	Instruments int         // that are held
}

// Health is how all sources are doing, and what no source does.
type Health struct {
	Sources  []SourceHealth // by name, those that are switched off included
	Unserved []market.Instrument
	// UnservedCount is of all, Unserved of the first 100 by symbol.
	UnservedCount int
	Horizons      []Horizon // of the calendars that end within 60 days, the first to end first
	Held          int       // prices that wait
	Open          int       // instruments with a price that trade now: nothing is expected of the others
	Stale         int       // of those, the ones whose price is older than market.StaleAfter
}

// Health looks at the sources, as all nodes know them.
func (g *Ingest) Health(ctx context.Context) (Health, error) {
	wanted, err := g.Store.Wanted(ctx)
	if err != nil {
		return Health{}, fmt.Errorf("health: read what is wanted: %w", err)
	}
	if err := g.catchUp(ctx); err != nil {
		return Health{}, fmt.Errorf("health: %w", err)
	}
	if err := g.learn(ctx); err != nil {
		return Health{}, fmt.Errorf("health: %w", err)
	}
	if err := g.learnQuotas(ctx); err != nil {
		return Health{}, fmt.Errorf("health: read the quotas: %w", err)
	}
	today, err := g.today(ctx)
	if err != nil {
		return Health{}, fmt.Errorf("health: %w", err)
	}
	now := g.now()
	all := g.sourcesHealth(today, now)
	h := Health{Horizons: g.horizons(wanted, now)}
	for _, i := range wanted {
		g.attribute(all, i, now)
		g.age(&h, i, now)
		if len(g.Chains) > 0 && !g.servable(i, now) {
			h.Unserved = append(h.Unserved, i)
		}
	}
	slices.SortFunc(h.Unserved, func(a, b market.Instrument) int {
		return cmp.Or(strings.Compare(a.Symbol, b.Symbol), cmp.Compare(a.ID, b.ID))
	})
	h.UnservedCount = len(h.Unserved)
	h.Unserved = h.Unserved[:min(len(h.Unserved), unservedListedMax)]
	for _, name := range keysOf(all) {
		h.Sources = append(h.Sources, *all[name])
	}
	return h, nil
}

// sourcesHealth is what is known of the sources before anybody looks at instruments.
func (g *Ingest) sourcesHealth(today map[string]Tally, now time.Time) map[string]*SourceHealth {
	all := map[string]*SourceHealth{}
	for _, status := range g.Status() {
		t := g.gates[status.Name]
		h := &SourceHealth{Status: status, Setting: Setting{Name: status.Name, Enabled: true}, Places: map[string]int{}, Quotas: t.quotas(now), Today: today[status.Name]}
		t.mutex.Lock()
		for _, r := range t.refused {
			if r.Until.After(now) {
				h.Refused++
			}
		}
		t.mutex.Unlock()
		for chain, sources := range g.Chains {
			if at := slices.IndexFunc(sources, func(p provider.Provider) bool { return p.Name() == status.Name }); at >= 0 {
				h.Places[chain] = at + 1
			}
		}
		all[status.Name] = h
	}
	for _, setting := range g.Settings {
		if all[setting.Name] == nil {
			all[setting.Name] = &SourceHealth{Status: Status{Name: setting.Name}, Places: map[string]int{}}
		}
		setting.Enabled = setting.Enabled || g.gates[setting.Name] != nil
		all[setting.Name].Setting = setting
	}
	return all
}

// attribute counts an instrument for the source that serves it, and for the one that should.
func (g *Ingest) attribute(all map[string]*SourceHealth, i market.Instrument, now time.Time) {
	mark := g.book.mark(i.ID)
	if mark == nil {
		return
	}
	h := all[mark.Source]
	if h == nil {
		h = &SourceHealth{Status: Status{Name: mark.Source}, Setting: Setting{Name: mark.Source, Enabled: true}, Pushed: true, Places: map[string]int{}}
		all[mark.Source] = h
	}
	h.Serves++
	if h.Pushed {
		h.LastSuccess = later(h.LastSuccess, mark.ObservedAt)
	}
	first, ok := g.firstOf(ChainOf(i.Class), i, now)
	if !mark.Fallback || !ok || first.Name() == mark.Source {
		return
	}
	h.StandsIn++
	all[first.Name()].Replaced++
}

// age counts an instrument by how its price is now.
func (g *Ingest) age(h *Health, i market.Instrument, now time.Time) {
	mark := g.book.mark(i.ID)
	if mark == nil {
		return
	}
	if mark.HeldBack != nil {
		h.Held++
	}
	traded := i.Class != market.Fund && i.Class != market.FX // these have one price a day
	if !traded || mark.Source == market.SourceManual || !g.Sessions.At(i.MIC, now).Open {
		return
	}
	h.Open++
	if market.StateOf(*mark, i, g.Sessions, now) == market.StateStale {
		h.Stale++
	}
}

// horizons are the calendars of held instruments that end soon, or have ended.
func (g *Ingest) horizons(wanted []market.Instrument, now time.Time) []Horizon {
	bounded, ok := g.Sessions.(interface{ Horizon(mic string) market.Date })
	if !ok {
		return nil
	}
	limit := market.DateOf(now.UTC()) + horizonWarned
	byMIC := map[string]*Horizon{}
	for _, i := range wanted {
		if i.MIC == "" {
			continue
		}
		if byMIC[i.MIC] == nil {
			byMIC[i.MIC] = &Horizon{MIC: i.MIC, Name: g.Sessions.Name(i.MIC), Last: bounded.Horizon(i.MIC)}
		}
		byMIC[i.MIC].Instruments++
	}
	var out []Horizon
	for _, h := range byMIC {
		if h.Last < limit {
			out = append(out, *h)
		}
	}
	slices.SortFunc(out, func(a, b Horizon) int { return cmp.Or(cmp.Compare(a.Last, b.Last), strings.Compare(a.MIC, b.MIC)) })
	return out
}
