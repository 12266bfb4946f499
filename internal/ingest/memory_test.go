package ingest

import (
	"context"
	"maps"
	"slices"
	"time"

	"folioscope/internal/audit"
	"folioscope/internal/fault"
	"folioscope/internal/market"
)

// What nodes share, as the store's contract says it, in memory.

func (m *memory) Asked(context.Context) (map[market.InstrumentID]Asked, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	all := maps.Clone(m.asked)
	for id, n := range m.holders {
		a := all[id]
		a.Holders = n
		all[id] = a
	}
	return all, m.down
}

func (m *memory) PutTried(_ context.Context, ids []market.InstrumentID, now time.Time) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, id := range ids {
		a := m.asked[id]
		a.Tried = now
		m.asked[id] = a
	}
	return m.down
}

func (m *memory) PutSettled(_ context.Context, ids []market.InstrumentID, at time.Time) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, id := range ids {
		a := m.asked[id]
		a.Settled = at
		m.asked[id] = a
	}
	return m.down
}

func (m *memory) ClaimRefresh(_ context.Context, ids []market.InstrumentID, now, after, latest time.Time) (claimed []market.InstrumentID, err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, id := range ids {
		if a := m.asked[id]; !a.Tried.After(after) || a.Tried.After(latest) {
			a.Tried = now
			m.asked[id] = a
			claimed = append(claimed, id)
		}
	}
	return claimed, m.down
}

func (m *memory) ClaimSlot(_ context.Context, poll string, slot, now, lease, latest time.Time) (bool, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	row, known := m.slots[poll]
	if known && !row.slot.Before(slot) && !row.slot.After(latest) && (!row.slot.Equal(slot) || row.done || row.lease.After(now)) {
		return false, m.down
	}
	m.slots[poll] = slotRow{slot: slot, lease: lease}
	return true, m.down
}

func (m *memory) EndSlot(_ context.Context, poll string, slot time.Time, done bool) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if row := m.slots[poll]; row.slot.Equal(slot) {
		m.slots[poll] = slotRow{slot: slot, done: done}
	}
	return m.down
}

func (m *memory) SpendQuota(_ context.Context, source string, r Ration) (bool, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	used := m.used[source]
	if _, _, spent := r.spent(used); spent {
		return false, m.down
	}
	for n, s := range r {
		count := used[n].In(s)
		if count == 0 {
			used[n].Ends = s.Ends
		}
		used[n].Count = count + s.Cost
	}
	m.used[source] = used
	return true, m.down
}

func (m *memory) QuotasUsed(context.Context) (map[string]Usage, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return maps.Clone(m.used), m.down
}

func (m *memory) SourceStates(context.Context) (map[string]SourceState, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return maps.Clone(m.states), m.down
}

func (m *memory) SourceFailed(_ context.Context, source string, s SourceState) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	known := m.states[source]
	s.Failing, s.WorkedAt, s.Until = true, known.WorkedAt, later(known.Until, s.Until)
	m.states[source] = s
	delete(m.trials, source)
	return m.down
}

func (m *memory) SourceWorked(_ context.Context, source string, now time.Time) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	s := m.states[source]
	s.WorkedAt = now
	s.Failing = s.Failing && s.Until.After(now)
	m.states[source] = s
	delete(m.trials, source)
	return m.down
}

func (m *memory) ClaimTrial(_ context.Context, source string, now, until time.Time) (bool, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.states[source].Until.After(now) || m.trials[source].After(now) {
		return false, m.down
	}
	m.trials[source] = until
	return true, m.down
}

func (m *memory) Refusals(_ context.Context, now time.Time) (all []Refusal, err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, r := range m.refusals {
		if r.Until.After(now) {
			all = append(all, r)
		}
	}
	return all, m.down
}

func (m *memory) PutRefusals(_ context.Context, refusals []Refusal) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, r := range refusals {
		m.refusals = slices.DeleteFunc(m.refusals, func(k Refusal) bool { return k.Source == r.Source && k.Name == r.Name })
	}
	m.refusals = append(m.refusals, refusals...)
	return m.down
}

