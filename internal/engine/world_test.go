package engine_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"folioscope/internal/alert"
	"folioscope/internal/audit"
	"folioscope/internal/engine"
	"folioscope/internal/event"
	"folioscope/internal/fault"
	"folioscope/internal/identity"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/money"
	"folioscope/internal/notify"
	"folioscope/internal/pgtest"
	"folioscope/internal/seal"
	"folioscope/internal/sqlstore"
)

// interval is how often engines claim here, so that a node that dies is noticed before a test is bored.
const interval = 50 * time.Millisecond

// world is a real store, a bus without a wire, and engines over both.
type world struct {
	*sqlstore.Store
	t   *testing.T
	bus *hints

	mu    sync.Mutex
	facts map[ledger.PortfolioID]engine.Valued // what portfolios are worth, said by the test
	asked engine.Asked                         // of a portfolio, as the last time
	past  []market.Bar                         // of every instrument
	scene alert.Scene
	clock func() time.Time
}

// Facts implements engine.Portfolios.
func (w *world) Facts(_ context.Context, _ ledger.OwnerID, portfolio ledger.PortfolioID, asked engine.Asked) (engine.Valued, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = asked
	valued, ok := w.facts[portfolio]
	if !ok {
		return engine.Valued{}, fault.New(fault.NotFound, "there is no such portfolio")
	}
	return valued, nil
}

// Scene implements engine.Portfolios: whatever a test says that happened.
func (w *world) Scene(context.Context, ledger.OwnerID, *alert.Rule) (alert.Scene, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.scene, nil
}

func (w *world) closes(context.Context, market.InstrumentID, int) ([]market.Bar, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.past), nil
}

// worth says what a portfolio is worth from now on.
func (w *world) worth(portfolio ledger.PortfolioID, value string, needs ...market.InstrumentID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.facts == nil {
		w.facts = make(map[ledger.PortfolioID]engine.Valued)
	}
	x := money.MustParse(value)
	w.facts[portfolio] = engine.Valued{Facts: &alert.Facts{Portfolio: portfolio, Value: &x}, Needs: needs}
}

// place keeps a keyring in memory.
type place struct{ data []byte }

func (p *place) Load(context.Context) ([]byte, error) { return p.data, nil }

func (p *place) Create(_ context.Context, data []byte) error {
	p.data = data
	return nil
}

func (p *place) Replace(_ context.Context, _, data []byte) error {
	p.data = data
	return nil
}

// testRoot is one keyring for all tests, so that a prepared PostgreSQL database fits them.
var testRoot = sync.OnceValues(func() (*seal.Root, error) {
	kek, err := seal.NewKEK(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		return nil, err
	}
	return seal.Init(context.Background(), kek, &place{})
})

func onEach(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	root, err := testRoot()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, open(t, sqlstore.Options{Path: filepath.Join(t.TempDir(), "folioscope.db"), FileKey: root.FileKey(), Root: root}))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		url := pgtest.Clone(t, "engine", func(ctx context.Context, url string) error {
			s, err := sqlstore.Open(ctx, sqlstore.Options{URL: url, Root: root})
			if err != nil {
				return err
			}
			return s.Close()
		})
		test(t, open(t, sqlstore.Options{URL: url, Root: root}))
	})
}

func open(t *testing.T, options sqlstore.Options) *world {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &world{Store: store, t: t, bus: &hints{}, clock: time.Now}
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) user(id ledger.OwnerID) {
	w.t.Helper()
	u := identity.User{ID: id, Email: string(id) + "@example.test", Name: string(id), Role: identity.RoleUser, Status: identity.Active, PasswordHash: "$argon2id$", CreatedAt: time.Now()}
	w.ok(w.CreateUser(w.t.Context(), u, audit.Write{Audit: audit.Entry{Action: audit.UserCreated, RequestID: "r1", Result: "ok"}}))
}

// rule keeps a rule, and tells the bus as the service does.
func (w *world) rule(r alert.Rule) {
	w.t.Helper()
	if r.Repeat == "" {
		r.Repeat = alert.RepeatEach
	}
	r.Version, r.CreatedAt = 1, time.Now()
	w.ok(w.CreateRule(w.t.Context(), r, audit.Write{Audit: audit.Entry{Owner: r.Owner, Actor: r.Owner, Action: audit.AlertCreated, RequestID: "r1", Result: "ok"}}))
	w.bus.send(event.AlertsChangedSubject(r.Owner), event.AlertsChanged{OwnerID: r.Owner}.Payload())
}

// price is a rule of one instrument's price.
func price(owner ledger.OwnerID, id alert.RuleID, instrument market.InstrumentID, direction alert.Direction, threshold string) alert.Rule {
	return alert.Rule{Owner: owner, ID: id, Condition: alert.Condition{Kind: alert.Price, Instrument: instrument, Direction: direction, Threshold: money.MustParse(threshold)}}
}

// accept takes prices in as ingest does, each later than the one before, and tells the bus.
func (w *world) accept(at time.Time, prices map[market.InstrumentID]money.Decimal) {
	w.t.Helper()
	marks := make([]market.Mark, 0, len(prices))
	for id, p := range prices {
		marks = append(marks, market.Mark{Quote: market.Quote{Instrument: id, Price: p, Currency: "USD", Source: "yahoo", ObservedAt: at, MarketTime: at}, PreviousDate: market.NoDate})
	}
	w.take(marks)
}

// take takes in what accept makes.
func (w *world) take(marks []market.Mark) {
	w.t.Helper()
	_, accepted, err := w.Accept(w.t.Context(), marks)
	w.ok(err)
	if len(accepted) != len(marks) {
		w.t.Fatalf("%d of %d prices were taken", len(accepted), len(marks))
	}
	w.bus.send(event.QuotesAcceptedSubject, nil)
}

