package live

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"folioscope/internal/event"
	"folioscope/internal/figures"
	"folioscope/internal/journal"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// frame is what viewers write; shared by all who need the same, and not changed until the last of them has it.
type frame struct {
	number   uint64
	sequence int64
	quotes   int64
	bytes    []byte // whole events but for the id line before them
	named    bool   // whether an id line goes before
	users    atomic.Int32
}

// frames are those that all users have had. One lives for microseconds, mostly: the next is written where the last one was.
var frames = sync.Pool{New: func() any { return new(frame) }}

// release takes a frame back from one of its users.
func (f *frame) release() {
	if f.users.Add(-1) == 0 && cap(f.bytes) <= frameBytesMax {
		frames.Put(f)
	}
}

// frameBytesMax is what is kept for the next frame: most deltas fit, and a snapshot of thousands of holdings goes.
const frameBytesMax = 256 << 10

// scratch is what one worker needs to make frames; everything in it is good until the next look.
type scratch struct {
	*builder
	pulse *figures.Pulse // of the watch that is looked at

	delta         event.Delta          // without lists
	contributions []event.Contribution // of the delta made last
	simulated     bool
	status        event.Status
	mics          []string // of the markets
	head          []byte   // of delta, encoded
	key           []byte
	frames        []made
	given         []*viewer // who was given a frame in this step

	// What isn't as it was in the last step.
	revision uint64 // of the positions
	anew     bool   // all of it
	moved    []int  // of needed, rising: what else has another view
	rates    bool   // a rate changed
	// What the rest of the document rests on, as hashes: where that didn't change, neither did the part.
	static, top, open uint64
	grade             grade
	hasRates          bool
}

// grade is how good the connection to the market is, in words that clients know.
type grade struct {
	connection event.Connection
	state      market.State
}

// made is a frame of this step, for whom it is right.
type made struct {
	from  uint64
	greet bool
	frame *frame
}

func newScratch(h *Hub) *scratch {
	return &scratch{builder: h.newBuilder()}
}

// assess works out the totals of a portfolio, and what is not as it was.
func (s *scratch) assess(w *watch, held *journal.Held, needs []need, revision uint64, marks *Marks, now time.Time) {
	s.look(held, needs, marks, now)
	s.findMoved(w, revision)
	s.pulse = &w.pulse
	if holdings := s.positions(held); s.anew || s.rates {
		s.pulse.Reset(holdings, s.today(), s.read)
	} else {
		s.pulse.Move(s.read, s.moved)
	}
	totals, p := s.pulse.Totals(), &held.Portfolio
	s.list, s.frames = s.list[:0], s.frames[:0]
	asOf, simulated := s.seen()
	s.simulated = simulated
	s.delta = event.Delta{
		ID: p.ID, Sequence: p.Sequence, Value: s.list.total(totals.Value), Cash: s.list.total(totals.Cash),
		DayChange: s.list.total(totals.DayChange), DayChangePercent: s.list.rounded(totals.DayChangePercent), AsOf: event.Time(asOf),
	}
	s.hasRates = slices.ContainsFunc(totals.Rates, func(r figures.Rate) bool { return r.Rate.IsKnown() })
	prices := s.worst(totals.Rates)
	s.delta.StaleShare = s.staleShare()
	s.status = status(&s.delta, prices, simulated)
	s.grade = grade{s.status.Connection, s.status.State}
	s.head = s.delta.AppendHead(s.head[:0])
	s.top = maphash.Bytes(s.seed, s.head)
	s.open = s.sessionsRestOn()
	s.static = s.staticRestsOn(totals)
}

// findMoved notes what has another view than in the last step. Positions come first in needed, in the order of the pulse's.
func (s *scratch) findMoved(w *watch, revision uint64) {
	s.moved, s.revision = s.moved[:0], revision
	s.anew = w.revised != revision || w.day != s.today() || len(w.seen) != len(s.needed)
	s.rates = s.anew
	if s.anew {
		return
	}
	for i, v := range s.needed {
		before := w.seen[i].view
		switch {
		case v == before || v.same(before): // nearly always the one itself
		case i < w.pulse.Len():
			s.moved = append(s.moved, i)
		default:
			s.rates = s.rates || v.mark != before.mark || v.current != before.current
		}
	}
}

// worst finds the worst state that a position is valued with, and counts those of the prices.
func (s *scratch) worst(rates []figures.Rate) (prices tally) {
	s.next = s.pulse.Len()
	s.rateQuality(rates)
	worst := market.StateLive
	for _, v := range s.needed[:s.pulse.Len()] {
		worst = worse(worst, v.state)
		prices[v.sort]++
	}
	most := worst // that it can come to
	for i := range s.rated {
		most = worse(most, s.rated[i].state)
	}
	for i := 0; worst != most && i < s.pulse.Len(); i++ {
		worst = worse(worst, s.quality(s.needed[i].state, s.pulse.Currency(i)))
	}
	s.delta.State = worst
	return prices
}