func (m *memory) PruneRefusals(_ context.Context, before time.Time) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.refusals = slices.DeleteFunc(m.refusals, func(r Refusal) bool { return !r.Until.After(before) })
	return m.down
}

// hold follows what marks say about prices that are held back.
func (m *memory) hold(before, next market.Mark) {
	was, is := before.HeldBack, next.HeldBack
	if was == nil && is == nil || was != nil && is != nil && was.Price.Equal(is.Price) && was.Source == is.Source && was.MarketTime.Equal(is.MarketTime) {
		return
	}
	for n := range m.held {
		if h := &m.held[n]; h.Instrument == next.Instrument && h.State == HeldWaiting {
			if is != nil && is.Source == h.Source && SamePrice(is.Price, h.Price) {
				h.Price, h.ObservedAt, h.MarketTime, h.LastPrice, h.Reason = is.Price, is.ObservedAt, is.MarketTime, next.Price, is.Reason
				return
			}
			h.State, h.DecidedAt = HeldEnded, next.ObservedAt
			if is == nil {
				price := next.Price
				h.DecidedPrice = &price
			}
		}
	}
	if is != nil {
		m.held = append(m.held, Held{
			ID: next.Sequence, Instrument: next.Instrument, Price: is.Price, Currency: next.Currency, Source: is.Source, ObservedAt: is.ObservedAt,
			MarketTime: is.MarketTime, LastPrice: next.Price, Reason: is.Reason, State: HeldWaiting,
		})
	}
}

func (m *memory) Held(_ context.Context, states []HeldState, before int64, limit int) (all []Held, err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, h := range slices.Backward(m.held) {
		if slices.Contains(states, h.State) && (before == 0 || h.ID < before) && len(all) < limit {
			all = append(all, h)
		}
	}
	return all, m.down
}

func (m *memory) HeldByID(_ context.Context, id int64) (Held, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, h := range m.held {
		if h.ID == id {
			return h, m.down
		}
	}
	return Held{}, fault.New(fault.NotFound, "there is no such price")
}

func (m *memory) DecideHeld(ctx context.Context, id int64, state HeldState, mark market.Mark, _ audit.Write) (int64, []market.Mark, error) {
	m.mutex.Lock()
	for n := range m.held {
		if h := &m.held[n]; h.ID == id && h.State == HeldWaiting {
			h.State, h.DecidedAt = state, time.Now()
			if state == HeldAccepted {
				price := mark.Price
				h.DecidedPrice = &price
			}
		}
	}
	m.mutex.Unlock()
	return m.Accept(ctx, []market.Mark{mark})
}

func (m *memory) RefusedSince(_ context.Context, after time.Time) (all []Held, err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, h := range m.held {
		if h.State == HeldRefused && h.DecidedAt.After(after) {
			all = append(all, h)
		}
	}
	return all, m.down
}

func (m *memory) PruneHeld(_ context.Context, before time.Time) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.held = slices.DeleteFunc(m.held, func(h Held) bool { return !h.DecidedAt.IsZero() && h.DecidedAt.Before(before) })
	return m.down
}

func (m *memory) AddTallies(_ context.Context, tallies []Tally) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.down != nil {
		return m.down
	}
	for _, t := range tallies {
		at := slices.IndexFunc(m.tallies, func(o Tally) bool { return o.Source == t.Source && o.Hour.Equal(t.Hour) })
		if at < 0 {
			at = len(m.tallies)
			m.tallies = append(m.tallies, Tally{Source: t.Source, Hour: t.Hour})
		}
		m.tallies[at].add(t)
	}
	return nil
}

func (m *memory) TalliesSince(_ context.Context, since time.Time) ([]Tally, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return slices.DeleteFunc(slices.Clone(m.tallies), func(t Tally) bool { return t.Hour.Before(since) }), m.down
}

func (m *memory) PruneTallies(_ context.Context, before time.Time) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.tallies = slices.DeleteFunc(m.tallies, func(t Tally) bool { return t.Hour.Before(before) })
	return m.down
}
