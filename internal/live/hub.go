// Package live keeps dashboards current: marks in memory, portfolios revalued while somebody watches, and the event streams
// that carry what changed.
//
// It owns when a frame goes out and what is in it: a snapshot first, then the first change at once, then at most one frame
// in 500 ms with all that changed since. Nobody is waited for: what a slow viewer has not taken is replaced by a frame with
// more in it, so that every viewer has one frame pending at most. Nothing here is the truth; all of it can be rebuilt from
// the store, and hints only make it quicker.
//
//	hint or poll ─▶ Marks ─▶ watches that hold what changed ─▶ workers value, compare, encode, write
//	hint or poll ─▶ reload of positions ─▶ the same watch
//
// One watch stands for one portfolio that is watched, and keeps what it saw of each price, not what was sent: a frame is
// encoded once for all viewers who saw the same frame before, and exists only until they have written it.
package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"folioscope/internal/bus"
	"folioscope/internal/cache"
	"folioscope/internal/event"
	"folioscope/internal/figures"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

// Bounds and times.
const (
	frameInterval     = 500 * time.Millisecond // between two frames of one viewer
	pollInterval      = 30 * time.Second       // for what hints didn't bring, and for states that change with time
	watchGrace        = time.Minute            // a portfolio stays watched after its last viewer, for those who come back
	loadTimeout       = 15 * time.Second
	retryInterval     = time.Second // after the store could not be read
	loadersMax        = 4           // portfolios whose positions are loaded at once, so that a slow store does not take all its connections
	watchesMax        = 20_000      // on one node; each takes some kilobytes
	documentsBytesMax = 32 << 20    // rendered documents for reads
)

// Key names a portfolio with its owner: nothing here is found by portfolio alone.
type Key struct {
	Owner     ledger.OwnerID
	Portfolio ledger.PortfolioID
}

// Store is what live needs of the truth.
type Store interface {
	// Marks gives the marks that changed after a sequence (all after 0), rising, and the highest of their sequences.
	Marks(ctx context.Context, after int64) ([]market.Mark, int64, error)
	// Sequences tells how far portfolios are; those that don't exist, or belong to somebody else, are left out.
	Sequences(ctx context.Context, keys []Key) (map[Key]int64, error)
}

// Portfolios gives positions; the journal does.
type Portfolios interface {
	Holdings(ctx context.Context, owner ledger.OwnerID, portfolio ledger.PortfolioID, atLeastSequence int64) (*journal.Held, error)
}

// Options are what may be left out.
type Options struct {
	Log       *slog.Logger
	Now       func() time.Time
	Random    func() float64 // in [0, 1), for the ends of streams
	Simulated bool           // the installation runs on a made-up market
	Workers   int            // that value portfolios; as many as cores where 0
}

// Hub is the live part of one node.
type Hub struct {
	store      Store
	portfolios Portfolios
	bus        bus.Bus
	sessions   market.Sessions
	log        *slog.Logger
	now        func() time.Time
	random     func() float64
	simulated  bool
	workers    int
	positions  func(*journal.Held) *figures.Holdings

	marks     *Marks
	seed      maphash.Seed
	documents *cache.Cache[Key, *cached]
	builders  sync.Pool // of *builder, for reads

	queue   chan *watch   // to be looked at; has room for all
	loads   chan *watch   // whose positions have to be loaded; the same
	catchUp chan struct{} // holds one: the store has marks that memory may lack
	recount chan struct{} // holds one: portfolios may be further than is known
	closing chan struct{} // closed when Run ends
	started atomic.Bool
	loaded  atomic.Bool
	away    atomic.Pointer[string] // the event that says what is away; nil while nothing ever was

	mu      sync.Mutex
	watches map[Key]*watch
	holders map[market.InstrumentID]map[*watch]struct{}
	viewers map[ledger.OwnerID]map[*viewer]struct{}
	streams int
	made    uint64   // watches so far
	found   []*watch // of holdersOf
}