// sessionsRestOn is a hash of what is shown of markets.
func (s *scratch) sessionsRestOn() uint64 {
	s.mics = s.mics[:0]
	s.key = s.key[:0]
	for _, v := range s.needed {
		if v.mic == "" || slices.Contains(s.mics, v.mic) {
			continue
		}
		s.mics = append(s.mics, v.mic)
		session := s.At(v.mic, s.now)
		s.key = appendBools(append(append(s.key, v.mic...), 0), session.Open)
		s.key = binary.LittleEndian.AppendUint64(s.key, uint64(session.Until.Unix()))
	}
	return s.keyed()
}

// staticRestsOn is a hash of what no delta can say.
func (s *scratch) staticRestsOn(totals *figures.Valuation) uint64 {
	s.key = appendBools(binary.LittleEndian.AppendUint64(s.key[:0], s.revision), s.simulated, totals.CashTracked, totals.DayChange.IsKnown())
	for _, problem := range s.pulse.Problems() {
		s.key = append(append(append(append(s.key, problem.Where...), 0), problem.What...), 0)
	}
	return s.keyed()
}

func (s *scratch) keyed() uint64 { return maphash.Bytes(s.seed, s.key) }

func appendBools(dst []byte, all ...bool) []byte {
	for _, one := range all {
		if one {
			dst = append(dst, 1)
		} else {
			dst = append(dst, 0)
		}
	}
	return dst
}

// staleShare is what the document says; while nothing is stale, nothing has to be added up for it.
func (s *scratch) staleShare() (none money.Decimal) {
	if !doubtful(s.delta.State) {
		return none
	}
	var share staleShare
	for i := range s.pulse.Len() {
		if worth, known := s.pulse.ValueBase(i).Get(); known {
			share.add(worth.Abs(), s.quality(s.needed[i].state, s.pulse.Currency(i)))
			continue
		}
		if p, _ := s.pulse.Position(i); p.CostBase.IsKnown() {
			cost, _ := p.CostBase.Get()
			share.add(cost.Abs(), market.StateNone)
		}
	}
	return share.of(s.delta.State)
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
	f := frames.Get().(*frame)
	f.number, f.sequence, f.quotes, f.named = w.frame, s.delta.Sequence, s.cursor, false
	out := f.bytes[:0]
	switch {
	case from < w.whole:
		valuation := s.value()
		out = append(s.document(&valuation).AppendJSON(append(out, "event: snapshot\ndata: "...)), '\n', '\n')
		f.named = true
	case from < w.frame:
		out = append(s.appendDelta(append(out, "event: delta\ndata: "...), w, from), '\n', '\n')
		f.named = true
	}
	if greet || from < w.graded {
		out = append(s.status.AppendJSON(append(out, "event: status\ndata: "...)), '\n', '\n')
	}
	f.bytes = out
	s.frames = append(s.frames, made{from, greet, f})
	return f
}

// appendDelta appends what changed after a frame.
func (s *scratch) appendDelta(dst []byte, w *watch, from uint64) []byte {
	s.delta.Contributions, s.delta.Markets, s.delta.Rates = s.contributions[:0], nil, nil
	dst = append(append(dst, s.head...), `,"holdings":[`...)
	first := true
	for i := range s.pulse.Len() {
		changed := w.seen[i].changed > from
		if !changed && w.percents <= from {
			continue
		}
		position, c := s.pulse.Position(i)
		instrument := s.needs[i].instrument
		s.delta.Contributions = append(s.delta.Contributions, s.contribution(&c, instrument))
		if !changed {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		holding := s.holding(&position, instrument, s.needed[i])
		dst = holding.AppendJSON(dst)
	}
	dst = append(dst, ']')
	for i := range w.others {
		if w.others[i].changed <= from && w.percents <= from {
			continue
		}
		c := w.others[i].contribution
		c.Percent = s.pulse.Percent(c.Amount)
		s.delta.Contributions = append(s.delta.Contributions, s.contribution(&c, s.instrument(c.Instrument)))
	}
	if w.markets.changed > from {
		s.delta.Markets = s.builder.markets(nil)
	}
	if w.ratesChanged > from {
		s.delta.Rates = s.builder.rates(nil, s.pulse.Totals().Rates)
	}
	s.delta.Contributions = notNil(s.delta.Contributions)
	s.contributions = s.delta.Contributions
	return s.delta.AppendTail(dst)
}

// sameReason says whether two contributions come from the same, so that the newer replaces the older.
func sameReason(a, b figures.Contribution) bool {
	return a.Kind == b.Kind && a.Instrument == b.Instrument && a.Currency == b.Currency
}
