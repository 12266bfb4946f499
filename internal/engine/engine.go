// Package engine evaluates alert rules: on every accepted price, in the order of the quotes' journal, and on time.
//
// It owns which node evaluates whose rules, what each rule has seen, and that a firing is settled once: with its log and what is told
// of it in one transaction, whatever node, restart or replay comes to the same. It decides nothing about a rule, which alert does, and
// sends nothing, which notify does. What it holds in memory can be rebuilt from the store: hints make it quicker, a cursor makes it
// whole.
//
//	claim ─▶ partitions ─▶ owners' rules, from where they were settled
//	quotes' journal ─▶ rules of that instrument ─▶ alert.Step ─┐
//	portfolios that hold what changed ─▶ facts ─▶ alert.Step ──┼─▶ one transaction for each owner
//	time ─▶ alert.Tick ────────────────────────────────────────┘
//
// One goroutine, the loop, has all that is in memory and does no I/O. Workers read and write, and hand it what it has to know.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"folioscope/internal/alert"
	"folioscope/internal/bus"
	"folioscope/internal/event"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

// Bounds and times.
const (
	claimInterval   = 2 * time.Second  // a node that comes or goes is noticed within, and prices and rules that no hint told of
	leaseClaims     = 3                // a node that didn't claim for so many intervals has lost its partitions: to others within 8 s, who have 2 more to load
	leaseAheadMax   = time.Hour        // a lease beyond was taken by a wrong clock
	revalueInterval = 5 * time.Minute  // of portfolios: for changes that no hint told of, and for what a new day makes of them
	handOverMax     = 3                // claims in a row that a partition is kept for what is on its way to the store, though it falls to another node
	occurInterval   = 30               // intervals between two looks for dividends, stale prices, failed imports and sign-ins: a minute
	tickInterval    = 8                // intervals between two looks at what time alone does, such as that prices grow stale: 16 s
	workTimeout     = 30 * time.Second // of one read or write
	leaveTimeout    = 5 * time.Second  // to give leases back when told to end
	retryMax        = time.Minute      // after an owner's rules could not be read or settled; the first time it is one interval
	troubleMax      = time.Hour        // so long an owner in trouble keeps the cursor back for a replay

	quotesPage  = 1000   // read at once
	quotesKept  = 20_000 // in memory, for rules that are loaded meanwhile; some megabytes
	ownersChunk = 100    // loaded with one pass over the quotes' journal
	hintsMax    = 1000   // owners of changed rules in line; beyond, all are asked for
	loadersMax  = 2      // chunks of owners read at once
	settlersMax = 4      // owners settled at once
	valuersMax  = 2      // portfolios valued at once
)

// Store is what the engine needs of the truth.
type Store interface {
	// ClaimPartitions says that a node is here, renews what it holds, gives back what falls to another node and takes what falls to it and is
	// free. It gives all that the node holds then.
	ClaimPartitions(ctx context.Context, c Claim) ([]Lease, error)
	// ReleasePartitions gives back whatever a node holds.
	ReleasePartitions(ctx context.Context, node string) error
	// SaveCursors notes how far partitions are settled. A lease that was lost meanwhile, or a cursor that would go back, changes nothing.
	SaveCursors(ctx context.Context, leases []Lease) error
	// ChangedOwners lists the owners of a partition whose rules changed after a sequence, rising by it.
	ChangedOwners(ctx context.Context, partition int, after int64) ([]Changed, error)

	// Rules are an owner's, with how they stand.
	Rules(ctx context.Context, owner ledger.OwnerID) ([]alert.Kept, error)
	// SettleAlerts settles what it can of one owner's rules and says what: a rule that changed meanwhile, or a lost lease, isn't settled.
	SettleAlerts(ctx context.Context, lease Lease, owner ledger.OwnerID, settlements []Settlement) ([]bool, error)
	// Occurred says whether a rule was told of an occurrence.
	Occurred(ctx context.Context, owner ledger.OwnerID, rule alert.RuleID, occurrence string) (bool, error)

	// CurrentSequence is the newest of the quotes' journal, QuotesAfter a page of it, LastQuote an instrument's last one up to a sequence.
	CurrentSequence(ctx context.Context) (int64, error)
	QuotesAfter(ctx context.Context, sequence int64, limit int) ([]Quote, error)
	LastQuote(ctx context.Context, instrument market.InstrumentID, through int64) (*Quote, error)
	// MarksOf are the newest marks; instruments without one are left out.
	MarksOf(ctx context.Context, ids []market.InstrumentID) (map[market.InstrumentID]market.Mark, error)
	// Instruments leaves out what it doesn't know.
	Instruments(ctx context.Context, ids []market.InstrumentID) ([]market.Instrument, error)
	// Portfolios are an owner's own.
	Portfolios(ctx context.Context, owner ledger.OwnerID) ([]ledger.Portfolio, error)
}

