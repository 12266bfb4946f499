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
	byID    map[market.InstrumentID]*market.Mark // values never change once in
	version atomic.Uint64                        // grows with every change of byID

	cursor int64 // of the quotes' journal: everything up to it is in
	parts  partial
}

// partial is a batch of which not all parts have come.
type partial struct{ sequence, previous, next int64 }

func newMarks() *Marks { return &Marks{byID: make(map[market.InstrumentID]*market.Mark)} }

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
		if known := m.byID[next.Instrument]; known != nil && known.Sequence >= next.Sequence {
			continue
		}
		m.byID[next.Instrument] = &next
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
	return len(m.byID)
}

// Mark gives an instrument's mark.
func (m *Marks) Mark(id market.InstrumentID) (market.Mark, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if mark := m.byID[id]; mark != nil {
		return *mark, true
	}
	return market.Mark{}, false
}

// sequences gives each instrument's own sequence, 0 for none, and the version it is as of.
func (m *Marks) sequences(into []int64, ids []market.InstrumentID) ([]int64, uint64) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, id := range ids {
		var sequence int64
		if mark := m.byID[id]; mark != nil {
			sequence = mark.Sequence
		}
		into = append(into, sequence)
	}
	return into, m.version.Load()
}
