package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/provider"
)

// How long a source isn't searched at after it didn't answer. Prices aren't concerned: its search may be down alone.
const (
	searchPause      = 30 * time.Second
	searchDriftPause = 10 * time.Minute // a shape that isn't known won't be soon
	searchPlanPause  = time.Hour        // a plan that doesn't cover searching hardly will today
	ownPaceMax       = 10 * time.Second // a wait that is this short is our own politeness, and nothing that failed
)

// searchShare is what searches leave of a source's hour, day and month to its prices: nobody's typing shall leave holdings unpriced.
const searchShare = 2

// hit is what a source found.
type hit struct {
	market.Instrument
	source string
}

// directory stands for a source that knows identifiers and no prices where a gate wants a source.
type directory struct{ Directory }

// Classes are none: nothing is priced here.
func (directory) Classes() []market.Class { return nil }

// BatchMax is one.
func (directory) BatchMax() int { return 1 }

// Latest says that it has no prices.
func (d directory) Latest(context.Context, []string, time.Time) (provider.Batch, error) {
	return provider.Batch{}, &provider.Error{Provider: d.Name(), Outcome: provider.NotEntitled, Cause: errors.New("a directory has no prices")}
}

// searchers are the sources that can be searched, in the order of the chains.
func (g *Ingest) searchers() []*gate {
	var all []*gate
	for _, chain := range ChainNames() {
		for _, source := range g.Chains[chain] {
			t := g.gates[source.Name()]
			if _, ok := source.(provider.Searcher); ok && !slices.Contains(all, t) {
				all = append(all, t)
			}
		}
	}
	return all
}

// findAtSources asks all at the same time, each through its gate, and gives what came in time: in the order of the chains, what
// the directory knows last. Whoever asked may have gone meanwhile; the answers are remembered for the next.
func (g *Ingest) findAtSources(ctx context.Context, q question) (hits []hit, silent []string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), findDeadline)
	defer cancel()
	gates := g.searchers()
	type asking struct {
		t   *gate
		ask func(context.Context) ([]market.Instrument, error)
		key string
	}
	var all []asking
	for _, t := range gates {
		for _, text := range q.texts(t.source.Name()) {
			searcher := t.source.(provider.Searcher) // as searchers saw to
			all = append(all, asking{t, func(ctx context.Context) ([]market.Instrument, error) {
				found, err := searcher.Search(ctx, text)
				return withISIN(found, q, text), err
			}, text})
		}
	}
	if g.Directory != nil && len(q.ids) > 0 {
		all = append(all, asking{g.gates[g.Directory.Name()], func(ctx context.Context) ([]market.Instrument, error) { return g.identify(ctx, q) }, q.text})
	}
	answers, failed := make([][]market.Instrument, len(all)), make([]bool, len(all))
	var group sync.WaitGroup
	bySource := map[*gate][]int{}
	for n, a := range all {
		bySource[a.t] = append(bySource[a.t], n)
	}
	for t, mine := range bySource {
		group.Go(func() {
			for _, n := range mine { // one after the other: sources count connections
				var err error
				if answers[n], err = g.search(ctx, t, all[n].key, all[n].ask); err != nil {
					failed[n] = true
				}
			}
		})
	}
	group.Wait()
	for n, a := range all {
		name := a.t.source.Name()
		for _, i := range answers[n] {
			hits = append(hits, hit{coin(i), name})
		}
		if failed[n] && !slices.Contains(silent, name) {
			silent = append(silent, name)
		}
	}
	return hits, silent
}

// withISIN notes the ISIN that was asked for in what was found by it: sources that search by ISIN find that alone.
func withISIN(found []market.Instrument, q question, text string) []market.Instrument {
	if !slices.Contains(q.isins, text) {
		return found
	}
	for n, i := range found {
		if i.ISIN == "" && i.Class != market.Crypto {
			found[n].ISIN = text
		}
	}
	return found
}

