package live

import (
	"sync"
	"sync/atomic"

	"folioscope/internal/event"
	"folioscope/internal/journal"
	"folioscope/internal/ledger"
	"folioscope/internal/market"
)

// Marks is the latest accepted price of every instrument, in memory. What it holds may be a moment behind the store, never
// ahead of it, and a mark never gives way to an older one.
type Marks struct {
	mu      sync.RWMutex
	places  map[market.InstrumentID]*place
	priced  int           // places that have a mark
	version atomic.Uint64 // grows with every change of a mark

	cursor int64 // of the quotes' journal: everything up to it is in
	parts  partial
}

// place is where an instrument's newest mark is. An instrument keeps its place, so that nobody has to look for it twice.
//
// What a portfolio's owner prices by hand has a place of that portfolio's own beside the shared one: its mark is the one that was
// entered, and the shared place's goes before it unless that is of an earlier day.
type place struct {
	mark       *market.Mark         // guarded by Marks.mu; nil where there is none; never changed once in
	shared     *place               // of a portfolio's own place, nil for an own instrument; set when it is made
	instrument *market.Instrument   // the same; as it was known when somebody looked for it last
	view       atomic.Pointer[view] // what the mark says to everybody, see builder.viewOf
}

// partial is a batch of which not all parts have come.
type partial struct{ sequence, previous, next int64 }

func newMarks() *Marks { return &Marks{places: make(map[market.InstrumentID]*place)} }

// place gives an instrument's place; mu is held for writing.
func (m *Marks) place(id market.InstrumentID) *place {
	p := m.places[id]
	if p == nil {
		p = &place{}
		m.places[id] = p
	}
	return p
}

// need is an instrument that somebody holds, or a rate: where its mark is, and what else is known of it.
type need struct {
	place      *place
	instrument *market.Instrument // never changed; without Names
}

// newest is the mark that counts at a place; mu is held.
func (p *place) newest() *market.Mark {
	if p.shared == nil || p.shared.mark == nil {
		return p.mark
	}
	if theirs := p.shared.mark; p.mark == nil || dayOf(theirs) >= dayOf(p.mark) {
		return theirs
	}
	return p.mark
}

func dayOf(mark *market.Mark) market.Date { return market.DateOf(mark.MarketTime.UTC()) }

