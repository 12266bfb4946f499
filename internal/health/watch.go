package health

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/jobs"
)

// How the watch works.
const (
	watchInterval   = time.Minute
	watchLease      = 3 * watchInterval // a node that dies keeps the others from telling for so long
	watchWaitMax    = 50 * time.Second  // one round, so that the next begins on time
	silentAfter     = 3 * watchInterval // a node that says nothing for so long is in trouble, or gone
	forgottenAfter  = 24 * time.Hour    // a node that is gone for good is nobody's trouble any more
	leaseFutureMax  = time.Hour         // a lease beyond was taken by a wrong clock
	leaveWaitMax    = 2 * time.Second   // of a node that stops
	quietMax        = 30 * 24 * time.Hour
	shared          = "" // the node of checks that are everybody's
	nodeCheckPrefix = "node "
)

// Report is what a node found when it last looked.
type Report struct {
	Node    string    `json:"-"` // empty: what all nodes share, by the one that looked
	At      time.Time `json:"-"`
	Version string    `json:"version"`
	Roles   []string  `json:"roles"`
	Checks  []Check   `json:"checks"`
	Book    *Book     `json:"book,omitempty"` // nil where the node evaluates no alert rules
}

// Told is a trouble with what administrators are told of it.
type Told struct {
	Trouble
	News News
}

// Settlement is one round's change of the troubles.
type Settlement struct {
	Fence int64
	At    time.Time
	Keep  []Trouble // as they are now, but for QuietUntil, which is the administrators'
	Drop  []Trouble // that are none any more
	Tell  []Told
}

// Store keeps reports and troubles, which hold nothing personal.
type Store interface {
	// ClaimWatch takes or renews the right to settle; ok is false where another node has it. A lease that ends after latest is no lease.
	ClaimWatch(ctx context.Context, node string, now, until, latest time.Time) (fence int64, ok bool, err error)
	PutReport(ctx context.Context, r Report) error
	DeleteReport(ctx context.Context, node string) error
	Reports(ctx context.Context) ([]Report, error)
	Troubles(ctx context.Context) ([]Trouble, error)
	// SettleTroubles keeps, drops and tells all or nothing; fault.Conflict where another node has the right by now.
	SettleTroubles(ctx context.Context, s Settlement) error
	// QuietTrouble gives fault.NotFound where there is no such trouble.
	QuietTrouble(ctx context.Context, node, name string, until time.Time, write audit.Write) error
}

// WatchOptions are what a Watch is made of.
type WatchOptions struct {
	Store   Store
	Node    string
	Version string
	Roles   []string
	Own     []Look // at what each node has for itself
	Shared  []Look // at what all nodes have together
	Jobs    func(ctx context.Context) ([]jobs.Count, error)
	MayOwn  func() bool  // whether the node may look at what is shared now; nil: always
	Book    func() *Book // nil: the node has none
	Now     func() time.Time
	Log     *slog.Logger
}

// Watch looks every minute, on every node at its own and on one of them at what is shared, and has administrators told.
type Watch struct {
	o WatchOptions

	mu       sync.Mutex
	at       time.Time
	own, all Found
	held     bool
}

// NewWatch makes one; Run works.
func NewWatch(o WatchOptions) *Watch { return &Watch{o: o} }

// Latest is what this node found when it last looked, when that was, and whether it is the one that looks at what is shared.
func (w *Watch) Latest() (found Found, at time.Time, held bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Found{slices.Concat(w.own.Checks, w.all.Checks), slices.Concat(w.own.Measures, w.all.Measures)}, w.at, w.held
}

// Run looks until ctx ends, then takes this node's report away: a node that is stopped is no trouble.
func (w *Watch) Run(ctx context.Context) error {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		if err := w.bounded(ctx); err != nil && ctx.Err() == nil && !fault.Is(err, fault.Conflict) {
			w.o.Log.WarnContext(ctx, "the state of the parts was not kept; the next look is in a minute", "error", err)
		}
		select {
		case <-ctx.Done():
			return w.leave(ctx)
		case <-ticker.C:
		}
	}
}

func (w *Watch) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveWaitMax)
	defer cancel()
	if err := w.o.Store.DeleteReport(ctx, w.o.Node); err != nil {
		w.o.Log.WarnContext(ctx, "this node's report stays, and will be taken for that of a silent node", "error", err)
	}
	return nil
}

func (w *Watch) bounded(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, watchWaitMax)
	defer cancel()
	return w.Step(ctx)
}

// Step looks once.
func (w *Watch) Step(ctx context.Context) error {
	own := Examine(ctx, w.o.Log, w.o.Own)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	now := w.o.Now()
	w.mu.Lock()
	w.own, w.at = own, now
	w.mu.Unlock()
	report := Report{Node: w.o.Node, At: now, Version: w.o.Version, Roles: w.o.Roles, Checks: own.Checks}
	if w.o.Book != nil {
		report.Book = w.o.Book()
	}
	if err := w.o.Store.PutReport(ctx, report); err != nil {
		return fmt.Errorf("keep what was found: %w", err)
	}
	if w.o.MayOwn != nil && !w.o.MayOwn() {
		return w.giveBack(ctx)
	}
	fence, ok, err := w.o.Store.ClaimWatch(ctx, w.o.Node, now, now.Add(watchLease), now.Add(leaseFutureMax))
	if err != nil || !ok {
		w.remember(Found{}, false)
		return err
	}
	all := Examine(ctx, w.o.Log, w.o.Shared)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	now = w.o.Now()
	if err := w.o.Store.PutReport(ctx, Report{Node: shared, At: now, Checks: all.Checks}); err != nil {
		return fmt.Errorf("keep what was found: %w", err)
	}
	w.remember(all, true)
	return w.settle(ctx, fence, now)
}

