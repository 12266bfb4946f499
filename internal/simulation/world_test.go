package simulation

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/identity"
	"folioscope/internal/jobs"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
	"folioscope/internal/seal"
	"folioscope/internal/sqlstore"
)

const (
	nodesCount  = 3
	peopleCount = 3
	jumpyShare  = 4                // one seed in so many has a clock that jumps
	healing     = 75 * time.Minute // in which nothing fails and all has to come right: longer than any source makes us stay away
)

// world is one installation with all around it.
type world struct {
	dice  dice
	trail *trail
	store *sqlstore.Store
	wire  *wire

	offset time.Duration // of our time from the bubble's
	start  time.Time
	quiet  time.Time // from then on nothing fails
	end    time.Time

	storeGone []span // nobody reaches the store
	busGone   []span

	exchange *exchange
	sources  []*source
	slots    slots
	queue    queue
	deaf     map[ledger.OwnerID][]span // what fails of their receivers

	nodes  [nodesCount]*place
	people [peopleCount]*person

	mu     sync.Mutex
	broken []string // what must not be
	lies   map[market.InstrumentID][]*lie
	tells  map[market.InstrumentID][]tell
	setup  bool // the world is being made: nothing fails yet
}

// span is a time in which something is so.
type span struct{ from, to time.Time }

func during(spans []span, at time.Time) bool {
	for _, s := range spans {
		if !at.Before(s.from) && at.Before(s.to) {
			return true
		}
	}
	return false
}

// now is the true time, which no node knows.
func (w *world) now() time.Time { return time.Now().Add(w.offset) }

// calm says whether nothing fails.
func (w *world) calm() bool { return w.setup || !w.now().Before(w.quiet) }

func (w *world) cut(n *node) bool {
	now := w.now()
	return during(w.storeGone, now) || during(n.place.cuts, now)
}

func (w *world) busDown() bool { return during(w.busGone, w.now()) }

// violated notes what must not be.
func (w *world) violated(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	w.trail.note(w.now(), "VIOLATED %s", what)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = append(w.broken, what)
}

// troubles are some spans between the start and the quiet, about one in every so much time.
func (w *world) troubles(what string, every, least, most time.Duration) []span {
	r := w.dice.of("troubles", what)
	var all []span
	for at := w.start.Add(between(r, 0, every)); at.Before(w.quiet); at = at.Add(between(r, every/2, every*3/2)) {
		s := span{at, at.Add(between(r, least, most))}
		if s.to.After(w.quiet) {
			s.to = w.quiet
		}
		all = append(all, s)
		at = s.to
		w.trail.note(s.from, "%s until %s", what, s.to.Format(time.TimeOnly))
		w.trail.reached(what)
	}
	return all
}

// keyring is a place for keys in memory.
type keyring struct{ data []byte }

func (k *keyring) Load(context.Context) ([]byte, error) { return k.data, nil }

func (k *keyring) Create(_ context.Context, data []byte) error {
	k.data = data
	return nil
}

func (k *keyring) Replace(_ context.Context, _, data []byte) error {
	k.data = data
	return nil
}

// template is an empty database, which every world begins with a copy of.
type template struct {
	root *seal.Root
	data []byte
}