// search asks a source through its gate, unless it answered the same a moment ago. Its error says only that there is no answer;
// a source whose plan has no search, or that doesn't know the text, has answered.
func (g *Ingest) search(ctx context.Context, t *gate, text string, ask func(context.Context) ([]market.Instrument, error)) ([]market.Instrument, error) {
	name := t.source.Name()
	key := name + "\n" + strings.ToLower(text)
	if found, ok := g.finder.answers.get(key, g.now()); ok {
		return found, nil
	}
	outcome, paused := g.finder.pausedBy(name, g.now())
	if paused {
		if outcome == provider.NotEntitled {
			return nil, nil
		}
		return nil, errOpen
	}
	if err := g.passSearch(ctx, t); err != nil {
		if !errors.Is(err, errOpen) {
			g.Log.Warn("a search was not counted", "source", name, "error", err)
		}
		return nil, err
	}
	trial := t.circuit.needsTrial()
	found, err := g.searchSafely(ctx, name, ask)
	outcome = provider.OutcomeOf(err)
	g.reportSearch(ctx, t, trial, err)
	switch {
	case err == nil || outcome == provider.UnknownSymbol || outcome == provider.Empty:
		found = found[:min(len(found), foundMax)]
		g.finder.answers.put(key, found, g.now())
		return found, nil
	case outcome == provider.NotEntitled:
		g.finder.pause(name, outcome, g.now().Add(searchPlanPause))
		return nil, nil
	case outcome == provider.SchemaDrift:
		g.finder.pause(name, outcome, g.now().Add(searchDriftPause))
	case outcome.RateLimited() && retryAfter(err) > 0:
		g.finder.pause(name, outcome, g.now().Add(retryAfter(err)))
	default:
		g.finder.pause(name, outcome, g.now().Add(searchPause))
	}
	g.Log.Info("a source was not searched", "source", name, "outcome", outcome)
	return nil, err
}

// reportSearch takes in what a search says of the source. That it was too slow for who types, or has another shape than we know,
// says nothing of its prices, unless the call was the trial of a source that failed before.
func (g *Ingest) reportSearch(ctx context.Context, t *gate, trial bool, err error) {
	outcome := provider.OutcomeOf(err)
	ownPace := outcome.RateLimited() && retryAfter(err) > 0 && retryAfter(err) <= ownPaceMax
	slow := outcome == provider.Transient && ctx.Err() != nil
	switch {
	case trial || err == nil:
		g.report(context.WithoutCancel(ctx), t, err)
	case ownPace:
		t.circuit.leaveAlone(g.now().Add(retryAfter(err)))
		g.tallies.ended(t.source.Name(), g.now(), outcome)
	case slow, outcome == provider.SchemaDrift:
		g.tallies.ended(t.source.Name(), g.now(), outcome)
	default:
		g.report(context.WithoutCancel(ctx), t, err)
	}
}

// passSearch lets one search through where the source may be asked and has more left of its hour, day and month than its prices
// may need; else it gives errOpen.
func (g *Ingest) passSearch(ctx context.Context, t *gate) error {
	if t.ration.limited {
		used, err := g.Store.QuotasUsed(ctx)
		if err != nil {
			return fmt.Errorf("read the quota of %s: %w", t.source.Name(), err)
		}
		for span, s := range t.ration.spend(load{requests: 1, names: 1}, g.now()) {
			if Span(span) != Minute && used[t.source.Name()][span].In(s)*searchShare >= s.Max {
				return errOpen
			}
		}
	}
	return g.pass(ctx, t)
}

// searchSafely is one search. A panic in a decoder, which reads what strangers wrote, is that source's failure.
func (g *Ingest) searchSafely(ctx context.Context, source string, ask func(context.Context) ([]market.Instrument, error)) (found []market.Instrument, err error) {
	defer func() {
		if value := recover(); value != nil {
			g.Log.Error("source panicked", "source", source, "panic", fmt.Sprint(value))
			found, err = nil, &provider.Error{Provider: source, Outcome: provider.SchemaDrift, Cause: errors.New("panicked")}
		}
	}()
	return ask(ctx)
}

// pausedBy says whether a source isn't searched at for now, and why.
func (f *finder) pausedBy(source string, now time.Time) (Outcome, bool) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	p := f.paused[source]
	return p.outcome, p.until.After(now) && p.until.Sub(now) <= untilMax
}

func (f *finder) pause(source string, outcome Outcome, until time.Time) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.paused[source] = pause{outcome, until}
}

