// Package ingest brings prices in: it knows when to ask which source, and which of the answers to believe.
//
// It owns the poll of every chain (which instruments are due, who is asked, who is asked next), the circuit in front of each
// source, the checks that a price passes before it is stored, what is held back, and the upkeep of history. A price that is
// pushed, such as the demo's, passes the same checks. It never decodes a source's format and never values anything.
//
//	due ──> first source ──> check ──┬─> accepted ──> stored ──> hint to all nodes
//	           │ no answer           ├─> held back until a second source, the next poll or an administrator says the same
//	           └──> next source      ├─> repeated, older: dropped
//	                                 └─> refused: the next source is asked
//
// What nodes have to agree on is in the store: which slot was polled, what was asked for when, what is left of a source's
// quotas, which source is to be left alone, what it refuses, what is held back. One conditional change each decides; no node
// holds a lock.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"folioscope/internal/jobs"
	"folioscope/internal/market"
	"folioscope/internal/provider"
)

// The chains, one for each kind of instrument.
const (
	ChainStock  = "stock" // stocks, ETFs, bonds and whatever else an exchange trades
	ChainFund   = "fund"
	ChainFX     = "fx"
	ChainCrypto = "crypto"
)

// ChainNames are all chains, in the order in which they are shown.
func ChainNames() []string { return []string{ChainStock, ChainFund, ChainFX, ChainCrypto} }

// ChainOf is the chain that an asset class belongs to.
func ChainOf(class market.Class) string {
	switch class {
	case market.Fund:
		return ChainFund
	case market.FX:
		return ChainFX
	case market.Crypto:
		return ChainCrypto
	default:
		return ChainStock
	}
}

// Publisher tells all nodes of accepted prices: a hint, which may be lost.
type Publisher interface {
	// QuotesAccepted says that the quotes' journal went from previous to sequence by these marks.
	QuotesAccepted(ctx context.Context, sequence, previous int64, marks []market.Mark) error
	// ClosesChanged says that closes of past days changed.
	ClosesChanged(ctx context.Context) error
}

// Upkeep is work of the store's that has to be done once a day.
type Upkeep struct {
	Name string // such as "answers": the job is called upkeep.answers
	Do   func(ctx context.Context, now time.Time) error
}

// Options of New.
type Options struct {
	Store     Store
	Publisher Publisher
	Sessions  market.Sessions
	Log       *slog.Logger
	Chains    map[string][]provider.Provider // by ChainNames; only sources that are switched on, the first choice first
	Limits    map[string]Limits              // by a source's name: what the operator allows instead of what it grants by itself
	Settings  []Setting                      // of all sources that there are, for who looks after them; those of Chains where nil
	Interval  time.Duration                  // between polls
	Upkeep    []Upkeep
	Now       func() time.Time // nil: the system's clock
	Random    func() float64   // in [0, 1), for the waits before a call is made again; nil: whatever comes
	Catalogue Catalogue        // nil: searches know nothing of ours
	Directory Directory        // nil: searches for identifiers ask sources of prices only

	QuotesKept time.Duration // how long quotes are kept as they came; 0: a week
}

// Ingest polls the sources and checks what they say. Its methods may be called from many goroutines.
type Ingest struct {
	Options
	frankfurt *time.Location
	nav       navPlaces
	gates     map[string]*gate      // by source
	polling   map[string]*turnstile // by chain
	filling   sync.Mutex            // held by a run of Backfill
	warned    warned
	tallies   *tallies
	meter     *meter
	looked    outlook
	tried     *times // when a source was last tested, by its name
	finder    *finder

	settling sync.Mutex // one batch is judged and stored at a time, so that two don't judge by the same past
	book     book
	refused  map[market.InstrumentID][]Held // by administrators, not long ago; guarded by settling
	untold   atomic.Bool                    // closes changed, and no node was told yet

	instruments struct {
		mutex  sync.Mutex
		loaded time.Time
		byID   map[market.InstrumentID]market.Instrument // replaced whole, never changed
	}
}