// Options are what an Engine is made of.
type Options struct {
	Store Store
	Bus   bus.Bus

	Portfolios Portfolios
	Keeper     *Keeper                                                                           // of what portfolios are worth, who runs beside the engine; nil: Portfolios is asked for that too
	Past       func(ctx context.Context, id market.InstrumentID, days int) ([]market.Bar, error) // closes of the last days in today's units, rising

	Zone     func(ctx context.Context, owner ledger.OwnerID) (*time.Location, error) // that an owner's days are of
	Sessions market.Sessions                                                         // when a price is stale

	Node   string
	MayOwn func() bool // whether the node may hold partitions now; nil: always
	Now    func() time.Time
	NewID  func() string // of events
	Log    *slog.Logger

	Interval time.Duration // between claims; claimInterval where it is zero, only tests are in a hurry
}

// Engine is the one of a node.
type Engine struct {
	o Options

	results chan func() // what workers found out, for the loop
	quotes  chan struct{}
	changes chan struct{} // somebody's rules may have changed unheard
	owned   chan ledger.OwnerID

	portfolios chan event.PortfolioChanged
	everything chan struct{} // portfolios may have changed unheard

	// The loop's alone.
	spawn      func(work func(ctx context.Context) error) // a worker that ends before Run does
	reads      line
	claims     line // and saves of cursors: both write the partitions' rows, so that one waits for the other
	claiming   bool
	saving     bool
	loads      line
	settles    line
	values     line
	passing    line
	began      bool
	reading    bool // a page of the journal is on its way
	again      bool // and another one is wanted
	cursor     int64
	recent     []Quote
	partitions map[int]*partition
	owners     map[ledger.OwnerID]*owner
	troubled   map[ledger.OwnerID]*trouble
	listed     map[market.InstrumentID]*listing
	watches    map[PortfolioKey]*watched
	holders    map[market.InstrumentID]map[*watched]struct{}
	unvalued   map[*watched]struct{} // to be tried again
	refs       []*rule               // by alert.Ref
	free       []alert.Ref
	crossed    []alert.Ref         // room
	waiting    map[*owner]struct{} // who has something to settle
	meters     meters
}

// New makes an engine; Run works.
func New(o Options) *Engine {
	if o.Interval == 0 {
		o.Interval = claimInterval
	}
	return &Engine{
		o: o, results: make(chan func(), settlersMax+loadersMax), quotes: make(chan struct{}, 1), changes: make(chan struct{}, 1), owned: make(chan ledger.OwnerID, hintsMax),
		portfolios: make(chan event.PortfolioChanged, hintsMax), everything: make(chan struct{}, 1),
		reads: line{max: 1}, claims: line{max: 1}, loads: line{max: loadersMax}, settles: line{max: settlersMax}, values: line{max: valuersMax}, passing: line{max: 1},
		watches: make(map[PortfolioKey]*watched), holders: make(map[market.InstrumentID]map[*watched]struct{}), unvalued: make(map[*watched]struct{}),
		partitions: make(map[int]*partition), owners: make(map[ledger.OwnerID]*owner), troubled: make(map[ledger.OwnerID]*trouble),
		listed: make(map[market.InstrumentID]*listing), waiting: make(map[*owner]struct{}),
	}
}