// New makes a hub; Run starts it.
func New(store Store, portfolios Portfolios, hints bus.Bus, sessions market.Sessions, options Options) *Hub {
	h := &Hub{
		store: store, portfolios: portfolios, bus: hints, sessions: sessions,
		log: options.Log, now: options.Now, random: options.Random, simulated: options.Simulated, workers: options.Workers,
		positions: func(held *journal.Held) *figures.Holdings { return held.Holdings },
		marks:     newMarks(), seed: maphash.MakeSeed(),
		queue: make(chan *watch, watchesMax), loads: make(chan *watch, watchesMax),
		catchUp: make(chan struct{}, 1), recount: make(chan struct{}, 1), closing: make(chan struct{}),
		watches: make(map[Key]*watch), holders: make(map[market.InstrumentID]map[*watch]struct{}),
		viewers: make(map[ledger.OwnerID]map[*viewer]struct{}),
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.now == nil {
		h.now = time.Now
	}
	if h.random == nil {
		h.random = rand.Float64
	}
	if h.workers == 0 {
		h.workers = runtime.GOMAXPROCS(0)
	}
	h.builders.New = func() any { return h.newBuilder() }
	h.documents = cache.New(documentsBytesMax, func(_ Key, c *cached) int { return len(c.rendered.JSON) + 24*len(c.needs) + 512 })
	return h
}

// Marks are the prices in memory.
func (h *Hub) Marks() *Marks { return h.marks }

// Ready says whether all prices were loaded once.
func (h *Hub) Ready() bool { return h.loaded.Load() }

// Watched is the number of portfolios that are kept current, Streams that of open streams.
func (h *Hub) Watched() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watches)
}

// Streams is the number of open event streams.
func (h *Hub) Streams() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.streams
}

// Run keeps everything current until its context ends, and then ends all streams. It may be called once.
func (h *Hub) Run(ctx context.Context) error {
	if h.started.Swap(true) {
		return errors.New("live runs already")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer h.end()
	defer cancel()
	for _, s := range []struct {
		subject string
		handle  func(string, []byte)
	}{
		{event.QuotesAcceptedAll, h.quotesAccepted}, {event.PortfolioChangedAll, h.portfolioChanged}, {event.UserRevokedAll, h.userRevoked}, {event.InboxChangedAll, h.inboxChanged},
	} {
		stop, err := h.bus.Subscribe(s.subject, s.handle, func() { h.gap(s.subject) })
		if err != nil {
			return fmt.Errorf("listen for hints: %w", err)
		}
		defer stop()
	}
	group, ctx := errgroup.WithContext(ctx)
	for range h.workers {
		group.Go(func() error { return h.work(ctx) })
	}
	for range loadersMax {
		group.Go(func() error { return h.load(ctx) })
	}
	group.Go(func() error { return h.follow(ctx) })
	group.Go(func() error { return h.poll(ctx) })
	err := group.Wait()
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil // told to end
	}
	return err
}

// end lets go of streams and timers.
func (h *Hub) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.closing)
	for _, w := range h.watches {
		w.stopTimers()
	}
}

func (h *Hub) ended() bool {
	select {
	case <-h.closing:
		return true
	default:
		return false
	}
}

// value is one worker, until it is given up.
func (h *Hub) value(ctx context.Context, d *desk) error {
	defer d.alarm.Stop()
	// A thread of its own wakes where it worked last, so that workers spread over the cores at once. Go's own threads are woken
	// wherever one is free, mostly beside the one that woke them, and a burst is over before the kernel moves them.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s := newScratch(h)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case w := <-h.queue:
			if !h.stepped(w, s) {
				s = newScratch(h) // the old one may be half written
			}
			if !d.deliver(s.given) {
				return nil
			}
			clear(s.given) // streams that ended are let go of
		}
	}
}

// follow reads marks from the store whenever memory may lack some.
func (h *Hub) follow(ctx context.Context) error {
	for {
		if err := h.readMarks(ctx); err != nil {
			h.log.Warn("prices could not be read", "error", err)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(retryInterval):
				continue
			}
		}
		h.loaded.Store(true)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-h.catchUp:
		}
	}
}

func (h *Hub) readMarks(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	marks, sequence, err := h.store.Marks(ctx, h.marks.Cursor())
	if err != nil {
		return fmt.Errorf("read marks: %w", err)
	}
	h.changed(h.marks.caughtUp(marks, sequence))
	return nil
}

// behind asks for a look at the store's marks.
func (h *Hub) behind() { ask(h.catchUp) }

func ask(wanted chan struct{}) {
	select {
	case wanted <- struct{}{}:
	default: // asked already
	}
}

// poll looks at the store for what no hint told, and at the clock for states that change with time.
func (h *Hub) poll(ctx context.Context) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-h.recount:
			h.readSequences(ctx)
		case <-ticker.C:
			h.behind()
			h.refresh()
			h.readSequences(ctx)
		}
	}
}

// refresh has every watched portfolio looked at anew.
func (h *Hub) refresh() {
	now := h.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.watches {
		w.mu.Lock()
		w.dirty = true
		if w.held != nil && w.held.Outdated(now) {
			w.again = true
		}
		w.mu.Unlock()
		h.enqueue(w)
	}
}