// giveBack leaves what is shared to others, by a claim that is over at once.
func (w *Watch) giveBack(ctx context.Context) error {
	_, _, held := w.Latest()
	w.remember(Found{}, false)
	if !held {
		return nil
	}
	_, _, err := w.o.Store.ClaimWatch(ctx, w.o.Node, time.Time{}, time.Time{}, w.o.Now().Add(leaseFutureMax))
	return err
}

// remember keeps what this node found of what is shared, nothing where it isn't its turn.
func (w *Watch) remember(all Found, held bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all, w.held = all, held
}

// settle follows every trouble one look further.
func (w *Watch) settle(ctx context.Context, fence int64, now time.Time) error {
	reports, err := w.o.Store.Reports(ctx)
	if err != nil {
		return err
	}
	known, err := w.o.Store.Troubles(ctx)
	if err != nil {
		return err
	}
	s := Settlement{Fence: fence, At: now}
	seen := seenIn(reports, now)
	for i := range known {
		key := place{known[i].Node, known[i].Name}
		var check *Check
		if c, there := seen[key]; there {
			check = &c
			delete(seen, key)
		}
		s.follow(&known[i], key, check)
	}
	for key, check := range seen {
		s.follow(nil, key, &check)
	}
	for _, r := range reports {
		if r.Node != shared && now.Sub(r.At) > forgottenAfter {
			if err := w.o.Store.DeleteReport(ctx, r.Node); err != nil {
				return err
			}
		}
	}
	return w.o.Store.SettleTroubles(ctx, s)
}

// place is where a check belongs.
type place struct{ node, name string }

func (s *Settlement) follow(before *Trouble, at place, seen *Check) {
	after, news := Follow(before, at.node, seen, s.At)
	switch {
	case after != nil:
		s.Keep = append(s.Keep, *after)
	case before != nil:
		s.Drop = append(s.Drop, *before)
	}
	switch news {
	case BadNews:
		s.Tell = append(s.Tell, Told{*after, news})
	case AllClear:
		s.Tell = append(s.Tell, Told{*before, news})
	}
}

// seenIn is every check by its place, with one for each node that has fallen silent. What a silent node said last counts no more.
func seenIn(reports []Report, now time.Time) map[place]Check {
	seen := map[place]Check{}
	for _, r := range reports {
		silence := now.Sub(r.At)
		if r.Node != shared && silence > silentAfter {
			if silence <= forgottenAfter {
				name := nodeCheckPrefix + r.Node
				seen[place{shared, name}] = Check{Name: name, State: Failing, Says: fmt.Sprintf("The node %s has said nothing for %s.", r.Node, span(silence)),
					Fix: "Look whether it runs and reaches the database. One that is gone for good is forgotten after a day."}
			}
			continue
		}
		for _, c := range r.Checks {
			worse, there := seen[place{r.Node, c.Name}]
			if !there || c.State.Rank() > worse.State.Rank() { // several findings of one name, such as of the configuration
				seen[place{r.Node, c.Name}] = c
			}
		}
	}
	return seen
}

// Reported is the worst that nodes found of a name when they last looked; false where no node that isn't silent looked at it.
func Reported(reports []Report, name string, now time.Time) (worst Check, ok bool) {
	for at, check := range seenIn(reports, now) {
		if at.name == name && (!ok || check.State.Rank() > worst.State.Rank()) {
			worst, ok = check, true
		}
	}
	return worst, ok
}

// Status is how everything is, for the page of it.
type Status struct {
	State  State
	Checks []Placed // the worst first
	Nodes  []Report // by name
	Jobs   []jobs.Count
}

// Placed is a check with where it belongs and since when it is in trouble.
type Placed struct {
	Check
	Node    string   // empty: everybody's
	Trouble *Trouble // nil: none
}

// Status reads what all nodes found last.
func (w *Watch) Status(ctx context.Context) (Status, error) {
	reports, err := w.o.Store.Reports(ctx)
	if err != nil {
		return Status{}, err
	}
	troubles, err := w.o.Store.Troubles(ctx)
	if err != nil {
		return Status{}, err
	}
	var s Status
	if s.Jobs, err = w.o.Jobs(ctx); err != nil {
		return Status{}, err
	}
	known := map[place]*Trouble{}
	for i := range troubles {
		known[place{troubles[i].Node, troubles[i].Name}] = &troubles[i]
	}
	var plain []Check
	for at, check := range seenIn(reports, w.o.Now()) {
		s.Checks = append(s.Checks, Placed{check, at.node, known[at]})
		plain = append(plain, check)
	}
	slices.SortFunc(s.Checks, func(a, b Placed) int {
		return cmp.Or(b.State.Rank()-a.State.Rank(), strings.Compare(a.Name, b.Name), strings.Compare(a.Node, b.Node))
	})
	s.State = Worst(plain)
	for _, r := range reports {
		if r.Node != shared {
			s.Nodes = append(s.Nodes, r)
		}
	}
	return s, nil
}

// Quiet keeps administrators from being told of a trouble before a time; one that is over lets them be told again. Its errors are of
// kind Invalid where the time is too far away, and NotFound where there is no such trouble.
func (w *Watch) Quiet(ctx context.Context, node, name string, until time.Time, write audit.Write) error {
	if until.Sub(w.o.Now()) > quietMax {
		return fault.At("until", "is at most %d days from now", int(quietMax.Hours()/24))
	}
	return w.o.Store.QuietTrouble(ctx, node, name, until, write)
}