// turnstile lets one poll of a chain through at a time: one that takes longer than the interval isn't doubled.
type turnstile struct {
	full sync.Mutex    // held by a poll of all that is due
	any  chan struct{} // holds one thing while somebody asks
}

// New makes an Ingest that does nothing until its jobs run or prices are offered.
func New(options Options) (*Ingest, error) {
	frankfurt, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		return nil, fmt.Errorf("load the zone of the ECB: %w", err)
	}
	nav, err := newNAVPlaces(frankfurt)
	if err != nil {
		return nil, err
	}
	if options.Random == nil {
		options.Random = rand.Float64
	}
	if options.QuotesKept == 0 {
		options.QuotesKept = quotesKeptFor
	}
	g := &Ingest{
		Options: options, frankfurt: frankfurt, nav: nav, gates: map[string]*gate{}, polling: map[string]*turnstile{},
		warned: warned{on: map[string]market.Date{}}, tallies: newTallies(), meter: newMeter(), tried: newTimes(), finder: newFinder(), book: newBook(),
	}
	for name, chain := range options.Chains {
		if !slices.Contains(ChainNames(), name) {
			return nil, fmt.Errorf("no chain is called %q", name)
		}
		g.polling[name] = &turnstile{any: make(chan struct{}, 1)}
		for _, source := range chain {
			if g.gates[source.Name()] == nil {
				g.gates[source.Name()] = &gate{source: source, circuit: newCircuit(), ration: rationOf(source, options.Limits[source.Name()])}
			}
		}
	}
	if d := options.Directory; d != nil && g.gates[d.Name()] == nil {
		source := directory{d}
		g.gates[d.Name()] = &gate{source: source, circuit: newCircuit(), ration: rationOf(source, options.Limits[d.Name()])}
	}
	return g, nil
}

// now is the time by this node's clock.
func (g *Ingest) now() time.Time {
	if g.Now != nil {
		return g.Now()
	}
	return time.Now()
}

// Bounds of the jobs' runs. A poll waits for sources that want to be asked slowly; what it doesn't reach comes first next time.
const (
	pollTimeout     = 5 * time.Minute
	endSlotTimeout  = 10 * time.Second // beyond a poll that was cut short
	backfillTimeout = 5 * time.Minute
	upkeepTimeout   = 10 * time.Minute
	newcomersEvery  = time.Minute // somebody who enters a first purchase waits for its price and its chart
	upkeepEvery     = 24 * time.Hour
	foldEvery       = time.Hour
	quotesKeptFor   = 7 * 24 * time.Hour  // as they came, before they become daily bars
	heldKeptFor     = 30 * 24 * time.Hour // after their wait ended
)

// Kinds are the jobs of this package: a poll of each chain in every slot, a look at what is new, and daily upkeep.
func (g *Ingest) Kinds() []jobs.Kind {
	var kinds []jobs.Kind
	for _, chain := range ChainNames() {
		kinds = append(kinds, jobs.Kind{
			Name: "poll." + chain, Every: g.Interval, Timeout: pollTimeout,
			Work: g.inSlot("poll."+chain, g.Interval, func(ctx context.Context) error { return g.Poll(ctx, chain) }),
		})
	}
	kinds = append(kinds,
		jobs.Kind{Name: "poll.new", Every: min(newcomersEvery, g.Interval), Timeout: pollTimeout,
			Work: func(ctx context.Context, _ jobs.Job) error { return g.PollNew(ctx) }},
		jobs.Kind{Name: "history.backfill", Every: min(newcomersEvery, g.Interval), Timeout: backfillTimeout,
			Work: func(ctx context.Context, _ jobs.Job) error { return g.Backfill(ctx) }},
		jobs.Kind{Name: "history.fold", Every: foldEvery, Timeout: upkeepTimeout,
			Work: func(ctx context.Context, _ jobs.Job) error { return g.Fold(ctx) }},
	)
	for _, task := range g.Upkeep {
		kinds = append(kinds, jobs.Kind{Name: "upkeep." + task.Name, Every: upkeepEvery, Timeout: upkeepTimeout,
			Work: func(ctx context.Context, _ jobs.Job) error { return task.Do(ctx, time.Now()) }})
	}
	return kinds
}

