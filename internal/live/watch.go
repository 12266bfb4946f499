package live

import (
	"context"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"folioscope/internal/event"
	"folioscope/internal/fault"
	"folioscope/internal/journal"
	"folioscope/internal/market"
)

// watch is one portfolio that somebody looks at. It remembers, for each part of the document, in which frame it changed
// last, so that a frame can be made for a viewer who saw any earlier one.
type watch struct {
	key    Key
	epoch  uint32 // drawn at random: frames of another watch of this portfolio mean nothing here
	queued atomic.Bool
	turn   sync.Mutex // held by the worker that steps it; guards what only steps touch

	// Of steps only.
	frame      uint64 // number of the newest frame, 0 before the first
	whole      uint64 // frame since which only a snapshot will do
	head       part
	static     part
	movers     part // contributions
	markets    part
	rates      part
	quality    part // of the connection: what status says
	hasRates   bool
	hasMarkets bool
	holdings   []holdingPart // rising by instrument

	mu      sync.Mutex // guards the rest; taken after turn and after Hub.mu
	held    *journal.Held
	wanted  int64 // sequence that the portfolio is known to have reached
	again   bool  // positions have to be loaded anew although the sequence did not change
	loading bool
	dirty   bool // something changed since the last look
	slots   []*slot
	timer   *time.Timer // for the frame that is due next
	leave   *time.Timer // for the end of watching
	gone    bool
}

// part is a piece of the document: a hash of what it was, and the frame that it changed in.
type part struct {
	hash    uint64
	changed uint64
}

type holdingPart struct {
	id market.InstrumentID
	part
}

// update notes a piece's new state as part of a frame.
func (p *part) update(hash, frame uint64) bool {
	if p.hash == hash && p.changed != 0 {
		return false
	}
	p.hash, p.changed = hash, frame
	return true
}

// slot is one viewer's place at a watch; guarded by watch.mu.
type slot struct {
	watch   *watch
	viewer  *viewer
	sent    uint64 // frame that the viewer has, 0 for none
	greeted bool   // whether it took its first frame in this stream
	pending *frame
	dueAt   time.Time // before it no frame is given
}

// frame is what viewers write; shared by all who need the same and never changed.
type frame struct {
	number   uint64
	sequence int64
	quotes   int64
	bytes    []byte // whole events but for the id line before them
	named    bool   // whether an id line goes before
}

// has is the frame that the viewer will have once it took what is pending.
func (s *slot) has() uint64 {
	if s.pending != nil {
		return s.pending.number
	}
	return s.sent
}

// watch gives the watch of a portfolio, with a slot for the viewer in it.
func (h *Hub) watch(k Key, held *journal.Held, v *viewer, resume resumePoint) (*slot, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := h.watches[k]
	if w == nil {
		if len(h.watches) >= watchesMax {
			return nil, fault.New(fault.Limited, "too many portfolios are watched on this node")
		}
		w = &watch{key: k, epoch: rand.Uint32(), held: held, wanted: held.Portfolio.Sequence}
		h.watches[k] = w
		h.holds(w, nil, held.Needs)
	}
	s := &slot{watch: w, viewer: v}
	w.mu.Lock()
	defer w.mu.Unlock()
	if resume.epoch == w.epoch && resume.sequence == w.held.Portfolio.Sequence {
		s.sent = resume.frame // held against the newest frame in the step
	}
	if w.leave != nil {
		w.leave.Stop()
		w.leave = nil
	}
	if held.Portfolio.Sequence > w.held.Portfolio.Sequence {
		h.replace(w, held)
	}
	w.dirty = true
	w.slots = append(w.slots, s)
	h.enqueue(w)
	return s, nil
}

