package live

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"slices"
	"time"

	"folioscope/internal/event"
	"folioscope/internal/figures"
	"folioscope/internal/journal"
	"folioscope/internal/market"
	"folioscope/internal/money"
)

// frame is what viewers write; shared by all who need the same and never changed.
type frame struct {
	number   uint64
	sequence int64
	quotes   int64
	bytes    []byte // whole events but for the id line before them
	named    bool   // whether an id line goes before
}

// scratch is what one worker needs to make frames; everything in it is good until the next look.
type scratch struct {
	*builder
	pulse *figures.Pulse // of the watch that is looked at

	delta     event.Delta // without lists
	simulated bool
	list      slab
	status    event.Status
	markets   []event.Market
	head      []byte // of delta, encoded
	key       []byte
	out       []byte
	frames    []made
	given     []*viewer // who was given a frame in this step

	// What the parts of the document rest on, as hashes: where that didn't change, neither did the part.
	holdings                        []uint64 // by instrument rising
	static, top, rates, open, grade uint64
	hasRates                        bool
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

// assess works out the totals of a portfolio, and what each part of its document rests on.
func (s *scratch) assess(pulse *figures.Pulse, held *journal.Held, revision uint64, marks *Marks, now time.Time) {
	s.look(held, marks, now)
	s.pulse = pulse
	s.pulse.Reset(s.positions(held), s.today(), s.read)
	totals, p := s.pulse.Totals(), &held.Portfolio
	s.list, s.frames = s.list[:0], s.frames[:0]
	asOf, simulated := s.seen()
	s.simulated = simulated
	s.delta = event.Delta{
		ID: p.ID, Sequence: p.Sequence, Value: s.list.total(totals.Value), Cash: s.list.total(totals.Cash),
		DayChange: s.list.total(totals.DayChange), DayChangePercent: s.list.rounded(totals.DayChangePercent),
		State: market.StateLive, AsOf: event.Time(asOf),
	}
	s.rateQuality(totals.Rates)
	prices := s.positionsRestOn(revision)
	s.delta.StaleShare = s.staleShare()
	s.status = status(&s.delta, prices, simulated)
	s.head = s.delta.AppendHead(s.head[:0])
	s.top = maphash.Bytes(s.seed, s.head)
	s.grade = maphash.String(s.seed, string(s.status.Connection)+" "+string(s.status.State))
	s.markets = s.builder.markets(s.markets[:0])
	s.key = s.key[:0]
	for i := range s.markets {
		s.key = s.markets[i].AppendJSON(s.key)
	}
	s.open = s.keyed()
	s.key = appendBools(binary.LittleEndian.AppendUint64(s.key[:0], revision), simulated, totals.CashTracked, totals.DayChange.IsKnown())
	for _, problem := range s.pulse.Problems() {
		s.key = append(append(append(append(s.key, problem.Where...), 0), problem.What...), 0)
	}
	s.static = s.keyed()
}

func (s *scratch) keyed() uint64 { return maphash.Bytes(s.seed, s.key) }

// positionsRestOn notes what each position and the rates rest on, and how good they are.
func (s *scratch) positionsRestOn(revision uint64) (prices tally) {
	base := s.held.Portfolio.BaseCurrency
	rates := s.pulse.Totals().Rates
	today := uint64(s.today())
	s.hasRates = false
	all := s.key[:0]
	for i := range rates {
		s.hasRates = s.hasRates || rates[i].Rate.IsKnown()
		all = s.appendMark(all, market.RateID(rates[i].Currency))
	}
	if len(rates) > 0 {
		all = s.appendMark(all, market.RateID(base))
	}
	all = binary.LittleEndian.AppendUint64(all, today)
	s.key = all
	s.rates = s.keyed()
	s.holdings = s.holdings[:0]
	s.next = 0
	s.key = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(s.key[:0], revision), today)
	whole := s.keyed()
	for i := range s.pulse.Len() {
		state, hash := market.StateNone, whole
		if v := s.view(s.pulse.Instrument(i)); v != nil {
			state, hash = v.state, mixed(hash, v.hash)
		}
		if s.pulse.Currency(i) != base {
			hash = mixed(hash, s.rates)
		}
		s.holdings = append(s.holdings, hash)
		prices.add(state)
		s.delta.State = worse(s.delta.State, s.quality(state, s.pulse.Currency(i)))
	}
	return prices
}