// inSlot is work that is done once in each slot, by whichever node comes first. Jobs are unique in their slots already; this
// holds where clocks differ, and where a job is taken up again by another node.
func (g *Ingest) inSlot(name string, every time.Duration, do func(ctx context.Context) error) func(context.Context, jobs.Job) error {
	return func(ctx context.Context, _ jobs.Job) error {
		now := g.now()
		slot := now.Truncate(every)
		ours, err := g.Store.ClaimSlot(ctx, name, slot, now, now.Add(pollTimeout), now.Add(every+skewMax))
		if err != nil {
			return fmt.Errorf("claim a slot of %s: %w", name, err)
		}
		if !ours {
			g.Log.Debug("slot left to another node", "poll", name, "slot", slot)
			return nil
		}
		began := g.now()
		err = do(ctx)
		g.meter.slot(name, began.Sub(slot), g.now().Sub(began))
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), endSlotTimeout)
		defer cancel()
		if ended := g.Store.EndSlot(ending, name, slot, err == nil && ctx.Err() == nil); ended != nil && err == nil {
			err = fmt.Errorf("end a slot of %s: %w", name, ended)
		}
		return err
	}
}

// Status is how one source is doing, as this node sees it.
type Status struct {
	Name        string
	Chains      []string // the chains that name it
	Circuit     string   // closed (asked as usual), open (left alone), half-open (one call tries it out)
	LastSuccess time.Time
	LastFailure time.Time
	Outcome     provider.Outcome // of the last failure; empty where there was none
	NextTry     time.Time        // zero where it may be asked now
	Spent       string           // the span whose quota is spent: minute, hour, day or month; empty where there is room
	Calls       int64            // since the node started
	Failures    int64
}

// Status lists every source by name.
func (g *Ingest) Status() []Status {
	all := make([]Status, 0, len(g.gates))
	now := g.now()
	for name, gate := range g.gates {
		status := gate.circuit.status(now)
		status.Name = name
		if span, until, spent := gate.spent(now); spent {
			status.Spent, status.NextTry = span.String(), later(status.NextTry, until)
		}
		for _, chain := range ChainNames() {
			if slices.ContainsFunc(g.Chains[chain], func(p provider.Provider) bool { return p.Name() == name }) {
				status.Chains = append(status.Chains, chain)
			}
		}
		all = append(all, status)
	}
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Fold turns quotes that were kept long enough into daily bars, and forgets what sources refused and what was held back long ago.
func (g *Ingest) Fold(ctx context.Context) error {
	now := g.now()
	folded, err := g.Store.FoldQuotes(ctx, now.Add(-g.QuotesKept))
	g.untold.Store(true) // perhaps: it doesn't say
	g.tellCloses(ctx)
	if err != nil {
		return fmt.Errorf("fold quotes: %w", err)
	}
	if err := errors.Join(g.Store.PruneRefusals(ctx, now), g.Store.PruneHeld(ctx, now.Add(-heldKeptFor)),
		g.Store.PruneTallies(ctx, now.Add(-tallyKept))); err != nil {
		return fmt.Errorf("forget what is over: %w", err)
	}
	g.Log.Info("quotes folded into daily bars", "quotes", folded)
	return nil
}

// times remembers when something was done for each instrument. It forgets with the process: then it is done once more.
type times struct {
	mutex sync.Mutex
	at    map[market.InstrumentID]time.Time
}

func newTimes() *times { return &times{at: map[market.InstrumentID]time.Time{}} }

// claim sets a time unless one was set less than a while before.
func (t *times) claim(id market.InstrumentID, at time.Time, floor time.Duration) bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if last := t.at[id]; !last.IsZero() && at.Sub(last).Abs() < floor {
		return false
	}
	t.at[id] = at
	return true
}