// unwatch takes the viewer's slot away; the watch itself stays for a while.
func (h *Hub) unwatch(s *slot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := s.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := slices.Index(w.slots, s); i >= 0 {
		w.slots = slices.Delete(w.slots, i, i+1)
	}
	if len(w.slots) > 0 || w.gone {
		return
	}
	if h.ended() {
		return // no timer outlives the hub
	}
	w.leave = time.AfterFunc(watchGrace, func() { h.forget(w) })
}

// forget ends watching where nobody came back.
func (h *Hub) forget(w *watch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.slots) > 0 || w.gone {
		return
	}
	w.gone = true
	if w.timer != nil {
		w.timer.Stop()
	}
	delete(h.watches, w.key)
	h.holds(w, w.held.Needs, nil)
}

func (w *watch) stopTimers() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone = true
	if w.timer != nil {
		w.timer.Stop()
	}
	if w.leave != nil {
		w.leave.Stop()
	}
}

// holds keeps the index from instruments to watches; Hub.mu is held.
func (h *Hub) holds(w *watch, before, after []market.InstrumentID) {
	for _, id := range before {
		if set := h.holders[id]; set != nil {
			delete(set, w)
			if len(set) == 0 {
				delete(h.holders, id)
			}
		}
	}
	for _, id := range after {
		set := h.holders[id]
		if set == nil {
			set = make(map[*watch]struct{})
			h.holders[id] = set
		}
		set[w] = struct{}{}
	}
}

// step looks at a watch: who is due, what changed, who gets which frame.
func (h *Hub) step(w *watch, s *scratch) {
	w.queued.Store(false) // from here on, news queue it again
	w.turn.Lock()
	defer w.turn.Unlock()
	now := h.now()
	w.mu.Lock()
	if !w.gone && !w.loading && (w.wanted > w.held.Portfolio.Sequence || w.again) {
		w.loading, w.again = true, false
		h.loads <- w // there is room for all, and each is in it once
	}
	held, proceed := w.held, !w.gone && w.anyDue(h, now)
	if proceed {
		w.dirty = false
	}
	w.mu.Unlock()
	if !proceed {
		return
	}
	s.encode(held, h.marks, now)
	w.compare(s)

	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held != held { // loaded meanwhile; another step is queued, and nobody is shown the old state after the new
		return
	}
	s.forget()
	for _, one := range w.slots {
		if !one.wants(w.frame) || now.Before(one.dueAt) {
			continue
		}
		one.give(s.frameFor(w, one), now)
	}
	w.anyDue(h, now)
}

// wants says whether there is anything for the viewer that it does not have.
func (s *slot) wants(newest uint64) bool {
	return s.has() < newest || !s.greeted && s.pending == nil
}

// anyDue says whether some viewer may get a frame now, and sets the timer for those who may later.
func (w *watch) anyDue(h *Hub, now time.Time) bool {
	due := false
	var next time.Time
	for _, s := range w.slots {
		if !w.dirty && !s.wants(w.frame) {
			continue
		}
		switch {
		case !now.Before(s.dueAt):
			due = true
		case next.IsZero() || s.dueAt.Before(next):
			next = s.dueAt
		}
	}
	if !next.IsZero() {
		wait := next.Sub(now)
		if w.timer == nil {
			w.timer = time.AfterFunc(wait, func() { h.enqueue(w) })
		} else {
			w.timer.Reset(wait)
		}
	}
	return due
}

// give puts a frame before the viewer in place of what it has not taken.
func (s *slot) give(f *frame, now time.Time) {
	if s.greeted || s.pending != nil { // the first change after the first frame goes out at once
		s.dueAt = now.Add(frameInterval)
	}
	s.pending = f
	s.viewer.notify()
}

// take gives what is pending, for the viewer to write.
func (s *slot) take() *frame {
	s.watch.mu.Lock()
	defer s.watch.mu.Unlock()
	f := s.pending
	if f != nil {
		s.pending, s.greeted = nil, true
		s.sent = f.number
	}
	return f
}

// load is one loader: it gets positions anew, beside the workers.
func (h *Hub) load(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case w := <-h.loads:
			h.reload(ctx, w)
		}
	}
}