// mixed makes one hash of two.
func mixed(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b|1) // odd, so that nothing of a gets lost
	return high ^ low ^ b
}

// appendMark appends what tells a mark from any other of its instrument.
func (s *scratch) appendMark(dst []byte, id market.InstrumentID) []byte {
	if v := s.view(id); v != nil && v.mark != nil {
		return appendBools(binary.LittleEndian.AppendUint64(dst, uint64(v.mark.Sequence)), v.current)
	}
	return append(dst, '-')
}

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
	s.next = 0
	for i := range s.pulse.Len() {
		state := market.StateNone
		if v := s.view(s.pulse.Instrument(i)); v != nil {
			state = v.state
		}
		if worth, known := s.pulse.ValueBase(i).Get(); known {
			share.add(worth.Abs(), s.quality(state, s.pulse.Currency(i)))
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
	f := &frame{number: w.frame, sequence: s.delta.Sequence, quotes: s.cursor}
	s.out = s.out[:0]
	switch {
	case from < w.whole:
		valuation := s.value()
		s.out = append(s.document(&valuation).AppendJSON(append(s.out, "event: snapshot\ndata: "...)), '\n', '\n')
		f.named = true
	case from < w.frame:
		s.out = append(s.appendDelta(append(s.out, "event: delta\ndata: "...), w, from), '\n', '\n')
		f.named = true
	}
	if greet || from < w.grade.changed {
		s.out = append(s.status.AppendJSON(append(s.out, "event: status\ndata: "...)), '\n', '\n')
	}
	f.bytes = slices.Clone(s.out)
	if cap(s.out) > outBytesMax {
		s.out = nil
	}
	s.frames = append(s.frames, made{from, greet, f})
	return f
}

// outBytesMax is what a worker keeps for the next frame: most deltas fit, and a snapshot of thousands of holdings goes.
const outBytesMax = 256 << 10

// appendDelta appends what changed after a frame.
func (s *scratch) appendDelta(dst []byte, w *watch, from uint64) []byte {
	s.delta.Contributions, s.delta.Markets, s.delta.Rates = s.delta.Contributions[:0], nil, nil
	dst = append(append(dst, s.head...), `,"holdings":[`...)
	first := true
	for i := range w.holdings {
		changed := w.holdings[i].changed > from
		if !changed && w.percents.changed <= from {
			continue
		}
		position, c := s.pulse.Position(i)
		s.delta.Contributions = append(s.delta.Contributions, s.contribution(&c, &s.list))
		if !changed {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		holding := s.holding(&position, &s.list)
		dst = holding.AppendJSON(dst)
	}
	dst = append(dst, ']')
	for i := range w.others {
		if w.others[i].changed <= from && w.percents.changed <= from {
			continue
		}
		c := w.others[i].contribution
		c.Percent = s.pulse.Percent(c.Amount)
		s.delta.Contributions = append(s.delta.Contributions, s.contribution(&c, &s.list))
	}
	if w.markets.changed > from {
		s.delta.Markets = s.markets
	}
	if w.rates.changed > from {
		s.delta.Rates = s.builder.rates(nil, s.pulse.Totals().Rates)
	}
	s.delta.Contributions = notNil(s.delta.Contributions)
	return s.delta.AppendTail(dst)
}

// sameReason says whether two contributions come from the same, so that the newer replaces the older.
func sameReason(a, b figures.Contribution) bool {
	return a.Kind == b.Kind && a.Instrument == b.Instrument && a.Currency == b.Currency
}
