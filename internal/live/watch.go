package live

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"folioscope/internal/fault"
	"folioscope/internal/figures"
	"folioscope/internal/journal"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// watch is one portfolio that somebody looks at. It remembers, for each part of the document, in which frame it changed
// last, so that a frame can be made for a viewer who saw any earlier one.
type watch struct {
	key    Key
	made   uint64 // the how manieth watch of the hub
	epoch  uint32 // drawn at random: frames of another watch of this portfolio mean nothing here
	queued atomic.Bool
	turn   sync.Mutex // held by the worker that steps it; guards what only steps touch

	// Of steps only.
	pulse        figures.Pulse
	revised      uint64      // revision of the last step
	day          market.Date // of the last step
	frame        uint64      // number of the newest frame, 0 before the first
	whole        uint64      // frame since which only a snapshot will do
	static       part        // what no delta can say
	top          part        // totals
	percents     uint64      // frame that the percentages of all contributions changed in
	invested     money.Maybe // what percents are of
	markets      part
	grade        grade
	graded       uint64 // frame that grade changed in
	ratesChanged uint64 // frame that some rate changed in
	hasRates     bool
	hasMarkets   bool
	seen         []sight // of held.Needs
	others       []otherPart

	mu       sync.Mutex // guards the rest; taken after turn and after Hub.mu
	held     *journal.Held
	needs    []need // held.Needs
	revision uint64 // grows with every other held, from 1
	wanted   int64  // sequence that the portfolio is known to have reached
	again    bool   // positions have to be loaded anew although the sequence did not change
	loading  bool
	dirty    bool // something changed since the last look
	slots    []*slot
	timer    *time.Timer // for the frame that is due next
	leave    *time.Timer // for the end of watching
	gone     bool
}

// part is a piece of the document: a hash of what it was, or of what it rests on, and the frame that it changed in.
type part struct {
	hash    uint64
	changed uint64
}

// sight is what was seen of a price, and the frame that anything of it changed in.
type sight struct {
	view    *view
	changed uint64
}

// otherPart is a contribution to the day change that is not that of a position, and the frame that it changed in.
type otherPart struct {
	contribution figures.Contribution // without its percentage
	changed      uint64
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
		h.made++
		w = &watch{key: k, made: h.made, epoch: rand.Uint32()}
		h.watches[k] = w
		h.replace(w, held)
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

// stepped is a step that a panic doesn't carry beyond its watch: the viewers of that one portfolio are sent away, and the node
// lives on for all others.
func (h *Hub) stepped(w *watch, s *scratch) (whole bool) {
	defer func() {
		if cause := recover(); cause != nil {
			h.log.Error("panic", "portfolio", string(w.key.Portfolio), "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
			w.turn.Lock() // its pulse may be half moved
			w.pulse, w.revised = figures.Pulse{}, 0
			w.turn.Unlock()
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, one := range w.slots {
				one.viewer.revoke()
			}
			whole = false
		}
	}()
	h.step(w, s)
	return true
}

// step looks at a watch: who is due, what changed, who gets which frame.
func (h *Hub) step(w *watch, s *scratch) {
	s.given = s.given[:0]
	w.queued.Store(false) // from here on, news queue it again
	w.turn.Lock()
	defer w.turn.Unlock()
	now := h.now()
	w.mu.Lock()
	if !w.gone && !w.loading && (w.wanted > w.held.Portfolio.Sequence || w.again) {
		w.loading, w.again = true, false
		h.loads <- w // there is room for all, and each is in it once
	}
	held, needs, revision, proceed := w.held, w.needs, w.revision, !w.gone && w.anyDue(h, now)
	if proceed {
		w.dirty = false
	}
	w.mu.Unlock()
	if !proceed {
		return
	}
	s.assess(w, held, needs, revision, h.marks, now)
	w.compare(s)

	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held != held { // loaded meanwhile; another step is queued, and nobody is shown the old state after the new
		return
	}
	for _, one := range w.slots {
		if !one.wants(w.frame) || now.Before(one.dueAt) {
			continue
		}
		one.give(s.frameFor(w, one), now)
		s.given = append(s.given, one.viewer)
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
	if s.pending != nil {
		s.pending.release()
	}
	f.users.Add(1)
	s.pending = f
}

// take gives what is pending, for the viewer to write and release.
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
	if held != w.held {
		var before []market.InstrumentID
		if w.held != nil {
			before = w.held.Needs
		}
		h.holds(w, before, held.Needs)
		w.held, w.needs, w.dirty = held, h.marks.find(nil, held), true
		w.revision++
	}
	w.wanted = max(w.wanted, held.Portfolio.Sequence)
}

// compare notes what changed since the last frame, as part of the next.
func (w *watch) compare(s *scratch) {
	next := w.frame + 1
	whole := w.static.update(s.static, next) || w.frame == 0
	changed := w.compareSights(s, next)
	changed = w.top.update(s.top, next) || changed
	if invested := s.pulse.Invested(); w.percents == 0 || !sameFigure(w.invested, invested) {
		w.invested, w.percents, changed = invested, next, true
	}
	if whole {
		w.others = w.others[:0]
	}
	changed = w.compareOthers(s, next) || changed
	if w.graded == 0 || w.grade != s.grade {
		w.grade, w.graded, changed = s.grade, next, true
	}
	// A delta can't say that a list became empty.
	hasMarkets := len(s.mics) > 0
	if w.markets.update(s.open, next) {
		changed = true
		whole = whole || !hasMarkets && w.hasMarkets
	}
	if s.rates {
		w.ratesChanged, changed = next, true
		whole = whole || !s.hasRates && w.hasRates
	}
	w.hasMarkets, w.hasRates = hasMarkets, s.hasRates
	if whole {
		w.whole = next
	}
	if whole || changed {
		w.frame = next
	}
}

// compareSights notes which positions changed: those with another view, and where rates moved, those in other currencies.
func (w *watch) compareSights(s *scratch, next uint64) (changed bool) {
	if !s.anew && !s.rates {
		for _, i := range s.moved {
			w.seen[i] = sight{s.needed[i], next}
		}
		return len(s.moved) > 0
	}
	w.revised, w.day = s.revision, s.today()
	w.seen = slices.Grow(w.seen[:0], len(s.needed))[:len(s.needed)]
	for i, v := range s.needed {
		if s.anew || v != w.seen[i].view || i < s.pulse.Len() && s.pulse.Currency(i) != s.held.Portfolio.BaseCurrency {
			w.seen[i] = sight{v, next}
		}
	}
	return true
}

// compareOthers does the same for the contributions that aren't those of positions. One that was there and is gone stays in
// the list with nothing in it, so that viewers hear of it.
func (w *watch) compareOthers(s *scratch, next uint64) (changed bool) {
	others := s.pulse.Others()
	for i := range w.others {
		o := &w.others[i]
		at := slices.IndexFunc(others, func(c figures.Contribution) bool { return sameReason(c, o.contribution) })
		amount := money.Zero
		if at >= 0 {
			amount = others[at].Amount
		}
		if !amount.Equal(o.contribution.Amount) {
			o.contribution.Amount, o.changed, changed = amount, next, true
		}
	}
	for i := range others {
		if !slices.ContainsFunc(w.others, func(o otherPart) bool { return sameReason(o.contribution, others[i]) }) {
			w.others, changed = append(w.others, otherPart{others[i], next}), true
		}
	}
	return changed
}

func sameFigure(a, b money.Maybe) bool {
	x, known := a.Get()
	y, known2 := b.Get()
	return known == known2 && x.Equal(y)
}