func (h *Hub) reload(ctx context.Context, w *watch) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	w.mu.Lock()
	sequence := w.wanted
	w.mu.Unlock()
	held, err := h.portfolios.Holdings(ctx, w.key.Owner, w.key.Portfolio, sequence)
	h.mu.Lock()
	defer h.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loading = false
	if w.gone {
		return
	}
	if err != nil {
		h.log.Warn("positions could not be loaded", "portfolio", string(w.key.Portfolio), "error", err)
		w.again = true
		time.AfterFunc(retryInterval, func() { h.enqueue(w) })
		return
	}
	if held.Portfolio.Sequence >= w.held.Portfolio.Sequence {
		h.replace(w, held)
	}
	h.enqueue(w)
}

// replace gives a watch newer positions; Hub.mu and watch.mu are held.
func (h *Hub) replace(w *watch, held *journal.Held) {
	h.holds(w, w.held.Needs, held.Needs)
	w.held, w.dirty = held, true
	w.wanted = max(w.wanted, held.Portfolio.Sequence)
}

// compare notes what changed since the last frame, as part of the next.
func (w *watch) compare(s *scratch) {
	next := w.frame + 1
	changed, whole := false, w.frame == 0
	whole = w.static.update(s.static, next) || whole
	if !slices.EqualFunc(w.holdings, s.holdings, func(a holdingPart, b encoded) bool { return a.id == b.id }) {
		whole = true
		w.holdings = make([]holdingPart, len(s.holdings))
		for i := range s.holdings {
			w.holdings[i].id = s.holdings[i].id
		}
	}
	for i := range w.holdings {
		changed = w.holdings[i].update(s.holdings[i].hash, next) || changed
	}
	changed = w.head.update(s.head, next) || changed
	changed = w.movers.update(s.movers, next) || changed
	changed = w.quality.update(s.quality, next) || changed
	// A delta can't say that a list became empty.
	hasMarkets, hasRates := len(s.doc.Markets) > 0, len(s.doc.Rates) > 0
	if w.markets.update(s.markets, next) {
		changed = true
		whole = whole || !hasMarkets && w.hasMarkets
	}
	if w.rates.update(s.rates, next) {
		changed = true
		whole = whole || !hasRates && w.hasRates
	}
	w.hasMarkets, w.hasRates = hasMarkets, hasRates
	if whole {
		w.whole = next
	}
	if whole || changed {
		w.frame = next
	}
}

// scratch is what one worker needs to make frames; everything in it is good until the next encode.
type scratch struct {
	builder  *builder
	seed     maphash.Seed
	doc      *event.Document
	status   event.Status
	delta    event.Delta
	buf      []byte
	out      []byte
	holdings []encoded // rising by instrument
	frames   []made

	static, head, movers, markets, rates, quality uint64
}

type encoded struct {
	id         market.InstrumentID
	start, end int // in buf
	hash       uint64
}

// made is a frame of this step, for whom it is right.
type made struct {
	from  uint64
	greet bool
	frame *frame
}

func newScratch(h *Hub) *scratch {
	return &scratch{builder: h.newBuilder(), seed: h.seed}
}

