package ingest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/provider"
)

// Bounds of a search. Somebody waits for it while typing.
const (
	findDeadline     = 3 * time.Second         // for all sources together; who is slower isn't waited for
	currencyDeadline = 1500 * time.Millisecond // more, to learn in which currencies it is quoted what they found
	findsAtOnceMax   = 16                      // on this node; beyond that people are asked to wait
	findTextMin      = 2                       // characters that sources are asked for: one letter is in every name
	foundMax         = 60                      // candidates; more nobody reads
	localMax         = 20                      // of ours
	answersKept      = 10 * time.Minute
	answersMax       = 1000           // answers that are remembered, of some kB each
	currencyKept     = 24 * time.Hour // a listing's currency hardly ever changes
	currenciesMax    = 10000
)

// Catalogue is what searches need of the store.
type Catalogue interface {
	// FindInstruments searches symbols, ISINs, names and what else instruments are and were called.
	FindInstruments(ctx context.Context, text string, limit int) ([]market.Instrument, error)
	// Listings are the instruments with any of these symbols or ISINs.
	Listings(ctx context.Context, symbols, isins []string) ([]market.Instrument, error)
	InstrumentAliases(ctx context.Context, ids []market.InstrumentID) (map[market.InstrumentID][]market.Alias, error)
}

// Directory is a source that knows instruments by identifiers of all schemes, and no prices.
type Directory interface {
	provider.Identifiers
	provider.Rationed
	Name() string
}

// Candidate is one listing that a search found.
type Candidate struct {
	market.Instrument                // without an ID where it is none of ours yet; Currency is empty where nobody said it
	Market            string         // its market's name for people, empty where it has none
	Sources           []string       // who knows it, in the order of the chains; empty where only we do
	Aliases           []market.Alias // of one of ours: what else it is and was called
	Company           string         // the same for all listings of one company, fund or coin
}

// Found is what a search came to.
type Found struct {
	Candidates []Candidate // those of one company one after the other
	Silent     []string    // sources that would have been asked and didn't answer
}

// finder remembers what sources answered to searches, and which of them not to search at for now.
type finder struct {
	places     chan struct{}
	answers    *memo[[]market.Instrument]
	currencies *memo[money.Currency]

	mutex  sync.Mutex
	paused map[string]pause // by source
}

func newFinder() *finder {
	return &finder{
		places: make(chan struct{}, findsAtOnceMax), answers: newMemo[[]market.Instrument](answersMax, answersKept),
		currencies: newMemo[money.Currency](currenciesMax, currencyKept), paused: map[string]pause{},
	}
}

// Find searches our instruments and, where asked to, all sources that can be searched, at the same time and for a few seconds.
// A source that fails costs its hits and nothing else. fault.Limited where too many search on this node.
func (g *Ingest) Find(ctx context.Context, text string) (Found, error) {
	text = strings.Join(strings.Fields(text), " ")
	q := newQuestion(text)
	select {
	case g.finder.places <- struct{}{}:
		defer func() { <-g.finder.places }()
	default:
		return Found{}, fault.New(fault.Limited, "Many people are searching at this moment. Try again in a few seconds.")
	}
	local, err := g.findLocally(ctx, q)
	if err != nil {
		return Found{}, fmt.Errorf("find instruments: %w", err)
	}
	if len([]rune(text)) < findTextMin {
		local, err = g.described(ctx, local)
		return Found{Candidates: local}, err
	}
	if err := g.learn(ctx); err != nil {
		return Found{}, fmt.Errorf("find instruments: %w", err)
	}
	hits, silent := g.findAtSources(ctx, q)
	if local, err = g.withListings(ctx, local, hits); err != nil {
		return Found{}, fmt.Errorf("find instruments: %w", err)
	}
	all := merge(local, hits)
	all = all[:min(len(all), foundMax)]
	g.fillCurrencies(ctx, all)
	if all, err = g.described(ctx, all); err != nil {
		return Found{}, err
	}
	return Found{Candidates: arrange(all, q), Silent: silent}, nil
}

// question is a search text with what it may be an identifier of.
type question struct {
	text    string
	ids     []market.Identifier
	isins   []string // that it is or is a part of, the likeliest first
	certain bool     // it is an identifier: its check digit is right
}

func newQuestion(text string) question {
	q := question{text: text, ids: market.ReadIdentifiers(text)}
	for _, id := range q.ids {
		q.certain = q.certain || id.Scheme != market.WKN
		q.isins = append(q.isins, id.ISINs()...)
	}
	return q
}

// texts are what a source is asked for: ISINs only where it knows them, and no words that are no name.
func (q question) texts(source string) []string {
	knows := source == provider.Yahoo || source == provider.Finnhub || source == provider.EODHD
	var texts []string
	if !q.certain {
		texts = append(texts, q.text)
	}
	if knows && len(q.isins) > 0 {
		texts = append(texts, q.isins[0]) // of two countries' the first: the other's OpenFIGI tells
	}
	return texts
}