// pause is why and until when a source isn't searched at.
type pause struct {
	outcome Outcome
	until   time.Time
}

// identify asks the directory which listings the identifiers stand for.
func (g *Ingest) identify(ctx context.Context, q question) ([]market.Instrument, error) {
	wanted := make([]provider.Identifier, len(q.ids))
	for n, id := range q.ids {
		wanted[n] = provider.Identifier{Kind: provider.IdentifierKind(id.Scheme), Value: id.Value}
	}
	found, _, err := g.Directory.Identify(ctx, wanted)
	if err != nil {
		return nil, err
	}
	var all []market.Instrument
	for n, listings := range found {
		for _, l := range provider.OnMarkets(listings) {
			i := market.Instrument{Symbol: strings.ReplaceAll(l.Ticker, "/", "."), MIC: l.MIC, Name: l.Name, Class: l.Class}
			if q.ids[n].Scheme == market.ISIN {
				i.ISIN = q.ids[n].Value
			}
			all = append(all, i)
		}
	}
	return all, nil
}

// fillCurrencies asks for the latest prices of candidates whose currency nobody told, to see in which they are: one request at most
// to each source that takes many names at once. What is left stays empty.
func (g *Ingest) fillCurrencies(ctx context.Context, all []Candidate) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), currencyDeadline)
	defer cancel()
	wanted := map[*gate]map[string][]int{}
	for n, c := range all {
		if c.ID != "" || c.Currency != "" {
			continue
		}
		for _, source := range g.Chains[ChainOf(c.Class)] {
			name, ok := provider.NameFor(source.Name(), c.Instrument)
			if !ok || !slices.Contains(source.Classes(), c.Class) {
				continue
			}
			if unit, known := g.finder.currencies.get(source.Name()+"\n"+name, g.now()); known {
				all[n].Currency = unit
				break
			}
			t := g.gates[source.Name()]
			if source.BatchMax() < 2 || t.ration.windows[Day].perName {
				continue // a request for each would cost more than it is worth before anything is chosen
			}
			if wanted[t] == nil {
				wanted[t] = map[string][]int{}
			}
			wanted[t][name] = append(wanted[t][name], n)
			break
		}
	}
	var group sync.WaitGroup
	for t, byName := range wanted {
		group.Go(func() {
			for name, unit := range g.currencies(ctx, t, byName) {
				for _, n := range byName[name] {
					all[n].Currency = unit
				}
			}
		})
	}
	group.Wait()
}

// currencies asks a source for one batch of names and gives the currencies of those that it knows.
func (g *Ingest) currencies(ctx context.Context, t *gate, byName map[string][]int) map[string]money.Currency {
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return byName[a][0] - byName[b][0] }) // what stands first is asked for first
	names = names[:min(len(names), t.source.BatchMax())]
	if g.passSearch(ctx, t) != nil {
		return nil
	}
	trial := t.circuit.needsTrial()
	answer, err := g.once(ctx, t.source, names)
	if err == nil {
		err = whole(answer)
	}
	g.reportSearch(ctx, t, trial, err)
	found := map[string]money.Currency{}
	for _, quote := range answer.Quotes {
		if quote.HasCurrency && slices.Contains(names, quote.Name) {
			found[quote.Name] = quote.Unit.Currency
			g.finder.currencies.put(t.source.Name()+"\n"+quote.Name, quote.Unit.Currency, g.now())
		}
	}
	return found
}

// CurrencyOf asks the sources of an instrument's chain, one after the other, in which currency it is quoted; empty where none says so
// in time.
func (g *Ingest) CurrencyOf(ctx context.Context, i market.Instrument) money.Currency {
	ctx, cancel := context.WithTimeout(ctx, findDeadline)
	defer cancel()
	for _, source := range g.Chains[ChainOf(i.Class)] {
		name, ok := provider.NameFor(source.Name(), i)
		if !ok || !slices.Contains(source.Classes(), i.Class) {
			continue
		}
		if unit, known := g.finder.currencies.get(source.Name()+"\n"+name, g.now()); known {
			return unit
		}
		if unit := g.currencies(ctx, g.gates[source.Name()], map[string][]int{name: {0}})[name]; unit != "" {
			return unit
		}
	}
	return ""
}