// encode values the positions, writes each part of the document and hashes it.
func (s *scratch) encode(held *journal.Held, marks *Marks, now time.Time) {
	s.doc, _ = s.builder.build(held, marks, now)
	d := s.doc
	s.status = status(d)
	s.delta = event.Delta{
		ID: d.ID, Sequence: d.Sequence, Value: d.Value, Cash: d.Cash, DayChange: d.DayChange, DayChangePercent: d.DayChangePercent,
		State: d.State, StaleShare: d.StaleShare, AsOf: d.AsOf, Contributions: d.Contributions,
	}
	s.buf = s.buf[:0]
	s.holdings = s.holdings[:0]
	for i := range d.Holdings {
		start := len(s.buf)
		s.buf = d.Holdings[i].AppendJSON(s.buf)
		s.holdings = append(s.holdings, encoded{d.Holdings[i].InstrumentID, start, len(s.buf), maphash.Bytes(s.seed, s.buf[start:])})
	}
	slices.SortFunc(s.holdings, func(a, b encoded) int { return strings.Compare(string(a.id), string(b.id)) })
	s.head = s.hashed(func() {
		tail := event.Delta{ID: d.ID, Sequence: d.Sequence, Value: d.Value, Cash: d.Cash, DayChange: d.DayChange,
			DayChangePercent: d.DayChangePercent, State: d.State, StaleShare: d.StaleShare, AsOf: d.AsOf}
		s.out = tail.AppendHead(s.out)
	})
	s.movers = s.hashed(func() {
		for i := range d.Contributions {
			s.out = d.Contributions[i].AppendJSON(s.out)
		}
	})
	s.markets = s.hashed(func() {
		for i := range d.Markets {
			s.out = d.Markets[i].AppendJSON(s.out)
		}
	})
	s.rates = s.hashed(func() {
		for i := range d.Rates {
			s.out = d.Rates[i].AppendJSON(s.out)
		}
	})
	s.quality = s.hashed(func() { s.out = append(append(append(s.out, s.status.Connection...), ' '), s.status.State...) })
	s.static = s.hashed(func() {
		rest := event.Document{ID: d.ID, Name: d.Name, Sequence: d.Sequence, BaseCurrency: d.BaseCurrency, CashTracked: d.CashTracked,
			Simulated: d.Simulated, Problems: d.Problems}
		s.out = rest.AppendJSON(s.out)
	})
}

// hashed gives the hash of what write appends to out.
func (s *scratch) hashed(write func()) uint64 {
	s.out = s.out[:0]
	write()
	return maphash.Bytes(s.seed, s.out)
}

// forget drops the frames of the last step.
func (s *scratch) forget() {
	clear(s.frames)
	s.frames = s.frames[:0]
}

// frameFor gives the frame that a viewer needs; watch.mu is held. Viewers who need the same share one.
func (s *scratch) frameFor(w *watch, one *slot) *frame {
	if one.sent > w.frame {
		one.sent = 0 // an id that this watch never gave
	}
	greet, from := !one.greeted, one.sent
	for _, m := range s.frames {
		if m.from == from && m.greet == greet {
			return m.frame
		}
	}
	f := &frame{number: w.frame, sequence: s.doc.Sequence, quotes: s.builder.cursor}
	s.out = s.out[:0]
	switch {
	case from < w.whole:
		s.out = append(s.doc.AppendJSON(append(s.out, "event: snapshot\ndata: "...)), '\n', '\n')
		f.named = true
	case from < w.frame:
		s.out = append(s.appendDelta(append(s.out, "event: delta\ndata: "...), w, from), '\n', '\n')
		f.named = true
	}
	if greet || from < w.quality.changed {
		s.out = append(s.status.AppendJSON(append(s.out, "event: status\ndata: "...)), '\n', '\n')
	}
	f.bytes = slices.Clone(s.out)
	s.frames = append(s.frames, made{from, greet, f})
	return f
}

// appendDelta appends what changed after a frame.
func (s *scratch) appendDelta(dst []byte, w *watch, from uint64) []byte {
	s.delta.Markets, s.delta.Rates = nil, nil
	if w.markets.changed > from {
		s.delta.Markets = s.doc.Markets
	}
	if w.rates.changed > from {
		s.delta.Rates = s.doc.Rates
	}
	dst = append(s.delta.AppendHead(dst), `,"holdings":[`...)
	first := true
	for i := range w.holdings {
		if w.holdings[i].changed <= from {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, s.buf[s.holdings[i].start:s.holdings[i].end]...)
	}
	return s.delta.AppendTail(append(dst, ']'))
}