// told gives the notices of somebody's inbox, the oldest first.
func (w *world) told(owner ledger.OwnerID) (notices []notify.Notice) {
	w.t.Helper()
	for after := (notify.Place{}); ; {
		items, next, err := w.Notices(w.t.Context(), owner, after, 100)
		w.ok(err)
		for _, item := range items {
			notices = append(notices, item.Notice)
		}
		if next == (notify.Place{}) {
			slices.Reverse(notices)
			return notices
		}
		after = next
	}
}

// eventually waits until something is so.
func (w *world) eventually(what string, so func() bool) {
	w.t.Helper()
	const patience = 2 * time.Minute // on a loaded machine
	for deadline := time.Now().Add(patience); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("never: %s", what)
		}
	}
}

// node is one engine that runs.
type node struct {
	*engine.Engine
	store *cable
	stop  func()
}

// start runs an engine until it is stopped, at the latest with the test.
func (w *world) start(name string) *node {
	w.t.Helper()
	n := &node{store: &cable{Store: w.Store}}
	sessions, err := market.NewCalendar()
	w.ok(err)
	n.Engine = engine.New(engine.Options{
		Store: n.store, Bus: w.bus, Node: name, Now: w.clock, Sessions: sessions, NewID: rand.Text, Log: slog.New(slog.DiscardHandler), Interval: interval,
		Portfolios: w, Past: w.closes,
		Zone: func(ctx context.Context, owner ledger.OwnerID) (*time.Location, error) {
			settings, err := w.NoticeSettings(ctx, owner)
			return settings.Location(), err
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("%s ended with %v", name, err)
		}
	})
	w.t.Cleanup(n.stop)
	return n
}

// kill ends an engine as kill -9 does: what it has begun may be committed or not, and it says goodbye to nobody.
func (n *node) kill() {
	n.store.cut.Store(true)
	n.stop()
}

// cable is the way to the store, which may be cut, or belong to a node that doesn't notice that it lost its leases.
type cable struct {
	engine.Store
	cut    atomic.Bool
	claims atomic.Int64
	saves  atomic.Int64
	zombie atomic.Bool
	mu     sync.Mutex
	failed ledger.OwnerID // whose rules can't be settled
	leases []engine.Lease

	read    atomic.Pointer[func(rules int)]
	changed atomic.Int64 // owners that the engine was told of
}

var errCut = errors.New("the cable is cut")

func (c *cable) ClaimPartitions(ctx context.Context, claim engine.Claim) ([]engine.Lease, error) {
	if c.cut.Load() {
		return nil, errCut
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.zombie.Load() && c.leases != nil {
		return c.leases, nil
	}
	c.claims.Add(1)
	leases, err := c.Store.ClaimPartitions(ctx, claim)
	c.leases = leases
	return leases, err
}

func (c *cable) SaveCursors(ctx context.Context, leases []engine.Lease) error {
	c.saves.Add(1)
	return c.Store.SaveCursors(ctx, leases)
}

func (c *cable) ReleasePartitions(ctx context.Context, node string) error {
	if c.cut.Load() {
		return nil
	}
	return c.Store.ReleasePartitions(ctx, node)
}

// Rules tells what looks on of what was read, before the engine has it.
func (c *cable) Rules(ctx context.Context, owner ledger.OwnerID) ([]alert.Kept, error) {
	kept, err := c.Store.Rules(ctx, owner)
	if read := c.read.Load(); read != nil {
		(*read)(len(kept))
	}
	return kept, err
}

func (c *cable) ChangedOwners(ctx context.Context, partition int, after int64) ([]engine.Changed, error) {
	changed, err := c.Store.ChangedOwners(ctx, partition, after)
	c.changed.Add(int64(len(changed)))
	return changed, err
}

// fail says whose rules can't be settled from now on.
func (c *cable) fail(owner ledger.OwnerID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = owner
}

func (c *cable) SettleAlerts(ctx context.Context, lease engine.Lease, owner ledger.OwnerID, all []engine.Settlement) ([]bool, error) {
	c.mu.Lock()
	failed := owner == c.failed
	c.mu.Unlock()
	if c.cut.Load() || failed {
		return nil, errCut
	}
	return c.Store.SettleAlerts(ctx, lease, owner, all)
}

// hints is a bus without a wire. It loses what it is told to lose.
type hints struct {
	mu        sync.Mutex
	listeners map[int]listener
	count     int
	lose      func() bool // nil: nothing
}

type listener struct {
	subject string
	handle  func(string, []byte)
	gap     func()
}

// lost tells all listeners that hints may have been lost.
func (h *hints) lost() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.listeners {
		if l.gap != nil {
			l.gap()
		}
	}
}

func (h *hints) send(subject string, payload []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lose != nil && h.lose() {
		return
	}
	for _, l := range h.listeners {
		if prefix := l.subject[:len(l.subject)-1]; len(subject) >= len(prefix) && subject[:len(prefix)] == prefix {
			l.handle(subject, payload)
		}
	}
}

func (h *hints) Publish(_ context.Context, subject string, payload []byte) error {
	h.send(subject, payload)
	return nil
}

func (h *hints) Subscribe(subject string, handle func(string, []byte), gap func()) (func(), error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners == nil {
		h.listeners = make(map[int]listener)
	}
	h.count++
	id := h.count
	h.listeners[id] = listener{subject, handle, gap}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.listeners, id)
	}, nil
}

func (h *hints) Close() error { return nil }
