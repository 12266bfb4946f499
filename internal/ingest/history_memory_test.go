package ingest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"folioscope/internal/market"
)

// histories is the part of memory that keeps how far history is known, with the guards that nodes rely on.
type histories struct {
	rows    map[market.InstrumentID]HistoryState
	leases  map[market.InstrumentID]time.Time
	actions map[market.InstrumentID][]market.Action
	steps   []HistoryState // all that was kept, in order
}

func (m *memory) WantHistory(_ context.Context, from map[market.InstrumentID]market.Date) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.rows == nil {
		m.rows, m.leases, m.actions = map[market.InstrumentID]HistoryState{}, map[market.InstrumentID]time.Time{}, map[market.InstrumentID][]market.Action{}
	}
	for id, day := range from {
		year, month, _ := day.Time().Date()
		day = market.NewDate(year, month, 1)
		h, there := m.rows[id]
		switch {
		case !there:
			m.rows[id] = HistoryState{Instrument: id, WantedFrom: day, State: BackfillWaiting, From: market.NoDate, Until: market.NoDate, ActionsFrom: market.NoDate}
		case h.WantedFrom > day:
			h.WantedFrom, h.State, h.AgainAt = day, BackfillWaiting, time.Time{}
			m.rows[id] = h
		}
	}
	return m.down
}

func (m *memory) Histories(_ context.Context, ids []market.InstrumentID) (map[market.InstrumentID]HistoryState, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	all := map[market.InstrumentID]HistoryState{}
	for id, h := range m.rows {
		if ids == nil || slices.Contains(ids, id) {
			h.Silent = nil
			all[id] = h
		}
	}
	return all, m.down
}

func (m *memory) ClaimHistory(_ context.Context, id market.InstrumentID, now, lease, latest time.Time) (HistoryState, bool, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	h, there := m.rows[id]
	if held := m.leases[id]; !there || held.After(now) && !held.After(latest) {
		return HistoryState{}, false, m.down
	}
	h.State, h.TriedAt = BackfillRunning, now
	m.rows[id], m.leases[id] = h, lease
	h.Silent = slices.Clone(h.Silent)
	return h, true, m.down
}

func (m *memory) PutHistory(_ context.Context, h HistoryState, lease, next time.Time) (bool, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	row := m.rows[h.Instrument]
	if !m.leases[h.Instrument].Equal(lease) || m.down != nil {
		return false, m.down
	}
	if row.WantedFrom < h.WantedFrom {
		h.WantedFrom, h.State, h.AgainAt = row.WantedFrom, BackfillWaiting, time.Time{}
	}
	m.rows[h.Instrument], m.leases[h.Instrument] = h, next
	m.steps = append(m.steps, h)
	return true, nil
}

func (m *memory) PutActions(_ context.Context, id market.InstrumentID, actions []market.Action) (changed, differing int, err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, a := range actions {
		a.Instrument = id
		if err := a.Check(); err != nil {
			return 0, 0, err
		}
		if slices.ContainsFunc(m.actions[id], func(b market.Action) bool { return market.SameAction(&a, &b) }) {
			continue
		}
		m.actions[id] = append(m.actions[id], a)
		changed++
	}
	slices.SortStableFunc(m.actions[id], func(a, b market.Action) int { return cmp.Or(cmp.Compare(a.Date, b.Date), -cmp.Compare(a.Kind, b.Kind)) })
	return changed, 0, m.down
}

func (m *memory) Actions(_ context.Context, ids []market.InstrumentID) (map[market.InstrumentID][]market.Action, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	all := map[market.InstrumentID][]market.Action{}
	for _, id := range ids {
		if len(m.actions[id]) > 0 {
			all[id] = slices.Clone(m.actions[id])
		}
	}
	return all, m.down
}

var _ Histories = (*memory)(nil)