func newTemplate(t *testing.T) *template {
	t.Helper()
	kek, err := seal.NewKEK(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	root, err := seal.Init(t.Context(), kek, &keyring{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "empty.db")
	store, err := sqlstore.Open(t.Context(), sqlstore.Options{Path: path, FileKey: root.FileKey(), Root: root})
	if err != nil {
		t.Fatal(err)
	}
	database, err := store.JobsDB()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := jobs.New(t.Context(), jobs.Database(database), nil, jobs.Options{Log: slog.New(slog.DiscardHandler)}); err != nil { // which makes its tables
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return &template{root: root, data: data}
}

// open makes a store out of the template. Its file is in memory where the machine has such a place: what a disk does is for other suites.
func (m *template) open(t *testing.T, now func() time.Time) *sqlstore.Store {
	t.Helper()
	path := filepath.Join(fastDirectory(t), "folioscope.db")
	if err := os.WriteFile(path, m.data, 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := sqlstore.Open(t.Context(), sqlstore.Options{Path: path, FileKey: m.root.FileKey(), Root: m.root, Now: now, Sessions: calendarOf(t)})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// fastDirectory is a directory that is gone after the test.
func fastDirectory(t *testing.T) string {
	t.Helper()
	const memory = "/dev/shm"
	if info, err := os.Stat(memory); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	dir := filepath.Join(memory, "folioscope-simulation-"+rand.Text())
	if err := os.Mkdir(dir, 0o700); err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

var theCalendar = sync.OnceValues(market.NewCalendar)

func calendarOf(t *testing.T) *market.Calendar {
	t.Helper()
	calendar, err := theCalendar()
	if err != nil {
		t.Fatal(err)
	}
	return calendar
}

// newWorld makes the world of a seed. It is called inside of a bubble.
func newWorld(t *testing.T, m *template, seed uint64, length time.Duration) *world {
	t.Helper()
	w := &world{dice: dice{seed}, trail: newTrail(), deaf: make(map[ledger.OwnerID][]span), lies: make(map[market.InstrumentID][]*lie), tells: make(map[market.InstrumentID][]tell)}
	w.slots.given = make(map[string]grant)
	r := w.dice.of("start")
	w.start = time.Date(2026, 1, 1, r.IntN(24), r.IntN(60), r.IntN(60), 0, time.UTC).AddDate(0, 0, r.IntN(365))
	w.offset = time.Until(w.start)
	w.quiet = w.start.Add(length)
	w.end = w.quiet.Add(healing)
	w.store = m.open(t, w.now)
	w.wire = &wire{world: w, listeners: make(map[int]*listener)}
	w.storeGone = w.troubles("the store is gone", 9*time.Hour, 5*time.Second, 10*time.Minute)
	w.busGone = w.troubles("the bus is gone", 9*time.Hour, time.Minute, time.Hour)
	w.exchange = newExchange(w, calendarOf(t))
	w.sources = []*source{newSource(w, sourceFirst, 0), newSource(w, sourceSecond, secondLate)}
	for _, i := range instruments() {
		w.lies[i.ID] = w.liesOf(i.ID)
	}
	for i := range w.nodes {
		w.nodes[i] = newPlace(w, i)
	}
	if r.IntN(jumpyShare) == 0 {
		n := w.nodes[r.IntN(nodesCount)]
		n.jumps = w.troubles("the clock of node "+number(n.index)+" is wrong", 6*time.Hour, 10*time.Minute, 2*time.Hour)
		n.jump = pick(r, []time.Duration{-time.Hour, -5 * time.Minute, 5 * time.Minute, time.Hour})
	}
	w.setup = true
	w.furnish(t)
	return w
}

// furnish makes the instruments, the people and what they begin with.
func (w *world) furnish(t *testing.T) {
	t.Helper()
	ok := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(w.store.PutInstruments(t.Context(), instruments()))
	for i := range w.people {
		p := newPerson(w, i)
		w.people[i] = p
		u := identity.User{ID: p.id, Email: string(p.id) + "@example.test", Name: string(p.id), Role: identity.RoleUser, Status: identity.Active, PasswordHash: "$argon2id$", CreatedAt: w.start}
		ok(w.store.CreateUser(t.Context(), u, p.write(audit.UserCreated, "")))
		ok(p.connect(t.Context()))
		w.deaf[p.id] = w.troubles("the receiver of "+string(p.id)+" fails", 8*time.Hour, time.Minute, time.Hour)
		portfolio := ledger.Portfolio{ID: p.portfolio, Owner: p.id, Name: "Mine", BaseCurrency: "USD", LotMethod: ledger.FIFO, LotScope: ledger.ScopeAccount, CreatedAt: w.start}
		ok(w.store.CreatePortfolio(t.Context(), portfolio, p.write(audit.PortfolioCreated, string(p.portfolio))))
		for _, id := range accounts {
			_, err := w.store.CreateAccount(t.Context(), p.id, p.portfolio, ledger.Account{ID: id, Name: string(id), Currency: "USD"}, p.write(audit.AccountCreated, string(id)))
			ok(err)
		}
	}
	for _, p := range w.nodes {
		p.start(t)
	}
	for _, p := range w.people {
		p.begin()
	}
	w.setup = false
}

// run lets the time of the world pass.
func (w *world) run(t *testing.T) {
	t.Helper()
	var all sync.WaitGroup
	for _, p := range w.nodes {
		all.Go(func() { p.run(t) })
	}
	for _, p := range w.people {
		for device := range devicesOfEach {
			all.Go(func() { p.live(device) })
		}
	}
	var left sync.WaitGroup
	open := &page{person: w.people[0]}
	left.Go(open.watch)
	all.Wait() // nodes and people end with the world
	w.check(t.Context())
	w.checkMarket(t.Context())
	w.checkPage(t.Context(), open)
	w.checkAlerts(t.Context())
	w.checkTree(t.Context())
	w.checkMessages(t.Context())
	open.closed.Store(true)
	for _, p := range w.nodes {
		p.stop()
	}
	left.Wait()
	if err := w.store.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func number(n int) string { return strconv.Itoa(n) }
