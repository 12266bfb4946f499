package live

import (
	"sync"
	"sync/atomic"

	"folioscope/internal/event"
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
type place struct {
	mark *market.Mark         // guarded by Marks.mu; nil where there is none; never changed once in
	view atomic.Pointer[view] // what the mark says to everybody, see builder.viewOf
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

// find gives the places of instruments that somebody holds, with a price or without.
func (m *Marks) find(into []*place, ids []market.InstrumentID) []*place {
	into = m.known(into[:0], ids)
	if len(into) == len(ids) {
		return into
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	into = into[:0]
	for _, id := range ids {
		into = append(into, m.place(id))
	}
	return into
}

// known gives the places up to the first instrument that has none.
func (m *Marks) known(into []*place, ids []market.InstrumentID) []*place {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, id := range ids {
		p := m.places[id]
		if p == nil {
			return into
		}
		into = append(into, p)
	}
	return into
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

// Mark gives an instrument's mark.
func (m *Marks) Mark(id market.InstrumentID) (market.Mark, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if p := m.places[id]; p != nil && p.mark != nil {
		return *p.mark, true
	}
	return market.Mark{}, false
}

// marks gives the marks at places, nil for none, all as of one moment, with the version and the cursor that they are of.
func (m *Marks) marks(into []*market.Mark, places []*place) (marks []*market.Mark, version uint64, cursor int64) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, p := range places {
		into = append(into, p.mark)
	}
	return into, m.version.Load(), m.cursor
}