// find gives what a portfolio is valued with, in the order of held.Needs. Who holds the same shares it.
func (m *Marks) find(into []need, held *journal.Held) []need {
	if len(held.Manual) > 0 {
		return m.findManual(into, held)
	}
	m.mu.RLock()
	into = m.found(into[:0], held)
	m.mu.RUnlock()
	if len(into) == len(held.Needs) {
		return into
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range held.Needs {
		instrument := instrumentOf(held, id)
		m.described(&instrument)
	}
	return m.found(into[:0], held)
}

// findManual is find for a portfolio that has places of its own.
func (m *Marks) findManual(into []need, held *journal.Held) []need {
	into = into[:0]
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range held.Needs {
		instrument := instrumentOf(held, id)
		var p *place
		mark, manual := held.Manual[id]
		switch {
		case !manual:
			p = m.described(&instrument)
		case ledger.IsOwn(id):
			p = &place{mark: mark, instrument: &instrument}
		default:
			p = &place{mark: mark, shared: m.place(id), instrument: &instrument}
		}
		into = append(into, need{p, p.instrument})
	}
	return into
}

// described gives an instrument's shared place with what is known of it; mu is held for writing.
func (m *Marks) described(instrument *market.Instrument) *place {
	p := m.place(instrument.ID)
	if p.instrument == nil || !sameInstrument(p.instrument, instrument) {
		p.instrument = instrument
	}
	return p
}

// found gives what is there already; fewer where some isn't. mu is held.
func (m *Marks) found(into []need, held *journal.Held) []need {
	for _, id := range held.Needs {
		instrument := instrumentOf(held, id)
		p := m.places[id]
		if p == nil || p.instrument == nil || !sameInstrument(p.instrument, &instrument) {
			return into
		}
		into = append(into, need{p, p.instrument})
	}
	return into
}

// instrumentOf gives an instrument without Names, which nobody is shown; rates are in no book.
func instrumentOf(held *journal.Held, id market.InstrumentID) market.Instrument {
	instrument, known := held.Instruments[id]
	if !known {
		return market.Instrument{ID: id, Class: market.FX}
	}
	instrument.Names = nil
	return instrument
}

// sameInstrument compares all but Names.
func sameInstrument(a, b *market.Instrument) bool {
	return a.ID == b.ID && a.Symbol == b.Symbol && a.MIC == b.MIC && a.ISIN == b.ISIN && a.Name == b.Name &&
		a.Currency == b.Currency && a.Class == b.Class && a.Sector == b.Sector && a.Country == b.Country
}

// Apply takes marks in and gives the instruments whose mark changed.
func (m *Marks) Apply(marks []market.Mark) []market.InstrumentID {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.apply(marks)
}

func (m *Marks) apply(marks []market.Mark) []market.InstrumentID {
	var changed []market.InstrumentID
	for i := range marks {
		next := marks[i]
		p := m.place(next.Instrument)
		switch {
		case p.mark == nil:
			m.priced++
		case p.mark.Sequence >= next.Sequence:
			continue
		}
		p.mark = &next
		changed = append(changed, next.Instrument)
	}
	if len(changed) > 0 {
		m.version.Add(1)
	}
	return changed
}

// hint takes a hint in. complete says whether nothing is missing before it; else the store has to be asked.
func (m *Marks) hint(e event.QuotesAccepted) (changed []market.InstrumentID, complete bool) {
	marks := make([]market.Mark, len(e.Marks))
	for i, w := range e.Marks {
		marks[i] = w.Market()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	changed = m.apply(marks)
	switch {
	case e.Sequence <= m.cursor:
		return changed, true // doubled or late
	case e.Part == 1 && e.Previous <= m.cursor:
		m.parts = partial{sequence: e.Sequence, previous: e.Previous, next: 1}
	case m.parts.sequence != e.Sequence || m.parts.previous != e.Previous || m.parts.next != int64(e.Part):
		return changed, false
	}
	m.parts.next++
	if e.Part == e.Parts {
		m.cursor, m.parts = e.Sequence, partial{}
	}
	return changed, true
}

// caughtUp takes in what the store gave for a cursor.
func (m *Marks) caughtUp(marks []market.Mark, sequence int64) []market.InstrumentID {
	m.mu.Lock()
	defer m.mu.Unlock()
	changed := m.apply(marks)
	m.cursor = max(m.cursor, sequence)
	return changed
}

// Cursor is the sequence up to which everything is in.
func (m *Marks) Cursor() int64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.cursor
}

// Len is the number of instruments that have a price.
func (m *Marks) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.priced
}

// Bytes is about what they take: they grow with the instruments that there are, and with nothing else.
func (m *Marks) Bytes() int {
	const placeBytes = 1 << 10 // with its mark, what is known of its instrument and what everybody is told of both
	m.mu.RLock()
	defer m.mu.RUnlock()
	return placeBytes * len(m.places)
}

// Mark gives an instrument's mark.
func (m *Marks) Mark(id market.InstrumentID) (market.Mark, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if p := m.places[id]; p != nil && p.mark != nil {
		return *p.mark, true
	}
	return market.Mark{}, false
}

// marks gives the marks of what is needed, nil for none, all as of one moment, with the version and the cursor that they are of.
func (m *Marks) marks(into []*market.Mark, needs []need) (marks []*market.Mark, version uint64, cursor int64) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for i := range needs {
		p := needs[i].place
		mark := p.mark
		if p.shared != nil {
			mark = p.newest()
		}
		into = append(into, mark)
	}
	return into, m.version.Load(), m.cursor
}