// Run evaluates what falls to this node until ctx ends, and then gives it back. It may be called once.
func (e *Engine) Run(ctx context.Context) error {
	for _, s := range []struct {
		subject string
		handle  func(string, []byte)
		gap     func()
	}{
		{event.QuotesAcceptedAll, func(string, []byte) { ask(e.quotes) }, func() { ask(e.quotes) }},
		{event.AlertsChangedAll, e.alertsChanged, func() { ask(e.changes) }},
		{event.PortfolioChangedAll, e.portfolioChanged, func() { ask(e.everything) }},
	} {
		stop, err := e.o.Bus.Subscribe(s.subject, s.handle, s.gap)
		if err != nil {
			return fmt.Errorf("listen for hints: %w", err)
		}
		defer stop()
	}
	group, workersCtx := errgroup.WithContext(ctx)
	e.spawn = func(work func(ctx context.Context) error) {
		group.Go(func() error { return work(workersCtx) })
	}
	e.spawn(e.loop)
	err := group.Wait()
	e.leave(context.WithoutCancel(ctx))
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil // told to end
	}
	return err
}

func ask(wanted chan struct{}) {
	select {
	case wanted <- struct{}{}:
	default: // asked already
	}
}

func (e *Engine) alertsChanged(_ string, payload []byte) {
	hint, err := event.ParseAlertsChanged(payload)
	if err != nil {
		e.o.Log.Warn("unreadable hint", "error", err)
		ask(e.changes)
		return
	}
	select {
	case e.owned <- hint.OwnerID:
	default:
		ask(e.changes)
	}
}

func (e *Engine) loop(ctx context.Context) error {
	claims, ticks, occurs, revalues := time.NewTicker(e.o.Interval), time.NewTicker(tickInterval*e.o.Interval), time.NewTicker(occurInterval*e.o.Interval), time.NewTicker(revalueInterval)
	defer claims.Stop()
	defer occurs.Stop()
	defer revalues.Stop()
	defer ticks.Stop()
	e.begin()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case apply := <-e.results:
			apply()
		case <-e.quotes:
			e.read()
		case id := <-e.owned:
			e.ownerChanged(id)
		case <-e.changes:
			e.claim()
		case <-claims.C:
			e.begin()
			e.save()
			e.claim()
			e.read()
			e.retry()
			e.revalue(false)
		case changed := <-e.portfolios:
			if w := e.watches[PortfolioKey{changed.OwnerID, changed.PortfolioID}]; w != nil {
				w.sequence = max(w.sequence, changed.Sequence)
				e.value(w)
			}
		case <-e.everything:
			e.revalue(true)
		case <-revalues.C:
			e.revalue(true)
		case <-occurs.C:
			e.occur()
		case <-ticks.C:
			e.pass()
		}
		e.settleAll()
	}
}

// begin finds where the journal is, once.
func (e *Engine) begin() {
	if e.began || e.reads.busy() {
		return
	}
	e.work(&e.reads, func(ctx context.Context) func() {
		sequence, err := e.o.Store.CurrentSequence(ctx)
		return func() {
			if err != nil {
				e.complain("the quotes' journal could not be read; it is tried again", err)
				return
			}
			e.began, e.cursor = true, sequence
			e.tellKeeper(nil)
			e.claim()
		}
	})
}

// leave gives back what this node holds.
func (e *Engine) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	if err := e.o.Store.ReleasePartitions(ctx, e.o.Node); err != nil {
		e.complain("alert rules could not be handed to other nodes; they take them within seconds", err)
	}
}

func (e *Engine) complain(what string, err error) {
	if !errors.Is(err, context.Canceled) {
		e.o.Log.Warn(what, "error", err)
	}
}

// line is work of one kind, at most so much of it at once. It is the loop's alone.
type line struct {
	max     int
	running int
	waiting []func(ctx context.Context) (apply func())
}

func (l *line) busy() bool { return l.running+len(l.waiting) > 0 }

// work has a worker do something, and the loop apply what came of it.
func (e *Engine) work(l *line, do func(ctx context.Context) (apply func())) {
	l.waiting = append(l.waiting, do)
	e.next(l)
}

// next lets as many begin as may.
func (e *Engine) next(l *line) {
	for l.running < l.max && len(l.waiting) > 0 {
		next := l.waiting[0]
		l.waiting = l.waiting[1:]
		l.running++
		e.spawn(func(ctx context.Context) error { return e.worker(ctx, l, next) })
	}
}

func (e *Engine) worker(ctx context.Context, l *line, do func(ctx context.Context) (apply func())) error {
	working, cancel := context.WithTimeout(ctx, workTimeout)
	defer cancel()
	apply := do(working)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case e.results <- func() {
		l.running--
		apply()
		e.next(l)
	}:
		return nil
	}
}