// readSequences asks the store how far the watched portfolios are.
func (h *Hub) readSequences(ctx context.Context) {
	const batchMax = 500 // keys in one read
	h.mu.Lock()
	keys := make([]Key, 0, len(h.watches))
	for k := range h.watches {
		keys = append(keys, k)
	}
	h.mu.Unlock()
	for len(keys) > 0 {
		batch := keys[:min(batchMax, len(keys))]
		keys = keys[len(batch):]
		bounded, cancel := context.WithTimeout(ctx, loadTimeout)
		found, err := h.store.Sequences(bounded, batch)
		cancel()
		if err != nil {
			h.log.Warn("sequences could not be read", "error", err)
			return // next time
		}
		for k, sequence := range found {
			h.reached(k, sequence)
		}
	}
}

// reached tells the watch of a portfolio how far it is.
func (h *Hub) reached(k Key, sequence int64) {
	h.mu.Lock()
	w := h.watches[k]
	h.mu.Unlock()
	if w == nil {
		return
	}
	w.mu.Lock()
	news := sequence > w.wanted
	w.wanted = max(w.wanted, sequence)
	w.mu.Unlock()
	if news {
		h.enqueue(w)
	}
}

// changed has the portfolios looked at that are valued with what changed.
func (h *Hub) changed(ids []market.InstrumentID) {
	if len(ids) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		for _, w := range h.holdersOf(id) {
			w.mu.Lock()
			w.dirty = true
			w.mu.Unlock()
			h.enqueue(w)
		}
	}
}

// holdersOf gives the watches of an instrument in the order in which they were made; good until the next call, mu is held. What was made
// one after the other mostly lies side by side in memory too: out of order, each watch of many comes with pages that no core has at hand.
func (h *Hub) holdersOf(id market.InstrumentID) []*watch {
	h.found = h.found[:0]
	for w := range h.holders[id] {
		h.found = append(h.found, w)
	}
	slices.SortFunc(h.found, func(a, b *watch) int { return cmp.Compare(a.made, b.made) })
	return h.found
}

// enqueue hands a watch to the workers, once however often it is asked.
func (h *Hub) enqueue(w *watch) {
	if w.queued.CompareAndSwap(false, true) {
		select {
		case h.queue <- w:
		default: // can't be: there is room for all
			w.queued.Store(false)
		}
	}
}

func (h *Hub) quotesAccepted(_ string, payload []byte) {
	e, err := event.ParseQuotesAccepted(payload)
	if err != nil {
		h.log.Warn("unreadable hint", "error", err)
		h.behind()
		return
	}
	changed, complete := h.marks.hint(e)
	h.changed(changed)
	if !complete {
		h.behind()
	}
}

func (h *Hub) portfolioChanged(_ string, payload []byte) {
	e, err := event.ParsePortfolioChanged(payload)
	if err != nil {
		h.log.Warn("unreadable hint", "error", err)
		return
	}
	h.reached(Key{e.OwnerID, e.PortfolioID}, e.Sequence)
}

func (h *Hub) userRevoked(_ string, payload []byte) {
	e, err := event.ParseUserRevoked(payload)
	if err != nil {
		h.log.Warn("unreadable hint", "error", err)
		return
	}
	h.endStreams(e.OwnerID)
}

func (h *Hub) inboxChanged(_ string, payload []byte) {
	e, err := event.ParseInboxChanged(payload)
	if err != nil {
		h.log.Warn("unreadable hint", "error", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for v := range h.viewers[e.OwnerID] {
		v.inboxChanged()
	}
}

// gap is called where hints may have been lost.
func (h *Hub) gap(subject string) {
	switch subject {
	case event.QuotesAcceptedAll:
		h.behind()
	case event.PortfolioChangedAll:
		ask(h.recount) // not here: the store may be slow, and the bus waits
	case event.UserRevokedAll:
		h.doubt()
	case event.InboxChangedAll:
		h.everyInbox()
	}
}

// everyInbox has every viewer look at their inbox: they may have been told something unheard.
func (h *Hub) everyInbox() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, viewers := range h.viewers {
		for v := range viewers {
			v.inboxChanged()
		}
	}
}

// doubt has every stream look at its session: somebody's may have ended unheard.
func (h *Hub) doubt() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, viewers := range h.viewers {
		for v := range viewers {
			v.doubted.Store(true)
			v.notify()
		}
	}
}

// Revoke ends a user's streams on every node: those whose session still stands come back by themselves.
func (h *Hub) Revoke(ctx context.Context, owner ledger.OwnerID) error {
	h.endStreams(owner)
	if err := h.bus.Publish(ctx, event.UserRevokedSubject(owner), event.UserRevoked{OwnerID: owner}.Payload()); err != nil {
		return fmt.Errorf("tell other nodes to end streams: %w", err)
	}
	return nil
}

func (h *Hub) endStreams(owner ledger.OwnerID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for v := range h.viewers[owner] {
		v.revoke()
	}
}