// findLocally searches our own instruments for the text and for all identifiers that it may be.
func (g *Ingest) findLocally(ctx context.Context, q question) ([]Candidate, error) {
	if g.Catalogue == nil {
		return nil, nil
	}
	texts := []string{q.text}
	for _, id := range q.ids {
		texts = append(texts, id.Value)
	}
	texts = append(texts, q.isins...)
	var all []Candidate
	asked := map[string]bool{}
	for _, text := range texts {
		key := strings.ToLower(text)
		if asked[key] {
			continue
		}
		asked[key] = true
		found, err := g.Catalogue.FindInstruments(ctx, text, localMax)
		if err != nil {
			return nil, err
		}
		all = addOurs(all, found)
	}
	return all, nil
}

// withListings adds those of our instruments that sources found under what they call them.
func (g *Ingest) withListings(ctx context.Context, local []Candidate, hits []hit) ([]Candidate, error) {
	if g.Catalogue == nil || len(hits) == 0 {
		return local, nil
	}
	var symbols, isins []string
	for _, h := range hits {
		symbols = append(symbols, h.Symbol)
		if h.ISIN != "" {
			isins = append(isins, h.ISIN)
		}
	}
	ours, err := g.Catalogue.Listings(ctx, unique(symbols), unique(isins))
	if err != nil {
		return nil, err
	}
	ours = slices.DeleteFunc(ours, func(i market.Instrument) bool {
		return !slices.ContainsFunc(hits, func(h hit) bool { return matches(Candidate{Instrument: i}, h) })
	})
	return addOurs(local, ours), nil
}

func addOurs(all []Candidate, found []market.Instrument) []Candidate {
	for _, i := range found {
		if i.Class != market.FX && !slices.ContainsFunc(all, func(c Candidate) bool { return c.ID == i.ID }) {
			all = append(all, Candidate{Instrument: i})
		}
	}
	return all
}

// described adds the names of markets, and what else ours are called.
func (g *Ingest) described(ctx context.Context, all []Candidate) ([]Candidate, error) {
	var ids []market.InstrumentID
	for n, c := range all {
		if c.MIC != "" {
			all[n].Market = g.Sessions.Name(c.MIC)
		}
		if c.ID != "" {
			ids = append(ids, c.ID)
		}
	}
	if g.Catalogue == nil || len(ids) == 0 {
		return all, nil
	}
	aliases, err := g.Catalogue.InstrumentAliases(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("find instruments: %w", err)
	}
	for n, c := range all {
		all[n].Aliases = aliases[c.ID]
	}
	return all, nil
}

func unique(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

// arrange puts the listings of one company together: what was meant exactly first, then as it came.
func arrange(all []Candidate, q question) []Candidate {
	groupCompanies(all)
	first := map[string]int{}
	exact := map[string]bool{}
	for n, c := range all {
		if _, seen := first[c.Company]; !seen {
			first[c.Company] = n
		}
		if strings.EqualFold(c.Symbol, q.text) || slices.Contains(q.isins, c.ISIN) {
			exact[c.Company] = true
		}
	}
	rank := func(c Candidate) int {
		if exact[c.Company] {
			return 0
		}
		return 1
	}
	known := func(c Candidate) int {
		if c.ID != "" {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(first[a.Company], first[b.Company]), cmp.Compare(known(a), known(b)))
	})
	return all
}

// memo remembers boundedly many answers for a while. It is safe for many goroutines.
type memo[V any] struct {
	max  int
	kept time.Duration

	mutex sync.Mutex
	byKey map[string]remembered[V]
}

type remembered[V any] struct {
	value V
	until time.Time
}

func newMemo[V any](most int, kept time.Duration) *memo[V] {
	return &memo[V]{max: most, kept: kept, byKey: map[string]remembered[V]{}}
}

func (m *memo[V]) get(key string, now time.Time) (value V, ok bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	r, ok := m.byKey[key]
	return r.value, ok && r.until.After(now) && r.until.Sub(now) <= m.kept
}

// put remembers a value. Where there is no room, what is over goes, then an eighth of all, whatever it is.
func (m *memo[V]) put(key string, value V, now time.Time) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if len(m.byKey) >= m.max {
		for k, r := range m.byKey {
			if !r.until.After(now) {
				delete(m.byKey, k)
			}
		}
		for k := range m.byKey {
			if len(m.byKey) <= m.max-m.max/8-1 {
				break
			}
			delete(m.byKey, k)
		}
	}
	m.byKey[key] = remembered[V]{value, now.Add(m.kept)}
}

// CheckPage says in one sentence what is wrong with the address of a page that prices are read from, nil where it can be asked.
func CheckPage(name string) error { return provider.CheckPage(name) }

// PageSource is the source of prices on pages that people name.
const PageSource = provider.HTTP
